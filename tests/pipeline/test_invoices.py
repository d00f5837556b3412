"""Invoices: made once, never changed, the same in every format, and equal to what the views and a second rater say."""
import csv
import hashlib
import html
import io
import json
import re
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

from harness import ROOT, Stack

MONTH = "2026-10"
SCENARIOS = {"thumbnails": None, "cleanup": None, "avatars": None, "constant": "1/2000"}


def total_of(lines):
    return sum(Fraction(line["amount"]) for line in lines)


class Invoices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for name, scale in SCENARIOS.items():
            cls.stack.run("simulate", "--scenario", name, "--month", MONTH, *(("--scale", scale) if scale else ()))
        cls.preview = cls.stack.json("rate", "--month", MONTH, "--preview")
        cls.final = cls.stack.json("rate", "--month", MONTH, "--final")

    def documents(self):
        return {document["invoice"]["tenant"]: document for document in self.final["invoices"]}

    def test_preview_and_final_have_the_same_lines_and_totals(self):
        previews = {d["invoice"]["tenant"]: d for d in self.preview["invoices"]}
        for tenant, final in self.documents().items():
            for member in ("lines", "functions", "subtotal", "total"):
                self.assertEqual(json.dumps(previews[tenant][member]), json.dumps(final[member]))

    def test_totals_are_the_sums_of_what_is_printed(self):
        self.assertEqual(len(self.documents()), len(SCENARIOS))
        for document in self.documents().values():
            self.assertEqual(total_of(document["lines"]), Fraction(document["total"]))
        self.assertEqual(sum(Fraction(d["total"]) for d in self.documents().values()), Fraction(self.final["total"]))

    def test_the_free_tier_leaves_what_a_pocket_calculator_says(self):
        lines = {line["sku"]: line for line in self.documents()["thumbnails"]["lines"]}
        self.assertEqual(lines["requests"]["billed_quantity"], "0")
        self.assertEqual(Fraction(lines["duration"]["quantity"]), 450_000)
        self.assertEqual(Fraction(lines["duration"]["billed_quantity"]), 50_000)
        self.assertEqual(Fraction(lines["duration"]["amount_exact"]), 50_000 * Fraction("0.0000166667"))
        self.assertEqual(lines["duration"]["amount"], "0.83")

    def test_numbers_have_no_gap_and_a_second_run_changes_nothing(self):
        self.stack.run("rate", "--month", MONTH, "--final")  # bills what other tests left of earlier months, of tenants without usage in this one
        before = self.stack.query("SELECT * FROM invoices ORDER BY tenant_id, invoice_id")
        again = [d for d in self.stack.json("rate", "--month", MONTH, "--final")["invoices"] if d["invoice"]["tenant"] in self.documents()]
        self.assertEqual(json.dumps(again), json.dumps(self.final["invoices"]))
        self.stack.json("rate", "--month", MONTH, "--preview")
        after = self.stack.query("SELECT * FROM invoices WHERE state = 'final' ORDER BY tenant_id, invoice_id")
        self.assertEqual(after, before)

    def test_two_runs_at_once_make_one_set_of_finals(self):
        self.stack.run("simulate", "--scenario", "avatars", "--month", "2026-09")
        runs = [self.stack.popen("rate", "--final", "--month", "2026-09", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                for _ in range(4)]
        for run in runs:
            output, _ = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, output)
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'final' AND period_start = '2026-09-01Z'"), 1)
        numbers = [row[0] for row in self.stack.query("SELECT number FROM invoices WHERE state = 'final' ORDER BY number")]
        self.assertEqual([int(n.rsplit("-", 1)[1]) for n in numbers], list(range(1, len(numbers) + 1)))

    def test_an_account_becomes_final_as_a_whole(self):
        """Tenants that share a free tier must not get it twice because they became final one after the other."""
        def load(tenant, prefix, count):
            line = '{"request_id":"%s-%d","function":"f","region":"us-east-1","memory_mb":1024,"started_at":"2026-07-05T00:00:00Z","duration_ms":1}'
            text = "".join(line % (prefix, i) + "\n" for i in range(count))
            self.stack.run("import", "--format", "ndjson", "--tenant", tenant, "-", input=text)
        book = (ROOT / "rater/books/aws-lambda.yaml").read_text().replace("quantity: 1000000\n", "quantity: 10\n")
        with tempfile.TemporaryDirectory() as folder:
            tiny = Path(folder, "tiny.yaml")
            tiny.write_text(book)
            for tenant in ("o1", "o2"):
                self.stack.run("tenant", "add", tenant, "--account", "osh")
            load("o1", "a", 6)
            load("o2", "b", 60)
            rate = ("rate", "--month", "2026-07", "--price-book", tiny)
            alone = self.stack.run(*rate, "--final", "--tenant", "o1", status=1)
            self.assertIn("leave out --tenant", alone.stderr)
            finals = self.stack.json(*rate, "--final")["invoices"]
            free = [Fraction(line["free_quantity"]) for d in finals for line in d["lines"] if line["sku"] == "requests"]
            self.assertEqual((len(finals), sum(free)), (2, 10))
            self.stack.run("tenant", "add", "o3", "--account", "osh")
            load("o3", "c", 5)
            for _ in range(2):  # nothing is wrong, however often it is asked
                late = self.stack.run(*rate, "--final")
                self.assertIn("usage of account 'osh' waits: its month is final for 2 of its 3 tenants", late.stderr)
                self.assertIn("the next month's final run bills it as an adjustment", late.stderr)
            self.assertEqual(self.stack.number("SELECT count(*) FROM invoices JOIN tenants USING (tenant_id) WHERE name IN "
                                               "('o1', 'o2', 'o3') AND state = 'final'"), 2)

    def test_no_program_role_can_change_a_final_invoice(self):
        for role in ("millibill_rater", "millibill_collector", "millibill_reader"):
            for statement in ("UPDATE invoices SET total = 0 WHERE state = 'final'", "DELETE FROM invoices WHERE state = 'final'",
                              "UPDATE invoice_lines SET amount = 0", "TRUNCATE invoices CASCADE"):
                before = self.stack.query("SELECT tenant_id, invoice_id, total FROM invoices ORDER BY 1, 2")
                self.stack._psql(statement, role)
                self.assertEqual(self.stack.query("SELECT tenant_id, invoice_id, total FROM invoices ORDER BY 1, 2"), before,
                                 (role, statement))

    def test_the_collector_cannot_read_invoices_or_rewrite_evidence(self):
        for statement in ("SELECT * FROM invoices", "UPDATE segments SET records = 0", "DELETE FROM segments",
                          "UPDATE rollups SET invocations = 0", "DELETE FROM ledger", "UPDATE ledger SET billed = 0"):
            result = self.stack._psql(statement, "millibill_collector")
            self.assertNotEqual(result.returncode, 0, statement)
            self.assertIn("permission denied", result.stderr)

    def test_every_format_says_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            for form in ("text", "json", "csv", "html"):
                self.stack.run("invoice", "render", "--month", MONTH, "--tenant", "thumbnails", "--format", form, "-o",
                               f"{folder}/invoice.{form}")
            read = {form: Path(folder, f"invoice.{form}").read_text() for form in ("text", "json", "csv", "html")}
        document = json.loads(read["json"])
        self.assertEqual(document["total"], "0.83")
        digest = hashlib.sha256(read["json"].encode()).hexdigest()
        stored = self.stack.value("SELECT encode(document_sha256, 'hex') FROM invoices JOIN tenants USING (tenant_id) "
                                  f"WHERE name = 'thumbnails' AND period_start = '{MONTH}-01Z' AND state = 'final'")
        self.assertEqual(digest, stored)
        rows = list(csv.DictReader(io.StringIO(read["csv"])))
        self.assertEqual(sum(Fraction(row["amount"]) for row in rows if row.get("amount")), Fraction("0.83"))
        self.assertRegex(read["text"], r"Total\s+0\.83")
        self.assertIn("0.83", html.unescape(re.sub(r"<[^>]+>", " ", read["html"])))
        self.assertIn(digest, read["html"])
        self.assertIn(digest, read["text"])

    def test_views_add_up_to_the_invoices(self):
        for tenant, document in self.documents().items():
            exact = sum(Fraction(line["amount_exact"]) for line in document["lines"])
            for view, where in (("cost_daily", f"day >= '{MONTH}-01' AND day < '2026-11-01'"), ("cost_by_function", f"month = '{MONTH}-01'")):
                rows = self.stack.query(f"SELECT cost FROM {view} WHERE tenant = '{tenant}' AND {where}", "millibill_reader")
                total = sum(Fraction(row[0]) for row in rows if row[0])
                self.assertLess(abs(total - exact), Fraction(1, 10**12), (view, tenant))

    def test_the_second_rater_agrees(self):
        sys.path.insert(0, str(ROOT / "tests/oracle"))
        import rating_oracle
        usage = self.stack.query("SELECT t.name, c.function, c.region, c.architecture, c.memory_mb, c.ephemeral_mb, c.mode, c.package,"
                                 " sum(r.invocations), sum(r.duration_us) FROM rollups r JOIN configs c USING (tenant_id, config_id)"
                                 f" JOIN tenants t USING (tenant_id) WHERE r.hour >= '{MONTH}-01Z' AND r.hour < '2026-11-01Z'"
                                 " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8")
        names = ("tenant", "function", "region", "architecture", "memory_mb", "ephemeral_mb", "mode", "package", "invocations")
        for tenant, document in self.documents().items():
            rows = []
            for row in usage:
                if row[0] == tenant:  # a scenario's invocations all have the same duration
                    self.assertEqual(int(row[9]) % int(row[8]), 0)
                    rows.append({**dict(zip(names, row)), "duration_us": int(row[9]) // int(row[8])})
            expected = rating_oracle.rate(rows, MONTH, True, "aws-lambda")
            self.assertEqual(len(expected), len(document["lines"]))
            for mine, line in zip(expected, document["lines"]):
                for member in ("quantity", "free_quantity", "billed_quantity", "amount_exact", "amount"):
                    self.assertEqual(Fraction(line[member]), rating_oracle.printed(mine[member]), (tenant, member, line))

    def test_reports_read_the_same_figures(self):
        free = self.stack.json("free-tier", "--month", MONTH, "--tenant", "thumbnails")
        self.assertIn("400000", json.dumps(free))
        savings = self.stack.json("savings", "--month", MONTH, "--tenant", "thumbnails", "--alternative", "thumbnails", "--no-free-tier")
        self.assertEqual(savings["serverless"]["total"], "7.56")
        self.assertEqual(savings["alternatives"][0]["saving"], "7.62")
        self.assertEqual(savings["alternatives"][0]["cheaper"], "serverless")
        usage = self.stack.json("usage", "--by", "tenant", "--month", MONTH)
        self.assertIn("300000", json.dumps(usage))


if __name__ == "__main__":
    unittest.main()
