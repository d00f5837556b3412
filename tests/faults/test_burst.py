"""Too much at once, with nobody to take it."""
import os
import time
import unittest

from harness import BUILD, wait_until
from links import LinkedStack
from scene import Scene

OUTAGE_S = float(os.environ.get("MILLIBILL_OUTAGE_S", "8"))
BURST_RECORDS = 60000
AGENT_PEAK_KB = 32 * 1024


class Burst(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = LinkedStack(settings={"spool_max_mb": 16})
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.scene = Scene(cls.stack, "acme")

    def test_a_burst_and_an_outage_cost_time_and_no_memory(self):
        """Matrix 32: ten times the usual rate while the collector cannot be reached, until the spool is full and sources wait:
        memory stays bounded, everything drains faster than it comes, in order."""
        agent = self.stack.pid("agent")
        usual = self.scene.keep_emitting("acme", 500)
        time.sleep(2)
        self.stack.link.partition()
        burst = self.scene.keep_emitting("acme", 5000 * 20, limit=BURST_RECORDS, padding=100)
        time.sleep(OUTAGE_S)
        wait_until(lambda: self.scene.accepted() - self.scene.billed() > 500, "records wait: there is an outage", 120)
        waiting = self.scene.accepted() - self.scene.billed()
        self.stack.link.heal()
        burst.join(600)
        usual.stop()
        begun, before = time.monotonic(), self.scene.billed()
        figures = self.scene.check(self)
        drained = (self.scene.billed() - before) / (time.monotonic() - begun)
        print(f"{waiting} records waited; drained at {drained:.0f} a second and more")
        self.assertEqual(self.stack.pid("agent"), agent, "the agent did not survive")
        self.assertEqual(self.stack.number("SELECT count(*) FROM (SELECT accepted_at < lag(accepted_at) OVER (PARTITION BY stream_id "
                                           "ORDER BY sequence) AS earlier FROM ledger) l WHERE earlier"), 0, "batches out of order")
        self.assertGreater(figures["billed"], BURST_RECORDS)
        if BUILD.name != "asan":
            with open(f"/proc/{agent}/status", encoding="ascii") as status:
                peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            print(f"agent at most {peak_kb} kB resident")
            self.assertLess(peak_kb, AGENT_PEAK_KB)


if __name__ == "__main__":
    unittest.main()
