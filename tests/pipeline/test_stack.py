"""The embedded stack: up, down, status, and what an unclean end leaves behind."""
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from collectors import ExtraCollector
from harness import BUILD, MILLIBILL, ROOT, SUPERUSER, Stack, environment, wait_until


def millibill(*arguments, data, status=0):
    result = subprocess.run([MILLIBILL, *arguments, "--data", str(data)], capture_output=True, text=True, timeout=300,
                            env=environment(), check=False)
    if status is not None and result.returncode != status:
        raise AssertionError(f"{arguments}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result


class UpAndDown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()

    @classmethod
    def tearDownClass(cls):
        cls.stack.remove()

    def test_every_part_runs_and_says_where(self):
        status = self.stack.status()
        self.assertTrue(status["running"])
        self.assertTrue(status["database_ready"])
        self.assertEqual([part["name"] for part in status["parts"]], ["postgres", "collector", "agent", "supervisor"])
        for part in status["parts"]:
            self.assertTrue(Path(f"/proc/{part['pid']}").exists(), part)
        self.assertLess(len(status["sockets"]["import"]), 108)

    def test_nothing_of_it_runs_as_root(self):
        for part in self.stack.status()["parts"]:
            self.assertNotEqual(os.stat(f"/proc/{part['pid']}").st_uid, 0, part["name"])

    def test_postgresql_listens_on_no_network_address(self):
        self.assertEqual(self.stack.value("SHOW listen_addresses"), "")
        self.assertEqual(self.stack.value("SHOW fsync"), "on")
        self.assertEqual(self.stack.value("SHOW synchronous_commit"), "on")

    def test_a_collector_does_not_start_on_a_database_that_may_forget(self):
        """Set for the server, or for the collector's role alone."""
        for setting, off, on in (("fsync", "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM RESET fsync"),
                                 ("full_page_writes", "ALTER SYSTEM SET full_page_writes = off", "ALTER SYSTEM RESET full_page_writes"),
                                 ("synchronous_commit", "ALTER ROLE millibill_collector SET synchronous_commit = off",
                                  "ALTER ROLE millibill_collector RESET synchronous_commit")):
            collector = ExtraCollector(self.stack, setting)
            self.addCleanup(collector.stop)
            for change in (off, "SELECT pg_reload_conf()"):
                self.stack.query(change, SUPERUSER)
            try:
                wait_until(lambda: self.stack.value(f"SHOW {setting}", "millibill_collector") == "off", f"{setting} is off")
                collector.start(wait=False)
                self.assertEqual(collector.process.wait(60), 1, collector.log())
            finally:
                for change in (on, "SELECT pg_reload_conf()"):
                    self.stack.query(change, SUPERUSER)
            self.assertIn(f"the database has {setting} = off", collector.log())
            self.assertNotIn("event=listening", collector.log())
            wait_until(lambda: self.stack.value(f"SHOW {setting}", "millibill_collector") == "on", f"{setting} is on")

    def test_locks_of_every_month_that_may_exist_have_room_three_times(self):
        """`verify` reads whole tables in one transaction: it locks each partition and each of its indexes."""
        of_one_month = self.stack.number(
            "SELECT count(*) FROM pg_class c WHERE (c.oid IN (SELECT inhrelid FROM pg_inherits) AND c.relname ~ "
            "(SELECT substring(min(relname) FROM '[0-9_]+$') FROM pg_class WHERE relname ~ '^segments_[0-9_]+$'))")
        self.assertGreaterEqual(of_one_month, 3 * 2, "three tables, each with an index at least")
        settings = dict(self.stack.query(
            "SELECT name, setting FROM pg_settings WHERE name IN ('max_locks_per_transaction', 'max_connections', "
            "'autovacuum_max_workers', 'max_worker_processes', 'max_wal_senders')"))
        processes = sum(int(settings[name]) for name in settings if name != "max_locks_per_transaction")
        months = (time.gmtime().tm_year + 10 - 1970 + 1) * 12  # partitions_ensure makes no others
        self.assertGreater(int(settings["max_locks_per_transaction"]) * processes, 3 * of_one_month * months)

    def test_secret_keys_are_for_their_owner_only(self):
        for name in ("agent.key", "collector.key"):
            self.assertEqual(stat.S_IMODE(os.stat(self.stack.data / "keys" / name).st_mode), 0o600)

    def test_a_second_up_changes_nothing(self):
        before = {part["name"]: part["pid"] for part in self.stack.status()["parts"]}
        result = self.stack.run("up")
        self.assertIn("running already", result.stderr)
        self.assertEqual({part["name"]: part["pid"] for part in self.stack.status()["parts"]}, before)

    def test_the_printed_psql_command_opens_the_views(self):
        command = self.stack.status()["psql"] + " -X -A -t -c 'SELECT count(*) FROM tenants'"
        result = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment(), check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_tenant_is_added_once_and_listed_with_its_account(self):
        self.stack.run("tenant", "add", "first", "--account", "group")
        self.stack.run("tenant", "add", "second", "--account", "group")
        again = self.stack.run("tenant", "add", "first", status=1)
        self.assertIn("exists already", again.stderr)
        accounts = {row["account"]: row["tenants"] for row in self.stack.json("account", "list")}
        self.assertEqual(accounts["group"], ["first", "second"])

    def test_an_agent_gets_a_key_file(self):
        self.stack.run("tenant", "add", "edge-tenant")
        result = self.stack.run("agent", "add", "edge", "--tenant", "edge-tenant")
        self.assertIn("edge.key", result.stdout)
        agents = {row["agent"]: row for row in self.stack.json("agent", "list")}
        self.assertTrue(agents["local"]["all_tenants"])
        self.assertFalse(agents["edge"]["all_tenants"])
        self.stack.run("agent", "add", "other", "--tenant", "nobody", status=1)
        self.assertNotIn("other", {row["agent"] for row in self.stack.json("agent", "list")})

    def test_what_prints_a_result_prints_it_as_json_too(self):
        self.assertEqual(self.stack.json("tenant", "add", "jay", "--account", "group-j"),
                         {"tenant": "jay", "account": "group-j"})
        self.assertEqual(self.stack.json("tenant", "add", "jon"), {"tenant": "jon", "account": "jon"})
        added = self.stack.json("agent", "add", "edge-j", "--tenant", "jay", "--tenant", "jon")
        self.assertEqual((added["agent"], added["tenants"]), ("edge-j", ["jay", "jon"]))
        self.assertTrue(Path(added["key_file"]).is_file())
        listed = {row["agent"]: row["public_key"] for row in self.stack.json("agent", "list")}
        self.assertEqual(added["public_key"], listed["edge-j"])
        self.assertEqual(self.stack.json("agent", "add", "edge-all", "--all-tenants")["tenants"], "all")
        self.assertEqual(self.stack.json("agent", "revoke", "edge-j"), {"agent": "edge-j", "revoked": True})
        line = '{"tenant":"jay","function":"f","memory_mb":128,"started_at":"2026-05-10T12:00:00Z","duration_ms":1}\n'
        self.assertEqual(self.stack.json("emit", input=line * 3), {"sent": 3, "acknowledged": 3})
        self.assertEqual(self.stack.json("emit", input=""), {"sent": 0, "acknowledged": 0})

    def test_up_and_down_say_what_they_did_as_json(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as data:
            os.chmod(data, 0o755)
            try:
                up = json.loads(millibill("up", "--json", data=data).stdout)
                self.assertTrue(up["running"] and up["database_ready"])
                status = json.loads(millibill("status", "--json", data=data).stdout)
                again = json.loads(millibill("up", "--json", data=data).stdout)
                self.assertEqual(steady(up), steady(status))
                self.assertEqual(steady(again), steady(status))
            finally:
                down = json.loads(millibill("down", "--json", data=data).stdout)
            self.assertEqual(down, {"stopped": True, "was_running": True, "data": data})

    def test_a_second_migrate_has_nothing_to_do(self):
        self.assertEqual(self.stack.json("migrate")["applied"], 0)


class UncleanEnds(unittest.TestCase):
    def test_a_killed_part_is_started_again(self):
        with Stack() as stack:
            for part in ("agent", "collector", "postgres"):
                killed = stack.kill(part)
                stack.wait_running(part, other_than=killed)
            stack.wait_database()
            self.assertEqual([p["restarts"] for p in stack.status()["parts"] if p["name"] == "agent"], [1])

    def test_after_killing_everything_up_works_again(self):
        with Stack() as stack:
            stack.run("tenant", "add", "kept")
            stack.kill_all()
            wait_until(lambda: not stack.pid("supervisor"), "the supervisor is gone")
            stack.up()
            self.assertTrue(stack.status()["running"])
            self.assertEqual([row["tenant"] for row in stack.json("tenant", "list")], ["kept"])

    def test_the_children_of_a_killed_supervisor_do_not_stay(self):
        with Stack() as stack:
            pids = [stack.pid(part) for part in ("agent", "collector", "postgres")]
            stack.kill("supervisor")
            wait_until(lambda: not any(alive(pid) for pid in pids), "the parts are gone")
            stack.up()
            self.assertTrue(stack.status()["running"])

    def test_a_stale_pid_file_never_kills_a_stranger(self):
        with Stack() as stack:
            stack.down()
            stranger = subprocess.Popen(["sleep", "60"])
            try:
                self.plant(stack, stranger.pid)
                stack.run("down")
                self.assertIsNone(stranger.poll())
                stack.up()
                self.assertTrue(stack.status()["running"])
                self.assertIsNone(stranger.poll())
            finally:
                stranger.kill()
                stranger.wait()

    @staticmethod
    def plant(stack, pid):
        """Pid files and a PostgreSQL lock file, as a crash long ago would have left them, with a stranger's pid."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        for part in ("supervisor", "agent", "collector", "postgres"):
            (stack.data / "pids" / f"{part}.pid").write_text(f"{pid} 1 {boot} 0\n")
        lock = stack.data / "pg" / "postmaster.pid"
        lock.write_text(f"{pid}\n{stack.data}/pg\n1\n5432\n{stack.data}/run\n\n0 0\nready   \n")
        owner = os.stat(stack.data / "pg")
        os.chown(lock, owner.st_uid, owner.st_gid)

    def test_an_interrupted_initdb_is_done_again(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as data:
            os.chmod(data, 0o755)
            half = Path(data) / "pg.new"
            half.mkdir()
            (half / "PG_VERSION").write_text("15\n")
            try:
                millibill("up", data=data)
                self.assertTrue(json.loads(millibill("status", "--json", data=data).stdout)["running"])
            finally:
                millibill("down", data=data)

    def test_two_ups_at_once_make_one_stack(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as data:
            os.chmod(data, 0o755)
            argv = [MILLIBILL, "up", "--data", data]
            try:
                both = [subprocess.Popen(argv, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                        for _ in range(2)]
                self.assertEqual([(p.wait(120), p.stderr.close())[0] for p in both], [0, 0])
                self.assertTrue(json.loads(millibill("status", "--json", data=data).stdout)["running"])
            finally:
                millibill("down", data=data)

    def test_ctrl_c_stops_a_stack_in_the_foreground(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as data:
            os.chmod(data, 0o755)
            up = subprocess.Popen([MILLIBILL, "up", "--foreground", "--data", data], env=environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                while "Ctrl-C" not in up.stderr.readline():
                    self.assertIsNone(up.poll())
                up.send_signal(signal.SIGINT)
                up.communicate(timeout=120)
                self.assertEqual(up.returncode, 0)
                self.assertEqual(millibill("status", data=data, status=None).returncode, 1)
            finally:
                millibill("down", data=data)


class Places(unittest.TestCase):
    def test_a_long_path_still_gets_its_sockets(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as top:
            os.chmod(top, 0o755)
            data = Path(top) / ("d" * 100)
            try:
                millibill("up", data=data)
                status = json.loads(millibill("status", "--json", data=data).stdout)
                self.assertTrue(status["running"])
                self.assertLess(max(len(path) for path in status["sockets"].values()), 108)
            finally:
                millibill("down", data=data)

    def test_a_path_with_a_blank_works(self):
        with tempfile.TemporaryDirectory(prefix="mb- ") as data:
            os.chmod(data, 0o755)
            try:
                millibill("up", data=data)
                millibill("tenant", "add", "acme", data=data)
            finally:
                millibill("down", data=data)

    @unittest.skipUnless(os.geteuid() == 0, "only root's stack runs as another user")
    def test_a_place_that_the_service_user_cannot_reach_is_named_with_a_remedy(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as top:  # mode 0700
            result = millibill("up", data=Path(top) / "data", status=1)
            self.assertIn(f"cannot enter '{top}'", result.stderr)
            self.assertIn("chmod o+x", result.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root's stack runs as another user")
    def test_a_build_below_a_closed_home_works(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as home, tempfile.TemporaryDirectory(prefix="mb-") as data:
            os.chmod(data, 0o755)
            shutil.copytree(BUILD / "bin", Path(home) / "bin")
            shutil.copytree(ROOT / "schema", Path(home) / "schema")
            shutil.copytree(ROOT / "rater" / "books", Path(home) / "rater" / "books")
            (Path(home) / "bin" / "millibill-agent").chmod(0o700)  # built under umask 077
            command = [str(Path(home) / "bin" / "millibill"), "up", "--data", data]
            try:
                result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                                        env={**environment(), "MILLIBILL_SHARE_ROOT": home})
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(json.loads(millibill("status", "--json", data=data).stdout)["running"])
            finally:
                millibill("down", data=data)

    def test_status_of_a_stack_that_was_never_started_says_so(self):
        with tempfile.TemporaryDirectory(prefix="mb-") as data:
            result = millibill("status", "--json", data=data, status=1)
            self.assertFalse(json.loads(result.stdout)["running"])
            millibill("down", data=data)


class Face(unittest.TestCase):
    def test_an_unknown_command_suggests_near_ones(self):
        result = subprocess.run([MILLIBILL, "quoet"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("'quote'", result.stderr)

    def test_help_names_every_command_once(self):
        result = subprocess.run([MILLIBILL, "--help"], capture_output=True, text=True, check=True)
        for command in ("up", "exec", "import", "rate", "invoice", "savings", "tenant"):
            self.assertEqual(result.stdout.count(f"\n  {command} "), 1, command)

    def test_each_command_has_help(self):
        for command in ("up", "down", "status", "migrate", "exec", "emit", "import", "simulate", "quarantine", "quote",
                        "rate", "price-book", "invoice", "savings", "free-tier", "usage", "tenant", "account", "agent"):
            with self.subTest(command=command):
                result = subprocess.run([MILLIBILL, command, "--help"], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("Usage:", result.stdout)


def steady(status):
    """A status without what may differ from one moment to the next: the agent connects, clocks are compared anew."""
    parts = [{key: value for key, value in part.items() if key != "started_at"} for part in status["parts"]]
    return {**status, "parts": parts, "agents_connected": None}


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
