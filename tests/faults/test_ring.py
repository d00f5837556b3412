"""Rings of a whole stack: agents, workers and the supervisor are killed while workers emit; the tables hold each accepted
record once, and what the emitters counted as lost stands in the ledger. (tests/unit/agent/test_source_ring.c kills at the
exact moments.)"""
import os
import random
import signal
import tempfile
import time
import unittest

from harness import Stack, wait_until
from journal import ACCEPTED, LOST
from scene import Scene

from load import RingWorker  # from tests/chaos, whose path scene.py adds

PER_SECOND = 400
KILLS = 5
SEED = 20261123


class RingFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.scene = Scene(cls.stack, "ring-a", "ring-b", "ring-c")
        cls.folder = tempfile.TemporaryDirectory(prefix="mb-rings-")
        cls.addClassCleanup(cls.folder.cleanup)

    def start(self, tenant):
        worker = RingWorker(str(self.stack.data / "run" / "ring.sock"), self.scene.journal, tenant, PER_SECOND,
                            self.folder.name)
        worker.start()
        wait_until(lambda: self.billed(tenant) > 0, f"usage of {tenant} is billed", 120)
        return worker

    def billed(self, tenant):
        return self.stack.number("SELECT sum(s.records) FROM segments s JOIN tenants t USING (tenant_id) "
                                 f"WHERE t.name = '{tenant}'")

    def wait_log(self, text):
        wait_until(lambda: text in self.stack.log("agent"), f"the agent's log has {text}", 120)

    def end(self, *workers):
        for worker in workers:
            worker.stop()
        self.assertEqual([failure for failure in (worker.finish() for worker in workers) if failure], [])
        for worker in workers:
            worker.collect()

    def reckon(self):
        self.scene.check(self)
        self.assertEqual(self.stack.number("SELECT sum(records) FROM losses"), self.scene.journal.count(LOST))

    def test_1_agents_and_workers_are_killed(self):
        """Matrix 3, 4: the agent is killed at any moment, then workers as well: rings are kept, each record counts once"""
        print(f"seed {SEED}")
        dice = random.Random(SEED)
        first, second = self.start("ring-a"), self.start("ring-b")
        for round_number in range(KILLS):
            time.sleep(dice.uniform(0.1, 0.6))
            killed = self.stack.kill("agent")
            if round_number % 2:
                first.kill()  # agent and worker are dead together: the supervisor alone has the ring
            self.stack.wait_running("agent", killed)
        wait_until(lambda: self.billed("ring-a") + self.billed("ring-b") > 1000, "emitters go on", 120)
        self.end(first, second)
        self.assertGreater(self.scene.journal.count(ACCEPTED), 1000)
        self.wait_log("event=ring_kept")
        self.reckon()

    def test_2_a_supervisor_that_is_killed_takes_its_copy_along(self):
        """Matrix 3: without its keeper a ring lives on with its worker, who brings it to the next agent"""
        worker = self.start("ring-c")
        self.stack.kill_all()
        time.sleep(0.5)
        self.stack.up()
        self.wait_log("event=ring_adopted")
        self.end(worker)
        self.reckon()

    def test_3_a_stopped_supervisor_stops_no_ring(self):
        """Matrix 3: a keeper that does not answer delays a new ring, and nothing else"""
        supervisor = self.stack.pid("supervisor")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            worker = self.start("ring-c")
            self.end(worker)
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.reckon()


if __name__ == "__main__":
    unittest.main()
