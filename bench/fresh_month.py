#!/usr/bin/env python3
"""A month right after it was imported, against the same month with statistics: bench/fresh_month.py [--without] [FUNCTIONS]

One tenant with FUNCTIONS functions (10,000 unless given) of two invocations each, imported into a throw-away stack in which autovacuum never
comes by, so that whatever the planner knows it knows from millibill. Then, as they come: `rate`, `savings`, `dashboard` - and the same again
after ANALYZE of everything, which is the reference. --without takes away what millibill does about statistics (its function does nothing):
what everybody met in the first minute after an import. A command that takes longer than LIMIT_S seconds is ended.
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import MILLIBILL, SUPERUSER, Stack, environment  # noqa: E402

MONTH = "2026-09"
LIMIT_S = 300
NOTHING = ("CREATE OR REPLACE FUNCTION statistics_keep() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp "
           "AS 'SELECT 0'")


def usage(functions):
    return "".join(json.dumps({"tenant": "big", "request_id": f"{f}-{n}", "function": f"function-{f}", "region": "us-east-1", "memory_mb": 128 << f % 4,
                               "started_at": f"{MONTH}-{1 + (f + n * 7) % 28:02}T{f % 24:02}:00:00Z", "duration_ms": 5 + f % 100}) + "\n"
                   for f in range(functions) for n in range(2))


def seconds_of(stack, *command):
    begun = time.monotonic()
    try:
        subprocess.run([MILLIBILL, *command, "--data", str(stack.data)], env=environment(), stdout=subprocess.DEVNULL, check=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        stack.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'millibill_rater' AND state = 'active'", SUPERUSER)
        return float(LIMIT_S)
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("functions", nargs="?", type=int, default=10_000)
    parser.add_argument("--without", action="store_true")
    options = parser.parse_args()
    with Stack() as stack:
        commands = (("rate", "--month", MONTH, "--no-forecast"), ("savings", "--month", MONTH), ("dashboard", "--month", MONTH, "-o", str(stack.data / "page.html")))
        stack.query("ALTER SYSTEM SET autovacuum = off", SUPERUSER)
        stack.query("SELECT pg_reload_conf()", SUPERUSER)
        if options.without:
            stack.query(NOTHING)
        stack.run("tenant", "add", "big")
        text = usage(options.functions)
        begun = time.monotonic()
        stack.run("import", "-", input=text)
        print(f"{options.functions:,} functions, imported in {time.monotonic() - begun:.2f} s")
        fresh = [seconds_of(stack, *command) for command in commands]
        stack.query("ANALYZE", SUPERUSER)
        for command, before in zip(commands, fresh):
            after = min(seconds_of(stack, *command) for _ in range(2))
            print(f"  {command[0]:10} at once {before:7.2f} s{' (ended)' if before == LIMIT_S else ''}, after ANALYZE {after:6.2f} s, ratio {before / after:7.1f}")


if __name__ == "__main__":
    main()
