"""A month of many tenants becomes final in several batches; rater and PostgreSQL die between any two of their messages, and two raters run at once."""
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))
from harness import SUPERUSER, wait_until
from links import LinkedStack
from many_tenants import MONTH, add_contracts, add_roots, fill

STRIDE = int(os.environ.get("MILLIBILL_STRIDE", "7")) * 4  # a run sends some hundreds of messages
RATERS = ("millibill_rater", "millibill_compactor")
TENANTS, SHARED = 1200, 300  # more than two batches; an account whose rows travel together
TAKEN = ("SELECT i.number, t.name, i.document_sha256, (SELECT count(*) FROM invoice_lines l WHERE (l.tenant_id, l.invoice_id) = (i.tenant_id, i.invoice_id)) FROM invoices i "
         "JOIN tenants t USING (tenant_id) WHERE i.state = 'final' ORDER BY i.number")


class FinalsKilled(unittest.TestCase):
    def setUp(self):
        self.stack = LinkedStack(settings={"alert_percent": '""'})
        self.addCleanup(self.stack.remove)
        self.stack.up()
        fill(self.stack, TENANTS, f"CASE WHEN i <= {SHARED} THEN 'shared' ELSE 'a' || i END")
        add_contracts(self.stack)
        self.stack.query("DELETE FROM tenant_contracts WHERE tenant_id % 2 = 0", SUPERUSER)
        self.stack.run("rate", "--month", MONTH)
        add_roots(self.stack)

    def start(self):
        return self.stack.popen("rate", "--final", "--month", MONTH, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def check(self, rows):
        """Nothing, or every invoice whole; returns whether there is something."""
        previews = self.stack.number("SELECT count(*) FROM invoices WHERE state = 'preview'")
        self.assertIn((len(rows), previews), ((0, TENANTS), (TENANTS, 0)))
        self.assertEqual([row[0] for row in rows], [f"MB-2026-{i + 1:06}" for i in range(len(rows))])
        self.assertEqual(len({row[1] for row in rows}), len(rows))
        self.assertEqual({row[3] for row in rows} - {"6"}, set())
        self.assertEqual(self.stack.number("SELECT sum(last_number) FROM invoice_numbers"), len(rows))
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoice_lines"), TENANTS * 6)
        return len(rows) > 0

    def check_end(self):
        """All are final and under a head, once."""
        self.assertTrue(self.check(self.stack.query(TAKEN)))
        sealed = self.stack.query("SELECT h.invoices, count(*) FROM seal_heads h JOIN seal_invoices s USING (head_number) GROUP BY h.head_number, 1")
        self.assertEqual(sum(int(count) for _, count in sealed), TENANTS)
        self.assertEqual([told for told, _ in sealed], [count for _, count in sealed])

    def run_until(self, messages):
        """A run that has sent so many messages and is held there; None: it was done before."""
        proxy = self.stack.database
        proxy.stop_at(messages, RATERS)
        run = self.start()
        wait_until(lambda: proxy.stop_reached.is_set() or run.poll() is not None, "the rater is there or done", 60, 0.01)
        if proxy.stop_reached.is_set():
            return run
        _, output = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 0, output)
        return None

    def release(self):
        self.stack.database.disarm()
        self.stack.database.cut()

    def wait_gone(self):
        """The server has noticed that the run's connections are: what they wrote is there or not."""
        wait_until(lambda: not any(self.stack.backend_pids(role) for role in RATERS), "the server ends what is left of the run")

    def test_the_rater_is_killed_between_batches_until_it_is_done(self):
        """Matrix 35: numbers are taken by batch, and none is left without its invoice; two raters at once make each invoice once."""
        messages, unmade, made = 0, 0, []
        while (run := self.run_until(messages)) is not None:
            run.kill()
            run.communicate(timeout=60)
            self.release()
            self.wait_gone()
            rows = self.stack.query(TAKEN)
            self.assertTrue(made == [] or rows == made, "a final invoice has changed")
            made = rows
            unmade += not self.check(rows)
            messages += STRIDE
            if unmade > 0 and made:
                break  # what is left is sealing: the next two do it
        self.release()
        self.assertGreater(unmade, 5, "the rater was killed at too few steps to prove anything")
        runs = [self.start() for _ in range(2)]
        for run in runs:
            _, output = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, output)
        self.assertTrue(made == [] or self.stack.query(TAKEN) == made)
        self.check_end()

    def held_while_it_writes(self):
        """A run that has written a batch and has more to do, and the server's process that does so for it."""
        for messages in range(0, 1_000_000, STRIDE):
            run = self.run_until(messages)
            self.assertIsNotNone(run, "a run was done without having been seen in the middle of writing")
            pids = self.stack.query("SELECT pid FROM pg_locks WHERE relation = 'invoice_lines'::regclass AND mode = 'RowExclusiveLock' AND granted", SUPERUSER)
            if pids:
                return run, int(pids[0][0])
            run.kill()
            run.communicate(timeout=60)
            self.release()
            self.wait_gone()

    def test_the_server_is_killed_while_batches_are_written(self):
        """Matrix 35: nothing of the run is left, and the next one makes all."""
        run, pid = self.held_while_it_writes()
        os.kill(pid, signal.SIGKILL)  # the server goes down with it and recovers
        self.release()
        _, errors = run.communicate(timeout=120)
        self.stack.wait_database()
        self.wait_gone()
        rows = self.stack.query(TAKEN)
        self.assertEqual(self.check(rows), run.returncode == 0, errors)
        self.stack.run("rate", "--final", "--month", MONTH)
        self.assertTrue(rows == [] or self.stack.query(TAKEN) == rows)
        self.check_end()

    def test_a_run_whose_connection_ends_while_batches_are_written_begins_anew(self):
        """Matrix 35: it counts numbers from where the database is, not from where it was itself."""
        run, pid = self.held_while_it_writes()
        self.stack.query(f"SELECT pg_terminate_backend({pid})", SUPERUSER)
        self.release()
        _, errors = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 0, errors)
        self.assertIn("event=rate_again", errors)
        self.check_end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
