"""Charges for other systems: FOCUS rows and electronic invoices of invoices, credit notes and voids, checked by readers that know the
standards and not millibill."""
import json
import unittest
from decimal import Decimal

import focus_check
from harness import Stack

PARTIES = """purchase_order: PO-7
seller: {name: Мир 株式会社, address: [1 Cloud Street], tax_id: DE123456789}
buyer: {name: "Acme & <Söhne>", address: [2 Main Street], tax_id: FR12345678901}
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
           "tax: {rates: [{name: tax, percent: 10}]}\n",
    "dinar": "name: dinar\nversion: '1'\ncurrency: KWD\nexchange: [{from: 2026-01-01, rate: 0.30715, source: test}]\n" + PARTIES,
    "late": "name: late\nversion: '1'\n" + PARTIES + "tax: {rates: [{name: vat, percent: 20}]}\n",
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
        for tenant in (*TERMS, "plain", "left", "right"):
            cls.stack.run("tenant", "add", tenant, *(["--account", "both"] if tenant in ("left", "right") else []))
        for tenant, terms in TERMS.items():
            cls.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-06", str(cls.write("terms.yaml", terms)))
        june = sum((records(t, "2026-06", 0, 600) for t in (*TERMS, "left", "right")), [])
        june += records("acme", "2026-06", 600, 40, region="eu-west-1", architecture="arm64", ephemeral_mb=2048)
        june += [{**record, "function": HOSTILE[i % len(HOSTILE)]} for i, record in enumerate(records("plain", "2026-06", 0, 12))]
        cls.usage(june)
        cls.rate("2026-06")
        cls.usage(records("late", "2026-06", 700, 60) + records("late", "2026-07", 0, 600) + records("plain", "2026-07", 0, 1))
        cls.rate("2026-07")
        cls.stack.run("reverse", "--tenant", "late", "--reason", "measured twice",
                      str(cls.write("wrong.ndjson", "".join(json.dumps(r) + "\n" for r in records("late", "2026-06", 0, 30)))))
        cls.usage(records("late", "2026-08", 0, 10))
        cls.rate("2026-08")
        cls.stack.run("invoice", "void", cls.number("left", "2026-06"), "--tenant", "left", "--reason", "wrong = price")
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
        adjustment = [row for row in self.rows if row["x_Line"] == "adjustment"]
        self.assertEqual([(row["ChargeClass"], row["ChargePeriodStart"], row["BillingPeriodStart"]) for row in adjustment],
                         [("Correction", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")])
        for kind in ("credit_note", "void"):
            rows = [row for row in self.rows if row["x_DocumentKind"] == kind]
            self.assertTrue(rows, kind)
            issued = self.stack.value(f"SELECT to_char(issued_at, 'YYYY-MM-01\"T\"00:00:00\"Z\"') FROM invoices WHERE number = '{rows[0]['InvoiceId']}'")
            self.assertEqual({(row["ChargeClass"], row["ChargePeriodStart"], row["BillingPeriodStart"]) for row in rows},
                             {("Correction", "2026-06-01T00:00:00Z", issued)}, kind)
            self.assertTrue({row["x_RefersTo"] for row in rows} <= {self.number(rows[0]["SubAccountId"], "2026-06")})

    def test_a_month_and_a_tenant_can_be_chosen(self):
        rows = focus_check.rows(self.focus("--month", "2026-07", "--tenant", "late"))
        self.assertEqual({(row["SubAccountId"], row["BillingPeriodStart"]) for row in rows}, {("late", "2026-07-01T00:00:00Z")})
        parts = sum(len(focus_check.rows(self.focus("--month", month))) for month in ("2026-06", "2026-07", "2026-08",
                                                                                   self.stack.value("SELECT to_char(now(), 'YYYY-MM')")))
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


if __name__ == "__main__":
    unittest.main()
