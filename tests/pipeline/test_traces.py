"""Public traces through the agent's path: samples of the Azure Functions traces of 2019 and 2021, against the files themselves."""
import csv
import unittest
from decimal import ROUND_HALF_UP, Decimal

import fleet_model
from harness import ROOT, StackCase

TRACES = ROOT / "tests" / "data" / "traces"
OF_2021 = TRACES / "azure-2021-sample.csv"
OF_2019 = [TRACES / f"azure-2019-{name}.csv" for name in ("memory", "invocations", "durations")]  # in any order
MONTH = "2026-09"


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def micros(seconds):
    return int((Decimal(seconds) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))


def name_of(app, function):
    return f"{app[:8]}-{function[:16]}"


class Traces(StackCase):
    def simulate(self, *options):
        return self.stack.json("simulate", "--month", MONTH, *options)

    def sums(self, tenant):
        query = ("SELECT f.function, sum(r.invocations), sum(r.duration_us), max(r.max_duration_us), max(r.max_memory_used_mb),"
                 " max(f.memory_mb) FROM rollups r JOIN configs f USING (tenant_id, config_id) JOIN tenants t USING (tenant_id)"
                 f" WHERE t.name = '{tenant}' GROUP BY 1 ORDER BY 1")
        return {row[0]: [int(value) for value in row[1:]] for row in self.stack.query(query)}

    def test_2021_gives_each_row_its_own_start_and_duration(self):
        done = self.simulate("--trace", OF_2021, "--tenant", "of-2021")
        expected, hours = {}, {}
        for row in rows(OF_2021):
            duration, end = micros(row["duration"]), micros(row["end_timestamp"])
            entry = expected.setdefault(name_of(row["app"], row["func"]), [0, 0, 0])
            expected[name_of(row["app"], row["func"])] = [entry[0] + 1, entry[1] + duration, max(entry[2], duration)]
            hour = (end - duration) // 3_600_000_000
            hours[hour] = hours.get(hour, 0) + 1
        self.assertEqual((done["trace"], done["records"], done["accepted"]), ("azure-2021", len(rows(OF_2021)), len(rows(OF_2021))))
        sums = self.sums("of-2021")
        self.assertEqual({name: entry[:3] for name, entry in sums.items()}, expected)
        self.assertEqual({entry[4] for entry in sums.values()}, {256})
        found = self.stack.query("SELECT (extract(epoch FROM hour - '2026-09-01T00:00Z') / 3600)::int, sum(invocations) FROM rollups r"
                                 " JOIN tenants t ON t.tenant_id = r.tenant_id WHERE t.name = 'of-2021' GROUP BY 1")
        self.assertEqual({int(hour): int(count) for hour, count in found}, hours)

    def test_a_fleet_is_sized_by_what_the_trace_ran(self):
        self.simulate("--trace", OF_2021, "--tenant", "fleet-2021")
        runs = []
        for row in rows(OF_2021):
            duration, end = micros(row["duration"]), micros(row["end_timestamp"])
            runs.append((end - duration, duration, 256, 256))
        runs = fleet_model.clip(runs, 30 * fleet_model.DAY)
        report = self.stack.json("savings", "--month", MONTH, "--tenant", "fleet-2021", "--fleet")
        demand = report["fleet"]["demand"]
        self.assertEqual((demand["executions"], demand["peak"]), (len(runs), fleet_model.peak(runs, 30 * fleet_model.DAY, "one")))
        large = next(entry for entry in report["fleet"]["types"] if entry["type"] == "m5.large")
        kind, rules = {"vcpu": "2", "memory_gb": "8", "burst": None}, fleet_model.DEFAULTS
        size = fleet_model.Size(kind, rules)
        self.assertEqual(large["fixed"]["instances"], fleet_model.fixed_count(runs, size, 30 * fleet_model.DAY, rules, 20))
        scaled = fleet_model.Scaled(runs, size, 30 * fleet_model.DAY, rules, 60, fleet_model.Credits(kind, rules))
        self.assertEqual([large["autoscaled"][key] for key in ("requests", "waited", "refused", "launches", "instances_most")],
                         [len(runs), len(scaled.waits), scaled.refused, scaled.launches, scaled.most])

    def test_2019_gives_the_counts_of_every_minute_within_the_percentiles(self):
        files = [part for path in OF_2019 for part in ("--trace", path)]
        done = self.simulate(*files, "--tenant", "of-2019")
        sums, hours = self.sums("of-2019"), {}
        for row in rows(TRACES / "azure-2019-invocations.csv"):
            counts = [int(row[str(minute)]) for minute in range(1, 1441)]
            self.assertEqual(sums[name_of(row["HashApp"], row["HashFunction"])][0], sum(counts))
            for minute, count in enumerate(counts):
                hours[minute // 60] = hours.get(minute // 60, 0) + count
        self.assertEqual(done["records"], sum(hours.values()))
        for row in rows(TRACES / "azure-2019-durations.csv"):
            entry = sums[name_of(row["HashApp"], row["HashFunction"])]
            low, high = (int(Decimal(row[f"percentile_Average_{at}"]) * 1000) for at in (0, 100))
            self.assertTrue(low <= entry[1] / entry[0] <= high, (low, entry, high))
            self.assertTrue(high - 1000 <= entry[2] <= high)
            median = Decimal(row["percentile_Average_50"]) * 1000
            self.assertLess(abs(Decimal(entry[1]) / entry[0] - median), median / 50)
        for row in rows(TRACES / "azure-2019-memory.csv"):
            entry = sums[name_of(row["HashApp"], row["HashFunction"])]
            most = int(Decimal(row["AverageAllocatedMb_pct100"]))
            self.assertTrue(most * 0.8 <= entry[3] <= most)
            self.assertEqual(entry[4], -(-most // 128) * 128)
        found = self.stack.query("SELECT (extract(epoch FROM hour - '2026-09-01T00:00Z') / 3600)::int, sum(invocations) FROM rollups r"
                                 " JOIN tenants t ON t.tenant_id = r.tenant_id WHERE t.name = 'of-2019' GROUP BY 1")
        self.assertEqual({int(hour): int(count) for hour, count in found}, {hour: n for hour, n in hours.items() if n})

    def test_again_is_known_and_a_part_is_a_part(self):
        first = self.simulate("--trace", OF_2021, "--tenant", "part", "--records", "40")
        self.assertEqual((first["records"], first["accepted"]), (40, 40))
        whole = self.simulate("--trace", OF_2021, "--tenant", "part")
        self.assertEqual((whole["known"], whole["accepted"]), (40, len(rows(OF_2021)) - 40))
        again = self.simulate("--trace", OF_2021, "--tenant", "part")
        self.assertEqual((again["known"], again["accepted"]), (len(rows(OF_2021)), 0))
        other = self.simulate("--trace", OF_2021, "--tenant", "part", "--seed", "2")
        self.assertEqual(other["accepted"], len(rows(OF_2021)))

    def test_what_cannot_be_replayed_is_said(self):
        invocations, durations = TRACES / "azure-2019-invocations.csv", TRACES / "azure-2019-durations.csv"
        alone = self.stack.run("simulate", "--month", MONTH, "--trace", invocations, status=1)
        self.assertIn("needs the file of durations", alone.stderr)
        one = self.file("".join(durations.read_text().splitlines(keepends=True)[:2]), "csv")
        most = self.stack.run("simulate", "--month", MONTH, "--trace", invocations, "--trace", one, "--records", "5")
        counts = [sum(int(row[str(minute)]) for minute in range(1, 1441)) for row in rows(invocations)]
        self.assertIn(f"{sum(counts[1:])} invocations of 3 functions left out", most.stderr)
        late = self.file("app,func,end_timestamp,duration\na,f,1,1\na,f,3000000,1\n", "csv")
        self.assertIn("1 invocation left out: it starts outside the month",
                      self.stack.run("simulate", "--month", MONTH, "--tenant", "late", "--trace", late).stderr)
        broken = self.file("app,func,end_timestamp,duration\na,f,1,x\n", "csv")
        self.assertRegex(self.stack.run("simulate", "--month", MONTH, "--trace", broken, status=1).stderr, r":2: column 4")
        unknown = self.file("app,func,duration\na,f,1\n", "csv")
        self.assertIn("none of the Azure Functions traces", self.stack.run("simulate", "--trace", unknown, status=1).stderr)
        many = self.stack.run("simulate", "--trace", OF_2021, "--month", MONTH, "--records", "1000000", status=2)
        self.assertIn("expected 1 to", many.stderr)
        both = self.stack.run("simulate", "--trace", OF_2021, "--scenario", "basic", status=2)
        self.assertIn("exclude each other", both.stderr)


if __name__ == "__main__":
    unittest.main()
