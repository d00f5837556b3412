"""Views read sums of days, of months and of kinds of configuration: whatever becomes of records, they say what the hours say."""
import json
import random
import tempfile
import unittest
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

from harness import SUPERUSER, Stack

COUNTS = ("invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, "
          "streamed_bytes, capacity_records, capacity_1s, capacity_300s").split(", ")
GREATEST = ["max_memory_used_mb", "max_duration_us"]
BY_KIND = [name for name in COUNTS if name not in ("duration_us", "init_us")]
BY_MEMORY = ["duration_1ms", "duration_100ms", "with_init_1ms", "with_init_100ms", "capacity_1s", "capacity_300s"]
ZONED = "name: zoned\nversion: '1'\ntime_zone: Asia/Kolkata\nbilling_day: 15\n"
BERLIN = "name: berlin\nversion: '1'\ntime_zone: Europe/Berlin\n"
BOOK = """name: changing
version: {version}
currency: USD
default_region: {region}
rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: 1}}
meters:
  - {{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{{model: per_unit, unit_price: {price}}}]}}
  - {{sku: duration, description: Duration, unit: GB-second, measure: gb_seconds, prices: [{{model: per_unit, unit_price: {price}}}]}}
"""

# What each hour cost, from the tables alone: each line's share by quantity.
HOURLY = """WITH skus AS (
    SELECT tenant_id, invoice_id, book, region, architecture, mode, sku, unit, sum(quantity) AS quantity,
           sum(amount_exact) AS amount_exact
      FROM invoice_lines GROUP BY tenant_id, invoice_id, book, region, architecture, mode, sku, unit
)
SELECT t.name AS tenant, r.hour, c.function, s.region, c.architecture, c.memory_mb, c.mode, s.sku, s.unit,
       q.quantity, i.currency, coalesce(q.quantity * s.amount_exact / nullif(s.quantity, 0), 0) AS cost,
       i.state AS invoice_state, i.number AS invoice_number, i.period_start
  FROM invoices_in_force i
  JOIN rating_runs run USING (run_id)
  JOIN rating_measures m USING (run_id)
  JOIN rollups r ON r.tenant_id = i.tenant_id AND r.hour >= i.period_start AND r.hour < i.period_end
             AND (m.hour_from IS NULL OR (r.hour >= m.hour_from AND r.hour < m.hour_until))
  JOIN configs c ON c.tenant_id = r.tenant_id AND c.config_id = r.config_id AND c.mode = m.mode AND c.package = m.package
  JOIN skus s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id AND s.book = m.part AND s.sku = m.sku AND s.mode = c.mode
             AND s.architecture = c.architecture AND s.region = coalesce(nullif(c.region, ''), run.default_region)
 CROSS JOIN LATERAL (
    SELECT CASE m.rollup_column WHEN 'invocations' THEN r.invocations WHEN 'duration_1ms' THEN r.duration_1ms
                WHEN 'duration_100ms' THEN r.duration_100ms WHEN 'with_init_1ms' THEN r.with_init_1ms
                WHEN 'with_init_100ms' THEN r.with_init_100ms WHEN 'cpu_us' THEN r.cpu_us
                WHEN 'streamed_bytes' THEN r.streamed_bytes WHEN 'capacity_1s' THEN r.capacity_1s
                WHEN 'capacity_300s' THEN r.capacity_300s END::numeric
         * CASE m.measure
                WHEN 'gb_seconds' THEN least(m.memory_maximum_mb, greatest(m.memory_minimum_mb,
                     (c.memory_mb + m.memory_step_mb - 1) / m.memory_step_mb * m.memory_step_mb))
                WHEN 'capacity_gb_seconds' THEN c.memory_mb
                WHEN 'ephemeral_gb_seconds' THEN greatest(c.ephemeral_mb - m.included_mb, 0)
                WHEN 'ghz_seconds' THEN m.clock_mhz[1 + (SELECT count(*) FROM unnest(m.clock_up_to_mb) u WHERE u < c.memory_mb)]
                ELSE 1 END
         / coalesce(m.unit_parts, CASE m.measure WHEN 'invocations' THEN 1 ELSE 1024000 END) AS raw) w
 CROSS JOIN LATERAL (SELECT trim_scale(w.raw) AS quantity) q
  JOIN tenants t ON t.tenant_id = i.tenant_id"""


def record(chance, tenant, number, day):
    return {"tenant": tenant, "request_id": f"{tenant}-{number}", "function": f"f{chance.randrange(3)}", "memory_mb": chance.choice((128, 300, 1024, 2048)),
            "region": chance.choice(("us-east-1", "eu-west-1", "")), "architecture": chance.choice(("x86_64", "arm64")), "ephemeral_mb": chance.choice((512, 2048)),
            "started_at": f"2026-{day}T{chance.randrange(24):02}:{chance.randrange(60):02}:07.25Z", "duration_ms": f"{chance.randrange(1, 900000)}.5",
            "init_duration_ms": chance.randrange(300), "max_memory_used_mb": chance.randrange(300), "status": chance.choice(("ok", "ok", "error", "timeout"))}


def ready(tenant, number, day):
    return {"tenant": tenant, "request_id": f"{tenant}-ready-{number}", "function": "f1", "region": "us-east-1", "memory_mb": 1024, "started_at": f"2026-{day}T05:00:00Z",
            "capacity_units": 3, "ready_s": 1000 + number}


class ViewSums(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})  # days are closed when a test says so
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        files = tempfile.TemporaryDirectory()
        cls.addClassCleanup(files.cleanup)
        cls.folder = Path(files.name)
        cls.chance = random.Random(7)
        for tenant in ("plain", "zoned", "berlin", "clocked", "changing", "late"):
            cls.stack.run("tenant", "add", tenant)
        for name, text in (("zoned", ZONED), ("berlin", BERLIN)):
            (cls.folder / f"{name}.yaml").write_text(text)
            cls.stack.run("contract", "set", cls.folder / f"{name}.yaml", "--tenant", name, "--from", "2026-08")
        for version, region, price, start in (("v1", "us-east-1", "0.3", "2026-08-01"), ("v2", "eu-west-1", "0.7", "2026-09-11T06:00:00Z")):
            path = cls.folder / f"{version}.yaml"
            path.write_text(BOOK.format(version=version, region=region, price=price))
            cls.stack.run("price-book", "add", path, "--from", start)
        cls.send(cls.some(60))
        cls.send([ready("plain", i, f"09-{3 + i:02}") for i in range(4)])
        cls.rate()

    @classmethod
    def some(cls, count, first=0):
        return [record(cls.chance, tenant, first + i, f"{cls.chance.choice(('08-29', '09-01', '09-10', '09-11', '09-14', '09-15', '09-30', '10-01'))}")
                for tenant in ("plain", "zoned", "berlin", "clocked", "changing") for i in range(count)]

    @classmethod
    def send(cls, records):
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(record) + "\n" for record in records))

    @classmethod
    def rate(cls, *tenants):
        books = {"clocked": "google-cloud-functions", "changing": "changing"}
        for tenant in tenants or ("plain", "zoned", "berlin", "clocked", "changing"):
            for month in ("2026-08", "2026-09") if tenant == "zoned" else ("2026-09",):
                cls.stack.run("rate", "--month", month, "--tenant", tenant, "--preview", "--no-free-tier", "--price-book", books.get(tenant, "aws-lambda"))

    def close(self):
        while self.stack.number("SELECT rollup_days_close(0)", "millibill_compactor"):
            pass
        self.assertEqual(self.stack.number("SELECT count(*) FROM rollup_days_open"), 0)

    def same(self, one, other):
        self.assertEqual(self.stack.query(f"({one}) EXCEPT ALL ({other})", "millibill_reader"), [])
        self.assertEqual(self.stack.query(f"({other}) EXCEPT ALL ({one})", "millibill_reader"), [])

    def check(self):
        """Each view against the hours, by SQL that reads nothing but these."""
        sums = ", ".join([f"sum({name})" for name in COUNTS] + [f"max({name})" for name in GREATEST])
        day, month = "(hour AT TIME ZONE 'UTC')::date", "date_trunc('month', hour, 'UTC')"
        self.same(f"SELECT tenant_id, day, config_id, {', '.join(COUNTS + GREATEST)} FROM rollups_daily",
                  f"SELECT tenant_id, {day}, config_id, {sums} FROM rollups GROUP BY 1, 2, 3")
        self.same(f"SELECT tenant_id, month, config_id, {', '.join(COUNTS + GREATEST)} FROM rollups_monthly",
                  f"SELECT tenant_id, {month}, config_id, {sums} FROM rollups GROUP BY 1, 2, 3")
        self.same(f"SELECT tenant_id, day, kind, {', '.join(BY_KIND + GREATEST)}, {', '.join('mb_' + name for name in BY_MEMORY)}, "
                  "(SELECT sum(n * m) FROM unnest(sizes_with_init_1ms, sizes_memory_mb) u(n, m)), (SELECT sum(n * e) FROM unnest(sizes_duration_100ms, sizes_ephemeral_mb) u(n, e)) "
                  "FROM rollups_daily_by_kind",
                  f"SELECT tenant_id, {day}, kind, {', '.join(f'sum({name})' for name in BY_KIND)}, {', '.join(f'max({name})' for name in GREATEST)}, "
                  f"{', '.join(f'sum({name}::numeric * memory_mb)' for name in BY_MEMORY)}, sum(with_init_1ms * memory_mb), sum(duration_100ms * ephemeral_mb) "
                  "FROM rollups JOIN configs USING (tenant_id, config_id) GROUP BY 1, 2, 3")
        columns = "sum(invocations), sum(errors), sum(timeouts), sum(initializations), sum(duration_ms), sum(gb_seconds), max(max_duration_us), max(max_memory_used_mb)"
        for view, keys in (("usage_daily", "tenant, day"), ("usage_by_function", "tenant, month, function, region, architecture, memory_mb, mode"),
                           ("usage_daily_by_function", "tenant, day, function, region, architecture, memory_mb, ephemeral_mb, mode, package")):
            self.same(f"SELECT {keys}, {columns} FROM {view} GROUP BY {keys}",
                      f"SELECT {keys}, {columns} FROM (SELECT *, {day} AS day, {month} AS month FROM usage_hourly) h GROUP BY {keys}")
        self.check_costs()

    def check_costs(self):
        by_hour = self.stack.query("SELECT tenant, period_start, (hour AT TIME ZONE 'UTC')::date, function, region, architecture, memory_mb, sku, sum(cost), sum(quantity) "
                                   f"FROM ({HOURLY}) h GROUP BY 1, 2, 3, 4, 5, 6, 7, 8", "millibill_reader")
        self.same("SELECT tenant, period_start, hour, function, region, architecture, memory_mb, mode, sku, sum(round(cost, 12)), sum(round(quantity, 12)) FROM cost_hourly "
                  "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9",
                  "SELECT tenant, period_start, hour, function, region, architecture, memory_mb, mode, sku, sum(round(cost, 12)), sum(round(quantity, 12)) "
                  f"FROM ({HOURLY}) h GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9")
        for view, places in (("cost_daily", (0, 1, 2)), ("cost_daily_by_function", (0, 1, 2, 3, 4, 5, 6)), ("cost_by_function", (0, 1, 3, 4, 5, 6))):
            expected = defaultdict(lambda: [Fraction(0), Fraction(0), Fraction(0)])
            for row in by_hour:
                sums = expected[tuple(row[place] for place in places)]
                sums[0] += Fraction(row[8])
                if row[7] in ("requests", "duration"):
                    sums[1 if row[7] == "requests" else 2] += Fraction(row[9])
            names = [("tenant", "month", "day", "function", "region", "architecture", "memory_mb")[place] for place in places]
            rows = self.stack.query(f"SELECT {', '.join(names)}, sum(cost), sum(requests), coalesce(sum(gb_seconds), 0) FROM {view} GROUP BY {', '.join(names)}", "millibill_reader")
            self.assertEqual({tuple(row[:len(names)]) for row in rows}, set(expected), view)
            for row in rows:
                for shown, exact in zip(row[len(names):], expected[tuple(row[:len(names)])]):
                    self.assertLess(abs(Fraction(shown or "0") - exact), Fraction(1, 10 ** 12), (view, row))

    def test_1_nothing_is_closed_yet(self):
        self.check()
        self.assertEqual(self.stack.number("SELECT count(*) FROM rollup_months"), 0)

    def test_2_all_days_are_closed(self):
        self.close()
        self.check()
        self.assertTrue(self.stack.json("verify", "--month", "2026-09")["ok"])

    def test_3_late_records_copies_and_reversals_come_after_days_were_closed(self):
        self.close()
        late = self.some(5, first=1000)
        self.send(late)
        self.assertGreater(self.stack.number("SELECT count(*) FROM rollup_days_open"), 5)
        self.check()  # months hold what their days once were
        self.close()
        self.send(list(reversed(late)))  # copies: excluded when next rated
        self.rate("plain", "zoned", "clocked")
        self.check()
        self.stack.run("reverse", "--tenant", "plain", "--reason", "never ran", "-", input=json.dumps(late[0]) + "\n" + json.dumps(ready("plain", 0, "09-03")) + "\n")
        self.check()
        self.close()
        self.rate("plain")
        self.check()
        self.assertTrue(self.stack.json("verify", "--month", "2026-09")["ok"])

    def test_4_what_costs_add_up_to_is_what_the_lines_of_previews_say(self):
        self.rate()
        for tenant, period, lines in self.stack.query(
                "SELECT tenant, period_start, sum(amount_exact) FROM invoice_lines_view WHERE quantity > 0 GROUP BY 1, 2", "millibill_reader"):
            if tenant == "zoned":
                continue  # an hour of Kolkata begins in the midst of one of UTC
            self.assertGreater(Fraction(lines), 0, tenant)
            for view in ("cost_daily", "cost_daily_by_function", "cost_by_function", "cost_hourly"):
                column = "period_start" if view == "cost_hourly" else "month"
                [[cost]] = self.stack.query(f"SELECT sum(cost) FROM {view} WHERE tenant = '{tenant}' AND {column} = '{period}'", "millibill_reader")
                self.assertLess(abs(Fraction(cost) - Fraction(lines)), Fraction(1, 10 ** 12), (tenant, period, view))

    def test_5_compaction_changes_no_sum(self):
        before = self.stack.query("SELECT * FROM cost_daily ORDER BY tenant, day, month", "millibill_reader")
        self.stack.run("seal", "--now")
        self.close()
        self.check()
        self.assertEqual(self.stack.query("SELECT * FROM cost_daily ORDER BY tenant, day, month", "millibill_reader"), before)

    def test_6_sums_that_somebody_changed_are_found(self):
        self.close()
        for change, back, what in (("UPDATE rollup_months SET errors = errors + 1 WHERE month = '2026-09-01Z'", "errors - 1", "sums of a month"),
                                   ("UPDATE rollup_day_kinds SET mb_duration_1ms = mb_duration_1ms + 1 WHERE day = '2026-09-10'", "mb_duration_1ms - 1", "sums of a closed day by kind")):
            self.stack.query(change, SUPERUSER)
            self.assertIn(what, json.dumps(self.stack.json("verify", "--month", "2026-09", status=3)))
            column = back.split()[0]
            self.stack.query(change.replace(f"{column} + 1", back), SUPERUSER)
        self.assertTrue(self.stack.json("verify", "--month", "2026-09")["ok"])

    def test_7_late_capacity_shows_in_late_usage(self):
        self.send([ready("late", 1, "07-03"), {**record(self.chance, "late", 1, "07-05"), "region": "us-east-1"}])
        self.stack.run("rate", "--month", "2026-07", "--tenant", "late", "--price-book", "aws-lambda", "--final")
        ask = "SELECT invocations_since, capacity_gb_seconds_billed, capacity_gb_seconds_now, capacity_gb_seconds_since FROM late_usage WHERE tenant = 'late'"
        self.assertEqual(self.stack.query(ask, "millibill_reader"), [])
        self.send([ready("late", 2, "07-20")])
        # 3 units of 1 GB, 1001 s and then 1002 s more, each to the next 300 s
        self.assertEqual(self.stack.query(ask, "millibill_reader"), [["0", "3600", "7200", "3600"]])
        self.close()
        self.assertEqual(self.stack.query(ask, "millibill_reader"), [["0", "3600", "7200", "3600"]])

    def test_8_a_database_from_before_these_sums_is_filled_again(self):
        self.close()
        self.stack.query("DROP VIEW " + ", ".join(row[0] for row in self.stack.query("SELECT relname FROM pg_class WHERE relnamespace = 'millibill'::regnamespace AND relkind = 'v'")) +
                         "; DROP FUNCTION rollup_between, rollup_kinds_between, rollup_hours_between, rollup_month_and_hours; DROP TABLE rollup_months, rollup_day_kinds; ALTER TABLE configs DROP COLUMN kind; "
                         # what came after these sums is taken back too
                         "ALTER TABLE alerts DROP COLUMN basis; ALTER TABLE rating_runs DROP COLUMN closing_month; "
                         "CREATE UNIQUE INDEX alerts_once_account ON alerts (account_id, kind, item, period, percent) WHERE subject = 'account'; "
                         "CREATE UNIQUE INDEX alerts_once_tenant ON alerts (tenant_id, kind, item, period, percent) WHERE subject = 'tenant'; "
                         "DELETE FROM migrations WHERE number >= 26; DELETE FROM definitions", SUPERUSER)
        self.stack.down()
        self.stack.up()
        self.assertGreater(self.stack.number("SELECT count(*) FROM rollup_days_open"), 20)
        self.check()
        self.close()
        self.check()
        self.assertTrue(self.stack.json("verify", "--month", "2026-09")["ok"])


if __name__ == "__main__":
    unittest.main()
