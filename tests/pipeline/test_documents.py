"""Invoices as PDF: what the pages say, on which paper, in which fonts, byte for byte again; brand; a file for each invoice."""
import hashlib
import json
import re
import subprocess
import unittest
from pathlib import Path

import yaml
from harness import ROOT, SUPERUSER, Stack

MONTH = "2026-08"
WORDS = {"de": ("Rechnung", "Gesamtbetrag", "19 % von", "kaufmännisch, 2 Stellen, jede Zeile"), "fr": ("Facture", "Prix unitaire", "19 % de", "2 décimales, chaque ligne"), "es": ("Factura", "Cantidad", "19 % de", "2 decimales, cada línea"),
         "ja": ("請求書", "小計", "19 %、対象額", "四捨五入、小数 2 桁、明細ごと")}
TERMS = """name: acme
version: "1"
currency: EUR
exchange: [{from: 2026-01-01, rate: 0.9, source: test}]
purchase_order: PO-7
seller: {name: "Мир Κόσμος 株式会社", address: ["שדרות 1", "서울"], tax_id: DE123}
buyer: {name: Acme, address: [1 Main St]}
discounts: [{name: partner, percent: 10}]
tax: {rates: [{name: vat, percent: 19, jurisdiction: Germany}]}
"""


def tool(*arguments):
    return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True).stdout


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "plain", "<b>=1+1&'\""):
            cls.stack.run("tenant", "add", tenant)
        for language in WORDS:
            cls.stack.run("tenant", "add", language)
            cls.stack.run("contract", "set", "--tenant", language, "--from", MONTH,
                          str(cls.write("contract.yaml", TERMS.replace("name: acme", f"name: acme\nlanguage: {language}\npayment_days: 14", 1))))
        rows = [json.dumps({"request_id": f"{tenant}-{i}", "tenant": tenant, "function": f"function-{i:03}", "memory_mb": 1024,
                            "region": region, "started_at": f"{MONTH}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000})
                for tenant, count in (("acme", 300), ("plain", 30), ("<b>=1+1&'\"", 2), *((language, 600) for language in WORDS))
                for region in ("us-east-1", "eu-west-1") for i in range(count)]
        cls.write("usage.ndjson", "\n".join(rows) + "\n")
        cls.stack.run("import", "--format", "ndjson", str(cls.stack.data / "usage.ndjson"))
        cls.stack.run("contract", "set", "--tenant", "acme", "--from", MONTH, str(cls.write("contract.yaml", TERMS)))
        cls.stack.run("rate", "--month", MONTH, "--final", "--no-free-tier")
        cls.finals = {d["tenant"]: d for d in cls.stack.json("invoice", "list", "--month", MONTH)}

    @classmethod
    def write(cls, name, text):
        path = cls.stack.data / name
        path.write_text(text, encoding="utf-8")
        return path

    def pdf(self, *arguments, name="invoice.pdf"):
        path = self.stack.data / name
        self.stack.run("invoice", "render", "--format", "pdf", "--output", str(path), *arguments)
        return path

    def test_the_pages_say_what_the_document_says(self):
        path = self.pdf("latest", "--tenant", "acme")
        document = json.loads(self.stack.run("invoice", "render", "--json", "latest", "--tenant", "acme").stdout)
        text = tool("pdftotext", "-layout", path, "-")
        pages = text.split("\f")[:-1]
        self.assertGreater(len(pages), 3)
        for line in document["lines"] + document["statement"][1:]:
            self.assertTrue(line["amount"] in text, line)
        for item in document["functions"]:
            self.assertTrue(item["function"] in text, item)
        for word in (document["invoice"]["number"], document["price_book"]["sha256"], "PO-7", "Мир Κόσμος 株式会社", "서울", "DE123",
                     f"{document['payable']['total']} EUR"):
            self.assertTrue(word in text, word)
        for number, page in enumerate(pages, 1):
            self.assertRegex(page[-200:], rf"\s{number} ?/ ?{len(pages)}\s*$")
        for page in pages[1:-1]:
            self.assertRegex(page.lstrip().split("\n")[0], r"^Function\s+Where\s+Memory, MB")

    def test_the_file_says_what_it_is_and_brings_its_fonts(self):
        path = self.pdf("latest", "--tenant", "acme")
        facts = dict(re.split(r":\s+", line, maxsplit=1) for line in tool("pdfinfo", "-isodates", path).splitlines() if ": " in line)
        number = self.finals["acme"]["number"]
        issued = self.finals["acme"]["issued_at"]
        self.assertEqual(facts["Title"], f"Invoice {number}, acme, {MONTH}")
        self.assertEqual(facts["CreationDate"][:19], issued[:19])
        self.assertIn("A4", facts["Page size"])
        fonts = tool("pdffonts", path).splitlines()[2:]
        self.assertGreater(len(fonts), 3)
        for font in fonts:
            self.assertRegex(font, r"\syes\s+yes\s+(yes|no)\s+\d+\s+\d+$", "embedded, in part")

    def test_the_same_invoice_is_the_same_bytes(self):
        first = self.pdf("latest", "--tenant", "acme").read_bytes()
        self.assertEqual(first, self.pdf("latest", "--tenant", "acme", name="again.pdf").read_bytes())

    def test_a_brand_and_paper_from_the_settings(self):
        path = self.stack.data / "millibill.yaml"
        settings = path.read_text(encoding="utf-8")
        self.addCleanup(path.write_text, settings, encoding="utf-8")
        logo = Path(__file__).parents[1] / "data" / "logo.png"
        changed = re.sub(r"(?m)^(paper|brand_\w+):.*\n", "", settings)
        path.write_text(changed + f'paper: letter\nbrand_name: Example Cloud\nbrand_address: 1 Cloud Street\nbrand_logo: {logo}\n'
                        'brand_color: "#7a1f5c"\nbrand_foot: "Bank: 123"\n', encoding="utf-8")
        pdf = self.pdf("latest", "--tenant", "plain")
        text = tool("pdftotext", "-layout", pdf, "-")
        self.assertIn("Example Cloud, 1 Cloud Street", text)
        self.assertIn("Bank: 123", text)
        self.assertIn("letter", tool("pdfinfo", pdf))
        self.assertEqual(len(tool("pdfimages", "-list", pdf).splitlines()), 3)
        page = self.stack.run("invoice", "render", "--format", "html", "latest", "--tenant", "plain").stdout
        for word in ("Example Cloud, 1 Cloud Street", "--accent: #7a1f5c", "data:image/png;base64,iVBOR", "Bank: 123"):
            self.assertTrue(word in re.sub(r"\s+", " ", page).replace(" ,", ","), word)
        path.write_text(changed + "paper: a5\n", encoding="utf-8")
        result = self.stack.run("invoice", "render", "--format", "pdf", "latest", "--tenant", "plain", status=1)
        self.assertIn("expected a4 or letter", result.stderr)

    def test_a_contract_says_in_which_language_its_documents_are(self):
        for language, words in WORDS.items():
            text = tool("pdftotext", "-layout", self.pdf("latest", "--tenant", language), "-")
            page = re.sub(r"\s+", " ", self.stack.run("invoice", "render", "--format", "html", "latest", "--tenant", language).stdout)
            self.assertIn(f'lang="{language}"', page)
            for word in words:
                self.assertIn(word, text)
                self.assertIn(word, page)
            due = self.stack.value(f"SELECT issued_at::date + 14 FROM invoices WHERE number = '{self.finals[language]['number']}'")
            self.assertIn(due, text)
            self.assertIn(due, page)
        document = json.loads(self.stack.run("invoice", "render", "--json", "latest", "--tenant", "de").stdout)
        self.assertRegex(tool("pdftotext", "-layout", self.pdf("latest", "--tenant", "de"), "-"),
                         document["payable"]["total"].replace(".", ",") + " EUR")

    def test_a_language_file_translates_everything_that_a_document_says(self):
        said = [word for name in ("words.c", "words_savings.c")
                for word in re.findall(r'^    "(.*)",$', (ROOT / "reports" / name).read_text(encoding="utf-8"), re.M)]
        self.assertGreater(len(said), 130)
        for path in sorted((ROOT / "reports" / "languages").glob("*.yaml")):
            words = yaml.safe_load(path.read_text(encoding="utf-8"))
            self.assertEqual(set(words), {*said, "decimal", "thousands"}, path.name)

    def test_a_stack_has_languages_of_its_own(self):
        (self.stack.data / "languages").mkdir(exist_ok=True)
        self.write("languages/de.yaml", "Invoice: Beleg\n")
        text = tool("pdftotext", "-layout", self.pdf("latest", "--tenant", "de", "--anew"), "-")
        self.assertIn("Beleg MB-", text)
        self.write("languages/de.yaml", "Invoices: Belege\n")
        result = self.stack.run("invoice", "render", "--format", "html", "latest", "--tenant", "de", status=1)
        self.assertIn("de.yaml:1: language: 'Invoices' stands on no document", result.stderr)
        self.write("languages/de.yaml", '"break-even {1}": Gleichstand\n')
        result = self.stack.run("invoice", "render", "--format", "html", "latest", "--tenant", "de", status=1)
        self.assertIn("de.yaml:1: language: a translation has the places {1}, {2} … of its text, each of them", result.stderr)
        (self.stack.data / "languages" / "de.yaml").unlink()

    def test_the_bytes_that_were_issued_stay_whatever_is_set_later(self):
        number, tenant = self.finals["acme"]["number"], "acme"
        first = self.pdf("latest", "--tenant", tenant).read_bytes()
        kept = self.stack.query(f"SELECT sha256, size_bytes, format, build FROM documents_issued WHERE number = '{number}' AND format = 'pdf'")
        self.assertEqual(kept[0][:3], [hashlib.sha256(first).hexdigest(), str(len(first)), "pdf"])
        self.assertRegex(kept[0][3], r"^millibill \d.*cairo \d.*pango \d")
        path = self.stack.data / "millibill.yaml"
        settings = path.read_text(encoding="utf-8")
        self.addCleanup(path.write_text, settings, encoding="utf-8")
        path.write_text(re.sub(r"(?m)^paper:.*\n", "", settings) + "paper: letter\n", encoding="utf-8")
        out = self.stack.data / "again.pdf"
        result = self.stack.run("invoice", "render", number, "--tenant", tenant, "--format", "pdf", "--output", str(out))
        self.assertEqual(out.read_bytes(), first)
        self.assertIn("would make other bytes", result.stderr)
        self.assertIn("letter", tool("pdfinfo", self.pdf(number, "--tenant", tenant, "--anew", name="anew.pdf")))
        folder = self.stack.data / "later"
        self.stack.run("invoice", "render", "--format", "pdf", "--month", MONTH, "--final", "--output-dir", str(folder))
        self.assertEqual((folder / f"acme-{number}.pdf").read_bytes(), first)

    def test_what_was_issued_is_changed_by_nobody_unnoticed(self):
        self.pdf("latest", "--tenant", "plain")
        for statement in ("UPDATE issued_documents SET bytes = ''", "DELETE FROM issued_documents"):
            self.assertIn("0", self.stack.value(f"WITH x AS ({statement} RETURNING 1) SELECT count(*) FROM x"))
        self.assertEqual(self.stack.value("SELECT bool_and(sha256(bytes) = sha256) FROM issued_documents"), "t")
        where = f"WHERE format = 'pdf' AND invoice_id = (SELECT invoice_id FROM millibill.invoices WHERE number = '{self.finals['plain']['number']}')"
        kept = self.stack.value(f"SELECT encode(bytes, 'hex') FROM millibill.issued_documents {where}")
        self.stack.query(f"UPDATE millibill.issued_documents SET bytes = bytes || 'x' {where}", SUPERUSER)
        self.addCleanup(self.stack.query, f"UPDATE millibill.issued_documents SET bytes = decode('{kept}', 'hex') {where}", SUPERUSER)
        result = self.stack.run("invoice", "render", "latest", "--tenant", "plain", "--format", "pdf", "--output", str(self.stack.data / "x.pdf"), status=1)
        self.assertIn("does not have its stored digest", result.stderr)
        self.assertIn("SHA-256 of the issued pdf", self.stack.run("verify", status=3).stdout)

    def test_every_invoice_gets_its_file(self):
        folder = self.stack.data / "out"
        paths = self.stack.run("invoice", "render", "--format", "pdf", "--month", MONTH, "--output-dir", str(folder)).stdout.splitlines()
        self.assertEqual(len(paths), 3 + len(WORDS))
        for path in paths:
            self.assertEqual(Path(path).parent, folder)
            self.assertEqual(Path(path).read_bytes()[:5], b"%PDF-")
        hostile = next(path for path in paths if "1_1" in path)
        self.assertIn("<b>=1+1&'\"", tool("pdftotext", "-layout", hostile, "-"))


if __name__ == "__main__":
    unittest.main()
