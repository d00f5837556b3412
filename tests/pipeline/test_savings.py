"""Savings from a running stack: what ran at a time, against a count of what was emitted."""
import json
import random
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from harness import StackCase

MONTH = "2026-09"
START = datetime(2026, 9, 1, tzinfo=timezone.utc)
MONTH_US = 30 * 86_400_000_000
HOUR_US = 3_600_000_000
MICROSECOND = timedelta(microseconds=1)


def instant(us):
    """As millibill writes it: the fewest of 0, 3 or 6 digits."""
    time = START + timedelta(microseconds=us)
    digits = f"{time.microsecond:06}"
    fraction = "" if digits == "000000" else "." + (digits[:3] if digits.endswith("000") else digits)
    return time.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def draw_runs(source, tenant, count):
    """Runs that begin before the month, end behind it, last for hours, and coincide."""
    runs = []
    for i in range(count):
        start = source.randrange(MONTH_US) if i % 3 else source.randrange(40) * HOUR_US * 17
        duration = source.choice((0, 1, 250_000, HOUR_US // 4, HOUR_US, source.randrange(1, 14 * 60_000_000)))
        if i % 50 == 7:
            start, duration = -source.randrange(1, 20 * HOUR_US), source.randrange(1, 24 * HOUR_US)
        if i % 50 == 8:
            start, duration = MONTH_US - source.randrange(1, HOUR_US), source.randrange(HOUR_US)
        memory = source.choice((128, 512, 1769))
        runs.append({"tenant": tenant, "id": f"{tenant}-{i}", "function": f"f{i % 4}", "start": start, "duration": duration,
                     "memory": memory, "used": source.randrange(20, memory) if i % 4 else None,
                     "init": source.randrange(2_000_000) if i % 5 == 0 else None, "trigger": "http" if i % 4 == 1 else "timer"})
    return runs


def ndjson(runs):
    lines = []
    for run in runs:
        record = {"tenant": run["tenant"], "request_id": run["id"], "function": run["function"], "memory_mb": run["memory"],
                  "started_at": (START + run["start"] * MICROSECOND).isoformat(), "duration_us": run["duration"],
                  "trigger": run["trigger"]}
        if run["used"] is not None:
            record["max_memory_used_mb"] = run["used"]
        if run["init"] is not None:
            record["init_duration_ms"] = str(Decimal(run["init"]) / 1000)
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


class Count:
    """Levels at every instant of the month, by brute force."""

    def __init__(self, runs):
        edges = {0: [0, 0, 0], MONTH_US: [0, 0, 0]}
        for run in runs:
            used = run["memory"] if run["used"] is None else run["used"]
            start, end = max(run["start"], 0), min(run["start"] + run["duration"], MONTH_US)
            if start < end:
                for at, sign in ((start, 1), (end, -1)):
                    for i, weight in enumerate((1, run["memory"], used)):
                        edges.setdefault(at, [0, 0, 0])[i] += sign * weight
        for hour in range(0, MONTH_US, HOUR_US):
            edges.setdefault(hour, [0, 0, 0])
        self.peaks, self.at, self.levels, self.hours = [0, 0, 0], [None] * 3, {}, {}
        level, times = [0, 0, 0], sorted(edges)
        for at, until in zip(times, times[1:]):
            level = [have + change for have, change in zip(level, edges[at])]
            self.levels[level[0]] = self.levels.get(level[0], 0) + until - at
            hour = self.hours.setdefault(at // HOUR_US, [0, 0, 0])
            for i in range(3):
                hour[i] = max(hour[i], level[i])
                if level[i] > self.peaks[i]:
                    self.peaks[i], self.at[i] = level[i], instant(at)


class Savings(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        source = random.Random(7)
        cls.runs = draw_runs(source, "acme", 700) + draw_runs(source, "beta", 300)
        for tenant in ("acme", "beta", "quiet"):
            cls.stack.run("tenant", "add", tenant)
        cls.usage = cls.folder / "usage.ndjson"
        cls.usage.write_text(ndjson(cls.runs))
        copies = cls.folder / "copies.ndjson"  # records of the month that come a second time from somewhere else
        copies.write_text(ndjson(cls.runs[100:140]))
        cls.stack.run("import", cls.usage)
        cls.stack.run("import", copies)
        excluded = cls.stack.number("SELECT count(*) FROM exclusions")
        assert excluded == 40, f"{excluded} records are excluded as copies, expected 40"

    def compare_timeline(self, concurrency, runs):
        count = Count(runs)
        self.assertEqual([concurrency[key] for key in ("peak", "peak_memory_mb", "peak_memory_used_mb")], count.peaks)
        self.assertEqual([concurrency[key] for key in ("peak_at", "peak_memory_at", "peak_memory_used_at")], count.at)
        self.assertEqual(Decimal(concurrency["idle_seconds"]) * 1_000_000, count.levels.get(0, 0))
        for bar in concurrency["histogram"]:
            expected = sum(us for level, us in count.levels.items() if bar["from"] <= level <= bar["to"])
            self.assertEqual(Decimal(bar["seconds"]) * 1_000_000, expected)
        self.assertEqual(sum(Decimal(bar["seconds"]) for bar in concurrency["histogram"]) * 1_000_000, MONTH_US)
        return count

    def test_what_ran_at_a_time_is_what_was_emitted(self):
        everything = self.stack.json("savings", "--month", MONTH)
        self.compare_timeline(everything["concurrency"], self.runs)
        one = self.stack.json("savings", "--month", MONTH, "--tenant", "acme")
        self.compare_timeline(one["concurrency"], [run for run in self.runs if run["tenant"] == "acme"])
        busy = self.stack.value("SELECT sum(duration_us) / 1000000.0 / 2592000 FROM rollups"
                                f" WHERE hour >= '{MONTH}-01' AND hour < '2026-10-01'")
        self.assertEqual(Decimal(everything["concurrency"]["mean"]), Decimal(busy).quantize(Decimal("0.000001")))

    def test_a_file_gives_what_the_stack_gives(self):
        stack = self.stack.json("savings", "--month", MONTH, "--no-free-tier")
        file = self.stack.json("savings", "--month", MONTH, "--no-free-tier", "--usage", self.usage)
        self.assertEqual(stack["concurrency"], file["concurrency"])
        for one, other in zip(stack["alternatives"], file["alternatives"]):
            self.assertEqual(one["hours_too_small"], other["hours_too_small"])

    def test_the_hours_in_which_instances_were_too_small_are_named(self):
        alternative = self.file("name: two\ninstances: {hourly: 0.01, count: 2, concurrency: 2, memory_gb: 1.5}\n", "yaml")
        report = self.stack.json("savings", "--month", MONTH, "--alternative", alternative)
        count = Count(self.runs)
        small = [instant(hour * HOUR_US) for hour, peaks in sorted(count.hours.items())
                 if peaks[0] > 4 or peaks[2] > 3 * 1024]
        self.assertTrue(0 < len(small) < len(count.hours))
        self.assertEqual(report["alternatives"][0]["hours_too_small"], small)
        text = self.stack.run("savings", "--month", MONTH, "--alternative", alternative).stdout
        self.assertIn(f"in {len(small)} of 720 hours, first at {small[0]}", text)

    def test_a_month_without_usage_says_so(self):
        result = self.stack.run("savings", "--month", "2026-07", status=1)
        self.assertIn("no usage in 2026-07", result.stderr)
        result = self.stack.run("savings", "--month", MONTH, "--tenant", "quiet", status=1)
        self.assertIn("no usage in 2026-09 for tenant quiet", result.stderr)


if __name__ == "__main__":
    unittest.main()
