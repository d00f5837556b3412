"""Who may see and change what in the database: roles, tenants' logins, evidence that stays as it is.

`tests/data/privileges.csv` says what each role may do; it is compared with the catalogue and with what statements really do.
"""
import csv
import json
import subprocess
import unittest

from harness import ROOT, SUPERUSER, Stack, environment

SERVICES = ("millibill_collector", "millibill_compactor", "millibill_rater", "millibill_reader")
ROLES = (*SERVICES, "millibill_tenant")
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
TENANT_VIEWS = ("usage_hourly", "usage_daily", "usage_by_function", "invoices_overview", "invoice_lines_view", "cost_hourly",
                "cost_daily", "cost_by_function", "free_tier_use_by_tenant", "cost_daily_by_function", "usage_daily_by_function", "cost_lines", "cost_pieces",
                "rollups_daily", "rollups_daily_by_kind", "rollups_monthly")
RELATIONS = ("SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind IN ('r', 'p', 'v') "
             "AND NOT c.relispartition ORDER BY 1")
TABLES = RELATIONS.replace(", 'v'", "")


def usage(tenant, function, count, month="2026-09"):
    return "".join(json.dumps({"request_id": f"{tenant}-{i}", "tenant": tenant, "function": function, "memory_mb": 512,
                               "started_at": f"{month}-{1 + i % 20:02}T10:00:00Z", "duration_ms": 100 + i}) + "\n"
                   for i in range(count))


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.run("tenant", "add", "acme", "--account", "holding")
        cls.stack.run("tenant", "add", "beta", "--account", "holding")
        cls.stack.run("tenant", "add", "solo")
        lines = usage("acme", "thumbs", 30) + usage("beta", "secret-engine", 70) + usage("solo", "solo-fn", 10)
        for month in ("2026-09", "2026-10"):
            cls.stack.json("import", "--format", "ndjson", "-", input=lines.replace("2026-09", month).replace("-0\"", f"-{month}\""))
        cls.stack.json("import", "--format", "ndjson", "-", input=usage("acme", "thumbs", 5))  # known again: exclusions
        cls.stack.json("import", "--format", "ndjson", "-", input=usage("nobody", "f", 3))  # quarantine
        cls.stack.run("rate", "--month", "2026-09", "--final")
        cls.stack.run("rate", "--month", "2026-10", "--preview")
        cls.logins = {name: cls.stack.json("tenant", "login", name) for name in ("acme", "beta", "solo")}

    # --- as a tenant

    def psql(self, tenant, sql, password=None):
        login = self.logins[tenant]
        return subprocess.run(["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", login["connection"]], input=sql,
                              capture_output=True, text=True, timeout=120, check=False,
                              env={**environment(), "PGPASSWORD": password or login["password"]})

    def rows(self, tenant, sql):
        result = self.psql(tenant, sql)
        self.assertEqual(result.returncode, 0, f"{sql}\n{result.stderr}")
        return result.stdout.splitlines()

    def refused(self, tenant, sql, message="permission denied"):
        result = self.psql(tenant, sql)
        self.assertNotEqual(result.returncode, 0, sql)
        self.assertIn(message, result.stderr, sql)

    def owner_rows(self, sql):
        result = self.stack._psql(sql, "millibill_owner", "-t", "-A")
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    # --- what roles may do

    def privileges(self):
        with open(ROOT / "tests/data/privileges.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
        return {(row["kind"], row["name"], row["role"], row["verb"]): row["columns"] for row in rows}

    def test_each_role_may_do_what_the_table_says_and_nothing_else(self):
        found = {}
        for relation, role, verb, whole, columns in self.stack.query(
                "SELECT c.relname, r.role, v.verb, has_table_privilege(r.role, c.oid, v.verb), "
                "(SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "
                "   AND NOT a.attisdropped AND CASE WHEN v.verb IN ('DELETE', 'TRUNCATE', 'TRIGGER') THEN false "
                "   ELSE has_column_privilege(r.role, c.oid, a.attnum, v.verb) END) "
                "FROM pg_class c CROSS JOIN unnest('{%s}'::text[]) AS r(role) CROSS JOIN unnest('{%s}'::text[]) AS v(verb) "
                "WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition "
                "AND (c.relkind <> 'S' OR v.verb IN ('SELECT', 'UPDATE'))" % (",".join(ROLES), ",".join(VERBS)), SUPERUSER):
            if whole == "t" or columns:
                found["relation", relation, role, verb] = "*" if whole == "t" else columns
        for name, role in self.stack.query(
                "SELECT DISTINCT p.proname, r.role FROM pg_proc p CROSS JOIN unnest('{%s}'::text[]) AS r(role) "
                "WHERE p.pronamespace = 'millibill'::regnamespace AND has_function_privilege(r.role, p.oid, 'EXECUTE')" % ",".join(ROLES)):
            found["function", name, role, "EXECUTE"] = "*"
        self.assertEqual(found, self.privileges())

    def test_statements_of_each_role_are_refused_as_the_table_says(self):
        allowed = self.privileges()
        relations = [name for (name,) in self.stack.query(RELATIONS)]
        tables = {name for (name,) in self.stack.query(TABLES)}
        columns = dict(self.stack.query("SELECT attrelid::regclass::text, min(attname) FILTER (WHERE attnum = 1) FROM pg_attribute "
                                        "WHERE attnum > 0 GROUP BY 1"))
        for role in SERVICES:
            cases = []
            for name in relations:
                change = allowed.get(("relation", name, role, "UPDATE"), "*").split()[0]
                column = columns[name] if change == "*" else change
                cases.append((name, "SELECT", f"SELECT * FROM {name} LIMIT 0", ("*",)))
                if name not in tables:
                    continue
                cases += [(name, "INSERT", f"INSERT INTO {name} DEFAULT VALUES", None),
                          (name, "UPDATE", f"UPDATE {name} SET {column} = DEFAULT WHERE false", None),
                          (name, "DELETE", f"DELETE FROM {name} WHERE false", None),
                          (name, "TRUNCATE", f"TRUNCATE {name} CASCADE", None)]
            script = "CREATE FUNCTION pg_temp.denied(s text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE s; RAISE 'undo'; " \
                     "EXCEPTION WHEN insufficient_privilege THEN RETURN true; WHEN OTHERS THEN RETURN false; END $$;"
            probe = script + f"SET ROLE {role};" + "".join(
                f"SELECT '{name}', '{verb}', pg_temp.denied($s${sql}$s$);" for name, verb, sql, _ in cases)
            answers = {(name, verb): denied == "t" for name, verb, denied in self.stack.query(probe, SUPERUSER)}
            for name, verb, sql, whole in cases:
                may = allowed.get(("relation", name, role, verb))
                expected = may not in whole if whole else may is None
                self.assertEqual(answers[name, verb], expected, f"{role}: {sql}")

    def test_nobody_but_the_owner_makes_or_alters_anything(self):
        for role in ROLES:
            for statement in ("CREATE TABLE millibill.x (a int)", "CREATE TABLE public.x (a int)", "CREATE TEMP TABLE x (a int)",
                              "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TABLE segments",
                              "ALTER TABLE invoices DISABLE ROW LEVEL SECURITY", "DROP POLICY services_read ON invoices",
                              "CREATE POLICY p ON invoices USING (true)", "CREATE ROLE x", "ALTER ROLE millibill_tenant BYPASSRLS",
                              "GRANT millibill_owner TO millibill_reader", "COPY segments TO PROGRAM 'cat'"):
                result = self.stack._psql(f"SET ROLE {role}; {statement}", SUPERUSER)
                self.assertNotEqual(result.returncode, 0, (role, statement))
                self.assertRegex(result.stderr, "permission denied|must be (owner|superuser|able to)|must have|does not exist", (role, statement))

    # --- the catalogue

    def test_row_level_security_is_forced_everywhere_and_partitions_have_no_policy(self):
        self.assertEqual(self.stack.query(
            "SELECT relname FROM pg_class WHERE relnamespace = 'millibill'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT (relrowsecurity AND relforcerowsecurity)"), [])
        self.assertEqual(self.stack.query(
            "SELECT polname, polrelid::regclass FROM pg_policy JOIN pg_class c ON c.oid = polrelid WHERE relispartition"), [])
        self.assertEqual(self.stack.query(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'millibill'::regnamespace AND relkind IN ('r', 'p') AND NOT "
            "relispartition AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)"), [])
        # nobody is let in as PUBLIC, and what binds a tenant's table asks no other table
        self.assertEqual(self.stack.query("SELECT tablename, policyname FROM pg_policies WHERE roles = '{public}'"), [])
        self.assertEqual(self.stack.query(
            "SELECT tablename, policyname FROM pg_policies p WHERE concat(qual, with_check) ~* 'select' AND EXISTS (SELECT FROM "
            "information_schema.columns WHERE table_schema = 'millibill' AND table_name = p.tablename AND column_name = 'tenant_id')"), [])
        self.assertEqual(self.stack.query("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"), [])

    def test_every_view_looks_with_the_rights_of_who_asks(self):
        views = self.stack.query("SELECT relname, reloptions @> '{security_invoker=true}', r.rolname, r.rolsuper FROM pg_class c JOIN pg_roles r "
                                 "ON r.oid = c.relowner WHERE relnamespace = 'millibill'::regnamespace AND relkind IN ('v', 'm')")
        self.assertGreater(len(views), 10)
        for name, invoker, owner, superuser in views:
            self.assertEqual((invoker, owner, superuser), ("t", "millibill_owner", "f"), name)

    def test_every_definer_function_pins_its_search_path_and_is_closed_to_public(self):
        functions = self.stack.query(
            "SELECT p.oid::regprocedure, p.prosecdef, array_to_string(p.proconfig, ';'), r.rolsuper, has_function_privilege('public', p.oid, 'EXECUTE') "
            "FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'millibill'::regnamespace")
        self.assertGreater(sum(definer == "t" for _, definer, *_ in functions), 8)
        for name, definer, settings, superuser, public in functions:
            self.assertEqual((superuser, public), ("f", "f"), name)
            if definer == "t":
                self.assertIn("search_path=pg_catalog, millibill, pg_temp", settings.split(";"), name)

    def test_a_new_table_and_a_new_function_are_closed(self):
        open_to = ("SELECT r.role FROM unnest('{%s,public}'::text[]) AS r(role) WHERE %s" % (",".join(ROLES), "%s"))
        self.assertEqual(self.stack.query(
            "BEGIN; CREATE TABLE fresh (a int); CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1';" +
            open_to % "has_table_privilege(r.role, 'fresh', 'SELECT, INSERT, UPDATE, DELETE') OR has_function_privilege(r.role, 'fresh()', 'EXECUTE')"
            + "; ROLLBACK"), [])

    # --- search_path

    def test_a_temporary_table_does_not_deceive_a_definer_function(self):
        receipt = self.stack.number("SELECT last_receipt FROM installation")
        self.stack.query("GRANT TEMPORARY ON DATABASE millibill TO millibill_collector", SUPERUSER)  # not even then
        try:
            taken = self.stack.number(
                "CREATE TEMP TABLE installation (one boolean, last_receipt bigint); INSERT INTO pg_temp.installation VALUES (true, 777000);"
                "CREATE TEMP TABLE commits (commit_id bigint, receipt bigint);"
                "CREATE FUNCTION pg_temp.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT 1/0::bigint';"
                "SET search_path = pg_temp, millibill; BEGIN; INSERT INTO millibill.commits DEFAULT VALUES RETURNING commit_id \\gset\n"
                "SELECT millibill.receipt_take(:commit_id); ROLLBACK",
                "millibill_collector")
        finally:
            self.stack.query("REVOKE TEMPORARY ON DATABASE millibill FROM millibill_collector", SUPERUSER)
        self.assertEqual(taken, receipt + 1)

    # --- evidence and final invoices

    def test_not_even_the_owner_changes_final_invoices_or_evidence(self):
        partition = self.stack.value("SELECT max(relname) FROM pg_class WHERE relname LIKE 'segments_2026_09'")
        for table, where, change in (
                ("invoices", "state = 'final'", "total = 0"), ("invoice_lines", "true", "amount = 0"),
                ("invoice_free_tiers", "true", "used = 0"), ("segments", "true", "records = 0"), ("ledger", "true", "billed = 0"),
                ("exclusions", "true", "ordinal = ordinal + 1"), ("quarantine", "true", "replayed_at = now()"),
                ("price_books", "true", "source = ''"), ("commits", "receipt IS NOT NULL", "receipt = receipt + 1000"), (partition, "true", "records = 0")):
            everything = f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
            before = self.stack.value(everything, SUPERUSER)
            self.assertTrue(before, table)
            for statement in (f"UPDATE {table} SET {change} WHERE {where}", f"DELETE FROM {table} WHERE {where}"):
                self.stack._psql(statement, "millibill_owner")
                self.assertEqual(self.stack.value(everything, SUPERUSER), before, statement)
            self.assertIn("permission denied", self.stack._psql(f"TRUNCATE {table} CASCADE", "millibill_owner").stderr)
        self.assertTrue(self.stack.json("verify")["ok"])

    def test_without_its_policies_the_owner_sees_nothing(self):
        self.assertEqual(self.stack.query("BEGIN; DROP POLICY services_read ON invoices; SET ROLE millibill_owner; "
                                          "SELECT count(*) FROM invoices; ROLLBACK", SUPERUSER), [["0"]])

    def test_the_collector_moves_watermarks_forward_over_what_is_in_the_ledger_only(self):
        stream, last = self.stack.query("SELECT stream_id, last_sequence FROM streams WHERE last_sequence > 1 LIMIT 1")[0]
        advance = "SELECT streams_advance(ARRAY[%s], ARRAY[%d]::bigint[])"
        self.assertIn("does not lead up", self.stack._psql(advance % (stream, int(last) + 1), "millibill_collector").stderr)
        self.stack.query(advance % (stream, int(last) - 1), "millibill_collector")
        self.assertEqual(self.stack.value(f"SELECT last_sequence FROM streams WHERE stream_id = {stream}"), last)

    def test_the_collector_adds_to_rollups_and_takes_nothing_away(self):
        add = ("SELECT rollup_add(ARRAY[tenant_id], ARRAY[hour], ARRAY[config_id], ARRAY[0]::bigint[], {0}, {0}, {0}, {0}, {0}, ARRAY[%d]::bigint[], "
               "{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}) FROM rollups LIMIT 1").format("ARRAY[0]::bigint[]")
        place = self.stack.query("SELECT tenant_id, hour, config_id FROM rollups LIMIT 1")[0]
        add = add.replace("tenant_id]", f"{place[0]}::bigint]").replace("hour]", f"'{place[1]}'::timestamptz]").replace(
            "config_id]", f"{place[2]}::bigint]").replace(" FROM rollups LIMIT 1", "")
        self.assertIn("no sum may be negative", self.stack._psql(add % -1, "millibill_collector").stderr)
        self.stack.query("BEGIN; " + add % 1 + "; ROLLBACK", "millibill_collector")

    def test_the_collector_holds_no_lock_of_others_and_makes_no_month_far_ahead(self):
        for role in ("millibill_collector", "millibill_rater", "millibill_reader"):
            refused = self.stack._psql("SELECT pg_advisory_lock(hashtextextended('millibill.seal', 0))", role)
            self.assertIn("permission denied", refused.stderr, role)
        for month in ("1969-12-01", "2090-01-01"):
            self.assertIn("is not between 1970 and", self.stack._psql(f"SELECT partitions_ensure('{month}')", "millibill_collector").stderr)

    def test_a_tenant_that_an_import_names_joins_no_account_that_others_share(self):
        introduce = "BEGIN; SELECT * FROM tenants_introduce(ARRAY['holding', 'fresh']); ROLLBACK"
        self.assertEqual(self.stack.query(introduce, "millibill_collector"), [["fresh"]])

    def test_the_rater_writes_final_invoices_of_months_that_are_over_with_numbers_that_it_took(self):
        write = ("BEGIN; INSERT INTO rating_runs (kind, period_month, period_start, period_end, receipt_watermark, price_book_sha256, free_tier, document_version) "
                 "SELECT 'final', left('{start}', 10)::date, '{start}', '{end}', receipt_watermark, price_book_sha256, free_tier, 2 FROM rating_runs WHERE kind = 'final' LIMIT 1; "
                 "SELECT invoice_write(i.tenant_id, (SELECT max(run_id) FROM rating_runs), jsonb_set(jsonb_set(jsonb_set(document::jsonb, "
                 "'{{invoice,period_start}}', '\"{start}\"'), '{{invoice,period_end}}', '\"{end}\"'), '{{invoice,number}}', '\"{number}\"')::text) "
                 "FROM invoices i WHERE state = 'final' LIMIT 1; ROLLBACK")
        past, ahead = ({"start": f"{year}-08-01T00:00:00Z", "end": f"{year}-09-01T00:00:00Z"} for year in (2026, 2098))
        taken = self.stack.value("SELECT max(number) FROM invoices WHERE state = 'final' AND tenant_id = (SELECT min(tenant_id) FROM invoices)")
        for period, number, message in ((ahead, taken, "which is not over"), (past, "MB-2026-000999", "was not taken from its series"),
                                        (past, "MB-1999-000001", "was not taken from its series"), (past, "free", "was not taken from its series")):
            refused = self.stack._psql(write.format(**period, number=number), "millibill_rater")
            self.assertIn(message, refused.stderr, number)
        number = f"MB-2026-{self.stack.number('SELECT last_number FROM invoice_numbers') + 1:06}"
        self.stack.query(write.replace("BEGIN;", "BEGIN; SELECT invoice_number_take('MB-2026');").format(**past, number=number), "millibill_rater")

    def test_previews_say_the_same_in_rows_as_in_their_documents(self):
        """The rater hands the rows over beside the document; what PostgreSQL takes from the documents is what stands there."""
        previews = "(SELECT tenant_id, invoice_id, document::jsonb AS d FROM invoices WHERE state = 'preview') p"
        for table, function, key in (("invoice_lines", "document_lines", "line"), ("invoice_free_tiers", "document_free_tiers", "name"),
                                     ("invoice_items", "document_items", "item")):
            taken = f"SELECT tenant_id, invoice_id, x.* FROM {previews} CROSS JOIN LATERAL {function}(p.d) x"
            columns = self.stack.value(f"SELECT string_agg(attname, ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass "
                                       "AND attnum > 0").replace("left", '"left"')
            there = f"SELECT {columns} FROM {table} WHERE (tenant_id, invoice_id) IN (SELECT tenant_id, invoice_id FROM {previews})"
            self.assertEqual(self.stack.query(f"(SELECT {columns} FROM ({taken}) t EXCEPT ALL {there}) UNION ALL ({there} EXCEPT ALL SELECT {columns} FROM ({taken}) t)"),
                             [], (table, key))
        self.assertGreater(self.stack.number(f"SELECT count(*) FROM {previews} CROSS JOIN LATERAL document_lines(p.d) x"), 0)
        self.assertEqual(self.stack.query("SELECT tenant_id FROM invoices WHERE state = 'preview' AND (currency, subtotal, total, invocations) IS DISTINCT FROM "
                                          "(document::jsonb ->> 'currency', (document::jsonb ->> 'subtotal')::numeric, (document::jsonb ->> 'total')::numeric, "
                                          "document_invocations(document::jsonb))"), [])

    def test_the_rater_cannot_hand_over_rows_that_a_preview_does_not_say(self):
        head = ("ROW(i.tenant_id, {document}, i.document::jsonb -> 'invoice' ->> 'account', i.currency, i.subtotal, {total}, i.invocations, "
                "encode(i.contract_sha256, 'hex'), i.contract_revision, i.payable_currency, i.payable_total)::preview_head")
        write = ("SELECT previews_write({run}, ARRAY[" + head + "], ARRAY(SELECT ROW(i.tenant_id, l.line, l.region, l.architecture, l.mode, l.sku, l.tier, "
                 "l.description, l.quantity, l.free_quantity, l.billed_quantity, l.unit, l.unit_price, {amount}, l.amount_exact, l.book)::preview_line "
                 "FROM invoice_lines l WHERE l.invoice_id = i.invoice_id {lines}), ARRAY(SELECT ROW({of}, f.name, f.unit, f.allowance, f.used, f.account_used)"
                 "::preview_free_tier FROM invoice_free_tiers f WHERE f.invoice_id = i.invoice_id), '{{}}') FROM invoices i WHERE state = '{state}' "
                 "AND contract_sha256 IS NULL ORDER BY tenant_id LIMIT 1")
        honest = {"run": "i.run_id", "document": "i.document", "total": "i.total", "amount": "l.amount", "lines": "", "of": "i.tenant_id", "state": "preview"}
        before = self.stack.query("SELECT document_sha256, invoice_id FROM invoices WHERE state = 'preview' ORDER BY 2")
        self.assertEqual(self.stack.query(write.format(**honest), "millibill_rater"), [["1"]])
        for lie, message in (({"total": "i.total + 1"}, "is not what its document says"), ({"amount": "l.amount + 1"}, "is not what its document says"),
                             ({"lines": "AND l.line > 1"}, "is not what its document says"), ({"of": "i.tenant_id + 1000"}, "is not what its document says"),
                             ({"document": "replace(i.document, '\"tenant\":\"', '\"tenant\":\"x')"}, "does not belong to tenant"),
                             ({"document": "regexp_replace(i.document, '\"receipt_watermark\":', '\"receipt_watermark\":9')"}, "does not belong to tenant"),
                             ({"run": "(SELECT max(run_id) FROM rating_runs WHERE kind = 'final')"}, "is not one of previews"), ({"state": "final"}, "is not one of previews")):
            self.assertIn(message, self.stack._psql(write.format(**{**honest, **lie}), "millibill_rater").stderr, lie)
        self.assertEqual(self.stack.query("SELECT document_sha256, invoice_id FROM invoices WHERE state = 'preview' ORDER BY 2"), before)

    def test_a_function_of_the_owner_does_not_stand_in_for_one_of_postgresql(self):
        """In front of pg_catalog it would run in every session, a superuser's too, and digests would be what it says."""
        self.stack.query("CREATE FUNCTION millibill.sha256(bytea) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RAISE 'not ours'; END $$; "
                         "GRANT EXECUTE ON FUNCTION millibill.sha256(bytea) TO PUBLIC")
        try:
            self.stack.run("seal", "--now")
            self.assertTrue(self.stack.json("verify")["ok"])
        finally:
            self.stack.query("DROP FUNCTION millibill.sha256(bytea)")

    # --- tenants

    def test_a_tenant_sees_its_own_rows_and_only_these_in_every_view(self):
        for view in TENANT_VIEWS:
            for tenant in ("acme", "beta"):
                own = self.owner_rows(f"SELECT v::text FROM {view} v WHERE tenant = '{tenant}' ORDER BY 1")
                self.assertTrue(own, view)
                self.assertEqual(self.rows(tenant, f"SELECT v::text FROM {view} v ORDER BY 1"), own, view)
        self.assertEqual(self.rows("acme", "SELECT DISTINCT tenant_id FROM invoices_in_force"), self.owner_rows("SELECT tenant_id FROM tenants WHERE name = 'acme'"))

    def test_a_tenant_sees_its_own_rows_and_only_these_in_every_table_that_views_read(self):
        for table, columns in (("tenants", "tenant_id"), ("configs", "tenant_id"), ("rollups", "tenant_id"), ("invoices", "tenant_id"),
                               ("invoice_lines", "tenant_id"), ("invoice_free_tiers", "tenant_id")):
            ids = self.owner_rows("SELECT tenant_id FROM tenants WHERE name = 'solo'")
            self.assertEqual(self.rows("solo", f"SELECT DISTINCT {columns} FROM {table}"), ids, table)
            self.assertEqual(self.rows("solo", f"SELECT count(*) FROM {table}"),
                             self.owner_rows(f"SELECT count(*) FROM {table} WHERE tenant_id = {ids[0]}"), table)
        # sums of closed days stand in tables of their own, and functions take a tenant's number: another's gives nothing
        while self.stack.number("SELECT rollup_days_close(0)", "millibill_compactor"):
            pass
        for table in ("rollup_days", "rollup_day_kinds", "rollup_months"):
            self.assertEqual(self.rows("solo", f"SELECT DISTINCT tenant_id FROM {table}"), ids, table)
            self.assertGreater(len(self.owner_rows(f"SELECT DISTINCT tenant_id FROM {table}")), 1, table)
        [other] = self.owner_rows("SELECT tenant_id FROM tenants WHERE name = 'acme'")
        for call in ("rollup_between(%s, '2000-01-01Z', '2100-01-01Z')", "rollup_kinds_between(%s, '2000-01-01Z', '2100-01-01Z')",
                     "rollup_hours_between(%s, '2000-01-01Z', '2100-01-01Z')", "cost_lines_of(%s)", "cost_spans_of(%s)"):
            self.assertEqual(self.rows("solo", f"SELECT count(*) FROM {call % other}"), ["0"], call)
            self.assertNotEqual(self.rows("solo", f"SELECT count(*) FROM {call % ids[0]}"), ["0"], call)
        self.assertEqual(self.rows("solo", "SELECT name FROM accounts"), ["solo"])
        self.assertEqual(self.rows("acme", "SELECT name FROM accounts"), ["holding"])

    def test_a_tenant_reaches_no_other_table_and_no_function(self):
        granted = {name for kind, name, role, _ in self.privileges() if role == "millibill_tenant" and kind == "relation"}
        for (name,) in self.stack.query("SELECT relname FROM pg_class WHERE relnamespace = 'millibill'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"):
            if name not in granted:
                self.refused("acme", f"SELECT 1 FROM {name} LIMIT 1")
        for statement in ("SELECT source FROM price_books", "SELECT account_used FROM invoice_free_tiers", "SELECT started_at FROM rating_runs",
                          "SELECT receipt_take(1)", "SELECT partitions_ahead()", "SELECT tenants_introduce('{mine}')",
                          "SELECT streams_advance('{1}', '{1}')", "SELECT invoice_write(1, 1, '{}')", "SELECT quarantine_bytes(1)"):
            self.refused("acme", statement)

    def test_a_tenant_cannot_become_somebody_else(self):
        others = self.logins["beta"]["role"]
        for role in (others, "millibill_owner", "millibill_reader", "postgres"):
            self.refused("acme", f"SET ROLE {role}")
            self.refused("acme", f"SET SESSION AUTHORIZATION {role}")
            self.refused("acme", f"SELECT set_config('role', '{role}', false)")
        self.refused("acme", "SET ROLE millibill_tenant; SELECT count(*) FROM millibill.rollups", "permission denied for schema")
        self.assertEqual(self.rows("acme", "SET millibill.tenant_id = '2'; SET millibill.role = 'postgres'; SELECT DISTINCT tenant FROM usage_hourly"), ["acme"])
        self.refused("acme", "SET row_security = off; SELECT count(*) FROM rollups", "row-level security")
        writable = "SET default_transaction_read_only = off; "
        self.refused("acme", writable + "ALTER ROLE CURRENT_USER SUPERUSER", "must be superuser")
        self.refused("acme", writable + f"ALTER ROLE {self.logins['acme']['role']} RENAME TO {others}9", "cannot be renamed")
        self.refused("acme", writable + "GRANT millibill_tenant TO millibill_reader", "must have admin option")

    def test_an_error_message_tells_nothing_of_other_tenants(self):
        # The qualifier that raises runs on every row that it is shown: with other tenants' rows it would raise.
        for view, oracle in (("usage_hourly", "1 / (CASE WHEN function = 'secret-engine' THEN 0 ELSE 1 END) = 1"),
                             ("usage_hourly", "CASE WHEN tenant <> 'acme' THEN function::integer = 1 ELSE true END"),
                             ("invoices_overview", "CASE WHEN tenant <> 'acme' THEN number::integer = 1 ELSE true END"),
                             ("cost_hourly", "CASE WHEN tenant <> 'acme' THEN (tenant || function)::integer = 1 ELSE true END"),
                             ("configs", "CASE WHEN function = 'secret-engine' THEN function::integer = 1 ELSE true END")):
            sql = f"SELECT count(*) FROM {view} WHERE {oracle}"
            self.assertNotEqual(self.stack._psql(sql, "millibill_reader").returncode, 0, "control: all rows raise")
            self.assertNotEqual(self.rows("acme", sql), ["0"], sql)

    def test_statistics_and_sessions_of_others_are_hidden(self):
        self.stack.query("ANALYZE", SUPERUSER)
        self.assertGreater(self.stack.number("SELECT count(*) FROM pg_stats WHERE schemaname = 'millibill'", SUPERUSER), 50)
        self.assertEqual(self.rows("acme", "SELECT count(*) FROM pg_stats WHERE schemaname = 'millibill'"), ["0"])
        self.refused("acme", "SELECT count(*) FROM pg_statistic")
        self.assertEqual(self.rows("acme", "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'millibill%' AND usename <> CURRENT_USER AND "
                                           "query NOT IN ('<insufficient privilege>', '')"), ["0"])

    def test_a_plan_shows_no_row_of_others(self):
        plan = "\n".join(self.rows("acme", "SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT * FROM configs"))
        self.assertIn("tenant_id", plan)
        self.assertNotIn("secret-engine", plan)
        self.assertNotIn("Rows Removed", plan)

    def test_a_tenant_writes_nothing_and_holds_nobody_up(self):
        for (name,) in self.stack.query(TABLES):
            for statement in (f"INSERT INTO {name} DEFAULT VALUES", f"DELETE FROM {name}", f"TRUNCATE {name}", f"COPY {name} FROM STDIN",
                              f"BEGIN; LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"):
                self.refused("acme", "SET default_transaction_read_only = off;" + statement)
        self.refused("acme", "SET default_transaction_read_only = off; SELECT name FROM tenants FOR UPDATE")
        for statement in ("SELECT pg_advisory_lock(hashtextextended('millibill.migrate', 0))", "SELECT pg_try_advisory_xact_lock(1, 2)",
                          "SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'x')", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('.')",
                          "COPY configs TO '/tmp/x'", "COPY configs TO PROGRAM 'id'", "CREATE TEMP TABLE x (a int)", "CREATE EXTENSION dblink",
                          "SELECT pg_reload_conf()", "SELECT pg_switch_wal()"):
            result = self.psql("acme", "SET default_transaction_read_only = off;" + statement)
            self.assertNotEqual(result.returncode, 0, statement)
            self.assertRegex(result.stderr, "permission denied|must be (a )?superuser|must be superuser or have", statement)
        self.refused("acme", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'millibill_collector'", "must be a")

    # --- logins

    def test_a_login_has_the_password_that_was_printed_last(self):
        old = self.logins["solo"]["password"]
        self.assertEqual(len(old), 32)
        self.assertIn("password authentication failed", self.psql("solo", "SELECT 1", "x" * 32).stderr)
        self.assertIn("password authentication failed", self.psql("solo", "SELECT 1", self.logins["acme"]["password"]).stderr)
        self.logins["solo"] = self.stack.json("tenant", "login", "solo")
        self.assertNotEqual(self.logins["solo"]["password"], old)
        self.assertIn("password authentication failed", self.psql("solo", "SELECT 1", old).stderr)
        self.assertEqual(self.rows("solo", "SELECT CURRENT_USER"), [self.logins["solo"]["role"]])
        stored = self.stack.value(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{self.logins['solo']['role']}'", SUPERUSER)
        self.assertTrue(stored.startswith("SCRAM-SHA-256$"))
        for part in ("postgres", "collector", "supervisor"):
            self.assertNotIn(self.logins["solo"]["password"], self.stack.log(part))
        attributes = self.stack.query(f"SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit FROM pg_roles "
                                      f"WHERE rolname = '{self.logins['solo']['role']}'")
        self.assertEqual(attributes, [["f", "f", "f", "f", "f", "4"]])

    def test_a_login_can_be_taken_away(self):
        self.stack.run("tenant", "add", "leaver")
        self.logins["leaver"] = self.stack.json("tenant", "login", "leaver")
        self.assertEqual(self.rows("leaver", "SELECT count(*) FROM usage_hourly"), ["0"])
        self.assertTrue(self.stack.json("tenant", "login", "leaver", "--drop")["dropped"])
        self.assertNotEqual(self.psql("leaver", "SELECT 1").returncode, 0)
        self.assertIn("has no login", self.stack.run("tenant", "login", "leaver", "--drop", status=1).stderr)
        self.assertIn("no tenant", self.stack.run("tenant", "login", "nemo", status=1).stderr)

    def test_a_role_of_another_database_opens_nothing_here(self):
        self.stack.run("tenant", "add", "namesake")
        number = self.stack.value("SELECT tenant_id FROM tenants WHERE name = 'namesake'")
        self.stack.query(f"CREATE ROLE millibill_tenant_{number} LOGIN IN ROLE millibill_tenant", SUPERUSER)  # as another database's login
        try:
            denied = self.stack._psql(f"SET ROLE millibill_tenant_{number}; SELECT * FROM millibill.usage_hourly", SUPERUSER)
            self.assertIn("permission denied for schema", denied.stderr)
            self.assertIn("not for this database", self.stack.run("tenant", "login", "namesake", status=1).stderr)
        finally:
            self.stack.query(f"DROP ROLE millibill_tenant_{number}", SUPERUSER)

    # --- dates without a partition

    def test_any_month_finds_its_partition_and_blocks_nobody(self):
        answer = self.stack.json("import", "--format", "ndjson", "-", "--tenant", "solo",
                                 input=usage("solo", "old", 4, "2003-03") + usage("solo", "older", 4, "2001-01").replace("solo-", "o-"))
        self.assertEqual((answer["accepted"], answer["quarantined"]), (8, 0))
        self.assertEqual(self.stack.number("SELECT count(*) FROM pg_class WHERE relname ~ '_(2003_03|2001_01)$'"), 6)
        self.assertEqual(self.stack.query("SELECT relname FROM pg_class c JOIN pg_partitioned_table p ON c.oid = p.partrelid WHERE p.partdefid <> 0"), [])


if __name__ == "__main__":
    unittest.main()
