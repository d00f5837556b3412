"""Price books in the database: put in force from an hour on, kept, and rated by."""
import json
import unittest
from fractions import Fraction as F

from harness import ROOT, Stack

BOOK = """name: ours
version: "{version}"
currency: {currency}
{more}rounding: {{mode: half_up, each: line}}
duration: {{granularity_ms: 1}}
meters:
  - sku: requests
    description: Requests
    unit: request
    measure: invocations
    prices: [{{model: per_unit, unit_price: {price}}}]
"""


class PriceBookCalendar(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.run("tenant", "add", "acme")
        rows = [{"request_id": f"{month}-{i}", "tenant": "acme", "function": "f", "memory_mb": 128, "duration_ms": 1, "region": "us-east-1",
                 "started_at": f"2026-{month:02}-{i + 1:02}T12:00:00Z"} for month in (6, 7, 8) for i in range(10)]
        path = cls.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(path))

    def book(self, price, version, currency="USD", more=""):
        path = self.stack.data / f"{version}.yaml"
        path.write_text(BOOK.format(version=version, price=price, currency=currency, more=more), encoding="utf-8")
        return str(path)

    def add(self, *arguments, status=0):
        return self.stack.run("price-book", "add", *arguments, status=status)

    def total(self, month):
        return F(self.stack.json("rate", "--month", month, "--price-book", "ours", "--dry-run")["total"])

    def versions(self, *keys):
        return [tuple(row[key] for key in keys) for row in self.stack.json("price-book", "list") if row["name"] == "ours"]

    def test_1_a_name_is_known_from_the_hour_on_from_which_it_is_in_force(self):
        self.add(self.book("1", "v1"), "--from", "2026-07-01")
        self.assertEqual(self.total("2026-07"), 10)
        refused = self.stack.run("rate", "--month", "2026-06", "--price-book", "ours", status=1)
        self.assertIn("in force from 2026-07-01T00:00:00Z on", refused.stderr)

    def test_2_a_later_version_leaves_the_months_before_as_they_are(self):
        self.add(self.book("2", "v2", more="valid_from: 2026-08-01\n"))
        self.assertEqual((self.total("2026-07"), self.total("2026-08")), (10, 20))
        self.assertEqual(self.versions("version", "in_force_from", "in_force_until", "use"),
                         [("v1", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z", "none"), ("v2", "2026-08-01T00:00:00Z", None, "none")])

    def test_3_an_hour_on_a_final_invoice_keeps_its_book(self):
        self.stack.run("rate", "--month", "2026-07", "--price-book", "ours", "--final")
        refused = self.add(self.book("3", "v3"), "--from", "2026-07-31T23:00Z", status=1)
        self.assertIn("is final, by version v1", refused.stderr)
        refused = self.add(self.book("3", "v3"), "--from", "2026-06-01", status=0)  # until July only
        self.assertEqual((self.total("2026-06"), self.total("2026-08")), (30, 20))
        self.add(self.book("1", "v1"), "--from", "2026-07-15")  # the same bytes: nothing changes
        self.assertEqual(dict(self.versions("version", "use"))["v1"], "final")
        self.stack.run("verify")

    def test_4_what_replaces_a_version_is_seen_and_the_other_kept(self):
        self.add(self.book("4", "v4"), "--from", "2026-08-01")
        self.assertEqual(self.total("2026-08"), 40)
        self.assertIn(("v2", None, "2026-08-01T00:00:00Z"), self.versions("version", "in_force_from", "replaced_from"))
        revisions = self.stack.query("SELECT revision FROM price_book_calendar WHERE name = 'ours' ORDER BY 1")
        self.assertEqual(revisions, [[str(i + 1)] for i in range(len(revisions))])

    def test_5_what_cannot_be_billed_is_refused_when_it_is_added(self):
        self.assertIn("full hour", self.add(self.book("9", "v9"), "--from", "2027-01-01T00:30:00Z", status=2).stderr)
        self.assertIn("from when on?", self.add(self.book("9", "v9"), status=2).stderr)
        refused = self.add(self.book("9", "v9", currency="EUR"), "--from", "2026-12-15", status=1)
        self.assertIn("another currency or rounding", refused.stderr)
        self.add(self.book("9", "v9", currency="EUR"), "--from", "2027-01-01")

    def test_6_the_shipped_book_holds_before_the_first_that_is_stored(self):
        text = (ROOT / "rater/books/aws-lambda.yaml").read_text(encoding="utf-8")
        (self.stack.data / "aws.yaml").write_text(text.replace("unit_price: 0.20", "unit_price: 2000000"), encoding="utf-8")
        self.add(str(self.stack.data / "aws.yaml"), "--from", "2026-08-01")
        totals = [F(self.stack.json("rate", "--month", month, "--dry-run", "--no-free-tier")["total"]) for month in ("2026-06", "2026-08")]
        self.assertEqual(totals, [0, 20])

    def test_7_nobody_changes_what_was_added(self):
        for statement in ("UPDATE price_books SET source = ''", "DELETE FROM price_book_calendar"):
            self.assertEqual(self.stack.query(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done"), [["0"]])


if __name__ == "__main__":
    unittest.main()
