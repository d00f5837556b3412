"""A month in which the price book changes, billed from the database: hour by hour by the one in force, with one climb through the
tiers and one allowance; every way back to the records goes by the same book. The figures are worked out in doc/price-books.md."""
import json
import subprocess
import unittest
from fractions import Fraction as F

from harness import MILLIBILL, StackCase

MONTH = "2026-05"
CHANGE = "2026-05-16T00:00:00Z"
BOOK = """name: two
version: {version}
currency: USD
rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: {granularity}}}
meters:
  - sku: requests
    description: Requests
    unit: request
    measure: invocations
    prices: [{{model: graduated, tiers: [{{up_to: 100, unit_price: {price}}}, {{unit_price: 0.50}}]}}]
  - sku: seconds
    description: Seconds
    unit: second
    measure: seconds
    prices: [{{model: per_unit, unit_price: {second}}}]
free_tiers:
  - {{name: requests, quantity: {free}, skus: [requests], whole_units: true, allocation: dearest_first}}
"""


def record(name, at, tenant="acme", duration_ms=20):
    return {"request_id": name, "tenant": tenant, "function": "f", "memory_mb": 128, "duration_ms": duration_ms, "region": "r", "started_at": at}


def batch(prefix, count, day, tenant="acme"):
    return [record(f"{prefix}-{i}", f"{MONTH}-{day:02}T{i % 24:02}:30:00Z", tenant) for i in range(count)]


class MonthOfTwoBooks(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant in ("acme", "other"):
            cls.stack.run("tenant", "add", tenant)
        cls.first = cls.book("v1", 1, 40, 1, 0)
        cls.second = cls.book("v2", 2, 60, 50, 0.1)  # durations by 50 ms: counted from the evidence
        cls.stack.run("price-book", "add", cls.first, "--from", "2026-05-01")
        cls.stack.run("price-book", "add", cls.second, "--from", CHANGE)
        cls.load(batch("a", 89, 3) + batch("b", 99, 20) +
                 [record("last", "2026-05-15T23:59:59.999999Z"), record("first", CHANGE)] + batch("o", 10, 16, "other"))

    @classmethod
    def book(cls, version, price, free, granularity, second):
        path = cls.folder / f"{version}.yaml"
        path.write_text(BOOK.format(version=version, price=price, free=free, granularity=granularity, second=second))
        return str(path)

    @classmethod
    def load(cls, rows):
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(row) + "\n" for row in rows))

    def rate(self, *options, month=MONTH):
        answer = self.stack.json("rate", "--month", month, "--price-book", "two", *options)
        return {document["invoice"]["tenant"]: document for document in answer["invoices"]}

    def lines(self, document, sku):
        return [(line["book"], line["tier"], F(line["quantity"]), F(line["billed_quantity"]), F(line["unit_price"]), F(line["amount"]))
                for line in document["lines"] if line["sku"] == sku]

    def test_1_every_hour_goes_by_its_book_and_the_month_goes_on(self):
        type(self).preview = self.rate("--preview")
        acme = self.preview["acme"]
        self.assertEqual(self.lines(acme, "requests"), [(1, 1, 90, 50, 1, 50), (2, 1, 70, 50, 2, 100), (2, 2, 30, 30, F("0.5"), 15)])
        self.assertEqual(self.lines(acme, "seconds"), [(1, 1, F("1.8"), F("1.8"), 0, 0), (2, 1, 5, 5, F("0.1"), F("0.5"))])
        self.assertEqual(F(acme["total"]), F("165.5"))
        self.assertEqual([(b["version"], b["from"], b["until"]) for b in acme["price_books"]],
                         [("v1", "2026-05-01T00:00:00Z", CHANGE), ("v2", CHANGE, "2026-06-01T00:00:00Z")])
        self.assertEqual(F(self.preview["other"]["total"]), F("0.05"))  # 10 free requests, 10 x 50 ms

    def test_2_a_quote_of_the_same_usage_says_the_same(self):
        rows = [{"function": "f", "region": "r", "memory_mb": 128, "invocations": count, "duration_ms": "20", "started_at": f"{MONTH}-{day:02}T00:00:00Z",
                 "tenant": "acme"} for count, day in ((90, 3), (100, 20))]
        quote = subprocess.run([MILLIBILL, "quote", "--price-book", self.first, "--change", f"{CHANGE}={self.second}", "--month", MONTH, "--json",
                                "--usage", str(self.file("".join(json.dumps(row) + "\n" for row in rows)))], capture_output=True, text=True, check=True)
        quoted = json.loads(quote.stdout)
        for ours, theirs in zip(self.preview["acme"]["lines"], quoted["lines"], strict=True):
            self.assertEqual({**ours, "account": ""}, {**theirs, "account": ""})
        self.assertEqual(quoted["price_books"], self.preview["acme"]["price_books"])

    def test_3_final_is_the_preview_and_verify_makes_it_again(self):
        finals = self.rate("--final")
        for tenant, document in finals.items():
            for member in ("lines", "functions", "free_tiers", "price_books", "subtotal", "total"):
                self.assertEqual(document[member], self.preview[tenant][member])
        type(self).number = finals["acme"]["invoice"]["number"]
        self.stack.run("verify")
        document = self.stack.value(f"SELECT document::jsonb -> 'price_book' ->> 'sha256' FROM invoices WHERE number = '{self.number}'")
        kept = self.stack.value(f"SELECT encode(sha256(convert_to(source, 'UTF8')), 'hex') FROM price_books WHERE encode(sha256, 'hex') = '{document}'")
        self.assertEqual(kept, document)

    def test_4_each_line_is_explained_by_its_book(self):
        for number, line in enumerate(self.preview["acme"]["lines"], 1):
            told = self.stack.json("explain", self.number, str(number))
            self.assertEqual(told["price_book"]["version"], f"v{line['book']}")
            self.assertEqual(sum(F(part["invocations"]) for part in told["functions"]), 90 if line["book"] == 1 else 100)
            hours = self.stack.json("explain", self.number, str(number), "--function", "f", "--all")["hours"]
            self.assertEqual(sum(F(hour["quantity"]) for hour in hours), 90 * (F("0.02") if line["sku"] == "seconds" else 1) if line["book"] == 1
                             else 100 * (F("0.05") if line["sku"] == "seconds" else 1))
        allowance = next(step for step in self.stack.json("explain", self.number, "3")["steps"] if step["step"] == "allowance")
        self.assertEqual(F(allowance["result"]), 60 - 40)
        for line, formula in (("1", "50 − 0"), ("3", "100 − 50"), ("4", "130 − 100")):  # 50 on the counter when the second book begins, 80 more by it
            steps = {step["step"]: step for step in self.stack.json("explain", self.number, line)["steps"]}
            self.assertEqual(steps["tier"]["formula"], formula)
        text = self.stack.run("explain", self.number, "3").stdout
        self.assertIn("price book two v2", text)

    def test_4b_every_form_of_the_invoice_says_when_which_prices_held(self):
        for form in ("text", "html"):
            page = self.stack.run("invoice", "render", self.number, "--format", form).stdout
            for days in ("on demand, 2026-05-01 \u2013 2026-05-16", "on demand, 2026-05-16 \u2013 2026-06-01"):
                self.assertEqual(page.count(days), 1, page)

    def test_5_a_record_has_its_part_of_the_lines_of_its_book(self):
        shares = {name: self.stack.json("explain", "--record", name)["records"][0]["invoices"][0] for name in ("last", "first")}
        for name, amount in (("last", F(50, 90)), ("first", F(115, 100) + F("0.005"))):
            self.assertLess(abs(F(shares[name]["amount_exact"]) - amount), F(1, 10**12), name)

    def test_6_views_spread_each_book_over_its_own_hours(self):
        rows = self.stack.query("SELECT hour < '2026-05-16', sum(cost), sum(quantity) FROM cost_hourly WHERE tenant = 'acme' AND sku = 'requests'"
                                " GROUP BY 1 ORDER BY 1")
        self.assertEqual([(row[0], round(F(row[1]), 6), F(row[2])) for row in rows], [("f", 115, 100), ("t", 50, 90)])

    def test_7_books_of_final_hours_stay_and_are_told_as_used(self):
        books = [(row["version"], row["use"]) for row in self.stack.json("price-book", "list") if row["name"] == "two"]
        self.assertEqual(books, [("v1", "final"), ("v2", "final")])
        third = self.book("v3", 3, 0, 1, 0)
        for hour in ("2026-05-15T23:00Z", "2026-05-16", "2026-05-31T23:00Z"):
            self.assertIn("is final, by version", self.stack.run("price-book", "add", third, "--from", hour, status=1).stderr)

    def test_8_what_comes_late_is_billed_at_the_prices_of_its_hour(self):
        before = self.file("".join(json.dumps(record(f"late-{i}", "2026-05-02T00:00:00Z")) + "\n" for i in range(4)))
        told = json.loads(self.stack.run("import", "--backfill", "--dry-run", "--price-book", "two", "--tenant", "acme", str(before), "--json").stdout)
        bill = told["months"][0]["bills"][0]
        # four more at 1 in the first half: the climb is at 54 when the second begins, so four fewer at 2 and four more at 0.50
        self.assertEqual(F(bill["difference"]), 4 - 8 + 2)
        self.load([record(f"late-{i}", f"{MONTH}-30T00:00:00Z") for i in range(6)])
        june = self.rate("--preview", month="2026-06")["acme"]
        (adjustment,) = june["adjustments"]
        self.assertEqual(F(adjustment["amount"]), 6 * F("0.5") + 6 * F("0.005"))
        self.assertEqual({line["book"] for line in adjustment["lines"]}, {2})
        self.rate("--final", month="2026-06")
        self.stack.run("verify")

    def test_9_a_customers_log_is_compared_by_the_book_of_each_row(self):
        rows = batch("a", 89, 3) + batch("b", 99, 20) + [record("last", "2026-05-15T23:59:59.999999Z"), record("first", CHANGE, duration_ms=120)]
        path = self.file("".join(json.dumps(row) + "\n" for row in rows + [record("more", f"{MONTH}-02T00:00:00Z")]))
        answer = json.loads(self.stack.run("reconcile", "--month", MONTH, "--tenant", "acme", str(path), "--json", status=3).stdout)
        worth = {row["request_id"]: F(row["worth_exact"]) for row in answer["rows"]}
        self.assertEqual(worth, {"first": F("0.1") * (F("0.15") - F("0.05")), "more": 1 - 2 + F("0.5")})


if __name__ == "__main__":
    unittest.main()
