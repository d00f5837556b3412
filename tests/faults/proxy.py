"""A fault proxy for byte streams (TCP or Unix sockets), commanded while it runs.

    with Proxy(target=("127.0.0.1", 5570)) as proxy:      # proxy.address: where to connect
        proxy.partition(); time.sleep(20); proxy.heal()   # nothing passes, nobody is told
        proxy.hold("up")                                  # half-open: one direction is silent
        proxy.cut()                                       # every connection is reset (RST)
        proxy.slow(1)                                     # bytes a second, in both directions
        proxy.truncate(100)                               # 100 more bytes of a connection upwards, then RST

"up" is from the client to the target, "down" the way back. What is held is delivered at heal(), as TCP would do after a
partition that ends; connections made meanwhile are accepted (a kernel would do so) and get no answer. One thread; every
command is done when its call returns. PostgreSQL's own proxy is in pg_proxy.py.
"""
import collections
import os
import queue
import selectors
import socket
import struct
import threading
import time

CHUNK_BYTES = 64 << 10
BUFFER_BYTES = 1 << 20
UP, DOWN = "up", "down"


class Cut(Exception):
    """A filter's wish: reset this connection now."""


class Pipe:
    """One direction of a connection: what was read and not yet written, each chunk with the time it may go."""

    def __init__(self, direction, source, sink):
        self.direction = direction
        self.source, self.sink = source, sink
        self.chunks = collections.deque()
        self.bytes = 0
        self.ended = False      # source says no more
        self.shut = False       # and the sink was told
        self.next_slow = 0.0

    def put(self, data, ready):
        self.chunks.append((ready, data))
        self.bytes += len(data)


class Connection:
    def __init__(self, client, server, filters):
        self.client, self.server = client, server
        self.pipes = (Pipe(UP, client, server), Pipe(DOWN, server, client))
        self.filter = filters
        self.truncate_after = None


def connect_to(address):
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connection = socket.socket(kind, socket.SOCK_STREAM)
    try:
        connection.settimeout(2)
        connection.connect(address)
        connection.setblocking(False)
    except OSError:
        connection.close()
        raise
    return connection


def listen_at(address):
    if isinstance(address, str):
        if os.path.exists(address):
            os.unlink(address)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
        os.chmod(address, 0o777)
    else:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    listener.listen(256)
    listener.setblocking(False)
    return listener


class Proxy:
    """Listens at `listen` ((host, port), port 0: any; or a Unix path) and passes bytes to `target`."""

    def __init__(self, target, listen=("127.0.0.1", 0), filter_factory=None):
        self.target = target
        self.listener = listen_at(listen)
        self.address = listen if isinstance(listen, str) else self.listener.getsockname()
        self.filter_factory = filter_factory or (lambda: None)
        self.connections = set()
        self.accepted = 0       # connections so far
        self.resets = 0         # of them, ended by a command
        self.passed = {UP: 0, DOWN: 0}
        self.held = set()       # directions that are silent
        self.rate = 0           # bytes a second; 0: no limit
        self.delay_s = 0.0
        self.truncate_next = None
        self.commands = queue.Queue()
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.stopping = False
        self.thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.thread.start()

    # --- commands

    def heal(self):
        """Pass everything again; what was held goes on its way."""
        def do():
            self.held, self.rate, self.delay_s, self.truncate_next = set(), 0, 0.0, None
            for connection in self.connections:
                connection.truncate_after = None
        self._command(do)

    def cut(self):
        """Reset every connection; new ones pass."""
        self._command(lambda: [self._reset(connection) for connection in list(self.connections)])

    def hold(self, direction):
        self._command(lambda: self.held.add(direction))

    def partition(self):
        self._command(lambda: self.held.update((UP, DOWN)))

    def slow(self, bytes_per_second):
        self._command(lambda: setattr(self, "rate", bytes_per_second))

    def delay(self, seconds):
        self._command(lambda: setattr(self, "delay_s", seconds))

    def truncate(self, after_bytes):
        """The next connection that sends upwards is reset after so many bytes more: in the middle of a frame."""
        self._command(lambda: setattr(self, "truncate_next", after_bytes))

    def close(self):
        if self.thread.is_alive():
            self._command(lambda: setattr(self, "stopping", True))
            self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def _command(self, action):
        done = threading.Event()
        self.commands.put((action, done))
        self.wake_write.send(b"w")
        if not done.wait(30):
            raise AssertionError("the proxy's thread does not answer")

    # --- the thread

    def _run(self):
        while not self.stopping:
            for key, _ in self.selector.select(self._wait_s()):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj is self.wake_read:
                    self.wake_read.recv(4096)
            while not self.commands.empty():
                action, done = self.commands.get()
                action()
                done.set()
            for connection in list(self.connections):
                try:
                    self._move(connection)
                except (OSError, Cut):
                    self._reset(connection)
        for connection in list(self.connections):
            self._reset(connection)
        for closing in (self.listener, self.wake_read, self.wake_write):
            closing.close()
        self.selector.close()
        if isinstance(self.address, str) and os.path.exists(self.address):
            os.unlink(self.address)

    def _wait_s(self):
        now, due = time.monotonic(), None
        for connection in self.connections:
            for pipe in connection.pipes:
                if pipe.chunks and pipe.direction not in self.held:
                    at = max(pipe.chunks[0][0], pipe.next_slow)
                    if at > now:
                        due = at if due is None else min(due, at)
        return None if due is None else max(0.001, due - now)

    def _accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        self.accepted += 1
        try:
            server = connect_to(self.target)
        except OSError:
            self._end(client)
            return
        client.setblocking(False)
        connection = Connection(client, server, self.filter_factory())
        self.connections.add(connection)
        self._watch(connection)

    def _move(self, connection):
        for pipe in connection.pipes:
            self._read(connection, pipe)
        for pipe in connection.pipes:
            self._write(pipe)
            if pipe.ended and not pipe.chunks and not pipe.shut and pipe.direction not in self.held:
                pipe.sink.shutdown(socket.SHUT_WR)
                pipe.shut = True
        if all(pipe.shut for pipe in connection.pipes):
            self._close(connection)
        else:
            self._watch(connection)

    def _read(self, connection, pipe):
        while not pipe.ended and pipe.bytes < BUFFER_BYTES:
            try:
                data = pipe.source.recv(CHUNK_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            if not data:
                pipe.ended = True
                return
            self._take(connection, pipe, data)

    def _take(self, connection, pipe, data):
        if connection.filter is not None:
            data = connection.filter(pipe.direction, data, pipe.sink)
        if pipe.direction == UP and self.truncate_next is not None:
            connection.truncate_after, self.truncate_next = self.truncate_next, None
        if pipe.direction == UP and connection.truncate_after is not None:
            if len(data) > connection.truncate_after:
                pipe.sink.send(data[:connection.truncate_after])
                raise Cut
            connection.truncate_after -= len(data)
        if data:
            pipe.put(data, time.monotonic() + self.delay_s)

    def _write(self, pipe):
        while pipe.chunks and pipe.direction not in self.held:
            ready, data = pipe.chunks[0]
            now = time.monotonic()
            if ready > now or (self.rate and pipe.next_slow > now):
                return
            piece = data[:max(1, self.rate // 10)] if self.rate else data
            try:
                sent = pipe.sink.send(piece)
            except (BlockingIOError, InterruptedError):
                return
            if self.rate:
                pipe.next_slow = now + sent / self.rate
            pipe.bytes -= sent
            self.passed[pipe.direction] += sent
            if sent == len(data):
                pipe.chunks.popleft()
            else:
                pipe.chunks[0] = (ready, data[sent:])

    def _watch(self, connection):
        """Ask the kernel only for what could be done now: reading with room, writing what may go."""
        wanted = {connection.client: 0, connection.server: 0}
        now = time.monotonic()
        for pipe in connection.pipes:
            if not pipe.ended and pipe.bytes < BUFFER_BYTES:
                wanted[pipe.source] |= selectors.EVENT_READ
            due = pipe.chunks and pipe.chunks[0][0] <= now and not (self.rate and pipe.next_slow > now)
            if due and pipe.direction not in self.held:
                wanted[pipe.sink] |= selectors.EVENT_WRITE
        for end, events in wanted.items():
            known = end in self.selector.get_map()
            if events and known:
                self.selector.modify(end, events, None)
            elif events:
                self.selector.register(end, events, None)
            elif known:
                self.selector.unregister(end)

    def _reset(self, connection):
        self.resets += 1
        for end in (connection.client, connection.server):
            if end.family == socket.AF_INET:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(connection)

    def _close(self, connection):
        self.connections.discard(connection)
        for end in (connection.client, connection.server):
            if end.fileno() >= 0 and end in self.selector.get_map():
                self.selector.unregister(end)
            self._end(end)

    @staticmethod
    def _end(end):
        try:
            end.close()
        except OSError:
            pass
