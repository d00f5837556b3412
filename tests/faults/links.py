"""A stack whose two links can be broken: agent -> collector over TCP, collector -> PostgreSQL over a Unix socket, each
through a fault proxy.

    with LinkedStack() as stack:
        stack.link.partition()          # between agent and collector (proxy.py)
        stack.database.trap("reply")    # between collector (and every command) and PostgreSQL (pg_proxy.py)

`query` and `value` ask PostgreSQL directly, so that an outage of a proxy does not disturb the one who looks.
"""
import os
import socket
import subprocess

from harness import Stack, environment
from pg_proxy import PgProxy
from proxy import Proxy


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LinkedStack(Stack):
    """`settings`: more lines for millibill.yaml, as a dictionary. `link` and `database` are the proxies."""

    def __init__(self, settings=None, **options):
        super().__init__(**options)
        self.settings = dict(settings or {})
        self.port = free_port()
        self.link = self.database = None

    def up(self):
        if self.link is None:
            self._start_proxies()
        super().up()

    def _start_proxies(self):
        folder = self.data / "pg-proxy"
        folder.mkdir(mode=0o755)
        self.run_directory = self.data / "run"
        self.link = Proxy(("127.0.0.1", self.port))
        self.database = PgProxy(self.run_directory, folder)
        lines = {"embedded": "true", "run": self.run_directory, "listen": f"tcp://127.0.0.1:{self.port}",
                 "collectors": f"[\"tcp://127.0.0.1:{self.link.address[1]}\"]",
                 "database": f"\"host='{folder}' dbname=millibill\"", **self.settings}
        (self.data / "millibill.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))

    def heal(self):
        self.link.heal()
        self.database.disarm()
        self.database.heal()

    def remove(self):
        if self.link is not None:
            self.heal()
        super().remove()
        for proxy in (self.link, self.database):
            if proxy is not None:
                proxy.close()
        self.link = self.database = None

    def _psql(self, sql, role, *options):
        conninfo = f"host='{self.run_directory}' dbname=millibill user={role} options=--search_path=millibill"
        return subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-d", conninfo], input=sql,
                              capture_output=True, text=True, env=environment(), timeout=600, check=False)

    def backend_pids(self, user="millibill_collector"):
        """Process ids of PostgreSQL's backends for a role."""
        return [int(row[0]) for row in self.query(f"SELECT pid FROM pg_stat_activity WHERE usename = '{user}'") if row]

    def kill_backend(self, number, user="millibill_collector"):
        """Send a signal to one backend of a role, if there is one; returns its pid or None."""
        for pid in self.backend_pids(user):
            os.kill(pid, number)
            return pid
        return None
