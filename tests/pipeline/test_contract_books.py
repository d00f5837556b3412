"""Tenants whose contracts name other price books: one run bills each by its own, and one that cannot be billed stops nobody."""
import json
import unittest
from fractions import Fraction as F

from harness import StackCase

BOOK = """name: ours
version: {version}
currency: EUR
rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: 1}}
meters: [{{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{{model: per_unit, unit_price: {price}}}]}}]
"""


class ContractBooks(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant, account in (("a", "a"), ("b", "b"), ("c", "c"), ("d", "shared"), ("e", "shared"), ("f", "f")):
            cls.stack.run("tenant", "add", tenant, "--account", account)
        for version, price, start in (("v1", 1, "2026-03-01"), ("v2", 3, "2026-04-16")):
            path = cls.folder / f"{version}.yaml"
            path.write_text(BOOK.format(version=version, price=price))
            cls.stack.run("price-book", "add", str(path), "--from", start)
        rows = [{"request_id": f"{tenant}-{month}-{day}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "duration_ms": 60000, "region": "us-east-1",
                 "started_at": f"2026-{month:02}-{day:02}T12:00:00Z"}
                for tenant in "abcdef" for month in (4, 5) for day in (2, 20) for i in range(10)]
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in rows))
        cls.terms("b", "price_book: google-cloud-functions\n")
        cls.terms("c", "price_book: ours\ndiscounts: [{name: ten, percent: 10, on: [requests]}]\n")
        cls.terms("d", "price_book: ours\n")

    @classmethod
    def terms(cls, tenant, text, start="2026-04", status=0):
        path = cls.folder / "contract.yaml"
        path.write_text(f"name: {tenant}\nversion: '1'\n{text}")
        return cls.stack.run("contract", "set", "--tenant", tenant, "--from", start, str(path), status=status)

    def test_1_a_contract_whose_book_is_not_there_is_refused(self):
        self.assertIn("nowhere", self.terms("f", "price_book: nowhere\n", status=1).stderr)
        self.assertIn("in force from 2026-03-01", self.terms("f", "price_book: ours\n", start="2026-02", status=1).stderr)

    def test_2_one_run_bills_everybody_by_the_book_of_the_contract(self):
        # the database may have it all the same: a contract from before the book was renamed, say
        self.terms("f", "price_book: ours\n")
        self.stack.query("INSERT INTO contracts (sha256, name, version, source) SELECT sha256(convert_to(s, 'UTF8')), 'f', '2', s FROM (VALUES"
                         " (E'name: f\\nversion: ''2''\\nprice_book: gone\\n')) t(s); INSERT INTO tenant_contracts SELECT tenant_id, 2, from_month,"
                         " sha256(convert_to(E'name: f\\nversion: ''2''\\nprice_book: gone\\n', 'UTF8')), now(), 'a@b' FROM tenant_contracts"
                         " JOIN tenants t USING (tenant_id) WHERE t.name = 'f'")
        answer = self.stack.json("rate", "--month", "2026-04", "--final", "--no-free-tier", status=1)
        bills = {d["invoice"]["tenant"]: d for d in answer["invoices"]}
        self.assertEqual({t: d["price_book"]["name"] for t, d in bills.items()}, {"a": "aws-lambda", "b": "google-cloud-functions", "c": "ours"})
        self.assertEqual(F(bills["c"]["subtotal"]), 10 * 1 + 10 * 3)
        self.assertEqual((bills["c"]["currency"], F(bills["c"]["total"])), ("EUR", 36))
        self.assertEqual(F(bills["a"]["total"]), F("0.02"))  # 1200 GB-seconds
        skipped = {row["account"]: row["message"] for row in answer["skipped"]}
        self.assertIn("not one price book: 'd' goes by ours, 'e' by aws-lambda", skipped["shared"])
        self.assertIn("gone", skipped["f"])
        self.assertEqual(set(skipped), {"shared", "f"})
        numbers = self.stack.query("SELECT number FROM invoices WHERE state = 'final' ORDER BY 1")
        self.assertEqual(numbers, [[f"MB-2026-{i:06}"] for i in (1, 2, 3)])

    def test_3_again_changes_nothing_and_verify_makes_each_again(self):
        before = self.stack.query("SELECT number, document_sha256 FROM invoices ORDER BY 1")
        text = self.stack.run("rate", "--month", "2026-04", "--final", "--no-free-tier", status=1).stdout
        self.assertIn("3 invoices, total USD 0.0", text)
        self.assertIn(", EUR 36.00", text)
        self.assertEqual(self.stack.query("SELECT number, document_sha256 FROM invoices ORDER BY 1"), before)
        self.stack.run("verify")

    def test_4_what_if_without_a_book_is_what_there_is_and_with_one_is_that_for_all(self):
        rows = {row["tenant"]: row for row in self.stack.json("rate", "--what-if", "--month", "2026-04", "--no-free-tier")["tenants"]}
        for tenant in "abc":
            self.assertEqual(F(rows[tenant]["difference"]), 0, tenant)
        rows = {row["tenant"]: row for row in self.stack.json("rate", "--what-if", "--month", "2026-04", "--price-book", "ours")["tenants"]}
        self.assertEqual({t: F(rows[t]["what_if"]["total"]) for t in "abc"}, {"a": 40, "b": 40, "c": 36})

    def test_5_a_backfill_is_tried_by_the_same_book(self):
        path = self.file(json.dumps({"request_id": "new", "tenant": "c", "function": "f", "memory_mb": 128, "duration_ms": 1, "region": "us-east-1",
                                     "started_at": "2026-05-20T00:00:00Z"}) + "\n")
        told = json.loads(self.stack.run("import", "--backfill", "--dry-run", "--tenant", "c", str(path), "--json").stdout)
        self.assertEqual(F(told["months"][0]["bills"][0]["difference"]), F("2.7"))

    def test_6_close_does_it_all_once_the_contracts_are_mended(self):
        for tenant in "def":
            self.terms(tenant, "price_book: ours\n", start="2026-05")
        answer = self.stack.json("close", "--month", "2026-05", "--no-wait", "--no-free-tier", status=0)
        self.assertTrue(answer["closed"])
        totals = {row["tenant"]: F(row["total"]) for row in answer["invoices"]}
        self.assertEqual({t: totals[t] for t in "cdef"}, {"c": 54, "d": 60, "e": 60, "f": 60})
        self.stack.run("verify")


if __name__ == "__main__":
    unittest.main()
