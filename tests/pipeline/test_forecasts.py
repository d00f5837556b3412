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
        day = max(start, now - 9 * DAY).date()  # no two weeks: a straight line
        lines = "".join(record(growing, day, i, 900_000, 10240) for i in range(50))
        self.stack.run("import", "--format", "ndjson", "-", input=lines)
        contract = self.file("name: limited\nversion: \"1\"\nspending_limit: {amount: 0.01, alerts: [100, 1000]}\n"
                             "discounts: [{name: half, percent: 50}]\n", "yaml")
        self.stack.run("contract", "set", "--tenant", growing, "--from", month, contract)
        answer = self.stack.json("rate", "--month", month)
        if now - start < DAY:
            self.assertEqual([t["total"] for t in answer["forecast"]["tenants"] if t["tenant"] == growing],
                             [d["total"] for d in answer["invoices"] if d["invoice"]["tenant"] == growing])
            return
        as_of = datetime.datetime.fromisoformat(answer["forecast"]["as_of"].replace("Z", "+00:00"))
        factor = Fraction(int((end - start).total_seconds()), int((as_of - start).total_seconds()))
        gb_seconds = Fraction(int(50 * 900_000 * factor) * 10, 1000)
        whole = cents((gb_seconds - FREE_GB_SECONDS) * GB_SECOND_PRICE)
        tenant, = (t for t in answer["forecast"]["tenants"] if t["tenant"] == growing)
        self.assertEqual((tenant["tenant"], tenant["currency"]), (growing, "USD"))
        self.assertEqual(Fraction(tenant["total"]), whole - cents(whole / 2))
        self.assertEqual(tenant["alert"], "1000")
        self.assertEqual(tenant["method"], "line")
        self.assertNotIn("weeks", tenant)
        self.assertIn("straight line", answer["forecast"]["methods"]["line"])
        # beside the document, never in it: what is kept, compared and made final knows nothing of it
        document, = (d for d in answer["invoices"] if d["invoice"]["tenant"] == growing)
        kept = self.stack.value("SELECT i.document FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.state = 'preview' AND "
                                f"t.name = '{growing}'")
        self.assertEqual(json.loads(kept), document)
        self.assertNotIn("forecast", kept)
        text = self.stack.run("rate", "--month", month).stdout
        self.assertIn(f"forecast {tenant['total']}", text)
        self.assertIsNone(self.stack.json("rate", "--month", month, "--no-forecast")["forecast"])

    # --- by weekday

    def on(self, now):
        self.now, self.month = now, now.strftime("%Y-%m")
        self.start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self.end = (self.start + 32 * DAY).replace(day=1)

    def hourly(self, tenant, days, memories=(2048, 10240)):
        """Records at random seconds of the hours of the last days, more of them on working days: [(start, duration_ms, memory_mb)]."""
        rng = random.Random(tenant)
        until = self.now.replace(minute=0, second=0, microsecond=0)
        hour = until - days * DAY
        made = [(hour, 1000, 2048), (until, 1000, 2048)]  # the first hour and the one under way
        while hour < until:
            for _ in range(rng.choice((0, 0, 1, 3)) if hour.weekday() < 5 else rng.choice((0, 0, 0, 1))):
                start = hour + datetime.timedelta(seconds=rng.randrange(3599))
                made.append((start, 300_000 + rng.randrange(600_000), rng.choice(memories)))
            hour += datetime.timedelta(hours=1)
        self.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(
            {"request_id": f"{tenant}-{i}", "tenant": tenant, "function": f"f{memory}", "memory_mb": memory, "duration_ms": duration,
             "started_at": start.isoformat().replace("+00:00", "Z")}) + "\n" for i, (start, duration, memory) in enumerate(made)))
        return made

    def week_model(self, made, as_of, start, end):
        """What the method of doc/alerts.md makes of records: ({memory: milliseconds at the end}, weeks), by walking over every hour."""
        hour, week = datetime.timedelta(hours=1), datetime.timedelta(days=7)
        now_hour = as_of.replace(minute=0, second=0, microsecond=0)
        as_of = as_of.replace(microsecond=0)
        recent = [t.replace(minute=0, second=0, microsecond=0) for t, _, _ in made if now_hour - 5 * week <= t < now_hour]
        weeks = min(4, (now_hour - min(recent)) // week)
        sums = {}
        for memory in {memory for _, _, memory in made}:
            by_hour = {}
            for t, duration, of in made:
                if of == memory:
                    key = t.replace(minute=0, second=0, microsecond=0)
                    by_hour[key] = by_hour.get(key, 0) + duration
            total = Fraction(sum(v for k, v in by_hour.items() if start <= k < end))
            at = now_hour
            while at < end:
                part = Fraction(int((min(at + hour, end) - max(at, as_of)).total_seconds()), 3600)
                total += part * sum(by_hour.get(same, 0) for same in self.same_hours(at, now_hour, weeks)) / weeks
                at += hour
            sums[memory] = int(total)
        return sums, weeks

    @staticmethod
    def same_hours(at, now_hour, weeks):
        week = datetime.timedelta(days=7)
        while at >= now_hour:
            at -= week
        return [at - k * week for k in range(weeks)]

    def expect_by_weekday(self, tenant, made, start, end, answer):
        as_of = datetime.datetime.fromisoformat(answer["forecast"]["as_of"].replace("Z", "+00:00"))
        sums, weeks = self.week_model(made, as_of, start, end)
        found, = (t for t in answer["forecast"]["tenants"] if t["tenant"] == tenant)
        self.assertEqual((found["method"], found["weeks"]), ("weekday", weeks))
        gb_seconds = sum(Fraction(ms * memory, 1024 * 1000) for memory, ms in sums.items())
        self.assertGreater(gb_seconds, FREE_GB_SECONDS)
        self.assertEqual(Fraction(found["total"]), cents((gb_seconds - FREE_GB_SECONDS) * GB_SECOND_PRICE))
        return found

    def test_with_weeks_of_history_each_hour_to_come_is_like_the_same_hours_of_its_weekday(self):
        on_one_day(self.each_hour_like_its_weekday)

    def each_hour_like_its_weekday(self, now):
        self.on(now)
        for tenant, days in ((f"four-{now:%d}", 40), (f"two-{now:%d}", 20)):
            self.stack.run("tenant", "add", tenant)
            made = self.hourly(tenant, days)
            answer = self.stack.json("rate", "--month", self.month, "--tenant", tenant)
            found = self.expect_by_weekday(tenant, made, self.start, self.end, answer)
            self.assertEqual(found["weeks"], 4 if days == 40 else 2)
        text = self.stack.run("rate", "--month", self.month).stdout
        line, = (line for line in text.splitlines() if f" two-{now:%d} " in line)
        self.assertRegex(line, r"forecast [\d.]+ w$")
        self.assertIn("Forecasts marked w are by weekday", text)

    def test_a_period_that_begins_in_the_midst_of_an_hour_goes_by_weekday_too(self):
        on_one_day(self.month_in_india)

    def month_in_india(self, now):
        """In India a month begins at half past an hour: what is there comes from the evidence, what is to come from whole hours."""
        self.on(now)
        name = f"india-{now:%d}"
        india = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        start = self.now.astimezone(india).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = (start + 32 * DAY).replace(day=1)
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        self.stack.run("tenant", "add", name)
        month = start.astimezone(india).strftime("%Y-%m")
        contract = self.file("name: india\nversion: \"1\"\ntime_zone: Asia/Kolkata\n", "yaml")
        self.stack.run("contract", "set", "--tenant", name, "--from", "2020-01", contract)
        made = self.hourly(name, 40)
        answer = self.stack.json("rate", "--month", month)
        as_of = datetime.datetime.fromisoformat(answer["forecast"]["as_of"].replace("Z", "+00:00"))
        inside = [m for m in made if m[0] >= start]
        sums = {memory: sum(d for _, d, of in inside if of == memory) + int(self.week_left(made, memory, as_of, end))
                for memory in (2048, 10240)}
        gb_seconds = sum(Fraction(ms * memory, 1024 * 1000) for memory, ms in sums.items())
        found, = (t for t in answer["forecast"]["tenants"] if t["tenant"] == name)
        self.assertEqual((found["method"], found["weeks"]), ("weekday", 4))
        self.assertEqual(Fraction(found["total"]), cents((gb_seconds - FREE_GB_SECONDS) * GB_SECOND_PRICE))

    def week_left(self, made, memory, as_of, end):
        """Milliseconds to come of one memory size, by the seconds of each hour."""
        hour = datetime.timedelta(hours=1)
        now_hour = as_of.replace(minute=0, second=0, microsecond=0)
        as_of, at, total = as_of.replace(microsecond=0), now_hour, Fraction(0)
        while at < end:
            seconds = int((min(at + hour, end) - max(at, as_of)).total_seconds())
            for same in self.same_hours(at, now_hour, 4):
                total += Fraction(sum(d for t, d, of in made if of == memory and same <= t < same + hour) * seconds, 4 * 3600)
            at += hour
        return total

    def runs_out(self, made, as_of, start, end, weeks):
        """Outlook and day of 400,000 GB-seconds: day by day what was used, then hour by hour what weekdays promise."""
        hour = datetime.timedelta(hours=1)
        inside = sorted(m for m in made if start <= m[0] < end)
        used, day = Fraction(0), None
        for t, duration, memory in inside:
            used += Fraction(duration * memory, 1024 * 1000)
            if used >= FREE_GB_SECONDS:
                return "ran_out", str(t.date())
        if weeks == 0:
            line = start + (as_of - start) * float(FREE_GB_SECONDS / used)
            return ("runs_out", str(line.date())) if line < end else ("lasts", None)
        by_hour = {}
        for t, duration, memory in made:
            key = t.replace(minute=0, second=0, microsecond=0)
            by_hour[key] = by_hour.get(key, 0) + Fraction(duration * memory, 1024 * 1000)
        now_hour = at = as_of.replace(minute=0, second=0, microsecond=0)
        while at < end:
            part = Fraction((at + hour - max(at, as_of)) // datetime.timedelta(microseconds=1), 3_600_000_000)
            used += part * sum(by_hour.get(same, 0) for same in self.same_hours(at, now_hour, weeks)) / weeks
            if used >= FREE_GB_SECONDS:
                return "runs_out", str(at.date())
            at += hour
        return "lasts", None

    def test_a_free_tier_runs_out_in_the_billing_period_of_the_account_and_by_its_weekdays(self):
        on_one_day(self.outlook_of_free_tier)

    def outlook_of_free_tier(self, now):
        """A billing day some days ago: its period is under way whatever the month, and is what is shown when none is asked for."""
        self.on(now)
        billing = max(1, min(28, (self.now - 6 * DAY).day))
        start = self.now.replace(day=billing, hour=0, minute=0, second=0, microsecond=0)
        start = start if start <= self.now else (start.replace(day=1) - DAY).replace(day=billing)
        end = (start.replace(day=1) + 32 * DAY).replace(day=billing)
        contract = self.file(f"name: day\nversion: \"1\"\nbilling_day: {billing}\n", "yaml")
        for tenant, days, weeks in ((f"weeks-{now:%d}", 40, 4), (f"days-{now:%d}", 8, 0)):
            self.stack.run("tenant", "add", tenant)
            self.stack.run("contract", "set", "--tenant", tenant, "--from", "2020-01", contract)
            made = self.hourly(tenant, days, (2048, 3072))
            tiers = self.stack.json("free-tier", "--tenant", tenant)["free_tiers"]
            tier, = (t for t in tiers if t["name"] == "compute" or t["unit"] == "GB-second")
            as_of = datetime.datetime.fromisoformat(tier["as_of"].replace("Z", "+00:00"))
            stamp = "%Y-%m-%dT%H:%M:%SZ"
            self.assertEqual((tier["period_start"], tier["period_end"]), (start.strftime(stamp), end.strftime(stamp)))
            outlook, day = self.runs_out(made, as_of, start, end, weeks)
            self.assertEqual((tier["outlook"], tier["day"]), (outlook, day), tier)
            if outlook != "ran_out":
                self.assertEqual((tier["method"], tier.get("weeks", 0)), ("weekday" if weeks else "line", weeks))
            # the month by name is the same period
            again = self.stack.json("free-tier", "--tenant", tenant, "--month", start.strftime("%Y-%m"))["free_tiers"]
            self.assertEqual([t["period_end"] for t in again], [end.strftime(stamp)] * len(again))
        text = self.stack.run("free-tier", "--tenant", f"weeks-{now:%d}").stdout
        self.assertIn("billing period", text.replace("\n  ", " "))

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
