"""A line down to its invocations: every formula that is printed is worked out here, and the whole way a second time by itself."""
import json
import math
import re
import unittest
from fractions import Fraction

from calculator import value_of
from harness import StackCase

PRICES = {"x86_64": [Fraction("0.0000166667"), Fraction("0.000015"), Fraction("0.0000133334")],
          "arm64": [Fraction("0.0000133334"), Fraction("0.0000120001"), Fraction("0.0000106667")]}
LIMITS = {"x86_64": [0, 6 * 10**9, 15 * 10**9], "arm64": [0, 7500 * 10**6, 18750 * 10**6]}
FREE_GB_SECONDS = 400000
MONTH = "2026-05"


MIXED_BOOK = """
name: mixed
version: "1"
currency: USD
rounding: {mode: half_up, each: invoice}
duration: {granularity_ms: 100}
meters:
  - sku: requests
    description: Requests
    unit: request
    measure: invocations
    prices:
      - {name: chosen, functions: ["fn-1*"], model: per_unit, unit_price: 0.5, minimum: 100}
      - {model: package, package_size: 100, package_price: 5, free_units: 50}
  - sku: seconds
    description: Seconds
    unit: second
    measure: seconds
    prices:
      - {model: volume, counted_over: account, tiers: [{up_to: 10, unit_price: 3, fee: 5}, {unit_price: 2, fee: 1}]}
  - sku: duration
    description: Duration
    unit: GB-second
    measure: gb_seconds
    prices:
      - model: graduated
        tiers: [{up_to: 2, unit_price: 3, fee: 5}, {unit_price: 2, fee: 1}]
        maximum: 30
  - sku: support
    description: Support
    unit: USD
    measure: amount
    of: [requests, duration]
    prices:
      - {model: percentage, rate_percent: 10}
free_tiers:
  - {name: some, quantity: 1, skus: [duration], allocation: proportional}
"""


FINE_BOOK = """
name: fine
version: "1"
currency: USD
rounding: {mode: half_up, digits: 6, each: line}
duration: {granularity_ms: 50, minimum_ms: 100}
memory: {step_mb: 128}
meters:
  - {sku: duration, description: Duration, unit: GB-second, measure: gb_seconds, prices: [{model: per_unit, unit_price: 0.01}]}
free_tiers:
  - {name: some, quantity: 2, skus: [duration], allocation: usage_order}
"""


def record(request_id, duration_ms, function="f", memory_mb=1024, started="2026-05-10T12:00:00Z", **more):
    return {"request_id": request_id, "function": function, "region": "us-east-1", "memory_mb": memory_mb, "started_at": started,
            "duration_ms": duration_ms, **more}


def gb_seconds(each):
    billed_ms = math.ceil(Fraction(each["duration_ms"]) + Fraction(each.get("init_duration_ms", 0)))
    return Fraction(billed_ms * each["memory_mb"], 1024 * 1000)


def half_up(value):
    return Fraction(math.floor(value * 100 + Fraction(1, 2)), 100)


class ExplainLine(StackCase):
    def load(self, tenant, records):
        self.stack.json("import", "--tenant", tenant, self.file("".join(json.dumps(each) + "\n" for each in records)))

    def bill(self, tenant, *options):
        self.stack.run("rate", "--month", MONTH, *options)
        [found] = [each for each in self.stack.json("invoice", "list", "--tenant", tenant) if each["period_start"].startswith(MONTH)]
        return str(found["invoice_id"]), self.stack.json("invoice", "show", str(found["invoice_id"]))

    def explain(self, *arguments, status=0):
        return self.stack.json("explain", *arguments, status=status)

    def assert_formulas_hold(self, answer):
        entries = answer["steps"] + answer.get("functions", []) + answer.get("hours", []) + answer.get("invocations", [])
        checked = 0
        for entry in entries:
            if entry["formula"] is None:
                continue
            result = Fraction(entry.get("result", entry.get("quantity")))
            if "whole packages" in entry["formula"]:
                self.assertEqual(math.ceil(value_of(entry["formula"].partition(",")[0])), result, entry)
            elif "whole units" in entry.get("says", ""):
                self.assertLess(abs(value_of(entry["formula"]) - result), 1, entry)
            else:  # figures that do not end are printed with 20 digits
                self.assertLess(abs(value_of(entry["formula"]) - result), max(abs(result), 1) / 10**15, entry)
            checked += 1
        self.assertGreater(checked, 1)

    def step(self, answer, name):
        [step] = [step for step in answer["steps"] if step["step"] == name]
        return Fraction(step["result"])

    def assert_line_is_worked_out(self, answer, mine, claims, counter):
        """`mine`: quantity of the item; `claims`: (price, quantity) of the whole account; `counter`: billed of the account before."""
        line = answer["line"]
        prices, limits = PRICES[line["architecture"]], LIMITS[line["architecture"]]
        dearer = sum(quantity for price, quantity in claims if price > prices[0])
        equal = sum(quantity for price, quantity in claims if price == prices[0])
        left = max(0, FREE_GB_SECONDS - dearer)
        free = mine if equal <= left else left * mine / equal
        billed = mine - free
        whole = counter(free)
        tier = line["tier"] - 1
        top = limits[tier + 1] if tier + 1 < len(limits) else whole
        in_tier = max(0, min(whole, top) - limits[tier])
        part = in_tier * billed / whole if whole else 0
        for name, expected in (("quantity", mine), ("free", free), ("billed", billed), ("amount_exact", part * prices[tier]),
                               ("amount", half_up(part * prices[tier]))):
            self.assertLess(abs(self.step(answer, name) - expected), Fraction(1, 10**15), name)
        self.assertLess(abs(Fraction(line["billed_quantity"]) - part), Fraction(1, 10**15))

    def test_an_account_that_shares_free_tier_and_tiers_is_worked_out_to_the_cent(self):
        self.stack.run("tenant", "add", "north", "--account", "both")
        self.stack.run("tenant", "add", "south", "--account", "both")
        north = [record(f"n-{n}", "86400000", "giant", 16777216) for n in range(5)] + \
                [record("n-odd", "1234.567", memory_mb=1769, init_duration_ms="411.2"), record("n-arm", "777.7", architecture="arm64")]
        south = [record(f"s-{n}", "86400000", "giant", 16777216) for n in range(6)] + [record("s-odd", "3.141", memory_mb=333)]
        self.load("north", north)
        self.load("south", south)
        x86 = {name: sum(gb_seconds(each) for each in records if "architecture" not in each)
               for name, records in (("north", north), ("south", south))}
        arm = gb_seconds(north[-1])
        claims = [(PRICES["x86_64"][0], sum(x86.values())), (PRICES["arm64"][0], arm)]
        tiers = 0
        for tenant in ("north", "south"):
            _, document = self.bill(tenant)
            number, document = self.bill(tenant)
            for index, line in enumerate(document["lines"], 1):
                answer = self.explain(number, str(index))
                self.assert_formulas_hold(answer)
                self.assertEqual(answer["line"], line)
                if line["sku"] != "duration":
                    continue
                tiers = max(tiers, line["tier"])
                if line["architecture"] == "arm64":
                    self.assert_line_is_worked_out(answer, arm, claims, lambda free: arm - free)
                else:
                    self.assert_line_is_worked_out(answer, x86[tenant], claims, lambda free: sum(x86.values()) - FREE_GB_SECONDS)
        self.assertEqual(tiers, 3)

    def test_from_the_line_to_rollups_segments_and_invocations_nothing_is_missing(self):
        records = [record(f"r-{n}", f"{n}.{n % 7}", f"fn-{n % 15}", 128 << n % 3, f"2026-05-{1 + n % 3:02d}T{n % 4:02d}:10:00Z",
                          **({"init_duration_ms": "99.9"} if n % 5 == 0 else {})) for n in range(1, 200)]
        self.load("deep", records + records[:20])  # copies count once
        number, document = self.bill("deep", "--tenant", "deep", "--final")
        self.load("deep", [record("late", "50", "fn-1", 256, "2026-05-02T01:30:00Z")])
        [line] = [index for index, each in enumerate(document["lines"], 1) if each["sku"] == "duration"]
        short = self.explain(number, str(line))
        self.assertEqual((len(short["functions"]), short["left_out"]["entries"] > 0), (10, True))
        answer = self.explain(number, str(line), "--all")
        whole = sum(gb_seconds(each) for each in records)
        self.assertEqual(sum(Fraction(each["quantity"]) for each in answer["functions"]), whole)
        self.assertEqual(sum(Fraction(each["quantity"]) for each in short["functions"]) + Fraction(short["left_out"]["quantity"]), whole)
        self.assertEqual(Fraction(document["lines"][line - 1]["quantity"]), whole)
        mine = [each for each in records if each["function"] == "fn-1"]
        hours = self.explain(number, str(line), "--function", "fn-1", "--all")
        self.assert_formulas_hold(hours)
        self.assertEqual(sum(Fraction(each["quantity"]) for each in hours["hours"]), sum(map(gb_seconds, mine)))
        odd = [each for each in hours["hours"] if each["rollup_invocations"] != each["invocations"]]
        self.assertLessEqual(len(odd), 1)  # the late record is in the rollup of one configuration
        seen = 0
        for hour in sorted({each["hour"] for each in hours["hours"]}):
            drill = self.explain(number, str(line), "--function", "fn-1", "--hour", hour[:13], "--all")
            self.assert_formulas_hold(drill)
            of_hour = [each for each in mine if each["started_at"][:13] == hour[:13]]
            self.assertEqual({each["request_id"]: Fraction(each["quantity"]) for each in drill["invocations"]},
                             {each["request_id"]: gb_seconds(each) for each in of_hour})
            self.assertEqual(Fraction(drill["quantity"]), sum(map(gb_seconds, of_hour)))
            self.assertTrue({each["segment"] for each in drill["invocations"]} <= {each["segment"] for each in drill["segments"]})
            seen += len(drill["invocations"])
        self.assertEqual(seen, len(mine))

    def test_every_model_of_a_price_book_is_told_with_formulas_that_hold(self):
        book = self.file(MIXED_BOOK, "yaml")
        self.load("mixed", [record(f"m-{n}", f"{70 + n}", f"fn-{n % 15}", 128 << n % 3) for n in range(180)])
        number, document = self.bill("mixed", "--tenant", "mixed", "--price-book", str(book))
        seen, parts = set(), set()
        for index, line in enumerate(document["lines"], 1):
            answer = self.explain(number, str(index), "--all")
            self.assert_formulas_hold(answer)
            self.assertEqual(self.step(answer, "amount_exact"), Fraction(line["amount_exact"]))
            self.assertEqual(self.step(answer, "amount"), Fraction(line["amount"]))
            [exact] = [step for step in answer["steps"] if step["step"] == "amount_exact"]
            self.assertIsNotNone(exact["formula"], line)
            for name in ("fee", "adjustment"):  # where these come from is worked out too
                told = [step for step in answer["steps"] if step["step"] == name]
                self.assertEqual(sum(Fraction(step["result"]) for step in told), Fraction(line.get(name, "0")), line)
                self.assertTrue(all(step["formula"] for step in told), told)
                parts.update(name for _ in told)
            seen.add((line["sku"], line.get("price"), line.get("model"), line["tier"]))
            if line["sku"] == "requests":
                chosen = line.get("price") == "chosen"
                self.assertEqual({each["function"].startswith("fn-1") for each in answer["functions"]}, {chosen})
                self.assertEqual(sum(Fraction(each["quantity"]) for each in answer["functions"]), self.step(answer, "quantity"))
            if line["sku"] in ("seconds", "duration"):
                one = self.explain(number, str(index), "--function", "fn-3", "--hour", "2026-05-10T12", "--all")
                self.assert_formulas_hold(one)
                self.assertEqual({each["billed_ms"] for each in one["invocations"]}, {"100", "200", "300"})
        self.assertEqual((len(seen), parts), (6, {"fee", "adjustment"}))
        share = self.explain_record("m-1")
        self.assertEqual([line["sku"] for line in share["lines"]], ["requests", "seconds", "duration"])
        [request] = [line for line in share["lines"] if line["sku"] == "requests"]
        self.assertEqual(document["lines"][request["line"] - 1]["price"], "chosen")

    def test_a_book_that_counts_what_hourly_sums_do_not_hold_is_told_too(self):
        records = [record(f"k-{n}", f"{20 + 7 * n}.5", f"fn-{n % 2}", 200, f"2026-05-{1 + n % 3:02d}T{n % 4:02d}:10:00Z") for n in range(60)]
        book = self.file(FINE_BOOK, "yaml")
        self.load("fine", records)
        number, document = self.bill("fine", "--tenant", "fine", "--price-book", str(book))

        def billed_ms(each):
            return max(100, 50 * math.ceil(Fraction(each["duration_ms"]) / 50))

        def quantity(some):
            return sum(Fraction(billed_ms(each) * 256, 1024000) for each in some)

        answer = self.explain(number, "1")
        self.assert_formulas_hold(answer)
        self.assertEqual({each["function"]: Fraction(each["quantity"]) for each in answer["functions"]},
                         {name: quantity([each for each in records if each["function"] == name]) for name in ("fn-0", "fn-1")})
        self.assertEqual((self.step(answer, "quantity"), self.step(answer, "free")), (quantity(records), 2))
        self.assertGreater(self.step(answer, "billed"), 0)
        drill = self.explain(number, "1", "--function", "fn-1", "--hour", "2026-05-02T01", "--all")
        self.assert_formulas_hold(drill)
        self.assertEqual({each["request_id"]: each["billed_ms"] for each in drill["invocations"]},
                         {each["request_id"]: str(billed_ms(each)) for each in records
                          if each["function"] == "fn-1" and each["started_at"] == "2026-05-02T01:10:00Z"})
        changed = [dict(records[0], duration_ms="1000"), *records[1:]]
        own = self.file("".join(json.dumps(each) + "\n" for each in changed))
        result = self.stack.json("reconcile", "--month", MONTH, "--tenant", "fine", own, status=3)
        self.assertEqual([Fraction(row["worth_exact"]) for row in result["rows"]],
                         [(quantity(changed) - quantity(records)) * Fraction("0.01")])

    def explain_record(self, request_id):
        [found] = self.explain("--record", request_id)["records"]
        return found["invoices"][0]

    def test_a_rollup_that_changed_after_the_bill_is_told(self):
        self.load("after", [record("first", "10", "g")])
        number, _ = self.bill("after", "--tenant", "after", "--final")
        self.load("after", [record("second", "20", "g")])
        [hour] = self.explain(number, "1", "--function", "g")["hours"]
        self.assertEqual((hour["invocations"], hour["rollup_invocations"]), ("1", "2"))
        self.assertIn("the rollup now has 2", self.stack.run("explain", number, "1", "--function", "g").stdout)

    def test_what_cannot_be_explained_says_why(self):
        self.load("plain", [record("one", "10")])
        number, document = self.bill("plain", "--tenant", "plain")
        self.assertEqual(document["invoice"]["state"], "preview")
        for arguments, status, words in (((number, "99"), 1, "has lines 1 to"), ((number, "0"), 1, "has lines 1 to"),
                                         ((number, "two"), 2, "is a number"), ((number,), 2, "explain what"), ((), 2, "explain what"),
                                         (("MB-1999-000001", "1"), 1, "there is no invoice"),
                                         ((number, "1", "--function", "nobody"), 1, "has nothing on this line"),
                                         ((number, "1", "--hour", "2026-05-10T12"), 2, "--function"),
                                         ((number, "1", "--function", "f", "--hour", "noon"), 2, "--hour"),
                                         ((number, "1", "--function", "f", "--hour", "2026-05-11T12"), 1, "has nothing")):
            self.assertIn(words, self.stack.run("explain", *arguments, status=status).stderr, arguments)

    def test_a_line_that_does_not_follow_from_the_evidence_is_not_explained_away(self):
        self.load("robbed", [record("gone", "10"), record("here", "10", started="2026-05-11T12:00:00Z")])
        number, _ = self.bill("robbed", "--tenant", "robbed", "--final")
        self.stack.query("DELETE FROM segments WHERE hour = '2026-05-10T12:00:00Z' AND tenant_id = "
                         "(SELECT tenant_id FROM tenants WHERE name = 'robbed')", role="postgres")
        self.assertIn("does not follow from the evidence", self.stack.run("explain", number, "2", status=3).stderr)

    def test_names_on_the_way_down_cannot_paint_on_the_terminal(self):
        self.load("painted", [record("evil\u200e", "10", "\u202egnp.exe")])
        number, _ = self.bill("painted", "--tenant", "painted")
        text = self.stack.run("explain", number, "2").stdout + \
            self.stack.run("explain", number, "2", "--function", "\u202egnp.exe", "--hour", "2026-05-10T12").stdout
        self.assertNotRegex(text, "[\u202e\u200e]")
        self.assertIn("?gnp.exe", text)


if __name__ == "__main__":
    unittest.main()
