"""Whatever the owner of the database takes away from under other rows, or writes anew, `millibill verify` names it."""
import json
import tempfile
import unittest
from pathlib import Path

from harness import SUPERUSER, Stack

MONTH = "2026-05"
FREE = "SET session_replication_role = replica;"  # foreign keys bind nobody who may drop them


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


def load(stack, tenant, text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage"
        path.write_text(text)
        return stack.json("import", "--tenant", tenant, "--format", "ndjson", path)


class Owner(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})  # nothing is sealed while it is changed
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "other"):
            load(cls.stack, tenant, "".join(record(f"{tenant}{i}", f"2026-05-{1 + i % 28:02}T12:00:00Z") for i in range(100)))
        load(cls.stack, "acme", "no line of any format\n" + record("acme1", "2026-05-02T12:00:00Z"))
        cls.finals = {invoice["invoice"]["tenant"]: invoice["invoice"]["number"]
                      for invoice in cls.stack.json("rate", "--month", MONTH, "--final")["invoices"]}
        cls.acme = cls.stack.value("SELECT tenant_id FROM tenants WHERE name = 'acme'")

    def verify(self, status=0):
        return self.stack.json("verify", status=status)

    def changed(self, change, *tables):
        """What verify finds after the owner's statements; the tables are put back as they were, and are clean again."""
        self.assertTrue(self.verify()["ok"])
        keep = "".join(f"CREATE TABLE aside_{table} AS SELECT * FROM {table};" for table in tables)
        back = "".join(f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM aside_{table}; DROP TABLE aside_{table};"
                       for table in tables)
        self.stack.query(f"{FREE}{keep}{change}", SUPERUSER)
        try:
            answer = self.verify(status=3)
        finally:
            self.stack.query(FREE + back, SUPERUSER)
        return {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}

    def references(self, change, *tables):
        found = self.changed(change, *tables)["references"]
        return [(d.get("tenant", d.get("subject")), d["what"], d["expected"], d["found"]) for d in found]

    # --- rows taken away from under others

    def test_usage_of_a_tenant_whose_account_is_gone_is_still_verified(self):
        account = self.stack.value("SELECT account_id FROM tenants WHERE name = 'acme'")
        gone = f"DELETE FROM accounts WHERE account_id = {account};"
        self.assertEqual(self.references(gone, "accounts"), [("acme", "account of the tenant", f"account {account}", "none")])
        found = self.changed(f"{gone} UPDATE rollups SET invocations = invocations + 1 WHERE tenant_id = {self.acme}", "accounts", "rollups")
        self.assertIn(("acme", "invocations"), [(d["tenant"], d["what"]) for d in found["rollups"]])

    def test_usage_without_its_account_is_not_rated(self):
        self.stack.query(f"{FREE} CREATE TABLE aside AS SELECT * FROM accounts; DELETE FROM accounts WHERE name = 'acme'", SUPERUSER)
        try:
            refused = self.stack.run("rate", "--month", MONTH, "--preview", status=1).stderr
        finally:
            self.stack.query("INSERT INTO accounts OVERRIDING SYSTEM VALUE SELECT * FROM aside WHERE name = 'acme'; DROP TABLE aside", SUPERUSER)
        self.assertIn(f"tenant {self.acme} has usage, but no account", refused)

    def test_the_rows_of_a_tenant_that_is_gone_are_named(self):
        found = self.references(f"DELETE FROM tenants WHERE tenant_id = {self.acme}", "tenants")
        kinds = {what.rsplit(" ", 1)[1] for subject, what, expected, is_there in found if what.startswith("tenant of ")
                 and (subject, expected, is_there) == (f"tenant {self.acme}", "a row of tenants", "none")}
        self.assertEqual(kinds, {"segments", "exclusions", "rollups", "quarantine", "seals", "seal_roots", "invoices"})

    def test_an_invoice_whose_rating_run_is_gone_is_named_and_still_compared(self):
        gone = "DELETE FROM rating_runs WHERE kind = 'final';"
        run = self.stack.value("SELECT run_id FROM rating_runs WHERE kind = 'final'")
        self.assertEqual(self.references(gone, "rating_runs"),
                         [(tenant, "rating run of the invoice", f"run {run}", "none") for tenant in ("acme", "other")])
        found = self.changed(f"{gone} UPDATE invoices SET total = total + 1 WHERE number = '{self.finals['acme']}'", "rating_runs", "invoices")
        self.assertEqual([d["what"] for d in found["invoices"]], ["table invoices, total"])

    def test_a_rating_run_that_says_something_else_than_its_invoices(self):
        for change, what in (("kind = 'preview'", "kind of its rating run"),
                             ("period_end = period_end + interval '1 hour'", "period of its rating run"),
                             ("receipt_watermark = receipt_watermark + 1", "receipt watermark of its rating run")):
            found = self.references(f"UPDATE rating_runs SET {change} WHERE kind = 'final'", "rating_runs")
            self.assertEqual([(tenant, row) for tenant, row, *_ in found], [("acme", what), ("other", what)])

    def test_rows_without_agent_stream_commit_configuration_head_or_invoice(self):
        for change, tables, what in (
                ("DELETE FROM agents", ["agents"], "agent of the stream"),
                ("DELETE FROM streams", ["streams"], "rows of ledger"),
                ("DELETE FROM commits; UPDATE installation SET last_receipt = 0", ["commits", "installation"], "rows of segments"),
                ("DELETE FROM configs", ["configs"], "rows of rollups"),
                ("DELETE FROM seal_heads", ["seal_heads"], "rows of seal_roots"),
                ("DELETE FROM invoices", ["invoices"], "rows of invoice_lines")):
            found = self.references(change, *tables)
            self.assertTrue(any(row.endswith(what) and is_there == "none" for _, row, _, is_there in found), (change, found))

    # --- how an invoice was made

    def test_a_document_version_set_back_so_that_no_seals_are_asked_for(self):
        """With the evidence taken out of the document as well, and its digest made anew: nothing else tells."""
        back = "UPDATE rating_runs SET document_version = 1 WHERE kind = 'final';"
        said = [(tenant, "document_version of its rating run", "2 or more: since there are seals, final documents name them", "1")
                for tenant in ("acme", "other")]
        self.assertEqual(self.references(back, "rating_runs"), said)
        self.assertEqual(self.references(
            f"{back} UPDATE invoices SET document = regexp_replace(document, ',\"evidence\":{{.*?}}', '');"
            "UPDATE invoices SET document_sha256 = sha256(convert_to(document, 'UTF8'))", "rating_runs", "invoices"), said)


if __name__ == "__main__":
    unittest.main()
