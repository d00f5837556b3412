"""Accounts whose service begins or ends inside a month: fees and allowances of the part in service, as the price book says."""
import json
import unittest
from fractions import Fraction as F

from harness import StackCase

BOOK = """name: partial
version: "1"
currency: USD
rounding: {mode: half_up, each: line}
duration: {granularity_ms: 1}
meters:
  - {sku: plan, description: Plan, unit: month, measure: month, prices: [{model: flat, fee: 30, partial_month: by_day}]}
  - {sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: 1}]}
free_tiers: [{name: requests, quantity: 60, skus: [requests], whole_units: true, allocation: dearest_first, partial_month: by_hour}]
"""


class PartialMonths(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant in ("new", "gone", "always"):
            cls.stack.run("tenant", "add", tenant)
        path = cls.folder / "partial.yaml"
        path.write_text(BOOK)
        cls.stack.run("price-book", "add", str(path), "--from", "2026-01-01")
        rows = [{"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 128, "duration_ms": 1, "region": "r",
                 "started_at": f"2026-{month:02}-12T12:00:00Z"} for tenant in ("new", "gone", "always") for month in (4, 5) for i in range(100)]
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in rows))
        cls.stack.run("account", "service", "new", "--from", "2026-04-11T12:00:00Z")  # 20 of 30 days; 468 of 720 hours
        cls.stack.run("account", "service", "gone", "--until", "2026-04-16")  # the half

    def bills(self, month, *options):
        answer = self.stack.json("rate", "--month", month, "--price-book", "partial", *options)
        return {d["invoice"]["tenant"]: d for d in answer["invoices"]}

    def amounts(self, document):
        return {line["sku"]: F(line["amount"]) for line in document["lines"]}

    def test_1_fees_and_allowances_are_for_the_part_in_service(self):
        type(self).april = self.bills("2026-04", "--preview")
        self.assertEqual(self.amounts(self.april["new"]), {"plan": 20, "requests": 100 - 60 * 468 // 720})
        self.assertEqual(self.amounts(self.april["gone"]), {"plan": 15, "requests": 100 - 30})
        self.assertEqual(self.amounts(self.april["always"]), {"plan": 30, "requests": 40})

    def test_2_the_document_says_which_part(self):
        heads = {tenant: document["invoice"] for tenant, document in self.april.items()}
        self.assertEqual(heads["new"]["service_from"], "2026-04-11T12:00:00Z")
        self.assertEqual(heads["gone"]["service_until"], "2026-04-16T00:00:00Z")
        self.assertNotIn("service_from", heads["always"])
        may = self.bills("2026-05", "--preview")
        self.assertNotIn("service_from", may["new"]["invoice"])
        self.assertEqual(self.amounts(may["new"]), {"plan": 30, "requests": 40})
        self.assertEqual(self.amounts(may["gone"]), {"plan": 0, "requests": 100})

    def test_3_a_draft_comes_out_after_the_service_was_said_anew(self):
        (row,) = self.stack.json("invoice", "list", "--month", "2026-04", "--tenant", "new")
        draft = self.file(self.stack.run("invoice", "render", str(row["invoice_id"]), "--format", "json").stdout, "json")
        self.stack.run("account", "service", "new", "--from", "2026-04-21")
        self.assertTrue(self.stack.json("invoice", "remake", str(draft))["same"])
        self.assertEqual(self.amounts(self.bills("2026-04", "--preview")["new"]), {"plan": 10, "requests": 80})

    def test_4_final_months_keep_their_part_and_are_made_again(self):
        self.bills("2026-04", "--final")
        self.stack.run("verify")
        number = self.stack.value("SELECT number FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'new' AND state = 'final'")
        for line in ("1", "2"):
            self.stack.run("explain", number, line)
        self.stack.run("invoice", "remake", number)
        for options in (("--from", "2026-04-01"), ("--from", "2026-04-21", "--until", "2026-04-25")):
            self.assertIn("is final", self.stack.run("account", "service", "new", *options, status=1).stderr)
        self.stack.run("account", "service", "new", "--from", "2026-04-21", "--until", "2026-05-11")
        self.assertEqual(self.stack.json("account", "service", "new"),
                         {"account": "new", "service_from": "2026-04-21T00:00:00Z", "service_until": "2026-05-11T00:00:00Z", "revision": 3})
        self.stack.run("verify")

    def test_5_late_usage_is_corrected_with_the_same_part(self):
        self.stack.run("import", "--format", "ndjson", "-", input=json.dumps({"request_id": "late", "tenant": "new", "function": "f", "memory_mb": 128,
                       "duration_ms": 1, "region": "r", "started_at": "2026-04-22T00:00:00Z"}) + "\n")
        may = self.bills("2026-05", "--final")
        self.assertEqual([F(a["amount"]) for a in may["new"]["adjustments"]], [1])
        self.stack.run("verify")

    def test_6_what_makes_no_sense_is_refused(self):
        self.assertIn("not after", self.stack.run("account", "service", "always", "--from", "2026-05-02", "--until", "2026-05-02", status=2).stderr)
        self.assertIn("no account", self.stack.run("account", "service", "nobody", "--from", "2026-05-02", status=1).stderr)
        self.assertIn("always", self.stack.run("account", "service", "always").stdout)


if __name__ == "__main__":
    unittest.main()
