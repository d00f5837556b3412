"""What a period comes to if it goes on like this, and days that are far from habit: worked out a second time from what was sent."""
import datetime
import json
import random
import statistics
import unittest
from fractions import Fraction

from harness import SUPERUSER, StackCase, on_one_day

UTC = datetime.timezone.utc
GB_SECOND_PRICE = Fraction("0.0000166667")  # x86_64, us-east-1, first tier
FREE_GB_SECONDS = 400_000
DAY = datetime.timedelta(days=1)


def cents(amount):
    return Fraction(int(amount * 100 + Fraction(1, 2)), 100)  # half up; never negative here


def record(tenant, day, number, duration_ms, memory_mb=128):
    return json.dumps({"request_id": f"{tenant}-{day}-{number}", "tenant": tenant, "function": "f", "memory_mb": memory_mb,
                       "started_at": f"{day}T00:00:00Z", "duration_ms": duration_ms}) + "\n"


class Forecasts(StackCase):
    def test_a_preview_shows_the_bill_of_the_whole_period_beside_itself(self):
        on_one_day(self.preview_with_forecast)

    def preview_with_forecast(self, now):
        growing, month = f"growing-{now:%d}", f"{now:%Y-%m}"
        start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = (start + 32 * DAY).replace(day=1)
        self.stack.run("tenant", "add", growing)
        lines = "".join(record(growing, start.date(), i, 900_000, 10240) for i in range(50))
        self.stack.run("import", "--format", "ndjson", "-", input=lines)
        contract = self.file("name: limited\nversion: \"1\"\nspending_limit: {amount: 0.01, alerts: [100, 1000]}\n"
                             "discounts: [{name: half, percent: 50}]\n", "yaml")
        self.stack.run("contract", "set", "--tenant", growing, "--from", month, contract)
        answer = self.stack.json("rate", "--month", month)
        if now - start < DAY:
            self.assertEqual({t["tenant"]: t["total"] for t in answer["forecast"]["tenants"]},
                             {d["invoice"]["tenant"]: d["total"] for d in answer["invoices"]})
            return
        as_of = datetime.datetime.fromisoformat(answer["forecast"]["as_of"].replace("Z", "+00:00"))
        factor = Fraction(int((end - start).total_seconds()), int((as_of - start).total_seconds()))
        gb_seconds = Fraction(int(50 * 900_000 * factor) * 10, 1000)
        whole = cents((gb_seconds - FREE_GB_SECONDS) * GB_SECOND_PRICE)
        tenant, = (t for t in answer["forecast"]["tenants"] if t["tenant"] == growing)
        self.assertEqual((tenant["tenant"], tenant["currency"]), (growing, "USD"))
        self.assertEqual(Fraction(tenant["total"]), whole - cents(whole / 2))
        self.assertEqual(tenant["alert"], "1000")
        self.assertIn("straight line", answer["forecast"]["method"])
        # beside the document, never in it: what is kept, compared and made final knows nothing of it
        document, = (d for d in answer["invoices"] if d["invoice"]["tenant"] == growing)
        kept = self.stack.value("SELECT i.document FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.state = 'preview' AND "
                                f"t.name = '{growing}'")
        self.assertEqual(json.loads(kept), document)
        self.assertNotIn("forecast", kept)
        text = self.stack.run("rate", "--month", month).stdout
        self.assertIn(f"forecast {tenant['total']}", text)
        self.assertIsNone(self.stack.json("rate", "--month", month, "--no-forecast")["forecast"])

    def test_a_month_that_is_over_or_empty_has_no_forecast(self):
        self.stack.run("tenant", "add", "past")
        self.stack.run("import", "--format", "ndjson", "-", input=record("past", "2024-03-05", 0, 1000))
        self.assertIsNone(self.stack.json("rate", "--month", "2024-03")["forecast"])
        self.assertIsNone(self.stack.json("rate", "--month", "2023-03")["forecast"])

    # --- habit

    def habits(self, values, first_day):
        """Days far from habit of one measure, by the statistics module: {day: (habit, same weekday?)}."""
        found = {}
        for i in range(14, len(values)):
            weeks = [values[i - 7 * k] for k in range(1, 9) if i >= 7 * k]
            base = weeks if len(weeks) >= 6 else values[max(0, i - 28):i]
            habit = statistics.median_low(base)
            spread = max(Fraction("1.4826") * statistics.median_low([abs(v - habit) for v in base]), Fraction(habit, 10))
            if abs(values[i] - habit) > Fraction("3.5") * spread:
                found[str(first_day + i * DAY)] = (habit, len(weeks) >= 6)
        return found

    def test_days_far_from_habit_are_marked_as_a_second_method_finds_them(self):
        rng = random.Random(7)
        first = datetime.date(2025, 1, 6)  # a Monday
        values = []
        for i in range(84):
            busy = (first + i * DAY).weekday() < 5
            values.append(rng.randint(18, 22) if busy else rng.randint(3, 4))
        values[20], values[45], values[60], values[70] = 60, 0, 90, 40  # a loud Sunday, a silent Thursday, two loud days
        self.stack.run("tenant", "add", "steady")
        self.stack.run("import", "--format", "ndjson", "-", input="".join(
            record("steady", first + i * DAY, n, 100) for i, count in enumerate(values) for n in range(count)))
        rows = self.stack.query("SELECT day, habit, same_weekday FROM usage_anomalies_between('2025-01-01', '2025-12-31') "
                                "WHERE tenant = 'steady' AND measure = 'invocations' AND day <= '2025-03-30'")
        found = {day: (int(habit), weekday == "t") for day, habit, weekday in rows}
        self.assertEqual(found, self.habits(values, first))
        for i in (45, 60, 70):
            self.assertIn(str(first + i * DAY), found)
        march = self.stack.json("usage", "--by", "day,tenant", "--month", "2025-03", "--tenant", "steady")["rows"]
        marked = {row["day"]: row["anomalies"] for row in march if row["anomalies"]}
        self.assertEqual(set(marked), {day for day in found if day.startswith("2025-03")})
        self.assertEqual({entry["measure"] for entry in marked[str(first + 60 * DAY)]}, {"invocations", "gb_seconds"})
        text = self.stack.run("usage", "--by", "tenant,day", "--month", "2025-03", "--tenant", "steady").stdout
        line, = (line for line in text.splitlines() if str(first + 60 * DAY) in line)
        self.assertIn("far above", line)
        self.assertNotIn("anomalies", self.stack.json("usage", "--by", "tenant,month", "--tenant", "steady")["rows"][0])

    def test_the_view_has_the_last_weeks_and_a_tenant_sees_its_own_days(self):
        on_one_day(self.last_weeks)

    def last_weeks(self, now):
        today, loud, quiet = now.date(), f"loud-{now:%d}", f"quiet-{now:%d}"
        for name in (loud, quiet):
            self.stack.run("tenant", "add", name)
            self.stack.run("tenant", "login", name)
            counts = [2] * 29 + [40 if name == loud else 2, 40]  # yesterday, and today, which is not over
            self.stack.run("import", "--format", "ndjson", "-", input="".join(
                record(name, today - (30 - i) * DAY, n, 100) for i, count in enumerate(counts) for n in range(count)))
        seen = f"SELECT tenant, day, value, habit FROM usage_anomalies WHERE measure = 'invocations' AND tenant IN ('{loud}', '{quiet}')"
        expected = [[loud, str(today - DAY), "40", "2"]]
        self.assertEqual(self.stack.query(seen, "millibill_reader"), expected)
        for name in (loud, quiet):
            number = self.stack.number(f"SELECT tenant_id FROM tenants WHERE name = '{name}'")
            rows = self.stack.query(f"SET ROLE millibill_tenant_{number}; SET search_path = millibill; {seen}", SUPERUSER)
            self.assertEqual([row for row in rows if row], expected if name == loud else [])

    def test_one_record_and_nothing_at_all_have_no_habit(self):
        self.assertEqual(self.stack.json("usage", "--by", "tenant,day", "--month", "2019-01")["rows"], [])
        self.stack.run("tenant", "add", "once")
        self.stack.run("import", "--format", "ndjson", "-", input=record("once", "2019-02-03", 0, 100))
        row, = self.stack.json("usage", "--by", "tenant,day", "--month", "2019-02")["rows"]
        self.assertEqual(row["anomalies"], [])


if __name__ == "__main__":
    unittest.main()
