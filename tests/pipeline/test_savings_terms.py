"""Savings under contracts, for accounts of several tenants, with capacity kept ready, in several currencies."""
import csv
import io
import json
import unittest
from datetime import datetime, timedelta, timezone
from fractions import Fraction as F
from math import floor

from harness import StackCase

START = datetime(2026, 9, 1, tzinfo=timezone.utc)
MONTH = "2026-09"
GB_SECOND, CAPACITY, MACHINE = F("0.0000166667"), F("0.0000041667"), F("0.0208") * 730
#: tenant: (account, records, run time in ms); each a GB, none above another's place in time
TENANTS = {"acme": ("group", 600, 900_000), "beta": ("group", 300, 900_000), "loner": (None, 50, 1000), "terms": (None, 900, 800_000),
           "taxed": (None, 900, 800_000), "ready": (None, 0, 0), "euro": (None, 60, 900_000)}
READY = {"tenant": "terms", "request_id": "ready-1", "function": "f0", "region": "us-east-1", "memory_mb": 1536,
         "started_at": "2026-09-01T12:00:00Z", "capacity_units": 100, "ready_s": 3600}
TERMS = """name: terms
version: "1"
currency: USD
discounts: [{name: partner, percent: 10}]
commitments: [{name: base, minimum: 8}]
credits: [{name: welcome, amount: 7, until: 2027-01-01}]
tax: {rates: [{name: vat, percent: 19, jurisdiction: Germany}]}
"""
TAXED = """name: taxed
version: "1"
currency: USD
tax: {included: true, rates: [{name: vat, percent: 19, jurisdiction: Germany}]}
"""
BOOK = """name: ours
version: v1
currency: EUR
rounding: {mode: half_up, each: line}
duration: {granularity_ms: 1}
meters: [{sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: 0.25}]}]
"""
IN_EURO = """name: a server in euro
currency: EUR
instances: {hourly: 0.02}
"""


def cents(amount):
    return F(floor(amount * 100 + F(1, 2)), 100)


def records():
    rows = []
    for tenant, (_, count, duration_ms) in TENANTS.items():
        for i in range(count):
            rows.append({"tenant": tenant, "request_id": f"{tenant}-{i}", "function": f"f{i % 3}", "region": "us-east-1", "memory_mb": 1024,
                         "max_memory_used_mb": 100 + i % 50, "duration_ms": duration_ms,
                         "started_at": (START + timedelta(seconds=i * 2500)).isoformat()})
    return rows + [READY, {**READY, "tenant": "ready", "request_id": "ready-2", "function": "idle"}]


def ndjson(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class SavingsTerms(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant, (account, _, _) in TENANTS.items():
            cls.stack.run("tenant", "add", tenant, *(["--account", account] if account else []))
        cls.stack.run("import", "-", input=ndjson(records()))
        (cls.folder / "book.yaml").write_text(BOOK)
        cls.stack.run("price-book", "add", cls.folder / "book.yaml", "--from", "2026-01-01")
        for name, text in (("terms", TERMS), ("taxed", TAXED), ("euro", "name: euro\nversion: '1'\nprice_book: ours\n")):
            path = cls.folder / "contract.yaml"
            path.write_text(text)
            cls.stack.run("contract", "set", "--tenant", name, "--from", MONTH, path)

    def savings(self, *options):
        return self.stack.json("savings", "--month", MONTH, *options)

    def test_a_contract_is_itemized_and_credits_and_tax_are_not_compared(self):
        report = self.savings("--tenant", "terms")
        duration = cents((720_000 - 400_000) * GB_SECOND)
        capacity = cents(F(100 * 3600 * 1536, 1024) * CAPACITY)
        discount = -cents((duration + capacity) / 10)
        reached = duration + capacity + discount
        terms = report["serverless"]["terms"]
        self.assertEqual([(term["kind"], F(term["amount"]), term["compared"]) for term in terms],
                         [("discount", discount, True), ("minimum", 8 - reached, True), ("credit", F(-7), False), ("tax", F("0.19"), False)])
        self.assertEqual({term["tenant"] for term in terms}, {"terms"})
        self.assertEqual(F(report["serverless"]["total"]), 8)
        side = report["alternatives"][0]
        self.assertEqual(F(side["saving"]), cents(MACHINE) - 8)
        shown = [F(line["amount"]) for line in report["serverless"]["lines"]] + [F(term["amount"]) for term in terms if term["compared"]]
        self.assertEqual(sum(shown), F(report["serverless"]["total"]))

    def test_every_format_says_what_the_contract_does(self):
        text = self.stack.run("savings", "--month", MONTH, "--tenant", "terms").stdout
        page = self.stack.run("savings", "--month", MONTH, "--tenant", "terms", "--format", "html").stdout
        for what in ("partner: 10 % of 7.58", "base: minimum 8.00, 6.82 reached", "welcome: credit, 7.00 available", "vat: Germany, 19 % of 1.00"):
            self.assertIn(what, text)
            self.assertIn(what, page)
        self.assertIn("Not compared        welcome", text)
        rows = list(csv.DictReader(io.StringIO(self.stack.run("savings", "--month", MONTH, "--tenant", "terms", "--format", "csv").stdout)))
        self.assertEqual([(row["section"], row["amount"]) for row in rows if row["section"] in ("contract", "not compared")],
                         [("contract", "-0.76"), ("contract", "1.18"), ("not compared", "-7.00"), ("not compared", "0.19")])

    def test_percentages_grow_with_the_load_and_the_curve_meets_the_total(self):
        side = self.savings("--tenant", "terms", "--no-free-tier")["alternatives"][0]
        gross = 720_000 * GB_SECOND + 540_000 * CAPACITY + 900 * F("0.0000002")
        rate = F(900) / (730 * 3600)
        even = rate * MACHINE / (gross * F(9, 10))
        self.assertAlmostEqual(float(side["break_even_requests_per_second"]), float(even), delta=1e-6)

    def test_tax_that_prices_contain_is_taken_off(self):
        report = self.savings("--tenant", "taxed")
        duration = cents((720_000 - 400_000) * GB_SECOND)
        self.assertEqual(F(report["serverless"]["total"]), duration - cents(duration * 19 / 119))
        self.assertEqual([term["kind"] for term in report["serverless"]["terms"] if term["compared"]], ["tax_included"])

    def test_the_same_functions_rated_in_another_way_keep_the_contract(self):
        arm = self.savings("--tenant", "terms", "--alternative", "arm64")["alternatives"][0]
        duration, capacity = cents((720_000 - 400_000) * F("0.0000133334")), cents(540_000 * F("0.0000033334"))
        discount = -cents((duration + capacity) / 10)
        self.assertEqual([F(item["amount"]) for item in arm["items"] if item["what"].startswith(("partner", "base"))],
                         [discount, 8 - duration - capacity - discount])
        self.assertEqual(F(arm["total"]), 8)
        self.assertEqual(F(arm["saving"]), 0)

    def test_both_sides_lose_the_free_tier_when_both_are_functions(self):
        arm = self.savings("--tenant", "acme", "--alternative", "arm64")["alternatives"][0]["range"]
        free = F(800_000, 3)  # two thirds of the group's 400,000 GB-seconds
        ours, theirs = cents((540_000 - free) * GB_SECOND), cents((540_000 - free) * F("0.0000133334"))
        self.assertEqual(F(arm["saving_high"]), theirs - ours)
        requests = cents(600 * F("0.0000002"))
        self.assertEqual(F(arm["saving_low"]), theirs + cents(free * F("0.0000133334")) - ours - cents(free * GB_SECOND) + 0 * requests)

    def test_an_account_of_two_tenants_is_both_and_nobody_else(self):
        account = self.savings("--account", "group")
        each = [self.savings("--tenant", tenant) for tenant in ("acme", "beta")]
        self.assertEqual(F(account["serverless"]["total"]), sum(F(one["serverless"]["total"]) for one in each))
        self.assertEqual(F(account["serverless"]["total"]), cents((540_000 - F(800_000, 3)) * GB_SECOND) + cents((270_000 - F(400_000, 3)) * GB_SECOND))
        self.assertEqual({(verdict["tenant"], verdict["function"]) for verdict in account["verdicts"]},
                         {(tenant, f"f{i}") for tenant in ("acme", "beta") for i in range(3)})
        # both start at the same instants: the first 300 of acme run beside beta's
        self.assertEqual(account["concurrency"]["peak"], 2)
        self.assertEqual({bar["from"]: F(bar["seconds"]) for bar in account["concurrency"]["histogram"]},
                         {0: 30 * 86400 - 600 * 900, 1: 300 * 900, 2: 300 * 900})
        self.assertEqual({tier["tenant"] for tier in account["free_tier"]["tiers"]}, {"acme", "beta"})
        text = self.stack.run("savings", "--month", MONTH, "--account", "group").stdout
        self.assertIn("acme: Duration", text)
        self.assertIn("beta took 133,333 of 400,000 GB-seconds, others of its account 266,667", text)

    def test_documents_say_who_shares_the_free_tier(self):
        page = self.stack.run("savings", "--month", MONTH, "--account", "group", "--format", "html").stdout
        self.assertIn("Free tier (GB-second): beta took 133,333 of 400,000, others of its account 266,667", page)
        self.assertIn("All of the free tier is worth 6.66 USD here", page)
        rows = list(csv.DictReader(io.StringIO(self.stack.run("savings", "--month", MONTH, "--account", "group", "--format", "csv").stdout)))
        used = {row["subject"]: F(row["quantity"]) for row in rows if row["section"] == "free tier" and row["what"] == "used" and row["unit"] == "GB-second"}
        self.assertAlmostEqual(float(sum(used.values())), 400_000, places=6)
        self.assertEqual([row["amount"] for row in rows if row["what"] == "worth"], ["6.66"])

    def test_capacity_is_paid_for_and_nothing_runs(self):
        report = self.savings("--tenant", "ready")
        paid = cents(540_000 * CAPACITY)
        self.assertEqual(F(report["serverless"]["total"]), paid)
        self.assertEqual(report["verdicts"], [])
        stack = self.savings("--tenant", "terms", "--no-free-tier")
        own = [row for row in records() if row["tenant"] == "terms"]
        for rows in (own, list(reversed(own)), own + [READY]):  # a copy counts once
            file = self.stack.json("savings", "--no-free-tier", "--usage", "-", input=ndjson(rows))
            self.assertEqual(F(file["serverless"]["total"]), cents(720_000 * GB_SECOND) + paid)
            self.assertEqual(file["concurrency"], stack["concurrency"])
            self.assertEqual(file["period"], MONTH)
        f0 = next(verdict for verdict in stack["verdicts"] if verdict["function"] == "f0")
        self.assertEqual(F(f0["cost_exact"]), 240_000 * GB_SECOND + 300 * F("0.0000002") + 540_000 * CAPACITY)
        self.assertEqual(F(f0["right_size_saving"]), cents(240_000 * GB_SECOND * (1024 - 149) / 1024))

    def test_capacity_stands_among_quote_rows(self):
        capacity = {key: READY[key] for key in ("function", "region", "memory_mb", "capacity_units", "ready_s")}
        rows = [capacity, {"function": "f0", "memory_mb": 1024, "invocations": 10, "duration_ms": "1000", "mode": "provisioned"}]
        report = self.stack.json("savings", "--no-free-tier", "--usage", "-", input=json.dumps(rows))
        lines = {line["sku"]: F(line["amount_exact"]) for line in report["serverless"]["lines"]}
        self.assertEqual(lines["provisioned_capacity"], 540_000 * CAPACITY)
        self.assertEqual(lines["duration"], 10 * F("0.0000097222"))
        refused = self.stack.run("savings", "--usage", "-", input=json.dumps([{**capacity, "ready_s": None}]), status=1)
        self.assertIn("ready_s", refused.stderr)

    def test_currencies_are_not_mixed(self):
        refused = self.stack.run("savings", "--month", MONTH, status=1).stderr
        self.assertRegex(refused, "is in (EUR|USD), the comparison in (EUR|USD)")
        self.assertIn("compared one at a time: --tenant", refused)
        refused = self.stack.run("savings", "--month", MONTH, "--tenant", "euro", status=1).stderr
        self.assertIn("is in USD, the comparison in EUR", refused)
        self.assertIn("in the price book's currency", refused)
        refused = self.stack.run("savings", "--month", MONTH, "--tenant", "euro", "--fleet", status=1).stderr
        self.assertIn("EUR", refused)
        report = self.savings("--tenant", "euro", "--alternative", self.file(IN_EURO, "yaml"))
        self.assertEqual((report["currency"], F(report["serverless"]["total"])), ("EUR", 15))
        self.assertEqual(F(report["alternatives"][0]["saving"]), F("14.60") - 15)


if __name__ == "__main__":
    unittest.main()
