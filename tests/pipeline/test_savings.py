"""Savings from a running stack: what ran at a time, against a count of what was emitted."""
import json
import random
import signal
import subprocess
import time
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from harness import MILLIBILL, SUPERUSER, StackCase, environment, wait_until

MONTH = "2026-09"
START = datetime(2026, 9, 1, tzinfo=timezone.utc)
MONTH_US = 30 * 86_400_000_000
HOUR_US = 3_600_000_000
MICROSECOND = timedelta(microseconds=1)
X86, ARM = "0.0000166667", "0.0000133334"  # a GB-second, us-east-1


def rounded(value, digits):
    """Half up, of a value that is not negative."""
    return Fraction(floor(value * 10 ** digits + Fraction(1, 2)), 10 ** digits)


def rate_of(value):
    """Six digits, and as many more as show three that say something."""
    digits = 6
    while 0 < value * 10 ** digits < 100:
        digits += 1
    return rounded(value, digits)


def cents(amount):
    return rounded(amount, 2)


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

    # --- every figure, worked out from what was emitted

    def billed(self, tenant=None):
        """Records that are billed in the month: those that started in it."""
        return [run for run in self.runs if 0 <= run["start"] < MONTH_US and tenant in (None, run["tenant"])]

    def lines(self, runs, duration_price, memory=lambda run: run["memory"]):
        """(requests, duration) of these records, exact."""
        gb_seconds = sum(Fraction(memory(run), 1024) * Fraction(ceil(Fraction(run["duration"] + (run["init"] or 0), 1000)), 1000)
                         for run in runs)
        return [len(runs) * Fraction("0.0000002"), gb_seconds * Fraction(duration_price)]

    def total(self, duration_price, memory=lambda run: run["memory"]):
        """Each tenant's lines are rounded, then added up."""
        return sum(cents(line) for tenant in ("acme", "beta") for line in self.lines(self.billed(tenant), duration_price, memory))

    def right_sizes(self):
        """The most that the measured runs of a function and memory size used, at least 128 MB."""
        used = {}
        for run in self.billed():
            if run["used"] is not None:
                key = run["tenant"], run["function"], run["memory"]
                used[key] = max(used.get(key, 128), run["used"])
        return {key: min(most, key[2]) for key, most in used.items()}

    def test_the_sides_and_the_idle_part_are_those_of_the_records(self):
        report = self.stack.json("savings", "--month", MONTH, "--no-free-tier", "--alternative", "t3-small")
        side = report["alternatives"][0]
        total = self.total(X86)
        self.assertEqual(Fraction(report["serverless"]["total"]), total)
        machine = Fraction("0.0208") * 730
        self.assertEqual(Fraction(side["total_exact"]), machine)
        self.assertEqual(Fraction(side["saving"]), cents(machine) - total)
        busy = sum(Fraction(run["duration"], HOUR_US) for run in self.billed())
        self.assertEqual(Fraction(side["utilization_percent"]), rounded(busy / 730 * 100, 2))
        self.assertEqual(Fraction(side["idle_hours"]), rounded(max(0, 730 - busy), 2))
        self.assertEqual(Fraction(side["idle_amount"]), cents(max(0, 730 - busy) / 730 * machine))
        exact = sum(sum(self.lines(self.billed(tenant), X86)) for tenant in ("acme", "beta"))
        rate = len(self.billed()) * machine / exact / (730 * 3600)
        self.assertEqual(Fraction(side["break_even_requests_per_second"]), rate_of(rate))
        curve = side["cost_by_load"]
        self.assertEqual(len(curve), 61)
        for i, point in enumerate(curve):
            self.assertEqual(Fraction(point["requests_per_second"]), rate_of(rate * i / 30))
            self.assertEqual(Fraction(point["serverless"]), cents(machine * i / 30))
            self.assertEqual(Fraction(point["alternative"]), cents(machine))
        chart = self.stack.run("savings", "--month", MONTH, "--no-free-tier", "--alternative", "t3-small").stdout.splitlines()
        level = next(i for i, line in enumerate(chart) if line.strip().startswith("15.18 │"))  # the curve passes it in the middle
        middle = chart[level].index("│") + 1 + 30
        self.assertEqual(chart[level][middle], "•")
        self.assertEqual({chart[level][middle - 30], chart[level][middle + 30]}, {"─"})
        self.assertTrue(chart[level - 4].strip().startswith("30.37 │") and chart[level + 4].strip().startswith("0 │•"), chart)
        self.assertIn(f"{float(rate):.3f}", chart[level + 6])
        self.assertEqual(Fraction(side["range"]["alternative_low"]), cents(machine * Fraction("0.43")))
        self.assertEqual(Fraction(side["range"]["saving_low"]), cents(machine * Fraction("0.43")) - total)
        self.assertEqual(Fraction(side["range"]["saving_high"]), cents(machine) - total)

    def test_the_free_tier_is_a_part_of_the_range(self):
        report = self.stack.json("savings", "--month", MONTH, "--alternative", "t3-small")
        side, tier = report["alternatives"][0], report["free_tier"]
        value = Fraction(0)
        for tenant in ("acme", "beta"):  # each its own account
            requests, duration = self.lines(self.billed(tenant), X86)
            value += cents(requests) + cents(min(duration, 400000 * Fraction(X86)))
        self.assertTrue(tier["taken_off"])
        self.assertEqual(Fraction(tier["value"]), value)
        self.assertEqual({entry["account"] for entry in tier["tiers"]}, {"acme", "beta"})
        self.assertEqual(Fraction(side["range"]["serverless_high"]), Fraction(report["serverless"]["total"]) + value)
        self.assertLessEqual(Fraction(side["range"]["saving_high"]), Fraction(side["range"]["alternative_high"]))
        self.assertGreaterEqual(Fraction(side["range"]["saving_low"]), -Fraction(side["range"]["serverless_high"]))
        self.assertIn("free tier", " ".join(side["range"]["assumptions"]))

    def test_the_same_functions_rated_in_another_way(self):
        report = self.stack.json("savings", "--month", MONTH, "--no-free-tier", "--alternative", "arm64", "--alternative",
                                 "right-size", "--alternative", "100ms")
        right = self.right_sizes()

        def size(run):
            return right.get((run["tenant"], run["function"], run["memory"]), run["memory"])

        arm, sized, coarse = report["alternatives"]
        self.assertEqual(Fraction(arm["total"]), self.total(ARM))
        self.assertEqual(Fraction(sized["total"]), self.total(X86, size))
        self.assertEqual(Fraction(arm["saving"]), self.total(ARM) - self.total(X86))
        self.assertIsNone(arm["cost_by_load"])
        steps = sum(Fraction(run["memory"], 1024) * Fraction(ceil(Fraction(run["duration"], 100_000)), 10)
                    for run in self.billed())
        exact = sum(Fraction(item["amount_exact"]) for item in coarse["items"] if item["what"] == "Duration")
        self.assertEqual(exact, steps * Fraction(X86))  # that book billed no initialization
        file = self.stack.json("savings", "--month", MONTH, "--no-free-tier", "--usage", self.usage, "--alternative", "arm64",
                               "--alternative", "right-size")
        self.assertEqual(Fraction(file["alternatives"][1]["total_exact"]), Fraction(sized["total_exact"]))
        self.assertEqual(Fraction(file["alternatives"][0]["total_exact"]), Fraction(arm["total_exact"]))

    def test_verdicts_hold_what_the_records_say(self):
        report = self.stack.json("savings", "--month", MONTH, "--no-free-tier", "--alternative", "t3-small")
        right = self.right_sizes()
        self.assertEqual(len(report["verdicts"]), 8)
        for verdict in report["verdicts"]:
            runs = [run for run in self.billed(verdict["tenant"]) if run["function"] == verdict["function"]]
            self.assertEqual(Fraction(verdict["cost_exact"]), sum(self.lines(runs, X86)))
            inits = [run["init"] for run in runs if run["init"] is not None]
            self.assertEqual(Fraction(verdict["cold_start_percent"]), rounded(Fraction(len(inits) * 100, len(runs)), 2))
            self.assertEqual(verdict["init_ms_max"] and Fraction(verdict["init_ms_max"]) * 1000, max(inits) if inits else None)
            if inits:
                self.assertEqual(Fraction(verdict["init_ms_mean"]) * 1000, sum(inits) // len(inits))
            used = [run["used"] for run in runs if run["used"] is not None]
            self.assertEqual(verdict["memory_used_mb"], max(used) if used else None)
            saving = sum(sum(self.lines([run], X86)) - sum(self.lines([run], X86, lambda run: right.get(
                (run["tenant"], run["function"], run["memory"]), run["memory"]))) for run in runs)
            self.assertEqual(Fraction(verdict["right_size_saving"]), cents(saving))
            largest = max(run["memory"] for run in runs)
            size = right.get((verdict["tenant"], verdict["function"], largest), largest)
            self.assertEqual(verdict["right_size_mb"], size if size < largest else None)
            words = " ".join(verdict["reasons"])
            self.assertEqual("latency-critical" in words, any(run["trigger"] == "http" for run in runs) and
                             len(inits) * 100 >= len(runs))
            self.assertEqual("memory far above" in words, size * 2 <= largest)
            self.assertEqual("longer than 15 minutes" in words, max(run["duration"] for run in runs) > 900_000_000)

    def test_an_account_is_its_tenants(self):
        for tenant in ("acme", "beta"):
            of_tenant = self.stack.json("savings", "--month", MONTH, "--tenant", tenant, "--alternative", "arm64")
            of_account = self.stack.json("savings", "--month", MONTH, "--account", tenant, "--alternative", "arm64")
            self.assertEqual(of_tenant, of_account)
        refused = self.stack.run("savings", "--month", MONTH, "--account", "nobody", status=1)
        self.assertIn("account 'nobody' has no usage in 2026-09", refused.stderr)
        self.stack.run("savings", "--account", "acme", "--tenant", "acme", status=2)

    def test_a_fleet_from_the_stack_is_that_of_the_file(self):
        stack = self.stack.json("savings", "--month", MONTH, "--fleet")
        file = self.stack.json("savings", "--month", MONTH, "--fleet", "--usage", self.usage)
        self.assertTrue(stack["fleet"] == file["fleet"])
        self.assertEqual(stack["fleet"]["demand"]["peak"], stack["concurrency"]["peak"])
        self.assertEqual([side["name"] for side in stack["alternatives"]], [side["name"] for side in file["alternatives"]])

    def test_an_interrupted_report_leaves_nothing_behind(self):
        before = self.stack.query("SELECT count(*), max(commit_id) FROM ledger")
        command = [MILLIBILL, "savings", "--month", MONTH, "--fleet", "--data", str(self.stack.data)]
        for pause in (0.02, 0.1, 0.3):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
            time.sleep(pause)
            process.send_signal(signal.SIGINT)
            self.assertIn(process.wait(timeout=120), (0, 130, -signal.SIGINT))
        wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millibill-report'") == 0,
                   "no session of an interrupted report")
        self.assertEqual(self.stack.query("SELECT count(*), max(commit_id) FROM ledger"), before)
        self.stack.json("savings", "--month", MONTH)

    def test_an_interrupted_report_ends_at_once_and_leaves_no_file(self):
        folder = self.stack.data / "reports"
        folder.mkdir()
        (folder / "old.html").write_text("as it was")
        for number, name in ((signal.SIGINT, "old.html"), (signal.SIGTERM, "new.pdf")):
            lock = self.stack.psql_process("BEGIN; SET search_path = millibill; LOCK TABLE segments IN ACCESS EXCLUSIVE MODE;\n")
            try:
                run = self.stack.popen("savings", "--month", MONTH, "--fleet", "--format", name[-4:].strip("."), "--output", str(folder / name),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                                     "application_name LIKE 'millibill%'", SUPERUSER) > 0, "it waits")
                run.send_signal(number)
                began = time.monotonic()
                said = run.communicate(timeout=60)
                self.assertEqual(run.returncode, 130, said)
                self.assertLess(time.monotonic() - began, 10)
                self.assertIn("millibill savings: interrupted; nothing was written", said[1])
                wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                                     "application_name LIKE 'millibill%'", SUPERUSER) == 0, "the rater ends too")
            finally:
                lock.stdin.close()
                lock.wait()
                lock.stdout.close()
        self.assertEqual([path.name for path in folder.iterdir()], ["old.html"])
        self.assertEqual((folder / "old.html").read_text(), "as it was")

    def test_a_month_without_usage_says_so(self):
        result = self.stack.run("savings", "--month", "2026-07", status=1)
        self.assertIn("no usage in 2026-07", result.stderr)
        result = self.stack.run("savings", "--month", MONTH, "--tenant", "quiet", status=1)
        self.assertIn("no usage in 2026-09 for tenant quiet", result.stderr)


if __name__ == "__main__":
    unittest.main()
