#!/usr/bin/env python3
"""How quick the views are that dashboards read: bench/views.py [TENANTS FUNCTIONS [INVOCATIONS-AN-HOUR]]

A month of 100 tenants with 50 functions each (by default) that run in every hour: 3.7 million rollups, some 28 invocations each, so that
the month has a hundred million of them; and the weeks before today, in which each function runs in one hour of the day, for what compares days. Rows
come straight from SQL, in the order in which a collector that keeps up writes them: no agent could send them in the time that a benchmark
may take; the sealer's function closes their days, the rater makes their previews.

Asked are each view as a dashboard does, the questions of doc/sql.md and those of the Grafana dashboard (of all tenants and of one). The best
of four answers counts, after ANALYZE, planning and printing included. The target is 200 ms for
each; the last line says how many are over it. The ratio is to `SELECT count(*)` of the month's rollups in the same minute, which does no
more than look at every row. The questions are asked again with a day open for everybody that has all its hours, which is then read from
them. Last, without a target, whole contents of the widest views.
"""
import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))
from harness import SUPERUSER, Stack, environment  # noqa: E402

MONTH, FIRST, AFTER = "2026-10", "2026-10-01", "2026-11-01"
TARGET_MS = 200
DAYS = f"day >= '{FIRST}' AND day < '{AFTER}'"
HOURS = f"hour >= '{FIRST}Z' AND hour < '{AFTER}Z'"

# What is asked, and of what: (view, question, SQL). t7 is one of a hundred tenants.
QUESTIONS = (
    ("usage_daily", "the month by day and tenant", f"SELECT * FROM usage_daily WHERE {DAYS}"),
    ("usage_by_function", "the month, all functions", f"SELECT * FROM usage_by_function WHERE month = '{FIRST}Z'"),
    ("usage_by_function", "one tenant's functions", f"SELECT * FROM usage_by_function WHERE tenant = 't7' AND month = '{FIRST}Z'"),
    ("usage_by_function", "ten functions with most errors", f"SELECT * FROM usage_by_function WHERE month = '{FIRST}Z' ORDER BY errors DESC LIMIT 10"),
    ("usage_daily_by_function", "one tenant's month by day", f"SELECT * FROM usage_daily_by_function WHERE tenant = 't7' AND {DAYS}"),
    ("usage_daily_by_function", "one day of all", "SELECT * FROM usage_daily_by_function WHERE day = '2026-10-15'"),
    ("usage_hourly", "one tenant's month by hour", f"SELECT hour, sum(invocations) FROM usage_hourly WHERE tenant = 't7' AND {HOURS} GROUP BY hour"),
    ("usage_hourly", "one function's month", f"SELECT * FROM usage_hourly WHERE tenant = 't7' AND function = 'function-3' AND {HOURS}"),
    ("usage_hourly", "one hour of all", "SELECT * FROM usage_hourly WHERE hour = '2026-10-15T12:00Z'"),
    ("cost_daily", "the month by day and tenant", f"SELECT * FROM cost_daily WHERE {DAYS}"),
    ("cost_daily", "the month by day", f"SELECT day, currency, sum(cost) FROM cost_daily WHERE {DAYS} GROUP BY day, currency"),
    ("cost_daily", "one tenant's month", f"SELECT * FROM cost_daily WHERE tenant = 't7' AND {DAYS}"),
    ("cost_daily_by_function", "one tenant's month by day and function", f"SELECT * FROM cost_daily_by_function WHERE tenant = 't7' AND {DAYS}"),
    ("cost_daily_by_function", "one day of all", "SELECT * FROM cost_daily_by_function WHERE day = '2026-10-15'"),
    ("cost_by_function", "the month, all functions", f"SELECT * FROM cost_by_function WHERE month = '{FIRST}Z'"),
    ("cost_by_function", "ten dearest functions", f"SELECT * FROM cost_by_function WHERE month = '{FIRST}Z' ORDER BY cost DESC LIMIT 10"),
    ("cost_by_function", "one tenant's functions", f"SELECT * FROM cost_by_function WHERE tenant = 't7' AND month = '{FIRST}Z'"),
    ("cost_hourly", "one tenant's day by hour", "SELECT hour, sum(cost) FROM cost_hourly WHERE tenant = 't7' AND hour >= '2026-10-15Z' AND hour < '2026-10-16Z' GROUP BY hour"),
    ("cost_hourly", "one hour of all", "SELECT * FROM cost_hourly WHERE hour = '2026-10-15T12:00Z'"),
    ("free_tier_use", "all accounts", f"SELECT * FROM free_tier_use WHERE month = '{FIRST}Z'"),
    ("free_tier_use_by_tenant", "all tenants", f"SELECT * FROM free_tier_use_by_tenant WHERE month = '{FIRST}Z'"),
    ("usage_anomalies", "five weeks of all", "SELECT * FROM usage_anomalies"),
    ("usage_anomalies", "five weeks of one tenant", "SELECT * FROM usage_anomalies WHERE tenant = 't7'"),
    ("late_usage", "all months", "SELECT * FROM late_usage"),
    ("cost_lines", "all", "SELECT * FROM cost_lines"),
    ("cost_rates", "all", "SELECT * FROM cost_rates"),
    ("cost_pieces", "one day of all", "SELECT * FROM cost_pieces WHERE day = '2026-10-15'"),
    ("rollups_daily", "one day of all", "SELECT * FROM rollups_daily WHERE day = '2026-10-15'"),
    ("rollups_daily_by_kind", "the month of all", f"SELECT * FROM rollups_daily_by_kind WHERE {DAYS}"),
    ("rollups_monthly", "the month of all", f"SELECT * FROM rollups_monthly WHERE month = '{FIRST}Z'"),
    *((view, "all", f"SELECT * FROM {view}") for view in (
        "invoices_overview", "invoice_lines_view", "invoice_items_view", "invoices_in_force", "adjustments_overview", "adjustments_in_force",
        "quarantine_open", "losses_reported", "ledger_recent", "alerts_overview", "documents_issued")),
)

# Hundreds of thousands of rows, or a look at each of millions: for exports, not for dashboards.
WHOLE = (
    ("usage_daily_by_function", "the month, every day and function", f"SELECT * FROM usage_daily_by_function WHERE {DAYS}"),
    ("cost_daily_by_function", "the month, every day and function", f"SELECT * FROM cost_daily_by_function WHERE {DAYS}"),
    ("cost_pieces", "the month, every day, function and sku", f"SELECT * FROM cost_pieces WHERE {DAYS}"),
    ("usage_hourly", "the month by hour of all", f"SELECT hour, sum(invocations) FROM usage_hourly WHERE {HOURS} GROUP BY hour"),
    ("cost_hourly", "one tenant's month by hour", f"SELECT hour, sum(cost) FROM cost_hourly WHERE tenant = 't7' AND {HOURS} GROUP BY hour"),
)


def documented():
    text = (ROOT / "doc" / "sql.md").read_text()
    for title, block in re.findall(r"\n([^\n]+)\n\n```sql\n(.*?)```", text, re.S):
        for sql in block.split(";"):
            if sql.strip():
                yield "doc/sql.md", title[:60], sql.replace("'acme'", "'t7'").replace("'thumbnail'", "'function-3'").strip()


def grafana():
    for panel in json.loads((ROOT / "packaging" / "grafana" / "millibill.json").read_text())["panels"]:
        for target in panel["targets"]:
            for tenant in ("All", "t7"):
                sql = target["rawSql"]
                for macro, value in {"$__timeFrom()": f"'{FIRST}Z'::timestamptz", "$__timeTo()": "'2026-10-31T23:59:59.999Z'::timestamptz",
                                     "${tenant:sqlstring}": f"'{tenant}'"}.items():
                    sql = sql.replace(macro, value)
                yield "Grafana", f"{panel['title']}, {tenant}", sql


def fill(stack, tenants, functions, invocations):
    stack.query(f"""
        INSERT INTO accounts (name) SELECT 't' || i FROM generate_series(1, {tenants}) i;
        INSERT INTO tenants (name, account_id) SELECT name, account_id FROM accounts WHERE name LIKE 't%';
        INSERT INTO configs (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
            SELECT tenant_id, 'function-' || f, CASE f % 2 WHEN 0 THEN 'us-east-1' ELSE 'eu-west-1' END, CASE f % 3 WHEN 0 THEN 'arm64' ELSE 'x86_64' END,
                   128 << f % 5, 512, 'on_demand', 'managed' FROM tenants, generate_series(1, {functions}) f;
        SELECT partitions_ensure((now() - n * interval '1 month')::date) FROM generate_series(0, 4) n;
        SELECT partitions_ensure('{FIRST}');""", SUPERUSER)
    rows = """INSERT INTO rollups (tenant_id, hour, config_id, invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms,
                                   duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes, max_memory_used_mb, max_duration_us)
            SELECT tenant_id, hour, config_id, n, n / 20, n / 50, n / 10, n * d, n / 10 * 250000, n * (d / 1000 + 1), n * (d / 1000 + 100),
                   n * (d / 1000 + 26), n * (d / 1000 + 125), 0, 0, 90, d * 3
              FROM configs, %s AS hour,
                   LATERAL (SELECT %s + (config_id * 7919 + extract(epoch FROM hour)::bigint / 3600 * 104729) %% %s AS n,
                                   50000 + config_id * 31 %% 400000 AS d) AS size
             WHERE (hour >= '{first}Z' AND hour < '{after}Z') = %s
             ORDER BY hour, tenant_id, config_id""".replace("{first}", FIRST).replace("{after}", AFTER)
    stack.query(rows % (f"generate_series('{FIRST}Z'::timestamptz, '{AFTER}Z'::timestamptz - interval '1 hour', '1 hour')", 1, 2 * invocations, "true"), SUPERUSER)
    stack.query(rows % ("generate_series(date_trunc('day', now(), 'UTC') - interval '92 days', now() - interval '1 day', '1 day')", 23 * invocations, 2 * invocations, "false"), SUPERUSER)
    stack.query("INSERT INTO rollup_days_open (tenant_id, day) SELECT DISTINCT tenant_id, (hour AT TIME ZONE 'UTC')::date FROM rollups;", SUPERUSER)
    stack.query("ANALYZE", SUPERUSER)
    begun = time.monotonic()
    close(stack)
    print(f"days closed in {time.monotonic() - begun:.1f} s, {stack.number('SELECT count(*) FROM rollup_days_open')} left open", flush=True)
    stack.query("VACUUM ANALYZE", SUPERUSER)
    stack.run("rate", "--month", MONTH, "--preview")
    stack.query("ANALYZE", SUPERUSER)


def close(stack):
    while stack.number("SELECT rollup_days_close(0)", "millibill_compactor") > 0:
        pass


def times_ms(stack, statements):
    """The best of four answers of each, as a client in one session sees them, planning included."""
    words = ["psql", "-X", "-q", "-d", f"{stack.status()['database']} user=millibill_reader options=--search_path=millibill"]
    script = "\\timing on\n\\pset format unaligned\n\\o /dev/null\n" + "".join(f"\\echo @@@{i}\n" + f"{sql};\n" * 4 for i, sql in enumerate(statements))
    output = subprocess.run(words, input=script, capture_output=True, text=True, env=environment(), check=True)
    if output.stderr:
        raise AssertionError(output.stderr)
    groups = output.stdout.split("@@@")[1:]
    return [min(float(line.split()[1]) for line in group.splitlines() if line.startswith("Time:")) for group in groups]


def show(stack, title, asked, target=TARGET_MS):
    print(f"\n{title}")
    plain, *found = times_ms(stack, ["SELECT count(*) FROM rollups", *(sql for _, _, sql in asked)])
    print(f"{'SELECT count(*) FROM rollups':86} {plain:9.1f} ms")
    over = 0
    for (view, question, _), ms in zip(asked, found):
        over += target is not None and ms > target
        verdict = "" if target is None else f"  over {target} ms" if ms > target else "  ok"
        print(f"{view:24} {question:61} {ms:9.1f} ms  {ms / plain:6.2f}{verdict}", flush=True)
    return over


def main():
    tenants, functions, invocations = [int(word) for word in sys.argv[1:4]] + [100, 50, 28][len(sys.argv[1:4]):]
    with Stack(settings={"seal_every_s": 0}) as stack:
        fill(stack, tenants, functions, invocations)
        total = stack.query("SELECT count(*), sum(invocations) FROM rollups")[0]
        print(f"{tenants} tenants, {functions} functions each, {int(total[0]):,} rollups, {int(total[1]):,} invocations")
        asked = [*QUESTIONS, *documented(), *grafana()]
        over = show(stack, "All days closed", asked)
        stack.query("INSERT INTO rollup_days_open (tenant_id, day) SELECT tenant_id, '2026-10-31' FROM tenants WHERE name LIKE 't%'", SUPERUSER)
        stack.query("DELETE FROM rollup_days WHERE day = '2026-10-31'; DELETE FROM rollup_day_kinds WHERE day = '2026-10-31';"
                    "DELETE FROM rollup_months WHERE month = '2026-10-01Z';"
                    "INSERT INTO rollup_months SELECT tenant_id, '2026-10-01Z'::timestamptz, config_id, " + SUMS_OF_DAYS + " FROM rollup_days "
                    f"WHERE {DAYS} GROUP BY 1, 3; ANALYZE", SUPERUSER)
        over_open = show(stack, "The last day open for everybody, as this day is: read from its hours", list(QUESTIONS))
        close(stack)
        show(stack, "Whole contents, for exports (no target)", WHOLE, None)
        print(f"\n{over} of {len(asked)} questions over {TARGET_MS} ms; with an open day {over_open} of {len(QUESTIONS)}")


SUMS_OF_DAYS = ", ".join(f"{'max' if name.startswith('max_') else 'sum'}({name})" for name in (
    "invocations errors timeouts initializations duration_us init_us duration_1ms duration_100ms with_init_1ms with_init_100ms cpu_us streamed_bytes "
    "max_memory_used_mb max_duration_us capacity_records capacity_1s capacity_300s").split())

if __name__ == "__main__":
    main()
