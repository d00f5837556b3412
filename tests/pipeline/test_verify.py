"""`millibill verify` finds nothing on a clean stack, and names whatever the database's owner changed."""
import datetime
import json
import tempfile
import unittest
from pathlib import Path

from harness import SUPERUSER, Stack, wait_until

MONTH = "2026-05"


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


class Verify(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})  # nothing is sealed while it is changed
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        with tempfile.TemporaryDirectory() as files:
            cls.fill(Path(files))

    @classmethod
    def fill(cls, files):
        """Imports with copies, a conflict, lines and records in quarantine, a replay, exec, emits, losses, final invoices."""
        stack = cls.stack

        def load(tenant, name, text, *options):
            (files / name).write_text(text)
            words = ("--tenant", tenant) if tenant else ()
            return stack.json("import", *words, "--format", "ndjson", *options, files / name)

        many = "".join(record(f"m{i}", f"2026-05-{1 + i % 28:02}T{i % 24:02}:00:00.5Z", str(1 + i % 977) + ".25",
                              function=f"fn-{i % 3}", memory_mb=128 << i % 4, init_duration_ms="12.5" if i % 5 == 0 else "0",
                              max_memory_used_mb=30 + i % 90, architecture="arm64" if i % 7 == 0 else "x86_64",
                              status="error" if i % 11 == 0 else "ok") for i in range(3000))
        load("acme", "first", many + record("twice") + record("twice") + "no line of any format\n" + record("no", memory_mb=-1))
        load("acme", "again", many)
        load("acme", "conflict", record("twice", duration_ms="777", max_memory_used_mb=99))
        load("other", "other", "".join(record(f"o{i}", "2026-05-31T23:59:59.9Z") for i in range(10)))
        load("other", "edge", record("o1", "2026-06-01T00:00:00.1Z") + record("june", "2026-06-02T00:00:00Z"))
        load(None, "late", "".join(record(f"l{i}", tenant="latecomer") for i in range(5)) + record("l1", tenant="latecomer"))
        stack.run("tenant", "add", "latecomer", "--account", "acme")  # two tenants share a free tier
        stack.run("quarantine", "replay")
        stack.run("tenant", "add", "live")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        stack.run("emit", input=record("s1", now, tenant="live") + record("s2", now, tenant="live"))
        stack.run("exec", "--tenant", "live", "--function", "nap", "--memory", "256", "--region", "us-east-1", "--", "true")
        wait_until(lambda: stack.number("SELECT coalesce(sum(records), 0) FROM segments JOIN tenants USING (tenant_id) "
                                        "WHERE name = 'live'") == 3, "the live records arrive")
        stack.run("rate", "--month", MONTH, "--final")
        load("acme", "too-late", record("after-the-invoice") + record("m1", "2026-05-02T01:00:00.5Z", "9.25"))

    def verify(self, *options, status=0):
        return self.stack.json("verify", *options, status=status)

    def changed(self, change, restore, *options):
        """What verify finds while something is changed; it is put back and clean again afterwards."""
        self.stack.query(change, SUPERUSER)
        try:
            answer = self.verify(*options, status=3)
            text = self.stack.run("verify", *options, status=3).stdout
        finally:
            self.stack.query(restore, SUPERUSER)
        self.assertFalse(answer["ok"])
        found = {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}
        for differences in found.values():
            for difference in differences[:20]:
                self.assertIn(f"{difference['what']}: expected {difference['expected']}, found {difference['found']}", text)
        self.assertTrue(self.verify()["ok"])
        return found

    def kept_aside(self, table, where, change, *options):
        """Rows of a table are copied, changed by `change`, and put back from the copy."""
        return self.changed(f"CREATE TABLE aside AS SELECT * FROM {table} WHERE {where}; {change}",
                            f"DELETE FROM {table} WHERE {where}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM aside; "
                            "DROP TABLE aside", *options)

    def one(self, table, order="1"):
        tenant, hour, segment = self.stack.query(
            f"SELECT tenant_id, hour, segment_id FROM {table} JOIN tenants USING (tenant_id) WHERE name = 'acme' AND hour < '2026-06-01Z' "
            f"ORDER BY {order} LIMIT 1")[0]
        return f"tenant_id = {tenant} AND hour = '{hour}' AND segment_id = {segment}", int(segment)

    # --- conservation

    PLACES = ("billed", "copies", "conflicts", "reversed", "quarantined", "lost")

    def test_the_summary_accounts_for_every_record_of_every_source(self):
        rows = self.verify()["conservation"]
        self.assertGreaterEqual({row["source"] for row in rows}, {"import", "socket"})
        for row in rows:
            self.assertEqual((row["emitted"], row["unaccounted"]), (sum(row[place] for place in self.PLACES), 0), row)
            self.assertEqual(row["lost"], sum(row["lost_by_reason"].values()), row)
        number = self.stack.number
        for place, sql in (("billed", "SELECT sum(invocations) FROM rollups"), ("copies", "SELECT count(*) FROM exclusions WHERE reason = 'copy'"),
                           ("conflicts", "SELECT count(*) FROM quarantine WHERE reason = 'conflict'"),
                           ("quarantined", "SELECT count(*) FROM quarantine WHERE reason NOT IN ('conflict', 'sequence_reused') AND replayed_at IS NULL"),
                           ("lost", "SELECT sum(records) FROM losses")):
            self.assertEqual(sum(row[place] for row in rows), number(sql), place)
        text = self.stack.run("verify").stdout
        self.assertIn("emitted = billed + copies + conflicts + reversed + quarantined + lost", text)

    def test_a_record_that_went_away_is_unaccounted(self):
        where = "quarantine_id = (SELECT min(quarantine_id) FROM quarantine WHERE reason NOT IN ('conflict', 'unknown_tenant'))"
        self.stack.query(f"CREATE TABLE aside AS SELECT * FROM quarantine WHERE {where}; DELETE FROM quarantine WHERE {where}", SUPERUSER)
        try:
            self.assertEqual(sum(row["unaccounted"] for row in self.verify(status=3)["conservation"]), 1)
        finally:
            self.stack.query("INSERT INTO quarantine OVERRIDING SYSTEM VALUE SELECT * FROM aside; DROP TABLE aside", SUPERUSER)

    # --- clean

    def test_a_clean_stack_has_no_difference_and_says_what_is_not_covered(self):
        answer = self.verify()
        self.assertTrue(answer["ok"])
        checked = {check["name"]: check["checked"] for check in answer["checks"]}
        self.assertEqual(checked["segments"], self.stack.number("SELECT count(*) FROM segments"))
        self.assertEqual(checked["rollups"], self.stack.number("SELECT count(*) FROM rollups"))
        self.assertEqual(checked["exclusions"], self.stack.number("SELECT count(*) FROM exclusions"))
        self.assertEqual(checked["ledger"], self.stack.number("SELECT count(*) FROM ledger"))
        self.assertEqual(checked["invoices"], 3)
        for reason in ("copy", "conflict"):
            self.assertGreater(self.stack.number(f"SELECT count(*) FROM exclusions WHERE reason = '{reason}'"), 0)
        self.assertGreater(self.stack.number("SELECT count(*) FROM quarantine WHERE replayed_at IS NOT NULL"), 0)
        text = self.stack.run("verify").stdout
        self.assertEqual(text.count("\nok "), len(checked) - 1)
        self.assertIn("Not protected by a seal yet", text)

    def test_month_and_tenant_limit_what_is_read(self):
        answer = self.verify("--month", "2026-06", "--tenant", "other")
        checked = {check["name"]: check["checked"] for check in answer["checks"]}
        self.assertEqual((checked["segments"], checked["rollups"], checked["invoices"]), (2, 1, 0))

    def test_mistakes_of_the_caller(self):
        self.stack.run("verify", "--month", "2026-13", status=2)
        self.assertIn("nobody", self.stack.run("verify", "--tenant", "nobody", status=1).stderr)
        self.stack.run("verify", "--mnth", "x", status=2)

    def test_it_changes_nothing(self):
        tables = ("commits", "ledger", "segments", "rollups", "configs", "exclusions", "quarantine", "invoices", "rating_runs")
        count = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables) + ", last_receipt FROM installation"
        before = self.stack.query(count)
        self.verify()
        self.assertEqual(self.stack.query(count), before)

    def test_it_may_run_while_records_arrive(self):
        with tempfile.TemporaryDirectory() as files:
            path = Path(files) / "busy"
            path.write_text("".join(record(f"b{i}", f"2026-07-{1 + i % 28:02}T00:00:00Z") for i in range(60000)) + record("b1", "2026-07-02T00:00:00Z", "3"))
            importing = self.stack.popen("import", "--tenant", "busy", "--format", "ndjson", path)
            runs = 0
            while importing.poll() is None or runs == 0:
                self.assertTrue(self.verify()["ok"])
                runs += 1
            self.assertEqual(importing.wait(), 0)
        self.assertTrue(self.verify()["ok"])

    def test_a_kept_record_that_loses_to_an_earlier_one_is_no_difference(self):
        """May's search sees 30 April and 1 May; April's search then finds that the record kept was a copy itself."""
        with tempfile.TemporaryDirectory() as files:
            path = Path(files) / "chain"
            path.write_text(record("c", "2026-03-15T00:00:00Z"))
            self.stack.run("import", "--tenant", "chain", "--format", "ndjson", path)
            for time in ("2026-04-30T10:00:00Z", "2026-05-01T10:00:00Z"):
                path.write_text(record("c", time))
                self.stack.run("import", "--tenant", "chain", "--format", "ndjson", path)
            path.write_text(record("c", "2026-04-01T00:00:00Z"))
            self.stack.run("import", "--tenant", "chain", "--format", "ndjson", path)
        self.assertTrue(self.verify()["ok"])

    # --- one thing changed at a time

    def test_each_rollup_column(self):
        columns = ("invocations", "errors", "timeouts", "initializations", "duration_us", "init_us", "duration_1ms", "duration_100ms",
                   "with_init_1ms", "with_init_100ms", "cpu_us", "streamed_bytes", "capacity_records", "capacity_1s", "capacity_300s", "max_memory_used_mb", "max_duration_us")
        where = ("(tenant_id, hour, config_id) = (SELECT tenant_id, hour, config_id FROM rollups JOIN tenants USING (tenant_id) "
                 "WHERE name = 'acme' ORDER BY 2, 3 LIMIT 1)")
        changes = ", ".join(f"{column} = {column} + {i + 1}" for i, column in enumerate(columns))
        back = ", ".join(f"{column} = {column} - {i + 1}" for i, column in enumerate(columns))
        found = self.changed(f"UPDATE rollups SET {changes} WHERE {where}", f"UPDATE rollups SET {back} WHERE {where}")
        self.assertEqual(set(found), {"rollups"})
        self.assertEqual([difference["what"] for difference in found["rollups"]], list(columns))
        for i, difference in enumerate(found["rollups"]):
            self.assertEqual(int(difference["found"]) - int(difference["expected"]), i + 1)
            self.assertEqual(difference["tenant"], "acme")
            self.assertTrue(difference["hour"].startswith("2026-05-"))

    def test_a_rollup_row_that_is_missing_and_one_too_many(self):
        where = "tenant_id = (SELECT tenant_id FROM tenants WHERE name = 'other') AND hour >= '2026-06-01Z'"
        found = self.kept_aside("rollups", where, f"DELETE FROM rollups WHERE {where}")
        rows = [d for d in found["rollups"] if not d["what"].startswith("sums of a closed day")]  # which are then wrong too, if it was closed by now
        self.assertEqual([(d["what"], d["found"]) for d in rows], [("rollup row", "none")])
        found = self.changed(f"INSERT INTO rollups SELECT tenant_id, '2026-06-20T05:00Z', config_id, 1,0,0,0,1,0,1,100,1,100,0,0,0,1 "
                             f"FROM rollups WHERE {where}", "DELETE FROM rollups WHERE hour = '2026-06-20T05:00Z'")
        rows = [d for d in found["rollups"] if not d["what"].startswith("sums of a closed day")]
        self.assertEqual([(d["what"], d["expected"], d["hour"]) for d in rows], [("rollup row", "none", "2026-06-20T05:00:00Z")])

    def test_a_byte_of_a_segment(self):
        where, segment = self.one("segments")
        for place in (2, 40):
            found = self.kept_aside("segments", where, "UPDATE segments SET payload = set_byte(payload, "
                                    f"{place}, (get_byte(payload, {place}) + 1) % 256) WHERE {where}")
            self.assertIn((segment, "SHA-256 of the payload"), [(d["segment"], d["what"]) for d in found["segments"]])

    def test_a_segment_removed(self):
        where, _ = self.one("segments", "segment_id")
        found = self.kept_aside("segments", where, f"DELETE FROM segments WHERE {where}")
        self.assertIn("records in segments: billed + replayed", [d["what"] for d in found["ledger"]])
        self.assertTrue(found["rollups"] and found["invoices"])
        self.assertTrue(all(d["stream"] and d["sequence"] for d in found["ledger"]))

    def test_records_and_sources_of_a_segment(self):
        where, segment = self.one("segments")
        found = self.changed(f"UPDATE segments SET records = records + 1 WHERE {where}",
                             f"UPDATE segments SET records = records - 1 WHERE {where}")
        self.assertEqual({(d["segment"], d["what"]) for d in found["segments"]},
                         {(segment, "records in the payload"), (segment, "records that its sources name")})
        found = self.kept_aside("segments", where, f"UPDATE segments SET sources = set_byte(sources, 15, 250) WHERE {where}")
        self.assertTrue(any(d["sequence"] % 256 == 250 for d in found["ledger"]))
        found = self.kept_aside("segments", where, f"UPDATE segments SET sources = sources || '\\x00' WHERE {where}")
        self.assertEqual([(d["what"], d["found"]) for d in found["segments"]], [("records that its sources name", "-1")])

    def test_a_segment_moved_to_another_tenant(self):
        where, segment = self.one("segments")
        other = "(SELECT tenant_id FROM tenants WHERE name = 'other')"
        found = self.changed(f"CREATE TABLE aside AS SELECT * FROM segments WHERE {where};"
                             f"UPDATE segments SET tenant_id = {other} WHERE {where}",
                             f"DELETE FROM segments WHERE segment_id = {segment};"
                             "INSERT INTO segments OVERRIDING SYSTEM VALUE SELECT * FROM aside; DROP TABLE aside")
        self.assertEqual([(d["what"], d["expected"], d["found"]) for d in found["segments"]], [("tenant of a record", "other", "acme")])

    def test_a_ledger_row_removed_and_changed(self):
        where = "(stream_id, sequence) = (SELECT stream_id, min(sequence) + 1 FROM ledger GROUP BY 1 HAVING count(*) > 2 LIMIT 1)"
        stream, sequence = map(int, self.stack.query(f"SELECT stream_id, sequence FROM ledger WHERE {where}")[0])
        exact = f"stream_id = {stream} AND sequence = {sequence}"
        found = self.kept_aside("ledger", exact, f"DELETE FROM ledger WHERE {exact}")
        self.assertEqual([(d["stream"], d["sequence"], d["found"]) for d in found["streams"]],
                         [(stream, sequence, f"sequence {sequence} is missing")])
        self.assertEqual([(d["stream"], d["sequence"]) for d in found["ledger"]], [(stream, sequence)])
        for column in ("records", "billed", "quarantined", "lost"):
            found = self.changed(f"UPDATE ledger SET {column} = {column} + 1 WHERE {exact}",
                                 f"UPDATE ledger SET {column} = {column} - 1 WHERE {exact}")
            self.assertEqual({(d["stream"], d["sequence"]) for d in found["ledger"]}, {(stream, sequence)})

    def test_the_last_ledger_row_of_a_stream_removed(self):
        exact = "(stream_id, sequence) IN (SELECT stream_id, last_sequence FROM streams ORDER BY 1 LIMIT 1)"
        found = self.kept_aside("ledger", exact, f"DELETE FROM ledger WHERE {exact}")
        self.assertEqual(len(found["streams"]), 1)

    def test_a_row_of_quarantine_removed_or_marked_as_replayed(self):
        for reason in ("malformed", "conflict"):
            where = f"quarantine_id = (SELECT min(quarantine_id) FROM quarantine WHERE reason = '{reason}')"
            number = self.stack.number(f"SELECT quarantine_id FROM quarantine WHERE {where}")
            exact = f"quarantine_id = {number}"
            found = self.kept_aside("quarantine", exact, f"DELETE FROM quarantine WHERE {exact}")
            self.assertEqual(len(found["ledger"]), 1, reason)
            self.assertIn("quarantine", found["ledger"][0]["what"])
        found = self.changed(f"UPDATE quarantine SET replayed_at = now() WHERE {exact}",
                             f"UPDATE quarantine SET replayed_at = NULL WHERE {exact}")
        self.assertEqual([d["what"] for d in found["ledger"]], ["records in segments: billed + replayed"])

    def test_an_exclusion_removed_added_or_pointing_nowhere(self):
        where, segment = self.one("exclusions")
        ordinal = self.stack.number(f"SELECT min(ordinal) FROM exclusions WHERE segment_id = {segment}")
        where += f" AND ordinal = {ordinal}"  # a number: once the row is gone, another is the first
        found = self.kept_aside("exclusions", where, f"DELETE FROM exclusions WHERE {where}")
        self.assertIn("invocations", [d["what"] for d in found["rollups"]])
        self.assertTrue(found["invoices"])
        for change, what in ((f"kept_segment_id = 999999999", "segment of the record that an exclusion keeps"),
                             ("kept_ordinal = 1000000", "ordinal of the record that an exclusion keeps"),
                             ("kept_hour = hour, kept_segment_id = segment_id, kept_ordinal = ordinal", "record that an exclusion keeps"),
                             ("segment_id = 999999999", "segment of an excluded record"),
                             ("sequence = sequence + 1", "batch that brought the excluded record")):
            found = self.changed(f"CREATE TABLE aside AS SELECT * FROM exclusions WHERE {where};"
                                 f"UPDATE exclusions SET {change} WHERE {where}",
                                 f"DELETE FROM exclusions WHERE segment_id = 999999999 OR ({where});"
                                 "INSERT INTO exclusions SELECT * FROM aside; DROP TABLE aside")
            self.assertEqual([d["what"] for d in found["exclusions"]], [what])

    def test_an_amount_of_an_invoice_line(self):
        where = ("(tenant_id, invoice_id, line) = (SELECT tenant_id, invoice_id, line FROM invoice_lines JOIN tenants USING (tenant_id) "
                 "WHERE name = 'acme' AND sku = 'duration' ORDER BY 3 LIMIT 1)")
        found = self.changed(f"UPDATE invoice_lines SET amount = amount + 0.01 WHERE {where}",
                             f"UPDATE invoice_lines SET amount = amount - 0.01 WHERE {where}")
        self.assertEqual(set(found), {"invoices"})
        self.assertEqual([d["what"].endswith("duration amount") for d in found["invoices"]], [True])
        self.assertIn("MB-", found["invoices"][0]["subject"])

    def test_an_invoice_line_removed(self):
        where = "(tenant_id, invoice_id, line) IN (SELECT tenant_id, invoice_id, max(line) FROM invoice_lines GROUP BY 1, 2 ORDER BY 1 LIMIT 1)"
        tenant, invoice, line = self.stack.query(f"SELECT tenant_id, invoice_id, line FROM invoice_lines WHERE {where}")[0]
        exact = f"tenant_id = {tenant} AND invoice_id = {invoice} AND line = {line}"
        found = self.kept_aside("invoice_lines", exact, f"DELETE FROM invoice_lines WHERE {exact}")
        self.assertEqual([d["what"] for d in found["invoices"]], ["number of lines in the table"])

    def test_a_total_of_an_invoice(self):
        where = "invoice_id = (SELECT min(invoice_id) FROM invoices WHERE state = 'final')"
        found = self.changed(f"UPDATE invoices SET total = total + 1 WHERE {where}", f"UPDATE invoices SET total = total - 1 WHERE {where}")
        self.assertEqual([d["what"] for d in found["invoices"]], ["table invoices, total"])
        found = self.changed(f"UPDATE invoices SET invocations = invocations + 1 WHERE {where}",
                             f"UPDATE invoices SET invocations = invocations - 1 WHERE {where}")
        self.assertEqual([d["what"] for d in found["invoices"]], ["table invoices, invocations"])

    def test_a_free_tier_of_an_invoice(self):
        where = "invoice_id = (SELECT min(invoice_id) FROM invoices WHERE state = 'final')"
        found = self.changed(f"UPDATE invoice_free_tiers SET used = used + 1 WHERE {where}",
                             f"UPDATE invoice_free_tiers SET used = used - 1 WHERE {where}")
        self.assertEqual({d["what"].split(", ")[1] for d in found["invoices"]}, {"used"})

    def test_a_byte_of_a_document_and_one_whose_digest_was_made_anew(self):
        where = "invoice_id = (SELECT invoice_id FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'acme' AND state = 'final')"
        change = "document = regexp_replace(document, '\"total\":\"(.*?)\"', '\"total\":\"0.07\"')"
        aside = f"CREATE TABLE aside AS SELECT invoice_id, document, document_sha256 FROM invoices WHERE {where};"
        restore = ("UPDATE invoices i SET document = a.document, document_sha256 = a.document_sha256 FROM aside a "
                   "WHERE a.invoice_id = i.invoice_id; DROP TABLE aside")
        found = self.changed(f"{aside} UPDATE invoices SET {change} WHERE {where}", restore)
        self.assertIn("SHA-256 of the document", [d["what"] for d in found["invoices"]])
        found = self.changed(f"{aside} UPDATE invoices SET {change} WHERE {where};"
                             f"UPDATE invoices SET document_sha256 = sha256(convert_to(document, 'UTF8')) WHERE {where}", restore)
        whats = [d["what"] for d in found["invoices"]]
        self.assertNotIn("SHA-256 of the document", whats)
        self.assertTrue(any(what.startswith("document rated again") and what.endswith("total") for what in whats), whats)
        found = self.changed(f"{aside} UPDATE invoices SET document = 'no document' WHERE {where}", restore)
        self.assertIn("document", [d["what"] for d in found["invoices"]])

    def test_a_price_book_that_was_changed(self):
        aside = "CREATE TABLE aside AS SELECT sha256, source FROM price_books;"
        found = self.changed(f"{aside} UPDATE price_books SET source = source || E'\\n# more'",
                             "UPDATE price_books b SET source = a.source FROM aside a WHERE a.sha256 = b.sha256; DROP TABLE aside")
        self.assertEqual({d["what"] for d in found["invoices"]}, {"rated again from segments"})

    def test_a_commit_that_vanished(self):
        where = "commit_id = (SELECT max(c.commit_id) FROM commits c WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.commit_id = c.commit_id))"
        number = self.stack.number(f"SELECT commit_id FROM commits WHERE {where}")
        found = self.kept_aside("commits", f"commit_id = {number}", f"DELETE FROM commits WHERE commit_id = {number}")
        self.assertTrue(found["receipts"])


if __name__ == "__main__":
    unittest.main()
