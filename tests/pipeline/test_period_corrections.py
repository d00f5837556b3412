"""Billing periods that are no UTC months, afterwards: what comes late, what is void, who is not over, and accounts whose members disagree."""
import calendar
import json
import unittest
from datetime import datetime, timedelta, timezone

from harness import Stack

KOLKATA = "name: kolkata\nversion: '1'\ntime_zone: Asia/Kolkata\n"
KATHMANDU = "name: kathmandu\nversion: '1'\ntime_zone: Asia/Kathmandu\nbilling_day: 15\n"


class Corrections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)

    def contract(self, tenant, month, terms, status=0):
        path = self.stack.data / "contract.yaml"
        path.write_text(terms, encoding="utf-8")
        return self.stack.run("contract", "set", "--tenant", tenant, "--from", month, str(path), status=status)

    def load(self, tenant, *times):
        self.stack.run("import", "--format", "ndjson", "-", input="".join(
            json.dumps({"request_id": f"{tenant}-{at}", "tenant": tenant, "function": "f", "memory_mb": 10240, "region": "us-east-1", "started_at": at,
                        "duration_ms": 900000}) + "\n" for at in times))

    def final(self, month, tenant, status=0):
        answer = self.stack.json("rate", "--month", month, "--final", "--no-free-tier", status=status)
        return next(document for document in answer["invoices"] if document["invoice"]["tenant"] == tenant)

    def requests(self, document):
        return [line["quantity"] for line in document["lines"] if line["sku"] == "requests"][0]

    def test_a_late_record_is_an_adjustment_of_the_period_that_holds_its_instant_and_a_void_is_issued_again(self):
        self.stack.run("tenant", "add", "late")
        self.contract("late", "2026-01", KATHMANDU)
        self.load("late", "2026-01-20T00:00:00Z", "2026-02-20T00:00:00Z", "2026-03-20T00:00:00Z")
        january = self.final("2026-01", "late")
        self.assertEqual((january["invoice"]["period_start"], january["invoice"]["period_end"]), ("2026-01-01T00:00:00Z", "2026-02-14T18:15:00Z"))
        self.load("late", "2026-02-14T18:14:59.999999Z", "2026-02-14T18:15:00Z")
        self.assertEqual(self.stack.json("rate", "--month", "2026-01", "--final", "--no-free-tier")["late"],
                         [{"tenant": "late", "number": january["invoice"]["number"], "records": 1}])
        february = self.final("2026-02", "late")
        self.assertEqual((self.requests(february), [(a["month"], a["records"]) for a in february["adjustments"]]), ("2", [("2026-01", "1")]))
        self.load("late", "2026-02-14T18:15:00.000001Z")
        march = self.final("2026-03", "late")
        self.assertEqual((self.requests(march), [(a["month"], a["records"]) for a in march["adjustments"]]), ("1", [("2026-02", "1")]))
        self.stack.run("verify")
        self.assertEqual([row["month"] for row in
                          (self.stack.json("invoice", "show", n["invoice"]["number"])["invoice"] for n in (february, march))], ["2026-02", "2026-03"])

        self.stack.run("invoice", "void", march["invoice"]["number"], "--tenant", "late", "--reason", "wrong address")
        again = self.final("2026-03", "late")
        self.assertNotEqual(again["invoice"]["number"], march["invoice"]["number"])
        for key in ("period_start", "period_end", "month"):
            self.assertEqual(again["invoice"][key], march["invoice"][key])
        self.assertEqual([again[key] for key in ("lines", "total")], [march[key] for key in ("lines", "total")])
        self.stack.run("verify", "--month", "2026-03")
        self.assertIn("final already", self.contract("late", "2026-03", KOLKATA, status=1).stderr)

    def test_an_adjustment_names_the_month_that_is_billed_and_not_the_one_in_which_it_starts_in_utc(self):
        self.stack.run("tenant", "add", "east")
        self.contract("east", "2026-03", KOLKATA)
        self.load("east", "2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z", "2026-05-10T00:00:00Z")
        april = [self.final(month, "east") for month in ("2026-03", "2026-04")][1]["invoice"]
        self.assertEqual(april["period_start"], "2026-03-31T18:30:00Z")
        self.load("east", "2026-04-20T00:00:00Z")
        may = self.final("2026-05", "east")["invoice"]["number"]
        self.assertIn(f"Usage of 2026-04 (invoice {april['number']}", self.stack.run("invoice", "render", may, "--tenant", "east", "--format", "csv").stdout)

    def test_the_dry_run_of_a_backfill_goes_by_the_period_that_holds_an_instant(self):
        self.stack.run("tenant", "add", "back")
        self.contract("back", "2026-01", KATHMANDU)
        self.load("back", "2026-01-20T00:00:00Z", "2026-02-20T00:00:00Z")
        log = self.stack.data / "back.ndjson"
        log.write_text("".join(json.dumps({"request_id": at, "tenant": "back", "function": "f", "memory_mb": 10240, "region": "us-east-1", "started_at": at,
                                           "duration_ms": 900000}) + "\n" for at in ("2026-02-14T18:14:59.999999Z", "2026-02-14T18:15:00Z")),
                       encoding="utf-8")
        before = {m: self.total(m, "back") for m in ("2026-01", "2026-02")}
        answer = self.stack.json("import", "--backfill", "--dry-run", "--format", "ndjson", str(log))
        self.assertEqual([(m["month"], m["new"], m["bills"][0]["as_it_stands"]) for m in answer["months"]],
                         [(m, 1, before[m]) for m in ("2026-01", "2026-02")])
        self.stack.run("import", "--format", "ndjson", str(log))
        self.assertEqual([m["bills"][0]["would_be"] for m in answer["months"]], [self.total(m, "back") for m in ("2026-01", "2026-02")])

    def total(self, month, tenant):
        documents = self.stack.json("rate", "--month", month, "--tenant", tenant)["invoices"]
        return next(d["total"] for d in documents if d["invoice"]["tenant"] == tenant)

    def test_an_account_whose_members_have_different_periods_waits_until_they_agree(self):
        for tenant in ("one", "two"):
            self.stack.run("tenant", "add", tenant, "--account", "pair")
            self.load(tenant, "2026-05-10T00:00:00Z")
        self.assertIn("not one billing period", self.contract("one", "2026-05", KOLKATA).stderr)
        held = self.stack.json("rate", "--month", "2026-05", "--no-free-tier", status=1)
        self.assertEqual([skip["account"] for skip in held["skipped"]], ["pair"])
        self.assertFalse({"one", "two"} & {document["invoice"]["tenant"] for document in held["invoices"]})
        self.assertEqual(self.contract("two", "2026-05", KOLKATA).stderr, "")
        answer = self.stack.json("rate", "--month", "2026-05", "--no-free-tier")
        self.assertEqual({d["invoice"]["period_end"] for d in answer["invoices"] if d["invoice"]["account"] == "pair"}, {"2026-05-31T18:30:00Z"})

    def test_who_is_over_is_billed_and_who_is_not_waits(self):
        """Until noon of a month's last day the month before ends latest at 12:00 of that day; after it this month has ended in the
        earliest zone, and ends in the latest one at noon of the next: no midnight in between changes what is over."""
        now = datetime.now(timezone.utc)
        last = now.replace(day=calendar.monthrange(now.year, now.month)[1], hour=12, minute=0, second=0, microsecond=0)
        early = now < last - timedelta(hours=1)
        month = (now.replace(day=1) - timedelta(days=1) if early else now).strftime("%Y-%m")
        for tenant in ("plain", "clock"):
            self.stack.run("tenant", "add", tenant)
        self.contract("clock", month, "name: clock\nversion: '1'\n" + ("billing_day: 31\ntime_zone: Etc/GMT+12\n" if early else "time_zone: Etc/GMT-14\n"))
        if not early:
            self.contract("plain", month, "name: plain\nversion: '1'\ntime_zone: Etc/GMT+12\n")
        for tenant in ("plain", "clock"):
            self.load(tenant, f"{month}-01T01:00:00Z")
        billed, waits = ("plain", "clock") if early else ("clock", "plain")
        answer = self.stack.json("rate", "--month", month, "--final", "--no-free-tier", status=1)
        self.assertIn(billed, [document["invoice"]["tenant"] for document in answer["invoices"]])
        self.assertNotIn(waits, [document["invoice"]["tenant"] for document in answer["invoices"]])
        self.assertIn("its period is not over", {skip["account"]: skip["message"] for skip in answer["skipped"]}[waits])
        closed = self.stack.json("close", "--month", month, "--no-free-tier", "--no-wait", status=1)
        self.assertIn("its period is not over", {hold["account"]: hold["message"] for hold in closed["not_billed"]}[waits])
        following = (last + timedelta(days=2)).strftime("%Y-%m")
        self.assertIn("is not over", self.stack.run("rate", "--month", following, "--final", status=1).stderr)


if __name__ == "__main__":
    unittest.main()
