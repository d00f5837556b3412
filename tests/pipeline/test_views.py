"""The SQL interface: every column says what it is, the documented questions and Grafana's have answers, and sums of days are those of hours."""
import json
import re
import threading
import unittest

from harness import ROOT, SUPERUSER, StackCase

SUMS = ("invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, "
        "streamed_bytes, capacity_records, capacity_1s, capacity_300s").split(", ")
# as Grafana's PostgreSQL data source writes them
MACROS = {"$__timeFrom()": "'2026-10-01T00:00:00Z'", "$__timeTo()": "'2026-10-31T23:59:59.999Z'", "${tenant:sqlstring}": "'%s'"}
PANELS = {"stat", "timeseries", "table", "bargauge"}


def records(tenant, count, day, first=0, **more):
    return "".join(json.dumps({"tenant": tenant, "request_id": f"{tenant}-{day}-{first + i}", "function": "thumbnail", "memory_mb": 1024, "region": "us-east-1",
                               "started_at": f"{day}T{i % 24:02}:00:00Z", "duration_ms": "850000.5", "max_memory_used_mb": 300, **more}) + "\n" for i in range(count))


class Views(StackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tenant in ("acme", "other"):
            cls.stack.run("tenant", "add", tenant, "--account", "both")
        cls.stack.run("import", "-", input="".join(records("acme", 30, f"2026-10-{day:02}") for day in range(1, 21)) + records("other", 5, "2026-10-03", status="error", init_duration_ms="200"))
        cls.stack.run("rate", "--month", "2026-10")

    def test_every_column_of_every_view_has_a_comment(self):
        self.assertEqual(self.stack.query(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'millibill'::regnamespace "
            "AND c.relkind = 'v' AND coalesce(col_description(c.oid, a.attnum), '') = ''"), [])
        self.assertEqual(self.stack.query("SELECT relname FROM pg_class WHERE relnamespace = 'millibill'::regnamespace AND relkind = 'v' AND obj_description(oid) IS NULL"), [])

    def test_every_view_is_documented_and_every_question_has_its_answer(self):
        text = (ROOT / "doc" / "sql.md").read_text()
        for (view,) in self.stack.query("SELECT relname FROM pg_class WHERE relnamespace = 'millibill'::regnamespace AND relkind = 'v'"):
            self.assertIn(f"`{view}`", text, view)
        questions = [sql for block in re.findall(r"```sql\n(.*?)```", text, re.S) for sql in block.split(";") if sql.strip()]
        self.assertGreater(len(questions), 14)
        may_be_empty = ("quarantine_open", "losses_reported", "late_usage", "adjustments_overview", "invoice_items_view")
        for sql in questions:
            rows = self.stack.query(sql, "millibill_reader")
            if not any(view in sql for view in may_be_empty):
                self.assertGreater(len(rows), 0, sql)

    def test_every_query_of_the_grafana_dashboard_has_an_answer(self):
        dashboard = json.loads((ROOT / "packaging" / "grafana" / "millibill.json").read_text())
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
        tenants = [variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
        self.assertEqual([row[0] for row in self.stack.query(tenants[0], "millibill_reader")], ["All", "acme", "other"])
        filled = set()
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                for tenant in ("All", "acme", "it''s"):
                    sql = target["rawSql"]
                    for macro, value in MACROS.items():
                        sql = sql.replace(macro, value % tenant if "%s" in value else value)
                    self.assertNotRegex(sql, r"\$[_{]", panel["title"])
                    rows = self.stack.query(sql, "millibill_reader")
                    if rows and tenant == "acme":
                        filled.add(panel["title"])
        self.assertEqual({panel["title"] for panel in dashboard["panels"]} - filled, {"Quarantine", "Losses", "Changed since the final invoice"})

    def test_the_grafana_dashboard_is_one_that_grafana_takes(self):
        dashboard = json.loads((ROOT / "packaging" / "grafana" / "millibill.json").read_text())
        self.assertGreaterEqual(dashboard["schemaVersion"], 39)  # Grafana 10; later ones bring it up to date as they load it
        self.assertNotIn("__inputs", dashboard)  # nothing to fill in: the data source is a variable
        source, tenant = dashboard["templating"]["list"]
        self.assertEqual((source["name"], source["type"], source["query"], tenant["name"]), ("datasource", "datasource", "postgres", "tenant"))
        reference = {"type": "postgres", "uid": "${datasource}"}
        self.assertEqual(tenant["datasource"], reference)
        taken = set()
        for panel in dashboard["panels"]:
            title, place = panel["title"], panel["gridPos"]
            self.assertIn(panel["type"], PANELS, title)
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], title)
            self.assertEqual(panel["datasource"], reference, title)
            if "legend" in panel["options"]:  # all that VizLegendOptions of @grafana/schema asks for
                self.assertLessEqual({"calcs", "displayMode", "placement", "showLegend"}, set(panel["options"]["legend"]), title)
            squares = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertTrue(max(x for x, _ in squares) < 24 and not squares & taken, title)
            taken |= squares
            for target in panel["targets"]:
                self.assertEqual((target["datasource"], target["format"]), (reference, "time_series" if panel["type"] == "timeseries" else "table"), title)
                self.assertIn("rawSql", target)
                self.assertTrue(target["rawQuery"] and target["refId"], title)
                made_here = set(re.findall(r"(\w+) AS \(SELECT", target["rawSql"]))
                for view in re.findall(r"(?:FROM|JOIN) ([\w.]+)", target["rawSql"]):
                    self.assertTrue(view.startswith("millibill.") or view in made_here, (title, view))  # no search_path is needed
            for override in panel["fieldConfig"]["overrides"]:
                self.assertRegex(panel["targets"][0]["rawSql"], rf"\b{override['matcher']['options']}\b", title)

    def days(self):
        return self.stack.query(f"SELECT tenant_id, day, config_id, {', '.join(SUMS)}, max_memory_used_mb, max_duration_us FROM rollups_daily ORDER BY 1, 2, 3", "millibill_reader")

    def hours(self):
        return self.stack.query(f"SELECT tenant_id, (hour AT TIME ZONE 'UTC')::date, config_id, {', '.join(f'sum({c})' for c in SUMS)}, max(max_memory_used_mb), max(max_duration_us) "
                                "FROM rollups GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", "millibill_reader")

    def test_sums_of_days_follow_their_hours_whatever_comes_in_between(self):
        def close():
            while self.stack.number("SELECT rollup_days_close(0)", "millibill_compactor"):
                pass
        close()
        self.assertEqual(self.stack.number("SELECT count(*) FROM rollup_days_open"), 0)
        self.assertEqual(self.days(), self.hours())
        self.stack.run("import", "-", input=records("acme", 7, "2026-10-04", first=100))  # late: the day is open again
        self.assertEqual(self.stack.query("SELECT day FROM rollup_days_open"), [["2026-10-04"]])
        self.assertEqual(self.days(), self.hours())
        close()
        # one that begins before a day is marked, and ends after: the day waits for it
        tenant, config = self.stack.query("SELECT tenant_id, config_id FROM configs JOIN tenants USING (tenant_id) WHERE name = 'acme'")[0]
        add = f"SELECT rollup_add(ARRAY[{tenant}], ARRAY['2026-10-05Z'::timestamptz], ARRAY[{config}], {', '.join(['ARRAY[1]'] * (len(SUMS) + 2))})".replace("ARRAY[1]", "ARRAY[1]::bigint[]")
        self.stack.query(add)
        writer = self.stack.psql_process(f"SET search_path = millibill; BEGIN; {add};")
        for _ in range(5):
            self.stack.query("SELECT rollup_days_close(0)", "millibill_compactor")
        self.assertEqual(self.stack.query("SELECT day FROM rollup_days_open"), [["2026-10-05"]])
        writer.communicate("COMMIT;\n")
        close()
        self.assertEqual(self.stack.number("SELECT count(*) FROM rollup_days_open"), 0)
        self.assertEqual(self.days(), self.hours())
        # several writers and a closer at once
        stop = threading.Event()

        def write(hour):
            for _ in range(12):
                self.stack.query(add.replace("2026-10-05Z", f"2026-10-06T{hour:02}:00Z"))
        writers = [threading.Thread(target=write, args=(hour,)) for hour in range(3)]
        closer = threading.Thread(target=lambda: [self.stack.query("SELECT rollup_days_close(0)", "millibill_compactor") for _ in iter(stop.is_set, True)])
        for thread in (*writers, closer):
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        closer.join()
        close()
        self.assertEqual(self.days(), self.hours())
        # a sum that somebody changed is found
        self.stack.query("UPDATE rollup_days SET errors = errors + 1 WHERE day = '2026-10-07'", SUPERUSER)
        found = self.stack.json("verify", status=3)
        self.assertIn("sums of a closed day", json.dumps(found))
        self.stack.query("UPDATE rollup_days SET errors = errors - 1 WHERE day = '2026-10-07'", SUPERUSER)


if __name__ == "__main__":
    unittest.main()
