"""A rating run over many tenants: the same documents by whatever way, in order, in bounded memory; it shows how far it is, and ends when told."""
import json
import os
import pty
import signal
import subprocess
import threading
import unittest

from harness import MILLIBILL, ROOT, SUPERUSER, StackCase, environment, wait_until
from many_tenants import MONTH, fill

TENANTS = 700
SHARED = 300  # of them in one account: more rows than travel together


class RatingRun(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fill(cls.stack, TENANTS, f"CASE WHEN i <= {SHARED} THEN 'shared' ELSE 'a' || i END")
        cls.stack.query("UPDATE configs SET region = 'mars-north-1' FROM tenants t WHERE t.tenant_id = configs.tenant_id AND t.name = 't500'", SUPERUSER)

    def documents(self):
        return self.stack.query("SELECT t.name, i.document FROM invoices i JOIN tenants t USING (tenant_id) ORDER BY i.invoice_id")

    def test_previews_are_the_documents_of_a_dry_run_and_of_each_tenant_alone(self):
        done = self.stack.run("rate", "--month", MONTH, status=1)
        self.assertIn("account 'a500' is not billed: tenant 't500', function 'function-0': region: 'mars-north-1' has no prices", done.stderr)
        written = self.documents()
        self.assertEqual(len(written), TENANTS - 1)
        printed = [line.split()[2] for line in done.stdout.splitlines()[:-1]]
        self.assertEqual(printed, [name for name, _ in written])
        accounts = [(json.loads(document)["invoice"]["account"], name) for name, document in written]
        self.assertEqual(accounts, sorted(accounts))
        asked = json.loads(self.stack.run("rate", "--month", MONTH, "--dry-run", "--json", status=1).stdout)
        self.assertEqual({document["invoice"]["tenant"]: json.dumps(document, separators=(",", ":"), ensure_ascii=False) for document in asked["invoices"]},
                         dict(written))
        for tenant in ("t1", "t300", "t700"):
            alone = json.loads(self.stack.run("rate", "--month", MONTH, "--dry-run", "--json", "--tenant", tenant).stdout)
            self.assertEqual(json.dumps(alone["invoices"][0], separators=(",", ":"), ensure_ascii=False), dict(written)[tenant])

    def test_an_account_is_rated_as_one_however_many_rows_it_has(self):
        self.stack.run("rate", "--month", MONTH, status=1)
        used = self.stack.query("SELECT name, trim_scale(round(sum(used), 9)), max(allowance), count(*) FROM free_tier_use_by_tenant WHERE account = 'shared' GROUP BY name ORDER BY name")
        self.assertEqual([(name, used) for name, used, _, count in used if name != "streaming"], [("duration", "400000"), ("requests", "1000000")])
        self.assertEqual({count for *_, count in used}, {str(SHARED)})

    def start_on_a_terminal(self, *options):
        """The run, and what it writes to the terminal."""
        master, slave = pty.openpty()
        run = subprocess.Popen([MILLIBILL, "rate", "--month", MONTH, *options, "--data", str(self.stack.data)], cwd=ROOT, env=environment(),
                               stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        seen = bytearray()

        def read():
            try:
                while data := os.read(master, 4096):
                    seen.extend(data)
            except OSError:
                pass  # the end of a terminal
        reader = threading.Thread(target=read)
        reader.start()
        self.addCleanup(os.close, master)
        self.addCleanup(reader.join)
        self.addCleanup(run.wait)
        return run, seen

    def test_it_shows_how_far_it_is_on_a_terminal_only_and_an_interrupted_one_leaves_everything_as_it_was(self):
        self.stack.run("rate", "--month", MONTH, status=1)
        before = (self.documents(), self.stack.query("SELECT run_id FROM rating_runs"))
        for number in (signal.SIGINT, signal.SIGTERM):
            lock = self.stack.psql_process("BEGIN; SET search_path = millibill; LOCK TABLE invoice_lines IN SHARE MODE;\n")
            try:
                run, seen = self.start_on_a_terminal()
                wait_until(lambda: b"Rating [" in seen, "the run shows how far it is")
                wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'millibill_rater'",
                                                     SUPERUSER) == 1, "it waits in the middle of writing")
                run.send_signal(number)
                self.assertEqual(run.wait(120), 130)
            finally:
                lock.stdin.close()
                lock.wait()
                lock.stdout.close()
            wait_until(lambda: b"makes them all" in seen, "it says why it ended")
            self.assertIn(b"millibill rate: interrupted: no invoice was written", seen)
            self.assertEqual((self.documents(), self.stack.query("SELECT run_id FROM rating_runs")), before)
        quiet = self.stack.run("rate", "--month", MONTH, status=1)
        self.assertNotIn("Rating", quiet.stderr)
        self.assertEqual([document for _, document in self.documents()], [document for _, document in before[0]])

    def test_one_that_waits_for_another_ends_when_told(self):
        lock = self.stack.psql_process("BEGIN; SET search_path = millibill; LOCK TABLE rating_runs IN SHARE ROW EXCLUSIVE MODE;\n")
        try:
            run, seen = self.start_on_a_terminal("--final")
            wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'millibill_rater'",
                                                 SUPERUSER) == 1, "it waits for the other run")
            run.send_signal(signal.SIGINT)
            self.assertEqual(run.wait(120), 130)
            self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'final'"), 0)
        finally:
            lock.stdin.close()
            lock.wait()
            lock.stdout.close()
        wait_until(lambda: b"interrupted" in seen, "it says why it ended")


if __name__ == "__main__":
    unittest.main(verbosity=2)
