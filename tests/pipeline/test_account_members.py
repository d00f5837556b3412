"""A tenant changes its account from a month on: what was before is kept, and rated and verified as it was."""
import json
import unittest
from fractions import Fraction as F

from harness import CommandFailed, Stack

BOOK = """name: shared
version: "1"
currency: USD
rounding: {mode: half_up, each: line}
duration: {granularity_ms: 1}
meters:
  - {sku: requests, description: Requests, unit: request, measure: invocations, prices: [{model: per_unit, unit_price: 1}]}
free_tiers:
  - {name: free, quantity: 10, skus: [requests], allocation: proportional, whole_units: true}
"""


class AccountMembers(unittest.TestCase):
    """Three tenants of ten requests a month each: as one account they pay 20, and each account of one tenant nothing."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("a", "b", "c"):
            cls.stack.run("tenant", "add", tenant, "--account", "group")
        rows = [{"request_id": f"{tenant}{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 128, "duration_ms": 1, "region": "us-east-1",
                 "started_at": f"2026-{month:02}-{i + 1:02}T12:00:00Z"} for tenant in "abc" for month in (5, 6, 7, 8) for i in range(10)]
        (cls.stack.data / "usage.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (cls.stack.data / "book.yaml").write_text(BOOK, encoding="utf-8")
        cls.stack.run("import", "--format", "ndjson", str(cls.stack.data / "usage.ndjson"))

    def rate(self, month, *options):
        answer = self.stack.json("rate", "--month", month, "--price-book", str(self.stack.data / "book.yaml"), *options)
        return {d["invoice"]["tenant"]: (d["invoice"]["account"], F(d["total"])) for d in answer["invoices"]}

    def test_1_a_month_is_rated_by_the_accounts_of_that_month(self):
        self.rate("2026-05", "--final")
        self.stack.run("account", "move", "c", "own", "--from", "2026-07")
        self.assertEqual(sum(total for _, total in self.rate("2026-06").values()), 20)
        self.assertEqual({tenant: account for tenant, (account, _) in self.rate("2026-06").items()}, {"a": "group", "b": "group", "c": "group"})
        july = self.rate("2026-07")
        self.assertEqual(july["c"], ("own", 0))
        self.assertEqual(sum(total for _, total in july.values()), 10)

    def test_2_verify_and_views_go_by_the_accounts_of_the_period(self):
        for month in ("2026-06", "2026-07"):
            self.rate(month, "--final")
        self.stack.run("verify")
        rows = self.stack.query("SELECT to_char(period_start, 'MM'), account FROM invoices_overview WHERE tenant = 'c' ORDER BY 1")
        self.assertEqual(rows, [["05", "group"], ["06", "group"], ["07", "own"]])
        self.assertEqual(self.stack.value("SELECT count(DISTINCT account) FROM usage_hourly WHERE tenant = 'c'"), "2")
        self.assertEqual({d["account"] for d in self.stack.json("invoice", "list", "--tenant", "c")}, {"group", "own"})

    def test_3_a_month_that_is_final_for_a_fellow_is_not_changed(self):
        refused = self.stack.run("account", "move", "c", "elsewhere", "--from", "2026-06", status=1)
        self.assertIn("is final already", refused.stderr)
        refused = self.stack.run("account", "move", "c", "elsewhere", "--from", "2026-07", status=1)
        self.assertIn("is final already", refused.stderr)

    def test_4_every_change_is_kept_and_shown(self):
        self.stack.run("account", "move", "c", "group", "--from", "2026-09")
        self.stack.run("account", "move", "c", "own", "--from", "2026-09")
        history = self.stack.json("account", "history", "c")
        self.assertEqual([(row["revision"], row["from"], row["account"]) for row in history],
                         [(0, None, "group"), (1, "2026-07", "own"), (2, "2026-09", "group"), (3, "2026-09", "own")])
        june, july = (self.stack.json("account", "list", "--month", month) for month in ("2026-06", "2026-07"))
        self.assertEqual(june, [{"account": "group", "tenants": ["a", "b", "c"]}])
        self.assertEqual(july, [{"account": "group", "tenants": ["a", "b"]}, {"account": "own", "tenants": ["c"]}])
        self.assertIn("already", self.stack.run("account", "move", "c", "own", "--from", "2026-10", status=1).stderr)
        self.assertEqual(self.stack.query("WITH done AS (DELETE FROM account_members RETURNING 1) SELECT count(*) FROM done"), [["0"]])

    def test_5_one_tenant_is_rated_with_the_fellows_that_it_has_in_the_month(self):
        self.stack.run("account", "move", "b", "own", "--from", "2026-08")
        self.assertEqual(sum(total for _, total in self.rate("2026-08").values()), 10)
        self.assertEqual(self.rate("2026-08", "--tenant", "a"), {"a": ("group", 0)})
        with self.assertRaises(CommandFailed):
            self.stack.run("account", "move", "nobody", "own", "--from", "2026-08")

    def test_6_a_draft_comes_out_after_its_account_has_other_members(self):
        book = str(self.stack.data / "book.yaml")
        drafts = self.stack.json("rate", "--month", "2026-08", "--price-book", book, "--preview", "--no-forecast")["invoices"]
        self.assertEqual({d["invoice"]["tenant"]: F(d["total"]) for d in drafts}, {"a": 0, "b": 5, "c": 5})
        self.stack.run("account", "move", "b", "group", "--from", "2026-08")
        self.stack.run("account", "move", "c", "alone", "--from", "2026-08")
        self.assertEqual({tenant: total for tenant, (_, total) in self.rate("2026-08").items()}, {"a": 5, "b": 5, "c": 0})
        for draft in drafts:
            path = self.stack.data / "draft.json"
            path.write_text(json.dumps(draft, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
            self.stack.run("invoice", "remake", str(path))
        path.write_text(path.read_text(encoding="utf-8").replace('"tier":1', '"tier":2'), encoding="utf-8")
        self.assertIn("DIFFERENT", self.stack.run("invoice", "remake", str(path), status=3).stdout)


if __name__ == "__main__":
    unittest.main()
