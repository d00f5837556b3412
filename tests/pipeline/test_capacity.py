"""Units of a function kept ready: from their records to the bill, to the digit, and back; worked out with fractions beside it."""
import csv
import json
import subprocess
import tempfile
import time
import unittest
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

from harness import MILLIBILL, Stack, environment

# Published for us-east-1: a GB-second of capacity, x86_64 and arm64; time rounded up to five minutes (the book's granularity).
PRICES = {"x86_64": Fraction("0.0000041667"), "arm64": Fraction("0.0000033334")}
STEP_S = 300


def capacity(tenant, request_id, at, units, ready_s, **facts):
    return {"request_id": request_id, "tenant": tenant, "function": "api", "region": "us-east-1", "architecture": "x86_64", "memory_mb": 1536,
            "started_at": at, "capacity_units": units, "ready_s": ready_s, **facts}


def invocation(tenant, request_id, at, **facts):
    return {"request_id": request_id, "tenant": tenant, "function": "api", "region": "us-east-1", "memory_mb": 1536, "started_at": at,
            "duration_ms": 1000, "mode": "provisioned", **facts}


def gb_seconds(record):
    steps = -(-Fraction(str(record["ready_s"])) // STEP_S)
    return record["capacity_units"] * steps * STEP_S * Fraction(record["memory_mb"], 1024)


def records_of(tenant):
    return [capacity(tenant, "c1", "2026-05-04T10:00:00Z", 100, 3600), capacity(tenant, "c2", "2026-05-04T11:00:00Z", 100, "3420"),
            capacity(tenant, "c3", "2026-05-04T12:59:59.5Z", 7, 0.5), capacity(tenant, "c4", "2026-05-31T23:00:00Z", 3, 301),
            capacity(tenant, "c5", "2026-05-05T00:00:00Z", 1000, 3600, function="night", memory_mb=512, architecture="arm64"),
            capacity(tenant, "c6", "2026-05-05T00:00:00Z", 11, 17.000001, function="night", memory_mb=512, architecture="arm64")] + \
           [invocation(tenant, f"i{i}", f"2026-05-04T10:{i:02}:00Z") for i in range(10)]


class CapacityRecords(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "twice", "late", "edge", "live", "finer", "minutes"):
            cls.stack.run("tenant", "add", tenant)

    def load(self, records, status=0):
        return self.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(record) + "\n" for record in records), status=status)

    def rate(self, tenant, *options, month="2026-05"):
        answer = self.stack.json("rate", "--month", month, "--tenant", tenant, "--no-free-tier", *options)
        return next(document for document in answer["invoices"] if document["invoice"]["tenant"] == tenant)

    def lines(self, document, sku="provisioned_capacity"):
        return {line["architecture"]: line for line in document["lines"] if line["sku"] == sku}

    def expect(self, document, records):
        """Capacity lines by the fractions above."""
        used = defaultdict(Fraction)
        for record in records:
            if "capacity_units" in record:
                used[record["architecture"]] += gb_seconds(record)
        lines = self.lines(document)
        self.assertEqual({a: Fraction(line["quantity"]) for a, line in lines.items()}, used)
        self.assertEqual({a: Fraction(line["amount_exact"]) for a, line in lines.items()}, {a: used[a] * PRICES[a] for a in used})

    def test_a_month_is_billed_as_its_rows_are_quoted_and_explained_to_the_record(self):
        records = records_of("acme")
        self.load(records)
        draft = self.rate("acme", "--preview")
        self.expect(draft, records)
        self.assertEqual(Fraction(self.lines(draft)["arm64"]["quantity"]), 1000 * 3600 // 2 + 11 * 300 // 2)
        rows = [{k: v for k, v in r.items() if k != "request_id"} | ({} if "capacity_units" in r else {"invocations": 1}) for r in records]
        quote = json.loads(subprocess.run([MILLIBILL, "quote", "--usage", "-", "--month", "2026-05", "--no-free-tier", "--json"], input=json.dumps(rows),
                                          capture_output=True, text=True, check=True, env=environment()).stdout)
        for key in ("quantity", "amount", "amount_exact", "unit_price", "tier"):
            self.assertEqual([line[key] for line in draft["lines"]], [line[key] for line in quote["lines"]], key)
        self.assertEqual(draft["functions"], quote["functions"])
        self.assertEqual({f["function"]: (str(f["invocations"]), Fraction(f["capacity_gb_seconds"])) for f in draft["functions"]},
                         {"night": ("0", Fraction(self.lines(draft)["arm64"]["quantity"])), "api": ("10", Fraction(self.lines(draft)["x86_64"]["quantity"]))})

        final = self.rate("acme", "--final")
        self.assertEqual([final["lines"], final["total"]], [draft["lines"], draft["total"]])
        number = final["invoice"]["number"]
        place = str(1 + final["lines"].index(self.lines(final)["x86_64"]))
        functions = self.stack.json("explain", number, place)
        self.assertEqual([(f["function"], f["capacity_records"]) for f in functions["functions"]], [("api", "4")])
        hours = self.stack.json("explain", number, place, "--function", "api")["hours"]
        self.assertEqual({(h["hour"], h["capacity_records"], h["rollup_capacity_records"]) for h in hours},
                         {(f"2026-05-{h}:00:00Z", "1", "1") for h in ("04T10", "04T11", "04T12", "31T23")})
        hour = self.stack.json("explain", number, place, "--function", "api", "--hour", "2026-05-04T11")
        self.assertEqual([(r["request_id"], r["capacity_units"], r["ready_s"], r["billed_s"], r["formula"], r["quantity"]) for r in hour["invocations"]],
                         [("c2", 100, "3420", 3600, "360000 × 1536 ÷ 1024", "540000")])
        text = self.stack.run("explain", number, place, "--function", "api", "--hour", "2026-05-04T11").stdout
        self.assertIn("3420 s, up to a multiple of 300: 3600 s; × 100 units; 360000 × 1536 ÷ 1024 = 540000 GB-second", text)
        requests = str(1 + final["lines"].index(next(line for line in final["lines"] if line["sku"] == "requests" and line["architecture"] == "x86_64")))
        hour = self.stack.json("explain", number, requests, "--function", "api", "--hour", "2026-05-04T10")
        self.assertEqual((hour["invocation_count"], hour["quantity"]), (10, "10"))

        record = self.stack.json("explain", "--record", "c2", "--tenant", "acme")["records"][0]
        self.assertEqual((record["fate"], record["record"]["capacity_units"], record["record"]["ready_s"]), ("billed", 100, 3420))
        self.assertIn("100 units kept ready for 3420 s", self.stack.run("explain", "--record", "c2", "--tenant", "acme").stdout)

        self.stack.run("verify", "--month", "2026-05", "--tenant", "acme")
        self.load([capacity("acme", "later", "2026-05-06T00:00:00Z", 5, 60)])  # which a document made again knows nothing of
        self.assertTrue(self.stack.json("invoice", "remake", number)["same"])
        self.stack.run("reverse", "--tenant", "acme", "--reason", "not ours", "-",
                       input=json.dumps(capacity("acme", "later", "2026-05-06T00:00:00Z", 5, 60)) + "\n")
        self.stack.run("verify", "--month", "2026-05", "--tenant", "acme")
        [what_if] = [row for row in self.stack.json("rate", "--what-if", "--month", "2026-05", "--tenant", "acme", "--no-free-tier")["tenants"]
                     if row["tenant"] == "acme"]
        self.assertEqual(Fraction(what_if["difference"]), 0, what_if)
        self.views("acme", final)
        self.reconciled("acme", records)

    def views(self, tenant, final):
        usage = self.stack.query(f"SELECT sum(invocations), sum(capacity_records) FROM usage_hourly WHERE tenant = '{tenant}'")
        self.assertEqual(usage, [["10", "6"]])
        cost = self.stack.query(f"SELECT function, sum(cost) FROM cost_hourly WHERE tenant = '{tenant}' AND sku = 'provisioned_capacity' GROUP BY 1 ORDER BY 1")
        lines = self.lines(final)
        self.assertEqual([(f, Fraction(c)) for f, c in cost],
                         [("api", Fraction(lines["x86_64"]["amount_exact"])), ("night", Fraction(lines["arm64"]["amount_exact"]))])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "focus.csv"
            self.stack.json("export", "focus", "--month", "2026-05", "--tenant", tenant, "--output", str(path))
            rows = [row for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if row["SkuId"] == "provisioned_capacity"]
        self.assertEqual([(row["ResourceName"], Fraction(row["ConsumedQuantity"])) for row in rows],
                         [("api", Fraction(lines["x86_64"]["quantity"])), ("night", Fraction(lines["arm64"]["quantity"]))])
        by_function = self.stack.json("usage", "--month", "2026-05", "--tenant", tenant, "--by", "function")
        self.assertEqual({row["function"]: row["invocations"] for row in by_function["rows"]}, {"api": 10, "night": 0})
        savings = self.stack.json("savings", "--month", "2026-05", "--tenant", tenant)
        self.assertEqual(savings["concurrency"]["peak"], 1)

    def reconciled(self, tenant, records):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "own.ndjson"
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
            self.stack.run("reconcile", "--month", "2026-05", "--tenant", tenant, path)
            records[0]["capacity_units"] = 99
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
            answer = self.stack.json("reconcile", "--month", "2026-05", "--tenant", tenant, path, status=3)
        row = next(row for row in answer["rows"] if row["status"] == "differs")
        self.assertEqual((row["request_id"], row["differs"]), ("c1", ["capacity_units"]))
        self.assertEqual(Fraction(row["worth_exact"]), -3600 * Fraction(3, 2) * PRICES["x86_64"])

    def test_a_file_imported_twice_and_the_records_again_count_once_and_a_reversal_takes_one_out(self):
        records = records_of("twice")
        self.load(records)
        self.load(records)
        self.stack.run("import", "--format", "ndjson", "-", input="\n" + "".join(json.dumps(r) + "\n" for r in reversed(records)))
        self.expect(self.rate("twice"), records)
        self.stack.run("reverse", "--tenant", "twice", "--reason", "never ready", "-", input=json.dumps(records[0]) + "\n")
        self.expect(self.rate("twice"), records[1:])
        self.assertEqual(self.stack.query("SELECT sum(capacity_records) FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'twice'"), [["5"]])
        self.assertEqual(self.stack.json("explain", "--record", "c1", "--tenant", "twice")["records"][0]["fate"], "reversed")
        self.stack.run("verify", "--month", "2026-05", "--tenant", "twice")

    def test_late_capacity_is_an_adjustment_and_a_reversed_one_a_credit_note(self):
        first, second = capacity("late", "l1", "2026-05-10T10:00:00Z", 1000, 3600), capacity("late", "l2", "2026-05-10T11:00:00Z", 500, 3600)
        self.load([first])
        self.rate("late", "--final")
        self.load([second, capacity("late", "l3", "2026-06-10T11:00:00Z", 1, 3600)])
        june = self.rate("late", "--final", month="2026-06")
        [adjustment] = june["adjustments"]
        self.assertEqual((adjustment["period_start"], adjustment["records"]), ("2026-05-01T00:00:00Z", "1"))
        self.assertEqual({line["sku"]: (Fraction(line["billed_quantity"]), Fraction(line["amount_exact"])) for line in adjustment["lines"]},
                         {"provisioned_capacity": (gb_seconds(second), gb_seconds(second) * PRICES["x86_64"])})
        self.stack.run("reverse", "--tenant", "late", "--reason", "never ready", "-", input=json.dumps(first) + "\n")
        notes = self.stack.json("rate", "--month", "2026-07", "--tenant", "late", "--no-free-tier", "--final")["credit_notes"]
        self.assertEqual([Fraction(note["total"]) for note in notes], [-Fraction(round(gb_seconds(first) * PRICES["x86_64"] * 100), 100)])
        self.stack.run("verify", "--tenant", "late")

    def test_a_period_that_starts_within_an_hour_is_rated_from_the_records(self):
        inside = [capacity("edge", "e1", "2026-04-30T18:30:00Z", 10, 1800), capacity("edge", "e2", "2026-05-31T18:00:00Z", 10, 1800)]
        outside = [capacity("edge", "e3", "2026-04-30T18:00:00Z", 10, 1800), capacity("edge", "e4", "2026-05-31T18:30:00Z", 10, 1800)]
        path = self.stack.data / "contract.yaml"
        path.write_text("name: kolkata\nversion: '1'\ntime_zone: Asia/Kolkata\n", encoding="utf-8")
        self.stack.run("contract", "set", "--tenant", "edge", "--from", "2026-04", str(path))
        self.load(inside + outside)
        self.expect(self.rate("edge", "--final"), inside)
        self.stack.run("verify", "--month", "2026-05", "--tenant", "edge")
    def test_a_book_of_another_granularity_is_rated_from_the_records(self):
        book = self.stack.data / "minutes.yaml"
        book.write_text("name: minutes\nversion: v1\ncurrency: EUR\nrounding: {mode: half_up, each: line}\nduration: {granularity_ms: 1}\n"
                        "capacity: {granularity_s: 60}\nmeters:\n- {sku: kept_ready, description: Kept ready, unit: GB-second, measure: capacity_gb_seconds, "
                        "prices: [{model: per_unit, unit_price: 0.001}]}\n- {sku: requests, description: Requests, unit: request, measure: invocations, "
                        "prices: [{model: per_unit, unit_price: 1}]}\n", encoding="utf-8")
        self.stack.run("price-book", "add", str(book), "--from", "2026-01-01")
        terms = self.stack.data / "contract.yaml"
        terms.write_text("name: minutes\nversion: '1'\nprice_book: minutes\n", encoding="utf-8")
        self.stack.run("contract", "set", "--tenant", "minutes", "--from", "2026-05", str(terms))
        for i in range(4):
            self.load([capacity("minutes", f"m{i}", "2026-05-20T10:00:00Z", 3, 61), invocation("minutes", f"mi{i}", "2026-05-20T10:00:00Z")])
        used = 4 * 3 * 120 * Fraction(3, 2)
        document = self.rate("minutes")
        self.assertEqual({line["sku"]: (Fraction(line["quantity"]), Fraction(line["amount_exact"])) for line in document["lines"]},
                         {"kept_ready": (used, used / 1000), "requests": (4, 4)})
        final = self.rate("minutes", "--final")
        self.assertEqual(final["lines"], document["lines"])
        self.stack.run("verify", "--month", "2026-05", "--tenant", "minutes")
        place = str(1 + [line["sku"] for line in final["lines"]].index("kept_ready"))
        hour = self.stack.json("explain", final["invoice"]["number"], place, "--function", "api", "--hour", "2026-05-20T10")
        self.assertEqual([(r["billed_s"], r["formula"], r["quantity"]) for r in hour["invocations"]], [(120, "360 × 1536 ÷ 1024", "540")] * 4)

    def test_live_records_come_through_the_socket(self):
        hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        record = capacity("live", "s1", hour.strftime("%Y-%m-%dT%H:%M:%SZ"), 2, 3600)
        del record["request_id"]
        self.stack.run("emit", input=json.dumps(record) + "\n")
        deadline = time.monotonic() + 60
        sums = "SELECT capacity_records, capacity_1s, capacity_300s, invocations FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'live'"
        while self.stack.query(sums) == [] and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(self.stack.query(sums), [["1", "7200", "7200", "0"]])

    def test_what_is_no_capacity_is_kept_in_quarantine_with_what_to_do(self):
        good = capacity("finer", "g", "2026-05-04T10:30:00Z", 1, 60)
        bad = {"over": ({"ready_s": 1800.000001}, "split capacity there"), "none": ({"ready_s": 0}, "no time"), "zero": ({"capacity_units": 0}, "1 to 1000000000"),
               "many": ({"capacity_units": 1000000001}, "1 to 1000000000"), "both": ({"duration_ms": 5}, "given twice"), "cpu": ({"cpu_ms": 1}, "invocation"),
               "half": ({"capacity_units": 1.5}, "whole number"), "status": ({"status": "error"}, "invocation")}
        self.load([good] + [{**good, "request_id": name, **change} for name, (change, _) in bad.items()] +
                  [{k: v for k, v in good.items() if k != "ready_s"} | {"request_id": "short"},
                   {k: v for k, v in good.items() if k != "capacity_units"} | {"request_id": "units"}])
        kept = {row[0]: row[1] for row in self.stack.query(
            "SELECT convert_from(payload, 'UTF8')::json ->> 'request_id', field || ' ' || message FROM quarantine WHERE format = 'ndjson'")}
        for name, (_, words) in bad.items():
            self.assertIn(words, kept[name], name)
        self.assertIn("ready_s is missing", kept["short"])
        self.assertIn("capacity_units is missing", kept["units"])
        self.assertEqual(len(kept), len(bad) + 2)


if __name__ == "__main__":
    unittest.main()
