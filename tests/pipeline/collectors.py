"""More collectors beside the one of a Stack: same database, same keys, an endpoint of their own.

    with Stack() as stack, ExtraCollector(stack, "second") as second:
        use_collectors(stack, second.endpoint, stack_endpoint(stack))   # the agent's list
        second.kill(signal.SIGSTOP)

An extra collector runs as the user of the test and listens on TCP on loopback, so that its address can go through a proxy
and a failing library can be put before it (`env`).
"""
import os
import re
import signal
import socket
import subprocess
import time

from harness import BUILD, environment, wait_until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def setting(stack, key):
    """The value of a scalar setting in the stack's millibill.yaml."""
    found = re.search(rf"^{key}: (.*)$", (stack.data / "millibill.yaml").read_text(), re.M)
    assert found, f"{key} is not in millibill.yaml"
    value = found.group(1)
    return value[1:-1].replace("''", "'") if value.startswith("'") else value


def quoted(value):
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def configure(stack, **settings):
    """Change settings in the stack's millibill.yaml (a list becomes a YAML list); parts read it when they start."""
    path = stack.data / "millibill.yaml"
    text = path.read_text()
    for key, value in settings.items():
        text = re.sub(rf"^{key}:.*\n(  - .*\n)*", "", text, flags=re.M)
        if isinstance(value, (list, tuple)):
            text += f"{key}:\n" + "".join(f"  - {quoted(item)}\n" for item in value)
        else:
            text += f"{key}: {quoted(value)}\n"
    path.write_text(text)


def restart(stack, part):
    """End a part of the stack with SIGTERM and wait for its successor."""
    pid = stack.kill(part, signal.SIGTERM)
    return stack.wait_running(part, other_than=pid)


def use_collectors(stack, *endpoints):
    """Give the stack's agent this list of collectors, and restart it."""
    configure(stack, collectors=list(endpoints))
    return restart(stack, "agent")


class ExtraCollector:
    """One more collector process. `database`: another connection string (a proxy); `settings`: further millibill.yaml keys."""

    def __init__(self, stack, name, database=None, **settings):
        self.stack = stack
        self.name = name
        self.data = stack.data / f"extra-{name}"
        self.port = free_port()
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.settings = {
            "run": str(self.data), "database": database or setting(stack, "database"), "embedded": "true",
            "listen": self.endpoint, "metrics_listen": f"unix:{self.data}/metrics.sock", "collector_key": setting(stack, "collector_key"), "log_level": "debug", **settings}
        self.process = None
        self.prefix = []  # what runs the program: ["ip", "netns", "exec", NAME]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, env=None, wait=True):
        """Start it (again); its log goes on in the same file."""
        self.data.mkdir(exist_ok=True)
        lines = [f"{key}: {value if value in ('true', 'false') else quoted(value)}\n" for key, value in self.settings.items()]
        (self.data / "millibill.yaml").write_text("".join(lines))
        before = self.log().count("event=listening")
        with open(self.data / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, str(BUILD / "bin" / "millibill-collector"), "run", "--data", str(self.data)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**environment(), **(env or {})})
        if wait:
            wait_until(lambda: self.log().count("event=listening") > before or self.process.poll() is not None,
                       f"collector {self.name} listens", 60)
            assert self.process.poll() is None, f"collector {self.name} ended:\n{self.log()}"
        return self

    def stop(self):
        """SIGTERM, and its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process = None
        return status

    def kill(self, number=signal.SIGKILL):
        """Send a signal; after SIGKILL it is gone when this returns."""
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait(60)

    def log(self):
        path = self.data / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, text, seconds=60, count=1):
        """Wait until the log holds `text` `count` times."""
        wait_until(lambda: self.log().count(text) >= count, f"collector {self.name} logs {text!r} {count} times", seconds)

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def peak_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle_down(condition, what, seconds=30.0, still_s=0.5):
    """Wait until `condition` holds and still holds a moment later."""
    wait_until(condition, what, seconds)
    time.sleep(still_s)
    assert condition(), f"did not stay so: {what}"
