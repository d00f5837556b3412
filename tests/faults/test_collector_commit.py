"""A collector that dies, is stopped, loses its COMMIT or its memory, and one that has a twin: each batch counts once."""
import os
import signal
import tempfile
import time
import unittest
from pathlib import Path

from collectors import ExtraCollector, setting, wait_until
from failpoint import Failpoint
from harness import SUPERUSER, Stack
from peer import REASON, Peer, register_agent, usage
from pg_proxy import PgProxy

FULL = int(os.environ.get("MILLIBILL_FAULTS_FULL") or 0)  # 1: every call; N: from the N-th on


class Commit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.stack.run("tenant", "add", "acme")
        cls.key = register_agent(cls.stack, "odd", "acme")
        cls.server_key = setting(cls.stack, "collector_public_key")
        cls.made = 0

    @classmethod
    def tearDownClass(cls):
        cls.stack.remove()

    def collector(self, **options):
        type(self).made += 1
        collector = ExtraCollector(self.stack, f"c{self.made}", **options)
        self.addCleanup(collector.stop)
        return collector

    def peer(self, collector, **options):
        peer = Peer(collector.endpoint, self.server_key, self.key, **options)
        self.addCleanup(peer.close)
        return peer

    def billed(self, function):
        return self.stack.number("SELECT sum(invocations) FROM rollups JOIN configs USING (tenant_id, config_id) "
                                 f"WHERE function = '{function}'")

    def rows(self, peer):
        return self.stack.number(f"SELECT count(*) FROM ledger JOIN streams USING (stream_id) WHERE spool = '\\x{peer.spool.hex()}'")

    @staticmethod
    def answer_of(peer, *kinds, seconds=15):
        """The next answer of one of these kinds; older ones that are still on their way are passed over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            frame = peer.receive(max(0.1, until - time.monotonic()))
            if frame is not None and frame.WhichOneof("kind") in kinds:
                return frame
        return None

    def deliver(self, peer, batches, seconds=90, collector=None):
        """What an agent does: Hello, go on behind what is committed, again until all is acknowledged. A collector that died
        meanwhile (and said why) is started again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if collector and collector.process.poll() is not None:
                self.assertRegex(collector.log(), r"out of memory|OUT OF MEMORY|Assertion|Cannot allocate|bad_alloc|event=failed")
                collector.start()
            peer.send_hello()
            welcome = self.answer_of(peer, "welcome", seconds=3)
            acked = welcome.welcome.committed_sequence if welcome else None
            while welcome and acked < len(batches):
                peer.send_batch(acked + 1, batches[acked])
                answer = self.answer_of(peer, "ack", seconds=5)
                if answer is None:
                    break
                acked = max(acked, answer.ack.sequence)
            if acked == len(batches):
                return
        raise AssertionError("not acknowledged in time")

    def assert_once(self, peer, function, records, batches=1):
        self.assertEqual(self.billed(function), records)
        self.assertEqual(self.rows(peer), batches)

    # --- the COMMIT and its answer

    def through_proxy(self):
        run = tempfile.mkdtemp(prefix="mb-pg-")
        os.chmod(run, 0o755)
        proxy = PgProxy(setting(self.stack, "run"), run)
        self.addCleanup(proxy.close)
        return proxy, self.collector(database=f"host='{run}' dbname=millibill")

    def test_a_commit_whose_answer_is_lost_is_decided_by_running_it_again(self):
        """Matrix 9: the proxy drops the reply, or cuts before or behind COMMIT; acknowledged only after the second run decided."""
        proxy, collector = self.through_proxy()
        with collector:
            peer = self.peer(collector)
            self.assertEqual(peer.hello().WhichOneof("kind"), "welcome")
            for sequence, kind in enumerate(("reply", "before", "sent", "reply"), 1):
                proxy.trap(kind)
                answer = peer.batch(sequence, usage("acme", [f"m9-{sequence}"], function="m9"), seconds=60)
                self.assertEqual(answer.WhichOneof("kind"), "ack", answer)
                if kind != "sent":  # then either may be
                    self.assertEqual(answer.ack.duplicate, kind == "reply")
                self.assertEqual(proxy.trapped, sequence)
                self.assert_once(peer, "m9", sequence, sequence)
            self.assertGreaterEqual(collector.metric("commit_retries_total"), 4)

    def killed_during(self, function, trigger):
        """SIGKILL while a trigger on the ledger waits for a lock; returns how many batches the database has afterwards."""
        collector = self.collector()
        self.stack.query("CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; "
                         f"END $$; CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON ledger {trigger} FOR EACH ROW EXECUTE FUNCTION nap()", SUPERUSER)
        holder = self.stack.psql_process("SELECT FROM pg_advisory_lock(7);\n")
        self.addCleanup(holder.kill)
        napping = "SELECT count(*) FROM pg_locks WHERE relation = 'ledger'::regclass AND mode = 'RowExclusiveLock'"
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
        try:
            with collector:
                peer = self.peer(collector)
                self.assertEqual(peer.hello().WhichOneof("kind"), "welcome")
                peer.send_batch(1, usage("acme", ["x"], function=function))
                wait_until(lambda: self.stack.number(waiting) == 1, "the batch is being written", 60)
                self.assertEqual(self.stack.number(napping), 1)
                collector.kill()
                self.assertEqual(self.rows(peer), 0)
                holder.communicate(timeout=60)
                wait_until(lambda: self.stack.number(napping) == 0, "the transaction has ended", 60)
                committed = self.rows(peer)
                self.assertEqual(self.billed(function), committed)
                self.assertIsNone(peer.receive(0.1), "an acknowledgement from the dead")
                collector.start()
                self.deliver(peer, [usage("acme", ["x"], function=function)])
                self.assert_once(peer, function, 1)
                return committed
        finally:
            self.stack.query("DROP FUNCTION IF EXISTS nap() CASCADE", SUPERUSER)

    def test_a_collector_killed_before_commit_leaves_nothing_and_the_batch_sent_again_counts(self):
        """Matrix 7: SIGKILL while it writes; the server rolls back."""
        self.assertEqual(self.killed_during("m7", ""), 0)

    def test_a_collector_killed_between_commit_and_acknowledgement_is_asked_again_and_knows_the_batch(self):
        """Matrix 8: SIGKILL while COMMIT runs; the server finishes it, nobody was told."""
        self.assertEqual(self.killed_during("m8", "DEFERRABLE INITIALLY DEFERRED"), 1)

    def test_a_commit_that_comes_back_as_an_error_is_not_acknowledged(self):
        """Matrix 10: a deferred constraint fails at COMMIT; when it is gone, all arrives."""
        collector = self.collector()
        self.stack.query(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.label = 'm10' THEN "
            "RAISE EXCEPTION 'not at commit'; END IF; RETURN NEW; END $$;"
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            with collector:
                peer = self.peer(collector)
                peer.hello()
                answer = peer.batch(1, usage("acme", ["a", "b"], function="m10"), label="m10")
                self.assertEqual(REASON.Name(answer.refusal.reason), "TRY_LATER", answer)
                self.assert_once(peer, "m10", 0, 0)
                self.assertEqual(peer.batch(2, usage("acme", ["c"], function="m10")).WhichOneof("kind"), "refusal")
                self.stack.query("DROP TRIGGER refuse ON ledger; DROP FUNCTION refuse()")
                self.deliver(peer, [usage("acme", ["a", "b"], function="m10"), usage("acme", ["c"], function="m10")])
                self.assert_once(peer, "m10", 3, 2)
        finally:
            self.stack.query("DROP TRIGGER IF EXISTS refuse ON ledger; DROP FUNCTION IF EXISTS refuse()")

    # --- two of them

    def test_two_collectors_that_get_the_same_batch_at_once_commit_it_once_and_both_acknowledge(self):
        """Matrix 34: the stream's row decides; ten rounds at the same moment, then failover with batches in flight."""
        spool = os.urandom(16)
        batches = [usage("acme", [f"m34-{n}-{i}" for i in range(20)], function="m34") for n in range(10)]
        with self.collector() as one, self.collector() as two:
            peers = [self.peer(one, spool=spool), self.peer(two, spool=spool)]
            for peer in peers:
                self.assertEqual(peer.hello().WhichOneof("kind"), "welcome")
            for sequence, batch in enumerate(batches, 1):
                body = batch.SerializeToString()
                for peer in peers:
                    peer.send_batch(sequence, body)
                acks = [peer.receive().ack for peer in peers]
                self.assertEqual([ack.sequence for ack in acks], [sequence] * 2)
                self.assertEqual(sorted(ack.duplicate for ack in acks), [False, True])
            self.assert_once(peers[0], "m34", 200, 10)
            more = [usage("acme", [f"m34b-{n}"], function="m34b") for n in range(6)]
            for offset, batch in enumerate(more):
                peers[0].send_batch(11 + offset, batch)
            one.kill()
            self.deliver(peers[1], batches + more)
            self.assert_once(peers[1], "m34b", 6, 16)

    def test_a_collector_that_was_stopped_in_its_transaction_finds_the_watermark_taken(self):
        """Matrix 39: SIGSTOP with the row lock held; the server ends the transaction, a second collector commits, SIGCONT."""
        spool = os.urandom(16)
        batch = usage("acme", ["m39"], function="m39")
        with self.collector() as zombie, self.collector() as successor:
            first, second = self.peer(zombie, spool=spool), self.peer(successor, spool=spool)
            self.assertEqual(first.hello().WhichOneof("kind"), "welcome")
            holder = self.stack.psql_process(f"SET search_path = millibill; BEGIN; SELECT FROM streams WHERE spool = '\\x{spool.hex()}' FOR UPDATE;\n")
            self.addCleanup(holder.kill)
            first.send_batch(1, batch)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: self.stack.number(waiting) == 1, "its transaction waits for the row", 60)
            zombie.kill(signal.SIGSTOP)
            started = time.monotonic()
            holder.communicate("COMMIT;\n", timeout=60)
            wait_until(lambda: self.stack.number(waiting) == 0, "the stopped collector holds the row", 60)
            self.assertEqual(second.hello(seconds=60).WhichOneof("kind"), "welcome")
            answer = second.batch(1, batch, seconds=60)
            self.assertEqual(answer.ack.sequence, 1, answer)
            self.assertFalse(answer.ack.duplicate)
            self.assertGreater(time.monotonic() - started, 5, "it had to wait for the lock")
            self.assert_once(second, "m39", 1)
            zombie.kill(signal.SIGCONT)
            zombie.wait_log("event=database_away")
            self.deliver(first, [batch, usage("acme", ["m39-b"], function="m39")])
            self.assert_once(first, "m39", 2, 2)

    # --- the N-th call fails

    def numbers(self, last, some):
        return range(FULL, last + 1) if FULL else sorted({max(1, last * i // some) for i in range(1, some + 1)})

    def one_failing(self, rule, number):
        """One batch past a failing call: answered, or the process is gone with a message; then exactly once."""
        scratch = Path(tempfile.mkdtemp(prefix="mb-fail-"))
        armed = scratch / "armed"
        point = Failpoint(f"{rule}:{number}", scratch / "log", after=armed, program="millibill-collector")
        collector = self.collector()
        function = f"m38-{rule}-{number}"
        batches = [usage("acme", [f"{i}" for i in range(3)], function=function)]
        with collector:
            collector.kill(signal.SIGTERM)
            collector.process.wait()
            collector.start(env=point.env)
            peer = self.peer(collector)
            self.assertEqual(peer.hello(seconds=30).WhichOneof("kind"), "welcome")
            armed.touch()
            answer = peer.batch(1, batches[0], seconds=3)
            if answer is not None and answer.WhichOneof("kind") == "ack":
                self.assertEqual(self.rows(peer), 1, "acknowledged and not committed")
            elif answer is not None:
                self.assertIn(REASON.Name(answer.refusal.reason), ("TRY_LATER", "NOT_GREETED"), answer)
            self.deliver(peer, batches, collector=collector)
            self.assert_once(peer, function, 3)
            return point.counts(rule.partition(":")[0])

    def test_the_nth_memory_allocation_that_fails_costs_an_answer_and_no_batch(self):
        """Matrix 38: malloc, from the message to the acknowledgement. (Sends are broken by the proxy of matrix 9: libpq takes a
        write that fails for done and waits for the answer, which only a socket that is really broken refuses at once.)"""
        seen, _ = self.one_failing("malloc", 1 << 30)
        self.assertGreater(seen, 50)
        for number in self.numbers(seen if FULL else min(seen, 400), 5):
            with self.subTest(number=number, of=seen):
                self.one_failing("malloc", number)


if __name__ == "__main__":
    unittest.main()
