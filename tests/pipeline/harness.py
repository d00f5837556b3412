"""A throw-away stack for tests: real programs, a real PostgreSQL, in a temporary directory.

    with Stack() as stack:
        stack.run("tenant", "add", "acme")
        stack.json("import", "--json", "usage.ndjson")
        stack.query("SELECT sum(invocations) FROM rollups")
        stack.kill("collector")

Works for root (the stack's processes run as the service user) and for an ordinary user.
"""
import csv
import datetime
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MILLIBILL_BUILD", ROOT / "build"))
MILLIBILL = str(BUILD / "bin" / "millibill")
SUPERUSER = "postgres"  # of the stack's cluster: not even the owner changes evidence through the policies
PARTS = ("postgres", "collector", "agent", "supervisor")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class CommandFailed(AssertionError):
    """A command ended with another exit status than expected; the message has its output."""


def environment():
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MILLIBILL_"))}
    env.update(MILLIBILL_SHARE_ROOT=str(ROOT), TZ="UTC", LC_ALL="C.UTF-8")
    return env


def other_clock(offset_file):
    """Variables of a process whose wall clock is the real one plus the offset in `offset_file` ("+86400"), read anew at each question, and
    whose monotonic clock is the real one. With glibc's allocator: jemalloc asks for the time while it makes its first arena, and libfaketime
    allocates when it is asked for the first time."""
    return {"LD_PRELOAD": f"{FAKETIME} libc_malloc_debug.so.0", "FAKETIME_TIMESTAMP_FILE": str(offset_file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def wait_until(condition, what, seconds=120.0, pause=0.05):
    """Ask until the answer is true, and return it. The limit is for a machine ten times slower than ours: it ends what would never come."""
    until = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def on_one_day(attempt):
    """`attempt(now)` says "today" or "this month"; when midnight (UTC) came meanwhile, it meant another day at its end than at its
    start, and is made again, whatever came out: it takes names of its own by `now`."""
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        attempt(now)
    except Exception:
        if datetime.datetime.now(datetime.timezone.utc).date() == now.date():
            raise
        attempt(datetime.datetime.now(datetime.timezone.utc))


class Stack:
    """One stack in its own data directory; `keep` leaves the directory for a look, `settings` go into its millibill.yaml."""

    def __init__(self, data=None, keep=False, settings=None):
        self.own = data is None
        self.keep = keep or bool(os.environ.get("MILLIBILL_KEEP"))
        self.data = Path(data) if data else Path(tempfile.mkdtemp(prefix="mb-"))
        if self.own:
            self.data.chmod(0o755)  # root's stack runs as the service user
        if settings:
            lines = [f"{key}: {value}\n" for key, value in {"embedded": "true", **settings}.items()]
            (self.data / "millibill.yaml").write_text("".join(lines))
        self._status = None

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.show_logs()
        self.remove()

    # --- commands

    def run(self, command, *arguments, input=None, status=0, timeout=600, env=None):
        """Run `millibill COMMAND … --data DIR`; returns the CompletedProcess (text). `status` None: any exit status.

        The option goes before the first "--" and before the arguments of `exec`.
        """
        words = [str(word) for word in arguments]
        place = self._option_place(command, words)
        argv = [MILLIBILL, command, *words[:place], "--data", str(self.data), *words[place:]]
        result = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=timeout, cwd=ROOT,
                                env={**environment(), **(env or {})}, check=False)
        if status is not None and result.returncode != status:
            raise CommandFailed(f"{' '.join(argv)}: exit status {result.returncode}, expected {status}\n"
                                f"{result.stdout}{result.stderr}")
        return result

    @staticmethod
    def _option_place(command, words):
        if command == "exec":
            return 0
        if command in ("tenant", "account", "agent", "quarantine", "invoice", "price-book", "contract", "alerts"):
            return 1 if words else 0
        return words.index("--") if "--" in words else len(words)

    def json(self, command, *arguments, **options):
        """Run a command with --json among its arguments (added when absent) and decode what it prints."""
        if "--json" not in arguments:
            place = self._option_place(command, [str(word) for word in arguments])
            arguments = (*arguments[:place], "--json", *arguments[place:])
        return json.loads(self.run(command, *arguments, **options).stdout)

    def popen(self, command, *arguments, **options):
        """Start a command and do not wait for it."""
        words = [str(word) for word in arguments]
        place = self._option_place(command, words)
        argv = [MILLIBILL, command, *words[:place], "--data", str(self.data), *words[place:]]
        return subprocess.Popen(argv, cwd=ROOT, env=environment(), text=True, **options)

    # --- the stack

    def up(self):
        self.run("up", timeout=300)
        self._status = None

    def down(self):
        self.run("down", timeout=300)

    def status(self):
        return json.loads(self.run("status", "--json", status=None).stdout)

    def pid(self, part):
        """The pid of postgres, collector, agent or supervisor; None when it does not run."""
        assert part in PARTS, part
        found = next(p for p in self.status()["parts"] if p["name"] == part)
        return found.get("pid") if found["running"] else None

    def kill(self, part, number=signal.SIGKILL):
        """Kill a part by name; the supervisor starts it again. Returns the pid that was killed."""
        pid = wait_until(lambda: self.pid(part), f"{part} runs")
        os.kill(pid, number)
        return pid

    def kill_all(self):
        """SIGKILL to everything at once, the supervisor first: an unclean end."""
        pids = [self.pid(part) for part in ("supervisor", "agent", "collector", "postgres")]
        for pid in pids:
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return pids

    def wait_running(self, part, other_than=None, seconds=120):
        """Wait until a part runs (as another process than `other_than`)."""
        def again():
            pid = self.pid(part)
            return pid if pid and pid != other_than else None
        return wait_until(again, f"{part} runs again", seconds)

    def wait_database(self, seconds=120):
        wait_until(lambda: self._psql("SELECT 1", "millibill_owner").returncode == 0, "PostgreSQL answers", seconds, 0.2)

    def log(self, part):
        path = self.data / "log" / f"{part}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def show_logs(self):
        for part in PARTS:
            tail = self.log(part).splitlines()[-25:]
            if tail:
                print(f"--- {part}.log", *tail, sep="\n")

    def remove(self):
        """Stop and, unless it is to be kept, delete."""
        subprocess.run([MILLIBILL, "down", "--data", str(self.data)], capture_output=True, env=environment(), cwd=ROOT,
                       timeout=300, check=False)
        if self.own and not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)

    # --- the database

    def _psql(self, sql, role, *options):
        if self._status is None:
            self._status = self.status()
        conninfo = f"{self._status['database']} user={role} options=--search_path=millibill"
        return subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-d", conninfo],
                              input=sql, capture_output=True, text=True, env=environment(), timeout=600, check=False)

    def psql_process(self, sql, role=None):
        """A psql that has run `sql` and keeps its session until its standard input is closed."""
        role = role or SUPERUSER
        if self._status is None:
            self._status = self.status()
        process = subprocess.Popen(["psql", "-X", "-q", "-d", f"{self._status['database']} user={role}"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env=environment())
        process.stdin.write(sql + "\\echo ready\n")
        process.stdin.flush()
        process.stdout.readline()
        return process

    def query(self, sql, role="millibill_owner"):
        """Rows as lists of text (NULL is "")."""
        result = self._psql(sql, role, "--csv", "-t")
        if result.returncode != 0:
            raise CommandFailed(f"{sql}\n{result.stderr}")
        return list(csv.reader(io.StringIO(result.stdout)))

    def value(self, sql, role="millibill_owner"):
        """The one value of a query, as text."""
        rows = self.query(sql, role)
        if rows == [[]]:
            return ""  # psql writes NULL and the empty text alike: an empty line
        assert len(rows) == 1 and len(rows[0]) == 1, f"{sql}: expected one value, got {rows}"
        return rows[0][0]

    def number(self, sql, role="millibill_owner"):
        """The one value of a query, as int; NULL is 0."""
        return int(self.value(sql, role) or 0)


class StackCase(unittest.TestCase):
    """Tests that share one stack (`stack`) and a folder for their files (`folder`)."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        files = tempfile.TemporaryDirectory()
        cls.addClassCleanup(files.cleanup)
        cls.folder = Path(files.name)
        cls.files_made = 0

    def file(self, text, ending="ndjson"):
        """A file of its own with this text."""
        type(self).files_made += 1
        path = self.folder / f"{self.files_made}.{ending}"
        path.write_text(text)
        return path
