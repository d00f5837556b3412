"""Batches that the database cannot take, and a database that goes silent: the others are committed, nothing waits for ever."""
import os
import tempfile
import time
import unittest

from collectors import ExtraCollector, setting, wait_until
from harness import SUPERUSER, Stack
from peer import REASON, Peer, register_agent, usage
from pg_proxy import PgProxy

ITS_LEDGER_ROW = "BEFORE INSERT ON ledger FOR EACH ROW WHEN (NEW.label = 'stuck')"
ITS_CONFIG = "BEFORE INSERT ON configs FOR EACH ROW WHEN (NEW.function LIKE 'stuck%')"  # set aside, it needs none


class Stuck(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.stack.run("tenant", "add", "acme")
        cls.key = register_agent(cls.stack, "odd", "acme")
        cls.server_key = setting(cls.stack, "collector_public_key")
        cls.made = 0

    def setUp(self):
        type(self).made += 1
        run = tempfile.mkdtemp(prefix="mb-pg-")
        os.chmod(run, 0o755)
        self.proxy = PgProxy(setting(self.stack, "run"), run)
        self.addCleanup(self.proxy.close)
        self.collector = ExtraCollector(self.stack, f"s{self.made}", database=f"host='{run}' dbname=millibill",
                                        group_commit_ms=1500, database_patience_s=3)
        self.collector.start()
        self.addCleanup(self.collector.stop)
        self.function = f"stuck{self.made}"
        self.open_before = self.quarantined()

    def trouble(self, trigger, body):
        self.stack.query("CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
                         f"$$ BEGIN {body}; RETURN NEW; END $$; CREATE TRIGGER trouble {trigger} EXECUTE FUNCTION trouble()",
                         role=SUPERUSER)
        self.addCleanup(self.no_trouble)

    def no_trouble(self):
        self.stack.query("DROP FUNCTION IF EXISTS trouble() CASCADE", role=SUPERUSER)

    def peer(self):
        peer = Peer(self.collector.endpoint, self.server_key, self.key)
        self.addCleanup(peer.close)
        self.assertEqual(peer.hello(seconds=30).WhichOneof("kind"), "welcome")
        return peer

    def quarantined(self):
        return self.stack.number("SELECT count(*) FROM quarantine")

    def billed(self, function):
        return self.stack.number("SELECT sum(invocations) FROM rollups JOIN configs USING (tenant_id, config_id) "
                                 f"WHERE function = '{function}'")

    def one_stuck_among_good(self):
        """One group: a batch that meets the trouble between two that do not. Returns (answer to the bad one, its peer, its batch)."""
        good, bad = f"good{self.made}", usage("acme", [f"b{self.made}-{i}" for i in range(3)], function=self.function)
        peers = [self.peer() for _ in range(3)]
        peers[0].send_batch(1, usage("acme", ["a"], function=good))
        peers[1].send_batch(1, bad, label="stuck")
        peers[2].send_batch(1, usage("acme", ["c"], function=good))
        for peer in (peers[0], peers[2]):
            answer = peer.receive(60)
            self.assertIsNotNone(answer, "a good batch waits for a bad one")
            self.assertEqual(answer.WhichOneof("kind"), "ack", answer)
        self.assertEqual(self.billed(good), 2)
        self.collector.wait_log("event=group_refused")
        return peers[1].receive(60), peers[1], bad

    def assert_set_aside(self, answer, why):
        self.assertIsNotNone(answer, "the bad batch is tried for ever")
        self.assertEqual((answer.WhichOneof("kind"), answer.ack.billed, answer.ack.quarantined), ("ack", 0, 3), answer)
        rows = self.stack.query("SELECT reason, format, tenant_name, message FROM quarantine WHERE replayed_at IS NULL "
                                f"AND reason = 'not_committed' ORDER BY quarantine_id DESC LIMIT {self.quarantined() - self.open_before}")
        self.assertEqual([row[:3] for row in rows], [["not_committed", "record", "acme"]] * 3)
        self.assertIn(why, rows[0][3])
        self.assertIn("event=batch_to_quarantine", self.collector.log())
        self.assertEqual(self.collector.metric("records_quarantined_total", "not_committed"), 3)
        self.stack.run("verify")

    def assert_replayed(self):
        before = self.billed(self.function)
        self.assertEqual(self.stack.json("quarantine", "replay")["replayed"], 0, "it waits until somebody names it")
        self.assertEqual(self.stack.json("quarantine", "replay", "--reason", "not_committed")["replayed"], 3)
        self.assertEqual(self.billed(self.function), before + 3)
        self.stack.run("verify")

    def test_a_batch_over_which_every_transaction_stands_still_goes_to_quarantine_and_the_others_are_billed(self):
        """Matrix 30: idle_in_transaction_session_timeout (25P03) ends the connection each time, in the group and alone."""
        self.trouble(ITS_LEDGER_ROW, "PERFORM set_config('idle_in_transaction_session_timeout', '300ms', true)")
        self.proxy.swallow(len(self.function).to_bytes(4, "big") + self.function.encode())  # as in an array, not as in its own bytes
        answer, _, _ = self.one_stuck_among_good()
        self.assert_set_aside(answer, "idle-in-transaction timeout")
        self.assertEqual(self.proxy.swallows, 6, "three times in the group, three times alone")
        self.proxy.disarm()
        self.assert_replayed()

    def test_a_batch_over_which_every_connection_ends_goes_to_quarantine_and_the_others_are_billed(self):
        """Matrix 30: as when a server process crashes over it."""
        self.trouble(ITS_CONFIG, "PERFORM pg_terminate_backend(pg_backend_pid())")
        answer, _, _ = self.one_stuck_among_good()
        self.assert_set_aside(answer, "ended the database connection")
        self.no_trouble()
        self.assert_replayed()

    def test_records_of_a_batch_that_the_database_refuses_can_be_replayed(self):
        """Matrix 30: refused with an error that will not pass: its records stand in quarantine one by one."""
        self.trouble(ITS_CONFIG, "RAISE EXCEPTION 'not this one'")
        answer, _, _ = self.one_stuck_among_good()
        self.assert_set_aside(answer, "not this one")
        self.no_trouble()
        self.assert_replayed()

    def test_a_batch_that_meets_a_trouble_that_may_pass_waits_and_the_others_are_billed(self):
        """Matrix 30: an I/O error (58030) of what it alone needs: refused for now, the agent keeps it."""
        self.trouble(ITS_CONFIG, "RAISE EXCEPTION 'could not read block 7' USING ERRCODE = '58030'")
        answer, peer, bad = self.one_stuck_among_good()
        self.assertEqual(REASON.Name(answer.refusal.reason), "TRY_LATER", answer)
        self.assertEqual(self.quarantined(), self.open_before)
        before = self.billed(self.function)
        self.no_trouble()
        self.assertEqual(peer.batch(1, bad, seconds=60, label="stuck").ack.billed, 3)
        self.assertEqual(self.billed(self.function), before + 3)

    def test_a_database_that_is_away_puts_nothing_into_quarantine(self):
        """Matrix 11: cut off in the middle of a transaction, refused many times, and back: the batch is billed."""
        self.trouble("BEFORE INSERT ON configs FOR EACH ROW WHEN (NEW.function LIKE 'away%')", "PERFORM pg_sleep(2)")
        peer = self.peer()
        for sequence in (1, 2):
            peer.send_batch(sequence, usage("acme", [f"away-{sequence}"], function=f"away{sequence}"))
            wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", SUPERUSER) > 0,
                       "the transaction is open", 60)
            address, target = self.proxy.address, self.proxy.target
            self.proxy.close()
            refused = self.collector.metric("commit_retries_total")
            wait_until(lambda refused=refused: self.collector.metric("commit_retries_total") >= refused + 8,
                       "it was refused more often than a batch may fail", 60)
            self.assertIsNone(peer.receive(0.1))
            self.proxy = PgProxy(os.path.dirname(target), os.path.dirname(address))
            self.addCleanup(self.proxy.close)
            self.assertEqual(peer.receive(60).WhichOneof("kind"), "ack")
        self.assertEqual(self.quarantined(), self.open_before)
        self.assertEqual([self.billed("away1"), self.billed("away2")], [1, 1])

    def test_a_connection_that_swallows_what_is_sent_is_given_up(self):
        """Matrix 14: half-open between collector and PostgreSQL, outside of a transaction: no wait is without end."""
        peer = self.peer()
        self.assertEqual(peer.batch(1, usage("acme", ["h1"], function="half")).WhichOneof("kind"), "ack")
        self.proxy.silence()
        started = time.monotonic()
        while time.monotonic() - started < 60:
            answer = peer.batch(2, usage("acme", ["h2"], function="half"), seconds=30)
            self.assertIsNotNone(answer, "the collector waits for an answer that will never come")
            if answer.WhichOneof("kind") == "ack":
                break
            time.sleep(0.5)
        self.assertEqual(answer.WhichOneof("kind"), "ack", answer)
        self.assertEqual(self.billed("half"), 2)
        self.assertIn("did not answer within 3 s", self.collector.log())
        wait_until(lambda: self.collector.get("/readyz")[0] == 200, "it is ready again", 60)


if __name__ == "__main__":
    unittest.main()
