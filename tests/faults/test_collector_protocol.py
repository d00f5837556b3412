"""What a collector does with peers that repeat, reorder, contradict and exaggerate: one row each, and memory that stays bounded."""
import hashlib
import os
import random
import time
import unittest

from collectors import ExtraCollector, setting, wait_until
from harness import Stack
from peer import REASON, Frame, Peer, register_agent, usage, usage_pb2

WINDOW = 16


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.stack.run("tenant", "add", "acme")
        cls.stack.run("tenant", "add", "globex")
        cls.key = register_agent(cls.stack, "odd", "acme")
        cls.server_key = setting(cls.stack, "collector_public_key")
        cls.collector = ExtraCollector(cls.stack, "x")
        cls.collector.start()

    @classmethod
    def tearDownClass(cls):
        cls.collector.stop()
        cls.stack.remove()

    def peer(self, **options):
        peer = Peer(self.collector.endpoint, self.server_key, self.key, **options)
        self.addCleanup(peer.close)
        return peer

    def greeted(self, **options):
        peer = self.peer(**options)
        self.assertEqual(peer.hello().WhichOneof("kind"), "welcome")
        return peer

    def billed(self, function):
        return self.stack.number("SELECT sum(invocations) FROM rollups JOIN configs USING (tenant_id, config_id) "
                                 f"WHERE function = '{function}'")

    def stream_of(self, peer):
        return self.stack.value(f"SELECT stream_id FROM streams WHERE spool = '\\x{peer.spool.hex()}'")

    def assert_refused(self, frame, reason):
        self.assertEqual(frame.WhichOneof("kind"), "refusal", frame)
        self.assertEqual(REASON.Name(frame.refusal.reason), reason)

    def assert_verified(self):
        self.stack.run("verify")

    # --- repeated and reordered

    def test_batches_that_come_up_to_five_times_and_in_any_order_count_once(self):
        """Matrix 16: a window of sixteen, shuffled and repeated; what is ahead is told which sequence is wanted."""
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        peer = self.greeted()
        batches = {n: usage("acme", [f"m16-{n}-{i}" for i in range(10)], function="m16") for n in range(1, 81)}
        acked, gaps, duplicates = 0, 0, 0
        while acked < 80:
            sent = [n for n in range(acked + 1, min(acked + WINDOW, 80) + 1) for _ in range(chance.randint(1, 5))]
            chance.shuffle(sent)
            for sequence in sent:
                peer.send_batch(sequence, batches[sequence])
            for _ in sent:
                frame = peer.receive(2)
                if frame is None:
                    break  # answers beyond a window's worth may be dropped: whoever misses one sends again
                if frame.WhichOneof("kind") == "ack":
                    acked = max(acked, frame.ack.sequence)
                    duplicates += frame.ack.duplicate
                else:
                    self.assert_refused(frame, "GAP")
                    self.assertLess(frame.refusal.expected_sequence, frame.refusal.sequence, f"seed {seed}")
                    gaps += 1
        self.assertTrue(gaps and duplicates, f"seed {seed}")
        self.assertEqual(self.billed("m16"), 800, f"seed {seed}")
        self.assertEqual(self.stack.query(f"SELECT min(sequence), max(sequence), count(*) FROM ledger WHERE stream_id = {self.stream_of(peer)}"),
                         [["1", "80", "80"]])

    def test_a_sequence_that_comes_again_with_other_bytes_is_kept_raised_and_neither_acknowledged_nor_billed(self):
        """Matrix 17: quarantine and alarm, no ack, no bill; the same wrong bytes again add nothing."""
        peer = self.greeted()
        right, wrong = usage("acme", ["m17"], function="m17"), usage("acme", ["m17-other"] * 2, function="m17")
        before = self.collector.metric("sequences_reused_total")
        self.assertEqual(peer.batch(1, right).ack.billed, 1)
        for _ in range(3):
            self.assert_refused(peer.batch(1, wrong), "SEQUENCE_REUSED")
        self.assertTrue(peer.batch(1, right).ack.duplicate)
        rows = self.stack.query("SELECT format, encode(digest, 'hex'), encode(other_digest, 'hex'), encode(payload, 'hex') FROM quarantine "
                                f"WHERE reason = 'sequence_reused' AND stream_id = {self.stream_of(peer)}")
        wrong_bytes, right_bytes = wrong.SerializeToString(), right.SerializeToString()
        self.assertEqual(rows, [["batch", hashlib.sha256(wrong_bytes).hexdigest(), hashlib.sha256(right_bytes).hexdigest(),
                                 wrong_bytes.hex()]])
        self.assertEqual(self.billed("m17"), 1)
        self.assertEqual(self.collector.metric("sequences_reused_total"), before + 1)
        self.assertRegex(self.collector.log(), r"error collector event=sequence_reused agent=odd sequence=1 ")
        self.assert_verified()

    def test_who_reuses_a_sequence_a_thousand_ways_fills_no_table(self):
        """Matrix 17: bounded by agent; the refusals go on."""
        peer = self.greeted()
        peer.batch(1, usage("acme", ["m17b"], function="m17b"))
        for i in range(100):
            peer.send_batch(1, usage("acme", [f"m17b-{i}"], function="m17b"))
            if i % 10 == 9:
                for _ in range(10):
                    self.assert_refused(peer.receive(), "SEQUENCE_REUSED")
        self.assertLessEqual(self.stack.number("SELECT count(*) FROM quarantine WHERE reason = 'sequence_reused'"), 64)
        self.assertEqual(self.billed("m17b"), 1)

    # --- broken

    def test_flipped_bits_are_refused_for_good_and_counted(self):
        """Matrix 18: any bit of payload or digest; nothing is committed, and the batch itself still is afterwards."""
        chance = random.Random(18)
        peer = self.greeted()
        payload = usage("acme", [f"m18-{i}" for i in range(5)], function="m18").SerializeToString()
        digest = hashlib.sha256(payload).digest()
        before = self.collector.metric("batches_refused_total", "broken")
        for _ in range(40):
            bits = bytearray(payload + digest)
            at = chance.randrange(len(bits) * 8)
            bits[at // 8] ^= 1 << at % 8
            self.assert_refused(peer.batch(1, bytes(bits[:len(payload)]), digest=bytes(bits[len(payload):])), "BROKEN")
        self.assertEqual(self.billed("m18"), 0)
        self.assertEqual(peer.batch(1, payload).ack.billed, 5)
        self.assertEqual(self.collector.metric("batches_refused_total", "broken"), before + 40)

    def test_who_goes_on_with_frames_that_nobody_can_read_is_disconnected(self):
        """Matrix 18: a connection has a few broken frames, not thousands."""
        peer = self.greeted()
        before = self.collector.metric("connections_closed_total", "broken")
        for i in range(12):
            peer.send(b"\xff" * (10 + i))
        wait_until(lambda: self.collector.metric("connections_closed_total", "broken") > before, "the connection is closed")

    # --- too much

    def assert_memory_stays(self, peak_before_kb, mb):
        grown_mb = (self.collector.peak_kb() - peak_before_kb) / 1024
        self.assertLess(grown_mb, mb, "resident memory grew")

    def test_a_message_over_the_limit_ends_the_connection(self):
        """Matrix 19: libzmq drops it before it is read whole."""
        peer, before = self.greeted(), self.collector.peak_kb()
        peer.send(b"x" * (64 << 20))
        with self.greeted() as honest:
            self.assertEqual(honest.batch(1, usage("acme", ["m19a"], function="m19a")).ack.billed, 1)
        self.assert_memory_stays(before, 100)

    def test_a_million_empty_sub_records_take_bounded_memory(self):
        """Matrix 19: 524,288 empty messages in 1 MiB, in each repeated field; unknown fields; empty strings around the payload."""
        peer, before, sequence = self.greeted(), self.collector.peak_kb(), 0
        for field in (3, 17, 18, 8, 1, 999):
            tag = bytes([field << 3 | 2]) if field < 16 else bytes([(field << 3 | 2) & 0x7f | 0x80, field >> 4])
            body = (tag + b"\0") * ((1 << 20) // (len(tag) + 1))
            sequence += 1
            frame = peer.batch(sequence, body, seconds=60)
            self.assertEqual(frame.WhichOneof("kind"), "ack", frame)  # it is in quarantine, whole: the stream goes on
            self.assertEqual((frame.ack.billed, frame.ack.quarantined), (0, 1))
        batch = Frame()
        batch.ParseFromString(peer.batch_bytes(sequence + 1, b""))
        batch.batch.introduce_tenants.extend([""] * 500000)
        peer.send(batch.SerializeToString())
        self.assert_refused(peer.receive(60), "BROKEN")
        self.assert_memory_stays(before, 160)

    def test_deep_nesting_is_skipped_or_refused(self):
        """Matrix 19: no type of the protocol holds itself, so depth is bytes like any other."""
        peer = self.greeted()
        nested = b""
        for _ in range(20000):
            nested = bytes([0x0a]) + self.varint(len(nested)) + nested
        peer.send(nested)
        self.assertIsNotNone(peer.receive())
        peer.send(b"\x1b" * 100000)  # groups that never end
        self.assert_refused(peer.receive(), "BROKEN")
        self.assertEqual(self.greeted().batch(1, usage("acme", ["m19d"], function="m19d")).ack.billed, 1)

    @staticmethod
    def varint(number):
        out = bytearray()
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        return bytes(out + bytes([number]))

    def test_a_message_of_ten_thousand_parts_is_dropped(self):
        """Matrix 19: and the sender is answered again when it keeps to the protocol."""
        peer, before = self.greeted(), self.collector.peak_kb()
        peer.send(*[b"x" * 100] * 10000)
        self.collector.wait_log("reason=too_many_parts")
        self.assertEqual(peer.batch(1, usage("acme", ["m19e"], function="m19e")).ack.billed, 1)
        self.assert_memory_stays(before, 50)

    # --- poison

    def test_a_poisoned_record_goes_to_quarantine_alone_and_stops_nobody(self):
        """Matrix 30: unknown and forged tenants, overflow, control characters, invalid enums; the records beside them are billed."""
        peer = self.greeted()
        batch = usage("acme", [f"m30-{i}" for i in range(8)], function="m30")
        batch.duration_us[0] = 2**64 - 1                      # overflow
        batch.started_at_delta_us[1] = 5 * 10**17             # the year 17,000, and all later ones back again
        batch.started_at_delta_us[2] = -5 * 10**17
        batch.text_ids[3] = "bad\nid"
        batch.attempt.extend([1] * 8)
        batch.attempt[4] = 2**32 - 1
        batch.tenants.extend(["nobody", "globex", "bad\x01name"])
        for tenant in (1, 2, 3):
            batch.configs.add(tenant=tenant, function="m30", region=0, memory_mb=128, ephemeral_mb=512)
        batch.config[5], batch.config[6], batch.config[7] = 1, 2, 3
        answer = peer.batch(1, batch)
        self.assertEqual((answer.ack.billed, answer.ack.quarantined), (1, 7), answer)
        reasons = dict(self.stack.query(f"SELECT reason, count(*) FROM quarantine WHERE stream_id = {self.stream_of(peer)} GROUP BY 1"))
        self.assertEqual(reasons["unknown_tenant"], "1")
        self.assertEqual(reasons["forged_tenant"], "1")
        self.assertEqual(sum(map(int, reasons.values())), 7)
        self.assertEqual(peer.batch(2, usage("acme", ["m30-next"], function="m30")).ack.billed, 1)
        self.assertEqual(self.billed("m30"), 2)
        one = self.stack.query("SELECT count(DISTINCT commit_id) FROM (SELECT commit_id FROM quarantine WHERE "
                               f"stream_id = {self.stream_of(peer)} UNION SELECT commit_id FROM ledger WHERE sequence = 1 AND "
                               f"stream_id = {self.stream_of(peer)}) x")
        self.assertEqual(one, [["1"]], "records and their batch are committed together")
        self.assert_verified()

    def test_a_text_with_a_nul_ends_there_and_poisons_nothing(self):
        """Matrix 30: PostgreSQL refuses NUL in text, so none may get that far."""
        peer = self.greeted()
        batch = usage("acme", ["m30\0a", "m30-clean"], function="m30nul\0x")
        answer = peer.batch(1, batch, label="file\0name")
        self.assertEqual(answer.WhichOneof("kind"), "ack", answer)
        self.assertEqual(answer.ack.billed + answer.ack.quarantined, 2)
        self.assertEqual(peer.batch(2, usage("acme", ["m30n"], function="m30n")).ack.billed, 1)
        self.assert_verified()

    # --- other versions

    def test_fields_and_values_of_a_newer_peer_survive(self):
        """Matrix 31: known columns are billed, the batch is kept as it came; a value that means nothing here waits in quarantine."""
        peer = self.greeted()
        payload = usage("acme", ["m31-a", "m31-b"], function="m31").SerializeToString() + self.field(900, b"a column of tomorrow")
        frame = peer.batch_bytes(1, payload) + self.field(901, b"outside of the oneof")
        peer.send(frame)
        self.assertEqual(peer.receive().ack.billed, 2)
        kept = self.stack.query("SELECT encode(payload, 'hex') FROM quarantine WHERE reason = 'newer_fields' AND "
                                f"stream_id = {self.stream_of(peer)}")
        self.assertEqual(kept, [[payload.hex()]])
        newer = usage("acme", ["m31-c", "m31-d"], function="m31")
        newer.status.extend([usage_pb2.OK, 9])
        answer = peer.batch(2, newer)
        self.assertEqual((answer.ack.billed, answer.ack.quarantined), (1, 1), answer)
        self.assertEqual(self.billed("m31"), 3)
        self.assert_verified()

    def field(self, number, value):
        tag = self.varint(number << 3 | 2)
        return tag + self.varint(len(value)) + value

    def test_an_unknown_protocol_version_is_told_so_and_nothing_of_it_is_taken(self):
        """Matrix 31: WRONG_VERSION, which an agent answers by waiting and asking again; its batches stay in its spool."""
        peer = self.peer()
        for unknown in (0, 3):
            self.assert_refused(peer.hello(protocol=unknown), "WRONG_VERSION")
        self.assert_refused(peer.batch(1, usage("acme", ["m31v"], function="m31v")), "NOT_GREETED")
        self.assertEqual(self.billed("m31v"), 0)
        for known in (1, 2):  # before and since capacity records
            self.assertEqual(peer.hello(protocol=known).WhichOneof("kind"), "welcome")

    # --- losses, and what the operator sees

    def test_a_loss_notice_is_in_the_ledger_in_verify_and_on_the_metrics(self):
        peer = self.greeted()
        batch = usage("acme", ["loss"], function="loss")
        batch.losses.add(source="ring worker 7", reason="ring_full", records=41, noticed_at_us=int(time.time() * 1e6), tenant="acme")
        batch.losses.add(source="spool", reason="spool_damaged", records=0)
        before = self.collector.metrics().get(("millibill_collector_records_lost_total", "ring_full"), 0)
        self.assertEqual(peer.batch(1, batch).ack.billed, 1)
        stream = self.stream_of(peer)
        self.assertEqual(self.stack.query(f"SELECT lost, billed FROM ledger WHERE stream_id = {stream}"), [["41", "1"]])
        self.assertEqual(self.stack.query(f"SELECT source, reason, records, tenant_name FROM losses WHERE stream_id = {stream} ORDER BY ordinal"),
                         [["ring worker 7", "ring_full", "41", "acme"], ["spool", "spool_damaged", "0", ""]])
        self.assertEqual(self.collector.metric("records_lost_total", "ring_full"), before + 41)
        self.assertGreaterEqual(self.collector.metric("loss_notices_total", "spool_damaged"), 1)
        self.assert_verified()

    def test_metrics_are_strictly_in_their_format_and_name_no_tenant(self):
        self.greeted()
        samples = self.collector.metrics()
        self.assertEqual(samples["millibill_collector_key_handler_alive", None], 1)
        self.assertGreater(samples["millibill_collector_last_commit_timestamp_seconds", None], time.time() - 86400)
        self.assertNotRegex(self.collector.get("/metrics")[1], r"acme|globex|odd")
        self.assertEqual(self.collector.get("/nothing")[0], 404)
        self.assertEqual(self.collector.get("/readyz"), (200, "ok\n"))
        self.assertEqual(self.collector.get("/healthz"), (200, "ok\n"))


if __name__ == "__main__":
    unittest.main()
