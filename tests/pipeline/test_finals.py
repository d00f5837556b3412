"""Many tenants become final at once: numbers without a gap, taken with the invoices that have them, and all of them under signed heads."""
import json
import subprocess
import unittest

from harness import SUPERUSER, Stack, StackCase
from many_tenants import MONTH, add_contracts, add_roots, fill

TENANTS = 1200  # more than two batches of invoices
SHARED = 300    # of them in one account: more rows than travel together
FROM_DOCUMENTS = (("invoice_lines", "document_lines", "line"), ("invoice_free_tiers", "document_free_tiers", "name"),
                  ("invoice_items", "document_items", "item"))


def canonical(document):
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


class Finals(StackCase):
    """Every other tenant has a contract, some have one and no usage."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fill(cls.stack, TENANTS, f"CASE WHEN i <= {SHARED} THEN 'shared' ELSE 'a' || i END")
        add_contracts(cls.stack)
        cls.stack.query("DELETE FROM tenant_contracts WHERE tenant_id % 2 = 0; DELETE FROM rollups WHERE tenant_id % 7 = 0", SUPERUSER)
        cls.stack.run("rate", "--month", MONTH)
        add_roots(cls.stack)
        cls.stack.query("DELETE FROM seal_roots WHERE tenant_id % 7 = 0", SUPERUSER)
        cls.taken = cls.numbers_changed()
        cls.expected = cls.stack.json("rate", "--month", MONTH, "--dry-run")["invoices"]
        runs = [cls.stack.popen("rate", "--month", MONTH, "--final", stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        cls.said = [run.communicate(timeout=300)[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], cls.said
        cls.taken = cls.numbers_changed() - cls.taken

    @classmethod
    def numbers_changed(cls):
        return cls.stack.number("SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'invoice_numbers'", SUPERUSER)

    def finals(self, columns, more=""):
        return self.stack.query(f"SELECT {columns} FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.state = 'final' {more} ORDER BY i.number")

    def test_two_at_once_make_each_invoice_once_with_numbers_in_the_order_of_accounts(self):
        rows = self.finals("t.name, i.number, i.document")
        self.assertEqual(len(rows), len(self.expected))
        self.assertGreater(len(rows), 1024)
        self.assertEqual([number for _, number, _ in rows], [f"MB-2026-{i + 1:06}" for i in range(len(rows))])
        self.assertEqual(self.stack.query("SELECT series, last_number FROM invoice_numbers"), [["MB-2026", str(len(rows))]])
        used = [row for row in rows if '"functions":[]' not in row[2]]  # who used nothing comes behind
        self.assertEqual(used, rows[:len(used)])
        self.assertGreater(len(rows), len(used))
        order = [(json.loads(document)["invoice"]["account"], name) for name, _, document in used]
        self.assertEqual(order, sorted(order))
        unchanged = [said.count("  unchanged\n") for said in self.said]
        self.assertEqual(sorted(unchanged), [0, len(rows)])
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'preview'"), 0)

    def test_documents_are_those_of_a_dry_run_with_number_and_seals(self):
        expected = {document["invoice"]["tenant"]: document for document in self.expected}
        roots = {name: (digest, head) for name, digest, head in self.stack.query(
            "SELECT t.name, encode(r.digest, 'hex'), r.head_number FROM seal_roots r JOIN tenants t USING (tenant_id)")}
        for name, number, text in self.finals("t.name, i.number, i.document"):
            document = json.loads(text)
            evidence = document.pop("evidence", None)
            self.assertEqual(roots.get(name), None if evidence is None else (evidence["root"], str(evidence["head"])), name)
            head = expected[name]["invoice"]
            self.assertEqual(canonical(document), canonical({**expected[name], "invoice": {**head, "number": number, "state": "final"}}))
            self.assertTrue(evidence is None or text.endswith(',"evidence":' + canonical(evidence) + "}"), name)

    def test_rows_say_what_documents_say(self):
        finals = "(SELECT tenant_id, invoice_id, document::jsonb AS d FROM invoices WHERE state = 'final') f"
        for table, function, key in FROM_DOCUMENTS:
            taken = f"SELECT tenant_id, invoice_id, x.* FROM {finals} CROSS JOIN LATERAL {function}(f.d) x"
            columns = ", ".join(row[0] for row in self.stack.query(f"SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"))
            self.assertGreater(self.stack.number(f"SELECT count(*) FROM {table}"), TENANTS / 2)
            for one, other in ((taken, f"SELECT * FROM {table}"), (f"SELECT * FROM {table}", taken)):
                self.assertEqual(self.stack.number(f"SELECT count(*) FROM (SELECT {columns} FROM ({one}) a EXCEPT SELECT {columns} FROM ({other}) b) d"), 0, table + key)

    def test_every_final_invoice_is_under_one_head_and_a_head_covers_them_in_order(self):
        rows = self.stack.query("SELECT s.head_number, h.invoices, count(*), min(s.invoice_id), max(s.invoice_id) FROM seal_invoices s JOIN seal_heads h USING (head_number) "
                                "GROUP BY 1, 2 ORDER BY 1")
        counts = [int(count) for _, _, count, _, _ in rows]
        self.assertEqual([int(told) for _, told, _, _, _ in rows], counts)
        self.assertEqual(counts, [512, 512, len(self.expected) - 1024])
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices i FULL JOIN seal_invoices s USING (tenant_id, invoice_id) "
                                           "WHERE (i.number, i.document_sha256) IS DISTINCT FROM (s.number, s.document_sha256)"), 0)
        keys = self.stack.query("SELECT head_number, tenant_id FROM seal_invoices ORDER BY head_number, tenant_id")
        self.assertEqual([int(tenant) for _, tenant in keys], sorted(int(tenant) for _, tenant in keys))

    def test_numbers_are_taken_by_batch(self):
        self.assertGreater(self.taken, 1)
        self.assertLess(self.taken, 10)

    def refused(self, message, series, first, documents):
        """What finals_write() says of documents that bill another month of the first tenant."""
        listed = ", ".join(f"'{document}'" for document in documents)
        said = self.stack._psql(f"SELECT finals_write((SELECT max(run_id) FROM rating_runs), '{series}', {first}, "
                                f"array_fill((SELECT min(tenant_id) FROM tenants), ARRAY[{len(documents)}]), ARRAY[{listed}])", "millibill_rater").stderr
        self.assertIn(message, said)
        self.assertEqual(self.stack.number("SELECT last_number FROM invoice_numbers"), len(self.expected))

    def test_a_number_comes_with_its_document_only(self):
        following = len(self.expected) + 1
        named = [f'{{"invoice":{{"number":"MB-2026-{following + i:06}","state":"final"}}}}' for i in range(3)]
        self.refused(f"number {following + 1} is not the next one of MB-2026", "MB-2026", following + 1, named)
        self.refused(f"number {following - 1} is not the next one of MB-2026", "MB-2026", following - 1, named)
        self.refused("is not the next one of MB-2026", "MB-2026", "NULL", named)
        self.refused(f"the document that is to be MB-2026-{following + 1:06} begins with", "MB-2026", following, [named[0], named[2]])
        self.refused(f"the document that is to be MB-2025-{1:06} begins with", "MB-2025", 1, named)
        self.refused("the document does not belong to tenant", "MB-2026", following, named)
        for count in ("-1", "NULL"):
            self.assertEqual(self.stack.value(f"SELECT invoice_numbers_take('MB-2026', {count}) IS NULL", "millibill_rater"), "t")
        self.assertEqual(self.stack.number("SELECT last_number FROM invoice_numbers"), len(self.expected))

    def test_what_came_after_final_invoices_is_counted_for_whom_it_came(self):
        numbers = dict(self.finals("t.name, i.number"))
        for tenant, count in (("t3", 3), ("t1199", 1)):
            self.stack.run("import", "-", input="".join(json.dumps({"tenant": tenant, "function": "function-0", "request_id": f"late-{i}", "duration_ms": 1, "memory_mb": 128,
                                                                    "started_at": f"{MONTH}-31T23:59:5{i}.999999Z"}) + "\n" for i in range(count)))
        said = self.stack.run("rate", "--month", MONTH, "--final").stderr
        self.assertEqual(sorted(line.split("warning: ")[1] for line in said.splitlines() if "came after" in line),
                         [f"tenant '{tenant}': {count} came after invoice {numbers[tenant]} was final; the next invoice settles {what}"
                          for tenant, count, what in (("t1199", "1 record", "it"), ("t3", "3 records", "them"))])
        self.assertEqual(dict(self.finals("t.name, i.number")), numbers)


class Statistics(unittest.TestCase):
    """ANALYZE while a run fills tables sees no row of them; then every batch read all of them to find its own."""

    TABLES = ("invoice_lines", "invoice_free_tiers", "invoice_items")

    def read_by(self, *options):
        """How often a run over 1,200 previews under contracts reads each row of these tables, which the planner takes for empty."""
        with Stack(settings={"alert_percent": '""'}) as stack:
            fill(stack, TENANTS)
            add_contracts(stack)
            stack.run("rate", "--month", MONTH)
            add_roots(stack)
            stack.query("SET allow_system_table_mods = on; UPDATE pg_class SET reltuples = 0, relpages = pg_relation_size(oid) / 8192 "
                        f"WHERE relname IN {self.TABLES}", SUPERUSER)
            rows = {table: stack.number(f"SELECT count(*) FROM {table}") for table in self.TABLES}
            read = f"SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname IN {self.TABLES}"
            before = dict(stack.query(read, SUPERUSER))
            stack.run("rate", "--month", MONTH, *options)
            after = dict(stack.query(read, SUPERUSER))
            self.assertEqual({table: stack.number(f"SELECT count(*) FROM {table}") for table in self.TABLES}, rows)
            self.assertEqual(stack.number("SELECT count(*) FROM invoices WHERE state = 'preview'"), 0 if options else TENANTS)
            return {table: (int(after[table]) - int(before[table])) / rows[table] for table in self.TABLES}

    def test_previews_make_room_by_key_though_the_planner_takes_their_rows_for_none(self):
        read = self.read_by("--final")
        self.assertLess(read["invoice_lines"], 2)
        self.assertLess(read["invoice_free_tiers"], 2)
        self.assertLess(read["invoice_items"], 4)  # what was used and what has limits is asked too

    def test_previews_are_replaced_by_key_though_the_planner_takes_their_rows_for_none(self):
        read = self.read_by()
        self.assertLess(read["invoice_lines"], 3)
        self.assertLess(read["invoice_free_tiers"], 4)  # names are compared to find those that are gone
        self.assertLess(read["invoice_items"], 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
