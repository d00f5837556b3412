"""`millibill reconcile` by a table: numbers at their extremes, wrong and missing columns, copies, credits, other currencies. tests/data/reconcile/cases.yaml"""
import json
import unittest
from fractions import Fraction as F

import yaml

from harness import ROOT, StackCase

TABLE = yaml.safe_load((ROOT / "tests" / "data" / "reconcile" / "cases.yaml").read_text(encoding="utf-8"))


def records_of(entries):
    """As NDJSON."""
    made = []
    for entry in entries:
        fields = {**TABLE["defaults"], **entry}
        times = fields.pop("times", None)
        fields = {key: value for key, value in fields.items() if value is not None}
        made += [fields] if times is None else [{**fields, "request_id": f"{fields['request_id']}-{i}"} for i in range(times)]
    return "".join(json.dumps(fields) + "\n" for fields in made)


class ReconcileCases(StackCase):
    """Each case is a tenant of its own: one import and one run for all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cases = [(f"case-{i}", case) for i, case in enumerate(TABLE["cases"])]
        for name, book in TABLE["books"].items():
            cls.stack.run("price-book", "add", cls.write(name + ".yaml", book), "--from", "2026-01-01")
        cls.load([(tenant, case) for tenant, case in cls.cases if case.get("final", True)])
        cls.stack.run("rate", "--month", "2026-05", "--final")
        cls.load([(tenant, case) for tenant, case in cls.cases if not case.get("final", True)])

    @classmethod
    def load(cls, cases):
        rows = []
        for tenant, case in cases:
            contract = case.get("contract", f"name: plain\nversion: '1'\nprice_book: {case['book']}\n")
            cls.stack.run("tenant", "add", tenant)
            cls.stack.run("contract", "set", "--tenant", tenant, "--from", "2026-05", cls.write("contract.yaml", contract))
            rows += [json.dumps({**json.loads(line), "tenant": tenant}) + "\n" for line in records_of(case["bill"]).splitlines()]
        answer = cls.stack.json("import", "--format", "ndjson", "-", input="".join(rows))
        assert answer["quarantined"] == 0, answer

    @classmethod
    def write(cls, name, text):
        path = cls.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def reconcile(self, tenant, case):
        path = self.file(case["text"] if "text" in case else records_of(case["records"]), case.get("ending", "ndjson"))
        options = ["--format", case["format"]] if "format" in case else []
        ignored = [word for field in case.get("ignore", []) for word in ("--ignore", field)]
        return self.stack.run("reconcile", "--month", "2026-05", "--tenant", tenant, "--json", *options, *ignored, *case.get("options", []), path, status=None)

    def check(self, case, done):
        answer = json.loads(done.stdout)
        unreadable = {row["line"]: row["why"] for row in answer["rows"] if row["status"] == "unreadable"}
        self.assertEqual(set(unreadable), set(case.get("unreadable", {})))
        for line, word in case.get("unreadable", {}).items():
            self.assertIn(str(word), unreadable[line])
        got = sorted(([row["request_id"], row["status"], row["differs"], None if row["worth_exact"] is None else F(row["worth_exact"])]
                      for row in answer["rows"] if row["status"] != "unreadable"), key=str)
        self.assertEqual(got, sorted(([*row[:3], None if row[3] is None else F(row[3])] for row in case["rows"]), key=str))
        (tenant,) = answer["tenants"]
        self.assertEqual((tenant["currency"], F(tenant["as_billed"]["amount"]), F(tenant["as_in_files"]["amount"])),
                         (case["currency"], F(str(case["as_billed"])), F(str(case["as_in_files"]))))
        different = unreadable or [row for row in case["rows"] if row[1] != "repeated_in_file"]
        self.assertEqual(done.returncode, 3 if different else 0)

    def test_each_case_is_as_the_table_says(self):
        for tenant, case in self.cases:
            with self.subTest(case["name"]):
                done = self.reconcile(tenant, case)
                if "refused" in case:
                    self.assertEqual(done.returncode, 1, done.stdout)
                    self.assertIn(case["refused"], done.stderr)
                else:
                    self.check(case, done)


if __name__ == "__main__":
    unittest.main()
