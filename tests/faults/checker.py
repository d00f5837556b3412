"""The independent checker: a journal of what was emitted against the tables, sharing no code with what filled them.

    problems, figures = Checker(query, journal).check()

`query` is a function from SQL to rows of text (Stack.query). Run it when nothing is in flight and duplicates have been looked
for (any rating does). It says in sentences what is wrong; an empty list is the promise kept:

- a record that was accepted counts exactly once, one whose acknowledgement never came at most once, any other not at all;
- what counts has the facts that were emitted, stands in its hour and its tenant, and rollups are the sums of it;
- a record that cannot be billed stands in quarantine, and in no segment;
- each stream's sequences have no gap, and each ledger row finds its records in segments and quarantine.
"""
import collections
import csv
import hashlib

import journal as j
import usage_decode

csv.field_size_limit(1 << 30)  # a segment is one field
SHOWN = 5
HOUR_US = 3600 * 1000000


def bytea(text):
    return bytes.fromhex(text.removeprefix("\\x"))


class Checker:
    def __init__(self, query, journal, others=None):
        """`others`: functions whose name stands for a record without an id of ours -> expected (lowest, highest) count."""
        self.query, self.journal = query, journal
        self.others = dict(others or {})
        self.problems = collections.defaultdict(list)
        self.counts = {number: bytearray(len(source.status)) for number, source in journal.sources.items()}
        self.excluded_ids = []
        self.other_counts = collections.Counter()
        self.sums = collections.defaultdict(lambda: [0, 0, 0])   # (tenant, hour_us) -> invocations, duration_us, duration_1ms
        self.in_segments = collections.Counter()                 # (stream_id, sequence) -> records
        self.figures = collections.Counter()

    def problem(self, kind, sentence):
        self.problems[kind].append(sentence)

    def check(self):
        self._segments()
        self._journal()
        self._others()
        self._rollups()
        self._quarantine()
        self._ledger()
        sentences = []
        for found in self.problems.values():
            sentences += found[:SHOWN]
            if len(found) > SHOWN:
                sentences.append(f"… and {len(found) - SHOWN} more like that")
        return sentences, self.figures

    # --- evidence

    def _segments(self):
        excluded = {(int(segment), int(ordinal)) for segment, ordinal in
                    filter(None, self.query("SELECT segment_id, ordinal FROM exclusions"))}
        self.figures["exclusions"] = len(excluded)
        ids = [int(row[0]) for row in self.query("SELECT segment_id FROM segments ORDER BY 1") if row]
        for at in range(0, len(ids), 2000):
            page = ids[at:at + 2000]
            for row in self.query("SELECT t.name, (extract(epoch FROM hour) * 1000000)::bigint, segment_id, records, digest, payload, "
                                  "sources FROM segments s JOIN tenants t USING (tenant_id) "
                                  f"WHERE segment_id BETWEEN {page[0]} AND {page[-1]}"):
                self._segment(row, excluded)
        for segment, ordinal in excluded:
            self.problem("exclusion", f"an exclusion names record {ordinal} of segment {segment}, which is not there")

    def _segment(self, row, excluded):
        tenant, hour_us, number, count = row[0], int(row[1]), int(row[2]), int(row[3])
        payload = bytea(row[5])
        if hashlib.sha256(payload).digest() != bytea(row[4]):
            self.problem("digest", f"segment {number} does not have its digest")
        try:
            found = usage_decode.records(payload)
        except (ValueError, IndexError, StopIteration) as error:
            self.problem("segment", f"segment {number} cannot be decoded: {error}")
            return
        runs = usage_decode.runs(bytea(row[6]))
        if len(found) != count or sum(run[2] for run in runs) != count:
            self.problem("segment", f"segment {number} says {count} records, holds {len(found)}, names sources of "
                                    f"{sum(run[2] for run in runs)}")
        for stream, sequence, records in runs:
            self.in_segments[stream, sequence] += records
        self.figures["records in segments"] += len(found)
        for ordinal, record in enumerate(found):
            if not hour_us <= record[5] < hour_us + HOUR_US or record[0] != tenant:
                self.problem("place", f"segment {number} of {tenant} holds a record of another hour or tenant: {record}")
            if (number, ordinal) in excluded:
                excluded.discard((number, ordinal))
                self.excluded_ids.append(record)
            else:
                self._count(tenant, hour_us, record)

    def _count(self, tenant, hour_us, record):
        _, identity, attempt, function, memory, _, duration = record
        sums = self.sums[tenant, hour_us]
        sums[0] += 1
        sums[1] += duration
        sums[2] += -(-duration // 1000)
        if function in self.others:
            self.other_counts[function] += 1
            return
        at = j.parse_id(identity)
        source = self.journal.sources.get(at[0]) if at else None
        if source is None or at[1] >= len(source.status):
            self.problem("unknown", f"nobody emitted {record}")
            return
        if self.counts[at[0]][at[1]] < 255:
            self.counts[at[0]][at[1]] += 1
        expected = (source.tenant, 1, source.function(at[1]), j.memory_mb(at[1]), j.duration_us(at[1]))
        if (tenant, attempt, function, memory, duration) != expected:
            self.problem("facts", f"{record} counts, emitted was {expected}")

    # --- the journal

    def _journal(self):
        for number, source in self.journal.sources.items():
            expected = source.status.translate(bytes([0, 2, 1 if source.billable else 0, 0]) + bytes(252))
            counts = self.counts[number]
            if expected == counts:
                continue
            for index, (status, count) in enumerate(zip(source.status, counts)):
                self._one(source, index, status, count)
        for record in self.excluded_ids:
            at = j.parse_id(record[1])
            if at and at[0] in self.counts and not self.counts[at[0]][at[1]]:
                self.problem("excluded", f"{record} is excluded, and no other counts in its place")

    def _one(self, source, index, status, count):
        where = f"{source.kind} record {index} of source {source.number} ({source.tenant}, {j.request_id(source.number, index)})"
        if status == j.ACCEPTED and source.billable and count != 1:
            self.problem("lost" if count == 0 else "twice", f"{where} was accepted and counts {count} times")
        elif status == j.TRYING and count > 1:
            self.problem("twice", f"{where} was sent and counts {count} times")
        elif status in (j.NOT_EMITTED, j.LOST) and count:
            self.problem("ghost", f"{where} was {'reported lost' if status == j.LOST else 'not emitted'} and counts {count} times")
        elif not source.billable and count:
            self.problem("ghost", f"{where} belongs into quarantine and counts {count} times")

    def _others(self):
        for function, (lowest, highest) in self.others.items():
            if not lowest <= self.other_counts[function] <= highest:
                self.problem("others", f"function {function} counts {self.other_counts[function]} times, "
                                       f"expected {lowest} to {highest}")

    # --- what was made of it

    def _rollups(self):
        found = {}
        for tenant, hour, *sums in self.query(
                "SELECT t.name, (extract(epoch FROM hour) * 1000000)::bigint, sum(invocations), sum(duration_us), sum(duration_1ms) "
                "FROM rollups JOIN tenants t USING (tenant_id) GROUP BY 1, 2 HAVING sum(invocations) <> 0"):
            found[tenant, int(hour)] = [int(value) for value in sums]
        for key in sorted(set(found) | set(self.sums)):
            if found.get(key) != self.sums.get(key):
                self.problem("rollup", f"rollups of {key} say {found.get(key)}, records that count say {self.sums.get(key)}")
        self.figures["billed"] = sum(sums[0] for sums in self.sums.values())

    def _quarantine(self):
        found = collections.defaultdict(set)
        for (payload,) in filter(None, self.query("SELECT payload FROM quarantine WHERE format = 'record'")):
            for record in usage_decode.records(bytea(payload)):
                at = j.parse_id(record[1])
                if at:
                    found[at[0]].add(at[1])
        for number, source in self.journal.sources.items():
            if source.billable:
                continue
            missing = {i for i, status in enumerate(source.status) if status == j.ACCEPTED} - found[number]
            self.figures["in quarantine"] += len(found[number])
            for index in sorted(missing):
                self.problem("quarantine", f"{source.kind} record {index} of source {number} was accepted and is not in quarantine")

    def _ledger(self):
        for stream, last, lowest, highest, count in self.query(
                "SELECT stream_id, last_sequence, min(sequence), max(sequence), count(*) FROM streams JOIN ledger USING (stream_id) "
                "GROUP BY 1, 2"):
            if not (lowest == "1" and last == highest == count):
                self.problem("gap", f"stream {stream}: {count} ledger rows from {lowest} to {highest}, watermark {last}")
            self.figures["batches"] += int(count)
        replayed = {(int(s), int(q)): int(n) for s, q, n in self.query(
            "SELECT stream_id, sequence, count(*) FROM quarantine WHERE replayed_at IS NOT NULL GROUP BY 1, 2")}
        held = collections.Counter({(int(s), int(q)): int(n) for s, q, n in self.query(
            "SELECT q.stream_id, q.sequence, count(*) FROM quarantine q JOIN ledger l USING (stream_id, sequence) "
            "WHERE q.commit_id = l.commit_id GROUP BY 1, 2")})
        for stream, sequence, records, billed, quarantined, lost in self.query(
                "SELECT stream_id, sequence, records, billed, quarantined, lost FROM ledger"):
            key = int(stream), int(sequence)
            if int(billed) + replayed.get(key, 0) != self.in_segments.pop(key, 0):
                self.problem("ledger", f"batch {key}: {billed} billed, another number in segments")
            if int(quarantined) != held[key] or int(records) != int(billed) + int(quarantined):
                self.problem("ledger", f"batch {key}: {records} records, {billed} billed, {quarantined} quarantined, "
                                       f"{held[key]} in quarantine")
            self.figures["reported lost"] += int(lost)
        for key in self.in_segments:
            self.problem("ledger", f"segments hold records of batch {key}, which has no ledger row: acknowledged by nobody")
