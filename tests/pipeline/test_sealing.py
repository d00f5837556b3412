"""Sealing believes the database nothing that the key did not sign, and waits for another sealer no longer than it should."""
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from nacl.signing import SigningKey

from harness import ROOT, SUPERUSER, Stack, environment, wait_until
from test_seals import independent_check

SEALED = "not one that was sealed here"


def record(request_id, started="2026-05-10T12:00:00Z"):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": 100}) + "\n"


def load(stack, *requests):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage"
        path.write_text("".join(map(record, requests)))
        return stack.json("import", "--tenant", "acme", "--format", "ndjson", path)


class Forged(unittest.TestCase):
    """Who owns the database writes heads of its own: they must not get into the file, nor become the base of the next one."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        load(cls.stack, "first")
        cls.stack.run("seal", "--now")
        cls.stack.run("seal", "--month", "2026-05")  # a head that made a root
        cls.file = cls.stack.data / "seals" / "heads.jsonl"

    def forge(self, change="digest"):
        """Head 3 after head 2, as the owner would write it; `change` says what of it is not right."""
        last = json.loads(self.file.read_text().splitlines()[-1])
        empty = hashlib.sha256(b"").hexdigest()
        head = {"head_number": last["head"] + 1, "receipt_from": last["receipt_to"] + 1, "receipt_to": last["receipt_to"], "previous": last["digest"]}
        if change == "previous":
            head["previous"] = "ab" * 32
        text = (f"millibill head 2\nnumber {head['head_number']}\ndatabase {last['database']}\nreceipts {head['receipt_from']} {head['receipt_to']}\n"
                f"books 0 {empty}\nseals 0 {empty}\nroots 0 {empty}\ninvoices 0 {empty}\nsigned 2026-11-01T00:00:00Z\nprevious {head['previous']}\n").encode()
        digest = hashlib.sha256(text if change != "digest" else b"something else").digest()
        key = SigningKey.generate()
        public = key.verify_key.encode().hex() if change == "key" else last["public_key"]
        return ("INSERT INTO seal_heads (head_number, incarnation, receipt_from, receipt_to, books, books_digest, seals, seals_digest, roots, "
                f"roots_digest, signed_at, previous, digest, public_key, signature, version, invoices_digest) VALUES ({head['head_number']}, '\\x{last['database']}', "
                f"{head['receipt_from']}, {head['receipt_to']}, 0, '\\x{empty}', 0, '\\x{empty}', 0, '\\x{empty}', '2026-11-01Z', "
                f"'\\x{head['previous']}', '\\x{digest.hex()}', '\\x{public}', '\\x{key.sign(digest).signature.hex()}', 2, '\\x{empty}')")

    def refused(self):
        """Nothing is appended and nothing sealed; the message."""
        before, heads = self.file.read_text(), self.stack.number("SELECT count(*) FROM seal_heads")
        load(self.stack, f"more-{len(before)}-{time.monotonic_ns()}")
        message = self.stack.run("seal", "--now", status=1).stderr
        self.assertEqual(self.file.read_text(), before)
        self.assertEqual(self.stack.number("SELECT count(*) FROM seal_heads"), heads)
        return message

    def test_a_head_that_the_key_did_not_sign_goes_no_further(self):
        for change, reason in (("digest", "its digest is wrong"), ("signature", "its signature is not valid"),
                               ("key", "it was signed with another key"), ("previous", "it does not follow the last one of the heads file")):
            self.stack.query(self.forge(change), SUPERUSER)
            try:
                message = self.refused()
            finally:
                self.stack.query("DELETE FROM seal_heads WHERE head_number = (SELECT max(head_number) FROM seal_heads)", SUPERUSER)
            self.assertRegex(message, rf"head \d+ of the database is {SEALED}: {reason}")
        self.assertEqual(self.stack.json("seal", "--now")["heads"], 1)
        self.stack.run("verify")

    def test_a_head_that_a_crash_kept_out_of_the_file_is_appended_unless_its_root_was_changed(self):
        load(self.stack, "for-a-root")
        self.stack.run("seal", "--month", "2026-05")
        lines = self.file.read_text().splitlines(keepends=True)
        number = json.loads(lines[-1])["head"]
        self.assertEqual(len(json.loads(lines[-1])["months"]), 1)
        self.file.write_text("".join(lines[:-1]))
        where = f"WHERE head_number = {number}"
        turned = "UPDATE seal_roots SET signature = set_byte(signature, 3, (get_byte(signature, 3) + 1) % 256)"
        for change, reason in ((f"{turned} {where}", "the signature of one of its roots is not valid"),
                               (f"DELETE FROM seal_roots {where}", "its roots are not those it was signed over")):
            self.stack.query(f"CREATE TABLE aside AS SELECT * FROM seal_roots {where}; {change}", SUPERUSER)
            try:
                self.assertIn(f"head {number} of the database is {SEALED}: {reason}", self.refused())
            finally:
                self.stack.query(f"DELETE FROM seal_roots {where}; INSERT INTO seal_roots SELECT * FROM aside; DROP TABLE aside", SUPERUSER)
        self.stack.run("seal", "--now")
        self.assertEqual([json.loads(line)["head"] for line in self.file.read_text().splitlines()], list(range(1, number + 2)))
        self.assertEqual(self.file.read_text().splitlines(keepends=True)[:number], lines)
        self.stack.run("verify")

    def test_the_superuser_of_a_stack_that_does_not_seal_by_itself_reaches_no_sealing_key(self):
        """`seal_every_s: 0`: key, heads and their folders belong to who started the stack, not to the user PostgreSQL runs as."""
        key = self.stack.data / "keys" / "seal.key"
        for path in (key, key.parent, self.file, self.file.parent):
            self.assertEqual(path.stat().st_uid, os.geteuid(), path)
        server = Path(f"/proc/{self.stack.pid('postgres')}").stat().st_uid
        for sql in (f"SELECT pg_read_file('{key}')", f"COPY (SELECT 1) TO PROGRAM 'mv {key} {key}.old'",
                    f"COPY (SELECT 'no head') TO PROGRAM 'cat >>{self.file}'"):
            if server != os.geteuid():
                refused = self.stack._psql(sql, SUPERUSER)
                self.assertNotEqual(refused.returncode, 0, sql)
                self.assertRegex(refused.stderr, "Permission denied|failed")
        self.assertEqual(len(self.stack.json("verify")["notes"]), 0)

    def test_a_heads_file_that_lost_more_than_its_last_line(self):
        """A copy may be older; the file itself never lacks more than the newest."""
        text = self.file.read_text()
        lines = text.splitlines(keepends=True)
        for kept in (0, len(lines) - 2):
            copy = self.stack.data / "copy"
            copy.write_text("".join(lines[:kept]))
            self.assertIn(f"the {len(lines) - kept} newest heads are not in", self.stack.json("verify", "--heads", copy)["notes"][0])
            self.file.write_text("".join(lines[:kept]))
            try:
                answer = self.stack.json("verify", status=3)
            finally:
                self.file.write_text(text)
            found = [(d["what"], d["expected"], d["found"]) for check in answer["checks"] for d in check["differences"]]
            self.assertEqual(found, [("last head of the heads file, which lacks the newest at most", str(len(lines)), str(kept))])


class Replaced(unittest.TestCase):
    def test_a_key_that_was_replaced_is_good_for_what_it_signed_and_for_nothing_after(self):
        with Stack(settings={"seal_every_s": 0}) as stack:
            keys = stack.data / "keys"
            for round_ in ("one", "two"):
                load(stack, round_)
                stack.run("seal", "--now")
                (keys / "seal.key").rename(keys / round_)
                stack.run("seal", "--make-key")
            self.assertEqual(len((keys / "seal.pub").read_text().splitlines()), 3)
            stack.run("seal", "--make-key")  # changes nothing
            load(stack, "three")
            stack.run("seal", "--now")
            self.assertEqual((stack.json("verify")["ok"], len((keys / "seal.pub").read_text().splitlines())), (True, 3))
            self.assertIn("ok", independent_check(stack))
            shutil.copy(keys / "one", keys / "seal.key")  # somebody has it still
            load(stack, "four")
            stack.run("seal", "--now")
            answer = stack.json("verify", status=3)
            found = [(d["subject"], d["what"]) for check in answer["checks"] for d in check["differences"]]
            self.assertEqual(found, [("head 4", "public key, after a head that a later key signed")])
            self.assertIn("head 4: a key that a later one replaced", independent_check(stack, status=3))
            stack.query("DELETE FROM seals WHERE head_number = 4; DELETE FROM seal_heads WHERE head_number = 4", SUPERUSER)
            stack.run("seal", "--accept-restore", "with the stolen key")
            answer = stack.json("verify", status=3)
            found = [d["what"] for check in answer["checks"] for d in check["differences"]]
            self.assertEqual(found, ["key that signed a line `restored` in the heads file"])


class HandedOver(unittest.TestCase):
    def test_sealing_goes_from_the_collector_to_who_started_the_stack_and_back(self):
        with Stack(settings={"seal_every_s": 1, "seal_after_s": 0}) as stack:
            file, settings = stack.data / "seals" / "heads.jsonl", stack.data / "millibill.yaml"

            def sealed(count):
                return file.exists() and len(file.read_text().splitlines()) == count

            load(stack, "a")
            wait_until(lambda: sealed(1), "the collector seals")
            server = Path(f"/proc/{stack.pid('postgres')}").stat().st_uid
            for every, count, owner in ((0, 2, os.geteuid()), (1, 3, server)):
                stack.down()
                settings.write_text(settings.read_text().replace(f"seal_every_s: {1 - every}", f"seal_every_s: {every}"))
                stack.up()
                self.assertEqual({path.stat().st_uid for path in (file, stack.data / "keys" / "seal.key")}, {owner})
                load(stack, f"b{every}")
                if every == 0:
                    stack.run("seal", "--now")
                wait_until(lambda: sealed(count), "the next head is in the file")
            stack.run("verify")


class Elsewhere(unittest.TestCase):
    def test_whoever_does_not_believe_the_server_verifies_a_dump_on_one_of_his_own(self):
        """As SECURITY.md says: with copies of the heads file and of the public key, by our program and by the independent one."""
        with Stack(settings={"seal_every_s": 0}) as stack, tempfile.TemporaryDirectory() as away:
            load(stack, "a", "b", "c")
            stack.run("rate", "--month", "2026-05", "--final")
            server = stack.status()["database"].split(" dbname")[0]
            copies = [shutil.copy(path, away) for path in (stack.data / "keys" / "seal.pub", stack.data / "seals" / "heads.jsonl")]

            def restored(name, change):
                """A dump of the schema, of what the owner gives out, in a database of its own."""
                stack.query(f"CREATE DATABASE {name}", SUPERUSER)
                dump = subprocess.run(["pg_dump", "-n", "millibill", "-d", f"{server} dbname=millibill user={SUPERUSER}"], capture_output=True, check=True)
                subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", f"{server} dbname={name} user={SUPERUSER}"], check=True,
                               input=dump.stdout + change.encode(), stdout=subprocess.DEVNULL)
                folder = Path(away) / name
                folder.mkdir()
                (folder / "millibill.yaml").write_text(f"embedded: false\ndatabase: \"{server} dbname={name}\"\n")
                return Stack(data=folder), f"{server} dbname={name} user={SUPERUSER} options=--search_path=millibill"

            for name, change, status in (("whole", "", 0), ("less", "SET session_replication_role = replica; DELETE FROM millibill.segments "
                                                            "WHERE segment_id = 1; DELETE FROM millibill.rollups;", 3)):
                there, conninfo = restored(name, change)
                there.run("verify", "--seal-public-key", copies[0], "--heads", copies[1], status=status)
                checked = subprocess.run([sys.executable, str(ROOT / "tests" / "oracle" / "seal_check.py"), "--database", conninfo, "--public-key",
                                          copies[0], "--heads", copies[1]], capture_output=True, text=True, env=environment(), check=False)
                self.assertEqual(checked.returncode, status, checked.stdout + checked.stderr)


class Waiting(unittest.TestCase):
    def test_who_waits_for_another_sealer_gives_up_and_a_stop_ends_the_wait(self):
        """One holds the heads file, as a sealer of another database would; the next waits for it, and others for that one."""
        with Stack(settings={"seal_every_s": 1, "seal_after_s": 0}) as stack:
            load(stack, "a")
            file = stack.data / "seals" / "heads.jsonl"
            wait_until(lambda: file.exists() and file.read_text(), "the collector seals")
            with open(file, "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                stack.query("SELECT 1")
                sealers = [stack.popen("seal", "--now", stderr=subprocess.PIPE) for _ in range(3)]
                time.sleep(3)  # the collector's turn comes every second: it waits too
                pid = stack.pid("collector")
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the collector stops")
                self.assertNotIn("in vain", stack.log("collector"))  # as it would say 20 s after it began to wait
                messages = [sealer.communicate(timeout=120)[1] for sealer in sealers]
                self.assertEqual([sealer.returncode for sealer in sealers], [1, 1, 1])
            self.assertTrue(all("waited 20 s in vain for another sealer" in message for message in messages), messages)
            stack.run("seal", "--now")
            stack.run("verify")


if __name__ == "__main__":
    unittest.main()
