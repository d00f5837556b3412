"""The spool and its link under faults: killed at every moment, copied, restored, on a full or failing disk."""
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from failpoint import Failpoint
from harness import BUILD, MILLIBILL, Stack, environment, wait_until
from journal import TRYING
from scene import ExtraAgent, Scene, months_since

NUMBERS = itertools.count(1)


class FaultyAgent(ExtraAgent):
    """An agent that can be started with failing calls; `point` is the last Failpoint."""

    point = None

    def start(self, rules=None):
        env = environment()
        if rules is not None:
            self.point = Failpoint(rules, self.data / "calls", program="millibill-agent")
            env.update(self.point.env)
        Path(self.socket).unlink(missing_ok=True)
        with open(self.data / "log", "ab") as log:
            self.process = subprocess.Popen([str(BUILD / "bin" / "millibill-agent"), "run", "--data", str(self.data)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        wait_until(lambda: Path(self.socket).exists() or self.process.poll() is not None, f"{self.socket} exists", 60)
        return self

    def is_dead(self):
        return self.process.poll() is not None

    @property
    def spool(self):
        return self.data / "spool"


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.endpoint = f"ipc://{Path(cls.stack.status()['sockets']['agent']).parent}/collector.ipc"

    @classmethod
    def tearDownClass(cls):
        cls.stack.remove()

    def setUp(self):
        self.tenant = self.id().rpartition(".")[2].replace("_", "-")[:60]
        self.scene = Scene(self.stack, self.tenant)
        self.began = time.time()

    def agent(self, name, **settings):
        agent = FaultyAgent(self.stack, f"{name}-{next(NUMBERS)}", [self.endpoint], **settings)
        self.addCleanup(agent.stop, signal.SIGKILL)
        return agent

    def records(self):
        """Records of this test's tenant that count, and different ones."""
        for month in months_since(self.began):
            self.stack.run("rate", "--month", month, "--preview")
        return self.stack.number("SELECT coalesce(sum(invocations), 0) FROM rollups r JOIN tenants t USING (tenant_id) "
                                 f"WHERE t.name = '{self.tenant}'")

    def expect(self, count, seconds=90):
        wait_until(lambda: self.records() >= count, f"{count} records of {self.tenant} count", seconds, 0.5)
        time.sleep(0.5)
        self.assertEqual(self.records(), count)
        self.stack.run("verify")

    def emit(self, agent, count):
        self.scene.emit(self.tenant, count, socket_path=agent.socket)

    # --- killed

    def kill_at(self, rule, numbers):
        """Start, emit what is accepted, be killed at the N-th call, for several N; at last all that was accepted counts."""
        agent = self.agent("killed")
        agent.start()
        self.scene.keep_emitting(self.tenant, 100, socket_path=agent.socket)
        for number in numbers:
            agent.stop(signal.SIGKILL)
            agent.start(rule.format(number))
            wait_until(agent.is_dead, f"the chosen call is reached: {rule.format(number)}", 60)
        agent.stop(signal.SIGKILL)
        agent.start()
        time.sleep(1)
        self.scene.finish()
        accepted = self.scene.accepted()
        self.assertGreater(accepted, 0)
        wait_until(lambda: self.records() >= accepted, f"{accepted} records count", 120, 0.5)
        time.sleep(0.5)
        self.assertLessEqual(self.records(), accepted + self.scene.journal.count(1))
        self.stack.run("verify")

    def test_an_agent_killed_around_sending_delivers_once(self):
        """Matrix 5: killed at the N-th send (before it, so between one sent batch and its acknowledgement)."""
        self.kill_at("send:{}:KILL", [3, 7, 12, 20, 33])

    def test_an_agent_killed_around_forgetting_delivers_once(self):
        """Matrix 6: killed at the N-th fsync: half of them make batches durable, half forget what was acknowledged."""
        self.kill_at("fsync:{}:KILL", [4, 5, 8, 9, 14, 15])

    # --- a failing disk

    def test_a_failed_fsync_ends_the_agent_and_loses_nothing(self):
        """Matrix 27: EIO once; the process ends at once with a message, never tries again, and after a restart nothing that
        was acknowledged is missing."""
        agent = self.agent("eio").start()
        self.emit(agent, 5)
        agent.stop(signal.SIGKILL)
        agent.start("fsync:6:EIO")
        self.scene.keep_emitting(self.tenant, 100, socket_path=agent.socket)
        wait_until(agent.is_dead, "the agent ends", 60)
        self.assertGreater(agent.process.returncode, 0)
        self.assertIn("Input/output error", agent.log())
        self.assertIn("check free space and the disk below the spool", agent.log())
        self.assertEqual(agent.point.counts("fsync"), (6, 1))
        agent.start()
        time.sleep(1)
        self.scene.finish()
        accepted = self.scene.accepted()
        wait_until(lambda: self.records() >= accepted, f"{accepted} records count", 60, 0.5)
        self.assertLessEqual(self.records(), accepted + self.scene.journal.count(1))

    def start_on_full_disk(self, agent):
        """On a small file system of its own, full as soon as the agent runs; the file that fills it."""
        agent.spool.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(agent.spool)], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(agent.spool)], check=False)
        filler = agent.spool / "filler"
        with open(filler, "wb", buffering=0) as file:
            file.write(b"\0" * (12 << 20))  # so that the agent takes no more space ahead than it must
            agent.start()
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        return filler

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_an_import_goes_on_by_itself_when_the_disk_has_space_again(self):
        """Matrix 26: nothing else happens in the agent meanwhile that could wake the import: there is no collector either."""
        collector = self.stack.pid("collector")
        os.kill(collector, signal.SIGSTOP)
        self.addCleanup(os.kill, collector, signal.SIGCONT)
        agent = self.agent("import-full", spool_max_mb="64")
        filler = self.start_on_full_disk(agent)
        lines = self.lines(300)
        command = [MILLIBILL, "import", "--no-wait", "--format", "ndjson", "--data", str(agent.data), "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()) as client:
            client.stdin.write(lines)
            client.stdin.close()
            wait_until(lambda: "event=spool_full import=" in agent.log() or agent.is_dead(), "the import waits", 60)
            self.assertFalse(agent.is_dead(), agent.log()[-2000:])
            time.sleep(1)
            self.assertIsNone(client.poll())
            filler.unlink()
            self.assertEqual(client.wait(120), 0)
        os.kill(collector, signal.SIGCONT)
        self.expect(300)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_followed_files_outlive_a_full_disk(self):
        """Matrix 26: an empty file has a mark to store and no line to go with it: it waits, and so do lines that come."""
        agent = self.agent("follow-full", spool_max_mb="64")
        log = agent.data / "usage.ndjson"
        log.touch()
        with open(agent.data / "millibill.yaml", "a") as settings:
            settings.write(f"follow:\n  - {{path: {log}, format: ndjson}}\n")
        filler = self.start_on_full_disk(agent)
        time.sleep(12)  # by now a mark without a line is due
        self.assertFalse(agent.is_dead(), agent.log()[-2000:])
        log.write_bytes(self.lines(200))
        wait_until(lambda: "event=spool_full" in agent.log() or agent.is_dead(), "the file waits", 60)
        self.assertFalse(agent.is_dead(), agent.log()[-2000:])
        time.sleep(1)
        self.assertEqual(agent.log().count("event=spool_full"), 1)
        filler.unlink()
        self.expect(200)
        self.assertEqual(agent.log().count("event=spool_has_room"), 1)

    def lines(self, count):
        source = self.scene.journal.source("socket", self.tenant)
        return "".join(source.line(source.add(TRYING), int(time.time() * 1e6)) for _ in range(count)).encode()

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_a_full_disk_makes_sources_wait_and_passes(self):
        """Matrix 26: the spool's file system is full: emitters get no acknowledgement, nothing is half written, and when
        there is space again all arrives."""
        agent = self.agent("full", spool_max_mb="64", spool_retain_hours="0")
        filler = self.start_on_full_disk(agent)
        self.stack.kill("collector", signal.SIGSTOP)
        try:
            self.scene.keep_emitting(self.tenant, 3000, socket_path=agent.socket)
            wait_until(lambda: "event=spool_full" in agent.log() or agent.is_dead(), "the disk is full", 120)
            self.assertFalse(agent.is_dead(), agent.log()[-2000:])
            self.assertIn("no space on its disk", agent.log())
            stuck = self.scene.accepted()
            time.sleep(1)
            self.assertLess(self.scene.accepted() - stuck, 10000)
        finally:
            os.kill(self.stack.pid("collector"), signal.SIGCONT)
        filler.unlink()
        wait_until(lambda: self.scene.accepted() > stuck + 1000, "emitters are acknowledged again", 60)
        self.assertFalse(agent.is_dead())
        self.scene.finish()
        self.expect(self.scene.accepted(), 120)

    # --- copies and restored states

    def copy_spool(self, agent, name="copy"):
        copy = agent.data / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(agent.spool, copy)
        return copy

    def replace_spool(self, agent, copy):
        shutil.rmtree(agent.spool)
        shutil.copytree(copy, agent.spool)

    def test_a_spool_restored_from_an_older_copy_gets_a_new_id(self):
        """Matrix 24: the collector knows later batches than the restored spool: it goes on under a new id, nothing is
        overwritten and nothing is lost or doubled."""
        agent = self.agent("restored").start()
        self.emit(agent, 10)
        self.expect(10)
        agent.stop()
        copy = self.copy_spool(agent)
        agent.start()
        self.emit(agent, 10)
        self.emit(agent, 10)
        self.expect(30)
        agent.stop()
        self.replace_spool(agent, copy)
        agent.start()
        self.emit(agent, 10)
        self.expect(40)
        self.assertIn("the spool was restored from a copy", agent.log())

    def test_a_cloned_agent_is_told_apart(self):
        """Matrix 23: two agents run from one snapshot, under one key and spool id: the second is seen by a sequence with
        other bytes, and goes on under an id of its own."""
        agent = self.agent("origin").start()
        self.emit(agent, 10)
        self.expect(10)
        agent.stop()
        clone = self.agent("clone")
        shutil.rmtree(clone.spool, ignore_errors=True)
        shutil.copytree(agent.spool, clone.spool)
        text = (clone.data / "millibill.yaml").read_text().replace(clone.key, agent.key)
        (clone.data / "millibill.yaml").write_text(text)
        agent.start()
        clone.start()
        for _ in range(5):
            self.emit(agent, 7)
            self.emit(clone, 7)
        self.expect(80)
        self.assertRegex(agent.log() + clone.log(), "event=spool_renewed")

    def test_a_damaged_spool_starts_says_so_and_delivers_the_rest(self):
        """Matrix 29: the head of the file is gone while batches wait: what can be read is delivered, the gap is in the
        ledger's losses, and the damaged file is kept."""
        agent = self.agent("damaged").start()
        self.emit(agent, 5)
        self.expect(5)
        self.stack.kill("collector", signal.SIGSTOP)
        try:
            for _ in range(4):
                self.emit(agent, 5)
            agent.stop(signal.SIGKILL)
        finally:
            os.kill(self.stack.pid("collector"), signal.SIGCONT)
        with open(agent.spool / "data.mdb", "r+b") as file:
            file.write(b"\xff" * 8192)
        agent.start()
        self.expect(25)
        self.assertIn("event=spool_damaged", agent.log())
        self.assertTrue(list(agent.spool.glob("data.mdb.damaged-*")))
        wait_until(lambda: self.stack.number("SELECT count(*) FROM losses WHERE reason = 'spool_damaged'") > 0,
                   "the loss is reported", 60)


class DatabaseRestored(unittest.TestCase):
    """One stack whose database goes back in time."""

    def test_batches_acknowledged_since_come_again(self):
        """Matrix 37: the database returns to an earlier state, behind acknowledged batches: the agent sends them again,
        once, and the sums are as if nothing had happened."""
        with Stack() as stack:
            scene = Scene(stack, "acme")
            scene.emit("acme", 20)
            scene.drain()
            stack.down()
            copy = Path(tempfile.mkdtemp(prefix="mb-pitr-"))
            self.addCleanup(shutil.rmtree, copy, True)
            cluster = next(path.parent for path in stack.data.rglob("PG_VERSION") if (path.parent / "global").is_dir())
            subprocess.run(["cp", "-a", str(cluster), str(copy / "cluster")], check=True)
            stack.up()
            for _ in range(3):
                scene.emit("acme", 20)
                scene.drain()
            stack.down()
            shutil.rmtree(cluster)
            subprocess.run(["cp", "-a", str(copy / "cluster"), str(cluster)], check=True)
            stack.up()
            scene.emit("acme", 5)
            scene.check(self)
            self.assertIn("event=database_restored", stack.log("agent"))
            self.assertEqual(stack.number("SELECT count(*) FROM losses"), 0)


if __name__ == "__main__":
    unittest.main()
