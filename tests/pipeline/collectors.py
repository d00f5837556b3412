"""More collectors beside the one of a Stack: same database, same keys, an endpoint of their own.

    with Stack() as stack, ExtraCollector(stack, "second") as second:
        use_collectors(stack, second.endpoint, stack_endpoint(stack))   # the agent's list
        second.kill(signal.SIGSTOP)

An extra collector runs as the user of the test and listens on TCP on loopback, so that its address can go through a proxy
and a failing library can be put before it (`env`).
"""
import http.client
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

    def get(self, page):
        """Status and text of /metrics, /healthz, /readyz."""
        return http_get(self.data / "metrics.sock", page)

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200, text
        return parse_metrics(text)

    def metric(self, name, label=None):
        """One sample, without the prefix."""
        return self.metrics()["millibill_collector_" + name, label]

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


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def http_get(socket_path, page, method="GET"):
    """Status and text of a page that a collector serves on its Unix socket."""
    connection = UnixConnection(socket_path)
    try:
        connection.request(method, page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z]+)="([^"\\\n]*)"\})? (-?[0-9]+(?:\.[0-9]+)?)')
TYPES = {"counter", "gauge", "histogram"}


def parse_metrics(text):
    """Samples of an exposition, {(name, label value): number}; raises ValueError at anything that is not strictly the format."""
    samples, kinds, family, kind = {}, {}, None, None
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    lines = iter(text[:-1].split("\n"))
    for line in lines:
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            word = next(lines).split(" ")
            if word[:3] != ["#", "TYPE", family] or word[3] not in TYPES or family in kinds:
                raise ValueError(f"HELP of {family} is followed by {word}, or comes twice")
            kind = kinds[family] = word[3]
            continue
        found = SAMPLE.fullmatch(line)
        if found is None:
            if re.fullmatch(r'[a-z_]+_bucket\{le="\+Inf"\} \d+', line):
                found = re.match(r'([a-z_]+)\{(le)="(\+Inf)"\} (\d+)', line)
            else:
                raise ValueError(f"not a sample: {line!r}")
        name, _, label, number = found.groups()
        allowed = {family + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
        if name not in allowed or (kind == "counter" and not name.endswith("_total")) or (name, label) in samples:
            raise ValueError(f"{line!r} does not belong to the family {family} ({kind}), or comes twice")
        samples[name, label] = float(number)
    for name, kind in kinds.items():
        if kind == "histogram":
            buckets = [number for (one, _), number in samples.items() if one == name + "_bucket"]
            if buckets != sorted(buckets) or buckets[-1] != samples[name + "_count", None]:
                raise ValueError(f"{name}: its buckets do not add up")
    return samples
