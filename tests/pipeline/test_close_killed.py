"""close is killed again and again, a little later each time, until it is done: what stands then is what one run would have made."""
import json
import signal
import subprocess
import time
import unittest

from harness import SUPERUSER, StackCase, wait_until

MONTH = "2026-06"
EARLIER = "2026-05"


def usage(tenant, month, count):
    return "".join(json.dumps({"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "duration_ms": 900000,
                               "region": "us-east-1", "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z"}) + "\n" for i in range(count))



class CloseKilled(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tenants = [f"t{i:02}" for i in range(12)]
        for tenant in ("early", *cls.tenants):
            cls.stack.run("tenant", "add", tenant)
        cls.load(usage("early", EARLIER, 5))
        cls.stack.run("close", "--month", EARLIER, "--no-wait")
        cls.late = cls.tenants[:5]  # of the month before, which is closed, and of which they have no invoice
        cls.load("".join(usage(tenant, EARLIER, 600) for tenant in cls.late) + "".join(usage(tenant, MONTH, 600) for tenant in cls.tenants))
        cls.expected = {(MONTH, d["invoice"]["tenant"]): d["total"] for d in cls.stack.json("rate", "--month", MONTH, "--dry-run")["invoices"]}
        cls.expected |= {(EARLIER, d["invoice"]["tenant"]): d["total"] for d in cls.stack.json("rate", "--month", EARLIER, "--dry-run")["invoices"]}

    @classmethod
    def load(cls, lines):
        cls.stack.run("import", "--format", "ndjson", "-", input=lines)

    def close(self, after):
        """Run it for so many seconds; was it done before?"""
        process = self.stack.popen("close", "--month", MONTH, "--no-wait", "--output", str(self.folder / "documents"), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            return process.wait(after) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return False

    def test_a_close_that_is_killed_at_any_moment_goes_on_where_it_was(self):
        # Each time half as much longer: several kills on a machine that needs half a second, and not hundreds on one that needs half a minute.
        killed, after = 0, 0.02
        while not self.close(after):
            killed, after = killed + 1, after * 1.5
            self.assertLess(killed, 30)
        self.assertGreater(killed, 2)
        rows = self.stack.query("SELECT to_char(i.period_month, 'YYYY-MM'), t.name, i.total, i.number FROM invoices i JOIN tenants t USING (tenant_id) "
                                "WHERE i.state = 'final' ORDER BY i.number")
        self.assertEqual({(month, tenant): total for month, tenant, total, _ in rows}, self.expected)
        self.assertEqual([row[3] for row in rows], [f"MB-2026-{i + 1:06}" for i in range(len(self.expected))])
        self.assertEqual([(month, tenant) for month, tenant, _, _ in rows[:6]], [(EARLIER, tenant) for tenant in ("early", *self.late)])
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'preview'"), 0)
        self.stack.run("verify")
        documents = sorted(path.name for path in (self.folder / "documents").rglob("*.json"))
        self.assertEqual(documents, sorted(f"{tenant}-{number}.json" for _, tenant, _, number in rows if tenant != "early"))  # late ones too, whichever run made them
        before = self.stack.query("SELECT number, document_sha256, issued_at FROM invoices ORDER BY 1")
        started = time.monotonic()
        answer = self.stack.json("close", "--month", MONTH, "--no-wait", "--output", str(self.folder / "documents"))
        self.assertTrue(answer["closed"] and all(row["final_before"] for row in answer["invoices"]), time.monotonic() - started)
        self.assertEqual(self.stack.query("SELECT number, document_sha256, issued_at FROM invoices ORDER BY 1"), before)


class Interrupted(StackCase):
    """SIGINT ends a long command where it is: it says so, and the same command goes on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.run("tenant", "add", "acme")
        cls.stack.run("import", "--format", "ndjson", "-", input=usage("acme", MONTH, 300))

    def interrupted(self, table, mode, number, command, *options):
        """What a command says that is interrupted while it waits for a table; its exit status must be 130."""
        lock = self.stack.psql_process(f"BEGIN; SET search_path = millibill; LOCK TABLE {table} IN {mode} MODE;\n")
        try:
            run = self.stack.popen(command, *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'millibill%'",
                                                 SUPERUSER) > 0, "it waits")
            run.send_signal(number)
            said = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 130, said)
        finally:
            lock.stdin.close()
            lock.wait()
            lock.stdout.close()
        return said[1]

    def test_close_says_where_it_stopped_and_goes_on(self):
        for table, mode, number, step in (("ledger", "ACCESS EXCLUSIVE", signal.SIGINT, "'wait'"), ("invoice_lines", "ACCESS EXCLUSIVE", signal.SIGINT, "'verify'"),
                                          ("invoice_lines", "SHARE", signal.SIGTERM, "'final'")):
            said = self.interrupted(table, mode, number, "close", "--month", MONTH, "--no-wait")
            self.assertRegex(said, rf"millibill close: interrupted in step \d+ of 10, {step}; no invoice of the month was made final\n  the same command goes on")
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'final'"), 0)
        self.assertTrue(self.stack.json("close", "--month", MONTH, "--no-wait")["closed"])
        self.stack.run("verify")

    def test_other_long_commands_end_cleanly(self):
        log = self.file(json.dumps({"request_id": "r1", "tenant": "acme", "function": "f", "memory_mb": 1024, "duration_ms": 900000, "region": "us-east-1",
                                    "started_at": f"{MONTH}-02T12:00:00Z"}) + "\n")
        for command, *options in (("verify",), ("explain", "--record", "r1"), ("reconcile", "--month", MONTH, "--tenant", "acme", log),
                                  ("rate", "--month", MONTH, "--what-if", "--price-book", "azure-functions"),
                                  ("import", "--backfill", "--dry-run", "--tenant", "acme", log)):
            said = self.interrupted("segments", "ACCESS EXCLUSIVE", signal.SIGINT, command, *options)
            self.assertIn("interrupted\n  nothing is half done; the same command can be given again", said)


if __name__ == "__main__":
    unittest.main()
