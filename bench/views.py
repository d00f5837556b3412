#!/usr/bin/env python3
"""How quick the views are that dashboards read: bench/views.py [TENANTS FUNCTIONS [INVOCATIONS-AN-HOUR]]

A month of 100 tenants with 50 functions each (by default) that run in every hour: 3.7 million rollups, some 28 invocations each, so that
the month has a hundred million of them. Each view is asked what a dashboard asks; the best of three answers counts, after ANALYZE. The ratio is to
`SELECT count(*)` of the month's rollups in the same minute, which does no more than look at every row. The target is 200 ms for each.
Rows come straight from SQL: no agent could send them in the time that a benchmark may take; the rater makes their previews.
"""
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import SUPERUSER, Stack, environment  # noqa: E402

MONTH, FIRST, AFTER = "2026-10", "2026-10-01", "2026-11-01"
TARGET_MS = 200

# What is asked, and of what: (view, question, SQL). TENANT is one of a hundred.
QUESTIONS = (
    ("usage_daily", "the month by day and tenant", "SELECT * FROM usage_daily WHERE day >= '{first}' AND day < '{after}'"),
    ("usage_by_function", "one tenant's functions", "SELECT * FROM usage_by_function WHERE tenant = 't7' AND month = '{first}Z'"),
    ("usage_by_function", "ten functions with most errors", "SELECT * FROM usage_by_function WHERE month = '{first}Z' ORDER BY errors DESC LIMIT 10"),
    ("usage_daily_by_function", "one tenant's month by day", "SELECT * FROM usage_daily_by_function WHERE tenant = 't7' AND day >= '{first}' AND day < '{after}'"),
    ("usage_daily_by_function", "one day of all", "SELECT * FROM usage_daily_by_function WHERE day = '2026-10-15'"),
    ("usage_hourly", "one tenant's month by hour", "SELECT hour, sum(invocations) FROM usage_hourly WHERE tenant = 't7' AND hour >= '{first}Z' AND hour < '{after}Z' GROUP BY hour"),
    ("usage_hourly", "one hour of all", "SELECT * FROM usage_hourly WHERE hour = '2026-10-15T12:00Z'"),
    ("cost_daily", "the month by day and tenant", "SELECT * FROM cost_daily WHERE day >= '{first}' AND day < '{after}'"),
    ("cost_daily", "the month by day", "SELECT day, currency, sum(cost) FROM cost_daily WHERE day >= '{first}' AND day < '{after}' GROUP BY day, currency"),
    ("cost_daily_by_function", "one tenant's month by day and function", "SELECT * FROM cost_daily_by_function WHERE tenant = 't7' AND day >= '{first}' AND day < '{after}'"),
    ("cost_daily_by_function", "one day of all", "SELECT * FROM cost_daily_by_function WHERE day = '2026-10-15'"),
    ("cost_by_function", "ten dearest functions", "SELECT * FROM cost_by_function WHERE month = '{first}Z' ORDER BY cost DESC LIMIT 10"),
    ("cost_by_function", "one tenant's functions", "SELECT * FROM cost_by_function WHERE tenant = 't7' AND month = '{first}Z'"),
    ("cost_hourly", "one tenant's day by hour", "SELECT hour, sum(cost) FROM cost_hourly WHERE tenant = 't7' AND hour >= '2026-10-15Z' AND hour < '2026-10-16Z' GROUP BY hour"),
    ("free_tier_use", "all accounts", "SELECT * FROM free_tier_use WHERE month = '{first}Z'"),
    ("free_tier_use_by_tenant", "all tenants", "SELECT * FROM free_tier_use_by_tenant WHERE month = '{first}Z'"),
    ("invoices_overview", "all documents", "SELECT * FROM invoices_overview"),
    ("invoice_lines_view", "all lines", "SELECT * FROM invoice_lines_view"),
    ("invoice_items_view", "all items", "SELECT * FROM invoice_items_view"),
    ("late_usage", "all months", "SELECT * FROM late_usage"),
    ("adjustments_overview", "all", "SELECT * FROM adjustments_overview"),
    ("quarantine_open", "all", "SELECT reason, count(*) FROM quarantine_open GROUP BY reason"),
    ("losses_reported", "all", "SELECT reason, sum(records) FROM losses_reported GROUP BY reason"),
    ("ledger_recent", "all", "SELECT * FROM ledger_recent"),
)


def fill(stack, tenants, functions, invocations):
    stack.query(f"""
        INSERT INTO accounts (name) SELECT 't' || i FROM generate_series(1, {tenants}) i;
        INSERT INTO tenants (name, account_id) SELECT name, account_id FROM accounts WHERE name LIKE 't%';
        INSERT INTO configs (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
            SELECT tenant_id, 'function-' || f, CASE f % 2 WHEN 0 THEN 'us-east-1' ELSE 'eu-west-1' END, CASE f % 3 WHEN 0 THEN 'arm64' ELSE 'x86_64' END,
                   128 << f % 5, 512, 'on_demand', 'managed' FROM tenants, generate_series(1, {functions}) f;
        SELECT partitions_ensure('{FIRST}');""", SUPERUSER)
    stack.query(f"""
        INSERT INTO rollups
            SELECT tenant_id, hour, config_id, n, n / 20, n / 50, n / 10, n * d, n / 10 * 250000, n * (d / 1000 + 1), n * (d / 1000 + 100), n * (d / 1000 + 26),
                   n * (d / 1000 + 125), 0, 0, 90, d * 3
              FROM configs, generate_series('{FIRST}Z'::timestamptz, '{AFTER}Z'::timestamptz - interval '1 hour', '1 hour') AS hour,
                   LATERAL (SELECT 1 + (config_id * 7919 + extract(epoch FROM hour)::bigint / 3600 * 104729) % {2 * invocations} AS n,
                                   50000 + config_id * 31 % 400000 AS d) AS size;
        INSERT INTO rollup_days_open (tenant_id, day) SELECT DISTINCT tenant_id, (hour AT TIME ZONE 'UTC')::date FROM rollups;""", SUPERUSER)
    begun = time.monotonic()
    while stack.number("SELECT rollup_days_close(0)", "millibill_compactor") > 0:
        pass
    print(f"days closed in {time.monotonic() - begun:.1f} s, {stack.number('SELECT count(*) FROM rollup_days_open')} left open")
    stack.query("VACUUM ANALYZE", SUPERUSER)
    stack.run("rate", "--month", MONTH, "--preview")
    stack.query("ANALYZE", SUPERUSER)


def times_ms(stack, statements):
    """The best of three answers of each, as a client in one session sees them, planning included."""
    words = ["psql", "-X", "-q", "-d", f"{stack.status()['database']} user=millibill_reader options=--search_path=millibill"]
    script = "\\timing on\n\\pset format unaligned\n\\o /dev/null\n" + "".join(f"\\echo @{i}\n" + f"{sql};\n" * 4 for i, sql in enumerate(statements))
    output = subprocess.run(words, input=script, capture_output=True, text=True, env=environment(), check=True)
    if output.stderr:
        raise AssertionError(output.stderr)
    groups = output.stdout.split("@")[1:]
    return [min(float(line.split()[1]) for line in group.splitlines() if line.startswith("Time:")) for group in groups]


def main():
    tenants, functions, invocations = [int(word) for word in sys.argv[1:4]] + [100, 50, 28][len(sys.argv[1:4]):]
    with Stack(settings={"seal_every_s": 0}) as stack:
        fill(stack, tenants, functions, invocations)
        total = stack.query("SELECT count(*), sum(invocations) FROM rollups")[0]
        print(f"{tenants} tenants, {functions} functions each, {int(total[0]):,} rollups, {int(total[1]):,} invocations")
        asked = [sql.format(first=FIRST, after=AFTER) for _, _, sql in QUESTIONS]
        plain, *found = times_ms(stack, ["SELECT count(*) FROM rollups", *asked])
        print(f"{'SELECT count(*) FROM rollups':67} {plain:9.1f} ms")
        for (view, question, _), ms in zip(QUESTIONS, found):
            print(f"{view:24} {question:42} {ms:9.1f} ms  {ms / plain:6.2f}{'   over ' + str(TARGET_MS) + ' ms' if ms > TARGET_MS else ''}", flush=True)


if __name__ == "__main__":
    main()
