"""What whole-stack fault tests share: known records, emitters in the background, the reckoning, more agents."""
import signal
import subprocess
import sys
import time
from pathlib import Path

from checker import Checker
from collectors import quoted, setting
from harness import BUILD, environment, wait_until
from journal import ACCEPTED, TRYING, Journal

sys.path.append(str(Path(__file__).resolve().parent.parent / "chaos"))
from load import SocketEmitter  # noqa: E402


def months_since(then):
    """The UTC months, "2026-12", from this time (of `time.time`) until now; then and now lie less than a month apart."""
    return sorted({time.strftime("%Y-%m", time.gmtime(at)) for at in (then, time.time())})


class Scene:
    """A journal beside a stack: whatever is emitted through it is reckoned up by `check`."""

    def __init__(self, stack, *tenants):
        self.stack = stack
        self.journal = Journal()
        self.emitters = []
        for tenant in tenants:
            stack.run("tenant", "add", tenant)

    def emit(self, tenant, count, started_at_us=None, socket_path=None):
        """Emit and wait for the acknowledgement of every record."""
        source = self.journal.source("socket", tenant)
        start = started_at_us or int(time.time() * 1e6)
        lines = [source.line(source.add(TRYING), start) for _ in range(count)]
        self.stack.run("emit", *(["--socket", socket_path] if socket_path else []), input="".join(lines))
        source.set(range(count), ACCEPTED)
        return source

    def keep_emitting(self, tenant, per_second=50, socket_path=None, **options):
        """An emitter in the background until `finish`."""
        path = socket_path or self.stack.status()["sockets"]["agent"]
        emitter = SocketEmitter(path, self.journal.source("socket", tenant), per_second, **options)
        self.emitters.append(emitter)
        emitter.start()
        return emitter

    def finish(self):
        for emitter in self.emitters:
            emitter.stop()
        failures = [failure for failure in (emitter.finish() for emitter in self.emitters) if failure]
        assert not failures, failures
        self.emitters = []

    def accepted(self):
        return self.journal.count(ACCEPTED)

    def billed(self):
        """Records in the ledger; -1 while the database is away."""
        try:
            return self.stack.number("SELECT sum(billed) FROM ledger")
        except AssertionError:
            return -1

    def drain(self, seconds=120):
        """Wait until all that was accepted is committed, and a moment longer for what may come twice."""
        wait_until(lambda: self.billed() >= self.accepted(), f"{self.accepted()} records are committed", seconds, 0.2)
        time.sleep(0.5)

    def check(self, test, seconds=120):
        """Drain, look for duplicates, and hold journal and tables against one another; figures of the checker."""
        self.finish()
        self.drain(seconds)
        for month in months_since(time.time() - 3 * 86400):
            self.stack.run("rate", "--month", month, "--preview")
        problems, figures = Checker(self.stack.query, self.journal).check()
        test.assertEqual(problems, [])
        self.stack.run("verify")
        return figures


class ExtraAgent:
    """One more agent: a key, a spool and sockets of its own; runs as the user of the test. `prefix`: what runs the program
    (`ip netns exec NAME`)."""

    def __init__(self, stack, name, endpoints, tenants=(), prefix=(), **settings):
        self.prefix = list(prefix)
        options = [word for tenant in tenants for word in ("--tenant", tenant)] or ["--all-tenants"]
        self.data = stack.data / f"agent-{name}"
        self.data.mkdir()
        (self.data / "run").mkdir()
        self.key = stack.json("agent", "add", name, *options)["key_file"]
        self.settings = {"run": str(self.data / "run"), "agent_name": name, "agent_key": self.key,
                         "collector_public_key": setting(stack, "collector_public_key") if self._has(stack, "collector_public_key")
                         else str(stack.data / "keys" / "collector.pub"), **settings}
        lines = [f"{key}: {quoted(value)}\n" for key, value in self.settings.items()]
        lines.append("collectors:\n" + "".join(f"  - {quoted(endpoint)}\n" for endpoint in endpoints))
        (self.data / "millibill.yaml").write_text("".join(lines))
        self.socket = str(self.data / "run" / "agent.sock")
        self.process = None

    @staticmethod
    def _has(stack, key):
        return f"\n{key}:" in "\n" + (stack.data / "millibill.yaml").read_text()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.data / "log", "ab") as log:
            self.process = subprocess.Popen([*self.prefix, str(BUILD / "bin" / "millibill-agent"), "run", "--data",
                                             str(self.data)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        wait_until(lambda: Path(self.socket).exists() or self.process.poll() is not None, f"{self.socket} exists", 60)
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return (self.data / "log").read_text(errors="replace")

    def resident_kb(self, field="VmRSS"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith(field)))

    def stop(self, number=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
