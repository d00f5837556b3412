"""What works while faults strike: emitters of every kind, each with its journal, each as stubborn as a real one.

An emitter ends with stop(): it goes on until all it took upon itself is acknowledged (drain), so that the faults must have
ended before.
"""
import collections
import json
import os
import random
import socket
import subprocess
import threading
import time
from pathlib import Path

from harness import BUILD, MILLIBILL, ROOT, environment
from journal import ACCEPTED, TRYING

ACK_PATIENCE_S = 10.0
DRAIN_S = 180.0
RING_WORKER = BUILD / "tests" / "chaos" / "ring_worker"


def now_us():
    return int(time.time() * 1e6)


class Emitter(threading.Thread):
    """A thread with an end in two steps: `stopping` (no new records), then join."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.stopping = threading.Event()
        self.failure = None

    def run(self):
        try:
            self.work()
        except Exception as error:  # a broken emitter is a broken test, and must be told as one
            self.failure = f"{self.name}: {error!r}"

    def stop(self):
        self.stopping.set()

    def finish(self):
        """Wait until it has drained; a sentence when it has not."""
        self.join(DRAIN_S + 30)
        return f"{self.name} does not end" if self.is_alive() else self.failure


class SocketEmitter(Emitter):
    """NDJSON over the agent's socket with acknowledgements; what is not acknowledged is sent again, byte for byte."""

    WINDOW = 2000

    def __init__(self, path, source, per_second, padding=0, limit=None):
        super().__init__(f"socket-{source.number}")
        self.path, self.source, self.padding, self.limit = path, source, padding, limit
        self.per_second = per_second
        self.unacknowledged = collections.deque()   # (index, line)
        self.resent = 0

    def work(self):
        until = None
        while True:
            if self.stopping.is_set() and until is None:
                until = time.monotonic() + DRAIN_S
            if self._is_over() and not self.unacknowledged:
                return
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"{len(self.unacknowledged)} lines are not acknowledged {DRAIN_S} s after the last fault")
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.settimeout(ACK_PATIENCE_S)
                    connection.connect(self.path)
                    self._converse(connection)
            except OSError:
                time.sleep(0.1)

    def _is_over(self):
        return self.stopping.is_set() or (self.limit is not None and len(self.source.status) >= self.limit)

    def _converse(self, connection):
        """One connection: what is owed first, then new lines; acknowledgements count lines of this connection."""
        connection.sendall(b'{"millibill":{"ack":true}}\n')
        sent = acknowledged = 0
        self.resent += len(self.unacknowledged)
        owed = list(self.unacknowledged)
        buffer = b""
        heard = time.monotonic()
        while owed or self.unacknowledged or not self._is_over():
            batch, owed = owed[:500], owed[500:]
            if not batch:
                batch = self._new_lines()
            if batch:
                connection.sendall("".join(line for _, line in batch).encode())
                sent += len(batch)
            connection.settimeout(0.05)
            try:
                data = connection.recv(65536)
                if not data:
                    return
                buffer += data
            except TimeoutError:
                pass
            connection.settimeout(ACK_PATIENCE_S)
            *answers, buffer = buffer.split(b"\n")
            for answer in answers:
                count = json.loads(answer)["ack"]
                assert acknowledged <= count <= sent, f"{count} lines acknowledged, {sent} were sent"
                for _ in range(count - acknowledged):
                    index, _ = self.unacknowledged.popleft()
                    self.source.status[index] = ACCEPTED
                acknowledged, heard = count, time.monotonic()
            if self.unacknowledged and time.monotonic() - heard > ACK_PATIENCE_S:
                return
            if not self.unacknowledged:
                heard = time.monotonic()

    def _new_lines(self):
        if self._is_over() or len(self.unacknowledged) >= self.WINDOW:
            return []
        count = max(1, self.per_second // 20)
        if self.limit is not None:
            count = min(count, self.limit - len(self.source.status))
        lines = []
        for _ in range(count):
            index = self.source.add(TRYING)
            lines.append((index, self.source.line(index, now_us(), self.padding)))
        self.unacknowledged.extend(lines)
        return lines


class ForgetfulEmitter(Emitter):
    """NDJSON without acknowledgements: it never knows, so each of its records may count once or not at all."""

    def __init__(self, path, source, per_second):
        super().__init__(f"forgetful-{source.number}")
        self.path, self.source, self.per_second = path, source, per_second

    def work(self):
        while not self.stopping.is_set():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.settimeout(ACK_PATIENCE_S)
                    connection.connect(self.path)
                    while not self.stopping.wait(1 / self.per_second):
                        index = self.source.add(TRYING)
                        connection.sendall(self.source.line(index, now_us()).encode())
            except OSError:
                time.sleep(0.2)


class RingWorker(Emitter):
    """Processes that emit over shared memory, one after another: the next one starts when one was killed."""

    RECORDS_MAX = 1 << 20

    def __init__(self, path, journal, tenant, per_second, folder):
        super().__init__(f"ring-{tenant}")
        self.path, self.journal, self.tenant, self.per_second = path, journal, tenant, per_second
        self.folder = Path(folder)
        self.process = None
        self.lives = []   # (source, file)

    def kill(self):
        process = self.process
        if process is not None and process.poll() is None:
            process.kill()
            return True
        return False

    def work(self):
        while not self.stopping.is_set():
            self._one_life()

    def _one_life(self):
        source = self.journal.source("ring", self.tenant)
        path = self.folder / f"ring-{source.number}.journal"
        path.write_bytes(bytes(self.RECORDS_MAX))
        self.lives.append((source, path))
        with open(self.folder / "ring-workers.log", "a") as log:
            self.process = subprocess.Popen([str(RING_WORKER), self.path, str(path), str(source.number), self.tenant,
                                             str(self.per_second)], stdout=log, stderr=log, env=environment())
        while self.process.poll() is None:
            if self.stopping.wait(0.1):
                self.process.terminate()
                self.process.wait(DRAIN_S)
        if self.process.returncode not in (0, -9, -15):
            raise AssertionError(f"a ring worker ended with {self.process.returncode}")

    def collect(self):
        """Read what the workers, also the killed ones, have written down."""
        for source, path in self.lives:
            source.status = bytearray(path.read_bytes().rstrip(b"\0"))


class Importer(Emitter):
    """Files of history, now and then one again or one under another name; a file is its own until an import succeeds."""

    def __init__(self, data, journal, tenant, seed, folder, pause_s=4.0):
        super().__init__(f"import-{tenant}")
        self.data, self.journal, self.tenant, self.folder, self.pause_s = data, journal, tenant, Path(folder), pause_s
        self.rng = random.Random(f"{seed}-{tenant}")
        self.files = []   # (path, source) that were accepted
        self.imports = self.again = 0
        self.repeat = threading.Event()   # a fault: the same file once more

    def work(self):
        until = None
        pending = None
        while True:
            if self.stopping.is_set() and until is None:
                until = time.monotonic() + DRAIN_S
            if until is not None and (pending is None or time.monotonic() > until):
                break
            if pending is None:
                pending = self._write()
            if self._import(pending[0], self.rng.random() < 0.3):
                pending[1].set(range(len(pending[1].status)), ACCEPTED)
                self.files.append(pending)
                pending = None
            if self.files and (self.repeat.is_set() or self.rng.random() < 0.1):
                self.repeat.clear()
                self.again += self._import(self.rng.choice(self.files)[0], True)
            self.stopping.wait(self.pause_s * (0.5 + self.rng.random()))
        if pending is not None:
            raise TimeoutError(f"{pending[0]} could not be imported after the last fault")

    def _write(self):
        source = self.journal.source("import", self.tenant)
        hour_us = now_us() - self.rng.randrange(1, 48) * 3600 * 1000000
        path = self.folder / f"import-{source.number}.ndjson"
        with open(path, "w") as out:
            for _ in range(self.rng.randrange(50, 400)):
                index = source.add(TRYING)
                out.write(source.line(index, hour_us + index * 1000003))
        return path, source

    def _import(self, path, no_wait):
        self.imports += 1
        argv = [MILLIBILL, "import", "--json", "--format", "ndjson", *(["--no-wait"] if no_wait else []), "--data", str(self.data),
                str(path)]
        try:
            result = subprocess.run(argv, capture_output=True, text=True, timeout=90, cwd=ROOT, env=environment(), check=False)
        except subprocess.TimeoutExpired:
            return False
        return result.returncode == 0


class LogWriter(Emitter):
    """A program's log that the agent follows: lines come in two pieces, and the file is renamed while the writer has it open."""

    def __init__(self, folder, source, per_second):
        super().__init__(f"log-{source.number}")
        self.path, self.source, self.per_second = Path(folder) / "fn.log", source, per_second
        self.rotated = 0
        self.rotation = threading.Event()   # a fault: rotate now

    def work(self):
        log = open(self.path, "ab", buffering=0)
        while not self.stopping.wait(1 / self.per_second):
            index = self.source.add(TRYING)
            line = self.source.line(index, now_us()).encode()
            cut = index * 37 % len(line)
            log.write(line[:cut])
            log.write(line[cut:])
            self.source.status[index] = ACCEPTED
            if self.rotation.is_set() and index % 5 == 0:
                self.rotation.clear()
                log = self._rotate(log)
        log.close()

    def _rotate(self, log):
        """fn.log.1 becomes fn.log.2 and so on; some lines still go into the renamed file, then the writer reopens."""
        for i in range(self.rotated, 0, -1):
            os.rename(f"{self.path}.{i}", f"{self.path}.{i + 1}")
        os.rename(self.path, f"{self.path}.1")
        self.rotated += 1
        for _ in range(3):
            index = self.source.add(ACCEPTED)
            log.write(self.source.line(index, now_us()).encode())
        log.close()
        return open(self.path, "ab", buffering=0)


class Executor(Emitter):
    """`millibill exec` now and then; each run is a function of its own, and what the agent could not take is kept in a file."""

    def __init__(self, data, tenant, pause_s=6.0):
        super().__init__("exec")
        self.data, self.tenant, self.pause_s = Path(data), tenant, pause_s
        self.functions = []

    def work(self):
        while not self.stopping.wait(self.pause_s):
            function = f"exec-run-{len(self.functions)}"
            self.functions.append(function)
            result = subprocess.run([MILLIBILL, "exec", "--data", str(self.data), "--tenant", self.tenant, "--function", function,
                                     "--memory", "128", "--", "true"], capture_output=True, text=True, timeout=120, cwd=ROOT,
                                    env=environment(), check=False)
            if result.returncode != 0:
                raise AssertionError(f"exec: exit status {result.returncode}: {result.stderr}")

    def hand_in(self):
        """The records that were kept while the agent was away."""
        unsent = self.data / "unsent.ndjson"
        if unsent.exists():
            subprocess.run([MILLIBILL, "emit", "--data", str(self.data)], stdin=open(unsent), check=True, timeout=120,
                           capture_output=True, env=environment(), cwd=ROOT)
            os.unlink(unsent)
