"""rate --what-if: a month rated by another book or contract beside its bills, and nothing is written."""
import json
import unittest
from fractions import Fraction

from harness import ROOT, Stack
from tables import table_digests

MONTH = "2026-09"
OPEN = "2026-10"


class WhatIf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant, account in (("acme", "acme"), ("plain", "plain"), ("quiet", "quiet"), ("o1", "osh"), ("o2", "osh")):
            cls.stack.run("tenant", "add", tenant, "--account", account)
        for month in (MONTH, OPEN):
            for tenant, each_ms in (("acme", 900000), ("plain", 900000), ("o1", 600000), ("o2", 300000)):
                cls.load(tenant, f"{tenant}-{month}", month, 600, each_ms)
        cls.contract("acme", "name: acme\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2026-01-01, rate: 0.9, source: test}]\n"
                             "discounts: [{name: partner, percent: 10}]\ncredits: [{name: welcome, amount: 1}]\n")
        cls.double = cls.stack.data / "double.yaml"
        book = (ROOT / "rater/books/aws-lambda.yaml").read_text(encoding="utf-8")
        cls.double.write_text(book.replace("version: ", "version: double-", 1).replace("0.0000166667", "0.0000333334"), encoding="utf-8")
        cls.finals = {d["invoice"]["tenant"]: d for d in cls.stack.json("rate", "--month", MONTH, "--final")["invoices"]}

    @classmethod
    def load(cls, tenant, prefix, month, count, each_ms):
        rows = [json.dumps({"request_id": f"{prefix}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
                            "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": each_ms}) for i in range(count)]
        cls.stack.run("import", "--format", "ndjson", "-", input="\n".join(rows) + "\n")

    @classmethod
    def path(cls, text):
        path = cls.stack.data / "contract.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    @classmethod
    def contract(cls, tenant, text):
        cls.stack.run("contract", "set", "--tenant", tenant, "--from", MONTH, cls.path(text))

    def what_if(self, *options, month=MONTH):
        """{tenant: row}, after a look that nothing was written."""
        before = table_digests(self.stack)
        answer = self.stack.json("rate", "--what-if", "--month", month, *options)
        self.assertEqual(table_digests(self.stack), before)
        self.answer = answer
        return {row["tenant"]: row for row in answer["tenants"]}

    def test_the_same_book_changes_nothing_for_anybody(self):
        rows = self.what_if()
        self.assertEqual(set(rows), {"acme", "plain", "o1", "o2"})
        for tenant, row in rows.items():
            self.assertEqual(row["billed"]["document"], self.finals[tenant]["invoice"]["number"])
            self.assertEqual(row["billed"]["total"], row["what_if"]["total"], row)
            self.assertEqual((Fraction(row["difference"]), row["percent"]), (0, "0.0" if Fraction(row["billed"]["total"]) else None))

    def test_another_book_says_who_pays_how_much_more(self):
        """540,000 GB-seconds less 400,000 free at 0.0000166667 are 2.33, at twice that 4.67."""
        rows = self.what_if("--price-book", self.double)
        self.assertEqual([rows["plain"]["billed"]["total"], rows["plain"]["what_if"]["total"]], ["2.33", "4.67"])
        self.assertEqual((rows["plain"]["difference"], rows["plain"]["percent"]), ("2.34", "100.4"))
        self.assertEqual((rows["acme"]["billed"]["currency"], rows["acme"]["what_if"]["currency"]), ("EUR", "EUR"))
        amounts = [Fraction(row["difference"]) for row in self.answer["tenants"]]
        self.assertEqual(amounts, sorted(amounts, reverse=True), "who pays most more comes first")
        for total in self.answer["totals"]:
            of_currency = [r for r in rows.values() if r["billed"]["currency"] == total["currency"]]
            for side, amount in (("billed", total["billed"]), ("what_if", total["what_if"])):
                self.assertEqual(sum(Fraction(r[side]["total"]) for r in of_currency), Fraction(amount))
            self.assertEqual(Fraction(total["what_if"]) - Fraction(total["billed"]), Fraction(total["difference"]))

    def test_the_answer_is_what_rate_would_have_billed(self):
        """A month that is not final: the what-if total is the total of a preview by that book."""
        rows = self.what_if("--price-book", self.double, month=OPEN)
        previews = {d["invoice"]["tenant"]: d for d in self.stack.json("rate", "--dry-run", "--month", OPEN, "--price-book", self.double)["invoices"]}
        self.assertEqual(set(rows), set(previews))
        for tenant, document in previews.items():
            self.assertEqual(rows[tenant]["what_if"]["total"], document["payable"]["total"] if "payable" in document else document["total"])
            self.assertEqual(rows[tenant]["billed"]["document"], "not final")

    def test_a_contract_for_one_tenant_or_for_everybody(self):
        half = self.path("name: half\nversion: '7'\ndiscounts: [{name: half, percent: 50}]\n")
        alone = self.what_if("--contract", half, "--tenant", "plain")
        self.assertEqual(set(alone), {"plain"})
        self.assertEqual((alone["plain"]["what_if"]["total"], self.answer["contract"]["version"]), ("1.16", "7"))
        rows = self.what_if("--contract", half)
        self.assertEqual(rows["plain"]["what_if"]["total"], "1.16")
        self.assertIsNone(rows["acme"]["difference"], "two currencies have no difference")
        minimum = self.what_if("--contract", self.path("name: least\nversion: '1'\ncommitments: [{name: base, minimum: 3}]\n"))
        self.assertIsNone(minimum["quiet"]["billed"])
        self.assertEqual((minimum["quiet"]["what_if"]["total"], minimum["quiet"]["difference"]), ("3.00", "3.00"))

    def test_a_credit_that_the_invoice_used_is_there_to_be_used_again(self):
        document = self.finals["acme"]
        self.assertEqual([i["amount"] for i in document["statement"] if i["kind"] == "credit"], ["-1.00"])
        self.assertEqual(self.what_if("--tenant", "acme")["acme"]["difference"], "0.00")

    def test_usage_that_came_after_the_invoice_is_no_difference_of_price(self):
        self.load("o2", "late", MONTH, 300, 900000)
        rows = self.what_if()
        self.assertEqual((rows["o1"]["difference"], rows["o2"]["difference"]), ("0.00", "0.00"))

    def test_what_a_book_cannot_price_is_named(self):
        book = (ROOT / "rater/books/aws-lambda.yaml").read_text(encoding="utf-8")
        elsewhere = self.stack.data / "elsewhere.yaml"
        elsewhere.write_text(book.replace("us-east-1", "nowhere-1"), encoding="utf-8")
        rows = self.what_if("--price-book", elsewhere)
        self.assertIsNone(rows["plain"]["what_if"])
        self.assertIn("us-east-1", rows["plain"]["reason"])
        page = self.stack.run("rate", "--what-if", "--month", MONTH, "--price-book", elsewhere).stdout
        self.assertIn("plain: ", page)

    def test_the_table_is_for_people(self):
        page = self.stack.run("rate", "--what-if", "--month", MONTH, "--price-book", self.double).stdout
        line = next(line for line in page.splitlines() if line.startswith("plain "))
        self.assertEqual(line.split(), ["plain", self.finals["plain"]["invoice"]["number"], "USD", "2.33", "USD", "4.67", "+2.34", "+100.4", "%"])
        self.assertIn("total", page)

    def test_it_makes_no_invoice_and_says_so(self):
        done = self.stack.run("rate", "--what-if", "--final", "--month", MONTH, status=2)
        self.assertIn("makes no invoice", done.stderr)
        done = self.stack.run("rate", "--contract", self.double, "--month", MONTH, status=2)
        self.assertIn("--what-if", done.stderr)
        self.stack.run("rate", "--what-if", "--month", MONTH, "--tenant", "nobody", status=1)


if __name__ == "__main__":
    unittest.main()
