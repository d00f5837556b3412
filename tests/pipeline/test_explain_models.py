"""Every price model's line is worked out step by step, also where two price books share a month and an account's service begins in it: what is
printed is calculated here once more, and the figures of the hardest lines are known beforehand."""
import json
import unittest
from fractions import Fraction as F

from calculator import value_of
from harness import StackCase

MONTH = "2026-05"
CHANGE = "2026-05-16T00:00:00Z"  # 15 of 31 days by the first book
SERVICE = "2026-05-11"           # 21 of 31 days in service
# Steps that have no formula, because they are what was counted, what a rule rounds, or all or nothing.
PLAIN = {"quantity", "counter", "before", "amount"}

BOOK = """
name: models
version: "{version}"
currency: USD
rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: 1}}
meters:
  - sku: plan
    description: Plan
    unit: month
    measure: month
    prices: [{{model: flat, fee: {fee}, partial_month: by_day}}]
  - sku: requests
    description: Requests
    unit: request
    measure: invocations
    prices: [{{model: per_unit, unit_price: {price}}}]
  - sku: seconds
    description: Seconds
    unit: second
    measure: seconds
    prices: [{{model: percentage, rate_percent: 2.5, event_fee: 0.10, free_events: {free_events}, free_amount: 500}}]
  - sku: processor
    description: Processor
    unit: CPU-ms
    measure: cpu_ms
    prices: [{{model: percentage, rate_percent: 10, event_fee: 0.05, event_minimum: 0.20, event_maximum: 0.80, free_amount: 10}}]
  - sku: duration
    description: Duration
    unit: GB-second
    measure: gb_seconds
    prices:
      - {{name: cheap, functions: ["cheap*"], model: per_unit, unit_price: 0.001, minimum: 62}}
      - {{model: graduated, tiers: [{{up_to: 10, unit_price: 3, fee: 5}}, {{unit_price: 2, fee: 1}}], maximum: 31}}
  - sku: packed
    description: Packed
    unit: second
    measure: ephemeral_gb_seconds
    prices: [{{model: package, package_size: 10, package_price: 4, free_units: 5}}]
free_tiers:
  - {{name: requests, quantity: 7, skus: [requests], whole_units: true, allocation: proportional, partial_month: by_day}}
"""


def record(name, day, function="f", duration_ms=2500, cpu_ms=1.5, **more):
    return {"request_id": name, "tenant": "acme", "function": function, "memory_mb": 1024, "region": "r", "started_at": f"{MONTH}-{day:02}T10:00:00Z",
            "duration_ms": duration_ms, "cpu_ms": cpu_ms, "ephemeral_mb": 1536, **more}


USAGE = [record(f"a-{i}", 11 + i % 4, "cheap-1" if i % 3 == 0 else "f", 2500 + 100 * i, (1, 4, 20)[i % 3]) for i in range(6)] + \
        [record(f"b-{i}", 16 + i % 9, "cheap-1" if i % 3 == 0 else "g", 3300 + 100 * i, (0.5, 5, 30)[i % 3]) for i in range(12)]


class ExplainModels(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.run("tenant", "add", "acme")
        cls.stack.run("account", "service", "acme", "--from", SERVICE)
        for version, values, start in (("v1", {"fee": 31, "price": "0.5", "free_events": 4}, "2026-05-01"),
                                       ("v2", {"fee": 62, "price": "0.7", "free_events": 9}, CHANGE)):
            book = cls.folder / f"{version}.yaml"
            book.write_text(BOOK.format(version=version, **values))
            cls.stack.run("price-book", "add", str(book), "--from", start)
        usage = cls.folder / "usage.ndjson"
        usage.write_text("".join(json.dumps(each) + "\n" for each in USAGE))
        cls.stack.run("import", str(usage))
        cls.stack.run("rate", "--month", MONTH, "--price-book", "models", "--final")
        [row] = cls.stack.json("invoice", "list", "--month", MONTH, "--tenant", "acme")
        cls.number = row["number"]
        cls.document = cls.stack.json("invoice", "show", cls.number)
        cls.told = [cls.stack.json("explain", cls.number, str(number)) for number in range(1, len(cls.document["lines"]) + 1)]

    def steps(self, sku, book, price=None, tier=1):
        [told] = [each for each in self.told if (each["line"]["sku"], each["line"].get("book", 1), each["line"].get("price"), each["line"]["tier"]) ==
                  (sku, book, price, tier)]
        return {step["step"]: step for step in told["steps"]}

    def result(self, steps, name):
        return F(steps[name]["result"])

    def assert_near(self, figure, expected):
        """Figures that do not end are printed with 20 digits."""
        self.assertLess(abs(figure - expected), F(1, 10**15))

    def test_every_formula_holds_and_none_is_missing(self):
        for told in self.told:
            for step in told["steps"]:
                with self.subTest(line=told["number"], step=step["step"]):
                    if step["formula"] is None:
                        alone = step["step"] in PLAIN or any(word in step["says"] for word in ("covers all", "cover all", "no free tier", "nothing of", "was full before", "used up before", "(proportional)"))
                        self.assertTrue(alone, step)
                        continue
                    tolerance = 1 if "whole units" in step["says"] else F(1, 10**15)
                    expected = value_of(step["formula"].partition(",")[0])
                    if step["step"] == "packages":
                        expected = F(-(-expected.numerator // expected.denominator))
                    self.assertLess(abs(expected - F(step["result"])), tolerance, step)

    def test_amounts_follow_from_the_steps(self):
        for told in self.told:
            steps = {step["step"]: F(step["result"]) for step in told["steps"]}
            line = told["line"]
            self.assert_near(steps["amount_exact"], F(line["billed_quantity"]) * F(line["unit_price"]) + steps.get("fee", 0) + steps.get("adjustment", 0))
            self.assertEqual(F(line["amount"]), steps["amount"])

    def test_a_fee_of_each_event_and_its_free_events(self):
        first = self.steps("seconds", 1)  # 4 of 6 events are free
        self.assertEqual(first["free_part"]["formula"], "4 ÷ 6")
        self.assert_near(self.result(first, "fee"), 6 * F("0.1") / 3)
        second = self.steps("seconds", 2)  # 9 a period, 4 are gone
        self.assertEqual(second["free_part"]["formula"], "(9 − 4) ÷ 12")
        self.assert_near(self.result(second, "fee"), 12 * F("0.1") * 7 / 12)

    def test_least_and_most_of_single_events(self):
        steps = self.steps("processor", 1)  # 1, 4 and 20 ms twice each: 0.15 is 0.20 at least, 0.45, 2.05 is 0.80 at most
        self.assertEqual([steps[name]["formula"] for name in ("at_least", "at_most", "by_rate", "event_fees")],
                         ["2 × 0.2", "2 × 0.8", "8 × 0.1", "2 × 0.05"])
        self.assertEqual(self.result(steps, "events_cost"), F("2.9"))
        self.assertEqual(self.result(steps, "free_part"), F(10, 50))
        self.assertEqual(self.result(steps, "fee"), F("2.9") * F(4, 5) - F(4, 5) * 50 / 10)

        second = self.steps("processor", 2)
        self.assertIn("used up before", second["free_part"]["says"])
        self.assertEqual((self.result(second, "free_part"), self.result(second, "free")), (0, 0))

    def test_limits_for_the_time_of_a_book(self):
        least = self.steps("duration", 1, "cheap")
        self.assertEqual((least["limit"]["formula"], self.result(least, "limit")), ("62 × 360 ÷ 744", 30))
        self.assertEqual(self.result(least, "adjustment"), 30 - (F("2.5") + F("2.8")) / 1000)
        most = self.steps("duration", 2, tier=2)
        self.assertEqual((most["limit"]["formula"], self.result(most, "limit")), ("31 × 384 ÷ 744", 16))

    def test_an_allowance_in_service_and_carried_from_book_to_book(self):
        first, second = self.steps("requests", 1), self.steps("requests", 2)
        self.assertEqual((first["in_service"]["formula"], self.result(first, "in_service")), ("7 × 21 ÷ 31", 4))  # 4.74…
        self.assertEqual(self.result(first, "free"), 4)
        self.assertEqual(self.result(second, "carried"), 0)  # 0.74…
        self.assertEqual(self.result(second, "billed"), 12)




if __name__ == "__main__":
    unittest.main()
