"""An agent whose memory is refused in the middle of its work, again and again: whatever that costs, nothing that was acknowledged."""
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

from failpoint import Failpoint
from harness import environment, wait_until
from test_socket import Emitter, SocketCase as _SocketCase

ROUNDS = int(os.environ.get("MILLIBILL_MEMORY_ROUNDS", "4"))


class AgentMemory(_SocketCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="mb-memory-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, True)
        cls.scratch.chmod(0o777)
        cls.armed = cls.scratch / "armed"
        cls.point = Failpoint("malloc:1", cls.scratch / "log", after=cls.armed, program="millibill-agent")
        super().setUpClass()
        cls.stack.down()
        cls.stack.run("up", env={**environment(), **cls.point.env}, timeout=300)
        cls.stack._status = None  # noqa: SLF001 - as Stack.up does

    def one_refusal(self, rng):
        """The next allocation of the agent fails. Returns whether it died of it; afterwards a new one runs."""
        agent = self.stack.pid("agent")
        time.sleep(rng.uniform(0.2, 0.6))
        self.armed.touch()

        wait_until(lambda: not alive(agent) or self.point.counts("malloc")[1] == 1, "an allocation has failed", 60, 0.01)
        time.sleep(0.2)
        self.armed.unlink()
        died = not alive(agent)
        if not died:  # counted out
            os.kill(agent, signal.SIGKILL)
        self.stack.wait_running("agent", other_than=agent)
        wait_until(self.listens, "the agent listens", 60)
        return died

    def test_an_agent_that_dies_of_refused_memory_is_started_again_and_loses_nothing_acknowledged(self):
        """Matrix 38: malloc in the working agent; json-c lost members of good lines then, or whole lines, or crashed."""
        rng = random.Random(38)
        emitter = Emitter(self.path, self.function, self.function)
        stop, failures = threading.Event(), []

        def work():
            total = 0
            try:
                while not stop.is_set():
                    total += 500
                    emitter.run(total, 120)
            except BaseException as problem:  # noqa: BLE001 - shown by the test
                failures.append(problem)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            deaths = sum(self.one_refusal(rng) for _ in range(ROUNDS))
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(emitter.acknowledged, 0)
        self.settle()
        refused = self.stack.query("SELECT reason, field, message, convert_from(payload, 'UTF8') FROM quarantine")
        self.assertEqual(refused, [], "a good line is in quarantine")
        self.assertEqual(self.invocations(), emitter.acknowledged)
        self.stack.run("verify")
        print(f"{ROUNDS} refused allocations, {deaths} deaths of the agent, {emitter.acknowledged} records, each billed once")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


if __name__ == "__main__":
    unittest.main()
