"""What explain, reconcile and verify say once an invoice was taken back, corrected, or came too early for a record."""
import json
import unittest
from fractions import Fraction as F

from harness import StackCase

LATE = """name: strict
version: "1"
late_usage: {months: 0}
"""
PREPAID = """name: prepaid
version: "1"
price_book: plain
late_usage: {months: 0}
prepaid: [{name: bundle, sku: requests, units: 100, every: term, from: 2026-01-01, until: 2027-01-01}]
"""
PLAIN = """name: plain
version: "1"
currency: USD
rounding: {mode: half_up, each: line}
duration: {granularity_ms: 1}
meters: [{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: 1}]}]
"""

SHARED = """name: shared
version: "1"
currency: USD
rounding: {mode: half_up, each: invoice}
duration: {granularity_ms: 1}
meters: [{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: 1}]}]
free_tiers: [{name: free, quantity: 10, skus: [requests], allocation: proportional}]
"""
COMMITTED = """name: committed
version: "1"
price_book: shared
commitments: [{name: year, minimum: 100, every: term, from: 2026-05-01, until: 2026-07-01}]
tax: {rates: [{name: vat, percent: 8.875}]}
"""


def record(name, start, duration_ms=900000):
    return {"request_id": name, "tenant": "acme", "function": "f", "memory_mb": 10240, "duration_ms": duration_ms, "region": "us-east-1", "started_at": start}


class AfterCorrections(StackCase):
    """A hundred invocations of 9,000 GB-seconds: more than the free tier."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.run("tenant", "add", "acme")
        cls.records = [record(f"r{i}", f"2026-05-{1 + i % 28:02}T12:00:00Z") for i in range(100)]
        cls.load(cls.records)
        cls.stack.run("rate", "--month", "2026-05", "--final")

    @classmethod
    def load(cls, records):
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in records))

    def explain(self, name):
        (entry,) = self.stack.json("explain", "--record", name, "--tenant", "acme")["records"]
        return entry

    def numbers(self, entry):
        return [invoice["number"] for invoice in entry["invoices"]]

    def test_1_what_was_taken_back_bills_nothing(self):
        self.stack.run("invoice", "void", "MB-2026-000001", "--reason", "wrong")
        entry = self.explain("r1")
        self.assertEqual((entry["fate"], entry["invoices"]), ("not_rated", []))

    def test_2_the_invoice_that_was_issued_again_is_the_bill(self):
        self.records.append(record("r100", "2026-05-09T00:00:00Z"))
        self.load(self.records[-1:])
        self.assertEqual(self.explain("r100")["fate"], "not_rated")
        self.stack.run("rate", "--month", "2026-05", "--final")
        for name in ("r1", "r100"):
            entry = self.explain(name)
            self.assertEqual((entry["fate"], self.numbers(entry)), ("billed", ["MB-2026-000002"]))
            self.assertNotIn("late_for", entry)
        log = self.file("".join(json.dumps(row) + "\n" for row in self.records))
        answer = self.stack.json("reconcile", "--month", "2026-05", "--tenant", "acme", log)
        (tenant,) = answer["tenants"]
        self.assertEqual((tenant["invoice"]["number"], tenant["counts"]["matched"], answer["rows"]), ("MB-2026-000002", 101, []))
        total = self.stack.json("invoice", "show", "MB-2026-000002")["total"]
        self.assertEqual(F(tenant["as_billed"]["amount"]), F(total))

    def test_3_a_credit_note_is_no_bill_of_a_record_and_has_no_lines_to_explain(self):
        self.stack.run("reverse", "--tenant", "acme", "--record", "r7", "--reason", "wrong")
        self.stack.run("rate", "--month", "2026-06", "--final", status=None)
        self.assertEqual(self.stack.value("SELECT number FROM invoices WHERE kind = 'credit_note'"), "MB-CN-2026-000001")
        entry = self.explain("r1")
        self.assertEqual((entry["fate"], self.numbers(entry)), ("billed", ["MB-2026-000002"]))
        refused = self.stack.run("explain", "MB-CN-2026-000001", "1", status=2).stderr
        self.assertIn("is a credit note", refused)
        self.assertIn("explain a line of MB-2026-000002", refused)
        self.assertIn("is a void", self.stack.run("explain", "MB-VOID-2026-000001", "1", status=2).stderr)

    def test_4_late_usage_says_where_it_was_settled(self):
        self.load([record("late", "2026-05-11T00:00:00Z")])
        waiting = self.explain("late")
        self.assertEqual((waiting["fate"], waiting["late_for"]["number"]), ("late", "MB-2026-000002"))
        self.assertNotIn("settled", waiting)
        self.stack.run("rate", "--month", "2026-06", "--final")
        self.assertEqual(self.explain("late")["settled"], {"disposition": "billed", "number": "MB-2026-000003", "month": "2026-06"})
        self.assertIn("settled on invoice MB-2026-000003 (2026-06)", self.stack.run("explain", "--record", "late").stdout)

    def test_5_what_was_written_off_is_on_no_bill(self):
        self.stack.run("contract", "set", "--tenant", "acme", "--from", "2026-07", self.file(LATE, "yaml"))
        self.load([record("older", "2026-05-12T00:00:00Z")])
        self.stack.run("rate", "--month", "2026-07", "--final", status=None)
        entry = self.explain("older")
        self.assertEqual((entry["fate"], entry["settled"]["disposition"]), ("late", "written_off"))
        self.assertIn("written off: its period was too old", self.stack.run("explain", "--record", "older").stdout)

    def test_6_a_write_off_is_made_again_as_it_was_before_the_invoice_of_its_run(self):
        """That invoice uses up what the contract has: it came after."""
        self.stack.run("tenant", "add", "bundle")
        self.stack.run("price-book", "add", self.file(PLAIN, "yaml"), "--from", "2026-01-01")
        self.stack.run("contract", "set", "--tenant", "bundle", "--from", "2026-02", self.file(PREPAID, "yaml"))

        def load(name, month, count):
            self.load([{**record(f"{name}-{i}", f"2026-{month:02}-03T12:00:00Z", 1), "tenant": "bundle"} for i in range(count)])
        load("may", 5, 10)
        self.stack.run("rate", "--month", "2026-05", "--final", "--tenant", "bundle")
        load("late", 5, 5)
        load("july", 7, 95)
        (july,) = self.stack.json("rate", "--month", "2026-07", "--final", "--tenant", "bundle")["invoices"]
        self.assertEqual(F(july["total"]), 5)  # 90 of its 95 are prepaid
        amounts = self.stack.query("SELECT amount FROM adjustments JOIN tenants USING (tenant_id) WHERE name = 'bundle' AND disposition = 'written_off'")
        self.assertEqual(amounts, [["0.00"]])  # 90 were left then
        self.stack.run("verify")

    def test_7_what_a_credit_note_gives_back_is_what_it_prints_for_the_invoice_beside_it(self):
        """Shares of thirds and twenty-ninths do not end: documents print twenty decimals, and later ones go on from these."""
        self.stack.run("price-book", "add", self.file(SHARED, "yaml"), "--from", "2026-01-01")
        for tenant, count in (("third", 10), ("rest", 20)):
            self.stack.run("tenant", "add", tenant, "--account", "thirds")
            self.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-05", self.file(COMMITTED, "yaml"))
            self.load([{**record(f"{tenant}-{i}", "2026-05-03T12:00:00Z", 1), "tenant": tenant} for i in range(count)])
        self.stack.run("rate", "--month", "2026-05", "--final", status=None)
        self.stack.run("reverse", "--tenant", "third", "--record", "third-1", "--reason", "wrong")
        self.stack.run("rate", "--month", "2026-06", "--final", status=None)
        (june,) = self.stack.query("SELECT document FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'third' AND kind = 'invoice' AND period_month = '2026-06-01'")
        items = {item["kind"]: F(item["amount_exact"]) for item in json.loads(june[0])["statement"]}
        may, note = (F(row[0]) for row in self.stack.query("SELECT basis FROM invoice_items i JOIN invoices d USING (tenant_id, invoice_id) JOIN tenants USING (tenant_id) "
                                                           "WHERE tenants.name = 'third' AND i.kind = 'minimum' AND period_month = '2026-05-01' ORDER BY invoice_id"))
        self.assertAlmostEqual(float(may + note), 9 - 90 / 29)  # of nine of twenty-nine
        self.assertEqual(items["minimum"], 100 - may - note)
        self.assertEqual(items["tax"], (100 - may - note) * F("0.08875"))
        self.stack.run("verify")

    def test_8_what_was_taken_back_is_made_again_with_what_was_written_off_then(self):
        self.stack.run("tenant", "add", "off")
        self.stack.run("contract", "set", "--tenant", "off", "--from", "2026-05", self.file(LATE.replace("strict", "plain\nprice_book: plain"), "yaml"))

        def load(name, count):
            self.load([{**record(f"{name}-{i}", "2026-05-03T12:00:00Z", 1), "tenant": "off"} for i in range(count)])
        load("may", 10)
        self.stack.run("rate", "--month", "2026-05", "--final", "--tenant", "off")
        load("old", 5)
        self.stack.run("rate", "--month", "2026-07", "--final", "--tenant", "off", status=None)
        self.stack.run("reverse", "--tenant", "off", "--record", "may-1", "--reason", "wrong")
        self.stack.run("rate", "--month", "2026-08", "--final", "--tenant", "off", status=None)
        documents = dict(self.stack.query("SELECT kind, number FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'off'"))
        self.assertEqual(F(self.stack.json("invoice", "show", documents["credit_note"])["total"]), -1)
        self.stack.run("invoice", "void", documents["invoice"], "--reason", "wrong")
        self.stack.run("verify")
        (again,) = self.stack.json("rate", "--month", "2026-05", "--final", "--tenant", "off")["invoices"]
        self.assertEqual(F(again["total"]), 14)  # with all that is there now
        self.stack.run("verify")


if __name__ == "__main__":
    unittest.main()
