"""The agent's sockets under attack and under SIGKILL: what was acknowledged counts once, who does not belong stays out, and
nobody keeps an honest emitter waiting."""
import datetime
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))
from harness import BUILD, MILLIBILL, Stack, environment, wait_until  # noqa: E402
from reach import for_everybody  # noqa: E402

SECONDS = float(os.environ.get("MILLIBILL_SOCKET_SECONDS", "8"))
ACK = b'{"millibill":{"ack":true}}\n'


def line(tenant, function, request_id=None, duration_ms=10):
    record = {"function": function, "memory_mb": 128, "duration_ms": duration_ms, "started_at": Lines.at}
    if tenant:
        record["tenant"] = tenant
    if request_id:
        record["request_id"] = request_id
    return json.dumps(record).encode() + b"\n"


class Lines:
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Emitter:
    """Sends numbered lines and sends again what was not acknowledged: what the agent's socket asks of an honest peer."""

    def __init__(self, path, function, prefix, patience_s=60):
        self.path, self.function, self.prefix, self.patience_s = path, function, prefix, patience_s
        self.acknowledged = 0
        self.resent = 0

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(self.path)
        except OSError:
            peer.close()
            raise
        peer.settimeout(self.patience_s)
        return peer

    def lines(self, start, end):
        return b"".join(line("acme", self.function, f"{self.prefix}-{i}") for i in range(start, end))

    def session(self, end):
        """One connection: from the first line that was not acknowledged to `end`, or until the agent is gone."""
        with self.connect() as peer:
            base, sent, answers = self.acknowledged, self.acknowledged, b""
            peer.sendall(ACK)
            while self.acknowledged < end:
                step = min(end, sent + 500)
                if sent < step and sent - self.acknowledged < 5000:
                    peer.sendall(self.lines(sent, step))
                    sent = step
                    continue
                self.resent = max(self.resent, sent)
                got = peer.recv(4096)
                if not got:
                    return
                *whole, answers = (answers + got).split(b"\n")
                for answer in whole:
                    count = base + json.loads(answer)["ack"]
                    assert self.acknowledged <= count <= sent, (self.acknowledged, count, sent)
                    self.acknowledged = count

    def run(self, end, seconds=120):
        until = time.monotonic() + seconds
        while self.acknowledged < end:
            assert time.monotonic() < until, f"{self.acknowledged} of {end} acknowledged in {seconds} s"
            try:
                self.session(end)
            except (ConnectionError, FileNotFoundError):
                time.sleep(0.05)


class SocketCase(unittest.TestCase):
    SETTINGS = {}

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "globex", "shop"):
            cls.stack.run("tenant", "add", tenant)
        run = cls.stack.data / "run"
        cls.group = run.stat().st_gid
        run.chmod(0o755)  # the tests' other users come near; the sockets' own mode still asks for the group
        cls.path = str(run / "agent.sock")

    def setUp(self):
        self.function = self._testMethodName[:60]

    # --- the agent

    @classmethod
    def set_agent(cls, text):
        """Give the agent these settings too, and a new start."""
        file = cls.stack.data / "millibill.yaml"
        marker = "# set by the test\n"
        keys = {row.split(":")[0] for row in text.splitlines() if row and not row.startswith(" ")}
        kept = [row for row in file.read_text().split(marker)[0].splitlines() if row.split(":")[0] not in keys]
        file.write_text("\n".join(kept) + "\n" + marker + text)
        cls.restart_agent()

    @classmethod
    def restart_agent(cls, number=signal.SIGTERM):
        before = cls.stack.pid("agent")
        os.kill(before, number)
        cls.stack.wait_running("agent", other_than=before)
        wait_until(lambda: cls.listens(), "the agent listens")

    @classmethod
    def listens(cls):
        with socket.socket(socket.AF_UNIX) as peer:
            return peer.connect_ex(cls.path) == 0

    def memory_kb(self):
        """Resident memory of the agent; under a sanitizer, whose own is in it, 0."""
        if BUILD.name in ("asan", "tsan"):
            return 0
        status = Path(f"/proc/{self.stack.pid('agent')}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    # --- what became of it

    def invocations(self, tenant="acme", function=None):
        return self.stack.number(
            "SELECT coalesce(sum(r.invocations), 0) FROM rollups r JOIN configs f USING (tenant_id, config_id) "
            f"JOIN tenants t ON t.tenant_id = r.tenant_id WHERE t.name = '{tenant}' AND f.function = '{function or self.function}'")

    def wait_invocations(self, count, tenant="acme", function=None, seconds=90):
        wait_until(lambda: self.invocations(tenant, function) >= count, f"{count} invocations are in", seconds)
        self.settle()
        self.assertEqual(self.invocations(tenant, function), count)

    def settle(self):
        """Everything that was sent before is in the database, because this record came after it."""
        name = f"settle-{time.monotonic_ns()}"
        self.send([line("acme", name)])
        wait_until(lambda: self.invocations("acme", name) == 1, "the last record is in", 90)

    def send(self, lines, path=None):
        """With acknowledgement; returns when all is durable."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path or self.path)
            peer.settimeout(60)
            peer.sendall(ACK + b"".join(lines))
            answers = b""
            while b'{"ack":%d}\n' % len(lines) not in answers:
                got = peer.recv(4096)
                self.assertTrue(got, f"closed after {answers!r}")
                answers += got

    def as_user(self, uid, *argv, input=b"", status=0):
        """Run as another user who may open the sockets by its group."""
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        result = subprocess.run(
            ["setpriv", f"--reuid={uid}", f"--regid={self.group}", "--clear-groups", *argv], input=input,
            capture_output=True, env=environment(), timeout=120, check=False)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr)
        return result

    def millibill_as(self, uid, *arguments, **options):
        return self.as_user(uid, for_everybody(MILLIBILL), *arguments, **options)


class Resending(SocketCase):
    def kill_for(self, seconds, done):
        rng = random.Random(26)
        kills = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done():
            time.sleep(rng.uniform(0.1, 0.7))
            before = self.stack.pid("agent")
            self.stack.kill("agent")
            self.stack.wait_running("agent", other_than=before)
            kills += 1
        return kills

    def test_an_emitter_that_resends_what_was_not_acknowledged_is_billed_once_whenever_the_agent_dies(self):
        emitters = [Emitter(self.path, self.function, f"{self.function}-{i}") for i in range(3)]
        stop = threading.Event()
        totals = [0] * len(emitters)

        def work(place):
            while not stop.is_set():
                totals[place] += 1000
                emitters[place].run(totals[place])

        threads = [threading.Thread(target=work, args=(place,)) for place in range(len(emitters))]
        # `millibill emit` beside them, with lines that have no id at all: the session gives them one.
        piped = subprocess.Popen([MILLIBILL, "emit", "--data", str(self.stack.data), "--json"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        sent = 0
        for thread in threads:
            thread.start()
        killer = threading.Thread(target=self.kill_for, args=(SECONDS, stop.is_set))
        killer.start()
        while killer.is_alive():
            piped.stdin.write(line("acme", self.function + "-piped") * 50)
            piped.stdin.flush()
            sent += 50
            time.sleep(0.01)
        killer.join()
        stop.set()
        for thread in threads:
            thread.join()
        out, errors = piped.communicate(timeout=120)
        self.assertEqual(piped.returncode, 0, errors)
        self.assertEqual(json.loads(out), {"sent": sent, "acknowledged": sent})
        self.assertIn(b"waiting for it", errors)
        self.wait_invocations(sum(emitter.acknowledged for emitter in emitters))
        self.wait_invocations(sent, function=self.function + "-piped")

    def test_a_record_sent_again_after_a_restart_is_acknowledged_and_not_taken_twice(self):
        emitter = Emitter(self.path, self.function, self.function)
        lines = [emitter.lines(i, i + 1) for i in range(3000)]
        self.send(lines)
        self.send(lines)
        self.restart_agent(signal.SIGKILL)
        self.send(lines)
        self.restart_agent()
        self.send(lines[::-1])
        self.wait_invocations(3000)

    def test_other_facts_under_a_known_identity_are_passed_on_and_seen(self):
        self.send([line("acme", self.function, self.function, 10)])
        self.send([line("acme", self.function, self.function, 11)])
        self.wait_invocations(2)  # until a rating looks for duplicates
        self.stack.run("rate", "--month", Lines.at[:7], "--tenant", "acme", "--preview")
        self.assertEqual(self.invocations(), 1)
        rows = self.stack.query(f"SELECT reason FROM quarantine WHERE reason = 'conflict'")
        self.assertEqual(len(rows), 1)

    def test_without_a_window_a_record_sent_again_is_found_before_it_is_billed(self):
        self.set_agent("identity_window_hours: 0\n")
        self.addCleanup(self.set_agent, "")
        self.send([line("acme", self.function, self.function)] * 2)
        self.wait_invocations(2)
        self.stack.run("rate", "--month", Lines.at[:7], "--tenant", "acme", "--preview")
        self.assertEqual(self.invocations(), 1)

    def test_a_full_spool_makes_the_emitter_wait_and_loses_nothing(self):
        """Matrix 26: nothing is acknowledged that is not durable, reading stops, and all arrives once there is room."""
        self.set_agent("spool_max_mb: 16\n")
        self.addCleanup(self.set_agent, "spool_max_mb: 1024\n")
        collector = self.stack.pid("collector")
        os.kill(collector, signal.SIGSTOP)
        try:
            emitter = Emitter(self.path, self.function, "x" * 100)
            failure = []
            count = 150000

            def work():
                try:
                    emitter.run(count, 300)
                except BaseException as problem:  # noqa: BLE001 - shown by the test
                    failure.append(problem)

            thread = threading.Thread(target=work)
            thread.start()
            wait_until(lambda: "spool_full" in self.stack.log("agent"), "the spool is full", 120)
            self.assertTrue(thread.is_alive())
            stopped = self.standstill(emitter)
            time.sleep(1)
            self.assertLess(stopped, count)
            self.assertEqual(emitter.acknowledged, stopped)
            self.assertLess(self.memory_kb(), 64 << 10)
        finally:
            os.kill(collector, signal.SIGCONT)
        thread.join()
        self.assertEqual(failure, [])
        self.wait_invocations(count, seconds=300)


    def standstill(self, emitter):
        """What it has when acknowledgements that were on their way have come: the same for a second."""
        seen = {}

        def same():
            seen.setdefault(emitter.acknowledged, time.monotonic())
            return time.monotonic() - seen[emitter.acknowledged] > 1
        wait_until(same, "nothing more is acknowledged", 120)
        return emitter.acknowledged


class FullAndWaiting(SocketCase):
    EMITTERS, LINES = 40, 24000  # many times what 16 MB of spool hold: it fills up and drains again and again

    def setUp(self):
        super().setUp()
        self.set_agent("spool_max_mb: 16\n")
        self.addCleanup(self.set_agent, "spool_max_mb: 1024\n")
        self.failures = []
        self.emitters = [Emitter(self.path, self.function, f"{n}" + "y" * 100, patience_s=240) for n in range(self.EMITTERS)]
        self.threads = [threading.Thread(target=self.work, args=(emitter,)) for emitter in self.emitters]

    def work(self, emitter):
        try:
            emitter.run(self.LINES, 600)
        except BaseException as problem:  # noqa: BLE001 - shown by the test
            self.failures.append(problem)

    def test_an_agent_that_starts_with_a_full_spool_and_a_crowd_at_its_door_drains_it(self):
        """Matrix 26: whoever waits for room does not keep the spool from being emptied."""
        collector = self.stack.pid("collector")
        full = self.stack.log("agent").count("event=spool_full")
        os.kill(collector, signal.SIGSTOP)
        try:
            for thread in self.threads:
                thread.start()
            wait_until(lambda: self.stack.log("agent").count("event=spool_full") > full, "the spool is full", 120)
            full = self.stack.log("agent").count("event=spool_full")
            self.restart_agent(signal.SIGKILL)
            wait_until(lambda: self.stack.log("agent").count("event=spool_full") > full, "it is full at once, with all of them waiting", 120)
        finally:
            os.kill(collector, signal.SIGCONT)
        for thread in self.threads:
            thread.join()
        self.assertEqual(self.failures, [])
        self.settle()
        # A spool without room remembers no identities: what was sent again is found before it is billed.
        self.stack.run("rate", "--month", Lines.at[:7], "--tenant", "acme", "--preview")
        self.assertEqual(self.invocations(), self.EMITTERS * self.LINES)


class WhoBelongs(SocketCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        door = cls.stack.data / "doors"
        door.mkdir()
        os.chown(door, cls.stack.data.joinpath("run").stat().st_uid, cls.group)
        cls.door = str(door / "acme.sock")
        cls.set_agent(f"bindings:\n  - {{socket: {cls.door}, tenant: acme}}\n  - {{user: 1001, tenant: shop}}\n")

    def forged(self):
        return self.stack.query("SELECT q.tenant_name, q.source FROM quarantine q "
                                f"WHERE q.reason = 'forged_tenant' AND convert_from(q.payload, 'UTF8') LIKE '%{self.function}%'")

    def test_who_writes_to_a_bound_socket_speaks_for_its_tenant_only(self):
        """Threat model: a tenant's code names another tenant."""
        self.send([line("globex", self.function), line("acme", self.function), line(None, self.function)], self.door)
        self.wait_invocations(2)
        self.assertEqual(self.invocations("globex"), 0)
        self.assertEqual(self.forged(), [["acme", self.door]])
        self.send([line("globex", self.function)])  # the usual socket binds nobody
        self.wait_invocations(1, "globex")

    def test_a_bound_user_speaks_for_its_tenant_on_any_socket(self):
        """Threat model: another local process forges."""
        forged = line("globex", self.function) + line("shop", self.function) + line(None, self.function)
        self.millibill_as(1001, "emit", "--socket", self.path, input=forged)
        self.wait_invocations(2, "shop")
        self.assertEqual(self.invocations("globex"), 0)
        self.assertEqual(self.forged(), [["shop", self.path]])

    def test_a_bound_user_imports_its_own_tenant_only(self):
        forged = line("shop", self.function, "import-1") + line("globex", self.function, "import-2")
        result = self.millibill_as(1001, "import", "--data", str(self.stack.data), "-", input=forged, status=1)
        self.assertIn(b"user 1001 may speak for tenant 'shop' only, not for 'globex'", result.stderr)
        self.millibill_as(1001, "import", "--data", str(self.stack.data), "-",
                     input=line("shop", self.function, "import-1"))
        self.wait_invocations(1, "shop")
        self.assertEqual(self.invocations("globex"), 0)

    def test_a_user_who_is_not_on_the_list_is_refused_and_told_so(self):
        """Threat model: another local process connects to the agent's socket."""
        self.set_agent(f"allow_users: [1002]\nbindings:\n  - {{socket: {self.door}, tenant: acme}}\n")
        self.addCleanup(self.set_agent,
                        f"allow_users: []\nbindings:\n  - {{socket: {self.door}, tenant: acme}}\n"
                        "  - {user: 1001, tenant: shop}\n")
        result = self.millibill_as(1001, "emit", "--socket", self.path, input=line("acme", self.function), status=1)
        self.assertIn(b"not among allow_users", result.stderr)
        result = self.millibill_as(1001, "import", "--data", str(self.stack.data), "-",
                              input=line("acme", self.function, "r"), status=1)
        self.millibill_as(1002, "emit", "--socket", self.path, input=line("acme", self.function))
        self.wait_invocations(1)
        self.assertIn("peer_refused", self.stack.log("agent"))


class Crowd(SocketCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_agent("idle_close_s: 1\n")

    def crowd(self, count, greeting=b""):
        peers = []
        for _ in range(count):
            peer = socket.socket(socket.AF_UNIX)
            self.addCleanup(peer.close)
            # Not settimeout(): a connect that may not block fails when the kernel's queue is full.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 20, 0))
            try:
                peer.connect(self.path)
                if greeting:
                    peer.sendall(greeting)
            except (BlockingIOError, ConnectionError):
                break  # all rooms and the queue are taken
            peers.append(peer)
        return peers

    def honest(self):
        """An emitter among them is served: its record is acknowledged before `send` has lost its patience, a minute."""
        self.send([line("acme", self.function, f"{self.function}-{time.monotonic()}")])

    def test_idle_connections_make_room_for_an_honest_emitter(self):
        """Threat model: a local process holds connections; slow and idle peers are closed."""
        self.assertEqual(len(self.crowd(300)), 300)
        self.honest()
        self.assertGreater(len(self.crowd(300)), 212)  # more than there is room for
        self.honest()
        self.assertIn("idle_closed", self.stack.log("agent"))
        self.wait_invocations(2)

    def test_connections_that_never_end_their_line_make_room(self):
        self.crowd(520, ACK + b'{"tenant":')
        self.honest()
        self.wait_invocations(1)

    def test_one_user_cannot_take_all_connections(self):
        script = ("import select,socket,sys,time\npeers=[]\nfor i in range(450):\n s=socket.socket(socket.AF_UNIX)\n"
                  " s.connect(sys.argv[1])\n"
                  f" peers.append(s)\nclosed=0\nuntil=time.monotonic()+60\nwhile time.monotonic()<until and closed<{450 - 384}:\n"
                  " for s in select.select(peers,[],[],1)[0]:\n"
                  "  closed+=s.recv(200).startswith(b'{\"error\"')\n  peers.remove(s)\n"
                  "time.sleep(.5)\nprint(closed+len(select.select(peers,[],[],0)[0]))\n")
        self.set_agent("idle_close_s: 600\n")
        self.addCleanup(self.set_agent, "idle_close_s: 1\n")
        result = self.as_user(1001, sys.executable, "-c", script, self.path)
        self.assertEqual(int(result.stdout), 450 - 384)
        self.honest()

    def test_a_peer_that_does_not_read_its_acknowledgements_costs_no_memory(self):
        deaf = socket.socket(socket.AF_UNIX)
        self.addCleanup(deaf.close)
        deaf.settimeout(60)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(self.path)
        deaf.sendall(ACK)
        before = self.memory_kb()
        for i in range(2000):  # each is acknowledged on its own
            deaf.sendall(line("acme", self.function, f"{self.function}-{i}"))
            if i % 100 == 0:
                time.sleep(0.02)
        self.wait_invocations(2000)
        self.assertLess(self.memory_kb() - before, 8 << 10)
        self.honest()


if __name__ == "__main__":
    unittest.main()
