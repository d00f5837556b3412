"""Agent and collector in two network name spaces: packets really vanish, TCP really does not know."""
import os
import time
import unittest

from collectors import ExtraCollector
from harness import Stack, wait_until
from namespaces import Cable, reason_not_to
from scene import ExtraAgent, Scene

OUTAGE_S = float(os.environ.get("MILLIBILL_OUTAGE_S", "16"))
NOTICED_S = 15.0   # without a sign of life
REASON = reason_not_to()


@unittest.skipIf(REASON, REASON)
class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cable = cls.enterClassContext(Cable())
        cls.stack = cls.enterClassContext(Stack())
        cls.scene = Scene(cls.stack, "acme")
        endpoint = f"tcp://{cls.cable.right_address}:5570"
        cls.collector = ExtraCollector(cls.stack, "far", listen=endpoint)
        cls.collector.prefix = cls.cable.right
        cls.enterClassContext(cls.collector)
        cls.agent = ExtraAgent(cls.stack, "edge", [endpoint], prefix=cls.cable.left, log_level="debug")
        cls.enterClassContext(cls.agent)
        cls.scene.emit("acme", 50, socket_path=cls.agent.socket)
        cls.scene.drain()

    def tearDown(self):
        self.cable.restore()

    def outage(self, *sides):
        """Silence, records meanwhile: the agent notices within NOTICED_S and what the machine needs: the time of a hundred acknowledged
        records, many times over."""
        begun = time.monotonic()
        self.scene.emit("acme", 100, socket_path=self.agent.socket)
        need_s = max(1.5, 20 * (time.monotonic() - begun))
        self.cable.silence(*sides)
        begun = time.monotonic()
        lines = self.agent.log().count("event=collector_left")
        self.scene.keep_emitting("acme", 50, self.agent.socket)
        wait_until(lambda: self.agent.log().count("event=collector_left") > lines, "the agent notices", 240)
        noticed_s = time.monotonic() - begun
        time.sleep(max(0.0, OUTAGE_S - noticed_s))
        self.cable.restore()
        self.scene.check(self)
        self.assertLess(noticed_s, NOTICED_S + need_s)

    def test_a_partition_is_noticed_by_the_heartbeat(self):
        """Matrix 14: no packet passes for a while; noticed within 15 s, resent, nothing double."""
        self.outage("left", "right")

    def test_answers_that_get_lost_are_noticed_by_the_heartbeat(self):
        """Matrix 14: half-open: the collector hears the agent, the agent hears nothing."""
        self.outage("right")

    def test_batches_that_get_lost_are_noticed_by_the_heartbeat(self):
        """Matrix 14: half-open: the agent's packets vanish."""
        self.outage("left")


if __name__ == "__main__":
    unittest.main()
