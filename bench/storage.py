#!/usr/bin/env python3
"""What a record costs on disk, before and after its hour is merged and sealed: bench/storage.py [RECORDS] [RECORDS-PER-BATCH…]

One tenant's hour, random 16-byte request ids, three functions; every batch is imported by itself, as an agent that flushes often sends it.
Counted is what the table of segments takes with its index and TOAST after VACUUM FULL, so that free room does not blur it; and how
much of it are the ids, which do not compress.
"""
import json
import random
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import SUPERUSER, Stack  # noqa: E402

HOUR_US = 3600 * 1000000


def lines(random_source, count, from_us, step_us):
    for i in range(count):
        us = from_us + i * step_us
        yield json.dumps({"request_id": str(uuid.UUID(int=random_source.getrandbits(128), version=4)), "tenant": "acme",
                          "function": f"f{random_source.randrange(3)}", "region": "us-east-1", "memory_mb": 512,
                          "started_at": f"2026-05-10T12:{us // 60000000:02}:{us // 1000000 % 60:02}.{us % 1000000:06}Z",
                          "duration_ms": f"{random_source.lognormvariate(4, 1):.3f}",
                          "max_memory_used_mb": random_source.randrange(60, 200)}) + "\n"


def table_bytes(stack):
    for (name,) in stack.query("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'segments'::regclass"):
        stack.query(f"VACUUM FULL {name}", SUPERUSER)
    return stack.number("SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'segments'::regclass", SUPERUSER)


def measure(records, per_batch):
    source = random.Random(1)
    with Stack(settings={"seal_every_s": 0, "live_past_days": 10000}) as stack:
        stack.run("tenant", "add", "acme")
        stack.query("SELECT partitions_ensure('2026-05-01')")  # a month's tables and indexes take 100 kB when they are empty
        empty = table_bytes(stack)
        step_us = HOUR_US // (records + 1)
        for at in range(0, records, per_batch):
            stack.run("import", "--format", "ndjson", "-", input="".join(lines(source, min(per_batch, records - at), at * step_us, step_us)))
        came = table_bytes(stack) - empty
        sealed = stack.json("seal", "--now")
        merged = table_bytes(stack) - empty
        assert stack.json("verify")["ok"]
        print(f"{records} records in batches of {per_batch}: {came / records:.1f} bytes a record as they came, {merged / records:.1f} merged "
              f"({sealed['segments_merged']} segments into {sealed['segments_made']}; 16.0 of it the id)", flush=True)


def main():
    numbers = [int(word) for word in sys.argv[1:]] or [8000, 50, 500]
    for per_batch in numbers[1:]:
        measure(numbers[0], per_batch)


if __name__ == "__main__":
    main()
