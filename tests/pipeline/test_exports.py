"""Charges for other systems: FOCUS rows and electronic invoices of invoices, credit notes and voids, checked by readers that know the
standards and not millibill."""
import json
import subprocess
import unittest
from decimal import ROUND_HALF_UP, Decimal

import focus_check
import ubl_check
from harness import MILLIBILL, Stack, environment

PARTIES = """purchase_order: PO-7
seller: {name: Мир 株式会社, address: [1 Cloud Street], postal_code: "10115", city: Berlin, country: DE, tax_id: DE123456789, email: bill@example.com,
         iban: DE89 3704 0044 0532 0130 00}
buyer: {name: "Acme & <Söhne>", address: [2 Main Street, Hof], tax_id: FR12345678901}
payment_days: 30
"""
TERMS = {
    "acme": "name: acme\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2026-01-01, rate: 0.9215, source: test}]\n" + PARTIES +
            "markup: [{name: service, percent: 3.3}]\n"
            "discounts: [{name: partner, percent: 7, on: [duration]}]\n"
            "commitments: [{name: floor, minimum: 12}]\n"
            "prepaid: [{name: block, sku: duration, units: 20000, fee: 3}]\n"
            "credits: [{name: welcome, amount: 4.21}]\n"
            "tax: {rates: [{name: vat, title: VAT, percent: 19, jurisdiction: Germany}]}\n",
    "yen": "name: yen\nversion: '1'\ncurrency: JPY\nexchange: [{from: 2026-01-01, rate: 151.37, source: test}]\n" + PARTIES +
           "tax: {rates: [{name: tax, percent: 10, exempt: Export of services}]}\n",
    "dinar": "name: dinar\nversion: '1'\ncurrency: KWD\nexchange: [{from: 2026-01-01, rate: 0.30715, source: test}]\n" + PARTIES,
    "late": "name: late\nversion: '1'\n" + PARTIES + "tax: {rates: [{name: vat, percent: 20}]}\n",
    "gross": "name: gross\nversion: '1'\n" + PARTIES + "tax: {included: true, rates: [{name: vat, percent: 20}]}\n",
    # a fee for the time from 10 June to 5 September, billed in July: the first period that starts within it
    "term": "name: term\nversion: '1'\ncurrency: EUR\nexchange: [{from: 2026-01-01, rate: 0.9215, source: test}]\n" + PARTIES +
            "prepaid: [{name: block, sku: duration, units: 20000, every: term, from: 2026-06-10, until: 2026-09-05, fee: 100.01},"
            " {name: monthly, sku: requests, units: 5, fee: 0.5}]\n",
    # without an invoice of June, so that what is taken back of its late usage makes an invoice of August negative
    "guest": "name: guest\nversion: '1'\n" + PARTIES + "tax: {rates: [{name: vat, percent: 20}]}\n",
    "free": "name: free\nversion: '1'\nlanguage: de\n" + PARTIES,
    # taken back as a whole: what was bought has a quantity below 0, never a price
    "back": "name: back\nversion: '1'\n" + PARTIES + "commitments: [{name: floor, minimum: 50}]\n"
            "prepaid: [{name: block, sku: duration, units: 20000, fee: 3}]\ntax: {rates: [{name: vat, percent: 20}]}\n",
    "bare": "name: bare\nversion: '1'\nseller: {name: S}\nbuyer: {name: B, country: FR}\n",
    "twice": "name: twice\nversion: '1'\n" + PARTIES + "tax: {rates: [{name: one, percent: 5}, {name: two, percent: 7}]}\n",
}
HOSTILE = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a,\"b\";c", "../../etc/passwd", "'; DROP TABLE invoices; --", "名前-שם-नाम"]


def records(tenant, month, first, count, **facts):
    return [{"request_id": f"{tenant}-{month}-{i}", "tenant": tenant, "function": f"function-{i % 7}", "memory_mb": 1024, "region": "us-east-1",
             "started_at": f"{month}-{1 + i % 28:02}T12:00:00Z", "duration_ms": 900000 - i, **facts} for i in range(first, first + count)]


class Exports(unittest.TestCase):
    """June and July are final; July carries late usage of June, August has a credit note about June, and one invoice is void."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        accounts = {"left": "both", "right": "both", "guest": "house", "host": "house"}
        for tenant in (*TERMS, "plain", "left", "right", "host"):
            cls.stack.run("tenant", "add", tenant, *(["--account", accounts[tenant]] if tenant in accounts else []))
        for tenant, terms in TERMS.items():
            cls.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-06", str(cls.write("terms.yaml", terms)))
        june = sum((records(t, "2026-06", 0, 600) for t in (*TERMS, "left", "right", "host") if t != "guest"), [])
        june += records("acme", "2026-06", 600, 40, region="eu-west-1", architecture="arm64", ephemeral_mb=2048)
        june += [{**record, "function": HOSTILE[i % len(HOSTILE)]} for i, record in enumerate(records("plain", "2026-06", 0, 12))]
        cls.usage(june)
        cls.rate("2026-06")
        cls.usage(records("late", "2026-06", 700, 60) + records("late", "2026-07", 0, 600) + records("plain", "2026-07", 0, 1)
                  + records("term", "2026-07", 0, 9) + records("guest", "2026-06", 0, 60) + records("guest", "2026-07", 0, 1))
        cls.rate("2026-07")
        cls.stack.run("reverse", "--tenant", "late", "--reason", "measured twice",
                      str(cls.write("wrong.ndjson", "".join(json.dumps(r) + "\n" for r in records("late", "2026-06", 0, 30)))))
        cls.stack.run("reverse", "--tenant", "guest", "--reason", "measured twice",
                      str(cls.write("wrong.ndjson", "".join(json.dumps(r) + "\n" for r in records("guest", "2026-06", 0, 60)))))
        cls.usage(records("late", "2026-08", 0, 10) + records("term", "2026-08", 0, 9) + records("guest", "2026-08", 0, 1))
        cls.rate("2026-08")
        cls.usage(records("term", "2026-09", 0, 9))
        cls.rate("2026-09")
        cls.stack.run("invoice", "void", cls.number("left", "2026-06"), "--tenant", "left", "--reason", "wrong = price")
        cls.stack.run("invoice", "void", cls.number("back", "2026-06"), "--tenant", "back", "--reason", "wrong contract")
        cls.text = cls.focus()
        cls.rows = focus_check.rows(cls.text)

    @classmethod
    def write(cls, name, text):
        path = cls.stack.data / name
        path.write_text(text, encoding="utf-8")
        return path

    @classmethod
    def usage(cls, found):
        cls.stack.run("import", "--format", "ndjson", str(cls.write("usage.ndjson", "".join(json.dumps(r) + "\n" for r in found))))

    @classmethod
    def rate(cls, month):
        cls.stack.run("rate", "--month", month, "--final")

    @classmethod
    def number(cls, tenant, month):
        return next(d["number"] for d in cls.stack.json("invoice", "list", "--month", month, "--tenant", tenant) if d["kind"] == "invoice")

    @classmethod
    def focus(cls, *arguments):
        path = cls.stack.data / "focus.csv"
        answer = cls.stack.json("export", "focus", "--output", str(path), *arguments)
        text = path.read_bytes().decode("utf-8")
        assert answer["rows"] == len(focus_check.rows(text)), answer
        return text

    # ---- FOCUS

    def test_every_column_type_value_and_rule_of_focus_holds(self):
        self.assertEqual(focus_check.check(self.text), [])
        self.assertEqual({row["ChargeCategory"] for row in self.rows}, {"Usage", "Purchase", "Tax", "Credit", "Adjustment"})
        self.assertEqual({row["ChargeClass"] for row in self.rows}, {"", "Correction"})
        self.assertEqual({row["BillingCurrency"] for row in self.rows}, {"USD", "EUR", "JPY", "KWD"})

    def test_the_checker_finds_what_breaks_a_rule(self):
        usage = next(row for row in self.rows if row["ChargeCategory"] == "Usage" and Decimal(row["ListCost"]) > 0)
        for column, value in (("BilledCost", ""), ("BilledCost", "1,000.00"), ("ChargeCategory", "usage"), ("BillingCurrency", "usd"),
                              ("BillingPeriodStart", "2026-06-01"), ("ListCost", "17"), ("PricingQuantity", ""), ("Tags", "[]"),
                              ("ChargePeriodEnd", usage["ChargePeriodStart"]), ("ConsumedQuantity", ""), ("ServiceCategory", "Serverless"),
                              ("SkuPriceDetails", '{"Tier": 1}'), ("ResourceType", "")):
            changed = {**usage, column: value}
            wrong = list(focus_check.value_complaints(changed)) or [*focus_check.null_complaints(changed), *focus_check.cost_complaints(changed),
                                                                    *focus_check.period_complaints(changed)]
            self.assertTrue(wrong, (column, value))
        credit = next(row for row in self.rows if row["ChargeCategory"] == "Credit" and row["CommitmentDiscountId"])
        tax = next(row for row in self.rows if row["ChargeCategory"] == "Tax")
        bought = next(row for row in self.rows if row["ChargeCategory"] == "Purchase" and row["CommitmentDiscountId"])
        for row, column, value in ((usage, "ListUnitPrice", "-1"), (usage, "RegionName", ""), (usage, "PricingCategory", "Committed"), (usage, "SkuId", ""),
                                   (credit, "CommitmentDiscountQuantity", "7"), (credit, "CommitmentDiscountType", ""), (tax, "SkuId", "requests"),
                                   (tax, "PricingQuantity", "1"), (tax, "ListCost", "7.77"), (bought, "PricingCategory", "Committed"),
                                   (bought, "CommitmentDiscountUnit", ""), (bought, "ChargeFrequency", "Usage-Based"), (bought, "ConsumedQuantity", "1")):
            changed = {**row, column: value}
            self.assertTrue([*focus_check.value_complaints(changed), *focus_check.null_complaints(changed), *focus_check.cost_complaints(changed)], (column, value))
        head, rest = self.text.split("\r\n", 1)
        self.assertTrue(focus_check.check(head.replace("ListCost", "Cost") + "\r\n" + rest))

    def test_the_rows_of_each_document_add_up_to_what_is_to_be_paid(self):
        owed = {(number, currency): Decimal(payable) for number, currency, payable in self.stack.query(
            "SELECT number, coalesce(payable_currency, currency), coalesce(payable_total, total) FROM invoices WHERE state = 'final'")}
        self.assertEqual(focus_check.totals(self.rows), owed)
        self.assertGreater(len(owed), 12)

    def test_what_each_function_used_equals_the_base_tables(self):
        """Requests and GB-seconds by function of an invoice whose usage did not change since, free or not."""
        used = {(function, region, int(memory)): (Decimal(calls), Decimal(ms) * int(memory) / 1024 / 1000) for function, region, memory, calls, ms in
                self.stack.query("SELECT c.function, c.region, c.memory_mb, sum(r.invocations), sum(r.duration_1ms) FROM rollups r "
                                 "JOIN configs c USING (tenant_id, config_id) JOIN tenants t USING (tenant_id) WHERE t.name = 'acme' "
                                 "AND r.hour >= '2026-06-01' AND r.hour < '2026-07-01' GROUP BY 1, 2, 3")}
        number = self.number("acme", "2026-06")
        found = {}
        for row in self.rows:
            if row["InvoiceId"] == number and row["ResourceId"] and row["SkuId"] in ("requests", "duration"):
                key = (row["ResourceId"], row["RegionId"], int(row["x_MemoryMb"]))
                sums = found.setdefault(key, {"requests": Decimal(0), "duration": Decimal(0)})
                sums[row["SkuId"]] += Decimal(row["ConsumedQuantity"])
        self.assertEqual(set(found), set(used))
        for key, (calls, seconds) in used.items():
            self.assertEqual(found[key]["requests"], calls, key)
            self.assertAlmostEqual(found[key]["duration"], seconds, delta=Decimal("1e-9"))

    def test_every_line_is_there_with_its_quantity_and_its_amount(self):
        lines = self.stack.query("SELECT i.number, l.line, l.quantity, l.amount * coalesce((i.document::jsonb -> 'payable' ->> 'rate')::numeric, 1) "
                                 "FROM invoice_lines l JOIN invoices i USING (tenant_id, invoice_id) WHERE i.state = 'final'")
        sums = {}
        for row in self.rows:
            key = (row["InvoiceId"], row["x_Line"])
            quantity, cost = sums.get(key, (Decimal(0), Decimal(0)))
            sums[key] = (quantity + Decimal(row["ConsumedQuantity"] or 0), cost + Decimal(row["BilledCost"]))
        for number, line, quantity, amount in lines:
            self.assertEqual(sums[number, line], (Decimal(quantity), Decimal(amount)), (number, line))

    def test_free_usage_is_a_row_at_no_price(self):
        free = [row for row in self.rows if row["SubAccountId"] == "plain" and row["ChargeClass"] == ""]
        self.assertTrue(free)
        self.assertEqual({Decimal(row["BilledCost"]) for row in free}, {Decimal(0)})
        self.assertEqual(sum(Decimal(row["ConsumedQuantity"]) for row in free if row["SkuId"] == "requests"), 13)

    def test_what_corrects_another_period_says_so(self):
        adjustment = [row for row in self.rows if row["x_Line"] == "adjustment" and row["SubAccountId"] == "late"]
        self.assertEqual([(row["ChargeClass"], row["ChargePeriodStart"], row["BillingPeriodStart"]) for row in adjustment],
                         [("Correction", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")])
        for kind in ("credit_note", "void"):
            rows = [row for row in self.rows if row["x_DocumentKind"] == kind]
            self.assertTrue(rows, kind)
            issued = self.stack.value(f"SELECT to_char(issued_at, 'YYYY-MM-01\"T\"00:00:00\"Z\"') FROM invoices WHERE number = '{rows[0]['InvoiceId']}'")
            self.assertEqual({(row["ChargeClass"], row["ChargePeriodStart"], row["BillingPeriodStart"]) for row in rows},
                             {("Correction", "2026-06-01T00:00:00Z", issued)}, kind)
            for row in rows:
                self.assertEqual(row["x_RefersTo"], self.number(row["SubAccountId"], "2026-06"))

    def test_what_was_bought_is_taken_back_by_its_quantity(self):
        for name in ("floor", "block"):
            bought, back = ([row for row in self.rows if row["SubAccountId"] == "back" and row["x_DocumentKind"] == kind and row["ChargeCategory"] == "Purchase" and row["ChargePeriodStart"][:7] == "2026-06"
                             and row["CommitmentDiscountId"] == name] for kind in ("invoice", "void"))
            self.assertEqual((len(bought), len(back)), (1, 1), name)
            for row, sign in ((bought[0], 1), (back[0], -1)):
                self.assertEqual(Decimal(row["PricingQuantity"]), sign, name)
                self.assertGreater(Decimal(row["ListUnitPrice"]), 0, name)
                self.assertEqual(Decimal(row["ListUnitPrice"]) * sign, Decimal(row["BilledCost"]), name)
                self.assertEqual(row["PricingCategory"], "Standard", name)

    def test_a_fee_for_a_term_is_spread_over_its_time_and_comes_to_itself_exactly(self):
        rows = [row for row in self.rows if row["SubAccountId"] == "term"]
        fee, = (row for row in rows if row["x_Line"] == "prepaid_fee" and row["CommitmentDiscountId"] == "block")
        billed = Decimal("100.01") * Decimal("0.9215")
        self.assertEqual((Decimal(fee["BilledCost"]), Decimal(fee["EffectiveCost"]), fee["BillingPeriodStart"]),
                         (billed, 0, "2026-07-01T00:00:00Z"))
        parts = {row["BillingPeriodStart"][:7]: row for row in rows if row["x_Line"] == "prepaid_fee_part"}
        days = {"2026-07": 31, "2026-08": 31, "2026-09": 4}  # of the 66 from the start of July to 5 September
        self.assertEqual(set(parts), set(days))
        for month, count in days.items():
            row = parts[month]
            self.assertLess(abs(Decimal(row["EffectiveCost"]) - billed * count / 66), Decimal("2e-12"), month)
            self.assertEqual([Decimal(row[name]) for name in ("BilledCost", "ListCost", "ContractedCost")], [0, 0, 0])
            self.assertEqual((row["ChargeCategory"], row["CommitmentDiscountId"], row["CommitmentDiscountCategory"]), ("Adjustment", "block", "Usage"))
        self.assertEqual(sum(Decimal(row["EffectiveCost"]) for row in parts.values()), billed)
        # over the whole time what is effective is what was billed; a fee for one period is not spread
        self.assertEqual(sum(Decimal(row["EffectiveCost"]) for row in rows), sum(Decimal(row["BilledCost"]) for row in rows))
        monthly = [row for row in rows if row["x_Line"] == "prepaid_fee" and row["CommitmentDiscountId"] == "monthly"]
        self.assertEqual({row["EffectiveCost"] == row["BilledCost"] for row in monthly}, {True})
        # one month alone has its part, though the fee stands in another
        alone = focus_check.rows(self.focus("--month", "2026-08", "--tenant", "term"))
        self.assertEqual([row["EffectiveCost"] for row in alone if row["x_Line"] == "prepaid_fee_part"], [parts["2026-08"]["EffectiveCost"]])
        terms = json.loads(self.stack.run("contract", "terms", "--json", "--tenant", "term").stdout)
        self.assertEqual([(t["name"], t["from"], t["until"]) for t in terms], [("block", "2026-06-10T00:00:00Z", "2026-09-05T00:00:00Z")])
        self.assertEqual({row["EffectiveCost"] == row["BilledCost"] for row in self.rows if row["SubAccountId"] != "term"}, {True})

    def test_a_month_and_a_tenant_can_be_chosen(self):
        rows = focus_check.rows(self.focus("--month", "2026-07", "--tenant", "late"))
        self.assertEqual({(row["SubAccountId"], row["BillingPeriodStart"]) for row in rows}, {("late", "2026-07-01T00:00:00Z")})
        issued = {month for month, in self.stack.query("SELECT DISTINCT to_char(issued_at, 'YYYY-MM') FROM invoices WHERE issued_at IS NOT NULL")}
        parts = sum(len(focus_check.rows(self.focus("--month", month))) for month in {"2026-06", "2026-07", "2026-08", "2026-09", *issued})
        self.assertEqual(parts, len(self.rows))

    def test_names_cannot_be_formulas_unless_they_are_asked_for_as_they_are(self):
        shown = {row["ResourceId"] for row in self.rows if row["SubAccountId"] == "plain"} - {f"function-{i}" for i in range(7)} - {""}
        self.assertEqual(shown, {"'" + HOSTILE[0], *HOSTILE[1:]})
        exact = self.focus("--exact-names", "--tenant", "plain")
        self.assertEqual(focus_check.check(exact), [])
        self.assertEqual({row["ResourceId"] for row in focus_check.rows(exact)} - {f"function-{i}" for i in range(7)} - {""}, set(HOSTILE))

    def test_an_export_that_fails_leaves_the_file_as_it_was(self):
        path = self.write("kept.csv", "before")
        self.stack.run("export", "focus", "--month", "2026-13", "--output", str(path), status=2)
        self.stack.run("export", "focus", "--tenant", "nobody", "--output", str(path), status=1)
        self.assertEqual(path.read_text(), "before")
        self.assertEqual([p.name for p in path.parent.glob("kept.csv*")], ["kept.csv"])

    # ---- electronic invoices

    def ubl(self, number, tenant, status=0):
        path = self.stack.data / "invoice.xml"
        result = self.stack.run("invoice", "render", number, "--tenant", tenant, "--format", "ubl", "--output", str(path), status=status)
        return path.read_bytes() if status == 0 else result.stderr

    def finals(self, kind):
        return [(d["number"], d["tenant"]) for d in self.stack.json("invoice", "list", "--state", "final")
                if d["kind"] == kind and d["tenant"] in ("acme", "yen", "late", "gross", "free")]

    def test_electronic_invoices_have_the_order_the_fields_and_the_sums_of_en_16931(self):
        for number, tenant in self.finals("invoice"):
            data = self.ubl(number, tenant)
            self.assertEqual(ubl_check.check(data), [], f"{number} of {tenant}")
            read = ubl_check.Reader(data)
            owed = self.stack.query("SELECT coalesce(payable_total, total), coalesce(payable_currency, currency), issued_at::date, (issued_at + "
                                    f"interval '30 days')::date FROM invoices WHERE number = '{number}'")[0]
            self.assertEqual([str(read.number("LegalMonetaryTotal/PayableAmount")), read.text("DocumentCurrencyCode"), read.text("IssueDate"),
                              read.text("DueDate")], owed)
        self.assertEqual({read.text("OrderReference/ID"), read.text("BuyerReference")}, {"PO-7"})

    def test_each_way_of_taxing_has_its_category(self):
        found = {}
        for number, tenant in self.finals("invoice"):
            read = ubl_check.Reader(self.ubl(number, tenant))
            found[tenant] = read.category(read.find(read.root, "TaxTotal/TaxSubtotal/TaxCategory"))
        self.assertEqual(found, {"acme": ("S", "19"), "yen": ("E", "0"), "late": ("S", "20"), "gross": ("S", "20"), "free": ("O", "")})

    def test_what_takes_back_is_a_credit_note_about_its_invoice(self):
        notes = self.finals("credit_note")
        self.assertTrue(notes)
        for number, tenant in notes:
            data = self.ubl(number, tenant)
            self.assertEqual(ubl_check.check(data), [])
            read = ubl_check.Reader(data)
            self.assertEqual((read.kind, read.text("BillingReference/InvoiceDocumentReference/ID")), ("CreditNote", self.number(tenant, "2026-06")))
            self.assertEqual(-read.number("LegalMonetaryTotal/PayableAmount"),
                             Decimal(self.stack.value(f"SELECT coalesce(payable_total, total) FROM invoices WHERE number = '{number}'")))

    def test_an_invoice_below_zero_is_one_with_negative_amounts(self):
        """Type 380 with what is owed to the buyer below 0: EN 16931 asks for no other type (BR-CO-25: a date only of what is above 0), prices stay at least 0."""
        data = self.ubl(self.number("guest", "2026-08"), "guest")
        self.assertEqual(ubl_check.check(data), [])
        read = ubl_check.Reader(data)
        self.assertEqual((read.kind, read.text("InvoiceTypeCode")), ("Invoice", "380"))
        net, tax, owed = (read.number(path) for path in ("LegalMonetaryTotal/TaxExclusiveAmount", "TaxTotal/TaxAmount", "LegalMonetaryTotal/PayableAmount"))
        self.assertLess(net, 0)
        self.assertEqual((tax, owed), ((net / 5).quantize(Decimal("0.01"), ROUND_HALF_UP), net + tax))
        self.assertEqual(owed, Decimal(self.stack.value("SELECT total FROM invoices JOIN tenants USING (tenant_id) WHERE name = 'guest' AND state = 'final' "
                                                        "AND period_start = '2026-08-01Z'")))

    def test_what_is_missing_for_an_electronic_invoice_is_said(self):
        for tenant, words in (("bare", ("the seller's country is not said in the contract of tenant 'bare'", "country: DE")),
                              ("plain", ("the seller is not said", "seller: {name:")), ("twice", ("2 taxes",)), ("dinar", ("KWD has 3 decimals",))):
            message = self.ubl(self.number(tenant, "2026-06"), tenant, status=1)
            for word in words:
                self.assertIn(word, message)
        self.assertIn("--output-dir", self.stack.run("invoice", "render", "--format", "ubl", "--month", "2026-07", status=2).stderr)

    def test_the_checker_of_electronic_invoices_finds_mistakes(self):
        data = self.ubl(self.number("acme", "2026-06"), "acme").decode()
        for old, new, rule in (("<cbc:PayableAmount currencyID=\"EUR\">", "<cbc:PayableAmount currencyID=\"EUR\">1", "BR-CO-16"),
                               ("<cbc:IssueDate>", "<cbc:Note>x</cbc:Note><cbc:IssueDate>", "UBL"), ("<cbc:Percent>19<", "<cbc:Percent>7<", "BR-CO-17"),
                               ("<cbc:IdentificationCode>DE<", "<cbc:IdentificationCode>Germany<", "BR-CL-14"),
                               ("<cbc:IdentificationCode>DE<", "<cbc:IdentificationCode>QQ<", "BR-CL-14"), ("<cbc:CompanyID>DE", "<cbc:CompanyID>QQ", "BR-CO-09"),
                               ("<cbc:Percent>19<", "<cbc:Percent>0.4<", "BR-CO-17"), ("unitCode=\"C62\"", "unitCode=\"\"", "BR-23"),
                               ("unitCode=\"C62\"", "unitCode=\"each\"", "BR-CL-23"), ("<cbc:ID>VAT<", "<cbc:ID>GST<", "BR-CO-04"),
                               ("<cbc:PaymentMeansCode>30<", "<cbc:PaymentMeansCode><", "BR-49")):
            self.assertIn(old, data)
            self.assertTrue(any(c.startswith(rule) for c in ubl_check.check(data.replace(old, new).encode())), rule)

    def test_a_tax_may_be_less_than_one_unit_away_by_the_published_rule(self):
        """Whatever the rule's text says of two decimals: what its test accepts and refuses, at its edge."""
        data = self.ubl(self.number("acme", "2026-06"), "acme").decode()
        read = ubl_check.Reader(data.encode())
        tax = read.number("TaxTotal/TaxSubtotal/TaxAmount")
        exact = (read.number("TaxTotal/TaxSubtotal/TaxableAmount") * 19 / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for away, refused in (("0.99", False), ("1.00", True), ("-0.99", False), ("-1.00", True)):
            other = data.replace(f">{tax}</cbc:TaxAmount>", f">{exact + Decimal(away)}</cbc:TaxAmount>")
            self.assertEqual(any(c.startswith("BR-CO-17") for c in ubl_check.check(other.encode())), refused, away)

    def test_a_wrong_account_country_or_language_is_refused_where_the_contract_is_read(self):
        for wrong, word in (("seller: {name: S, iban: DE88 3704 0044 0532 0130 00}", "check digits"), ("buyer: {name: S, country: Germany}", "ISO 3166-1"),
                            ("language: German", "ISO 639-1")):
            path = self.write("wrong.yaml", f"name: a\nversion: '1'\n{wrong}\n")
            result = subprocess.run([MILLIBILL, "contract", "validate", str(path)], capture_output=True, text=True, env=environment(), check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
