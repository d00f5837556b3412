"""The rater dies at every step, two run at once, usage comes at the edge of a month and after its end."""
import json
import os
import subprocess
import time
import unittest

from harness import wait_until
from links import LinkedStack

STRIDE = int(os.environ.get("MILLIBILL_STRIDE", "7"))   # 1: every single message between rater and PostgreSQL
RATERS = ("millibill_rater", "millibill_compactor")
MONTH = "2026-09"
NEXT = "2026-10"
RECORD = ('{{"request_id":"{id}","tenant":"{tenant}","function":"f","region":"us-east-1","memory_mb":1024,"started_at":"{at}",'
          '"duration_ms":1000}}\n')


class Rating(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = LinkedStack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        for tenant, account in (("one", "group"), ("two", "group"), ("three", "three")):
            cls.stack.run("tenant", "add", tenant, "--account", account)

    def load(self, tenant, prefix, instants):
        text = "".join(RECORD.format(id=f"{prefix}-{i}", tenant=tenant, at=at) for i, at in enumerate(instants))
        return self.stack.json("import", "--format", "ndjson", "-", input=text)

    def finals(self, month):
        """[(tenant, number, revision, document)] of final invoices."""
        return self.stack.query("SELECT t.name, number, revision, document FROM invoices JOIN tenants t USING (tenant_id) "
                                f"WHERE state = 'final' AND period_start = '{month}-01Z' ORDER BY 1, 3")

    def rate_killed_after(self, messages, month):
        """`rate --final`, SIGKILL when it has sent so many messages; False when it was done before."""
        proxy = self.stack.database
        proxy.stop_at(messages, RATERS)
        rater = self.stack.popen("rate", "--final", "--month", month, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_until(lambda: proxy.stop_reached.is_set() or rater.poll() is not None, "the rater is there or done", 60, 0.01)
            reached = proxy.stop_reached.is_set()
            if reached:
                rater.kill()
            _, errors = rater.communicate(timeout=60)
            self.assertTrue(reached or rater.returncode == 0, errors)
            return reached
        finally:
            proxy.disarm()
            proxy.cut()

    def test_the_rater_is_killed_at_every_step_until_it_is_done(self):
        """Matrix 35: SIGKILL after the n-th message to PostgreSQL for growing n, then two at once, then again: an account is final
        as a whole or not at all, numbers have no gap, and a document keeps its bytes."""
        for tenant in ("one", "two", "three"):
            self.load(tenant, f"k-{tenant}", [f"{MONTH}-{day:02}T12:00:00Z" for day in range(1, 29)])
        kept, messages, kills = {}, 0, 0
        while self.rate_killed_after(messages, MONTH):
            kills += 1
            messages += STRIDE
            self.check_finals(kept)
        self.assertGreater(kills, 5, "the rater was killed at too few steps to prove anything")
        runs = [self.stack.popen("rate", "--final", "--month", MONTH, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        for run in runs:
            output, _ = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, output)
        self.check_finals(kept)
        self.assertEqual(set(kept), {"one", "two", "three"})
        again = self.stack.json("rate", "--final", "--month", MONTH)
        for document in again["invoices"]:
            self.assertEqual(document, json.loads(kept[document["invoice"]["tenant"]]))
        self.stack.run("verify")

    def check_finals(self, kept):
        finals = self.finals(MONTH)
        tenants = [row[0] for row in finals]
        self.assertEqual(len(tenants), len(set(tenants)), "two final invoices for a tenant and month")
        self.assertIn(len({"one", "two"} & set(tenants)), (0, 2), "an account is final for some of its tenants")
        numbers = sorted(int(row[1].rsplit("-", 1)[1]) for row in finals)
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)), "invoice numbers have a gap")
        for tenant, _, _, document in finals:
            self.assertEqual(kept.setdefault(tenant, document), document, "a final invoice has changed")

    def test_usage_at_the_edge_of_a_month_and_after_its_invoice(self):
        """Matrix 33: one batch with records of both sides of a month's end is split to the microsecond; what comes after the
        month is final is kept, counted and reported, and the invoice stays as it is."""
        self.stack.run("tenant", "add", "edge")
        instants = ["2026-07-31T23:59:59.999999Z", "2026-08-01T00:00:00Z", "2026-07-31T23:59:59Z", "2026-08-01T00:00:00.000001Z"] * 5
        self.load("edge", "edge", instants)
        self.assertEqual(self.stack.number("SELECT count(*) FROM ledger JOIN segments USING (commit_id) WHERE label = '-' AND tenant_id = "
                                           "(SELECT tenant_id FROM tenants WHERE name = 'edge')"), 2, "one batch, two hours")
        for month in ("2026-07", "2026-08"):
            self.assertEqual(self.invocations(month), 10)
        final = self.stack.json("rate", "--final", "--month", "2026-07", "--tenant", "edge")["invoices"][0]
        self.load("edge", "late", ["2026-07-15T12:00:00Z"] * 3)
        self.assertEqual(self.invocations("2026-07"), 13, "late usage is evidence all the same")
        again = self.stack.json("rate", "--final", "--month", "2026-07", "--tenant", "edge")
        self.assertEqual(again["invoices"], [final])
        self.assertEqual([(late["tenant"], late["records"]) for late in again["late"]], [("edge", 3)])
        self.stack.run("verify")

    def invocations(self, month):
        return self.stack.number("SELECT sum(invocations) FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'edge' "
                                 f"AND date_trunc('month', hour) = '{month}-01Z'")


if __name__ == "__main__":
    unittest.main()
