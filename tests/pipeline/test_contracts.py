"""Contracts in the database: given, dated and kept; on invoices, in balances, and derived again by verify."""
import csv
import io
import json
import unittest
from fractions import Fraction

from harness import SUPERUSER, CommandFailed, Stack

TERMS = """name: acme
version: "1"
currency: EUR
exchange: [{from: 2026-01-01, rate: 0.9, source: test}]
purchase_order: PO-7
buyer: {name: Acme, address: [1 Main St]}
discounts: [{name: partner, percent: 10}]
commitments: [{name: base, minimum: 5}]
credits: [{name: welcome, amount: 7, until: 2027-01-01}]
spending_limit: {amount: 10, alerts: [50, 100]}
tax: {rates: [{name: vat, percent: 19, jurisdiction: Germany}]}
"""


class Contracts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "plain", "quiet"):
            cls.stack.run("tenant", "add", tenant)
        for month in ("2026-08", "2026-09"):
            rows = [json.dumps({"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
                                "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000}) for tenant in ("acme", "plain") for i in range(600)]
            cls.stack.run("import", "--format", "ndjson", cls.write(rows))
        cls.contract("acme", "2026-08", TERMS)
        cls.contract("quiet", "2026-08", "name: quiet\nversion: '1'\ncommitments: [{name: base, minimum: 3}]\n")
        cls.previews = {d["invoice"]["tenant"]: d for d in cls.stack.json("rate", "--month", "2026-08", "--no-free-tier")["invoices"]}
        cls.finals = {}
        for month in ("2026-08", "2026-09"):
            for document in cls.stack.json("rate", "--month", month, "--final", "--no-free-tier")["invoices"]:
                cls.finals[document["invoice"]["tenant"], month] = document

    @classmethod
    def write(cls, rows):
        path = cls.stack.data / "usage.ndjson"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return str(path)

    @classmethod
    def contract(cls, tenant, month, text, status=0):
        path = cls.stack.data / "contract.yaml"
        path.write_text(text, encoding="utf-8")
        return cls.stack.run("contract", "set", "--tenant", tenant, "--from", month, str(path), status=status)

    def amounts(self, document):
        return [(item["kind"], item["amount"]) for item in document["statement"]]

    def test_an_invoice_goes_from_its_lines_to_what_is_owed(self):
        """600 requests of 900 s at 1 GB: 540,000 GB-seconds at 0.0000166667 are 9.00."""
        document = self.finals["acme", "2026-08"]
        self.assertEqual(self.amounts(document), [("usage", "9.00"), ("discount", "-0.90"), ("minimum", "0.00"), ("credit", "-7.00"), ("tax", "0.21")])
        self.assertEqual((document["subtotal"], document["total"]), ("9.00", "1.31"))
        self.assertEqual((document["payable"]["currency"], document["payable"]["total"]), ("EUR", "1.18"))
        self.assertEqual(document["contract"]["purchase_order"], "PO-7")
        self.assertEqual(document["spending_limit"]["reached"], ["50"])

    def test_every_form_of_an_invoice_shows_the_statement(self):
        number = self.finals["acme", "2026-08"]["invoice"]["number"]
        for form in ("text", "html"):
            page = self.stack.run("invoice", "render", number, "--tenant", "acme", "--format", form).stdout
            for shown in ("partner: 10 % of 9.00", "-0.90", "-7.00", "vat: Germany, 19 % of 1.10", "1.31", "1.18", "EUR", "Acme", "1 Main St", "PO-7"):
                self.assertIn(shown, page)
        rows = list(csv.DictReader(io.StringIO(self.stack.run("invoice", "render", number, "--tenant", "acme", "--format", "csv").stdout)))
        self.assertEqual(sum(Fraction(row["amount"]) for row in rows), Fraction("1.31"))
        self.assertEqual([row["sku"] for row in rows[-4:]], ["discount", "minimum", "credit", "tax"])

    def test_the_overview_has_what_is_to_be_paid_and_in_which_currency(self):
        rows = {row[0]: row[1:] for row in self.stack.query("SELECT tenant, total, currency, payable, payable_currency FROM invoices_overview "
                                                            "WHERE state = 'final' AND period_start = '2026-08-01Z'")}
        self.assertEqual(rows["acme"], ["1.31", "USD", "1.18", "EUR"])
        self.assertEqual(rows["plain"], ["9.00", "USD", "9.00", "USD"])

    def test_a_line_of_an_invoice_under_a_contract_is_explained(self):
        document = self.finals["acme", "2026-08"]
        line = 1 + [line["sku"] for line in document["lines"]].index("duration")
        self.assertIn("540,000", self.stack.run("explain", document["invoice"]["number"], str(line)).stdout.replace("540000", "540,000"))

    def test_balances_go_on_from_one_month_to_the_next(self):
        document = self.finals["acme", "2026-09"]
        self.assertEqual(self.amounts(document), [("usage", "9.00"), ("discount", "-0.90"), ("minimum", "0.00"), ("tax", "1.54")])

    def test_preview_and_final_are_the_same_but_for_number_and_evidence(self):
        for tenant in ("acme", "plain", "quiet"):
            preview, final = dict(self.previews[tenant]), dict(self.finals[tenant, "2026-08"])
            for document in (preview, final):
                for key in ("invoice", "evidence"):
                    document.pop(key, None)
            self.assertEqual(json.dumps(preview), json.dumps(final))

    def test_who_used_nothing_owes_the_minimum(self):
        self.assertEqual(self.amounts(self.finals["quiet", "2026-08"]), [("usage", "0.00"), ("minimum", "3.00")])

    def test_a_tenant_without_contract_has_an_invoice_as_always(self):
        self.assertNotIn("statement", self.finals["plain", "2026-08"])
        self.assertEqual(self.finals["plain", "2026-08"]["total"], "9.00")

    def test_verify_makes_every_document_again(self):
        self.stack.run("verify")

    def test_verify_finds_an_item_that_was_changed(self):
        self.stack.query("UPDATE invoice_items SET amount = amount - 1 WHERE kind = 'credit'", role=SUPERUSER)
        self.addCleanup(self.stack.query, "UPDATE invoice_items SET amount = amount + 1 WHERE kind = 'credit'", role=SUPERUSER)
        done = self.stack.run("verify", status=3)
        self.assertIn("item", done.stdout + done.stderr)

    def test_a_second_run_changes_nothing(self):
        again = self.stack.json("rate", "--month", "2026-09", "--final", "--no-free-tier")["invoices"]
        self.assertEqual({d["invoice"]["tenant"]: d for d in again}, {t: d for (t, m), d in self.finals.items() if m == "2026-09"})

    def test_a_contract_does_not_reach_into_a_final_month(self):
        done = self.contract("acme", "2026-09", TERMS, status=1)
        self.assertIn("is final already", done.stderr)

    def test_every_change_is_kept(self):
        self.contract("plain", "2026-12", "name: first\nversion: '1'\n")
        self.contract("plain", "2026-11", "name: second\nversion: '1'\n")
        rows = self.stack.json("contract", "history", "--tenant", "plain")
        self.assertEqual([(r["revision"], r["from"], r["name"]) for r in rows], [(1, "2026-12", "first"), (2, "2026-11", "second")])
        self.assertTrue(all("@" in r["set_by"] for r in rows))
        for month, name in (("2026-11", "second"), ("2026-12", "first"), ("2027-05", "first")):
            self.assertEqual(self.stack.json("contract", "show", "--tenant", "plain", "--month", month)["name"], name)
        self.stack.run("contract", "show", "--tenant", "plain", "--month", "2026-10", status=1)

    def test_nobody_but_the_owner_gives_contracts_and_nobody_changes_them(self):
        for statement in ("INSERT INTO tenant_contracts SELECT tenant_id, 99, from_month, contract_sha256, now(), 'x' FROM tenant_contracts LIMIT 1",
                          "UPDATE contracts SET source = ''"):
            with self.assertRaises(CommandFailed):
                self.stack.query(statement, role="millibill_rater")
        before = self.stack.query("SELECT * FROM tenant_contracts ORDER BY 1, 2")
        self.stack.query("UPDATE tenant_contracts SET from_month = '2020-01-01'")
        self.stack.query("DELETE FROM tenant_contracts")
        self.assertEqual(self.stack.query("SELECT * FROM tenant_contracts ORDER BY 1, 2"), before)

    def test_a_first_period_that_would_end_before_it_starts_is_refused(self):
        """Until February the day is the 31st, by the latest clock there is; from then on the 1st by the earliest."""
        self.stack.run("tenant", "add", "clock")
        self.contract("clock", "2027-01", "name: late\nversion: '1'\nbilling_day: 31\ntime_zone: Etc/GMT+12\n")
        self.assertIn("before it starts", self.contract("clock", "2027-03", "name: early\nversion: '1'\ntime_zone: Etc/GMT-14\n", status=1).stderr)

    def test_the_sum_of_items_in_the_tables_is_the_total(self):
        rows = self.stack.query("SELECT i.number, i.total, sum(s.amount) FROM invoices i JOIN invoice_items s USING (tenant_id, invoice_id) GROUP BY 1, 2")
        self.assertGreaterEqual(len(rows), 4)
        for number, total, items in rows:
            self.assertEqual(Fraction(total), Fraction(items), number)


if __name__ == "__main__":
    unittest.main()
