#!/usr/bin/env python3
"""Every region and figure of the provider's price map (tests/data/rating/aws-lambda-regions.csv) comes out of the book aws-lambda."""
import csv
import json
import os
import subprocess
import unittest
from fractions import Fraction as F

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
RATER = os.path.join(os.environ.get("MILLIBILL_BUILD", os.path.join(ROOT, "build")), "bin", "millibill-rater")
HOURS = 1000


def regions():
    with open(os.path.join(ROOT, "tests/data/rating/aws-lambda-regions.csv"), encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def quote(rows, *arguments):
    command = [RATER, "quote", "--usage", "-", "--json", "--month", "2026-10", "--no-free-tier", *arguments]
    return subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=False)


def usage(region):
    """1,000,000 GB-s of each kind: 1 GB (and 1 GB of storage above 512 MB) for 1 s, a million times."""
    each = {"region": region, "memory_mb": 1024, "ephemeral_mb": 1536, "duration_ms": 1000, "invocations": 1000000}
    return [dict(each), dict(each, architecture="arm64"), dict(each, mode="provisioned"),
            {"region": region, "memory_mb": 1024, "capacity_units": HOURS, "ready_s": 3600}]


class EveryRegionIsPriced(unittest.TestCase):
    def test_every_figure_of_the_price_map_comes_out(self):
        table = regions()
        self.assertGreaterEqual(len(table), 24)
        for row in table:
            done = quote(usage(row["region"]))
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = {(line["architecture"], line["mode"], line["sku"]): line for line in json.loads(done.stdout)["lines"]}
            expected = {
                ("x86_64", "on_demand", "duration"): 10**6 * F(row["duration_x86_gb_s"]),
                ("arm64", "on_demand", "duration"): 10**6 * F(row["duration_arm_gb_s"]),
                ("x86_64", "on_demand", "requests"): F(row["request_per_1m"]),
                ("arm64", "on_demand", "requests"): F(row["request_per_1m"]),
                ("x86_64", "on_demand", "ephemeral_storage"): 10**6 * F(row["ephemeral_gb_s"]),
                ("arm64", "on_demand", "ephemeral_storage"): 10**6 * F(row["ephemeral_gb_s"]),
                ("x86_64", "provisioned", "duration"): 10**6 * F(row["pc_duration_gb_s_x86"]),
                ("x86_64", "provisioned", "provisioned_capacity"): HOURS * 3600 * F(row["pc_gb_s_x86"]),
            }
            for key, amount in expected.items():
                self.assertEqual(F(lines[key]["amount_exact"]), amount, "%s in %s" % (key, row["region"]))

    def test_what_is_not_published_for_a_region_is_refused_and_never_free(self):
        for row in ({"mode": "provisioned", "architecture": "arm64", "invocations": 1, "duration_ms": 1},
                    {"streamed": True, "response_bytes": 6291457, "invocations": 1, "duration_ms": 1}):
            done = quote([dict(row, region="eu-central-1", memory_mb=128)])
            self.assertEqual(done.returncode, 1)
            self.assertIn("has no price of", done.stderr)
            self.assertEqual(quote([dict(row, memory_mb=128)]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
