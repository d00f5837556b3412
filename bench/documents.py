#!/usr/bin/env python3
"""How long the documents of a month take: bench/documents.py [TENANTS]

Each tenant (1,000 by default) has six functions in two regions: an invoice of one page, two with many functions. Final invoices: the first PDF
of each is kept in the database, the second is compared with what was kept. Ratios are to the same documents as HTML in the same minute; the
target is 1,000 PDFs within 10 s on two processors. Then a FOCUS export of a tenant with 10,000 functions, with its greatest memory.
"""
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import SUPERUSER, Stack  # noqa: E402

MONTH = "2026-08"


def fill(stack, tenants):
    stack.query(f"INSERT INTO accounts (name) SELECT 't' || i FROM generate_series(1, {tenants}) i", SUPERUSER)
    stack.query("INSERT INTO tenants (name, account_id) SELECT name, account_id FROM accounts a WHERE NOT EXISTS "
                "(SELECT FROM tenants t WHERE t.name = a.name)", SUPERUSER)
    usage = stack.data / "usage.ndjson"
    with usage.open("w", encoding="utf-8") as file:
        for tenant in range(1, tenants + 1):
            for i in range(6):
                file.write(json.dumps({"request_id": f"{tenant}-{i}", "tenant": f"t{tenant}", "function": f"function-{i}", "memory_mb": 512,
                                       "region": "us-east-1" if i % 2 else "eu-west-1", "started_at": f"{MONTH}-0{1 + i}T12:00:00Z",
                                       "duration_ms": 800000}) + "\n")
    stack.run("import", "--format", "ndjson", str(usage))
    stack.run("rate", "--month", MONTH, "--final")


def processor_seconds():
    """Of the commands that have ended: what other work on the machine does not change. Two processors give twice as much a second."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def render(stack, name, folder=None):
    folder = stack.data / (folder or name)
    begun, used = time.monotonic(), processor_seconds()
    paths = stack.run("invoice", "render", "--format", name, "--month", MONTH, "--final", "--output-dir", str(folder)).stdout.split()
    seconds, used = time.monotonic() - begun, processor_seconds() - used
    total = sum(Path(path).stat().st_size for path in paths)
    print(f"{name:5} {len(paths):6} documents {seconds:7.2f} s  {1000 * used / len(paths):6.2f} ms of processor time each  {total / len(paths) / 1024:6.1f} KiB each")
    return used


def export(stack):
    """Rows of FOCUS and the memory that they took."""
    usage = stack.data / "many.ndjson"
    with usage.open("w", encoding="utf-8") as file:
        for i in range(10000):
            file.write(json.dumps({"request_id": f"many-{i}", "tenant": "many", "function": f"function-{i}", "memory_mb": 128 + i % 7, "region": "us-east-1",
                                   "started_at": f"{MONTH}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000 - i}) + "\n")
    stack.run("tenant", "add", "many")
    stack.run("import", "--format", "ndjson", str(usage))
    stack.run("rate", "--month", MONTH, "--final")
    begun = time.monotonic()
    process = stack.popen("export", "focus", "--json", "--output", str(stack.data / "focus.csv"), stdout=subprocess.PIPE)
    answer = json.loads(process.stdout.read())
    _, _, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    print(f"FOCUS {answer['rows']:6} rows of {answer['documents']} documents {seconds:7.2f} s, {used.ru_maxrss / 1024:.0f} MiB at most")


def main():
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with Stack() as stack:
        fill(stack, tenants)
        html = render(stack, "html")
        pdf = render(stack, "pdf")
        again = render(stack, "pdf", "again")
        print(f"PDF to HTML: {pdf / html:.2f} the first time, {again / html:.2f} later")
        export(stack)


if __name__ == "__main__":
    main()
