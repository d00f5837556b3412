#!/usr/bin/env python3
"""Contracts through `millibill quote --contract`: amounts worked out by hand from doc/contracts.md, and what is refused."""
import json
import os
import subprocess
import tempfile
import unittest
from fractions import Fraction as F
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data" / "contracts"
RATER = Path(os.environ.get("MILLIBILL_BUILD", ROOT / "build")) / "bin" / "millibill-rater"
HEAD = "name: t\nversion: '1'\n"
# 100 million requests at 0.20 a million: 20.00; 48 million GB-seconds at 0.00001: 480.00
ROWS = [{"function": "f", "region": "here", "memory_mb": 1024, "invocations": 100000000, "duration_ms": "480"}]


def usage(invocations, duration_ms):
    return [dict(ROWS[0], invocations=invocations, duration_ms=duration_ms)]


def run(contract, rows=ROWS, month="2026-07", balances=None, book="book.yaml", edit=None):
    with tempfile.TemporaryDirectory() as folder:
        files = {"contract.yaml": contract, "book.yaml": edit(DATA.joinpath(book).read_text()) if edit else DATA.joinpath(book).read_text(),
                 "balances.json": json.dumps(balances or {})}
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        return subprocess.run([RATER, "quote", "--json", "--usage", "-", "--month", month, "--contract", Path(folder, "contract.yaml"),
                               "--price-book", Path(folder, "book.yaml"), "--balances", Path(folder, "balances.json")],
                              input=json.dumps(rows), capture_output=True, text=True, check=False)


class Case(unittest.TestCase):
    def quote(self, contract, **how):
        done = run(contract, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        amounts = [F(item["amount"]) for item in answer["statement"]]
        self.assertEqual(sum(amounts), F(answer["total"]), "what is printed adds up")
        self.assertEqual(F(answer["net"]) + F(answer["tax"]), F(answer["total"]))
        payable = answer["payable"]
        self.assertEqual(F(payable["net"]) + sum(F(tax["amount"]) for tax in payable["taxes"]), F(payable["total"]))
        return answer

    def items(self, contract, **how):
        answer = self.quote(HEAD + contract, **how)
        return [(item["kind"], item["amount"]) for item in answer["statement"][1:]], answer


class Steps(Case):
    def test_the_example_of_the_page_comes_out_as_printed(self):
        answer = self.quote(DATA.joinpath("example.yaml").read_text())
        self.assertEqual([(i["kind"], i["amount"]) for i in answer["statement"]],
                         [("usage", "500.00"), ("markup", "15.00"), ("discount", "-49.44"), ("minimum", "34.44"),
                          ("credit", "-100.00"), ("tax", "76.00")])
        self.assertEqual((answer["subtotal"], answer["net"], answer["tax"], answer["total"]), ("500.00", "400.00", "76.00", "476.00"))
        payable = answer["payable"]
        self.assertEqual((payable["currency"], payable["total"], payable["tax"], payable["net"]), ("EUR", "438.63", "70.03", "368.60"))

    def test_discounts_follow_one_another_and_stop_at_their_limit(self):
        items, answer = self.items("discounts: [{name: a, percent: 10}, {name: b, percent: 10}, {name: c, amount: 1000, limit: 30.005}]\n")
        self.assertEqual(items, [("discount", "-50.00"), ("discount", "-45.00"), ("discount", "-30.00")])
        self.assertEqual(answer["total"], "375.00")

    def test_a_limit_over_a_term_counts_what_earlier_invoices_took(self):
        contract = "discounts: [{name: a, percent: 10, limit: 60, limit_every: term, from: 2026-01-01, until: 2027-01-01}]\n"
        used = {"used": [{"kind": "discount", "name": "a", "amount": "-42.5", "items": 3}]}
        items, answer = self.items(contract, balances=used)
        self.assertEqual(items, [("discount", "-17.50")])
        self.assertEqual(F(answer["statement"][1]["left"]), 0)

    def test_two_halves_of_a_cent_do_not_make_a_credit(self):
        """0.01 less 50 %, twice, half up: 0.01 is taken, then nothing is left."""
        items, answer = self.items("discounts: [{name: a, percent: 50}, {name: b, percent: 50}]\n", rows=usage(50000, "0"))
        self.assertEqual((items, answer["total"]), ([("discount", "-0.01"), ("discount", "0.00")], "0.00"))

    def test_a_discount_on_a_part_never_takes_more_than_the_part(self):
        """A discount spreads over requests 20.00 and duration 480.00; then all of duration goes, and exactly that."""
        items, answer = self.items("discounts: [{name: a, amount: 0.03}, {name: b, percent: 100, on: [duration]}]\n")
        self.assertEqual(items, [("discount", "-0.03"), ("discount", "-479.97")])  # 480 - 0.0288 = 479.9712
        self.assertEqual(answer["total"], "20.00")

    def test_shares_of_a_partial_period_are_exact(self):
        """From 11 July: 21 of 31 days."""
        items, answer = self.items("discounts: [{name: a, amount: 31, from: 2026-07-11, partial: share}, {name: b, amount: 31, from: 2026-07-11}]\n")
        self.assertEqual(items, [("discount", "-21.00")])
        self.assertTrue(answer["statement"][1]["share"].startswith("0.677419354838"))

    def test_minimum_counts_what_is_left_after_discounts(self):
        items, _ = self.items("discounts: [{name: d, percent: 50}]\ncommitments: [{name: a, minimum: 300}, {name: b, minimum: 200, on: [duration]}]\n")
        self.assertEqual(items, [("discount", "-250.00"), ("minimum", "50.00"), ("minimum", "0.00")])

    def test_a_term_s_minimum_is_due_in_its_last_period(self):
        contract = "commitments: [{name: a, minimum: 2000, every: term, from: 2026-05-01, until: 2026-08-01}]\n"
        used = {"used": [{"kind": "minimum", "name": "a", "basis": "1200", "amount": "0", "items": 2}]}
        self.assertEqual(self.items(contract, balances=used)[0], [("minimum", "300.00")])
        self.assertEqual(self.items(contract, month="2026-06", balances=used)[0], [("minimum", "0.00")])
        self.assertEqual(self.items(contract, month="2026-08", balances=used)[0], [])

    def test_nothing_used_still_owes_the_minimum(self):
        items, answer = self.items("commitments: [{name: a, minimum: 300}]\ntax: {rates: [{name: vat, percent: 10}]}\n", rows=[dict(ROWS[0], invocations=0)])
        self.assertEqual((items, answer["total"]), ([("minimum", "300.00"), ("tax", "30.00")], "330.00"))

    def test_prepaid_units_cover_and_the_rest_costs_the_overage_price(self):
        contract = "prepaid: [{name: a, sku: requests, units: 75000000, fee: 9, overage_unit_price: 0.0000001}]\n"
        items, answer = self.items(contract)
        # covers 15.00 of 20.00; 25 million at 0.0000001 are 2.50 instead of 5.00
        self.assertEqual(items, [("prepaid", "-15.00"), ("prepaid_fee", "9.00"), ("overage", "-2.50")])
        self.assertEqual((answer["statement"][1]["left"], answer["statement"][1]["quantity"]), ("0", "75000000"))

    def test_a_term_s_units_and_fee_are_used_once(self):
        contract = "prepaid: [{name: a, sku: requests, units: 150000000, fee: 9, every: term, from: 2026-01-01, until: 2027-01-01}]\n"
        self.assertEqual(self.items(contract)[0], [("prepaid", "-20.00"), ("prepaid_fee", "9.00")])
        used = {"used": [{"kind": "prepaid", "name": "a", "quantity": "100000000", "amount": "-20", "items": 1},
                         {"kind": "prepaid_fee", "name": "a", "amount": "9", "items": 1}]}
        items, answer = self.items(contract, balances=used)
        self.assertEqual(items, [("prepaid", "-10.00")])
        self.assertEqual(answer["statement"][1]["left"], "0")

    def test_credits_are_used_by_expiry_and_never_beyond_the_bill(self):
        contract = ("credits: [{name: late, amount: 1000, until: 2027-01-01}, {name: soon, amount: 200, until: 2026-07-02},"
                    " {name: over, amount: 5, until: 2026-07-01}, {name: open, amount: 7}]\n")
        items, answer = self.items(contract)
        self.assertEqual(items, [("credit", "-200.00"), ("credit", "-300.00"), ("credit", "0.00")])
        self.assertEqual([i["name"] for i in answer["statement"][1:]], ["soon", "late", "open"])
        self.assertEqual((answer["statement"][2]["left"], answer["total"]), ("700", "0.00"))
        self.assertEqual([n for n, in ((i["name"],) for i in self.quote(HEAD + contract + "credit_order: listed\n")["statement"][1:])], ["late", "soon", "open"])

    def test_a_credit_of_a_fraction_of_a_cent_is_not_overdrawn(self):
        items, answer = self.items("credits: [{name: a, amount: 10.009}]\n")
        self.assertEqual((items, answer["statement"][1]["left"]), ([("credit", "-10.00")], "0.009"))

    def test_adjustments_can_turn_the_bill_negative_and_tax_follows(self):
        down = {"adjustments": [{"name": "2026-06", "description": "correction of June", "amount": "-600"}]}
        items, answer = self.items("credits: [{name: a, amount: 50}]\ntax: {rates: [{name: vat, percent: 19}]}\n", balances=down)
        self.assertEqual((items, answer["total"]), ([("adjustment", "-600.00"), ("credit", "0.00"), ("tax", "-19.00")], "-119.00"))

    def test_taxes_stand_beside_one_another(self):
        rates = "rates: [{name: gst, percent: 5, jurisdiction: Canada}, {name: qst, percent: 9.975, jurisdiction: Quebec}, {name: x, percent: 7, exempt: reverse charge}]"
        items, answer = self.items("tax: {" + rates + "}\n")
        self.assertEqual(items, [("tax", "25.00"), ("tax", "49.88"), ("tax", "0.00")])  # 49.875
        self.assertIn("reverse charge", answer["statement"][3]["description"])
        items, answer = self.items("tax: {included: true, " + rates + "}\n")
        # 500 x 5 / 114.975 = 21.743; 500 x 9.975 / 114.975 = 43.378
        self.assertEqual(items, [("tax_included", "-65.12"), ("tax", "21.74"), ("tax", "43.38"), ("tax", "0.00")])
        self.assertEqual((answer["net"], answer["total"]), ("434.88", "500.00"))

    def test_a_tax_rate_holds_by_the_end_of_the_period(self):
        contract = "billing_day: 15\ntax: {rates: [{name: old, percent: 19, until: 2026-08-01}, {name: new, percent: 16, from: 2026-08-01}]}\n"
        self.assertEqual(self.items(contract)[0], [("tax", "80.00")])

    def test_alerts_of_a_spending_limit(self):
        answer = self.quote(HEAD + "spending_limit: {amount: 800, alerts: [50, 62.5, 80]}\n")
        self.assertEqual(answer["spending_limit"], {"limit": "800", "spend": "500.00", "reached": ["50", "62.5"]})


class Money(Case):
    def test_the_invoice_as_a_whole_is_rounded_where_the_book_says_so(self):
        """0.5 of a cent twice: 3 million requests 0.60 less 0.25 % is 0.5985, and 19 % of it 0.113715: 0.712215."""
        items, answer = self.items("discounts: [{name: a, percent: 0.25}]\ntax: {rates: [{name: vat, percent: 19}]}\n", rows=usage(3000000, "0"),
                                   edit=lambda text: text.replace("each: line", "each: invoice"))
        self.assertEqual(items, [("discount", "0.00"), ("tax", "0.11")])
        self.assertEqual(answer["total"], "0.71")
        items, answer = self.items("discounts: [{name: a, percent: 2.5}]\ntax: {rates: [{name: vat, percent: 4.5}]}\n", rows=usage(1000000, "0"),
                                   edit=lambda text: text.replace("each: line", "each: invoice"))
        # 0.20 - 0.005 (printed -0.01) = 0.195; tax 0.008775 (0.01): the sum 0.203775 is 0.20, what is printed 0.20
        self.assertEqual(answer["total"], "0.20")
        items, answer = self.items("markup: [{name: a, percent: 2.2}, {name: b, percent: 2.2}]\n", rows=usage(1000000, "0"),
                                   edit=lambda text: text.replace("each: line", "each: invoice"))
        # 0.20 x 1.022^2 = 0.2088968, printed 0.20 + 0.00 + 0.00
        self.assertEqual((items, answer["total"]), ([("markup", "0.00"), ("markup", "0.00"), ("rounding", "0.01")], "0.21"))

    def test_currencies_without_and_with_three_decimals(self):
        for currency, total in (("JPY", "78453"), ("KWD", "153.456")):
            contract = f"currency: {currency}\nexchange: [{{from: 2026-01-01, rate: {'156.906' if currency == 'JPY' else '0.306911'}}}]\n"
            self.assertEqual(self.quote(HEAD + contract)["payable"]["total"], total)  # 153.4555 half up
        for digits, currency, total in ((0, "JPY", "65"), (3, "KWD", "65.000")):
            answer = self.quote(HEAD + "tax: {rates: [{name: vat, percent: 8}]}\n", rows=usage(1000000, "5997"),
                                edit=lambda text: text.replace("USD", currency).replace("digits: 2", f"digits: {digits}"))  # 0.20 + 59.97
            self.assertEqual(answer["total"], {"JPY": "65", "KWD": "64.984"}[currency])  # 60 x 1.08 = 64.8; 60.17 x 1.08 = 64.9836

    def test_amounts_beyond_a_million_millions(self):
        rows = [dict(ROWS[0], invocations=10**18, duration_ms="900000", memory_mb=10240)] * 9
        answer = self.quote(HEAD + "discounts: [{name: a, percent: 33.333333}]\ntax: {rates: [{name: vat, percent: 19}]}\n", rows=rows)
        seconds = 9 * 10**18 * 900 * 10
        subtotal = F(9 * 10**18, 5000000) + F(seconds, 100000)
        self.assertEqual(F(answer["subtotal"]), subtotal)
        discount = F((subtotal * F(33333333, 1000000) + F(1, 2)).__floor__(), 100)
        self.assertEqual(F(answer["net"]), subtotal - discount)
        self.assertGreater(F(answer["total"]), 10**17)

    def test_the_rate_of_exchange_is_that_of_the_period_s_end(self):
        contract = HEAD + "currency: EUR\nexchange: [{from: 2026-06-01, rate: 0.9}, {from: 2026-07-20, rate: 0.8, source: s}, {from: 2026-09-01, rate: 0.1}]\n"
        self.assertEqual(self.quote(contract)["payable"]["total"], "400.00")
        self.assertEqual(self.quote(contract, month="2026-06")["payable"]["total"], "450.00")
        self.assertIn("no rate holds", run(contract, month="2026-04").stderr)

    def test_no_contract_of_nothing_changes_a_bill(self):
        items, answer = self.items("")
        self.assertEqual((items, answer["total"], answer["payable"]["total"]), ([], "500.00", "500.00"))


class Refused(unittest.TestCase):
    CASES = [
        ("name: A\nversion: '1'\n", ":1: name: 'A' is not a name"),
        ("name: a\n", "version: is missing"),
        (HEAD + "rebates: []\n", "rebates"),
        (HEAD + "billing_day: 32\n", ":3: billing_day: '32' is not allowed; write a whole number from 1 to 31"),
        (HEAD + "time_zone: Berlin\n", ":3: time_zone: 'Berlin' is not a time zone"),
        (HEAD + "time_zone: ../../etc/passwd\n", "is not a time zone"),
        (HEAD + "discounts: [{name: a}]\n", "discounts[0]: has neither percent nor amount"),
        (HEAD + "discounts: [{name: a, percent: 101}]\n", "discounts[0].percent: is above 100"),
        (HEAD + "discounts: [{name: a, percent: -1}]\n", "is negative"),
        (HEAD + "discounts: [{name: a, percent: 1}, {name: a, percent: 1}]\n", "discounts[1].name: 'a' stands twice"),
        (HEAD + "discounts: [{name: a, percent: 1, from: 2026-02-30}]\n", "'2026-02-30' is not a day"),
        (HEAD + "discounts: [{name: a, percent: 1, from: 2026-02-01, until: 2026-02-01}]\n", "is not after 'from'"),
        (HEAD + "discounts: [{name: a, percent: 1, limit_every: term, from: 2026-01-01, until: 2027-01-01}]\n", "but no limit"),
        (HEAD + "discounts: [{name: a, percent: 1, on: [wishes]}]\n", "has no sku 'wishes'"),
        (HEAD + "commitments: [{name: a, minimum: 1, every: term}]\n", "add 'from' and 'until'"),
        (HEAD + "prepaid: [{name: a, units: 1}]\n", "prepaid[0].sku: is missing"),
        (HEAD + "credits: [{name: a, amount: 1, partial: share}]\n", "partial"),
        (HEAD + "currency: EUR\n", "exchange: is missing"),
        (HEAD + "exchange: [{from: 2026-01-01, rate: 2}]\n", "is in USD already"),
        (HEAD + "currency: EUR\nexchange: [{from: 2026-01-01, rate: 0}]\n", "exchange[0].rate: is 0"),
        (HEAD + "currency: EUR\nexchange: [{from: 2026-01-02, rate: 1}, {from: 2026-01-01, rate: 1}]\n", "order the list by day"),
        (HEAD + "spending_limit: {amount: 1, alerts: [80, 50]}\n", "ascending order"),
        (HEAD + "tax: {rates: [{name: a, percent: 19, on: [requests]}]}\n", "on"),
    ]

    def test_each_mistake_is_named_with_its_line_and_remedy(self):
        for contract, message in self.CASES:
            with self.subTest(message):
                done = run(contract)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(message, done.stderr)

    def test_a_contract_is_of_one_tenant(self):
        done = run(HEAD, rows=[dict(ROWS[0], tenant="a"), dict(ROWS[0], tenant="b")])
        self.assertEqual(done.returncode, 1)
        self.assertIn("of one tenant", done.stderr)


class Commands(unittest.TestCase):
    def command(self, contract, *words):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(contract)
            file.flush()
            done = subprocess.run([RATER, "contract", words[0], file.name, *words[1:]], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr.replace(file.name, "FILE")

    def test_validate_tells_what_does_not_fit_the_book_that_is_named(self):
        self.assertEqual(self.command(HEAD + "price_book: aws-lambda\n", "validate")[0], 0)
        status, _, error = self.command(HEAD + "price_book: aws-lambda\ncredits: [{name: a, amount: 1, on: [wishes]}]\n", "validate")
        self.assertEqual(status, 1)
        self.assertIn("FILE: contract 't': entry 'a': price book aws-lambda", error)
        self.assertEqual(self.command(HEAD + "price_book: nobody-s\n", "validate")[0], 1)

    def test_period_shows_the_instants(self):
        status, out, _ = self.command(HEAD + "time_zone: Asia/Kolkata\nbilling_day: 30\n", "period", "--month", "2028-02", "--json")
        self.assertEqual((status, json.loads(out)["period_start"], json.loads(out)["period_end"]), (0, "2028-02-28T18:30:00Z", "2028-03-29T18:30:00Z"))
        self.assertEqual(self.command(HEAD, "period")[0], 2)


if __name__ == "__main__":
    unittest.main()
