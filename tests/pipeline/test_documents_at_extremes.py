"""Invoices of ten thousand functions, of one record, of an empty month, and of names that mean harm: right and safe in each format. Figures
are compared with SQL over the rollups, not with the document that they were made from."""
import csv
import io
import json
import re
import subprocess
import unittest
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser

from harness import Stack

MONTH = "2026-08"
MANY = 10000
HOSTILE = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "'; DROP TABLE invoices; --", "../../etc/passwd", "\"><img src=x>", "שם-名前"]
EMPTY = "name: empty\nversion: '1'\ncommitments: [{name: floor, minimum: 5}]\n"


class Page(HTMLParser):
    """Rows of the tables of a page, and the tags in it."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.inside = [], set(), False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def people(number, digits=None):
    """A figure as a reader sees it."""
    number = Decimal(number)
    if digits is not None and number != number.to_integral_value():
        number = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    elif number == number.to_integral_value():
        number = number.to_integral_value()
    return f"{number:,}"


class Extremes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("many", "one", "empty", *HOSTILE):
            cls.stack.run("tenant", "add", "--", tenant)
        path = cls.stack.data / "terms.yaml"
        path.write_text(EMPTY)
        cls.stack.run("contract", "set", "--tenant", "empty", "--from", MONTH, str(path))
        records = [cls.record("many", f"function-{i:05}", i) for i in range(MANY)] + [cls.record("one", "only", 1)]
        records += [cls.record(tenant, function, i) for tenant in HOSTILE for i, function in enumerate(HOSTILE)]
        usage = cls.stack.data / "usage.ndjson"
        usage.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(usage))
        cls.stack.run("rate", "--month", MONTH, "--final", "--no-free-tier")
        cls.made = {}
        cls.tenants = ["many", "one", "empty", *HOSTILE]

    @classmethod
    def record(cls, tenant, function, i):
        return {"request_id": f"{tenant}-{function}-{i}", "tenant": tenant, "function": function, "memory_mb": 1024, "region": "us-east-1",
                "started_at": f"{MONTH}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 100000 + 7 * i}

    def rendered(self, tenant, form):
        """The text of a document; each is made once."""
        if (tenant, form) not in self.made:
            self.made[tenant, form] = self.render(tenant, form)
        return self.made[tenant, form]

    def render(self, tenant, form):
        path = self.stack.data / f"document.{form}"
        self.stack.run("invoice", "render", "latest", "--tenant", tenant, "--format", form, "--output", str(path))
        if form != "pdf":
            return path.read_text(encoding="utf-8")
        return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout

    def used(self, tenant):
        """What the base tables hold of a tenant's month: by function, invocations and GB-seconds."""
        return {function: (Decimal(calls), Decimal(ms) * 1024 / 1024 / 1000) for function, calls, ms in self.stack.query(
            "SELECT c.function, sum(r.invocations), sum(r.duration_1ms) FROM rollups r JOIN configs c USING (tenant_id, config_id) "
            f"JOIN tenants t USING (tenant_id) WHERE t.name = $name${tenant}$name$ AND r.hour >= '{MONTH}-01' AND r.hour < '2026-09-01' GROUP BY 1")}

    def lines(self, tenant):
        """Quantity and rounded amount of the two lines that such usage makes, by the prices of us-east-1."""
        used = self.used(tenant).values()
        calls, seconds = sum(c for c, _ in used), sum(s for _, s in used)
        return [(calls, (calls * Decimal("0.0000002")).quantize(Decimal("0.01"), ROUND_HALF_UP)),
                (seconds, (seconds * Decimal("0.0000166667")).quantize(Decimal("0.01"), ROUND_HALF_UP))]

    def test_every_format_has_the_figures_of_the_base_tables(self):
        for tenant in self.tenants:
            if tenant == "empty":
                continue
            lines = self.lines(tenant)
            total = sum(amount for _, amount in lines)
            rows = [row for row in csv.DictReader(io.StringIO(self.rendered(tenant, "csv"), newline="")) if row["sku"] in ("requests", "duration")]
            self.assertEqual([(Decimal(row["quantity"]), Decimal(row["amount"])) for row in rows], lines, tenant)
            page = Page(self.rendered(tenant, "html"))
            found = [(row[1], row[6]) for row in page.rows if row and row[0] in ("Requests", "Duration")]
            self.assertEqual(found, [(people(q, 3), f"{a:,}") for q, a in lines], tenant)
            for form in ("pdf", "text"):
                text = self.rendered(tenant, form)
                for quantity, amount in lines:
                    self.assertRegex(text, rf"\s{re.escape(people(quantity, 3))}\s.*\s{re.escape(f'{amount:,}')}\n", (tenant, form))
                self.assertRegex(text, rf"Total\s+{re.escape(f'{total:,}')}\n", (tenant, form))
            self.assertEqual(Decimal(json.loads(self.rendered(tenant, "json"))["total"]), total)

    def test_ten_thousand_functions_stand_there_with_what_each_used(self):
        used = self.used("many")
        self.assertEqual(len(used), MANY)
        page = {row[0]: row for row in Page(self.rendered("many", "html")).rows if row and row[0].startswith("function-")}
        self.assertEqual({name: (row[3], row[5]) for name, row in page.items()},
                         {name: (people(calls), people(seconds, 3)) for name, (calls, seconds) in used.items()})
        found = re.findall(r"^\s*(function-\d{5})\s.*?\s(\S+)\s+(\S+)\s+(\S+)\s+\S+$", self.rendered("many", "pdf"), re.M)
        self.assertEqual({name: (calls, seconds) for name, calls, _, seconds in found},
                         {name: (people(calls), people(seconds, 3)) for name, (calls, seconds) in used.items()})

    def test_an_empty_month_has_its_minimum_in_each_format(self):
        for form in ("text", "json", "csv", "html", "pdf"):
            text = self.rendered("empty", form)
            self.assertIn("5.00", text, form)
        self.assertIn("floor", self.rendered("empty", "pdf"))

    def test_names_are_text_and_nothing_else(self):
        for tenant in HOSTILE:
            page = Page(self.rendered(tenant, "html"))
            self.assertEqual(page.tags & {"script", "img", "iframe", "object", "link"}, set())
            functions = {row[0] for row in page.rows if len(row) == 7}
            self.assertLessEqual(set(HOSTILE), functions)
            for row in csv.reader(io.StringIO(self.rendered(tenant, "csv"), newline="")):
                for cell in row:
                    self.assertFalse(re.match(r"[=+@\t\r]|-(?![0-9.]+$)", cell), cell)
            self.assertEqual({f["function"] for f in json.loads(self.rendered(tenant, "json"))["functions"]}, set(HOSTILE))
            self.assertIn("alert(1)", self.rendered(tenant, "pdf"))
        self.assertGreater(self.stack.number("SELECT count(*) FROM invoices"), len(HOSTILE))

    def test_files_named_after_tenants_stay_in_their_folder(self):
        folder = self.stack.data / "a" / "b" / "out"
        for form in ("csv", "json"):
            paths = self.stack.run("invoice", "render", "--month", MONTH, "--format", form, "--output-dir", str(folder)).stdout.splitlines()
            self.assertEqual(len(set(paths)), len(self.tenants))
        self.assertEqual({path.parent for path in self.stack.data.glob("a/**/*") if path.is_file()}, {folder})


if __name__ == "__main__":
    unittest.main()
