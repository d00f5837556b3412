"""PostgreSQL dies, is killed in parts, runs full, and is fought over: sources go on, nothing is lost or counted twice."""
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from collectors import ExtraCollector
from harness import Stack, wait_until
from links import LinkedStack
from scene import ExtraAgent, Scene

OUTAGE_S = float(os.environ.get("MILLIBILL_OUTAGE_S", "8"))
TABLESPACE_MB = 32
ROOM_LEFT_BLOCKS = 64
NO_SPACE = "No space left on device"


class Deaths(unittest.TestCase):
    """One stack for all; each test leaves it working."""

    @classmethod
    def setUpClass(cls):
        cls.stack = LinkedStack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.scene = Scene(cls.stack, "acme", "bolt")

    def test_postgresql_is_stopped_immediately(self):
        """Matrix 11: `pg_ctl stop -m immediate` (SIGQUIT) while records arrive, three times: recovery, no loss."""
        emitter = self.scene.keep_emitting("acme", 200)
        for _ in range(3):
            pid = self.stack.kill("postgres", signal.SIGQUIT)
            self.stack.wait_running("postgres", other_than=pid)
            self.stack.wait_database()
            time.sleep(1)
        self.scene.check(self)
        self.assertIsNone(emitter.failure)

    def test_single_backends_are_killed(self):
        """Matrix 11: SIGKILL to the collector's backend makes PostgreSQL restart all of them; SIGTERM ends the one."""
        self.scene.keep_emitting("bolt", 200)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            wait_until(lambda: self.try_kill_backend(number), "the collector has a backend", 60)
            self.stack.wait_database()
            time.sleep(1)
        self.scene.check(self)

    def try_kill_backend(self, number):
        try:
            return self.stack.kill_backend(number)
        except AssertionError:
            return None  # PostgreSQL is starting

    def test_the_postmaster_is_gone_for_a_while(self):
        """Matrix 11: no PostgreSQL at all (its supervisor is frozen meanwhile): sources are acknowledged, the spool grows."""
        self.scene.emit("acme", 100)
        self.scene.drain()
        supervisor, postmaster = self.stack.pid("supervisor"), self.stack.pid("postgres")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(postmaster, signal.SIGKILL)
            until = time.monotonic() + OUTAGE_S
            while time.monotonic() < until:
                self.scene.emit("acme", 100)
                time.sleep(0.5)
            self.assertEqual(self.scene.billed(), -1, "PostgreSQL should be away")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.scene.check(self)

    def test_a_frozen_backend_outlives_its_killed_server(self):
        """Matrix 11: SIGKILL to the server while a backend is stopped (SIGSTOP) and holds its shared memory: the supervisor ends it."""
        emitter = self.scene.keep_emitting("acme", 100)
        frozen = self.freeze_backend()
        pid = self.stack.kill("postgres")
        self.stack.wait_running("postgres", other_than=pid)
        self.stack.wait_database()
        self.assertIn("event=orphans_ended part=postgres count=", self.stack.log("supervisor"))
        self.assertFalse(runs(frozen))
        self.scene.check(self)
        self.assertIsNone(emitter.failure)

    def test_up_and_down_end_a_frozen_backend_that_was_left_alone(self):
        """Matrix 11: everything is killed, a stopped backend is all that is left: `millibill up` starts; `millibill down` leaves nothing."""
        self.scene.emit("bolt", 200)
        frozen = self.freeze_backend()
        self.stack.kill_all()
        self.assertTrue(runs(frozen))
        self.stack.up()
        self.assertFalse(runs(frozen))
        frozen = self.freeze_backend()
        self.stack.kill_all()
        self.stack.down()
        self.assertFalse(runs(frozen))
        self.stack.up()
        self.scene.check(self)

    def freeze_backend(self):
        return wait_until(lambda: self.try_kill_backend(signal.SIGSTOP), "the collector has a backend", 60)


def runs(pid):
    """Is there such a process (a zombie is none)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@unittest.skipUnless(os.geteuid() == 0, "mounting a small file system needs root")
class DiskFull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Path(tempfile.mkdtemp(prefix="mb-tmpfs-"))
        cls.addClassCleanup(os.rmdir, cls.place)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TABLESPACE_MB}m,mode=755", "none", str(cls.place)], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", str(cls.place)], check=False)
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.scene = Scene(cls.stack, "acme")

    def test_a_full_disk_makes_the_collector_wait_and_drains_when_there_is_room(self):
        """Matrix 12: segments live on a 32 MB tmpfs that runs full (SQLSTATE 53100): back-off, not ready, no loss, no other harm."""
        folder = self.place / "space"
        folder.mkdir()
        owner = os.stat(self.stack.data / "pg")
        os.chown(folder, owner.st_uid, owner.st_gid)
        self.scene.emit("acme", 100)
        self.scene.drain()
        self.stack.query(f"CREATE TABLESPACE small LOCATION '{folder}'", "postgres")
        for (table,) in self.stack.query("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'segments'::regclass"):
            self.stack.query(f"ALTER TABLE {table} SET TABLESPACE small", "postgres")
        ballast = self.place / "ballast"
        room = os.statvfs(self.place)
        with open(ballast, "wb") as out:
            os.posix_fallocate(out.fileno(), 0, (room.f_bavail - ROOM_LEFT_BLOCKS) * room.f_bsize)
        collector = self.stack.pid("collector")
        full = self.fill()
        waiting = self.scene.accepted() - self.scene.billed()
        self.assertGreater(waiting, 0, "the disk did not run full")
        self.scene.emit("acme", 500)
        time.sleep(3)
        self.assertEqual(self.scene.billed(), full, "something was committed without room for it")
        self.assertEqual(self.stack.pid("collector"), collector, "the collector should wait, not end")
        self.assertIn(NO_SPACE, self.stack.log("postgres"))
        wait_until(lambda: self.readiness() == 503, "the collector says that it makes no progress", 60, 0.5)
        ballast.unlink()
        self.scene.check(self)
        wait_until(lambda: self.readiness() == 200, "the collector is ready again", 30, 0.5)
        self.assertEqual(self.stack.pid("collector"), collector)

    def readiness(self):
        """HTTP status of /readyz."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(20)
            connection.connect(str(self.stack.data / "run" / "metrics.sock"))
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: collector\r\nConnection: close\r\n\r\n")
            return int(connection.makefile("rb").readline().split()[1])

    def fill(self):
        """Emit until nothing is committed any more; returns what was."""
        before = -1
        for _ in range(60):
            self.scene.emit("acme", 3000)
            time.sleep(1.5)
            now = self.scene.billed()
            if now == before and now < self.scene.accepted() and NO_SPACE in self.stack.log("postgres"):
                return now
            before = now
        return self.scene.billed()


class Fights(unittest.TestCase):
    AGENTS = 4

    def test_many_agents_write_the_same_rollups_through_two_collectors(self):
        """Matrix 13: every agent has every tenant's hours in another order, two collectors commit at once: no deadlock that
        lasts, sums equal."""
        with Stack() as stack, ExtraCollector(stack, "one") as one, ExtraCollector(stack, "two") as two:
            tenants = ("acme", "bolt", "cart", "dune")
            scene = Scene(stack, *tenants)
            hour_us = int(time.time() * 1e6) - 3600 * 1000000
            agents = [ExtraAgent(stack, f"a{i}", (one.endpoint, two.endpoint) if i % 2 else (two.endpoint, one.endpoint))
                      for i in range(self.AGENTS)]
            try:
                for agent in agents:
                    agent.start()
                for turn in range(6):
                    for i, agent in enumerate(agents):
                        for k in range(len(tenants)):
                            tenant = tenants[(i + k * (1 if i % 2 else -1) + turn) % len(tenants)]
                            scene.emit(tenant, 60, hour_us + (turn - k) % 3 * 3600 * 1000000 // 4, agent.socket)
                scene.check(self)
                self.assertEqual(stack.number("SELECT count(DISTINCT stream_id) FROM ledger"), self.AGENTS)
                for collector in (one, two):
                    self.assertIsNone(collector.process.poll(), collector.log())
            finally:
                for agent in agents:
                    agent.stop()


if __name__ == "__main__":
    unittest.main()
