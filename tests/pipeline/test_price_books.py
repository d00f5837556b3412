"""Price books: listed, shown, compared, several side by side, and rated from the database as quote rates them."""
import json
import os
import random
import subprocess
import tempfile
import unittest
from fractions import Fraction as F
from pathlib import Path

from harness import ROOT, Stack

RATER = Path(os.environ.get("MILLIBILL_BUILD", ROOT / "build")) / "bin" / "millibill-rater"
BOOKS = ["aws-lambda", "aws-lambda-2019", "azure-functions", "cloudflare-workers", "google-cloud-functions", "internal-chargeback"]
USAGE = [{"tenant": "acme", "function": "web", "memory_mb": 256, "max_memory_used_mb": 90, "duration_ms": "130.2", "cpu_ms": "12.5",
          "invocations": 12345678, "package": "image", "init_duration_ms": 20}]


def rater(*arguments, usage=None, status=0):
    done = subprocess.run([RATER, *map(str, arguments)], input=None if usage is None else json.dumps(usage), text=True,
                          capture_output=True, check=False, env={**os.environ, "MILLIBILL_SHARE_ROOT": str(ROOT)})
    if done.returncode != status:
        raise AssertionError("%s: exit %d: %s" % (arguments, done.returncode, done.stderr))
    return done


def quote(*arguments, usage=USAGE, month="2026-10"):
    return json.loads(rater("quote", "--usage", "-", "--month", month, "--json", *arguments, usage=usage).stdout)


def several(books):
    return [word for book in books for word in ("--price-book", book)]


class Books(unittest.TestCase):
    def test_list_names_every_shipped_book_and_each_is_valid(self):
        listed = json.loads(rater("price-book", "list", "--json").stdout)
        self.assertEqual(sorted(book["name"] for book in listed), BOOKS)
        self.assertEqual(rater("price-book", "validate", *BOOKS).stdout.count(": valid"), len(BOOKS))

    def test_several_books_are_an_array_of_what_each_says_alone(self):
        together = quote(*several(BOOKS))
        self.assertEqual(together, [quote("--price-book", book) for book in BOOKS])

    def test_side_by_side_shows_the_totals_and_what_they_differ_from_the_first(self):
        names = ["aws-lambda", "google-cloud-functions", "azure-functions", "cloudflare-workers"]
        totals = [F(answer["total"]) for answer in quote(*several(names))]
        text = rater("quote", "--usage", "-", "--month", "2026-10", *several(names), usage=USAGE).stdout
        table = text[text.index("side by side"):].splitlines()
        self.assertEqual(table[0].split()[3:], names)
        rows = {line.split()[0]: line.split()[1:] for line in table}
        self.assertEqual([F(word.replace(",", "")) for word in rows["total"]], totals)
        self.assertEqual([F(word.replace(",", "")) for word in rows["difference"]], [total - totals[0] for total in totals[1:]])

    def test_the_bill_by_every_book_is_what_a_pocket_calculator_says(self):
        n = F(12345678)
        gb = n * F(256, 1024)
        answers = dict(zip(BOOKS, quote("--no-free-tier", *several(BOOKS))))
        exact = {name: {line["sku"]: F(line["amount_exact"]) for line in answer["lines"]} for name, answer in answers.items()}
        self.assertEqual(exact["aws-lambda"]["duration"], gb * F(151, 1000) * F("0.0000166667"))
        self.assertEqual(exact["aws-lambda-2019"]["duration"], gb * F(200, 1000) * F("0.0000166667"))
        self.assertEqual(exact["azure-functions"]["duration"], n * F(128, 1024) * F(131, 1000) * F("0.000016"))
        self.assertEqual(exact["cloudflare-workers"], {"plan": 5, "requests": n * F("0.30") / 10**6, "cpu": n * F("12.5") * F("0.02") / 10**6})
        self.assertEqual(exact["google-cloud-functions"], {
            "requests": n * F("0.40") / 10**6, "duration": gb * F(200, 1000) * F("0.0000025"),
            "cpu": n * F(200, 1000) * F(400, 1000) * F("0.00001")})
        chargeback = exact["internal-chargeback"]
        self.assertEqual(chargeback["requests"], 119 * F("0.05"))  # 11,845,678 in packages of 100,000
        self.assertEqual(chargeback["duration"], gb * F(200, 1000) * F("0.000012"))
        self.assertEqual(chargeback["operations"], F("0.125") * (25 + chargeback["requests"] + chargeback["duration"]))
        lines = answers["internal-chargeback"]["lines"]
        self.assertEqual(sum(F(line["amount"]) for line in lines), F(answers["internal-chargeback"]["total"]))
        self.assertLessEqual(abs(sum(F(line["amount_exact"]) for line in lines) - F(answers["internal-chargeback"]["total"])), F(1, 200))

    def test_however_usage_is_cut_into_rows_the_bill_is_the_same(self):
        seed = int(os.environ.get("MILLIBILL_SEED", random.SystemRandom().randint(1, 10**9)))
        print("seed %d" % seed, flush=True)
        rng = random.Random(seed)
        whole = [{"tenant": rng.choice("abc"), "function": rng.choice(["batch-1", "web", "x-nightly"]), "memory_mb": rng.choice([128, 1000, 4096]),
                  "max_memory_used_mb": rng.randint(0, 5000), "architecture": rng.choice(["x86_64", "arm64"]), "ephemeral_mb": rng.choice([512, 4096]),
                  "duration_us": rng.randint(0, 9 * 10**6), "cpu_us": rng.randint(0, 10**6), "streamed": rng.random() < 0.5,
                  "response_bytes": rng.randint(0, 10**8), "started_at": "2026-10-01T%02d:00:00Z" % rng.randint(0, 23),
                  "region": "us-east-1", "invocations": rng.randint(1, 10**6)} for _ in range(12)]
        pieces = []
        for row in whole:
            cut = sorted(rng.randint(0, row["invocations"]) for _ in range(3))
            pieces += [dict(row, invocations=b - a) for a, b in zip([0, *cut], [*cut, row["invocations"]])]
        rng.shuffle(pieces)
        books = BOOKS + sorted(str(path) for path in (ROOT / "tests/data/rating/books").glob("*.yaml"))
        for first in range(0, len(books), 16):
            some = several(books[first:first + 16])
            for one, other in zip(quote(*some, usage=whole), quote(*some, usage=pieces)):
                self.assertEqual(one, other, "seed %d, book %s" % (seed, one["price_book"]["name"]))

    def test_fees_and_allowances_of_partial_months(self):
        book = ROOT / "tests/data/rating/books/partial.yaml"
        usage = [{"memory_mb": 128, "duration_ms": 1000, "invocations": 1000}]

        def bill(*arguments, month="2026-10"):
            answer = quote("--price-book", book, *arguments, usage=usage, month=month)
            lines = {line["sku"]: line for line in answer["lines"]}
            return ([F(lines[sku]["amount_exact"]) for sku in ("by_day", "by_hour", "full")] +
                    [F(lines[sku]["free_quantity"]) for sku in ("requests", "time")])
        self.assertEqual(bill(), [31, 744, 10, 100, 744])
        self.assertEqual(bill("--service-from", "2026-09-01", "--service-until", "2026-11-01"), [31, 744, 10, 100, 744])
        self.assertEqual(bill("--service-from", "2026-10-16"), [16, 384, 10, 51, 384])  # 100 x 16/31 = 51.6, cut down
        self.assertEqual(bill("--service-from", "2026-10-16T23:59:59.999999Z"), [16, 361, 10, 51, 361])
        self.assertEqual(bill("--service-until", "2026-10-01T00:00:00.000001Z"), [1, 1, 10, 3, 1])
        self.assertEqual(bill("--service-from", "2026-10-10", "--service-until", "2026-10-11T01:00:00Z"), [2, 25, 10, 6, 25])
        self.assertEqual(bill("--service-from", "2026-11-01"), [0, 0, 10, 0, 0])
        leap = bill("--service-from", "2024-02-29", month="2024-02")  # quotients are printed to 20 digits
        self.assertEqual([value.limit_denominator(1000) for value in leap], [F(31, 29), F(744, 29), 10, 3, F(744, 29)])


class Differences(unittest.TestCase):
    def diff(self, change):
        """What `diff` says of the shipped book against a copy of it that `change` made."""
        text = (ROOT / "rater/books/aws-lambda.yaml").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mine.yaml"
            path.write_text(change(text), encoding="utf-8")
            answer = json.loads(rater("price-book", "diff", "aws-lambda", path, "--json").stdout)
            return answer["differences"], rater("price-book", "diff", "aws-lambda", path).stdout

    def test_a_changed_figure_is_named_with_its_place(self):
        differences, text = self.diff(lambda book: book.replace("0.0000221000", "0.0000222"))
        self.assertEqual(differences, [{"what": "duration x86_64 on_demand", "field": "unit_price", "from": "0.0000221",
                                        "to": "0.0000222", "regions": ["af-south-1"]}])
        self.assertIn("unit_price: 0.0000221 -> 0.0000222  in af-south-1", text)

    def test_comments_titles_and_the_grouping_of_regions_are_no_difference(self):
        def regroup(book):
            first = "      - regions: [us-east-1, us-east-2, "
            own = "      - regions: [us-east-1]\n        model: per_unit\n        per: 1000\n        unit_price: 0.0002\n"
            self.assertIn(first, book)
            return "# mine\n" + book.replace("title: AWS Lambda", "title: Mine").replace(first, own + first.replace("us-east-1, ", ""), 1)
        differences, text = self.diff(regroup)
        self.assertEqual(differences, [])
        self.assertIn("no difference", text)

    def test_a_free_tier_that_goes_and_a_rule_that_comes_are_told(self):
        differences, _ = self.diff(lambda book: book.replace("granularity_ms: 1\n", "granularity_ms: 1\n  minimum_ms: 100\n").replace(
            "name: streaming\n    quantity: 100", "name: streaming\n    quantity: 50"))
        told = {(entry["what"], entry["field"]): (entry["from"], entry["to"]) for entry in differences}
        self.assertEqual(told, {("book", "duration.minimum_ms"): ("0", "100"), ("free tier streaming", "quantity"): ("100", "50")})


class FromTheDatabase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.usage = []
        records = []
        for i in range(60):
            row = {"function": "batch-%d" % (i % 3) if i % 2 else "web", "memory_mb": [100, 256, 3000][i % 3], "duration_ms": "%d.5" % (i * 37),
                   "cpu_ms": i, "max_memory_used_mb": 50 + i, "ephemeral_mb": 512 + 1024 * (i % 2), "region": "us-east-1",
                   "architecture": "arm64" if i % 5 == 0 else "x86_64", "response_bytes": 7000000 * (i % 4), "streamed": i % 4 > 1, "package": "image", "init_duration_ms": i % 5}
            started = "2026-10-%02dT%02d:00:00Z" % (1 + i % 30, i % 24)
            cls.usage.append({**row, "tenant": "acme", "invocations": 1, "started_at": started})
            records.append({**row, "request_id": "r%d" % i, "started_at": started})
        lines = "".join(json.dumps(record) + "\n" for record in records)
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            file.write(lines)
            file.flush()
            cls.stack.run("import", "--format", "ndjson", "--tenant", "acme", file.name)

    def test_what_is_rated_is_what_is_quoted(self):
        own = [str(ROOT / "tests/data/rating/books" / (name + ".yaml")) for name in
               ("observed", "bytes", "clock", "percentage-limits", "free-usage-order")]
        for book in ["aws-lambda", "google-cloud-functions", "cloudflare-workers", "internal-chargeback", "azure-functions", *own]:
            rated = self.stack.json("rate", "--month", "2026-10", "--price-book", book)["invoices"][0]
            quoted = quote("--price-book", book, usage=self.usage)
            for member in ("rounding", "free_tiers", "subtotal", "total"):
                self.assertEqual([{**entry, "account": ""} for entry in rated[member]] if member == "free_tiers" else rated[member],
                                 [{**entry, "account": ""} for entry in quoted[member]] if member == "free_tiers" else quoted[member], book)
            self.assertEqual([{**line, "account": ""} for line in rated["lines"]], [{**line, "account": ""} for line in quoted["lines"]], book)

    def test_a_final_by_such_a_book_is_derived_again_byte_for_byte(self):
        self.stack.run("import", "--format", "ndjson", "--tenant", "late", "-", input="".join(
            json.dumps({"function": "f", "memory_mb": 1024, "max_memory_used_mb": 100 + i, "duration_ms": i, "request_id": "l%d" % i,
                        "region": "r", "started_at": "2026-09-%02dT05:00:00Z" % (1 + i)}) + "\n" for i in range(20)))
        book = ROOT / "tests/data/rating/books/observed.yaml"
        final = self.stack.json("rate", "--month", "2026-09", "--final", "--price-book", str(book))["invoices"][0]
        self.assertEqual(F(final["lines"][0]["quantity"]), 20 * F(100, 1000) * F(128, 1024))  # 100 to 119 MB, 0 to 19 ms
        self.stack.run("verify", "--month", "2026-09")

    def test_the_views_spread_what_measures_cost(self):
        for book in ("aws-lambda", "google-cloud-functions", "cloudflare-workers"):
            document = self.stack.json("rate", "--month", "2026-10", "--price-book", book, "--no-free-tier")["invoices"][0]
            for sku in {line["sku"] for line in document["lines"]} - {"plan"}:
                exact = sum(F(line["amount_exact"]) for line in document["lines"] if line["sku"] == sku)
                used = sum(F(line["quantity"]) for line in document["lines"] if line["sku"] == sku)
                row = self.stack.query("SELECT sum(cost), sum(quantity) FROM cost_hourly WHERE tenant = 'acme' AND sku = '%s'" % sku)[0]
                self.assertLess(abs(F(row[0]) - exact), F(1, 10**12), (book, sku))
                self.assertLess(abs(F(row[1]) - used), F(1, 10**12), (book, sku))


if __name__ == "__main__":
    unittest.main()
