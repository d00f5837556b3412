#!/usr/bin/env python3
"""How long it takes to rate a month: bench/rating.py [--json] [--final] [TENANTS…]

Fills a throw-away stack with TENANTS tenants (100,000 unless given) of ten rollup rows each - five functions, four on x86_64 and one on
arm64, in two hours - and rates it with `millibill rate`. What it is compared to, in the same run (doc/performance.md says why):

  sums    COPY (SELECT tenant_id, sum(…), … FROM rollups … GROUP BY tenant_id) TO STDOUT: every tenant and every sum that rating reads
  copy    COPY of the rows that rating wrote (invoices with their documents, lines, free tiers) out to a file, and into tables of the same
          columns without keys or indexes

The ratio is the time of `millibill rate`, from start to exit, over the sum of both; the target is 3 for 100,000 tenants, and 256 MB.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import MILLIBILL, ROOT, SUPERUSER, Stack, environment  # noqa: E402

MONTH = "2026-08"
ROLLUPS_EACH = 10
RESULTS = ("invoices", "invoice_lines", "invoice_free_tiers")
SUMS = ("invocations", "errors", "timeouts", "initializations", "duration_us", "init_us", "duration_1ms", "duration_100ms", "with_init_1ms",
        "with_init_100ms", "cpu_us", "streamed_bytes")


def fill(stack, tenants):
    """Tenants whose usage differs: some stay within the free tier, some do not."""
    stack.query(f"""
        SELECT partitions_ensure('{MONTH}-01');
        INSERT INTO accounts (name) SELECT 't' || i FROM generate_series(1, {tenants}) i;
        INSERT INTO tenants (name, account_id) SELECT name, account_id FROM accounts WHERE name ~ '^t[0-9]+$';
        INSERT INTO configs (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
            SELECT tenant_id, 'function-' || f, 'us-east-1', CASE f WHEN 4 THEN 'arm64' ELSE 'x86_64' END, 128 << (f % 4), 512,
                   'on_demand', 'managed' FROM tenants CROSS JOIN generate_series(0, 4) f ORDER BY tenant_id, f;
        INSERT INTO rollups (tenant_id, hour, config_id, invocations, errors, timeouts, initializations, duration_us, init_us,
                             duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes,
                             max_memory_used_mb, max_duration_us)
            SELECT tenant_id, '{MONTH}-03T00:00:00Z'::timestamptz + ((tenant_id * 7 + config_id + h * 100) % 600) * interval '1 hour', config_id,
                   n, n / 50, n / 500, n / 20, n * 123456, n * 1000, n * 124, n * 150, n * 125, n * 152, n * 90000, 0, 100, 900000
              FROM configs CROSS JOIN generate_series(0, 1) h CROSS JOIN LATERAL (SELECT 1 + (tenant_id * 7919 + config_id * 104729) % 400000 AS n) u
             ORDER BY 2, 1, 3;
        ANALYZE""", SUPERUSER)
    return stack.number(f"SELECT count(*) FROM rollups WHERE hour >= '{MONTH}-01' AND hour < '{MONTH}-01'::date + interval '1 month'", SUPERUSER)


def seconds_of(stack, sql):
    begun = time.monotonic()
    conninfo = f"{stack.status()['database']} user={SUPERUSER} options=--search_path=millibill"
    begun = time.monotonic()
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo], input=sql, text=True, stdout=subprocess.DEVNULL, check=True,
                   env=environment())
    return time.monotonic() - begun


def sums(stack):
    columns = ", ".join(f"sum({name})" for name in SUMS)
    return seconds_of(stack, f"COPY (SELECT tenant_id, {columns}, max(max_memory_used_mb), max(max_duration_us) FROM rollups "
                             f"WHERE hour >= '{MONTH}-01T00:00:00Z' AND hour < '{MONTH}-01T00:00:00Z'::timestamptz + interval '1 month' "
                             "GROUP BY tenant_id) TO STDOUT")


def copies(stack):
    """Out and in of each result table."""
    taken = 0.0
    for table in RESULTS:
        path = stack.data / f"{table}.copy"
        stack.query(f"CREATE TABLE copy_{table} (LIKE {table})", SUPERUSER)
        taken += seconds_of(stack, f"\\copy {table} TO '{path}'\n")
        taken += seconds_of(stack, f"\\copy copy_{table} FROM '{path}'\n")
        stack.query(f"DROP TABLE copy_{table}", SUPERUSER)
        path.unlink()
    return taken


def rate(stack, *options):
    """Seconds and the greatest memory of the rater, MB."""
    begun = time.monotonic()
    pid = os.posix_spawn(MILLIBILL, [MILLIBILL, "rate", "--month", MONTH, *options, "--data", str(stack.data)], environment(),
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, f"millibill rate: status {status}"
    return time.monotonic() - begun, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def measure(tenants, final):
    with Stack() as stack:
        rows = fill(stack, tenants)
        found = {"tenants": tenants, "rollups": rows, "runs": []}
        before = sums(stack)
        for what, options in [("drafts", ()), ("drafts again", ())] + ([("final", ("--final",))] if final else []):
            seconds, memory_mb, processor = rate(stack, *options)
            found["runs"].append({"what": what, "seconds": seconds, "memory_mb": memory_mb, "processor_seconds": processor})
        written = [stack.number(f"SELECT count(*) FROM {table}") for table in RESULTS]
        found.update(sums=min(before, sums(stack)), copy=copies(stack), written=dict(zip(RESULTS, written)))
        assert written[0] == tenants, written
        for run in found["runs"]:
            run["ratio"] = run["seconds"] / (found["sums"] + found["copy"])
        return found


def show(found):
    print(f"{found['tenants']:,} tenants, {found['rollups']:,} rollup rows; written: "
          + ", ".join(f"{count:,} {table}" for table, count in found["written"].items()))
    print(f"  reference: sums {found['sums']:.2f} s + copy out and in {found['copy']:.2f} s = {found['sums'] + found['copy']:.2f} s")
    for run in found["runs"]:
        print(f"  {run['what']:13} {run['seconds']:8.2f} s ({run['processor_seconds']:.2f} s of its own)  ratio {run['ratio']:5.2f}  "
              f"{run['memory_mb']:6.0f} MB")


def main():
    parser = argparse.ArgumentParser(description="How long it takes to rate a month.")
    parser.add_argument("tenants", nargs="*", type=int, default=[100_000])
    parser.add_argument("--final", action="store_true", help="make it final too, for information")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for tenants in options.tenants:
        found = measure(tenants, options.final)
        if options.json:
            print(json.dumps(found))
        else:
            show(found)
        sys.stdout.flush()


if __name__ == "__main__":
    assert ROOT.exists()
    main()
