#!/usr/bin/env python3
"""How long the documents of a month take: bench/documents.py [TENANTS]

Each tenant (1,000 by default) has six functions in two regions: an invoice of one page, two with many functions. The ratio is to the same
documents as HTML in the same minute; the target is 1,000 PDFs within 10 s on two processors.
"""
import json
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
    stack.run("rate", "--month", MONTH)


def render(stack, name):
    folder = stack.data / name
    begun = time.monotonic()
    paths = stack.run("invoice", "render", "--format", name, "--month", MONTH, "--output-dir", str(folder)).stdout.split()
    seconds = time.monotonic() - begun
    total = sum(Path(path).stat().st_size for path in paths)
    print(f"{name:5} {len(paths):6} documents {seconds:7.2f} s  {1000 * seconds / len(paths):6.2f} ms each  {total / len(paths) / 1024:6.1f} KiB each")
    return seconds


def main():
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with Stack() as stack:
        fill(stack, tenants)
        html = render(stack, "html")
        pdf = render(stack, "pdf")
        print(f"PDF to HTML: {pdf / html:.2f}")


if __name__ == "__main__":
    main()
