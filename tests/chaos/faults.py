"""Faults by name, and the schedule that a seed makes of them.

The schedule depends on the seed and the length alone: kinds are dealt from a shuffled deck that holds each kind as often as
its weight, so that every minute sees all of them; strength and duration of each are drawn when it is dealt.
"""
import os
import random
import signal
import threading
import time

from harness import wait_until

GAP_S = 1.2          # between two faults, on average
STACK_START_S = 300
UP_ATTEMPTS = 3
KEEPER_WAIT_S = 10   # for the keeper to hold every ring, or no dead worker's


def schedule(seed, seconds, kinds=None):
    """[(at, kind, rng seed)], times in seconds from the start."""
    rng = random.Random(seed)
    deck, at, out = [], 1.0, []
    while True:
        at += rng.uniform(0.2, 2 * GAP_S - 0.2)
        if at > seconds:
            return out
        if not deck:
            deck = [kind for kind, weight in (kinds or WEIGHTS).items() for _ in range(weight)]
            rng.shuffle(deck)
        out.append((at, deck.pop(), rng.random()))


def is_process(pid, started):
    """Does process `pid` live, and is it the one that started at that tick? A pid file may outlive its process, and the
    number may be a stranger's by now."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and int(fields[19]) == started


def send(pid, number):
    """False when there is nobody to hit."""
    if pid is None:
        return False
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Faults:
    """Each method `do_KIND(rng)` strikes; returns False when there was nothing to hit. What has to end by itself is put off
    with `later`."""

    def __init__(self, stack, workers, importers, log, burst):
        self.stack, self.workers, self.importers, self.log, self.burst = stack, workers, importers, log, burst
        self.timers = []
        self.stopped = set()  # pids that got SIGSTOP

    # --- time

    def later(self, seconds, action):
        """In a thread of its own: a fault that takes long (`down`) does not keep another one from ending."""
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        self.timers = [known for known in self.timers if known.is_alive()] + [timer]
        timer.start()

    def strike(self, kind, number):
        return getattr(self, f"do_{kind}")(random.Random(number)) is not False

    def end_all(self):
        """No fault goes on: processes continue, links pass, the stack is up."""
        for timer in self.timers:
            timer.cancel()
            timer.join()
        for pid in list(self.stopped):
            self.resume(pid)
        self.stack.heal()
        self.ensure_up()

    def ensure_up(self):
        self.stack.database.heal()  # `up` would wait for it in vain
        if not self.pid("supervisor"):
            self.command("up")

    def command(self, name):
        """`up` or `down`; on a machine that is busy elsewhere `up` may give up on a part: it is asked again, and said so."""
        for attempt in range(UP_ATTEMPTS):
            result = self.stack.run(name, status=None, timeout=STACK_START_S)
            if result.returncode == 0:
                return
            print(f"`millibill {name}`, attempt {attempt + 1}: {result.stderr.strip()}", flush=True)
        raise AssertionError(f"`millibill {name}` failed {UP_ATTEMPTS} times")

    # --- processes

    def pid(self, part):
        """From the pid file: asking `millibill status` each time would be most of the load."""
        try:
            pid, started = (int(word) for word in (self.stack.data / "pids" / f"{part}.pid").read_text().split()[:2])
        except (OSError, ValueError):
            return None
        return pid if is_process(pid, started) else None

    def backend(self, user="millibill_collector"):
        try:
            pids = self.stack.backend_pids(user)
        except AssertionError:
            return None
        return pids[0] if pids else None

    def resume(self, pid):
        self.stopped.discard(pid)
        send(pid, signal.SIGCONT)

    def freeze(self, pid, seconds):
        if not send(pid, signal.SIGSTOP):
            return False
        self.stopped.add(pid)
        self.later(seconds, lambda: self.resume(pid))
        return True

    def do_kill_agent(self, rng):
        return send(self.pid("agent"), signal.SIGKILL)

    def do_kill_collector(self, rng):
        return send(self.pid("collector"), signal.SIGKILL)

    def do_kill_postmaster(self, rng):
        return send(self.pid("postgres"), signal.SIGKILL)

    def do_stop_postgres_immediately(self, rng):
        return send(self.pid("postgres"), signal.SIGQUIT)

    def do_kill_backend(self, rng):
        return send(self.backend(), signal.SIGKILL)

    def do_terminate_backend(self, rng):
        return send(self.backend(), signal.SIGTERM)

    def do_kill_two(self, rng):
        parts = rng.sample(["agent", "collector", "postgres"], 2)
        return any([send(self.pid(part), signal.SIGKILL) for part in parts])

    def rings_kept(self):
        """How many rings the keeper (the supervisor) holds."""
        try:
            folder = f"/proc/{self.pid('supervisor')}/fd"
            links = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
        except OSError:
            return 0
        return sum("millibill-ring" in link for link in links)

    def keeper_is_spare(self):
        """May the keeper end now? Not while it holds the ring of a dead worker, which nobody else has any more: who loses
        worker, agent and keeper together is promised nothing."""
        for pid in list(self.stopped):
            self.resume(pid)
        return self.within_reach(lambda: self.pid("agent") and self.rings_kept() <= len(self.workers), 1.5)

    def worker_is_spare(self):
        """May a worker end now? Not before a new keeper has its ring."""
        return self.within_reach(lambda: self.rings_kept() >= len(self.workers))

    @staticmethod
    def within_reach(condition, steady_s=0.0):
        """Does the condition come true, and stay so for a moment (in which new workers open their rings)?"""
        until, since = time.monotonic() + KEEPER_WAIT_S, None
        while time.monotonic() < until:
            since = (since or time.monotonic()) if condition() else None
            if since is not None and time.monotonic() - since >= steady_s:
                return True
            time.sleep(0.1)
        return False

    def do_kill_worker(self, rng):
        return self.worker_is_spare() and rng.choice(self.workers).kill()

    def do_kill_worker_and_agent(self, rng):
        if not self.worker_is_spare():
            return False
        send(self.pid("agent"), signal.SIGKILL)
        return rng.choice(self.workers).kill()

    def do_freeze_agent(self, rng):
        return self.freeze(self.pid("agent"), rng.uniform(0.5, 8))

    def do_freeze_collector(self, rng):
        return self.freeze(self.pid("collector"), rng.choice([rng.uniform(0.5, 5), 20]))

    def do_freeze_backend(self, rng):
        return self.freeze(self.backend(), rng.uniform(0.5, 8))

    def do_kill_everything(self, rng):
        """The supervisor and all parts at once, then `up` again."""
        if not self.keeper_is_spare():
            return False
        for part in ("supervisor", "agent", "collector", "postgres"):
            send(self.pid(part), signal.SIGKILL)
        wait_until(lambda: not any(self.pid(part) for part in ("supervisor", "agent", "collector", "postgres")),
                   "every part is gone", 60)
        self.ensure_up()
        return True

    def do_restart(self, rng):
        """`down` and `up`, as an operator would; nothing may be frozen, or `down` would wait."""
        if not self.keeper_is_spare():
            return False
        self.stack.database.heal()
        for name in ("down", "up"):
            self.command(name)
        return True

    # --- links

    def _link(self, proxy, rng, action, seconds):
        action(proxy)
        self.later(seconds, proxy.heal)

    def do_partition(self, rng):
        self._link(self.stack.link, rng, lambda proxy: proxy.partition(), rng.choice([rng.uniform(1, 6), 18]))

    def do_half_open(self, rng):
        direction = rng.choice(["up", "down"])
        self._link(self.stack.link, rng, lambda proxy: proxy.hold(direction), rng.choice([rng.uniform(1, 6), 18]))

    def do_slow_link(self, rng):
        rate = rng.choice([1, 200, 5000])
        self._link(self.stack.link, rng, lambda proxy: proxy.slow(rate), rng.uniform(1, 5))

    def do_reset_link(self, rng):
        self.stack.link.cut()

    def do_truncate_frame(self, rng):
        self.stack.link.truncate(rng.randrange(1, 2000))
        self.stack.link.cut()

    def do_reset_database_link(self, rng):
        self.stack.database.cut()

    def do_cut_at_commit(self, rng):
        self.stack.database.trap(*[rng.choice(["before", "sent", "reply"]) for _ in range(rng.randrange(1, 4))])

    def do_partition_database(self, rng):
        self._link(self.stack.database, rng, lambda proxy: proxy.partition(), rng.uniform(1, 6))

    # --- sources

    def do_import_again(self, rng):
        rng.choice(self.importers).repeat.set()

    def do_rotate_log(self, rng):
        self.log.rotation.set()

    def do_rotate_key(self, rng):
        """A new key for the agent while it works; what is interrupted is taken up again, the agent reads its key at start."""
        self.stack.database.heal()
        for _ in range(20):
            if self.stack.run("agent", "rotate", "local", status=None, timeout=120).returncode == 0:
                send(self.pid("agent"), signal.SIGTERM)
                return True
            time.sleep(0.5)
        return False

    def do_burst(self, rng):
        """Many records at once while the collector cannot be reached: the spool fills, sources wait."""
        self.burst(rng.choice([2000, 5000, 20000]))
        self._link(self.stack.link, rng, lambda proxy: proxy.partition(), rng.uniform(2, 8))


WEIGHTS = {
    "kill_agent": 2, "kill_collector": 2, "kill_postmaster": 1, "stop_postgres_immediately": 1, "kill_backend": 1,
    "terminate_backend": 1, "kill_two": 2, "kill_worker": 2, "kill_worker_and_agent": 2, "freeze_agent": 1,
    "freeze_collector": 1, "freeze_backend": 1, "kill_everything": 1, "restart": 1, "partition": 1, "half_open": 1,
    "slow_link": 1, "reset_link": 1, "truncate_frame": 1, "reset_database_link": 1, "cut_at_commit": 3,
    "partition_database": 1, "import_again": 1, "rotate_log": 1, "rotate_key": 1, "burst": 1,
}
