"""The fault proxy in front of PostgreSQL: knows where a COMMIT starts and when its answer comes.

    with PgProxy(stack_run_directory, listen_directory) as proxy:   # a Unix socket .s.PGSQL.5432 in each
        proxy.trap("reply")       # the next COMMIT is done, its answer never arrives, the connection is cut
        proxy.wait_trapped(1)

Kinds of trap: "before" (COMMIT never reaches the server), "sent" (it does, and the connection is cut at once), "reply"
(cut when the answer comes: the server has committed). Only connections of `user` are trapped. Another fault: `stop_at(n,
users)` lets n messages of those users pass and holds everything after them, so that a client can be killed at exactly this
step; `swallow(text)` does so with each connection from where such bytes come, and `silence()` with those that are open now.
PostgreSQL's peer
authentication sees the proxy's own user, so it runs as root or as the cluster's user.
"""
import struct
import threading
import time
from pathlib import Path

from proxy import UP, Cut, Proxy

SOCKET = ".s.PGSQL.5432"
PROTOCOL_3 = 196608
KINDS = ("before", "sent", "reply")


class Session:
    """One connection's client side, message by message. Called with each chunk: returns what to pass on."""

    def __init__(self, owner):
        self.owner = owner
        self.started = False
        self.user = None
        self.pending = b""       # a message that is not complete yet
        self.skip = 0            # bytes of a message that is nobody's concern
        self.cut_at_answer = False
        self.stopped = False

    def __call__(self, direction, data, sink):
        if direction != UP:
            if self.cut_at_answer:
                self.owner.trapped += 1
                raise Cut
            return data
        if self.owner.swallowed and self.owner.swallowed in data:
            self.owner.swallows += 1
            self.stopped = True
        if self.stopped:
            return b""
        out = bytearray()
        self.pending += data
        while self._message(out, sink):
            pass
        return bytes(out)

    def _message(self, out, sink):
        """Take one message (or a part of one that is let through) from `pending`; False when more bytes are needed."""
        if self.skip:
            taken = self.pending[:self.skip]
            self.pending, self.skip = self.pending[len(taken):], self.skip - len(taken)
            out += taken
            return bool(taken)
        head = 5 if self.started else 4
        if len(self.pending) < head:
            return False
        length = struct.unpack("!I", self.pending[head - 4:head])[0] + head - 4
        whole = not self.started or self.pending[:1] == b"Q"
        if whole and len(self.pending) < length:
            return False
        if self.started and self._is_stopped():
            return False
        if not whole:
            self.skip = length
            return True
        message, self.pending = self.pending[:length], self.pending[length:]
        if not self.started:
            self._startup(message)
        elif message[5:].rstrip(b"\0; ").upper() == b"COMMIT" and self._is_trapped():
            self._spring(out, message, sink)
            return True
        out += message
        return True

    def _startup(self, message):
        if struct.unpack("!I", message[4:8])[0] != PROTOCOL_3:
            return  # a request for encryption: the next one is the start
        self.started = True
        words = message[8:].split(b"\0")
        self.user = dict(zip(words[::2], words[1::2])).get(b"user", b"").decode()

    def _is_stopped(self):
        """Count the message that begins here; True when it must not pass."""
        if self.user not in self.owner.counted_users:
            return False
        self.owner.counted += 1
        self.stopped = self.owner.counted > self.owner.stop_after
        if self.stopped:
            self.owner.stop_reached.set()
        return self.stopped

    def _is_trapped(self):
        return self.owner.armed and self.user == self.owner.user

    def _spring(self, out, message, sink):
        kind = self.owner.armed.pop(0)
        if kind == "reply":
            self.cut_at_answer = True
            out += message
            return
        if kind == "sent":
            sink.setblocking(True)
            sink.sendall(bytes(out) + message)
        self.owner.trapped += 1
        raise Cut


class PgProxy(Proxy):
    """Unix sockets on both sides; `database: host='LISTEN_DIRECTORY' dbname=millibill` leads through it."""

    def __init__(self, target_directory, listen_directory, user="millibill_collector"):
        self.user = user
        self.armed = []
        self.trapped = 0
        self.counted_users, self.counted, self.stop_after = frozenset(), 0, 0
        self.stop_reached = threading.Event()
        self.swallowed, self.swallows = b"", 0
        super().__init__(str(Path(target_directory) / SOCKET), str(Path(listen_directory) / SOCKET),
                         filter_factory=lambda: Session(self))

    def trap(self, *kinds):
        """One COMMIT after another meets these traps."""
        assert all(kind in KINDS for kind in kinds), kinds
        self._command(lambda: self.armed.extend(kinds))

    def stop_at(self, messages, users):
        """From now on, so many messages of these users (all their connections together) pass, and no more. `stop_reached` is
        set when one was held."""
        def do():
            self.counted_users, self.counted, self.stop_after = frozenset(users), 0, messages
            self.stop_reached.clear()
        self._command(do)

    def swallow(self, text):
        """From a message with these bytes on, nothing of a connection reaches the server; its answers do come."""
        self._command(lambda: setattr(self, "swallowed", text))

    def silence(self):
        """What the connections of now send is swallowed, and nobody is told; new ones pass."""
        self._command(lambda: [setattr(connection.filter, "stopped", True) for connection in self.connections])

    def disarm(self):
        def do():
            self.armed.clear()
            self.swallowed = b""
            self.counted_users = frozenset()
        self._command(do)

    def wait_trapped(self, count, seconds=60):
        until = time.monotonic() + seconds
        while self.trapped < count:
            if time.monotonic() > until:
                raise AssertionError(f"{self.trapped} COMMITs were trapped within {seconds} s, expected {count}")
            time.sleep(0.02)
