"""A final invoice is taken back by a document of its own, and its month is issued again as the next revision."""
import csv
import io
import json
import subprocess
import unittest
from fractions import Fraction

from harness import SUPERUSER, CommandFailed, Stack
from test_adjustments import rows

TERMS = """name: acme
version: "1"
currency: EUR
exchange: [{from: 2026-01-01, rate: 0.9, source: test}]
prepaid: [{name: block, sku: duration, units: 200000, every: term, from: 2026-01-01, until: 2027-01-01, fee: 3}]
credits: [{name: welcome, amount: 4}]
tax: {rates: [{name: vat, percent: 19, jurisdiction: Germany}]}
"""


class Voids(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("acme", "left", "right"):
            cls.stack.run("tenant", "add", tenant, *([] if tenant == "acme" else ["--account", "both"]))
        (cls.stack.data / "terms.yaml").write_text(TERMS, encoding="utf-8")
        cls.stack.run("contract", "set", "--tenant", "acme", "--from", "2026-08", str(cls.stack.data / "terms.yaml"))
        cls.usage(("acme", "left", "right"), "2026-08", 600)
        cls.finals = cls.rate("2026-08")
        cls.numbers = {tenant: document["invoice"]["number"] for tenant, document in cls.finals.items()}
        cls.voids = {tenant: cls.void(tenant, "wrong price")[0]["number"] for tenant in ("acme", "left")}
        cls.again = cls.rate("2026-08")

    @classmethod
    def usage(cls, tenants, month, count):
        rows = [json.dumps({"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
                            "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000}) for tenant in tenants for i in range(count)]
        path = cls.stack.data / "usage.ndjson"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(path))

    @classmethod
    def rate(cls, month):
        return {d["invoice"]["tenant"]: d for d in cls.stack.json("rate", "--month", month, "--final", "--no-free-tier")["invoices"]}

    @classmethod
    def void(cls, tenant, reason, number=None):
        return cls.stack.json("invoice", "void", number or cls.numbers[tenant], "--tenant", tenant, "--reason", reason)

    def shown(self, number, tenant="acme", form="json"):
        text = self.stack.run("invoice", "render", number, "--tenant", tenant, "--format", form).stdout
        return json.loads(text) if form == "json" else text

    def test_a_void_has_every_amount_of_its_invoice_with_the_opposite_sign(self):
        void, invoice = self.shown(self.voids["acme"]), self.finals["acme"]
        self.assertEqual([-Fraction(line["amount_exact"]) for line in void["lines"]], [Fraction(line["amount_exact"]) for line in invoice["lines"]])
        self.assertEqual([(item["kind"], -Fraction(item["amount"])) for item in void["statement"]],
                         [(item["kind"], Fraction(item["amount"])) for item in invoice["statement"]])
        for member in ("subtotal", "net", "tax", "total"):
            self.assertEqual(Fraction(void[member]) + Fraction(invoice[member]), 0)
        self.assertEqual(Fraction(void["payable"]["total"]) + Fraction(invoice["payable"]["total"]), 0)
        self.assertEqual((void["invoice"]["kind"], void["invoice"]["reason"], void["invoice"]["refers_to"]["number"]),
                         ("void", "wrong price", self.numbers["acme"]))
        self.assertEqual(void["contract"], invoice["contract"])

    def test_the_void_invoice_stays_as_it_was(self):
        self.assertEqual(self.shown(self.numbers["acme"]), self.finals["acme"])

    def test_the_month_is_final_again_with_the_next_revision_and_what_was_used_is_there_again(self):
        for tenant in ("acme", "left"):
            self.assertNotEqual(self.again[tenant]["invoice"]["number"], self.numbers[tenant])
            self.assertEqual([d["amount"] for d in self.again[tenant].get("statement", [])], [d["amount"] for d in self.finals[tenant].get("statement", [])])
            self.assertEqual(self.again[tenant]["total"], self.finals[tenant]["total"])
        rows = self.stack.query("SELECT kind, revision, count(*) FROM invoices WHERE state = 'final' AND period_start = '2026-08-01' GROUP BY 1, 2 ORDER BY 1, 2")
        self.assertEqual([tuple(row) for row in rows], [("invoice", "0", "3"), ("invoice", "1", "2"), ("void", "0", "2")])

    def test_a_tenant_of_an_account_is_issued_again_and_the_others_keep_theirs(self):
        self.assertEqual(self.again["right"], self.finals["right"])

    def test_numbers_have_no_gaps_in_any_series(self):
        for series, count in (("MB-2026", 5), ("MB-VOID-2026", 2)):
            rows = self.stack.query(f"SELECT number FROM invoices WHERE number ~ '^{series}-[0-9]+$' ORDER BY 1")
            self.assertGreaterEqual(len(rows), count)
            self.assertEqual([row[0] for row in rows], [f"{series}-{i + 1:06}" for i in range(len(rows))])

    def test_a_second_void_says_which_one_there_is(self):
        self.assertEqual(self.void("acme", "again"), [{"number": self.voids["acme"], "refers_to": self.numbers["acme"], "kind": "invoice",
                                                       "tenant": "acme", "already": True}])

    def test_what_cannot_be_taken_back_is_refused_with_what_to_do(self):
        for arguments, said in ((("NO-1", "--reason", "x"), "there is no final invoice"), ((self.voids["left"], "--reason", "x"), "is a void"),
                                ((self.numbers["right"], "--reason", ""), "one line of text"), ((self.numbers["right"], "--reason", "a\nb"), "one line of text")):
            done = self.stack.run("invoice", "void", *arguments, status=None)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.stack.run("invoice", "void", self.numbers["right"], status=2).returncode, 2)

    def test_every_form_shows_a_void(self):
        for form in ("text", "html"):
            page = self.shown(self.voids["acme"], form=form)
            for word in (f"Void {self.voids['acme']}", self.numbers["acme"], "wrong price"):
                self.assertIn(word, page)
        rows = list(csv.DictReader(io.StringIO(self.shown(self.voids["left"], tenant="left", form="csv"))))
        self.assertEqual({(row["kind"], row["refers_to"]) for row in rows}, {("void", self.numbers["left"])})
        self.assertEqual(sum(Fraction(row["amount"]) for row in rows), -Fraction(self.finals["left"]["total"]))

    def test_lists_and_views_say_what_is_in_force(self):
        listed = {row["number"]: row for row in self.stack.json("invoice", "list", "--month", "2026-08")}
        self.assertEqual(listed[self.numbers["acme"]]["void_by"], self.voids["acme"])
        self.assertEqual(listed[self.voids["acme"]]["refers_to"], self.numbers["acme"])
        self.assertEqual(listed[self.again["acme"]["invoice"]["number"]]["void_by"], None)
        self.assertEqual(self.stack.query("SELECT kind, refers_to, void_by FROM invoices_overview WHERE tenant = 'left' ORDER BY issued_at"),
                         [["invoice", "", self.voids["left"]], ["void", self.numbers["left"], ""], ["invoice", "", ""]])
        self.assertEqual(self.stack.value("SELECT number FROM invoices_in_force JOIN tenants USING (tenant_id) WHERE name = 'acme'"),
                         self.again["acme"]["invoice"]["number"])
        shown = self.stack.run("invoice", "render", "--month", "2026-08", "--tenant", "acme").stdout
        self.assertIn(self.again["acme"]["invoice"]["number"], shown)
        self.assertNotIn(self.voids["acme"], shown)

    def test_verify_makes_voids_again(self):
        self.stack.run("verify")
        number = self.voids["acme"]
        self.stack.query("CREATE TABLE aside AS SELECT invoice_id, document, document_sha256 FROM invoices", role=SUPERUSER)
        self.stack.query(f"UPDATE invoices SET document = replace(document, 'wrong price', 'wrong prise') WHERE number = '{number}';"
                         f"UPDATE invoices SET document = replace(document, '\"tier\":1', '\"tier\":2') WHERE number = '{number}';"
                         f"UPDATE invoices SET document_sha256 = sha256(convert_to(document, 'UTF8')) WHERE number = '{number}'", role=SUPERUSER)
        try:
            done = self.stack.run("verify", "--month", "2026-08", status=3)
            self.assertIn(number, done.stdout + done.stderr)
        finally:
            self.stack.query("UPDATE invoices i SET document = a.document, document_sha256 = a.document_sha256 FROM aside a "
                             "WHERE a.invoice_id = i.invoice_id; DROP TABLE aside", role=SUPERUSER)
        self.stack.run("verify")

    def test_the_database_refuses_a_void_that_is_none(self):
        """A second void, one of another sum, and one about nothing: whatever the rater says."""
        void = self.stack.value(f"SELECT document FROM invoices WHERE number = '{self.voids['left']}'")
        other = json.loads(void)
        other["invoice"]["refers_to"]["number"] = self.numbers["right"]
        for document in (void, json.dumps(other)):
            text = document.replace("'", "''")
            with self.assertRaises(CommandFailed):
                self.stack.query(f"SELECT invoice_write(tenant_id, run_id, '{text}') FROM invoices WHERE number = '{self.voids['left']}'", role="millibill_rater")

    def test_one_of_two_at_once_writes_the_void(self):
        """Matrix 35: the second waits, and finds what the first one wrote."""
        self.usage(("acme",), "2026-07", 5)
        number = self.rate("2026-07")["acme"]["invoice"]["number"]
        running = [self.stack.popen("invoice", "void", number, "--reason", "race", "--json", stdout=subprocess.PIPE) for _ in range(4)]
        answers = [json.loads(process.communicate(timeout=600)[0])[0] for process in running]
        self.assertEqual({process.returncode for process in running}, {0})
        self.assertEqual(sorted(answer["already"] for answer in answers), [False, True, True, True])
        self.assertEqual(len({answer["number"] for answer in answers}), 1)
        self.stack.run("verify", "--month", "2026-07")

    def test_a_contract_can_be_changed_from_a_month_that_is_void(self):
        self.stack.run("tenant", "add", "changed")
        self.usage(("changed",), "2026-05", 600)
        first = self.rate("2026-05")["changed"]
        terms = self.stack.data / "changed.yaml"
        terms.write_text("name: changed\nversion: '1'\ndiscounts: [{name: half, percent: 50}]\n", encoding="utf-8")
        self.stack.run("contract", "set", "--tenant", "changed", "--from", "2026-05", str(terms), status=1)
        self.void("changed", "other terms", first["invoice"]["number"])
        self.stack.run("contract", "set", "--tenant", "changed", "--from", "2026-05", str(terms))
        self.assertEqual((first["total"], self.rate("2026-05")["changed"]["total"]), ("9.00", "4.50"))

    def billed(self, *tenants):
        """GB-seconds that are billed to tenants in all: final invoices less voids, and adjustments."""
        names = ", ".join(f"'{tenant}'" for tenant in tenants)
        return self.stack.number(f"SELECT sum(q)::bigint FROM (SELECT l.quantity AS q FROM invoice_lines l JOIN invoices i USING (tenant_id, invoice_id) JOIN tenants t USING (tenant_id) "
                                 f"WHERE i.state = 'final' AND l.sku = 'duration' AND t.name IN ({names}) UNION ALL SELECT l.quantity FROM adjustment_lines l "
                                 f"JOIN adjustments_in_force USING (tenant_id, adjustment_id) JOIN tenants t USING (tenant_id) WHERE l.sku = 'duration' AND t.name IN ({names})) x")

    def members(self, account, *names):
        for name in names:
            self.stack.run("tenant", "add", name, "--account", account)

    def test_who_came_late_is_billed_with_the_account_when_all_its_invoices_are_taken_back(self):
        self.members("open", "first", "late")
        self.usage(("first",), "2026-03", 10)
        number = self.rate("2026-03")["first"]["invoice"]["number"]
        self.usage(("late",), "2026-03", 10)
        self.void("first", "again", number)
        self.assertEqual(sorted(set(self.rate("2026-03")) & {"first", "late"}), ["first", "late"])
        self.rate("2026-04")
        self.assertEqual(self.billed("first", "late"), 20 * 900)

    def test_who_came_late_is_billed_after_the_others_invoices_were_taken_back_one_by_one(self):
        """The next revisions are of later receipts than the late usage: it is settled from the first there was."""
        self.members("steps", "one", "two", "three")
        self.usage(("one", "two"), "2026-02", 10)
        finals = self.rate("2026-02")
        self.usage(("three",), "2026-02", 10)
        for tenant in ("one", "two"):
            self.void(tenant, "again", finals[tenant]["invoice"]["number"])
            self.stack.run("rate", "--month", "2026-02", "--final", "--no-free-tier")  # says that three waits for an adjustment
        self.rate("2026-04")
        self.assertEqual(self.billed("one", "two", "three"), 30 * 900)
        self.stack.run("verify")

    def test_a_month_that_is_void_and_cannot_be_billed_holds_back_nobody_else(self):
        self.stack.run("tenant", "add", "stuck")
        self.stack.run("tenant", "add", "other")
        self.usage(("stuck", "other"), "2026-01", 10)
        finals = self.rate("2026-01")
        for tenant in ("stuck", "other"):
            self.void(tenant, "again", finals[tenant]["invoice"]["number"])
        terms = self.stack.data / "stuck.yaml"
        terms.write_text("name: stuck\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2030-01-01, rate: 0.9, source: none holds}]\n", encoding="utf-8")
        self.stack.run("contract", "set", "--tenant", "stuck", "--from", "2026-01", str(terms))
        done = self.stack.run("rate", "--month", "2026-01", "--final", "--no-free-tier", "--json", status=1)
        answer = json.loads(done.stdout)
        self.assertEqual([skip["account"] for skip in answer["skipped"]], ["stuck"], done.stderr)
        self.assertIn("other", [d["invoice"]["tenant"] for d in answer["invoices"]])

    def test_two_links_of_one_period_in_one_run_use_prepaid_units_once(self):
        """40,000 prepaid GB-seconds, four times 9,000 of January, each later than the one before: none costs anything, in whatever order they are settled."""
        terms = self.stack.data / "block.yaml"
        terms.write_text("name: block\nversion: '1'\nprepaid: [{name: block, sku: duration, units: 40000, every: term, from: 2026-01-01, until: 2027-01-01}]\n",
                         encoding="utf-8")
        self.stack.run("tenant", "add", "block")
        self.stack.run("contract", "set", "--tenant", "block", "--from", "2026-01", str(terms))

        def load(first):
            records = "".join(json.dumps(record) + "\n" for record in rows("block", "2026-01", first, 10))
            self.stack.run("import", "--format", "ndjson", "-", input=records)

        def rate(month):
            return self.stack.json("rate", "--month", month, "--final", "--no-free-tier", "--tenant", "block")["invoices"][0]
        load(0)
        rate("2026-01")
        load(10)
        february = rate("2026-02")
        load(20)
        rate("2026-03")
        self.stack.run("invoice", "void", february["invoice"]["number"], "--tenant", "block", "--reason", "wrong")
        load(30)
        again = rate("2026-02")
        prepaid = [item["quantity"] for link in again["adjustments"] for item in link["items"] if item["kind"] == "prepaid"]
        self.assertEqual((prepaid, again["total"]), (["9000", "9000"], "0.00"))
        self.stack.run("verify", "--tenant", "block")


if __name__ == "__main__":
    unittest.main(verbosity=2)
