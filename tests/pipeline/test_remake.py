"""invoice remake: the canonical JSON of any document, draft or final, made again from what it names, whatever has happened since."""
import json
import unittest

from harness import StackCase

BOOK = """name: ours
version: {version}
currency: USD
rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: 1}}
meters: [{{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{{model: per_unit, unit_price: {price}}}]}}]
free_tiers: [{{name: requests, quantity: 10, skus: [requests], whole_units: true, allocation: dearest_first}}]
"""
TERMS = """name: acme
version: '{version}'
price_book: ours
credits: [{{name: welcome, amount: 50}}]
discounts: [{{name: partner, percent: {percent}}}]
tax: {{rates: [{{name: vat, percent: 19, jurisdiction: Germany}}]}}
"""


class Remake(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.run("tenant", "add", "acme")
        cls.stack.run("tenant", "add", "left", "--account", "both")
        cls.stack.run("tenant", "add", "right", "--account", "both")
        cls.add_book("v1", 1, "2026-01-01")
        cls.set_contract("2026-05", "1", 10)
        cls.drafts = []
        cls.usage("one", "2026-05", 30)
        cls.preview("2026-05")
        cls.usage("two", "2026-05", 20)
        cls.preview("2026-05")
        cls.stack.run("reverse", "--tenant", "acme", "--record", "acme-one-2026-05-3", "--reason", "test")
        cls.add_book("v2", 2, "2026-05-10")  # was not in force when the drafts were made
        cls.preview("2026-05")
        cls.set_contract("2026-05", "2", 20)
        cls.final("2026-05")
        cls.usage("late", "2026-05", 7)
        cls.usage("june", "2026-06", 15)
        cls.preview("2026-06")
        cls.usage("more", "2026-06", 5)
        cls.final("2026-06")

    @classmethod
    def add_book(cls, version, price, start):
        path = cls.folder / f"{version}.yaml"
        path.write_text(BOOK.format(version=version, price=price))
        cls.stack.run("price-book", "add", str(path), "--from", start)

    @classmethod
    def set_contract(cls, start, version, percent):
        path = cls.folder / "contract.yaml"
        path.write_text(TERMS.format(version=version, percent=percent))
        cls.stack.run("contract", "set", "--tenant", "acme", "--from", start, str(path))

    @classmethod
    def usage(cls, prefix, month, count):
        rows = [{"request_id": f"{tenant}-{prefix}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 128, "duration_ms": 5, "region": "r",
                 "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z"} for tenant in ("acme", "left", "right") for i in range(count)]
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in rows))

    @classmethod
    def preview(cls, month):
        cls.stack.run("rate", "--month", month, "--price-book", "ours", "--preview")
        for row in cls.stack.json("invoice", "list", "--month", month, "--state", "preview"):
            path = cls.folder / f"draft-{len(cls.drafts)}.json"
            path.write_text(cls.stack.run("invoice", "render", str(row["invoice_id"]), "--format", "json").stdout)
            cls.drafts.append((path, row["tenant"], row["sha256"]))

    @classmethod
    def final(cls, month):
        cls.stack.run("rate", "--month", month, "--price-book", "ours", "--final")

    def test_drafts_that_were_replaced_come_out_as_they_were(self):
        self.assertEqual(len(self.drafts), 12)
        for path, tenant, sha256 in self.drafts:
            answer = self.stack.json("invoice", "remake", str(path))
            self.assertEqual((answer["same"], answer["sha256"], answer["invoice"]["tenant"]), (True, sha256, tenant), path.read_text())

    def test_they_are_drafts_of_different_books_contracts_receipts_and_balances(self):
        documents = [json.loads(path.read_text()) for path, tenant, _ in self.drafts if tenant == "acme"]
        self.assertEqual([d["price_book"]["version"] for d in documents], ["v1", "v1", "v1 + v2", "v2"])
        self.assertEqual([d["contract"]["revision"] for d in documents], [1, 1, 1, 2])
        self.assertEqual(len({d["invoice"]["receipt_watermark"] for d in documents}), 4)
        left = [next(item["left"] for item in d["statement"] if item["kind"] == "credit") if any(i["kind"] == "credit" for i in d["statement"]) else None
                for d in documents]
        self.assertGreater(len(set(left)), 2, left)
        self.assertTrue(documents[3]["adjustments"])

    def test_final_documents_come_out_by_number_and_from_a_file(self):
        for number, document in self.stack.query("SELECT number, document FROM invoices WHERE state = 'final'"):
            self.assertIn("the same bytes", self.stack.run("invoice", "remake", number).stdout)
            self.assertTrue(self.stack.json("invoice", "remake", str(self.file(document, "json")))["same"])

    def test_a_draft_that_is_stored_comes_out_too_and_is_written_where_one_says(self):
        self.usage("july", "2026-07", 2)
        self.stack.run("rate", "--month", "2026-07", "--price-book", "ours", "--tenant", "acme", "--preview")
        path = self.folder / "made.json"
        self.stack.run("invoice", "remake", "latest", "--output", str(path))
        row = self.stack.query("SELECT document FROM invoices WHERE state = 'preview'")
        self.assertEqual(path.read_text(), row[0][0])

    def test_drafts_beside_credit_notes_and_the_notes_come_out_before_they_are_final_and_after(self):
        """January took 30 of the credit; 5 records are taken back and their credit is there again for February: of both there are drafts."""
        self.stack.run("tenant", "add", "back")
        terms = self.file(TERMS.format(version="1", percent=10), "yaml")
        self.stack.run("contract", "set", "--tenant", "back", "--from", "2026-01", str(terms))

        def load(prefix, month, count):
            rows = [{"request_id": f"{prefix}-{i}", "tenant": "back", "function": "f", "memory_mb": 128, "duration_ms": 5, "region": "r",
                     "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z"} for i in range(count)]
            self.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in rows))

        def rate(month, *options):
            return self.stack.json("rate", "--month", month, "--price-book", "ours", "--tenant", "back", *options)

        def check(documents):
            for document in documents:
                path = self.file(json.dumps(document, ensure_ascii=False), "json")
                answer = self.stack.json("invoice", "remake", str(path))
                self.assertTrue(answer["same"], answer)
        load("january", "2026-01", 40)
        rate("2026-01", "--final")
        load("february", "2026-02", 60)
        for i in range(5):
            self.stack.run("reverse", "--tenant", "back", "--record", f"january-{i}", "--reason", "test")
        answer = rate("2026-02", "--preview", "--no-forecast")
        drafts = answer["credit_notes"] + answer["invoices"]
        self.assertEqual([document["invoice"].get("kind", "invoice") for document in drafts], ["credit_note", "invoice"])
        given_back = [item["amount"] for item in drafts[0]["statement"] if item["kind"] == "credit"]
        self.assertEqual((given_back, drafts[0]["total"]), (["4.50"], "0.00"))
        check(drafts)
        for i in range(5, 8):
            self.stack.run("reverse", "--tenant", "back", "--record", f"january-{i}", "--reason", "test")
        check(drafts)
        finals = rate("2026-02", "--final")
        self.assertEqual([item["amount"] for item in finals["credit_notes"][0]["statement"] if item["kind"] == "credit"], ["7.20"])
        self.assertNotIn("credit_notes", finals["credit_notes"][0]["invoice"])
        check(drafts + finals["credit_notes"] + finals["invoices"])

    def test_what_was_changed_is_told_with_its_place(self):
        text = self.drafts[0][0].read_text()
        changed = self.file(text.replace('"unit_price":"1"', '"unit_price":"2"', 1), "json")
        done = self.stack.run("invoice", "remake", str(changed), status=3)
        self.assertRegex(done.stdout, r"lines\[0\]\.unit_price: made again \"1\", in the document \"2\"")
        number, document = self.stack.query("SELECT number, document FROM invoices WHERE number IS NOT NULL AND kind = 'invoice' LIMIT 1")[0]
        forged = self.file(document.replace('"currency":"USD"', '"currency":"EUR"', 1), "json")
        self.assertIn("currency", self.stack.run("invoice", "remake", str(forged), status=3).stdout)
        self.assertIn(number, document)

    def test_what_it_names_and_is_not_there_is_an_error(self):
        text = self.drafts[0][0].read_text()
        sha256 = json.loads(text)["price_book"]["sha256"]
        done = self.stack.run("invoice", "remake", str(self.file(text.replace(sha256, "0" * 64), "json")), status=1)
        self.assertIn("is not kept", done.stderr)
        self.assertIn("no invoice", self.stack.run("invoice", "remake", "MB-2026-999999", status=1).stderr)
        self.stack.run("invoice", "remake", str(self.file("{}", "json")), status=1)


if __name__ == "__main__":
    unittest.main()
