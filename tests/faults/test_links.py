"""Broken links: what was emitted is counted once, whatever the network between two hops did."""
import json
import os
import time
import unittest

from harness import wait_until
from links import LinkedStack

OUTAGE_S = float(os.environ.get("MILLIBILL_OUTAGE_S", "5"))


def lines(name, count):
    return "".join(json.dumps({"request_id": f"{name}-{i}", "tenant": "acme", "function": "f", "memory_mb": 128,
                               "started_at_us": int(time.time() * 1e6), "duration_us": 1000 + i}) + "\n" for i in range(count))


class Links(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = LinkedStack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.stack.run("tenant", "add", "acme")
        cls.expected = 0

    def tearDown(self):
        self.stack.heal()

    def emit(self, name, count=50):
        self.stack.run("emit", input=lines(name, count))
        type(self).expected += count

    def counted(self):
        return self.stack.number("SELECT sum(invocations) FROM rollups")

    def settle(self, seconds=90):
        wait_until(lambda: self.counted() >= self.expected, f"{self.expected} records are billed", seconds, 0.2)
        self.assertEqual(self.counted(), self.expected)
        self.assertEqual(self.stack.number("SELECT sum(records) FROM segments"), self.expected)
        self.stack.run("verify")

    def test_a_commit_that_is_cut_before_while_and_after_is_done_once(self):
        """Matrix 9: the connection is cut with COMMIT in flight, or its answer is lost: the re-run decides."""
        for kind in ("before", "sent", "reply", "reply", "sent"):
            before = self.stack.database.trapped
            self.stack.database.trap(kind)
            self.emit(f"{kind}-{before}")
            self.stack.database.wait_trapped(before + 1)
        self.settle()

    def test_a_partition_is_noticed_and_what_was_in_flight_is_counted_once(self):
        """Matrix 14: nothing passes between agent and collector for a while, then everything that was held."""
        self.emit("before-partition")
        self.settle()
        self.stack.link.partition()
        self.emit("in-partition")
        time.sleep(OUTAGE_S)
        self.assertEqual(self.counted(), self.expected - 50)
        self.stack.link.heal()
        self.settle()

    def test_a_database_that_accepts_and_says_nothing_is_given_up_and_asked_again(self):
        """Matrix 11: commands end with a message, the collector waits and goes on by itself."""
        self.stack.database.partition()
        self.stack.database.cut()
        self.emit("silent-database")
        started = time.monotonic()
        result = self.stack.run("tenant", "list", status=1, timeout=120)
        self.assertLess(time.monotonic() - started, 110)
        self.assertIn("database", result.stderr)
        self.stack.database.heal()
        self.settle()

    def test_a_half_open_link_is_noticed(self):
        """Matrix 14: the collector hears the agent, the agent hears nothing: it makes another connection and sends again."""
        self.emit("before-half-open")
        self.settle()
        accepted = self.stack.link.accepted
        self.stack.link.hold("down")
        self.emit("half-open")
        wait_until(lambda: self.stack.link.accepted > accepted, "the agent has made another connection", 120, 0.2)
        self.stack.link.heal()
        self.settle()

    def test_connections_that_are_reset_in_the_middle_of_a_frame(self):
        """Matrix 15: RST in the middle of a frame, again and again: every record counts once."""
        for after in (1, 40, 90, 150, 700):
            self.stack.link.truncate(after)
            self.stack.link.cut()
            self.emit(f"rst-{after}", 200)
        self.settle()

    def test_a_crawling_link_delivers_in_the_end(self):
        """Matrix 15: 1000 bytes a second between agent and collector delay, and lose nothing."""
        self.stack.link.slow(1000)
        self.emit("slow")
        time.sleep(2)
        self.stack.link.heal()
        self.settle()


if __name__ == "__main__":
    unittest.main()
