"""Corrections of final months are evidence too: what the owner of the database changes of them, `millibill verify` names."""
import json
import unittest

from harness import Stack
from owner import OwnerCase as _OwnerCase

ADJUSTMENTS = ("adjustments", "adjustment_lines", "adjustment_causes", "adjustment_items")
TERMS = "name: terms\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2026-01-01, rate: 0.9, source: test}]\ncredits: [{name: welcome, amount: 4}]\n"
LATE = "name: none\nversion: '1'\nlate_usage: {months: 0}\n"  # what comes after the invoice is written off


def rows(tenant, month, first, count):
    return [{"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
             "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000} for i in range(first, first + count)]


class Corrections(_OwnerCase):
    """June is final. What came for it afterwards was billed on July's invoice (late), credited (terms) or written off (none)."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        tenants = ("late", "terms", "none")
        for tenant in tenants:
            cls.stack.run("tenant", "add", tenant)
        for tenant, terms in (("terms", TERMS), ("none", LATE)):
            (cls.stack.data / "terms.yaml").write_text(terms, encoding="utf-8")
            cls.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-06", str(cls.stack.data / "terms.yaml"))
        cls.load(sum((rows(t, "2026-06", 0, 600) for t in tenants), []))
        cls.stack.json("rate", "--month", "2026-06", "--final")
        cls.load(sum((rows(t, "2026-06", 600, 60) for t in ("late", "none")), []) + sum((rows(t, "2026-07", 0, 50) for t in tenants), []))
        path = cls.file(rows("terms", "2026-06", 0, 200))
        cls.stack.run("reverse", "--tenant", "terms", "--reason", "measured twice", path)
        cls.stack.json("rate", "--month", "2026-07", "--final")

    @classmethod
    def file(cls, records):
        path = cls.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return str(path)

    @classmethod
    def load(cls, records):
        cls.stack.run("import", "--format", "ndjson", cls.file(records))

    def corrections(self, change, *tables):
        return [(d.get("tenant"), d["what"], d["expected"], d["found"]) for d in self.changed(change, *tables).get("corrections", [])]

    def test_the_stack_has_each_kind(self):
        self.assertEqual(self.stack.query("SELECT tenant, disposition FROM adjustments_overview ORDER BY 1"),
                         [["late", "billed"], ["none", "written_off"], ["terms", "credited"]])
        checks = {check["name"]: check["checked"] for check in self.verify()["checks"]}
        self.assertEqual(checks["corrections"], 3 + 7)

    def test_every_column_of_an_adjustment(self):
        """In the table of adjustments itself: on the invoice and the credit note the documents still stand."""
        changes = {"amount": "amount + 1", "amount_exact": "amount_exact + 1", "records": "records + 1", "currency": "'XXX'", "free_tier": "NOT free_tier",
                   "period_end": "period_end + interval '1 hour'", "document_sha256": "sha256('other')", "attempt": "attempt + 1"}
        said = {"document_sha256": "SHA-256 of the document", "attempt": "how often the same was settled before"}
        found = self.corrections("UPDATE adjustments SET " + ", ".join(f"{column} = {value}" for column, value in changes.items()), "adjustments")
        self.assertEqual(sorted((tenant, what) for tenant, what, *_ in found),
                         sorted((tenant, said.get(column, column)) for tenant in ("late", "none", "terms") for column in changes))

    def test_what_later_balances_are_summed_from(self):
        """Items, lines and causes repeat the document; taken away, changed or moved they are told by what differs."""
        tables = {"lines": "line", "items": "item", "causes": None}
        for change in ("DELETE FROM adjustment_{};", "UPDATE adjustment_{} SET amount_exact = amount_exact + 1;"):
            found = self.corrections("".join(change.format(table) for table in tables), *(f"adjustment_{table}" for table in tables))
            self.assertEqual({(tenant, what.split()[0]) for tenant, what, *_ in found}, {(t, table) for t in ("late", "none", "terms") for table in tables})
        found = self.corrections("UPDATE adjustment_lines SET line = line + 7; UPDATE adjustment_items SET item = item + 7",
                                 "adjustment_lines", "adjustment_items")
        self.assertEqual({what.split()[0] for _, what, *_ in found}, {"lines", "items"})
        self.assertTrue(all("none" in row[2:] for row in found), found)

    def test_a_write_off_that_is_none_and_one_that_was_taken_away_under_its_lines(self):
        found = self.corrections("DELETE FROM adjustments WHERE disposition = 'written_off'", *ADJUSTMENTS[:1])
        self.assertEqual({row[1:] for row in found}, {(f"adjustment of rows of adjustment_{kind}", "a row of adjustments", "none")
                                                      for kind in ("lines", "causes", "items")})
        found = self.corrections("UPDATE adjustments SET disposition = 'written_off', carrier_id = NULL WHERE disposition = 'credited'", "adjustments")
        self.assertEqual(found, [])  # by itself it could be one; the credit note lacks it, and the evidence says otherwise

    def test_what_carries_an_adjustment(self):
        found = self.corrections("UPDATE adjustments SET carrier_id = (SELECT max(invoice_id) + 1 FROM invoices) WHERE disposition = 'billed'", "adjustments")
        self.assertIn(("document that carries it", "none"), [(what, is_there) for _, what, _, is_there in found])
        found = self.corrections("UPDATE adjustments SET document = replace(document, '\"records\":\"60\"', '\"records\":\"61\"'), records = 61 "
                                 "WHERE disposition = 'billed'; UPDATE adjustments SET document_sha256 = sha256(convert_to(document, 'UTF8'))", "adjustments")
        self.assertEqual([(tenant, what.split()[0], is_there) for tenant, what, _, is_there in found], [("late", "adjustments", "none")])

    def test_a_link_of_the_chain_that_begins_elsewhere(self):
        found = self.corrections("UPDATE adjustments SET from_receipt = from_receipt + 1, document = replace(document, '\"from_receipt\":1', '\"from_receipt\":2')"
                                 " WHERE disposition = 'written_off'; UPDATE adjustments SET document_sha256 = sha256(convert_to(document, 'UTF8'))", "adjustments")
        self.assertEqual(found, [("none", "receipt at which it begins", "1", "2")])

    def test_a_document_that_cannot_be_read_is_a_difference_and_no_failure(self):
        found = self.corrections("UPDATE adjustments SET document = '{' || document WHERE disposition = 'written_off'", "adjustments")
        self.assertIn(("none", "document", "JSON", "something else"), found)

    def test_what_an_invoice_says_of_itself_beside_its_document(self):
        found = self.corrections("UPDATE invoices SET refers_to = refers_to + 3, revision = revision + CASE kind WHEN 'invoice' THEN 1 ELSE 0 END, "
                                 "payable_total = payable_total + 1, payable_currency = 'XXX', contract_sha256 = NULL, contract_revision = NULL", "invoices")
        said = {what.removeprefix("table invoices, "): set() for _, what, *_ in found if what.startswith("table invoices, ")}
        for tenant, what, *_ in found:
            said.get(what.removeprefix("table invoices, "), set()).add(tenant)
        everybody, by_contract = {"late", "terms", "none"}, {"terms", "none"}
        self.assertEqual((said["refers_to"], said["payable_total"], said["payable_currency"], said["contract_sha256"], said["contract_revision"]),
                         ({"terms"}, everybody, everybody, by_contract, by_contract))
        self.assertEqual(said["revision"], everybody)

    def test_decisions_of_an_operator_that_name_nothing_or_are_taken_away(self):
        found = self.references(
            "INSERT INTO account_members (tenant_id, revision, from_month, account_id, set_by) SELECT tenant_id, 1, '2026-09-01', 999, 'me' FROM tenants "
            "WHERE name = 'late'; UPDATE tenant_contracts SET revision = 2, from_month = '2026-10-01' WHERE tenant_id = (SELECT tenant_id FROM tenants "
            "WHERE name = 'none'); INSERT INTO price_book_calendar (name, revision, in_force_from, price_book_sha256, added_by) VALUES ('own', 1, "
            "'2026-12-01', sha256('own'), 'me'); INSERT INTO invoice_items SELECT tenant_id, 999, item, kind, name, description, basis, rate, share, "
            "quantity, unit, \"left\", amount, amount_exact FROM invoice_items LIMIT 1",
            "account_members", "tenant_contracts", "price_book_calendar", "invoice_items")
        self.assertEqual(sorted((who, what, is_there) for who, what, _, is_there in found), [
            ("invoice_id 999", "invoice of 1 rows of invoice_items", "none"), ("late", "what it names", "none"), ("none", "revisions before it", "0"),
            ("price_book_calendar of own, revision 1", "what it names", "none")])


if __name__ == "__main__":
    unittest.main()
