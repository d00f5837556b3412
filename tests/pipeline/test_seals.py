"""Closed hours are sealed, chained and signed; `millibill verify` names what the database's owner changes, removes or sets back."""
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import ROOT, SUPERUSER, Stack, environment, wait_until

MONTH = "2026-05"
ZERO = "0" * 64


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


def history(prefix, count):
    """Records in twelve hours of four days."""
    return "".join(record(f"{prefix}{i}", f"2026-05-{1 + i % 4:02}T{i % 6 * 4:02}:00:00.5Z", f"{1 + i % 97}.25", function=f"f{i % 3}")
                   for i in range(count))


def load(stack, tenant, text, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage"
        path.write_text(text)
        return stack.json("import", "--tenant", tenant, "--format", "ndjson", *options, path)


def heads(stack):
    return [json.loads(line) for line in (stack.data / "seals" / "heads.jsonl").read_text().splitlines()]


def independent_check(stack, *options, status=0):
    """The second implementation, which follows doc/seals.md alone."""
    conninfo = f"{stack.status()['database']} user=millibill_rater options=--search_path=millibill"
    result = subprocess.run([sys.executable, str(ROOT / "tests" / "oracle" / "seal_check.py"), "--database", conninfo, "--public-key",
                             str(stack.data / "keys" / "seal.pub"), "--heads", str(stack.data / "seals" / "heads.jsonl"), *options],
                            capture_output=True, text=True, env=environment(), timeout=300, check=False)
    assert result.returncode == status, f"{result.stdout}{result.stderr}"
    return result.stdout


class Together(unittest.TestCase):
    def test_verify_may_run_while_hours_are_sealed(self):
        """What is sealed after its snapshot stands in the heads file, and is no step back of the database."""
        with Stack(settings={"seal_every_s": 0}) as stack:
            load(stack, "acme", history("a", 50))
            stack.run("seal", "--now")
            load(stack, "acme", history("b", 50))
            holder = stack.psql_process("BEGIN; LOCK TABLE millibill.rollups IN ACCESS EXCLUSIVE MODE;\n")
            try:
                verify = stack.popen("verify", "--json", stdout=subprocess.PIPE)
                wait_until(lambda: stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                                "AND usename = 'millibill_rater'", SUPERUSER) > 0, "verify waits")
                self.assertGreater(stack.json("seal", "--now")["seals"], 0)
            finally:
                holder.stdin.close()
                holder.wait(timeout=60)
            answer = json.loads(verify.communicate(timeout=120)[0])
            self.assertTrue(answer["ok"], answer)
            self.assertEqual(len(heads(stack)), 2)


class Seals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})  # only when we say so
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        stack = cls.stack
        load(stack, "acme", history("a", 300))
        load(stack, "other", history("o", 60) + "no line of any format\n")
        cls.first = stack.json("seal", "--now")
        cls.again = stack.json("seal", "--now")
        load(stack, "acme", record("late", "2026-05-01T00:30:00Z"))
        cls.late = stack.json("seal", "--now")
        load(stack, "acme", history("a", 100))  # copies: new segments and their exclusions
        cls.copies = stack.json("seal", "--now")
        stack.run("seal", "--month", MONTH)
        load(stack, "acme", record("open", "2026-05-09T09:00:00Z"))  # not sealed

    def verify(self, *options, status=0):
        return self.stack.json("verify", *options, status=status)

    def changed(self, change, restore, *options):
        """What verify finds while something is changed by the owner; it is put back and clean again afterwards."""
        self.stack.query(change, SUPERUSER)
        try:
            answer = self.verify(*options, status=3)
            text = self.stack.run("verify", *options, status=3).stdout
        finally:
            self.stack.query(restore, SUPERUSER)
        found = {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}
        for differences in found.values():
            for difference in differences[:20]:
                self.assertIn(f"{difference['what']}: expected {difference['expected']}, found {difference['found']}", text)
        self.assertTrue(self.verify()["ok"])
        return found

    def kept_aside(self, table, where, change, *options):
        return self.changed(f"CREATE TABLE aside AS SELECT * FROM {table} WHERE {where}; {change}",
                            f"DELETE FROM {table} WHERE {where}; INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM aside; "
                            "DROP TABLE aside", *options)

    def a_segment(self, hour="2026-05-02T04:00:00Z"):
        tenant, segment = self.stack.query(f"SELECT tenant_id, min(segment_id) FROM segments JOIN tenants USING (tenant_id) "
                                           f"WHERE name = 'acme' AND hour = '{hour}' GROUP BY 1")[0]
        return f"tenant_id = {tenant} AND hour = '{hour}' AND segment_id = {segment}", int(segment)

    # --- what is sealed

    def test_every_closed_hour_is_sealed_once(self):
        hours = self.stack.number("SELECT count(DISTINCT (tenant_id, hour)) FROM segments WHERE hour < '2026-05-09Z'")
        self.assertEqual(self.first["seals"], hours)
        self.assertEqual(self.first["records"], 360)
        self.assertEqual(self.again["seals"], 0)
        self.assertEqual(self.again["heads"], 0)
        for tenant in ("acme", "other"):
            numbers = self.stack.query(f"SELECT seal_number FROM seals JOIN tenants USING (tenant_id) WHERE name = '{tenant}' ORDER BY 1")
            self.assertEqual([int(row[0]) for row in numbers], list(range(1, len(numbers) + 1)))

    def test_a_late_record_makes_a_second_revision(self):
        self.assertEqual((self.late["seals"], self.late["records"]), (1, 1))
        rows = self.stack.query("SELECT revision, records, receipt_from, receipt_to FROM seals JOIN tenants USING (tenant_id) "
                                "WHERE name = 'acme' AND hour = '2026-05-01T00:00:00Z' ORDER BY revision")
        self.assertEqual([int(row[0]) for row in rows], [1, 2, 3])
        self.assertEqual(int(rows[1][1]), 1)
        self.assertEqual([int(row[2]) for row in rows[1:]], [int(row[3]) + 1 for row in rows[:-1]])

    def test_exclusions_are_sealed(self):
        self.assertEqual(self.copies["exclusions"], 100)

    def test_hours_without_a_seal_are_named(self):
        answer = self.verify()
        self.assertTrue(answer["ok"])
        self.assertEqual(answer["unsealed"], {"hours": 1, "oldest": "2026-05-09T09:00:00Z",
                                              "list": [{"tenant": "acme", "hour": "2026-05-09T09:00:00Z"}]})
        text = self.stack.run("verify").stdout
        self.assertIn("Not protected by a seal yet: 1 hour of tenants, the oldest 2026-05-09T09:00:00Z", text)
        checked = {check["name"]: check["checked"] for check in answer["checks"]}
        self.assertEqual(checked["seals"], self.stack.number("SELECT count(*) FROM seals"))
        self.assertEqual(checked["heads"], len(heads(self.stack)))

    def test_heads_are_chained_and_stand_in_the_file(self):
        """Matrix 40: the chain's head equals the signed head outside of the database."""
        lines = heads(self.stack)
        rows = self.stack.query("SELECT head_number, encode(digest, 'hex') FROM seal_heads ORDER BY 1")
        self.assertEqual([[str(line["head"]), line["digest"]] for line in lines], rows)
        self.assertEqual([line["previous"] for line in lines], [ZERO] + [line["digest"] for line in lines[:-1]])
        month = lines[-1]["months"]
        self.assertEqual([root["tenant"] for root in month], ["acme", "other"])
        self.assertEqual({root["month"] for root in month}, {MONTH})

    def test_a_second_implementation_agrees(self):
        """Follows the documentation alone: digests, chain, heads, roots and signatures."""
        self.assertIn("ok", independent_check(self.stack))

    def test_ordinary_roles_cannot_change_what_is_sealed(self):
        for role in ("millibill_collector", "millibill_compactor", "millibill_rater", "millibill_reader"):
            for table in ("seals", "seal_heads", "seal_roots", "segments", "exclusions", "ledger"):
                for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET digest = '\\x00'" if table != "exclusions" else
                                  "UPDATE exclusions SET ordinal = 9", f"TRUNCATE {table}"):
                    result = self.stack._psql(statement, role)
                    self.assertNotEqual(result.returncode, 0, f"{role}: {statement}")
                    self.assertIn("permission denied", result.stderr)

    # --- what the owner changes

    def test_a_changed_byte_with_its_digest_made_anew(self):
        where, segment = self.a_segment()
        found = self.kept_aside("segments", where, "UPDATE segments SET payload = set_byte(payload, 40, (get_byte(payload, 40) + 1) % 256) "
                                f"WHERE {where}; UPDATE segments SET digest = sha256(payload) WHERE {where}")
        self.assertIn(segment, [d.get("segment") for d in found["seals"]])
        self.assertEqual(found["seals"][0]["hour"], "2026-05-02T04:00:00Z")
        self.assertEqual(found["seals"][0]["tenant"], "acme")
        self.assertNotIn("SHA-256 of the payload", [d["what"] for d in found.get("segments", [])])

    def test_an_hour_removed_together_with_its_rollups(self):
        tenant = self.stack.value("SELECT tenant_id FROM tenants WHERE name = 'acme'")
        where = f"tenant_id = {tenant} AND hour = '2026-05-04T12:00:00Z'"
        tables = ("segments", "rollups", "exclusions")
        found = self.changed("".join(f"CREATE TABLE aside_{t} AS SELECT * FROM {t} WHERE {where}; DELETE FROM {t} WHERE {where};" for t in tables),
                             "".join(f"INSERT INTO {t} OVERRIDING SYSTEM VALUE SELECT * FROM aside_{t}; DROP TABLE aside_{t};" for t in tables))
        # Of the rollups nothing tells but the sums of the day, if it was closed by now.
        self.assertLessEqual({d["what"] for d in found.get("rollups", [])}, {"sums of a closed day", "sums of a closed day by kind"})
        self.assertEqual({d["hour"] for d in found["seals"]}, {"2026-05-04T12:00:00Z"})
        self.assertEqual({d["found"] for d in found["seals"] if d.get("segment")}, {"none"})

    def test_a_removed_and_an_added_segment(self):
        where, segment = self.a_segment()
        found = self.kept_aside("segments", where, f"DELETE FROM segments WHERE {where}")
        self.assertIn((segment, "none"), [(d.get("segment"), d["found"]) for d in found["seals"]])
        found = self.changed(f"INSERT INTO segments (tenant_id, hour, segment_id, commit_id, records, digest, payload, sources) SELECT tenant_id, "
                             f"hour, 999999, commit_id, records, digest, payload, sources FROM segments WHERE {where}",
                             "DELETE FROM segments WHERE segment_id = 999999")
        self.assertIn(999999, [d.get("segment") for d in found["seals"]])

    def test_a_removed_and_a_changed_exclusion(self):
        where = ("(tenant_id, hour, segment_id, ordinal) = (SELECT tenant_id, hour, segment_id, ordinal FROM exclusions "
                 "ORDER BY 1, 2, 3, 4 LIMIT 1)")
        tenant, hour, segment, ordinal = self.stack.query("SELECT tenant_id, hour, segment_id, ordinal FROM exclusions ORDER BY 1, 2, 3, 4 LIMIT 1")[0]
        where = f"tenant_id = {tenant} AND hour = '{hour}' AND segment_id = {segment} AND ordinal = {ordinal}"
        for change in (f"DELETE FROM exclusions WHERE {where}", f"UPDATE exclusions SET reason = 'conflict' WHERE {where}"):
            found = self.kept_aside("exclusions", where, change)
            self.assertIn("sealed exclusions of the hour", [d["what"] for d in found["seals"]])

    def test_a_chain_in_another_order(self):
        """Two seals change places, their digests and all."""
        swap = ("UPDATE seals SET seal_number = CASE seal_number WHEN 3 THEN -3 ELSE -4 END WHERE seal_number IN (3, 4) AND tenant_id = {0};"
                "UPDATE seals SET seal_number = CASE seal_number WHEN -3 THEN 4 ELSE 3 END WHERE seal_number < 0 AND tenant_id = {0}")
        tenant = self.stack.value("SELECT tenant_id FROM tenants WHERE name = 'acme'")
        check = "ALTER TABLE seals DROP CONSTRAINT seals_seal_number_check;"
        back = ";ALTER TABLE seals ADD CONSTRAINT seals_seal_number_check CHECK (seal_number > 0)"
        found = self.changed(check + swap.format(tenant), swap.format(tenant) + back)
        self.assertIn("digest of the seal before it", [d["what"] for d in found["seals"]])

    def test_the_last_seal_and_its_head_deleted(self):
        """The chain in the database is whole: only the file tells."""
        number = self.stack.number("SELECT max(head_number) FROM seal_heads")
        found = self.changed(
            f"CREATE TABLE aside_roots AS SELECT * FROM seal_roots WHERE head_number = {number};"
            f"CREATE TABLE aside_heads AS SELECT * FROM seal_heads WHERE head_number = {number};"
            f"DELETE FROM seal_roots WHERE head_number = {number}; DELETE FROM seal_heads WHERE head_number = {number}",
            "INSERT INTO seal_heads SELECT * FROM aside_heads; INSERT INTO seal_roots SELECT * FROM aside_roots;"
            "DROP TABLE aside_heads; DROP TABLE aside_roots")
        self.assertEqual(set(found), {"heads"})
        self.assertEqual([(d["subject"], d["found"]) for d in found["heads"]],
                         [(f"head {number}", "none: the database was rolled back or rewritten")])

    def test_a_ledger_row_and_a_row_of_quarantine_changed(self):
        for table, change in (("ledger", "bytes = bytes + 1"), ("quarantine", "payload = payload || '\\x20'")):
            order = "stream_id, sequence" if table == "ledger" else "quarantine_id"
            key = self.stack.query(f"SELECT {order} FROM {table} ORDER BY {order} LIMIT 1")[0]
            where = f"({order}) = ({', '.join(key)})"
            found = self.kept_aside(table, where, f"UPDATE {table} SET {change} WHERE {where}")
            self.assertIn("digest over ledger, losses and quarantine", [d["what"] for d in found["heads"]], table)

    def test_another_key(self):
        """Who owns the database can sign anew, but not with the key."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "seal.pub"
            path.write_text("public " + "ab" * 32 + "\n")
            answer = self.verify("--seal-public-key", path, status=3)
        heads_check = next(check for check in answer["checks"] if check["name"] == "heads")
        self.assertEqual({d["what"] for d in heads_check["differences"]}, {"public key"})
        found = self.changed("CREATE TABLE aside AS SELECT * FROM seal_heads WHERE head_number = 2;"
                             "UPDATE seal_heads SET signature = set_byte(signature, 5, (get_byte(signature, 5) + 1) % 256) WHERE head_number = 2",
                             "UPDATE seal_heads h SET signature = a.signature FROM aside a WHERE h.head_number = a.head_number; DROP TABLE aside")
        self.assertEqual([d["what"] for d in found["heads"]], ["signature"])

    def test_a_heads_file_with_a_line_missing_torn_or_changed(self):
        lines = (self.stack.data / "seals" / "heads.jsonl").read_text().splitlines(keepends=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "heads"
            path.write_text("".join(lines[:1] + lines[2:]))
            self.verify("--heads", path, status=3)
            path.write_text("".join(lines).replace(json.loads(lines[1])["books_digest"], "12" * 32))
            self.verify("--heads", path, status=3)
            path.write_text("".join(lines[:-1]) + lines[-1][:70])  # a crash in the middle of the last line
            answer = self.verify("--heads", path)
            self.assertIn("newest head is not in", answer["notes"][0])
            self.verify("--heads", Path(folder) / "nothing", status=3)

    def test_a_key_that_others_may_read_is_refused(self):
        key = self.stack.data / "keys" / "seal.key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        key.chmod(0o640)
        try:
            self.assertIn("mode 0640", self.stack.run("seal", "--now", status=1).stderr)
        finally:
            key.chmod(0o600)


class Invoices(unittest.TestCase):
    """A final invoice prints the signed root of its month."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        load(cls.stack, "acme", history("a", 200))
        load(cls.stack, "acme", history("a", 20))
        cls.invoice = cls.stack.json("rate", "--month", MONTH, "--final")["invoices"][0]
        load(cls.stack, "acme", history("z", 40))
        cls.stack.run("seal", "--month", MONTH)  # a second revision of the root, which the invoice does not name

    def test_the_month_is_sealed_before_it_is_billed(self):
        evidence = self.invoice["evidence"]
        root = heads(self.stack)[evidence["head"] - 1]["months"][0]
        self.assertEqual((root["root"], root["signature"], root["revision"]), (evidence["root"], evidence["signature"], evidence["revision"]))
        self.assertEqual(evidence["seals"], 12)
        self.assertEqual(self.stack.number("SELECT max(revision) FROM seal_roots"), 2)
        self.assertTrue(self.stack.json("verify")["ok"])
        self.assertIn("ok", independent_check(self.stack))

    def test_the_root_is_printed(self):
        number, evidence = self.invoice["invoice"]["number"], self.invoice["evidence"]
        for form in ("text", "html", "json"):
            page = self.stack.run("invoice", "render", number, "--format", form).stdout
            self.assertIn(evidence["root"], page, form)
            self.assertIn(evidence["public_key"], page, form)
        self.assertIn(f"12 seals, head {evidence['head']}, root", self.stack.run("invoice", "render", number, "--format", "text").stdout)

    def test_a_preview_names_no_seals(self):
        load(self.stack, "june", record("j", "2026-06-01T00:00:00Z"))
        invoices = self.stack.json("rate", "--month", "2026-06", "--preview")["invoices"]
        self.assertEqual({invoice["invoice"]["tenant"] for invoice in invoices}, {"june", "acme"})  # acme's late usage of May is an adjustment
        for invoice in invoices:
            self.assertNotIn("evidence", invoice)

    def test_evidence_taken_from_an_invoice_is_told(self):
        aside = "CREATE TABLE aside AS SELECT invoice_id, document, document_sha256 FROM invoices WHERE state = 'final';"
        restore = ("UPDATE invoices i SET document = a.document, document_sha256 = a.document_sha256 FROM aside a "
                   "WHERE a.invoice_id = i.invoice_id; DROP TABLE aside")
        rehash = "UPDATE invoices SET document_sha256 = sha256(convert_to(document, 'UTF8')) WHERE state = 'final'"
        for change in ("regexp_replace(document, ',\"evidence\":{.*?}', '')",
                       f"replace(document, '{self.invoice['evidence']['root']}', '{'ab' * 32}')"):
            self.stack.query(f"{aside} UPDATE invoices SET document = {change} WHERE state = 'final'; {rehash}", SUPERUSER)
            try:
                answer = self.stack.json("verify", status=3)
            finally:
                self.stack.query(restore, SUPERUSER)
            found = {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}
            self.assertEqual(set(found), {"invoices"})
            self.assertTrue(any("evidence" in d["what"] for d in found["invoices"]), found)

    def test_without_the_key_no_invoice_becomes_final(self):
        key = self.stack.data / "keys" / "seal.key"
        load(self.stack, "keyless", record("k", "2026-04-01T00:00:00Z"))
        key.rename(key.with_suffix(".away"))
        try:
            self.assertIn("a final invoice names its seals", self.stack.run("rate", "--month", "2026-04", "--final", status=1).stderr)
            self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE period_start < '2026-05-01Z'"), 0)
        finally:
            key.with_suffix(".away").rename(key)


class SetBack(unittest.TestCase):
    """A whole database from yesterday, put in the place of today's."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)

    def test_a_restored_database_is_told_by_the_heads_file(self):
        """Matrix 40: a backup that is as new as the file verifies; an older one does not, until the operator says that it was meant."""
        stack = self.stack
        cluster, copy = stack.data / "pg", stack.data / "copy"
        load(stack, "acme", history("a", 50))
        stack.run("seal", "--now")
        stack.down()
        shutil.copytree(cluster, copy, symlinks=True)
        subprocess.run(["cp", "-a", "--attributes-only", f"{cluster}/.", f"{copy}/"], check=True)
        stack.up()
        self.assertTrue(stack.json("verify")["ok"])  # the drill: chain head = signed external head
        load(stack, "acme", history("b", 50))
        stack.run("seal", "--now")
        last = heads(stack)[-1]["head"]
        stack.down()
        shutil.rmtree(cluster)
        copy.rename(cluster)
        stack.up()
        answer = stack.json("verify", status=3)
        found = {check["name"]: check["differences"] for check in answer["checks"] if check["differences"]}
        self.assertEqual(set(found), {"heads"})
        self.assertEqual(found["heads"][-1]["subject"], f"head {last}")
        self.assertIn("rolled back", found["heads"][-1]["found"])
        refused = stack.run("seal", "--now", status=1)
        self.assertIn(f"the database was rolled back or rewritten: head {last} of", refused.stderr)
        stack.run("seal", "--accept-restore", "restore drill")
        answer = stack.json("verify")
        self.assertIn("restore drill", answer["notes"][0])
        load(stack, "acme", history("c", 50))
        stack.run("seal", "--now")
        self.assertTrue(stack.json("verify")["ok"])
        self.assertIn("it was not set back", stack.run("seal", "--accept-restore", "again", status=1).stderr)


class Background(unittest.TestCase):
    def test_the_collector_seals_by_itself(self):
        with Stack(settings={"seal_every_s": 1, "seal_after_s": 0}) as stack:
            load(stack, "acme", history("a", 50))
            wait_until(lambda: stack.number("SELECT coalesce(sum(records), 0) FROM seals") == 50, "all is sealed", 60)
            wait_until(lambda: heads(stack), "the head is in the file")
            self.assertTrue(stack.json("verify")["ok"])


if __name__ == "__main__":
    unittest.main()
