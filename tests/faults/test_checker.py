"""The independent checker finds what it is for: with a stack that is right, a journal or a table that is wrong must show."""
import time
import unittest

from checker import Checker
from harness import Stack, wait_until
from journal import ACCEPTED, LOST, TRYING, Journal

RECORDS = 200


class Findings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.up()
        cls.stack.run("tenant", "add", "acme")
        cls.journal = Journal()
        cls.source = cls.journal.source("socket", "acme")
        cls.stranger = cls.journal.source("unbillable", "stranger", billable=False)
        now_us = int(time.time() * 1e6)
        for source in (cls.source, cls.stranger):
            cls.stack.run("emit", input="".join(source.line(source.add(ACCEPTED), now_us) for _ in range(RECORDS)))
        cls.stack.run("emit", input=cls.source.line(7, now_us))
        wait_until(lambda: cls.stack.number("SELECT sum(records) FROM ledger") >= 2 * RECORDS, "all is committed")
        cls.stack.run("rate", "--month", time.strftime("%Y-%m", time.gmtime(now_us // 1000000)), "--preview")

    def found(self, query=None):
        return Checker(query or self.stack.query, self.journal).check()[0]

    def altered(self, sql, change):
        """The same tables, but the rows of the query that starts with `sql` went through `change`."""
        def query(text):
            rows = self.stack.query(text)
            return change(rows) if text.startswith(sql) else rows
        return self.found(query)

    def assert_one(self, found, *words):
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_nothing_where_all_is_right(self):
        self.assertEqual(self.found(), [])

    def test_a_record_that_was_accepted_and_is_not_there(self):
        self.source.add(ACCEPTED)
        self.addCleanup(self.source.status.pop)
        self.assert_one(self.found(), f"socket record {RECORDS}", "counts 0 times")

    def test_a_record_whose_acknowledgement_never_came_may_be_missing(self):
        self.source.add(TRYING)
        self.addCleanup(self.source.status.pop)
        self.assertEqual(self.found(), [])

    def test_records_that_nobody_emitted_or_that_were_reported_lost(self):
        self.source.status[RECORDS - 1] = LOST
        self.assert_one(self.found(), "reported lost and counts 1 times")
        self.source.status[RECORDS - 1] = ACCEPTED
        last = self.source.status.pop()
        self.assert_one(self.found(), "nobody emitted")
        self.source.status.append(last)

    def test_a_record_that_counts_twice(self):
        def without(rows):
            return []
        if self.stack.number("SELECT count(*) FROM exclusions"):
            self.assertTrue(any("counts 2 times" in line for line in self.altered("SELECT segment_id, ordinal FROM exclusions", without)))

    def test_a_segment_that_vanished_and_one_whose_bytes_changed(self):
        found = self.altered("SELECT t.name, (extract(epoch FROM hour) * 1000000)::bigint, segment_id", lambda rows: rows[1:])
        self.assertTrue(any("counts 0 times" in line for line in found), found)
        self.assertTrue(any("another number in segments" in line for line in found), found)

        def flip(rows):
            return [[*row[:5], row[5][:-2] + ("00" if row[5][-2:] != "00" else "01"), row[6]] for row in rows]
        found = self.altered("SELECT t.name, (extract(epoch FROM hour) * 1000000)::bigint, segment_id", flip)
        self.assertTrue(any("does not have its digest" in line for line in found), found)

    def test_a_rollup_that_says_something_else(self):
        def more(rows):
            return [[*row[:2], str(int(row[2]) + 1), *row[3:]] for row in rows]
        found = self.altered("SELECT t.name, (extract(epoch FROM hour) * 1000000)::bigint, sum", more)
        self.assertTrue(found and all("rollups of" in line for line in found), found)

    def test_a_row_of_quarantine_and_one_of_the_ledger_that_vanished(self):
        self.assertTrue(any("is not in quarantine" in line for line in
                            self.altered("SELECT payload FROM quarantine", lambda rows: rows[1:])))
        found = self.altered("SELECT stream_id, sequence, records, billed", lambda rows: rows[1:])
        self.assertTrue(any("which has no ledger row" in line for line in found), found)

    def test_a_gap_in_a_stream(self):
        found = self.altered("SELECT stream_id, last_sequence", lambda rows: [[*row[:4], str(int(row[4]) - 1)] for row in rows])
        self.assertTrue(found and all("ledger rows from" in line for line in found), found)


if __name__ == "__main__":
    unittest.main()
