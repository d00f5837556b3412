"""Agents and their keys: bound to tenants, revoked and rotated while they are connected, files that nobody else may read."""
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
import unittest
from pathlib import Path

from collectors import configure, free_port, quoted, setting
from harness import BUILD, SUPERUSER, Stack, environment, wait_until
from reach import for_everybody


class Host:
    """Another host's agent: a directory, keys and a process of its own, over TCP to the stack's collector."""

    def __init__(self, stack, name, endpoint):
        self.process = None
        self.data = stack.data / f"host-{name}"
        self.data.mkdir()
        (self.data / "keys").mkdir()
        (self.data / "keys" / "collector.pub").write_text((stack.data / "keys" / "collector.pub").read_text())
        (self.data / "millibill.yaml").write_text(f"agent_name: {name}\ncollectors:\n  - '{endpoint}'\nflush_interval_ms: 50\n")

    def take_key(self, path, mode=0o600):
        target = self.data / "keys" / "agent.key"
        target.unlink(missing_ok=True)
        target.write_text(Path(path).read_text())
        target.chmod(mode)

    def start(self):
        with open(self.data / "agent.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([str(BUILD / "bin/millibill-agent"), "run", "--data", str(self.data)], stdout=log,
                                            stderr=subprocess.STDOUT, env=environment())
        wait_until(lambda: (self.data / "run/agent.sock").exists() or self.process.poll() is not None, "the agent opens its socket", 60)
        return self

    def wait_refused(self):
        wait_until(lambda: "event=refused" in (self.data / "agent.log").read_text(), "the batch is refused")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def emit(self, tenant, *ids):
        lines = "".join(json.dumps({"request_id": i, "tenant": tenant, "function": "f", "memory_mb": 128, "duration_ms": 10,
                                    "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}) + "\n" for i in ids)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.data / "run/agent.sock"))
            connection.sendall(lines.encode())


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.down()
        cls.endpoint = f"tcp://127.0.0.1:{free_port()}"
        configure(cls.stack, listen=cls.endpoint, collectors=[cls.endpoint])
        cls.stack.up()
        for tenant in ("acme", "beta"):
            cls.stack.run("tenant", "add", tenant)

    def host(self, name, *options):
        answer = self.stack.json("agent", "add", name, *options)
        host = Host(self.stack, name, self.endpoint)
        self.addCleanup(host.stop)
        host.take_key(answer["key_file"])
        host.key_file = answer["key_file"]
        return host

    def billed(self, tenant):
        return self.stack.number("SELECT coalesce(sum(invocations), 0) FROM usage_hourly WHERE tenant = '%s'" % tenant)

    def quarantined(self, tenant, agent):
        return self.stack.query("SELECT reason, count(*) FROM quarantine q JOIN streams USING (stream_id) JOIN agents a USING (agent_id) "
                                f"WHERE tenant_name = '{tenant}' AND a.name = '{agent}' GROUP BY 1")

    def test_an_agent_speaks_for_its_tenants_only(self):
        host = self.host("bound", "--tenant", "acme").start()
        acme, beta = self.billed("acme"), self.billed("beta")
        host.emit("acme", "b1", "b2")
        host.emit("beta", "b3")
        wait_until(lambda: self.billed("acme") == acme + 2 and self.quarantined("beta", "bound"), "one is billed, the other is kept")
        self.assertEqual((self.billed("beta"), self.quarantined("beta", "bound")), (beta, [["forged_tenant", "1"]]))
        self.stack.run("agent", "allow", "bound", "--tenant", "beta")
        host.emit("beta", "b4")
        wait_until(lambda: self.billed("beta") == beta + 1, "it may speak for beta now")
        self.assertEqual(self.stack.json("agent", "deny", "bound", "--tenant", "beta"), {"agent": "bound", "denied": ["beta"]})
        host.emit("beta", "b5")
        wait_until(lambda: self.quarantined("beta", "bound") == [["forged_tenant", "2"]], "and no more")
        self.assertEqual(self.billed("beta"), beta + 1)
        self.assertIn("does not speak for", self.stack.run("agent", "deny", "bound", "--tenant", "beta", status=1).stderr)
        self.assertIn("every tenant", self.stack.run("agent", "deny", "local", "--tenant", "beta", status=1).stderr)

    def test_a_rotated_key_keeps_the_stream_and_the_old_one_is_refused(self):
        host = self.host("turning", "--tenant", "acme").start()
        before = self.billed("acme")
        host.emit("acme", "t1")
        wait_until(lambda: self.billed("acme") == before + 1, "the first is billed")
        old_key = host.key_file + ".kept"
        Path(old_key).write_text(Path(host.key_file).read_text())
        os.chmod(old_key, 0o600)
        answer = self.stack.json("agent", "rotate", "turning")
        self.assertEqual((answer["grace_s"], Path(answer["key_file"]).stat().st_mode & 0o777), (0, 0o600))
        host.emit("acme", "t2")  # over the connection that is open: spooled, refused
        host.wait_refused()
        self.assertEqual(self.billed("acme"), before + 1)
        host.stop()
        host.take_key(answer["key_file"])
        host.start()
        wait_until(lambda: self.billed("acme") == before + 2, "what was spooled is billed once, under the new key")
        self.assertEqual(self.stack.query("SELECT count(DISTINCT stream_id), count(*) = max(sequence) FROM ledger JOIN streams USING (stream_id) "
                                          "JOIN agents a USING (agent_id) WHERE a.name = 'turning'"), [["1", "t"]])
        host.stop()
        host.take_key(old_key)
        host.start()
        host.emit("acme", "t3")
        time.sleep(3)  # nothing tells a refused key from a collector that is away
        self.assertEqual(self.billed("acme"), before + 2)
        self.assertIn("was an agent's before", self.stack.run("agent", "add", "again", "--tenant", "acme", "--key", old_key, status=1).stderr)

    def test_in_its_time_of_grace_the_old_key_is_good_too(self):
        host = self.host("gentle", "--tenant", "acme").start()
        before = self.billed("acme")
        self.stack.run("agent", "rotate", "gentle", "--grace", "600")
        time.sleep(2.5)  # collectors read the table of keys every second
        host.emit("acme", "g1")
        wait_until(lambda: self.billed("acme") == before + 1, "the old key still works")
        self.stack.query("UPDATE agent_former_keys SET refused_from = now() FROM agents WHERE agents.agent_id = agent_former_keys.agent_id "
                         "AND name = 'gentle'", SUPERUSER)  # as if its time were over
        host.emit("acme", "g2")
        host.wait_refused()
        self.assertEqual(self.billed("acme"), before + 1)
        self.assertIn("expected 0 to", self.stack.run("agent", "rotate", "gentle", "--grace", "-1", status=2).stderr)

    def test_matrix_row_21_as_an_operator_does_it(self):
        """Matrix 21: `agent revoke` stops an agent whose connection is open at its next batch; nothing of it is billed."""
        host = self.host("leaving", "--tenant", "acme").start()
        before = self.billed("acme")
        host.emit("acme", "l1")
        wait_until(lambda: self.billed("acme") == before + 1, "connected and billed")
        self.stack.run("agent", "revoke", "leaving")
        host.emit("acme", "l2")
        host.wait_refused()
        self.assertEqual(self.billed("acme"), before + 1)
        self.assertIn("is revoked", self.stack.run("agent", "rotate", "leaving", status=1).stderr)
        self.assertIn("no agent", self.stack.run("agent", "rotate", "nobody", status=1).stderr)

    def test_a_public_key_made_elsewhere_is_enough_to_rotate(self):
        host = self.host("remote", "--tenant", "acme")
        made = self.stack.json("agent", "add", "other", "--tenant", "acme")
        self.assertIn("in use", self.stack.run("agent", "rotate", "remote", "--public-key", made["public_key"], status=1).stderr)
        pair = Path(host.key_file).read_text()
        key = self.stack.json("agent", "rotate", "remote", "--public-key", "0" * 40)
        self.assertEqual((key["public_key"], key["key_file"], Path(host.key_file).read_text()), ("0" * 40, None, pair))
        self.assertIn("40 characters", self.stack.run("agent", "rotate", "remote", "--public-key", "short", status=1).stderr)

    def test_a_key_file_that_others_may_read_stops_the_program(self):
        host = self.host("careless", "--tenant", "acme")
        host.take_key(host.key_file, 0o640)
        host.start()
        self.assertEqual(host.process.wait(60), 1)
        said = (host.data / "agent.log").read_text()
        self.assertIn("has mode 0640: others may read the secret key", said)
        self.assertIn("chmod 0600", said)
        if os.geteuid() == 0:  # another user's file is no key of ours, whatever its mode
            key = host.data / "keys" / "agent.key"
            key.chmod(0o600)
            user = next(pwd.getpwnam(name) for name in ("millibill", "postgres", "nobody") if any(p.pw_name == name for p in pwd.getpwall()))
            for made in ("spool", "run"):  # by root, above
                shutil.rmtree(host.data / made, ignore_errors=True)
            for path in (host.data, host.data / "keys"):
                path.chmod(0o777)
            other = pwd.getpwnam("daemon")
            os.chown(key, other.pw_uid, other.pw_gid)
            result = subprocess.run([for_everybody(BUILD / "bin/millibill-agent"), "run", "--data", str(host.data)], user=user.pw_uid, group=user.pw_gid,
                                    capture_output=True, text=True, env=environment(), timeout=60, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn("belongs to user id", result.stderr)

    def test_the_collector_does_not_start_with_a_key_that_others_may_read(self):
        folder = self.stack.data / "second"
        folder.mkdir()
        key = folder / "collector.key"
        key.write_text((self.stack.data / "keys" / "collector.key").read_text())
        key.chmod(0o644)
        (folder / "millibill.yaml").write_text(f"run: {folder}\ndatabase: {quoted(setting(self.stack, 'database'))}\ncollector_key: {key}\n"
                                               f"listen: 'tcp://127.0.0.1:{free_port()}'\nmetrics_listen: 'unix:{folder}/metrics.sock'\n")
        result = subprocess.run([str(BUILD / "bin/millibill-collector"), "run", "--data", str(folder)], capture_output=True, text=True,
                                env=environment(), timeout=60, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("has mode 0644", result.stderr)


if __name__ == "__main__":
    unittest.main()
