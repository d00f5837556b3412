"""Billing periods by a contract's time zone and billing day: billed, sealed, verified, explained, corrected, each from its first instant to its end."""
import json
import sys
import unittest
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from harness import SUPERUSER, Stack

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from book_oracle import Options, rate as oracle_rate  # noqa: E402
from exact import read_json, read_yaml  # noqa: E402
from period_oracle import microseconds, regular_start  # noqa: E402

UTC = ("UTC", 1)
# Which clock and day hold for a tenant from which month on; before, UTC months.
TENANTS = {
    "kolkata": [("2026-06", ("Asia/Kolkata", 1))],
    "kathmandu": [("2026-06", ("Asia/Kathmandu", 15))],
    "lord": [("2026-06", ("Australia/Lord_Howe", 31))],
    "berlin": [("2026-06", ("Europe/Berlin", 1)), ("2026-09", ("Europe/Berlin", 15)), ("2026-10", ("Asia/Kolkata", 1))],
    "honolulu": [("2026-06", ("Pacific/Honolulu", 31))],
    "left": [("2026-06", ("Asia/Kolkata", 1))],
    "right": [("2026-06", ("Asia/Kolkata", 1))],
    "plain": [],
}
ACCOUNTS = {"left": "both", "right": "both"}
MONTHS = ["2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]
TICK = timedelta(microseconds=1)


def month_after(month, more=1):
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + more
    return f"{number // 12:04}-{number % 12 + 1:02}"


def terms(tenant, month):
    return next((clock for first, clock in reversed(TENANTS[tenant]) if first <= month), UTC)


def start_of(tenant, month):
    """The regular start under the contract of the month before."""
    zone, day = terms(tenant, month_after(month, -1))
    return regular_start(int(month[:4]), int(month[5:]), day, zone)


def period(tenant, month):
    return start_of(tenant, month), start_of(tenant, month_after(month))


def text(instant):
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def parsed(time):
    return time.replace(".000000Z", "Z")


class Periods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.records = []
        for tenant, contracts in TENANTS.items():
            cls.stack.run("tenant", "add", tenant, *(["--account", ACCOUNTS[tenant]] if tenant in ACCOUNTS else []))
            for month, (zone, day) in contracts:
                cls.contract(tenant, month, f"name: {tenant}\nversion: '1'\ntime_zone: {zone}\nbilling_day: {day}\n")
        for number, (tenant, month) in enumerate((t, m) for t in TENANTS for m in MONTHS):
            start, end = period(tenant, month)
            hour = start.replace(minute=0, second=0)
            for place, at in enumerate((start, start + TICK, start + timedelta(minutes=50), start + (end - start) / 2, end - timedelta(minutes=50), end - TICK,
                                        hour, end.replace(minute=0, second=0))):
                cls.add(tenant, f"{month}-{place}", at, 1000 * (1 + place) + number)
        cls.load(cls.records)
        cls.book = read_yaml((ROOT / "rater" / "books" / "aws-lambda.yaml").read_text(encoding="utf-8"))
        cls.previews = {m: cls.documents("rate", "--month", m) for m in MONTHS}
        cls.finals = {m: cls.documents("rate", "--month", m, "--final") for m in MONTHS[:3]}

    @classmethod
    def add(cls, tenant, request_id, at, duration_ms):
        """Durations of hours and memory of GBs would pass the free tier; these are told apart by their milliseconds."""
        cls.records.append({"request_id": request_id, "tenant": tenant, "function": "f", "memory_mb": 10240, "region": "us-east-1",
                            "started_at": text(at), "duration_ms": 60000 * 14 + duration_ms})

    @classmethod
    def load(cls, records):
        path = cls.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(path))

    @classmethod
    def contract(cls, tenant, month, terms_text, status=0):
        path = cls.stack.data / "contract.yaml"
        path.write_text(terms_text, encoding="utf-8")
        return cls.stack.run("contract", "set", "--tenant", tenant, "--from", month, str(path), status=status)

    @classmethod
    def documents(cls, *command):
        answer = cls.stack.json(*command, "--no-free-tier")
        assert answer["skipped"] == [], answer["skipped"]
        return {document["invoice"]["tenant"]: document for document in answer["invoices"]}

    def rated(self, account, month, free_tier=False):
        """The account's bill by the oracle: records of each member within its own period, in exact fractions."""
        members = [tenant for tenant in TENANTS if ACCOUNTS.get(tenant, tenant) == account]
        start, end = period(members[0], month)
        rows = [{"tenant": r["tenant"], "function": "f", "region": "us-east-1", "memory_mb": r["memory_mb"], "invocations": 1, "duration_ms": r["duration_ms"],
                 "started_at": r["started_at"]}
                for r in self.records if r["tenant"] in members and text(start) <= r["started_at"] < text(end)]
        return oracle_rate(self.book, read_json(json.dumps(rows)), Options(microseconds(start), microseconds(end), free_tier)).lines

    def check(self, documents, month):
        self.assertEqual(sorted(documents), sorted(TENANTS))
        for tenant, document in documents.items():
            start, end = period(tenant, month)
            self.assertEqual((document["invoice"]["period_start"], document["invoice"]["period_end"]), (parsed(text(start)), parsed(text(end))), tenant)
            self.assertEqual(document["invoice"].get("month", month), month)
            expected = [(line["sku"], line["quantity"], line["amount_exact"], line["amount"])
                        for line in self.rated(ACCOUNTS.get(tenant, tenant), month) if line["tenant"] == tenant]
            found = [(line["sku"], *(Fraction(line[key]) for key in ("quantity", "amount_exact", "amount"))) for line in document["lines"]]
            self.assertEqual(found, expected, (tenant, month))

    def test_previews_and_finals_have_the_records_of_their_periods_as_the_oracle_says(self):
        for month in MONTHS:
            self.check(self.previews[month], month)
        for month in MONTHS[:3]:
            self.check(self.finals[month], month)

    def test_every_record_is_billed_once(self):
        """Requests of all months of a tenant, what lies before June and after October apart."""
        for tenant in TENANTS:
            start, end = start_of(tenant, MONTHS[0]), start_of(tenant, "2026-11")
            billed = sum(int(line["quantity"].split(".")[0]) for month in MONTHS for line in self.previews[month][tenant]["lines"] if line["sku"] == "requests")
            inside = sum(1 for r in self.records if r["tenant"] == tenant and text(start) <= r["started_at"] < text(end))
            self.assertEqual(billed, inside, tenant)
            self.assertGreater(inside, 30)

    def test_periods_that_are_no_utc_months_name_their_month_and_every_root_they_rest_on(self):
        document = self.finals["2026-07"]["kathmandu"]
        self.assertEqual(document["invoice"]["month"], "2026-07")
        self.assertEqual([root["month"] for root in document["evidence"]["earlier"]] + [document["evidence"]["month"]], ["2026-07", "2026-08"])
        self.assertNotIn("month", self.finals["2026-07"]["plain"]["invoice"])
        self.assertNotIn("earlier", self.finals["2026-07"]["plain"]["evidence"])

    def test_verify_derives_every_invoice_again(self):
        for scope in ([], ["--month", "2026-06"], ["--month", "2026-07"]):
            self.stack.run("verify", *scope)

    def test_verify_sees_a_period_that_the_contracts_do_not_give(self):
        move = "UPDATE {} SET period_end = period_end {} interval '1 hour' WHERE {}"
        where = "invoice_id = (SELECT max(invoice_id) FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'lord' AND state = 'final')"
        self.stack.query(move.format("invoices", "+", where), role=SUPERUSER)
        self.addCleanup(self.stack.query, move.format("invoices", "-", where), role=SUPERUSER)
        self.assertIn("billing period by the contracts in force", self.stack.run("verify", "--tenant", "lord", status=3).stdout)

    def test_a_line_is_explained_down_to_the_records_of_an_edge_hour(self):
        document = self.finals["2026-07"]["kolkata"]
        number = document["invoice"]["number"]
        line = 1 + [line["sku"] for line in document["lines"]].index("requests")
        hours = {entry["hour"]: entry for entry in self.stack.json("explain", number, str(line), "--tenant", "kolkata", "--function", "f", "--all")["hours"]}
        start, end = period("kolkata", "2026-07")
        inside = [r for r in self.records if r["tenant"] == "kolkata" and text(start) <= r["started_at"] < text(end)]
        for hour, entry in hours.items():
            self.assertEqual(int(entry["invocations"]), sum(r["started_at"][:13] == hour[:13] for r in inside), hour)
        first, last = hours["2026-06-30T18:00:00Z"], hours["2026-07-31T18:00:00Z"]
        self.assertEqual((first["from"], last["until"]), ("2026-06-30T18:30:00Z", "2026-07-31T18:30:00Z"))
        self.assertIsNone(first["rollup_invocations"])
        shown = self.stack.json("explain", number, str(line), "--tenant", "kolkata", "--function", "f", "--hour", "2026-06-30T18")["invocations"]
        self.assertEqual([entry["started_at"] for entry in shown], ["2026-06-30T18:30:00Z", "2026-06-30T18:30:00.000001Z"])
        self.assertIn("starts in the midst of this hour, 2026-06-30T18:30:00Z", self.stack.run("explain", number, str(line), "--tenant", "kolkata", "--function", "f", "--all").stdout)

    def test_a_record_is_on_the_bill_of_the_period_that_holds_its_instant(self):
        for tenant in ("kolkata", "lord", "kathmandu"):
            for request_id, month in (("2026-07-0", "2026-07"), ("2026-07-5", "2026-07"), ("2026-08-0", "2026-08"), ("2026-06-5", "2026-06")):
                answer = json.dumps(self.stack.json("explain", "--record", request_id, "--tenant", tenant))
                self.assertIn(self.finals[month][tenant]["invoice"]["number"], answer, (tenant, request_id))

    def test_a_log_is_reconciled_with_the_bill_of_its_period(self):
        path = self.stack.data / "log.ndjson"
        start, end = period("kathmandu", "2026-07")
        path.write_text("".join(json.dumps(r) + "\n" for r in self.records if r["tenant"] == "kathmandu"), encoding="utf-8")
        answer = self.stack.json("reconcile", "--month", "2026-07", "--tenant", "kathmandu", str(path))
        inside = sum(1 for r in self.records if r["tenant"] == "kathmandu" and text(start) <= r["started_at"] < text(end))
        self.assertEqual(answer["tenants"][0]["counts"]["matched"], inside)

    def test_what_if_bills_the_same_periods(self):
        answer = self.stack.json("rate", "--what-if", "--month", "2026-07", "--no-free-tier")
        for row in answer["tenants"]:
            self.assertEqual(Fraction(row["difference"]), 0, row)

    def test_the_database_refuses_a_second_final_document_of_an_instant(self):
        """A document for another month whose period overlaps one that is final."""
        write = ("BEGIN; INSERT INTO rating_runs (kind, period_month, period_start, period_end, receipt_watermark, price_book_sha256, free_tier, document_version) "
                 "SELECT 'final', '2026-05-01', '2026-05-20Z', '2026-06-01T00:00:01Z', receipt_watermark, price_book_sha256, free_tier, 2 FROM rating_runs "
                 "WHERE kind = 'final' LIMIT 1; SELECT invoice_write(i.tenant_id, (SELECT max(run_id) FROM rating_runs), jsonb_set(jsonb_set(jsonb_set(document::jsonb, "
                 "'{invoice,period_start}', '\"2026-05-20T00:00:00Z\"'), '{invoice,period_end}', '\"2026-06-01T00:00:01Z\"'), '{invoice,month}', '\"2026-05\"')::text) "
                 "FROM invoices i JOIN tenants USING (tenant_id) WHERE name = 'kolkata' AND period_month = '2026-06-01'; ROLLBACK")
        self.assertIn("overlaps", self.stack._psql(write, "millibill_rater").stderr)


if __name__ == "__main__":
    unittest.main()
