"""The rater beside an oracle that shares no code with it: vectors kept in tests/data/rating, and random bills from a printed seed.

MILLIBILL_RATING_SETS (default 1500) usage sets; MILLIBILL_RATING_SEED gives other ones. 10,000 take about three minutes.
"""
import importlib
import json
import os
import random
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))

import make_vectors  # noqa: E402
import random_bills  # noqa: E402
from exact import F, text_of  # noqa: E402
from quote_compare import Quotes  # noqa: E402

FILES = [ROOT / "tests/data/rating" / f"{name}.json" for name in make_vectors.NAMES]


class Vectors(unittest.TestCase):
    def test_there_are_vectors_of_every_kind_and_many_were_worked_by_hand(self):
        cases = [case for path in FILES for case in make_vectors.load(path)]
        by_hand = [case for case in cases if "by_hand" in case]
        self.assertGreaterEqual(len(cases), 300)
        self.assertGreaterEqual(len(by_hand), 30)
        for case in by_hand:
            self.assertEqual(F(case["by_hand"]["total"]), F(case["expected"]["total"]), case["name"])

    def test_the_oracle_gives_what_was_committed(self):
        for name in make_vectors.NAMES:
            text, _, _ = make_vectors.render(importlib.import_module(f"vectors.{name}").make())
            path = ROOT / "tests/data/rating" / f"{name}.json"
            self.assertEqual(text, path.read_text(encoding="utf-8"), f"{path.name}: run tests/oracle/make_vectors.py and look at what changed")

    def test_quote_gives_every_vector_to_the_last_digit(self):
        with tempfile.TemporaryDirectory() as folder:
            quotes = Quotes(folder)
            try:
                for path in FILES:
                    for case in make_vectors.load(path):
                        with self.subTest(file=path.name, vector=case["name"]):
                            status, text = quotes.quote(case)
                            self.assertEqual(status, 0, text)
                            answer = make_vectors.plain_answer(json.loads(text, parse_float=str))
                            self.assertEqual(answer, case["expected"])
            finally:
                self.assertEqual(quotes.close(), 0)


class RandomBills(unittest.TestCase):
    def test_quote_and_the_oracle_agree_on_random_books_usage_and_contracts(self):
        count = int(os.environ.get("MILLIBILL_RATING_SETS", "1500"))
        done, bad = random_bills.run(os.environ.get("MILLIBILL_RATING_SEED", "1"), count)
        self.assertEqual((done, bad), (count, 0))


class Liar:
    """A rater with a fault: what `lie` makes of the answer to a case."""

    def __init__(self, quotes, lie):
        self.quotes, self.lie, self.calls = quotes, lie, 0

    def quote(self, case):
        self.calls += 1
        status, text = self.quotes.quote(case)
        return (status, self.lie(case, text, self.calls)) if status == 0 else (status, text)


def charges(more):
    """The answer with `more(usage)` on its first line."""
    def lie(case, text, _):
        answer = json.loads(text, parse_float=str)
        if answer["lines"]:
            answer["lines"][0]["amount_exact"] = text_of(F(answer["lines"][0]["amount_exact"]) + more(case["usage"]))
        return json.dumps(answer)
    return lie


class PropertiesCanFail(unittest.TestCase):
    """Each property of a bill finds the fault that it is there for, even where the oracle would have it too."""

    FAULTS = {
        "rated again the answer is another": (random_bills.books, lambda case, text, calls: text + " " * calls),
        "in another order the answer is another": (random_bills.books, lambda case, text, _: text + json.dumps(case["usage"][0], sort_keys=True)),
        "in pieces the answer is another": (random_bills.books, lambda case, text, _: text + " " * len(case["usage"])),
        "in hourly pieces the answer is another": (random_bills.books, lambda case, text, _: text + " " * len(case["usage"])),
        "rated as one tenant the account costs another amount": (random_bills.monotone, charges(lambda usage: len({row.get("tenant") for row in usage}))),
        "more usage costs less": (random_bills.monotone, charges(lambda usage: -10**9 * sum(int(row.get("capacity_units", row.get("invocations", 0))) for row in usage))),
    }

    def test_every_property_finds_its_fault(self):
        for sentence, (check, lie) in self.FAULTS.items():
            with self.subTest(sentence), tempfile.TemporaryDirectory() as folder, \
                    unittest.mock.patch.object(random_bills, "case_differences", lambda *_: []), \
                    unittest.mock.patch.object(random_bills, "printed_adds_up", lambda *_: []):
                quotes = Quotes(folder)
                try:
                    self.assertTrue(any(sentence in found for number in range(40)
                                        for found in check(Liar(quotes, lie), random.Random(f"liar-{number}"))[1]))
                finally:
                    quotes.close()


if __name__ == "__main__":
    unittest.main()
