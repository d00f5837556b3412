"""Small segments of closed hours are merged before they are sealed; every record keeps its batch and its receipt."""
import json
import subprocess
import sys
import unittest

from harness import ROOT, SUPERUSER, Stack, wait_until
from test_seals import independent_check, load, record

sys.path.insert(0, str(ROOT / "tests" / "faults"))
import usage_decode  # noqa: E402  (independent of the programs)

MONTH = "2026-05"
COUNT = "SELECT count(*) FROM ledger"
HOUR = "2026-05-10T12:00:00Z"


def bytea(text):
    return bytes.fromhex(text.removeprefix("\\x"))


def batch(prefix, count, hour=HOUR, **more):
    return "".join(record(f"{prefix}-{i}", hour, f"{1 + i % 89}.5", function=f"f{i % 2}", **more) for i in range(count))


def evidence(stack, tenant):
    """[(stream, sequence, receipt, record)] of all that is stored, decoded by other means than ours; sorted."""
    out = []
    for receipt, payload, sources in stack.query(
            "SELECT c.receipt, s.payload, s.sources FROM segments s JOIN tenants t USING (tenant_id) JOIN commits c USING (commit_id) "
            f"WHERE t.name = '{tenant}'"):
        records = iter(usage_decode.records(bytea(payload)))
        for stream, sequence, own, count in usage_decode.received(bytea(sources)):
            out += [(stream, sequence, own or int(receipt), next(records)) for _ in range(count)]
    return sorted(out)


def segments(stack, tenant, hour=HOUR):
    return stack.number(f"SELECT count(*) FROM segments JOIN tenants USING (tenant_id) WHERE name = '{tenant}' AND hour = '{hour}'")


class Compaction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0, "live_past_days": 10000})  # only when we say so, and whatever is emitted
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)

    def fill(self, tenant, batches, count=7, **more):
        for i in range(batches):
            load(self.stack, tenant, batch(f"{tenant}-{i}", count, **more))

    def rollups(self, tenant):
        return self.stack.query(f"SELECT r.* FROM rollups r JOIN tenants USING (tenant_id) WHERE name = '{tenant}' ORDER BY hour, config_id")

    def test_many_small_segments_become_one_and_nothing_else_changes(self):
        self.fill("many", 12)
        self.assertEqual(segments(self.stack, "many"), 12)
        before, rollups = evidence(self.stack, "many"), self.rollups("many")
        sealed = self.stack.json("seal", "--now")
        self.assertEqual((sealed["segments_merged"], sealed["segments_made"]), (12, 1))
        self.assertEqual(segments(self.stack, "many"), 1)
        self.assertEqual(evidence(self.stack, "many"), before)
        self.assertEqual(len({entry[2] for entry in before}), 12)  # each came with a receipt of its own
        self.assertEqual(self.rollups("many"), rollups)
        self.assertTrue(self.stack.json("verify")["ok"])
        independent_check(self.stack)
        again = self.stack.json("seal", "--now")
        self.assertEqual((again["seals"], again["segments_merged"]), (0, 0))

    def test_late_records_are_not_merged_into_what_is_sealed(self):
        self.fill("late", 3)
        self.stack.run("seal", "--now")
        sealed = self.stack.query("SELECT segment_id, digest FROM segments JOIN tenants USING (tenant_id) WHERE name = 'late'")
        for i in range(4):
            load(self.stack, "late", batch(f"late-more-{i}", 2))
        second = self.stack.json("seal", "--now")
        self.assertEqual((second["segments_merged"], second["segments_made"]), (4, 1))  # among themselves
        rows = self.stack.query("SELECT segment_id, digest FROM segments JOIN tenants USING (tenant_id) WHERE name = 'late' ORDER BY 1")
        self.assertEqual(rows[0], sealed[0])
        self.assertEqual(len(rows), 2)
        self.assertTrue(self.stack.json("verify")["ok"])
        independent_check(self.stack)

    def test_what_an_exclusion_names_stays(self):
        self.fill("twice", 6)
        load(self.stack, "twice", batch("twice-2", 7))  # copies of the third
        self.stack.run("rate", "--month", MONTH, "--preview", "--tenant", "twice")
        self.assertEqual(self.stack.number("SELECT count(*) FROM exclusions JOIN tenants USING (tenant_id) WHERE name = 'twice'"), 7)
        total = self.stack.json("rate", "--month", MONTH, "--preview", "--tenant", "twice")["invoices"][0]["total"]
        self.stack.run("seal", "--now")
        self.assertEqual(segments(self.stack, "twice"), 3)  # five in one, the kept and the excluded one
        self.assertEqual(self.stack.json("rate", "--month", MONTH, "--preview", "--tenant", "twice")["invoices"][0]["total"], total)
        self.assertTrue(self.stack.json("verify")["ok"])

    def test_duplicates_are_found_in_merged_segments_and_the_first_received_is_kept(self):
        """The first of two stands in a segment that is merged with later ones: its own receipt decides."""
        self.stack.run("tenant", "add", "order")
        later = "2026-05-10T13:00:00Z"  # and the first received: neither the order of hours nor that of segments decides
        for text in (record("same", later, "100", tenant="order"), record("same", HOUR, "999", tenant="order"),
                     batch("order", 3, later, tenant="order")):  # nobody looks for duplicates when records are emitted
            there = self.stack.number(COUNT)
            self.stack.run("emit", input=text)
            wait_until(lambda: self.stack.number(COUNT) > there, "the records arrive")
        self.stack.run("seal", "--now")
        self.assertEqual(segments(self.stack, "order", later), 1)
        answer = self.stack.json("rate", "--month", MONTH, "--preview", "--tenant", "order")
        excluded = self.stack.query("SELECT e.reason, to_char(e.hour AT TIME ZONE 'UTC', 'HH24') FROM exclusions e "
                                    "JOIN tenants USING (tenant_id) WHERE name = 'order'")
        self.assertEqual(excluded, [["conflict", "12"]], answer)
        self.stack.run("seal", "--now")
        self.assertTrue(self.stack.json("verify")["ok"])
        independent_check(self.stack)

    def explained(self, line):
        """A line of the preview, derived from the evidence at the preview's watermark; and its single records, without their place."""
        found = self.stack.json("explain", "--tenant", "past", "--function", "f0", "--hour", HOUR, "--all", "latest", str(line))
        places = ("segment", "record", "segment_id", "ordinal", "of", "place", "segment_records")
        return (self.stack.run("explain", "--json", "--tenant", "past", "latest", str(line)).stdout,
                sorted(json.dumps({name: value for name, value in row.items() if name not in places}) for row in found["invocations"]))

    def test_a_run_at_an_earlier_watermark_says_the_same_before_and_after(self):
        """Records from before and after a preview's watermark meet in one segment; what it was made from is derived to the last digit."""
        self.fill("past", 4)
        preview = self.stack.json("rate", "--month", MONTH, "--preview", "--tenant", "past")
        at_first = self.explained(1)
        for i in range(3):
            load(self.stack, "past", batch(f"past-late-{i}", 5))
        before = self.explained(1)
        sealed = self.stack.json("seal", "--now")
        self.assertEqual((sealed["segments_merged"], sealed["segments_made"]), (7, 1))
        watermark = self.stack.number("SELECT receipt_watermark FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'past'")
        self.assertEqual(watermark, preview["receipt_watermark"])
        receipts = [entry[2] for entry in evidence(self.stack, "past")]
        self.assertTrue(min(receipts) <= watermark < max(receipts))
        self.assertEqual(self.explained(1), before)
        self.assertEqual(self.explained(1)[0], at_first[0])
        self.assertIn('"28"', before[0])
        self.assertTrue(self.stack.json("verify")["ok"])

    def test_a_full_hour_is_left_and_a_big_one_becomes_several(self):
        load(self.stack, "big", batch("big", 5000))
        self.fill("big", 7, 1500)
        self.stack.run("seal", "--now")
        counts = sorted(int(row[0]) for row in self.stack.query(
            "SELECT records FROM segments JOIN tenants USING (tenant_id) WHERE name = 'big'"))
        self.assertEqual(sum(counts), 5000 + 7 * 1500)
        self.assertLessEqual(max(counts), 8192)
        self.assertEqual(counts, [3000, 5000, 7500])
        self.assertTrue(self.stack.json("verify")["ok"])


class Interrupted(unittest.TestCase):
    """A sealer that is killed in the middle leaves the old segments or the new one; two at once merge once."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)

    def killed_while(self, tenant, lock):
        """A sealer that waits for `lock` in the middle of its transaction is killed, and the lock given back."""
        holder = self.stack.psql_process(f"BEGIN; {lock};\n", SUPERUSER)
        try:
            sealer = self.stack.popen("seal", "--now", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                                 "usename = 'millibill_compactor'", SUPERUSER) > 0, "the sealer waits", 60)
            self.assertEqual(segments(self.stack, tenant), 5)  # what it does is not to be seen
            sealer.kill()
            sealer.wait(timeout=60)
        finally:
            holder.stdin.close()
            holder.wait(timeout=60)
        wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE usename = 'millibill_compactor' "
                                             "AND state <> 'idle'", SUPERUSER) == 0, "its transaction ends", 60)

    def test_a_killed_sealer_leaves_the_old_segments_and_the_next_one_merges_them(self):
        for tenant, lock in (("inserted", "SELECT FROM millibill.segments FOR UPDATE"),     # merged ones written, parts not deleted
                             ("deleted", "LOCK TABLE millibill.seal_heads IN EXCLUSIVE MODE")):  # parts deleted, nothing signed yet
            for i in range(5):
                load(self.stack, tenant, batch(f"{tenant}-{i}", 3))
            before = evidence(self.stack, tenant)
            self.killed_while(tenant, lock)
            self.assertEqual(segments(self.stack, tenant), 5)
            self.assertEqual(evidence(self.stack, tenant), before)
            self.assertTrue(self.stack.json("verify")["ok"])
            sealed = self.stack.json("seal", "--now")
            self.assertEqual((sealed["segments_merged"], sealed["segments_made"]), (5, 1))
            self.assertEqual(evidence(self.stack, tenant), before)
        self.assertTrue(self.stack.json("verify")["ok"])
        independent_check(self.stack)

    def test_two_sealers_at_once_merge_once(self):
        for i in range(8):
            load(self.stack, "two", batch(f"two-{i}", 3, f"2026-05-{11 + i % 2}T08:00:00Z"))
        before = evidence(self.stack, "two")
        sealers = [self.stack.popen("seal", "--now", "--json", stdout=subprocess.PIPE) for _ in range(2)]
        answers = [json.loads(sealer.communicate(timeout=120)[0]) for sealer in sealers]
        self.assertEqual(sum(answer["segments_merged"] for answer in answers), 8)
        self.assertEqual(sum(answer["segments_made"] for answer in answers), 2)
        self.assertEqual(evidence(self.stack, "two"), before)
        self.assertTrue(self.stack.json("verify")["ok"])


class Replacing(unittest.TestCase):
    """What only the compactor may do, and only exactly."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for i in range(4):
            load(cls.stack, "acme", batch(f"acme-{i}", 3))
        cls.tenant = cls.stack.number("SELECT tenant_id FROM tenants WHERE name = 'acme'")
        cls.ids = [int(row[0]) for row in cls.stack.query("SELECT segment_id FROM segments ORDER BY 1")]

    def refused(self, sql, message, role="millibill_compactor"):
        with self.assertRaises(AssertionError) as caught:
            self.stack.query(sql, role)
        self.assertIn(message, str(caught.exception))
        self.assertEqual(self.stack.number("SELECT count(*) FROM segments"), 4)

    def call(self, merged, made="{}"):
        return f"SELECT millibill.segments_replace({self.tenant}, '{HOUR}', '{merged}', '{made}')"

    def test_nobody_else_may_call_it(self):
        for role in ("millibill_collector", "millibill_rater", "millibill_reader"):
            self.refused(self.call("{1}"), "permission denied", role)

    def test_segments_cannot_go_without_others_in_their_place(self):
        self.refused(self.call(f"{{{self.ids[0]}}}"), "exactly the records")
        self.refused(self.call(f"{{{self.ids[0]}}}", f"{{{self.ids[1]}}}"), "exactly the records")
        self.refused(self.call("{987654}"), "not there")
        self.refused(self.call(f"{{{self.ids[0]},{self.ids[0]}}}"), "named twice")
        self.refused(self.call(f"{{{self.ids[0]}}}", f"{{{self.ids[0]}}}"), "named twice")

    def test_a_copy_that_says_less_or_more_is_refused(self):
        first = self.ids[0]
        made = ("WITH made AS (INSERT INTO segments (tenant_id, hour, commit_id, records, digest, payload, sources) "
                f"SELECT tenant_id, hour, commit_id, records + {{}}, digest, payload, sources FROM segments WHERE segment_id = {first} "
                "RETURNING segment_id) SELECT segment_id FROM made")
        self.refused(f"DO $$ DECLARE new bigint; BEGIN {made.format(1).replace(') SELECT segment_id', ') SELECT segment_id INTO new')}; "
                     f"PERFORM millibill.segments_replace({self.tenant}, '{HOUR}', '{{{first}}}', ARRAY[new]); END $$",
                     "does not hold what its sources say")

    def test_the_owner_deletes_nothing_by_hand(self):
        self.stack.query("DELETE FROM segments")
        self.assertEqual(self.stack.number("SELECT count(*) FROM segments"), 4)


if __name__ == "__main__":
    unittest.main()
