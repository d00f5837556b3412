"""The agent's clock jumps while it works: what it does by the clock goes on, because its timers are monotonic."""
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, FAKETIME, Stack, environment, other_clock, wait_until
from scene import ExtraAgent, Scene


class JumpingAgent(ExtraAgent):
    """An agent whose wall clock is the real one plus what `jump` said; its monotonic clock is the real one."""

    def jump(self, offset):
        (self.data / "offset").write_text(offset + "\n")

    def start(self):
        self.jump("+0")
        env = {**environment(), **other_clock(self.data / "offset")}
        with open(self.data / "log", "ab") as log:
            self.process = subprocess.Popen([str(BUILD / "bin" / "millibill-agent"), "run", "--data", str(self.data)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        wait_until(lambda: Path(self.socket).exists(), f"{self.socket} exists", 60)
        return self


@unittest.skipIf(BUILD.name in ("asan", "tsan"), "libfaketime and a sanitizer both want to come first")
@unittest.skipUnless(FAKETIME, "libfaketime is not installed")
class Clock(unittest.TestCase):
    def test_everything_is_delivered_once_while_the_clock_jumps(self):
        """Matrix 25: +1 year, -1 hour, to and fro, across a leap second and the end of summer time, while records come."""
        with Stack() as stack:
            scene = Scene(stack, "acme")
            endpoint = f"ipc://{Path(stack.status()['sockets']['agent']).parent}/collector.ipc"
            with JumpingAgent(stack, "jumping", [endpoint]) as agent:
                scene.keep_emitting("acme", 100, socket_path=agent.socket)
                for offset in ("+366d", "-1h", "+0", "+1", "-1", "+182d", "-365d", "+0"):
                    agent.jump(offset)
                    before = scene.accepted()
                    wait_until(lambda: scene.accepted() > before + 20, f"acknowledgements go on at {offset}", 120)
                    committed = scene.billed()
                    wait_until(lambda: scene.billed() > committed, f"commits go on at {offset}", 120)
                agent.jump("+366d")
                time.sleep(0.5)
                years = set(line[:4] for line in agent.log().splitlines())
                scene.check(self)
                self.assertIsNone(agent.process.poll())
            self.assertTrue(any(int(year) > time.gmtime().tm_year for year in
                                years | {line[:4] for line in agent.log().splitlines()} if year.isdigit()),
                            "the clock did not jump")


if __name__ == "__main__":
    unittest.main()
