"""What arrives after a month is final: adjustments on the next invoice, credit notes, write-offs; once, and made again by verify."""
import csv
import io
import json
import subprocess
import time
import unittest
from fractions import Fraction

from harness import SUPERUSER, CommandFailed, Stack

PRICE = Fraction("0.0000166667")  # a GB-second in us-east-1
VAT = "tax: {rates: [{name: vat, percent: 19, jurisdiction: Germany}]}\n"
TERMS = {
    "plain": None,
    "taxed": "name: taxed\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2026-01-01, rate: 0.9, source: test}]\n"
             "credits: [{name: welcome, amount: 4}]\n" + VAT,
    "credit": "name: credit\nversion: '1'\ncredits: [{name: welcome, amount: 4}]\n" + VAT,
    "policy0": "name: policy0\nversion: '1'\nlate_usage: {months: 0}\n",
    "policy1": "name: policy1\nversion: '1'\nlate_usage: {months: 1}\n",
}


def rows(tenant, month, first, count, **facts):
    return [{"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
             "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000, **facts} for i in range(first, first + count)]


class Adjustments(unittest.TestCase):
    """June is final; then July's run settles what came for June, August's what came since."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("plain", "taxed", "credit", "policy0", "policy1", "idle", "left", "right", "third"):
            cls.stack.run("tenant", "add", tenant, *(["--account", "both"] if tenant in ("left", "right", "third") else []))
        for tenant, terms in TERMS.items():
            if terms:
                (cls.stack.data / "terms.yaml").write_text(terms, encoding="utf-8")
                cls.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-06", str(cls.stack.data / "terms.yaml"))
        cls.usage(sum((rows(t, "2026-06", 0, 600) for t in ("plain", "taxed", "credit", "policy0", "policy1", "idle", "left", "right")), []))
        cls.june = cls.rate("2026-06")
        cls.usage(sum((rows(t, "2026-06", 600, 60) for t in ("plain", "taxed", "policy0", "policy1", "idle", "left", "third")), []))
        cls.usage(sum((rows(t, "2026-07", 0, 600) for t in ("plain", "taxed", "policy0", "policy1", "left", "right", "third")), []))
        cls.july_preview = cls.stack.json("rate", "--month", "2026-07")
        cls.july = cls.rate("2026-07")
        for tenant, first in (("plain", 0), ("taxed", 0), ("credit", 0), ("third", 600), ("policy0", 600)):
            cls.reverse(tenant, "2026-06", first, 30)
        cls.usage(rows("plain", "2026-06", 700, 10) + rows("policy1", "2026-06", 700, 10))
        cls.usage(sum((rows(t, "2026-08", 0, 10) for t in ("plain", "taxed", "credit", "policy0", "policy1")), []))
        cls.august_preview = cls.stack.json("rate", "--month", "2026-08")
        cls.august = cls.rate("2026-08")
        cls.august_notes = cls.notes

    @classmethod
    def reverse(cls, tenant, month, first, count):
        path = cls.stack.data / "wrong.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in rows(tenant, month, first, count)), encoding="utf-8")
        cls.stack.run("reverse", "--tenant", tenant, "--reason", "measured twice", str(path))

    @classmethod
    def usage(cls, records):
        path = cls.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(path))

    @classmethod
    def rate(cls, month):
        answer = cls.stack.json("rate", "--month", month, "--final")
        cls.notes = {d["invoice"]["tenant"]: d for d in answer["credit_notes"]}
        return {d["invoice"]["tenant"]: d for d in answer["invoices"]}

    def items(self, document):
        return [(item["kind"], item["amount"]) for item in document["statement"]]

    def test_late_usage_is_an_item_of_the_next_invoice_with_its_month_and_prices(self):
        """60 records of 900 GB-seconds: 54,000 at the price of June."""
        document = self.july["plain"]
        late = document["adjustments"][0]
        self.assertEqual((late["period_start"][:7], late["invoice"], late["records"]), ("2026-06", self.june["plain"]["invoice"]["number"], "60"))
        self.assertEqual([(c["cause"], c["amount"]) for c in late["causes"]], [("late_usage", "0.90")])
        duration = [line for line in late["lines"] if line["sku"] == "duration"]
        self.assertEqual([(line["quantity"], line["unit_price"], line["amount"]) for line in duration], [("54000", "0.0000166667", "0.90")])
        self.assertEqual(self.items(document), [("usage", document["subtotal"]), ("adjustment", "0.90")])
        self.assertEqual(Fraction(document["total"]), Fraction(document["subtotal"]) + Fraction("0.90"))
        self.assertNotIn("contract", document)

    def test_a_tenant_without_usage_has_an_invoice_of_its_adjustment(self):
        self.assertEqual((self.july["idle"]["subtotal"], self.july["idle"]["total"]), ("0.00", "0.90"))

    def test_an_adjustment_is_taxed_and_paid_as_the_invoice_that_carries_it(self):
        document = self.july["taxed"]
        amounts = dict(self.items(document))
        self.assertEqual(amounts["adjustment"], "0.90")
        self.assertEqual(Fraction(amounts["tax"]), round((Fraction(document["total"]) - Fraction(amounts["tax"])) * Fraction(19, 100), 2))

    def test_the_policy_of_a_contract_says_how_old_late_usage_may_be(self):
        self.assertNotIn("adjustments", self.july["policy0"])
        self.assertEqual(self.july["policy1"]["adjustments"][0]["amount"], "0.90")

    def test_tenants_of_an_account_are_adjusted_for_its_share(self):
        causes = {t: [c["cause"] for c in self.july[t]["adjustments"][0]["causes"]] for t in ("left", "right", "third")}
        self.assertEqual(causes, {"left": ["late_usage"], "third": ["late_usage"], "right": ["account_share"]})
        self.assertIsNone(self.july["third"]["adjustments"][0]["invoice"])
        billed = sum(Fraction(self.june[t]["lines"][i]["billed_quantity"]) for t in ("left", "right") for i in (1,))
        late = sum(Fraction(line["billed_quantity"]) for t in ("left", "right", "third") for line in self.july[t]["adjustments"][0]["lines"] if line["sku"] == "duration")
        self.assertEqual(billed + late, 900 * (660 + 600 + 60) - 400000)

    def test_a_correction_that_lowers_a_bill_is_a_credit_note_linked_to_its_invoice(self):
        """30 records less are 27,000 GB-seconds: 0.45, and 10 late ones are 0.15 more."""
        note = self.august_notes["plain"]
        self.assertEqual((note["invoice"]["kind"], note["invoice"]["refers_to"]["number"]), ("credit_note", self.june["plain"]["invoice"]["number"]))
        self.assertEqual([(c["cause"], c["amount"]) for c in note["correction"]["causes"]], [("reversal", "-0.45"), ("late_usage", "0.15")])
        self.assertEqual((note["total"], self.items(note)), ("-0.30", [("usage", "-0.30")]))
        line = [line for line in note["lines"] if line["sku"] == "duration"][0]
        self.assertEqual((line["quantity"], line["amount"], line["before"]["quantity"], line["after"]["quantity"]), ("-18000", "-0.30", "594000", "576000"))
        self.assertNotIn("adjustments", self.august["plain"])

    def test_a_credit_note_gives_back_the_credits_that_its_invoice_took(self):
        self.assertEqual(self.items(self.june["credit"]), [("usage", "2.33"), ("credit", "-2.33"), ("tax", "0.00")])
        note = self.august_notes["credit"]
        self.assertEqual((self.items(note), note["total"]), ([("usage", "-0.45"), ("credit", "0.45")], "0.00"))
        left = [item["left"] for item in self.august["credit"]["statement"] if item["kind"] == "credit"]
        self.assertEqual(left, ["2.12"])

    def test_a_credit_note_takes_tax_back_at_the_rates_of_its_invoice_and_money_at_its_exchange_rate(self):
        """The credits stay where they are: with the late usage that was billed in July, June comes to more than they are."""
        note = self.august_notes["taxed"]
        self.assertEqual((self.items(note), note["total"]), ([("usage", "-0.45"), ("credit", "0.00"), ("tax", "-0.08")], "-0.53"))
        self.assertEqual((note["payable"]["currency"], note["payable"]["rate"], note["payable"]["total"]), ("EUR", "0.9", "-0.47"))

    def test_what_became_less_without_an_invoice_is_an_item_too(self):
        self.assertEqual(self.august["third"]["adjustments"][0]["causes"][0]["cause"], "reversal")

    def test_late_usage_that_is_too_old_is_written_off_and_counts_nowhere(self):
        rows = self.stack.query("SELECT tenant, to_char(period_start, 'YYYY-MM'), records, round(amount_exact, 4) FROM adjustments_overview "
                                "WHERE disposition = 'written_off' ORDER BY 1")
        self.assertEqual(rows, [["policy0", "2026-06", "60", "0.9000"], ["policy1", "2026-06", "10", "0.1500"]])

    def test_the_write_off_report_says_what_was_not_billed_and_why(self):
        rows = self.stack.json("invoice", "write-offs")
        self.assertEqual([(row["tenant"], row["period_start"][:7], row["settled_for"], row["late_usage_months"], row["records"]) for row in rows],
                         [("policy0", "2026-06", "2026-07", 0, "60"), ("policy1", "2026-06", "2026-08", 1, "10")])
        self.assertEqual([row["tenant"] for row in self.stack.json("invoice", "write-offs", "--tenant", "policy1", "--month", "2026-06")], ["policy1"])
        self.assertEqual(self.stack.json("invoice", "write-offs", "--month", "2026-07"), [])
        table = list(csv.DictReader(io.StringIO(self.stack.run("invoice", "write-offs", "--csv").stdout)))
        worth = {t: sum(Fraction(row["amount_exact"]) for row in table if row["tenant"] == t) for t in ("policy0", "policy1")}
        self.assertEqual({t: worth[t] for t in worth}, {"policy0": 60 * 900 * PRICE, "policy1": 10 * 900 * PRICE})  # the free million takes the requests
        text = self.stack.run("invoice", "write-offs").stdout
        self.assertRegex(text, r"policy1\s+2026-06\s+MB-2026-\d+\s+2026-08\s+1 month\s+10\s+0.15\s+USD")
        self.assertRegex(text, r"Together\s+1.05\s+USD")

    def test_a_second_run_changes_nothing(self):
        before = self.stack.query("SELECT number, document FROM invoices WHERE state = 'final' ORDER BY 1")
        again = self.rate("2026-08")
        self.assertEqual((again, self.notes), ({tenant: d for tenant, d in self.august.items() if tenant != "third"}, {}))
        self.assertEqual(self.stack.query("SELECT number, document FROM invoices WHERE state = 'final' ORDER BY 1"), before)

    def test_preview_and_final_are_the_same_but_for_number_and_evidence(self):
        for preview, final, notes in ((self.july_preview, self.july, {}), (self.august_preview, self.august, self.august_notes)):
            for kind, finals in (("invoices", final), ("credit_notes", notes)):
                self.assertEqual(len(preview[kind]), len(finals))
                for document in preview[kind]:
                    other = finals[document["invoice"]["tenant"]]
                    one, two = ({k: v for k, v in d.items() if k not in ("invoice", "evidence")} for d in (document, other))
                    self.assertEqual(json.dumps(one), json.dumps(two))

    def test_numbers_of_credit_notes_have_no_gaps(self):
        numbers = [row[0] for row in self.stack.query("SELECT number FROM invoices WHERE kind = 'credit_note' ORDER BY 1")]
        self.assertEqual(numbers, [f"MB-CN-2026-{i + 1:06}" for i in range(len(numbers))])

    def test_every_form_shows_adjustments_and_credit_notes(self):
        note, invoice = self.august_notes["plain"]["invoice"]["number"], self.july["plain"]["invoice"]["number"]
        for form in ("text", "html"):
            page = self.stack.run("invoice", "render", note, "--format", form).stdout
            for word in (f"Credit note {note}", self.june["plain"]["invoice"]["number"], "-0.30"):
                self.assertIn(word, page)
            self.assertIn("Usage of 2026-06", self.stack.run("invoice", "render", invoice, "--tenant", "plain", "--format", form).stdout)
        rows = list(csv.DictReader(io.StringIO(self.stack.run("invoice", "render", invoice, "--tenant", "plain", "--format", "csv").stdout)))
        self.assertEqual(sum(Fraction(row["amount"]) for row in rows), Fraction(self.july["plain"]["total"]))

    def test_an_invoice_whose_adjustment_was_billed_is_not_taken_back_alone(self):
        done = self.stack.run("invoice", "void", self.june["policy1"]["invoice"]["number"], "--reason", "x", status=1)
        self.assertIn(self.july["policy1"]["invoice"]["number"], done.stderr)

    def test_the_database_settles_each_change_once(self):
        """Whatever the rater says: the same link of a chain again, and one that leaves a gap."""
        row = self.stack.query("SELECT a.tenant_id, a.disposition, c.number, a.document FROM adjustments a JOIN invoices c ON c.tenant_id = a.tenant_id "
                               "AND c.invoice_id = a.carrier_id JOIN tenants t ON t.tenant_id = a.tenant_id WHERE t.name = 'policy1' AND a.disposition = 'billed'")[0]
        gap = json.loads(row[3])
        gap["from_receipt"] += 1
        for document in (row[3], json.dumps(gap)):
            text = document.replace("'", "''")
            with self.assertRaises(CommandFailed):
                self.stack.query(f"SELECT adjustment_write({row[0]}, '{row[1]}', '{row[2]}', '{text}')", role="millibill_rater")

    def test_verify_makes_all_of_it_again(self):
        self.stack.run("verify")

    def test_a_reversal_of_what_was_written_off_is_not_credited(self):
        """policy0's late records were on no bill: half of them taken back give nothing."""
        self.assertNotIn("policy0", self.august_notes)
        self.assertNotIn("adjustments", self.august["policy0"])

    def test_verify_finds_what_was_changed(self):
        for kind, month in (("billed", "2026-07"), ("credited", "2026-06"), ("written_off", "2026-06")):
            where = f"disposition = '{kind}' AND tenant_id = (SELECT tenant_id FROM tenants WHERE name = '{'policy1' if kind != 'credited' else 'plain'}')"
            self.stack.query(f"UPDATE adjustments SET from_receipt = from_receipt - 1 WHERE {where}", role=SUPERUSER)
            try:
                self.assertIn("made again" if kind == "written_off" else "rated again", self.stack.run("verify", "--month", month, status=3).stdout)
            finally:
                self.stack.query(f"UPDATE adjustments SET from_receipt = from_receipt + 1 WHERE {where}", role=SUPERUSER)


class Once(unittest.TestCase):
    def test_a_change_is_settled_once_whatever_is_killed_and_whoever_runs_beside(self):
        """Matrix 33, 35: runs that are killed at any instant, then three at once, then one more."""
        with Stack() as stack:
            def usage(records):
                path = stack.data / "usage.ndjson"
                path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
                stack.run("import", "--format", "ndjson", str(path))

            tenants = [f"t{i}" for i in range(6)]
            for tenant in tenants:
                stack.run("tenant", "add", tenant)
            usage(sum((rows(t, "2026-04", 0, 600) for t in tenants), []))
            started = time.monotonic()
            stack.run("rate", "--month", "2026-04", "--final")
            whole = time.monotonic() - started
            usage(sum((rows(t, "2026-04", 600, 60) for t in tenants[:3]), []) + sum((rows(t, "2026-05", 0, 5) for t in tenants), []))
            for tenant in tenants[3:]:
                path = stack.data / "wrong.ndjson"
                path.write_text("".join(json.dumps(record) + "\n" for record in rows(tenant, "2026-04", 0, 30)), encoding="utf-8")
                stack.run("reverse", "--tenant", tenant, "--reason", "wrong", str(path))
            for step in range(12):
                run = stack.popen("rate", "--month", "2026-05", "--final", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(whole * (step + 1) / 10)
                run.kill()
                run.wait()
            beside = [stack.popen("rate", "--month", "2026-05", "--final", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
            for run in beside:
                said = run.communicate(timeout=600)[1]
                self.assertEqual(run.returncode, 0, said)
            stack.run("rate", "--month", "2026-05", "--final")
            self.assertEqual(stack.query("SELECT tenant, disposition, amount, in_force FROM adjustments_overview ORDER BY 1"),
                             [[t, "billed", "0.90", "t"] for t in tenants[:3]] + [[t, "credited", "-0.45", "t"] for t in tenants[3:]])
            self.assertEqual(stack.query("SELECT series, last_number FROM invoice_numbers ORDER BY 1"), [["MB-2026", "12"], ["MB-CN-2026", "3"]])
            stack.run("verify")


if __name__ == "__main__":
    unittest.main(verbosity=2)
