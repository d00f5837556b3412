"""The savings report as pages, page and rows: what they say is what its JSON says, names do no harm, the same report is the same bytes."""
import csv
import json
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path

from harness import MILLIBILL, ROOT, environment

HOSTILE = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../etc/passwd", "'; DROP TABLE invoices; --", "名前-שם"]


def rate(text):
    """As people read it: three digits after the point, and as many more as show three that say something."""
    value, scale = Decimal(text), 3
    while 0 < value * 10 ** scale < 100:
        scale += 1
    return f"{value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP):,}"


class Reader(HTMLParser):
    """Text of a page, what it would fetch or run, and where its tables' cells are."""

    def __init__(self):
        super().__init__()
        self.words, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "onload", "onerror", "style")]

    def handle_data(self, data):
        self.words.append(data)


class SavingsDocuments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        records = [{"request_id": f"r{i}", "tenant": "acme", "function": (HOSTILE + ["thumbnail", "checkout"])[i % 7], "memory_mb": 1024,
                    "max_memory_used_mb": 200, "region": "us-east-1", "started_at": f"2026-10-{1 + i % 28:02}T12:00:{i % 60:02}Z",
                    "duration_ms": 300000 + i} for i in range(3000)]
        (cls.folder / "usage.ndjson").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        cls.report = json.loads(cls.run_savings("json"))

    @classmethod
    def run_savings(cls, form, *arguments, usage="usage.ndjson", status=0):
        path = cls.folder / f"report.{form}"
        result = subprocess.run([MILLIBILL, "savings", "--usage", str(cls.folder / usage), "--alternative", "t3-small", "--alternative", "t3-large",
                                 "--fleet", "--data", str(cls.folder), "--format", form, "--output", str(path), *arguments],
                                capture_output=True, text=True, env=environment(), check=False)
        assert result.returncode == status, result.stderr
        return path.read_bytes() if status == 0 else result.stderr

    def figures(self):
        """What a reader looks for first, as printed."""
        yield f"{Decimal(self.report['serverless']['total']):,}"
        for alternative in self.report["alternatives"]:
            yield f"{Decimal(alternative['total']):,}"
            yield f"{abs(Decimal(alternative['saving'])):,}"
            yield "break-even " + rate(alternative["break_even_requests_per_second"])
        yield rate(self.report["concurrency"]["mean"]) + " on average"
        yield self.report["fleet"]["types"][0]["type"]

    def test_pages_say_what_the_report_says(self):
        self.run_savings("pdf")
        path = self.folder / "report.pdf"
        text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
        for word in (*self.figures(), "Savings report, 2026-10", "thumbnail", "break-even", HOSTILE[0], "<script>alert(1)<", HOSTILE[2], "'; DROP TABLE invoices;"):
            self.assertIn(word, text)
        self.assertNotIn("Function  ", text[text.index("How it is counted") - 200:])
        fonts = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
        for font in fonts:
            self.assertRegex(font, r"\syes\s+yes\s+(yes|no)\s+\d+\s+\d+$", "embedded, in part")

    def test_the_same_report_is_the_same_bytes(self):
        self.assertEqual(self.run_savings("pdf"), self.run_savings("pdf"))
        self.assertEqual(self.run_savings("html"), self.run_savings("html"))

    def test_a_page_is_whole_and_fetches_nothing(self):
        page = self.run_savings("html").decode()
        reader = Reader()
        reader.feed(page)
        text = " ".join(reader.words)
        for word in (*self.figures(), *HOSTILE):
            self.assertIn(word, text)
        self.assertEqual(reader.fetched, [])
        self.assertNotIn("script", reader.tags)
        self.assertEqual(reader.tags.count("svg"), 3)
        for drawing in re.findall(r"<svg.*?</svg>", page, re.S):
            ET.fromstring(drawing)

    def test_the_break_even_stands_where_the_lines_cross(self):
        page = self.run_savings("html").decode()
        for drawing in re.findall(r"<svg.*?</svg>", page, re.S)[:2]:
            lines = [[tuple(map(float, point.split(","))) for point in line.split()] for line in re.findall(r'points="([^"]*)"', drawing)]
            mark = float(re.search(r'<line x1="(\d+)" [^>]*stroke-dasharray', drawing).group(1))
            functions, servers = lines
            gap = [(x, y - other) for (x, y), (_, other) in zip(functions, servers)]
            below = max(x for x, difference in gap if difference > 0)
            above = min(x for x, difference in gap if difference <= 0)
            self.assertTrue(below - 2 <= mark <= above + 2, (below, mark, above))

    def test_rows_have_the_figures_of_the_report_and_no_formula(self):
        rows = list(csv.DictReader(self.run_savings("csv").decode("utf-8").splitlines()))
        for alternative in self.report["alternatives"]:
            own = {row["what"]: row for row in rows if (row["section"], row["subject"]) == ("comparison", alternative["name"])}
            self.assertEqual((own["total"]["amount"], own["saving"]["amount"]), (alternative["total"], alternative["saving"]))
            self.assertEqual(own["lowest saving"]["amount"], alternative["range"]["saving_low"])
        spent = sum(Decimal(row["amount"]) for row in rows if row["section"] == "serverless")
        self.assertEqual(spent, Decimal(self.report["serverless"]["total"]))
        self.assertEqual({row["subject"] for row in rows if row["section"] == "verdict"}, {"'" + HOSTILE[0], *HOSTILE[1:], "thumbnail", "checkout"})
        seconds = sum(Decimal(row["quantity"]) for row in rows if row["section"] == "concurrency" and row["unit"] == "seconds")
        self.assertEqual(seconds, 31 * 86400)

    def test_rows_have_every_fleet_with_its_credits(self):
        rows = list(csv.DictReader(self.run_savings("csv").decode("utf-8").splitlines()))
        fleet = {}
        for row in rows:
            if row["section"] == "fleet":
                fleet.setdefault(row["subject"], {})[row["what"]] = row
        self.assertEqual(len(fleet), len(self.report["fleet"]["types"]))
        with_credits = 0
        for type_ in self.report["fleet"]["types"]:
            own = fleet[", ".join(filter(None, (type_["type"], type_["burst"])))]
            if not type_["fits"]:
                self.assertEqual(list(own), [f"would not do: {type_['reason']}"])
                continue
            for price in type_["fixed"]["prices"]:
                row = own[f"fixed, {price['purchase']}{', estimated' if price['estimated'] else ''}"]
                self.assertEqual((row["quantity"], row["unit_price"], row["amount"]), (str(type_["fixed"]["instances"]), price["hourly"], price["total"]))
                self.assertEqual(row["currency"], self.report["fleet"]["catalogue"]["currency"])
            self.assertEqual((own["fixed, lowest"]["amount"], own["fixed, highest"]["amount"]), (type_["fixed"]["low"], type_["fixed"]["high"]))
            self.assertEqual((own["autoscaled"]["quantity"], own["autoscaled"]["amount"]),
                             (type_["autoscaled"]["instance_hours"], type_["autoscaled"]["total"]))
            self.assertEqual(own["autoscaled, requests that waited"]["quantity"], str(type_["autoscaled"]["waited"]))
            for kind in ("fixed", "autoscaled"):
                credits = type_[kind]["credits"]
                row = own.get(f"{kind}, hours without CPU credits")
                self.assertEqual(credits is None, row is None)
                if credits is not None:
                    self.assertEqual(row["quantity"], str(credits["short_hours"]))
                    self.assertEqual(own[f"{kind}, time without CPU credits"]["quantity"], credits["short_seconds"])
                    with_credits += 1
        self.assertGreater(with_credits, 0)

    def test_a_tiny_load_has_a_break_even_and_labels_that_say_something(self):
        record = {"request_id": "r", "tenant": "a", "function": "f", "memory_mb": 10240, "region": "us-east-1", "started_at": "2026-10-01T00:00:00Z",
                  "duration_ms": 900000}
        (self.folder / "tiny.ndjson").write_text("".join(json.dumps(record | {"request_id": f"r{i}"}) + "\n" for i in range(2)))
        report = json.loads(self.run_savings("json", "--no-free-tier", usage="tiny.ndjson"))
        for side in report["alternatives"][:2]:
            self.assertGreater(Decimal(side["requests_per_second"]), 0)
            self.assertLess(abs(Decimal(side["requests_per_second"]) * 31 * 86400 / 2 - 1), Decimal("0.03"), "three digits of it at least")
        page = self.run_savings("html", "--no-free-tier", usage="tiny.ndjson").decode()
        for drawing in re.findall(r"<svg.*?</svg>", page, re.S)[:2]:
            labels = re.findall(r">([^<>]*\d[^<>]*)</text>", drawing)
            figures = [Decimal(re.sub(r"[^0-9.]", "", label)) for label in labels]
            self.assertEqual(figures.count(0), 1, labels)

    def test_a_page_says_where_credits_run_out(self):
        records = [{"request_id": f"r{i}", "tenant": "a", "function": "f", "memory_mb": 3538, "max_memory_used_mb": 200, "region": "us-east-1",
                    "started_at": f"2026-10-01T{i // 15:02}:{i % 15 * 4:02}:00Z", "duration_ms": 600000} for i in range(360)]
        (self.folder / "busy.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
        report = json.loads(self.run_savings("json", usage="busy.ndjson"))
        page = self.run_savings("html", usage="busy.ndjson").decode()
        table = page[page.index("CPU credits of burstable types"):].split("</table>")[0]
        shown = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", table, re.S)[1:]]
        wanted = []
        for type_ in report["fleet"]["types"][:12]:
            for kind in ("fixed", "autoscaled"):
                credits = type_["fits"] and type_[kind]["credits"]
                if credits and (credits["short_hours"] > 0 or Decimal(credits.get("charged_vcpu_hours", 0)) > 0):
                    wanted.append([f"{type_['type']}, {type_['burst']}", kind.capitalize(), str(credits["short_hours"]), credits["first_short_at"] or ""])
        self.assertGreater(len(wanted), 0)
        self.assertEqual([row[:4] for row in shown], wanted)

    def test_a_report_says_nothing_that_its_language_does_not(self):
        """In a language that puts every text in brackets: what stands outside of them is figures, names and what files give."""
        said = [word for name in ("words.c", "words_savings.c")
                for word in re.findall(r'^    "(.*)",$', (ROOT / "reports" / name).read_text(encoding="utf-8"), re.M)]
        (self.folder / "languages").mkdir(exist_ok=True)
        (self.folder / "languages" / "qq.yaml").write_text("decimal: ','\nthousands: '.'\n" + "".join(
            f"{json.dumps(word)}: {json.dumps('«' + word + '»', ensure_ascii=False)}\n" for word in said), encoding="utf-8")
        page = self.run_savings("html", "--language", "qq").decode()
        self.assertIn('<html lang="qq">', page)
        reader = Reader()
        reader.feed(re.sub(r"<style>.*?</style>", "", page, flags=re.S))
        functions = {verdict["function"] for verdict in self.report["verdicts"]}
        names = {"acme", "USD", *functions, *(side["name"] for side in self.report["alternatives"]), self.report["fleet"]["catalogue"]["note"],
                 *(item["what"] for side in self.report["alternatives"] for item in side["items"])}
        types = {type_["type"] for type_ in self.report["fleet"]["types"]}
        for text in filter(None, map(str.strip, reader.words)):
            rest = text
            while "«" in rest:
                shorter = re.sub(r"«[^«»]*»", "", rest)
                self.assertNotEqual(shorter, rest, text)
                rest = shorter
            rest = rest.strip(" ,;:")
            known = rest == "" or rest in names or rest.removesuffix(",") in types or re.fullmatch(r"[-\d.,–% ]+|acme: *, us-east-1 x86_64", rest)
            self.assertTrue(known, text)

    def test_every_shipped_language_sets_every_report(self):
        for language, words in {"de": ("Sparbericht, 2026-10", "Serverflotten", "kostet"), "fr": ("Rapport d’économies, 2026-10", "Flottes", "coûte"),
                                "es": ("Informe de ahorro, 2026-10", "Flotas", "cuesta"), "ja": ("節約レポート 2026-10", "サーバー群", "月額は関数で")}.items():
            for form in ("html", "pdf"):
                self.run_savings(form, "--language", language)
            pages = subprocess.run(["pdftotext", "-layout", str(self.folder / "report.pdf"), "-"], capture_output=True, text=True, check=True).stdout
            page = (self.folder / "report.html").read_text(encoding="utf-8")
            for word in words:
                self.assertIn(word, pages)
                self.assertIn(word, page)
            used = f"{Decimal(self.report['serverless']['lines'][1]['quantity']):,.3f}"
            point, thousands = {"de": ",.", "fr": ",\u00a0", "es": ",.", "ja": ".,"}[language]
            own = used.translate(str.maketrans({".": point, ",": thousands}))
            self.assertIn(own, page)
        for form in ("text", "json", "csv"):
            self.assertIn("--language is for documents", self.run_savings(form, "--language", "de", status=2))

    def test_no_usage_and_one_record_make_every_format(self):
        (self.folder / "none.json").write_text("[]")
        (self.folder / "one.ndjson").write_text(json.dumps({"request_id": "r", "tenant": "a", "function": "f", "memory_mb": 128, "region": "us-east-1",
                                                            "started_at": "2026-10-01T00:00:00Z", "duration_ms": 1}) + "\n")
        for form in ("text", "json", "csv", "html", "pdf"):
            self.assertTrue(self.run_savings(form, usage="one.ndjson"))
            result = subprocess.run([MILLIBILL, "savings", "--usage", str(self.folder / "none.json"), "--month", "2026-10", "--alternative", "t3-small", "--format", form,
                                     "--data", str(self.folder), "--output", str(self.folder / "none.out")], capture_output=True, text=True, env=environment(), check=False)
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_an_unknown_format_names_those_there_are(self):
        self.assertIn("text, json, csv, html, pdf", self.run_savings("doc", status=2))


if __name__ == "__main__":
    unittest.main()
