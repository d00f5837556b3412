"""Whatever the owner of the database takes away from under other rows, or writes anew, `millibill verify` names it."""
import json
import unittest

from harness import SUPERUSER, Stack
from owner import FREE, OwnerCase as _OwnerCase
from test_seals import independent_check, load, record

MONTH = "2026-05"


class Owner(_OwnerCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})  # nothing is sealed while it is changed
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "other"):
            load(cls.stack, tenant, "".join(record(f"{tenant}{i}", f"2026-05-{1 + i % 28:02}T12:00:00Z") for i in range(100)))
        load(cls.stack, "acme", record("acme-june", "2026-06-01T12:00:00Z"))
        for again in ("", "nor is this\n"):
            load(cls.stack, "acme", "no line of any format\n" + again + record("acme1", "2026-05-02T12:00:00Z"))
        cls.finals = {invoice["invoice"]["tenant"]: invoice["invoice"]["number"]
                      for invoice in cls.stack.json("rate", "--month", MONTH, "--final")["invoices"]}
        cls.acme = cls.stack.value("SELECT tenant_id FROM tenants WHERE name = 'acme'")

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
                ("DELETE FROM invoices", ["invoices"], "rows of invoice_lines"),
                ("DELETE FROM invoices", ["invoices"], "rows of invoice_free_tiers")):
            found = self.references(change, *tables)
            self.assertTrue(any(row.endswith(what) and is_there == "none" for _, row, _, is_there in found), (change, found))

    def test_what_was_taken_from_a_preview_is_missed_by_nobody_but_verify(self):
        """No foreign key holds lines to their invoice: one that goes behind the functions' back is told with each of its rows, and the next
        run over the month, which replaces previews, leaves none of its own."""
        self.stack.run("rate", "--month", "2026-06")
        tables = ("invoice_lines", "invoice_free_tiers", "invoice_items")
        of_previews = "(tenant_id, invoice_id) IN (SELECT tenant_id, invoice_id FROM invoices WHERE state = 'preview')"
        rows = {table: self.stack.number(f"SELECT count(*) FROM {table} WHERE {of_previews}") for table in tables}
        self.assertGreater(rows["invoice_lines"], 0)
        self.assertGreater(rows["invoice_free_tiers"], 0)
        found = self.references("DELETE FROM invoices WHERE state = 'preview'", "invoices")
        told = {table: sum(int(row.split()[2]) for _, row, *_ in found if row.endswith(f"rows of {table}")) for table in tables}
        self.assertEqual(told, rows)
        self.stack.run("rate", "--month", "2026-06")
        self.assertEqual({table: self.stack.number(f"SELECT count(*) FROM {table} WHERE {of_previews}") for table in tables}, rows)
        self.assertTrue(self.verify()["ok"])

    def test_a_line_in_quarantine_marked_as_a_repetition_that_it_is_not(self):
        """The one that is gone from the list of what waits is told; the repetition that the import found is none."""
        first, repeated, other = (int(row[0]) for row in self.stack.query("SELECT quarantine_id FROM quarantine ORDER BY 1"))
        self.assertEqual(self.stack.number(f"SELECT repeats FROM quarantine WHERE quarantine_id = {repeated}"), first)
        for row, of in ((other, first), (other, other), (first, repeated), (repeated, 999)):
            found = self.references(f"UPDATE quarantine SET repeats = {of} WHERE quarantine_id = {row}", "quarantine")
            self.assertEqual([(subject, what, is_there) for subject, what, _, is_there in found],
                             [(f"quarantine_id {row}", "row of quarantine that this one repeats", f"quarantine_id {of}")])

    # --- what a stolen compactor could do

    def withheld(self):
        """One of acme's records is excluded as a copy of another one, by the role that writes exclusions and as it does, rollups and all."""
        sums = "".join(f", ARRAY[{value}]::bigint[]" for value in (1, 0, 0, 0, 100000, 0, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0, 0))
        out = "(SELECT * FROM segments WHERE tenant_id = {0} AND hour = '2026-05-03T12:00Z' ORDER BY segment_id LIMIT 1)".format(self.acme)
        kept = out.replace("05-03", "05-04")
        return ("SET ROLE millibill_compactor; INSERT INTO commits (commit_id) VALUES (DEFAULT);"
                "INSERT INTO exclusions (tenant_id, hour, segment_id, ordinal, reason, kept_hour, kept_segment_id, kept_ordinal, stream_id, sequence, "
                f"commit_id) SELECT o.tenant_id, o.hour, o.segment_id, 0, 'copy', k.hour, k.segment_id, 0, "
                "('x' || encode(substring(o.sources FROM 1 FOR 8), 'hex'))::bit(64)::bigint, "
                "('x' || encode(substring(o.sources FROM 9 FOR 8), 'hex'))::bit(64)::bigint, (SELECT max(commit_id) FROM commits) "
                f"FROM {out} o, {kept} k;"
                f"SELECT rollup_subtract(ARRAY[tenant_id], ARRAY[hour], ARRAY[config_id]{sums}) FROM rollups WHERE tenant_id = {self.acme} "
                "AND hour = '2026-05-03T12:00Z'; SELECT receipt_take(max(commit_id)) FROM commits;")

    def test_a_record_excluded_as_a_copy_of_another_one(self):
        """Nothing else differs: the exclusion names records that exist, and the rollups follow."""
        found = self.changed(self.withheld(), "exclusions", "rollups", "commits", "installation")
        self.assertEqual([(check, d["tenant"], d["hour"], d["what"], d["expected"], d["found"]) for check, ds in found.items() for d in ds],
                         [("exclusions", "acme", "2026-05-03T12:00:00Z", "record of which an excluded one is a copy",
                           "request_id 'acme2', attempt 1, 100000 us", "request_id 'acme3', attempt 1, 100000 us")])

    # --- how an invoice was made

    def test_a_document_version_set_back_so_that_no_seals_are_asked_for(self):
        """Alone, and with the evidence taken out of the document as well and its digest made anew."""
        back = "UPDATE rating_runs SET document_version = 1 WHERE kind = 'final';"
        said = [(tenant, "document_version of its rating run", "2 or more: since there are seals, final documents name them", "1")
                for tenant in ("acme", "other")]
        self.assertEqual(self.references(back, "rating_runs"), said)
        self.assertEqual(self.references(
            f"{back} UPDATE invoices SET document = regexp_replace(document, ',\"evidence\":{{.*?}}', '');"
            "UPDATE invoices SET document_sha256 = sha256(convert_to(document, 'UTF8'))", "rating_runs", "invoices"), said)

    def test_a_number_that_no_invoice_has(self):
        self.assertEqual(self.references("UPDATE invoice_numbers SET last_number = 3", "invoice_numbers"),
                         [("series MB-2026", "final invoices with a number of the series", "3", "2")])


class Reissued(unittest.TestCase):
    """Final invoices stand in the chain of signed heads: the owner cannot bill a month anew as if nothing had been."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "other"):
            load(cls.stack, tenant, "".join(record(f"{tenant}{i}", f"2026-05-{1 + i % 28:02}T12:00:00Z") for i in range(50)))
        cls.rate()
        cls.file = cls.stack.data / "seals" / "heads.jsonl"

    @classmethod
    def rate(cls):
        return cls.stack.json("rate", "--month", MONTH, "--final")["invoices"]

    def heads(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def differences(self):
        answer = self.stack.json("verify", status=3)
        return {check["name"]: [(d.get("tenant"), d.get("subject"), d["what"], d["expected"], d["found"]) for d in check["differences"]]
                for check in answer["checks"] if check["differences"]}

    def test_1_a_final_invoice_is_under_a_signed_head_as_soon_as_it_is_made(self):
        finals = [(final["tenant"], final["number"], final["sha256"]) for final in self.heads()[-1]["finals"]]
        self.assertEqual(finals, [tuple(row) for row in self.stack.query(
            "SELECT t.name, i.number, encode(sha256(convert_to(document, 'UTF8')), 'hex') FROM invoices i JOIN tenants t USING (tenant_id) ORDER BY 1")])
        answer = self.stack.json("verify")
        self.assertEqual((answer["ok"], answer["notes"]), (True, []))
        self.assertIn("2 invoices", independent_check(self.stack))

    def test_2_finals_that_a_crash_left_without_a_head_are_mentioned_and_get_one(self):
        number = self.heads()[-1]["head"]
        self.stack.query(f"DELETE FROM seal_invoices; DELETE FROM seal_heads WHERE head_number = {number}", SUPERUSER)
        self.file.write_text("".join(self.file.read_text().splitlines(keepends=True)[:-1]))
        self.assertEqual(self.stack.json("verify")["notes"], ["2 final invoices are under no signed head yet"])
        self.assertEqual(self.stack.json("seal", "--now")["invoices"], 2)
        self.assertEqual(self.stack.json("seal", "--now")["heads"], 0)
        self.assertEqual(len(self.heads()[-1]["finals"]), 2)
        self.file.write_text("".join(self.file.read_text().splitlines(keepends=True)[:-1]))
        self.stack.query("UPDATE seal_invoices SET number = number || '0'", SUPERUSER)
        self.assertIn("its invoices are not those it was signed over", self.stack.run("seal", "--now", status=1).stderr)
        self.stack.query("UPDATE seal_invoices SET number = left(number, -1)", SUPERUSER)
        self.stack.run("seal", "--now")
        self.assertEqual(len(self.heads()[-1]["finals"]), 2)
        self.assertEqual(self.stack.json("verify")["notes"], [])

    def test_3_deleted_with_its_run_and_numbers_and_billed_again(self):
        """First so that the rows under heads tell, then without these, then without the heads. Only who has the key can go on from
        there, and that stays in the file."""
        lost = self.heads()[-1]
        first = self.stack.query("SELECT number, encode(document_sha256, 'hex') FROM invoices ORDER BY 1")
        missed = [(tenant, f"invoice {number}", f"final invoice that head {lost['head']} was signed over", f"SHA-256 {sha256}",
                   "none: it was deleted, or replaced by another") for tenant, (number, sha256) in zip(("acme", "other"), first)]
        self.stack.query(f"{FREE} DELETE FROM invoice_lines; DELETE FROM invoice_free_tiers; DELETE FROM invoices; DELETE FROM rating_runs;"
                         "UPDATE invoice_numbers SET last_number = 0", SUPERUSER)
        again = self.rate()
        self.assertEqual([invoice["invoice"]["number"] for invoice in again], [number for number, _ in first])
        self.assertEqual(self.differences(), {"invoices": missed})
        self.assertIn("invoice MB-2026-000001, head", independent_check(self.stack, status=3))

        self.stack.query(f"{FREE} DELETE FROM seal_invoices WHERE head_number = {lost['head']}", SUPERUSER)
        found = self.differences()
        self.assertEqual(found["invoices"], missed, "the heads file names them")
        self.assertEqual([what for _, _, what, *_ in found["heads"]], ["final invoices", "digest over the final invoices"])
        self.assertIn(f"head {lost['head']}: digest", independent_check(self.stack, status=3))

        self.stack.query(f"{FREE} DELETE FROM seal_invoices; DELETE FROM seal_heads WHERE head_number >= {lost['head']}", SUPERUSER)
        found = self.differences()
        self.assertIn(f"head {self.heads()[-1]['head']} of {self.file} is missing", self.stack.run("seal", "--now", status=1).stderr)
        self.assertEqual(set(missed) - set(found["invoices"]), set(), "the heads file names them")
        self.assertIn("none: the database was rolled back or rewritten", {row[4] for row in found["heads"]})

        self.stack.run("seal", "--accept-restore", "disk lost")
        self.assertEqual(self.stack.json("seal", "--now")["invoices"], 2)
        self.assertIn("disk lost", self.stack.json("verify")["notes"][0])


if __name__ == "__main__":
    unittest.main()
