"""Log files that the agent follows: rotated, truncated, deleted and half written while the agent is killed."""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import Stack, wait_until

TENANTS = ("rotated", "nameless", "truncated", "deleted", "away", "partial", "pattern", "reused", "imported")
SECONDS = float(os.environ.get("FOLLOW_SECONDS", "8"))  # of rotation under load
SEED = int(os.environ.get("FOLLOW_SEED", "20261123"))


def line(tenant, number, named=True):
    record = {"tenant": tenant, "function": "f", "memory_mb": 128, "started_at": "2026-05-01T10:00:00Z",
              "duration_ms": number % 500 + 1}
    if named:
        record["request_id"] = f"{tenant}-{number}"
    return json.dumps(record) + "\n"


class Writer:
    """A program that keeps its log open, writes lines in two pieces, and reopens the log some time after a rotation."""

    def __init__(self, test, folder, tenant, named=True):
        self.path = folder / "fn.log"
        self.tenant, self.named = tenant, named
        self.written = self.rotated = 0
        self.file = None
        self.reopen()
        test.addCleanup(lambda: self.file.close())

    def reopen(self):
        if self.file is not None:
            self.file.close()
        self.file = open(self.path, "ab", buffering=0)

    def write(self, count=1, pause=0.0):
        for _ in range(count):
            text = line(self.tenant, self.written, self.named).encode()
            cut = self.written * 37 % len(text)
            self.file.write(text[:cut])
            time.sleep(pause)
            self.file.write(text[cut:])
            self.written += 1

    def rotate(self):
        for i in range(self.rotated, 0, -1):  # fn.log.1 becomes fn.log.2, as logrotate does
            os.rename(f"{self.path}.{i}", f"{self.path}.{i + 1}")
        os.rename(self.path, f"{self.path}.1")
        self.rotated += 1
        self.write(3)
        self.reopen()


class Follow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.logs = Path(tempfile.mkdtemp(prefix="mb-logs-"))
        cls.addClassCleanup(shutil.rmtree, cls.logs, ignore_errors=True)
        cls.logs.chmod(0o755)
        for tenant in TENANTS:
            (cls.logs / tenant).mkdir()
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        for tenant in TENANTS:
            cls.stack.run("tenant", "add", tenant)
        cls.stack.down()
        settings = cls.stack.data / "millibill.yaml"
        text = "".join(row for row in settings.read_text().splitlines(True) if not row.startswith("follow:"))
        settings.write_text(f"{text}follow:\n  - {{path: '{cls.logs}/[a-z]*[a-z]/fn*.log', format: ndjson}}\n")
        cls.stack.up()

    def records(self, tenant):
        """Records in the evidence, copies included."""
        return self.stack.number("SELECT sum(records) FROM segments JOIN tenants USING (tenant_id) "
                                 f"WHERE name = '{tenant}'")

    def losses(self, tenant):
        return [reason for reason, in self.stack.query(
            f"SELECT reason FROM losses WHERE source LIKE '{self.logs}/{tenant}/%' ORDER BY commit_id, ordinal")]

    def expect(self, tenant, count):
        """Each line once: so many, then no more, and nothing in quarantine."""
        try:
            wait_until(lambda: self.records(tenant) >= count, f"{count} records of {tenant}", 120, 0.3)
        except AssertionError:
            self.stack.show_logs()
            there = self.stack.query("SELECT source, count(*) FROM losses GROUP BY 1")
            raise AssertionError(f"{tenant}: {self.records(tenant)} records of {count}, losses {there}") from None
        self.assertEqual(self.records(tenant), count)
        billed = self.stack.number("SELECT sum(invocations) FROM rollups JOIN tenants USING (tenant_id) "
                                   f"WHERE name = '{tenant}'")
        self.assertEqual(billed, count)
        self.assertEqual(self.stack.number("SELECT count(*) FROM quarantine WHERE source LIKE "
                                           f"'{self.logs}/{tenant}/%'"), 0)

    def restart(self, while_down):
        self.stack.down()
        while_down()
        self.stack.up()

    def under_kills(self, writer, rng):
        """Write and rotate for SECONDS while the agent is killed at random moments; returns how often it was."""
        writer.write()
        self.expect(writer.tenant, 1)  # a name has to be seen once; what comes and goes unseen before is nobody's
        stop = time.monotonic() + SECONDS
        kills = 0

        def load():
            while time.monotonic() < stop or not writer.rotated:
                writer.write(rng.randrange(1, 200), 0.0002)
                if rng.random() < 0.15:
                    writer.rotate()

        thread = threading.Thread(target=load)
        thread.start()
        while thread.is_alive():
            time.sleep(rng.random() * SECONDS / 4)
            self.stack.wait_running("agent", other_than=self.stack.kill("agent"))
            kills += 1
        thread.join()
        return kills

    def test_rotation_under_load_loses_nothing_though_the_agent_is_killed(self):
        """Matrix 36: renamed logs, an agent that is killed again and again: each line once, in the evidence too."""
        writer = Writer(self, self.logs / "rotated", "rotated")
        kills = self.under_kills(writer, random.Random(SEED))
        self.assertGreater(writer.rotated, 0)
        self.expect("rotated", writer.written)
        self.assertEqual(self.losses("rotated"), [])
        print(f"# {writer.written} lines, {writer.rotated} rotations, {kills} kills (seed {SEED})")

    def test_lines_without_an_id_are_neither_lost_nor_doubled(self):
        """Matrix 36: the same with lines that no finder of duplicates could tell apart from their copies."""
        writer = Writer(self, self.logs / "nameless", "nameless", named=False)
        self.under_kills(writer, random.Random(SEED + 1))
        self.expect("nameless", writer.written)
        excluded = self.stack.number("SELECT count(*) FROM exclusions JOIN tenants USING (tenant_id) "
                                     "WHERE name = 'nameless'")
        self.assertEqual(excluded, 0)

    def test_a_truncated_log_is_reported_and_read_anew(self):
        """Matrix 36: copytruncate: the loss is in the ledger and in the log, what follows is billed, nothing twice."""
        path = self.logs / "truncated" / "fn.log"
        writer = Writer(self, path.parent, "truncated")
        writer.write(100)
        self.expect("truncated", 100)
        shutil.copy(path, f"{path}.1")
        os.truncate(path, 0)
        writer.write(150)  # longer than what was read before
        self.expect("truncated", 250)
        self.assertEqual(self.losses("truncated"), ["file_truncated"])
        self.assertRegex(self.stack.log("agent"), rf'warn agent event=loss file="{path}" reason=file_truncated')
        self.stack.kill("agent")
        writer.write(1)
        self.expect("truncated", 251)
        self.assertEqual(self.losses("truncated"), ["file_truncated"])

    def test_a_deleted_log_is_read_to_its_end(self):
        """Matrix 36: what a writer still writes into a deleted file is billed."""
        writer = Writer(self, self.logs / "deleted", "deleted")
        writer.write(10)
        self.expect("deleted", 10)
        writer.path.unlink()
        writer.write(10)
        self.expect("deleted", 20)
        self.assertEqual(self.losses("deleted"), [])

    def test_what_happened_while_the_agent_was_away(self):
        """Matrix 36: rotated twice while it was down: nothing lost; a log that is gone unread, and its inode used again:
        reported; the new file read from its start."""
        rotated = Writer(self, self.logs / "away", "away")
        reused = Writer(self, self.logs / "reused", "reused")
        rotated.write(10)
        reused.write(10)
        self.expect("away", 10)
        self.expect("reused", 10)
        inode = reused.path.stat().st_ino

        def while_down():
            rotated.write(10)
            rotated.rotate()
            rotated.write(10)
            rotated.rotate()
            reused.write(1)
            reused.written = 10
            reused.path.unlink()
            reused.reopen()
            reused.write(5)
        self.restart(while_down)
        self.expect("away", 36)
        self.expect("reused", 15)
        wait_until(lambda: self.losses("reused"), "the loss is reported", 60)
        self.assertEqual(self.losses("reused"), ["file_vanished"])
        self.assertEqual(self.losses("away"), [])
        print(f"# inode {'used again' if reused.path.stat().st_ino == inode else 'not used again'}")

    def test_a_line_that_is_half_written_when_the_agent_dies(self):
        """Matrix 36: a part of a line is no record, before and after the kill."""
        path = self.logs / "partial" / "fn.log"
        whole = line("partial", 1)
        with open(path, "w") as out:
            out.write(line("partial", 0) + whole[:40])
        self.expect("partial", 1)
        self.stack.wait_running("agent", other_than=self.stack.kill("agent"))
        time.sleep(2)
        self.expect("partial", 1)
        with open(path, "a") as out:
            out.write(whole[40:])
        self.expect("partial", 2)

    def test_new_files_that_fit_the_pattern_are_found(self):
        """Matrix 36: a log that appears later is followed from its start."""
        for i in range(3):
            (self.logs / "pattern" / f"fn-{i}.log").write_text(line("pattern", i))
            self.expect("pattern", i + 1)

    def test_follow_on_the_command_line_goes_on_behind_an_import(self):
        """Matrix 36: `import` marks how far it read, `import --follow` goes on there, over a kill of the agent and of itself;
        an import of the whole file afterwards adds nothing, though its lines have no ids."""
        (self.logs / "by-hand-1").mkdir()
        writer = Writer(self, self.logs / "by-hand-1", "imported", named=False)
        writer.write(10)
        counts = self.stack.json("import", writer.path)
        self.assertEqual((counts["accepted"], counts["known"]), (10, 0))
        command = ("import", "--follow", "--format", "ndjson", writer.path)

        def followed(action):
            process = self.stack.popen(*command, stderr=subprocess.PIPE)
            try:
                action()
                self.expect("imported", writer.written)
            finally:
                process.send_signal(signal.SIGINT)
                messages = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, 0, messages)
            return messages

        def with_a_kill():
            writer.write(10)
            self.expect("imported", 20)
            self.stack.wait_running("agent", other_than=self.stack.kill("agent"))
            writer.write(10)

        messages = followed(with_a_kill)
        self.assertIn("event=agent_back", messages)
        writer.write(10)  # nobody follows
        followed(lambda: writer.write(10))
        counts = self.stack.json("import", writer.path)
        self.assertEqual((counts["accepted"], counts["known"]), (0, 50))

    @classmethod
    def tearDownClass(cls):
        cls.stack.run("verify")


if __name__ == "__main__":
    unittest.main()
