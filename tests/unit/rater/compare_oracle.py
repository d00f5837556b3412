#!/usr/bin/env python3
"""Random usage, rated by `millibill quote` and by the exact-fraction oracle: every line must agree to the last digit.

MILLIBILL_SEED and MILLIBILL_SETS choose another seed (it is printed) or more sets; MILLIBILL_BUILD the build folder.
"""
import json
import os
import random
import subprocess
import sys
import unittest
from fractions import Fraction as F

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))
import rating_oracle  # noqa: E402

RATER = os.path.join(os.environ.get("MILLIBILL_BUILD", os.path.join(ROOT, "build")), "bin", "millibill-rater")
NUMBERS = ["quantity", "free_quantity", "billed_quantity", "unit_price", "amount", "amount_exact"]
NAMES = ["tenant", "region", "architecture", "mode", "sku", "tier"]


def random_row(rng):
    scale = rng.choice([10**3, 10**5, 10**6, 10**8, 10**11])
    row = {
        "tenant": rng.choice(["acme", "beta", "zeta", "Émile"]),
        "function": rng.choice(["f", "g", "h"]),
        "architecture": rng.choice(["x86_64", "x86_64", "arm64"]),
        "mode": rng.choice(["on_demand"] * 4 + ["provisioned"]),
        "package": rng.choice(["managed", "managed", "custom", "image"]),
        "memory_mb": rng.choice([128, 512, 1024, 1536, rng.randint(128, 10240)]),
        "invocations": rng.choice([0, 1, rng.randint(1, scale), scale]),
    }
    if rng.random() < 0.5:
        row["duration_ms"] = "%d.%0*d" % (rng.randint(0, 5000), rng.choice([1, 2, 3]), rng.randint(0, 9))
    else:
        row["duration_us"] = rng.choice([0, 1, 999, 1000, 1001, 99999, 100000, 100001, rng.randint(0, 900000000)])
    if rng.random() < 0.4:
        row["init_duration_ms"] = str(rng.randint(0, 3000)) + rng.choice(["", ".5", ".24", ".001"])
    if rng.random() < 0.3:
        row["ephemeral_mb"] = rng.choice([512, 513, 1024, 10240])
    if rng.random() < 0.3:
        del row["tenant"]
    return row


def quote(rows, month, free_tier, book):
    command = [RATER, "quote", "--usage", "-", "--month", month, "--price-book", os.path.join(ROOT, "rater/books", book + ".yaml"),
               "--json"] + ([] if free_tier else ["--no-free-tier"])
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("quote failed: " + done.stderr + json.dumps(rows))
    return json.loads(done.stdout)


def differences(answer, expected):
    if len(answer["lines"]) != len(expected):
        yield "%d lines, expected %d" % (len(answer["lines"]), len(expected))
        return
    for got, want in zip(answer["lines"], expected):
        where = "/".join(str(want[name]) for name in NAMES)
        for name in NAMES:
            if got[name] != want[name]:
                yield "%s: %s is %s" % (where, name, got[name])
        for name in NUMBERS:
            if F(got[name]) != rating_oracle.printed(want[name]):
                yield "%s: %s is %s, expected %s" % (where, name, got[name], want[name])
    total = sum(line["amount"] for line in expected)
    for name in ("subtotal", "total"):
        if F(answer[name]) != total:
            yield "%s is %s, expected %s" % (name, answer[name], total)
    by_lines = sum(line["amount_exact"] for line in expected)
    by_functions = sum(F(function["amount_exact"]) for function in answer["functions"])
    if abs(by_functions - by_lines) > F(len(answer["functions"]), 10**20):
        yield "functions sum to %s, lines to %s" % (by_functions, by_lines)


class RaterAgreesWithOracle(unittest.TestCase):
    def test_random_usage_is_rated_alike_to_the_last_digit(self):
        seed = int(os.environ.get("MILLIBILL_SEED", random.SystemRandom().randint(1, 10**9)))
        sets = int(os.environ.get("MILLIBILL_SETS", "200"))
        print("seed %d, %d sets" % (seed, sets), flush=True)
        rng = random.Random(seed)
        for number in range(sets):
            rows = [random_row(rng) for _ in range(rng.randint(1, 12))]
            month = rng.choice(["2024-02", "2025-07", "2025-08", "2026-10"])
            free_tier = rng.random() < 0.8
            book = rng.choice(["aws-lambda", "aws-lambda", "aws-lambda-2019"])
            expected = rating_oracle.rate(rows, month, free_tier, book)
            found = list(differences(quote(rows, month, free_tier, book), expected))
            self.assertEqual(found, [], "seed %d, set %d (%s, %s, free tier %s): %s" %
                             (seed, number, book, month, free_tier, json.dumps(rows)))

    def test_splitting_a_row_changes_no_bill(self):
        rows = [{"tenant": "a", "memory_mb": 512, "invocations": 1000003, "duration_ms": "812.4"},
                {"tenant": "b", "memory_mb": 1536, "invocations": 900000, "duration_ms": 77}]
        pieces = [dict(rows[0], invocations=n) for n in (1, 2, 500000, 500000)] + [dict(rows[1], invocations=450000)] * 2
        whole = quote(rows, "2026-10", True, "aws-lambda")
        split = quote(pieces, "2026-10", True, "aws-lambda")
        self.assertEqual(whole, split)


if __name__ == "__main__":
    unittest.main()
