"""`import --backfill --dry-run` says what an import would change, before anything is changed; what it says is what happens."""
import json
import unittest
from fractions import Fraction

from harness import StackCase


def record(request_id, started="2026-03-10T12:00:00Z", duration_ms="600000", memory_mb=10240, **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": memory_mb, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


def records(prefix, count, started="2026-03-10T12:00:00Z", **more):
    return "".join(record(f"{prefix}{number}", started, **more) for number in range(count))


class Backfill(StackCase):
    def load(self, tenant, text, *options):
        return self.stack.json("import", "--tenant", tenant, "--format", "ndjson", *options, self.file(text))

    def dry_run(self, text, *options, status=0):
        return self.stack.json("import", "--backfill", "--dry-run", "--format", "ndjson", *options, self.file(text), status=status)

    def counts(self, month):
        return {key: month[key] for key in ("new", "known", "reversed", "conflicts", "repeated_in_files")}

    def rows_of_everything(self):
        tables = ("segments", "rollups", "exclusions", "quarantine", "ledger", "commits", "invoices", "tenants", "rating_runs")
        return [self.stack.number(f"SELECT count(*) FROM {table}") for table in tables]

    def total(self, tenant, month):
        [document] = self.stack.json("rate", "--month", month, "--tenant", tenant, "--dry-run")["invoices"]
        return Fraction(document["total"])

    def test_figures_of_a_dry_run_are_what_happens(self):
        self.load("real", records("old", 90) + record("gone") + records("april", 5, "2026-04-02T00:00:00Z"))
        self.stack.run("reverse", "--tenant", "real", "--record", "gone", "--reason", "test")
        text = (records("old", 3) + record("gone") + record("old5", memory_mb=1024) + records("new", 40) + record("new1") +
                records("late", 7, "2026-04-30T23:59:59.999Z") + records("first", 2, "2026-05-01T00:00:00Z") + "{broken\n")
        before, stands = self.rows_of_everything(), {month: self.total("real", month) for month in ("2026-03", "2026-04")}
        answer = self.dry_run(text, "--tenant", "real")
        self.assertEqual(self.rows_of_everything(), before)
        self.assertEqual(answer["unreadable"], 1)
        march, april, may = answer["months"]
        self.assertEqual([month["month"] for month in answer["months"]], ["2026-03", "2026-04", "2026-05"])
        self.assertEqual(self.counts(march), {"new": 40, "known": 4, "reversed": 1, "conflicts": 1, "repeated_in_files": 1})
        self.assertEqual((april["new"], may["new"]), (7, 2))
        self.assertEqual(march["gb_seconds"], "240000.000")
        for month in (march, april):
            [bill] = month["bills"]
            self.assertEqual((Fraction(bill["as_it_stands"]), bill["leads_to"]), (stands[month["month"]], "draft" if month is march else bill["leads_to"]))
        done = self.load("real", text, "--backfill")
        self.assertEqual((done["accepted"], done["known"], done["conflicts"], done["quarantined"]), (49, 5, 1, 1))
        for month in answer["months"]:
            [bill] = month["bills"]
            self.assertEqual(Fraction(bill["would_be"]), self.total("real", month["month"]), month)
            self.assertEqual(Fraction(bill["difference"]), Fraction(bill["would_be"]) - Fraction(bill["as_it_stands"]))
        self.assertGreater(Fraction(march["bills"][0]["difference"]), 0)

    def test_a_final_month_says_what_was_billed_and_what_it_leads_to(self):
        self.load("final", records("old", 90, "2026-02-10T00:00:00Z"))
        self.stack.run("rate", "--month", "2026-02", "--tenant", "final", "--final")
        [invoice] = self.stack.json("invoice", "list", "--tenant", "final")
        [month] = self.dry_run(records("more", 50, "2026-02-28T23:00:00Z"), "--tenant", "final")["months"]
        [bill] = month["bills"]
        self.assertEqual((bill["final_invoice"], bill["billed"], bill["leads_to"]), (invoice["number"], bill["as_it_stands"], "adjustment"))
        self.assertGreater(Fraction(bill["difference"]), 0)
        text = self.stack.run("import", "--backfill", "--dry-run", "--tenant", "final",
                              self.file(records("more", 50, "2026-02-28T23:00:00Z"))).stdout
        self.assertIn(f"final as {invoice['number']}", text)
        self.assertIn("Nothing was changed.", text)

    def test_the_contract_says_how_far_back_late_usage_is_billed(self):
        for months, leads_to in (("1", "adjustment"), ("0", "written_off")):
            tenant = f"policy{months}"
            self.load(tenant, records("old", 90, "2026-01-10T00:00:00Z"))
            self.stack.run("rate", "--month", "2026-01", "--tenant", tenant, "--final")
            path = self.file(f"name: late\nversion: '1'\nlate_usage: {{months: {months}}}\n", "yaml")
            self.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-02", path)
            [month] = self.dry_run(records("more", 50, "2026-01-28T23:00:00Z"), "--tenant", tenant)["months"]
            self.assertEqual(month["bills"][0]["leads_to"], leads_to)

    def test_another_tenant_of_the_account_whose_bill_it_touches_is_named(self):
        self.stack.run("tenant", "add", "one", "--account", "family")
        self.stack.run("tenant", "add", "two", "--account", "family")
        self.load("one", records("o", 60))
        self.load("two", records("t", 60))
        text = records("n", 60)
        [month] = self.dry_run(text, "--tenant", "one")["months"]
        bills = {bill["tenant"]: bill for bill in month["bills"]}
        self.assertEqual(set(bills), {"one", "two"})
        self.load("one", text)
        for tenant, bill in bills.items():
            self.assertEqual(Fraction(bill["would_be"]), self.total(tenant, "2026-03"))

    def test_a_contract_is_applied(self):
        path = self.file("name: deal\nversion: '1'\ndiscounts: [{name: half, percent: 50}]\ncredits: [{name: gift, amount: 3}]\ntax: {rates: [{name: vat, percent: 19, jurisdiction: X}]}\n", "yaml")
        self.stack.run("tenant", "add", "deal")
        self.stack.run("contract", "set", "--tenant", "deal", "--from", "2026-03", path)
        self.load("deal", records("d", 90))
        text = records("e", 30)
        [month] = self.dry_run(text, "--tenant", "deal")["months"]
        self.load("deal", text)
        self.assertEqual(Fraction(month["bills"][0]["would_be"]), self.total("deal", "2026-03"))

    def test_a_book_that_counts_what_hourly_sums_do_not_hold(self):
        book = ("--price-book", "google-cloud-functions")
        self.load("evidence", records("a", 40, region="us-central1", duration_ms="1234567.8"))
        text = records("b", 30, region="us-central1", duration_ms="7654321.9") + records("a", 2, region="us-central1", duration_ms="1234567.8")
        [month] = self.dry_run(text, "--tenant", "evidence", *book)["months"]
        self.assertEqual((month["new"], month["known"]), (30, 2))
        self.load("evidence", text)
        [document] = self.stack.json("rate", "--month", "2026-03", "--tenant", "evidence", "--dry-run", *book)["invoices"]
        self.assertEqual(Fraction(month["bills"][0]["would_be"]), Fraction(document["total"]))
        self.assertGreater(Fraction(month["bills"][0]["difference"]), 0)

    def test_books_are_those_of_the_billing_period(self):
        """From the 15th on: a book from the 5th of the UTC month lies before the period, one from the 5th of the next lies in it."""
        book = ("name: dated\nversion: '%s'\ncurrency: USD\nrounding: {mode: half_up, each: line}\nduration: {granularity_ms: 1}\n"
                "meters: [{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: %s}]}]\n")
        for version, price, start in (("1", 1, "2026-01-01"), ("2", 10, "2026-03-05"), ("3", 100, "2026-04-05")):
            self.stack.run("price-book", "add", self.file(book % (version, price), "yaml"), "--from", start)
        self.stack.run("tenant", "add", "dated")
        contract = "name: dated\nversion: '1'\nprice_book: dated\nbilling_day: 15\n"
        self.stack.run("contract", "set", "--tenant", "dated", "--from", "2026-02", self.file(contract, "yaml"))
        self.load("dated", record("there", "2026-03-20T00:00:00Z"))
        text = record("before", "2026-03-31T00:00:00Z") + record("after", "2026-04-10T00:00:00Z")
        [month] = self.dry_run(text, "--tenant", "dated")["months"]
        [bill] = month["bills"]
        self.assertEqual((month["month"], Fraction(bill["as_it_stands"]), Fraction(bill["would_be"])), ("2026-03", 10, 120))
        self.load("dated", text)
        self.assertEqual(self.total("dated", "2026-03"), 120)

    def test_a_tenant_that_nobody_knows_is_said_to_be_new(self):
        [month] = self.dry_run(records("n", 3), "--tenant", "stranger")["months"]
        self.assertEqual((month["new"], month["new_tenant"]), (3, True))
        self.assertEqual(self.stack.number("SELECT count(*) FROM tenants WHERE name = 'stranger'"), 0)

    def test_a_dry_run_goes_with_backfill(self):
        for words in (("--dry-run",), ("--dry-run", "--backfill", "--format", "nonsense")):
            self.stack.run("import", *words, "--tenant", "x", self.file(record("a")), status=2)
        self.assertIn("--dry-run", self.stack.run("import", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
