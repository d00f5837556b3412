"""The planner has statistics of what was imported, without anybody who knows of ANALYZE: here autovacuum never comes by."""
import json
import unittest

from harness import SUPERUSER, StackCase

FUNCTIONS = 600
FILLED = ("configs", "rollups_2026_09", "segments_2026_09")


class Statistics(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stack.query("ALTER SYSTEM SET autovacuum = off", SUPERUSER)
        cls.stack.query("SELECT pg_reload_conf()", SUPERUSER)
        cls.stack.run("tenant", "add", "big")
        cls.load("first", 1, 3)

    @classmethod
    def load(cls, prefix, first_day, days):
        lines = [json.dumps({"tenant": "big", "request_id": f"{prefix}-{f}-{day}", "function": f"function-{f}", "region": "us-east-1", "memory_mb": 128,
                             "started_at": f"2026-09-{day:02}T{f % 24:02}:00:00Z", "duration_ms": 5}) for day in range(first_day, first_day + days) for f in range(FUNCTIONS)]
        cls.stack.run("import", "-", input="\n".join(lines) + "\n")

    def rows(self, table):
        """What the planner believes; -1: nobody has looked."""
        return self.stack.number(f"SELECT reltuples::bigint FROM pg_class WHERE oid = 'millibill.{table}'::regclass", SUPERUSER)

    def columns(self, table):
        """Of how many columns there are statistics."""
        return self.stack.number(f"SELECT count(*) FROM pg_stats WHERE schemaname = 'millibill' AND tablename = '{table}'", SUPERUSER)

    def forget(self):
        """As after a load that no program of ours has made."""
        self.stack.query("UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relnamespace = 'millibill'::regnamespace AND relkind = 'r'; "
                         "DELETE FROM pg_statistic s USING pg_class c WHERE c.oid = s.starelid AND c.relnamespace = 'millibill'::regnamespace", SUPERUSER)

    def believed(self):
        return {table: (self.rows(table), self.columns(table) > 0) for table in FILLED}

    def test_an_import_leaves_statistics_of_what_it_filled_and_takes_them_again_when_that_has_doubled(self):
        self.assertEqual(self.rows("configs"), FUNCTIONS)
        self.assertEqual(self.rows("rollups_2026_09"), 3 * FUNCTIONS)
        self.assertTrue(all(self.columns(table) > 0 for table in FILLED), self.believed())
        self.load("more", 4, 12)
        self.assertEqual((self.rows("configs"), self.rows("rollups_2026_09")), (FUNCTIONS, 15 * FUNCTIONS))

    def test_a_run_looks_before_it_plans(self):
        """Each that reads a month through the rater: a preview, a question that writes nothing, what reports ask it."""
        for command in (("rate", "--month", "2026-09", "--dry-run"), ("rate", "--month", "2026-09"), ("dashboard", "--month", "2026-09", "-o", self.folder / "page.html")):
            self.forget()
            self.assertEqual(set(self.believed().values()), {(-1, False)})
            self.stack.run(*command)
            self.assertTrue(all(rows > 0 and known for rows, known in self.believed().values()), (command, self.believed()))

    def test_configurations_are_not_gone_through_for_each_sum(self):
        """The join that took minutes: all configurations of a tenant with the sums of its month."""
        self.forget()
        sql = ("EXPLAIN SELECT * FROM configs c JOIN (SELECT tenant_id, config_id, sum(invocations) FROM rollups WHERE hour >= '2026-09-01Z' AND hour < '2026-10-01Z' "
               "AND tenant_id = ANY ('{1}') GROUP BY 1, 2) r USING (tenant_id, config_id) WHERE c.tenant_id = ANY ('{1}')")
        plan = [row[0] for row in self.stack.query(sql)]
        self.assertTrue(any("Nested Loop" in line for line in plan), plan)  # else this table is too small to show anything
        self.stack.run("rate", "--month", "2026-09")
        plan = [row[0] for row in self.stack.query(sql)]
        self.assertFalse(any("Nested Loop" in line for line in plan), plan)

    def test_where_nothing_has_grown_nothing_is_looked_at(self):
        self.stack.run("rate", "--month", "2026-09")
        for role in ("millibill_compactor", "millibill_rater"):
            self.stack.query("SELECT statistics_keep()", role)
            self.assertEqual(self.stack.number("SELECT statistics_keep()", role), 0)
        self.assertIn("permission denied", self.stack._psql("SELECT statistics_keep()", "millibill_reader").stderr)
        self.assertEqual(self.stack.number("BEGIN READ ONLY; SELECT statistics_keep()", "millibill_rater"), 0)


if __name__ == "__main__":
    unittest.main()
