"""What was emitted, by whom, and how far each record is known to have come: the checker's side of the comparison.

A record is known by (source, index); its request id says both, and its facts follow from the index alone, so that a journal
is one byte a record and everything that arrives can be compared to the last microsecond. tests/chaos/ring_worker.c makes
the same ids and facts.
"""
import json
import re
import threading
from pathlib import Path

NOT_EMITTED, TRYING, ACCEPTED, LOST = 0, 1, 2, 3

TEXT_ID = re.compile(r"(\d+)-(\d+)\.*$")
UUID_ID = re.compile(r"([0-9a-f]{8})-0000-4000-8000-([0-9a-f]{12})$")


def request_id(source, index, padding=0):
    """Every other id is a UUID, so that both columns of a batch are used; `padding` dots make a text long."""
    if index % 2 and not padding:
        return f"{source:08x}-0000-4000-8000-{index:012x}"
    return f"{source}-{index}" + "." * padding


def parse_id(text):
    """(source, index), or None when it is no id of ours."""
    match = UUID_ID.match(text)
    if match:
        return int(match[1], 16), int(match[2], 16)
    match = TEXT_ID.match(text)
    return (int(match[1]), int(match[2])) if match else None


def duration_us(index):
    return index * 7919 % 100003 + 1


def memory_mb(index):
    return 128 << index % 4


class Source:
    """The records of one emitter (one life of one worker, one file, one connection's owner); one writer at a time."""

    def __init__(self, number, kind, tenant, billable=True):
        self.number, self.kind, self.tenant = number, kind, tenant
        self.billable = billable  # False: its tenant is unknown, so its records belong into quarantine
        self.status = bytearray()

    def function(self, index):
        return f"{self.kind}-{index % 5}"

    def line(self, index, started_at_us, padding=0):
        """The record as one NDJSON line."""
        return json.dumps({"request_id": request_id(self.number, index, padding), "tenant": self.tenant,
                           "function": self.function(index), "region": "us-east-1", "memory_mb": memory_mb(index),
                           "started_at_us": started_at_us, "duration_us": duration_us(index)}) + "\n"

    def add(self, status=TRYING):
        """One more record; returns its index."""
        self.status.append(status)
        return len(self.status) - 1

    def set(self, indexes, status):
        for index in indexes:
            self.status[index] = status

    def count(self, status):
        return self.status.count(status)


class Journal:
    def __init__(self):
        self.sources = {}
        self.lock = threading.Lock()

    def source(self, kind, tenant, billable=True):
        with self.lock:
            number = len(self.sources) + 1
            self.sources[number] = Source(number, kind, tenant, billable)
            return self.sources[number]

    def count(self, status, kind=None, billable=True):
        return sum(source.count(status) for source in list(self.sources.values())
                   if kind in (None, source.kind) and source.billable == billable)

    def kinds(self):
        return sorted({source.kind for source in self.sources.values()})

    def save(self, folder):
        """One file a source, for a look after a failure."""
        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        for source in self.sources.values():
            (folder / f"{source.number}-{source.kind}-{source.tenant}.status").write_bytes(source.status)
