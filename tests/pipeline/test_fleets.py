"""Fleets of servers for a trace: every figure against fleet_model.py, which works them out in the plainest way."""
import contextlib
import json
import os
import pty
import random
import subprocess
import tempfile
import time
import unittest
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from unittest import mock

import fleet_model as model
from harness import MILLIBILL, environment

MONTH_US = 30 * model.DAY  # September
START = datetime(2026, 9, 1, tzinfo=timezone.utc)
CATALOGUE = """\
name: small
title: A small catalogue
date: 2026-09-01
currency: USD
sources: ["made for this test"]
hours: 730
minimum_s: 60
purchases: {reserved_1y: 0.63, spot_low: 0.3, spot_high: 0.4}
instances:
  - {type: plain, architecture: x86_64, vcpu: 2, memory_gb: 2, on_demand: 0.0833}
  - {type: tiny, architecture: arm64, vcpu: 0.5, memory_gb: 0.5, on_demand: 0.0111, reserved_1y: 0.0077}
  - {type: burst, architecture: x86_64, vcpu: 2, memory_gb: 1, on_demand: 0.0104, baseline_percent: 10, unlimited: 0.05}
  - {type: dwarf, architecture: x86_64, vcpu: 1, memory_gb: 0.125, on_demand: 0.001}
tasks:
  - {type: task, architecture: arm64, vcpu_hour: 0.03238, memory_gb_hour: 0.00356, sizes: [{vcpu: 0.25, memory_gb: 1}]}
"""
KINDS = {
    ("plain", None): {"vcpu": "2", "memory_gb": "2"},
    ("tiny", None): {"vcpu": "0.5", "memory_gb": "0.5"},
    ("burst", "baseline"): {"vcpu": "2", "memory_gb": "1", "baseline_percent": "10", "unlimited": "0.05"},
    ("burst", "standard"): {"vcpu": "2", "memory_gb": "1", "baseline_percent": "10", "unlimited": "0.05"},
    ("burst", "unlimited"): {"vcpu": "2", "memory_gb": "1", "baseline_percent": "10", "unlimited": "0.05"},
    ("task, 0.25 vCPU, 1 GB", None): {"vcpu": "0.25", "memory_gb": "1"},
}
ON_DEMAND = {"plain": "0.0833", "tiny": "0.0111", "burst": "0.0104", "task, 0.25 vCPU, 1 GB": "0.011655"}


def draw(source, count):
    """Crowds and quiet times: (start, duration, configured, used), in whole microseconds of the month."""
    runs = []
    crowds = [source.randrange(MONTH_US) for _ in range(4)]
    for i in range(count):
        start = source.choice(crowds) + source.randrange(200 * model.SECOND) if i % 3 else source.randrange(MONTH_US)
        duration = source.choice((1, 40_000, source.randrange(1, 90 * model.SECOND), source.randrange(1, 900 * model.SECOND)))
        configured = source.choice((128, 256, 512, 1024))
        runs.append((start, duration, configured, source.randrange(1, min(configured, 500))))
    runs.append((-model.HOUR, 2 * model.HOUR, 512, 333))  # from the month before
    runs.append((MONTH_US - 5, model.HOUR, 128, 100))
    return [run for run in runs if run[0] < MONTH_US]


def ndjson(runs):
    lines = []
    for i, (start, duration, configured, used) in enumerate(runs):
        time = (START + timedelta(microseconds=start)).isoformat()
        lines.append(json.dumps({"tenant": "acme", "request_id": f"r{i}", "function": f"f{i % 3}", "memory_mb": configured,
                                 "max_memory_used_mb": used, "started_at": time, "duration_us": duration}) + "\n")
    return "".join(lines)


def run(*arguments, status=0):
    done = subprocess.run([MILLIBILL, *map(str, arguments)], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Fleets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.catalogue = cls.folder / "small.yaml"
        cls.catalogue.write_text(CATALOGUE)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def savings(self, usage, *options):
        return json.loads(run("savings", "--json", "--month", "2026-09", "--usage", usage, "--catalogue", self.catalogue,
                              *options).stdout)

    def compare_fixed(self, got, kind, name, runs, size, rules):
        count = model.fixed_count(runs, size, MONTH_US, rules, rules["headroom_percent"])
        least = model.fixed_count(runs, size, MONTH_US, rules, 0)
        self.assertEqual((got["instances"], got["instances_without_headroom"]), (count, least))
        credits = {n: model.fixed_credits(runs, kind, MONTH_US, rules, n) for n in (count, least)}
        more = {n: model.surcharge(credits[n], kind, MONTH_US, rules, 730) for n in (count, least)}
        self.compare_credits(got["credits"], credits[count], kind, rules)
        prices = {entry["purchase"]: Fraction(entry["hourly"]) for entry in got["prices"]}
        self.assertEqual(prices["on_demand"], Fraction(ON_DEMAND[name]))
        for entry in got["prices"]:
            total = count * 730 * prices[entry["purchase"]] + more[count]
            self.assertAlmostEqual(float(entry["total_exact"]), float(total), places=10)
            self.assertEqual(Fraction(entry["total"]), model.cents(total))
        ends = [n * 730 * price + more[n] for n in (count, least) for price in prices.values()]
        self.assertEqual(Fraction(got["low"]), model.cents(min(ends)))
        self.assertEqual(Fraction(got["high"]), model.cents(max(count * 730 * price + more[count] for price in prices.values())))

    def compare_credits(self, got, credits, kind, rules):
        if kind["burst"] not in ("standard", "unlimited"):
            self.assertIsNone(got)
            return
        self.assertEqual((Fraction(got["short_seconds"]) * model.SECOND, got["short_hours"]), (credits.short, credits.hours()))
        self.assertEqual(got["first_short_at"] is None, not credits.spans)
        member, parts = ("charged_vcpu_hours", credits.charged) if credits.unlimited else ("lacking_vcpu_hours", credits.lacking)
        self.assertAlmostEqual(float(got[member]), float(Fraction(parts, 1000 * rules["mb_per_vcpu"] * model.HOUR)), places=9)

    def compare_scaled(self, got, kind, name, runs, size, rules):
        fleet = model.Scaled(runs, size, MONTH_US, rules, 60, model.Credits(kind, rules))
        self.compare_credits(got["credits"], fleet.credits, kind, rules)
        self.assertEqual([got[key] for key in ("requests", "waited", "refused", "launches", "instances_most",
                                               "hours_with_waiting")],
                         [len(runs), len(fleet.waits), fleet.refused, fleet.launches, fleet.most, len(fleet.hours)])
        self.assertEqual(Fraction(got["instance_seconds"]) * model.SECOND, fleet.paid)
        self.assertEqual(Fraction(got["wait_seconds"]) * model.SECOND, sum(fleet.waits))
        self.assertEqual(Fraction(got["longest_wait_seconds"]) * model.SECOND, max(fleet.waits, default=0))
        if fleet.first is None:
            self.assertIsNone(got["first_wait_at"])
        else:
            first = datetime.fromisoformat(got["first_wait_at"].replace("Z", "+00:00"))
            self.assertEqual((first - START) // timedelta(microseconds=1), fleet.first)
        more = model.surcharge(fleet.credits, kind, MONTH_US, rules, 730)
        total = Fraction(fleet.paid, MONTH_US) * 730 * Fraction(ON_DEMAND[name]) + more
        self.assertEqual(Fraction(got["total"]), model.cents(total))

    def compare(self, usage, runs, rules, *options):
        fleet = self.savings(usage, *options)["fleet"]
        runs = model.clip(runs, MONTH_US)
        self.assertEqual(fleet["demand"]["peak"], model.peak(runs, MONTH_US, "one"))
        self.assertEqual(fleet["demand"]["peak_memory_mb"], model.peak(runs, MONTH_US, "used"))
        self.assertEqual({(entry["type"], entry["burst"]) for entry in fleet["types"] if entry["fits"]}, set(KINDS))
        for entry in fleet["types"]:
            if not entry["fits"]:
                self.assertEqual(entry["type"], "dwarf")
                self.assertIn("an instance has 128", entry["reason"])
                continue
            kind = dict(KINDS[entry["type"], entry["burst"]], burst=entry["burst"])
            size = model.Size(kind, rules)
            with self.subTest(type=entry["type"], burst=entry["burst"], rules=rules):
                self.compare_fixed(entry["fixed"], kind, entry["type"], runs, size, rules)
                self.compare_scaled(entry["autoscaled"], kind, entry["type"], runs, size, rules)
        totals = [Fraction(entry["fixed"]["total_exact"]) for entry in fleet["types"] if entry["fits"]]
        self.assertEqual(totals, sorted(totals))

    def test_every_figure_of_every_type_is_that_of_the_plain_model(self):
        for seed, count in ((1, 400), (2, 900)):
            runs = draw(random.Random(seed), count)
            usage = self.file(f"trace-{seed}.ndjson", ndjson(runs))
            self.compare(usage, runs, model.DEFAULTS)

    def test_the_rules_are_the_ones_that_are_given(self):
        runs = draw(random.Random(3), 500)
        usage = self.file("trace-3.ndjson", ndjson(runs))
        for rules in ({"minimum": 0, "maximum": 3, "wait_s": 5}, {"alarm_s": 0, "cooldown_s": 0, "scale_in_s": 0, "boot_s": 7},
                      {"minimum": 1, "maximum": 200, "scale_out_delay_s": 0, "headroom_percent": 0, "wait_s": 0},
                      {"mb_per_vcpu": 5000, "headroom_percent": 75, "cooldown_s": 300, "scale_in_s": 61}):
            options = [part for key, value in rules.items()
                       for part in ("--" + key.replace("_s", "").replace("_percent", "").replace("cale", "scale").replace(
                           "sscale", "scale").replace("_", "-"), value)]
            self.compare(usage, runs, {**model.DEFAULTS, **rules}, *options)

    def test_credits_run_out_are_owed_and_are_paid_for(self):
        """A baseline of 2 %, and days on which much runs after days on which little does."""
        source, runs = random.Random(11), []
        for day in (1, 2, 9, 17, 18, 19, 29):
            for _ in range(110):
                runs.append((day * model.DAY + source.randrange(model.DAY), source.randrange(1, 900 * model.SECOND), 1024, 200))
        runs = [run for run in runs if run[0] < MONTH_US] + draw(source, 100)
        usage = self.file("hot.ndjson", ndjson(runs))
        kinds = {key: {**kind, "baseline_percent": "2"} if key[0] == "burst" else kind for key, kind in KINDS.items()}
        plain, self.catalogue = self.catalogue, self.file("lame.yaml", CATALOGUE.replace("baseline_percent: 10", "baseline_percent: 2"))
        with mock.patch.dict(KINDS, kinds):
            for rules, options in (({}, ()), ({"minimum": 1, "scale_in_s": 61}, ("--minimum", 1, "--scale-in", 61))):
                self.compare(usage, runs, {**model.DEFAULTS, **rules}, *options)
        types = {entry["burst"]: entry for entry in self.savings(usage)["fleet"]["types"] if entry["type"] == "burst"}
        text = run("savings", "--month", "2026-09", "--usage", usage, "--catalogue", self.catalogue).stdout
        self.catalogue = plain
        self.assertGreater(types["standard"]["autoscaled"]["credits"]["short_hours"], 0)
        self.assertGreater(Fraction(types["standard"]["autoscaled"]["credits"]["lacking_vcpu_hours"]), 0)
        self.assertGreater(Fraction(types["unlimited"]["autoscaled"]["credits"]["charged_vcpu_hours"]), 0)
        self.assertGreater(Fraction(types["unlimited"]["fixed"]["total"]), 0)
        self.assertIn("short h are the hours in which they ran out", text)

    def test_the_same_trace_gives_the_same_report(self):
        usage = self.file("again.ndjson", ndjson(draw(random.Random(4), 200)))
        first, second = (run("savings", "--month", "2026-09", "--usage", usage, "--fleet").stdout for _ in range(2))
        self.assertEqual(first, second)
        self.assertIn("Autoscaled fleet", first)

    def test_a_fleet_may_be_the_alternative_of_a_file(self):
        runs = draw(random.Random(5), 300)
        usage = self.file("trace-5.ndjson", ndjson(runs))
        fleet = {(entry["type"], entry["burst"]): entry for entry in self.savings(usage, "--headroom", 50)["fleet"]["types"]}
        for scaling, member in (("fixed", "fixed"), ("auto", "autoscaled")):
            alternative = self.file("alternative.yaml", f"""\
name: mine
fleet: {{catalogue: {self.catalogue}, type: burst, burst: unlimited, scaling: {scaling}, headroom_percent: 50}}
load_balancer: {{monthly: 20, low: 15, high: 25}}
""")
            report = json.loads(run("savings", "--json", "--month", "2026-09", "--usage", usage, "--no-free-tier",
                                    "--alternative", alternative).stdout)
            side, expected = report["alternatives"][0], fleet["burst", "unlimited"][member]
            self.assertEqual(Fraction(side["total_exact"]), Fraction(expected["total_exact"]) + 20)
            self.assertEqual(Fraction(side["range"]["alternative_low"]), Fraction(expected["low"]) + 15)
            self.assertEqual(Fraction(side["range"]["alternative_high"]), Fraction(expected["high"]) + 25)
            self.assertEqual(side["items"][0]["unit"], "hour")

    def test_the_shipped_catalogue_holds_the_published_prices(self):
        usage = self.file("one.ndjson", ndjson([(0, 1000, 128, 100)]))
        report = json.loads(run("savings", "--json", "--usage", usage, "--fleet").stdout)
        kinds = {(entry["type"], entry["burst"]): entry for entry in report["fleet"]["types"]}
        self.assertEqual({price["purchase"]: price["hourly"] for price in kinds["t3.medium", "unlimited"]["fixed"]["prices"]},
                         {"on_demand": "0.0416", "reserved_1y": "0.0296", "reserved_3y": "0.017888", "spot_low": "0.01248",
                          "spot_high": "0.01664"})
        self.assertEqual(kinds["m6g.large", None]["fixed"]["total"], "56.21")  # 0.0770 x 730
        self.assertEqual(kinds["Fargate, 0.25 vCPU, 0.5 GB", None]["fixed"]["total"], "9.01")  # 0.0123425 x 730
        self.assertTrue(report["fleet"]["catalogue"]["sources"])
        self.assertEqual(report["fleet"]["assumptions"]["maximum"], 50)

    def test_one_record_and_no_record_and_sums_alone(self):
        one = self.file("one.ndjson", ndjson([(5, 1000, 128, 100)]))
        report = self.savings(one)
        self.assertEqual({entry["fixed"]["instances"] for entry in report["fleet"]["types"] if entry["fits"]}, {1})
        rows = self.file("rows.ndjson", '{"function":"f","memory_mb":128,"invocations":5,"duration_ms":"10"}\n')
        refused = run("savings", "--usage", rows, "--fleet", status=1)
        self.assertIn("which sums do not tell", refused.stderr)
        nothing = run("savings", "--usage", self.file("none.json", "[]"), "--fleet", status=1)
        self.assertIn("which sums do not tell", nothing.stderr)

    def test_ten_thousand_functions_with_any_names(self):
        hostile = ["<script>alert(1)</script>", "=HYPERLINK(0)", "../../etc/passwd", "'; DROP TABLE x; --", "名前", "\u202egnp", "a\u00a0b",
                   "%s%n", "e\u0301"]
        lines = []
        for i in range(10_000):
            lines.append(json.dumps({"function": hostile[i] if i < len(hostile) else f"f{i}", "memory_mb": 128, "request_id": f"r{i}",
                                     "max_memory_used_mb": 60, "started_at": "2026-09-05T00:00:00Z", "duration_ms": i + 1}) + "\n")
        usage = self.file("many.ndjson", "".join(lines))
        began = time.monotonic()
        report = self.savings(usage, "--no-free-tier")
        text = run("savings", "--month", "2026-09", "--usage", usage, "--fleet").stdout
        self.assertLess(time.monotonic() - began, 120)
        self.assertEqual(len(report["verdicts"]), 10_000)
        self.assertEqual([verdict["function"] for verdict in report["verdicts"][:len(hostile)]], hostile)
        self.assertEqual(report["concurrency"]["peak"], 10_000)
        self.assertEqual(Fraction(report["verdicts"][99]["cost_exact"]),
                         Fraction("0.0000002") + Fraction(1, 8) * Fraction(100, 1000) * Fraction("0.0000166667"))
        self.assertIn("and 9980 functions that cost less", text)
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\u202e", text)

    def test_long_work_shows_its_progress_on_a_terminal_alone(self):
        usage = self.file("shown.ndjson", ndjson(draw(random.Random(6), 3000)))
        ours, theirs = pty.openpty()
        command = [MILLIBILL, "savings", "--month", "2026-09", "--usage", str(usage), "--fleet", "--json"]
        with open(self.folder / "shown.json", "wb") as answer:  # a pipe would fill while the terminal is read
            process = subprocess.Popen(command, stdout=answer, stderr=theirs, env=environment())
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone when the program has ended
            while chunk := os.read(ours, 65536):
                shown += chunk
        self.assertEqual(process.wait(timeout=60), 0)
        os.close(ours)
        json.loads((self.folder / "shown.json").read_text())
        for what in (b"usage [", b"what ran at a time ["):
            self.assertIn(what, shown)
        message = b"millibill savings: 1 record left out: started outside 2026-09"
        self.assertEqual(shown.split(b"\r\x1b[K")[-1].strip(), message)  # the line is wiped before anything else is said
        self.assertEqual(run(*command[1:]).stderr.encode().strip(), message)

    def test_mistakes_are_told_with_file_line_and_remedy(self):
        for wrong, message in (("vcpu: 2, memory_gb: 2, on_demand: 0.0833", "vcpu: 0, memory_gb: 2, on_demand: 0.0833"),
                               ("architecture: arm64, vcpu: 0.5", "architecture: mips, vcpu: 0.5"),
                               ("date: 2026-09-01", "date: yesterday"), ("type: tiny", "type: plain"),
                               ("baseline_percent: 10, ", "")):
            catalogue = self.file("wrong.yaml", CATALOGUE.replace(wrong, message))
            result = run("savings", "--usage", self.file("one.ndjson", ndjson([(5, 1000, 128, 100)])), "--catalogue", catalogue,
                         status=1)
            self.assertRegex(result.stderr, r"wrong\.yaml:\d+: ")
        result = run("savings", "--usage", "x", "--fleet", "--minimum", 5, "--maximum", 4, status=2)
        self.assertIn("at least 5 and at most 4", result.stderr)


if __name__ == "__main__":
    unittest.main()
