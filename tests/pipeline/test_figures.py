"""Figures of reports that no other test derives from the base tables: usage by every dimension, and all of a dashboard's but its costs."""
import json
import unittest
from fractions import Fraction

from harness import StackCase

MONTH = "2026-10"
SUMS = ("invocations", "errors", "timeouts")
# what a dimension is in the base tables, written here a second time
DIMENSIONS = {
    "tenant": "t.name", "account": "a.name", "function": "c.function", "region": "c.region", "architecture": "c.architecture", "memory": "c.memory_mb",
    "mode": "c.mode", "month": "to_char(r.hour AT TIME ZONE 'UTC', 'YYYY-MM')", "day": "(r.hour AT TIME ZONE 'UTC')::date",
    "hour": "to_char(r.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
}
KEYS = {"memory": "memory_mb"}
TABLES = ("rollups r JOIN configs c USING (tenant_id, config_id) JOIN tenants t USING (tenant_id) JOIN accounts a USING (account_id) "
          f"WHERE to_char(r.hour AT TIME ZONE 'UTC', 'YYYY-MM') = '{MONTH}'")


def month_of_records():
    for i in range(240):
        more = {"status": ["ok", "error", "ok", "timeout", "ok"][i % 5]}
        if i % 6 == 0:
            more["init_duration_ms"] = f"{100 + i}.25"
        if i % 4 == 0:
            more["mode"] = "provisioned"
        yield {"tenant": "acme" if i % 3 else "beta", "request_id": f"r-{i}", "function": f"f-{i % 7}", "memory_mb": [128, 1769, 10240][i % 3],
               "region": ["us-east-1", "eu-west-1"][i % 2], "architecture": ["x86_64", "arm64"][i // 2 % 2], "max_memory_used_mb": 60 + i % 50,
               "started_at": f"{MONTH}-{1 + i % 31:02}T{i % 24:02}:30:00Z", "duration_ms": f"{40000 + 997 * i}.{i:03}", **more}


class Figures(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant in ("acme", "beta"):
            cls.stack.run("tenant", "add", tenant, "--account", "both")
        lines = [json.dumps(record) for record in month_of_records()]
        bad = ['{"tenant":"acme"', json.dumps({"tenant": "nobody", "function": "f", "memory_mb": 1, "started_at": f"{MONTH}-01T00:00:00Z", "duration_ms": 1}),
               json.dumps({"tenant": "acme", "function": "f", "memory_mb": 0, "started_at": f"{MONTH}-01T00:00:00Z", "duration_ms": 1})]
        cls.stack.run("import", "-", input="\n".join(lines + bad) + "\n", status=None)
        cls.stack.run("rate", "--month", MONTH, "--final")
        late = {"tenant": "acme", "request_id": "late", "function": "f-1", "memory_mb": 512, "region": "us-east-1", "started_at": f"{MONTH}-09T09:00:00Z", "duration_ms": 5}
        cls.stack.run("import", "--backfill", "-", input=json.dumps(late) + "\n", status=None)
        cls.dashboard = cls.stack.json("dashboard", "--month", MONTH, "--no-savings")

    def sums(self, groups):
        """{values of the groups: (invocations, errors, timeouts, ms, MB × ms)} from the base tables."""
        keys = ", ".join(DIMENSIONS[group] for group in groups)
        rows = self.stack.query(f"SELECT {keys}, {', '.join(f'sum(r.{c})' for c in SUMS)}, sum(r.duration_1ms), sum(r.duration_1ms * c.memory_mb) "
                                f"FROM {TABLES} GROUP BY {', '.join(str(i + 1) for i in range(len(groups)))}")
        return {tuple(row[:len(groups)]): tuple(map(int, row[len(groups):])) for row in rows}

    def test_usage_by_each_dimension_is_the_sum_of_the_rollups(self):
        for groups in (*([name] for name in DIMENSIONS), ["tenant", "function", "region"], ["day", "mode", "memory"]):
            expected = self.sums(groups)
            shown = {}
            for row in self.stack.json("usage", "--by", ",".join(groups), "--month", MONTH)["rows"]:
                key = tuple(str(row[KEYS.get(group, group)]) for group in groups)
                self.assertNotIn(key, shown, "one row for each")
                shown[key] = (*(row[c] for c in SUMS), row["duration_ms"], Fraction(row["gb_seconds"]) * 1024000)
            self.assertEqual(shown, expected, groups)

    def test_every_count_of_a_dashboard_is_that_of_the_base_tables(self):
        page = self.dashboard
        columns = "invocations, errors, timeouts, initializations, init_us, duration_us".split(", ")
        total = self.stack.query(f"SELECT {', '.join(f'sum(r.{c})' for c in columns)}, count(DISTINCT (t.tenant_id, c.function)), count(DISTINCT t.tenant_id) FROM {TABLES}")[0]
        self.assertEqual([page["usage"][c] for c in (*columns, "functions", "tenants")], total)
        rows = self.stack.query(
            "SELECT t.name, c.function, c.region, c.architecture, c.memory_mb, c.mode, sum(r.invocations), sum(r.errors), sum(r.timeouts), sum(r.initializations), "
            f"sum(r.duration_us), sum(r.init_us), max(r.max_duration_us), max(r.max_memory_used_mb) FROM {TABLES} GROUP BY 1, 2, 3, 4, 5, 6")
        expected = {tuple(row[:6]): list(map(int, row[6:])) for row in rows}
        shown = [dict(zip(page["functions"]["columns"], row)) for row in page["functions"]["rows"]]
        self.assertEqual(len(shown), len(expected))
        for row in shown:
            calls, errors, timeouts, starts, us, init_us, longest, memory = expected[tuple(row[c] for c in ("tenant", "function", "region", "architecture", "memory_mb", "mode"))]
            self.assertEqual([int(row[c]) for c in ("invocations", "errors", "timeouts", "initializations", "max_duration_us", "max_memory_used_mb")],
                             [calls, errors, timeouts, starts, longest, memory], row)
            self.assertLessEqual(abs(Fraction(row["mean_duration_us"]) - Fraction(us, calls)), Fraction(1, 2))
            if starts:
                self.assertLessEqual(abs(Fraction(row["mean_init_us"]) - Fraction(init_us, starts)), Fraction(1, 2))
            else:
                self.assertIsNone(row["mean_init_us"])

    def test_what_a_dashboard_warns_of_is_what_is_there(self):
        page = self.dashboard
        waiting = self.stack.query("SELECT reason, count(*) FROM quarantine WHERE replayed_at IS NULL GROUP BY 1")
        self.assertGreater(len(waiting), 1)
        self.assertEqual(sorted((row["reason"], row["records"]) for row in page["quarantine"]), sorted(map(tuple, waiting)))
        billed = {tenant: json.loads(document) for tenant, document in self.stack.query(
            "SELECT t.name, i.document FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.kind = 'invoice'")}
        now = self.sums(["tenant"])
        late = {tenant: now[tenant,][0] - sum(int(f["invocations"]) for f in document["functions"]) for tenant, document in billed.items()}
        self.assertEqual(late, {"acme": 1, "beta": 0})
        self.assertEqual((page["late"]["tenants"], page["late"]["invocations"]), ("1", "1"))
        money, = page["money"]
        finals, total = self.stack.query("SELECT count(*), sum(total) FROM invoices WHERE state = 'final' AND kind = 'invoice'")[0]
        self.assertEqual((money["documents"], money["final"], money["total"], money["credited"]), (finals, finals, total, "0"))

    def test_a_list_of_invoices_has_the_amounts_of_the_tables(self):
        rows = self.stack.query("SELECT i.invoice_id, i.number, i.subtotal, i.total, i.currency, coalesce(i.payable_total, i.total), coalesce(i.payable_currency, i.currency), "
                                "i.invocations FROM invoices i ORDER BY 1")
        listed = sorted(self.stack.json("invoice", "list"), key=lambda row: row["invoice_id"])
        self.assertEqual([[str(row[c]) for c in ("invoice_id", "number", "subtotal", "total", "currency", "payable_total", "payable_currency", "invocations")] for row in listed], rows)
        for _, number, _, _, _, _, currency, _ in rows:
            line = next(line for line in self.stack.run("invoice", "list").stdout.splitlines() if number in line)
            self.assertTrue(line.endswith(currency), line)


if __name__ == "__main__":
    unittest.main()
