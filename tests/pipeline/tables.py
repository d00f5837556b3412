"""What stands in a stack's database, as one digest for each table: nothing written means nothing changed."""
from harness import SUPERUSER


def table_digests(stack):
    """{table or sequence: digest of all that it holds}, partitions through their parents."""
    names = [row[0] for row in stack.query("SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind IN ('r', 'p') "
                                           "AND NOT c.relispartition ORDER BY 1", role=SUPERUSER)]
    assert "invoices" in names and "segments" in names, names
    questions = [f"SELECT '{name}', md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM millibill.{name} t" for name in names]
    questions.append("SELECT 'sequence ' || sequencename, coalesce(last_value::text, '') FROM pg_sequences WHERE schemaname = 'millibill'")
    return dict(stack.query(" UNION ALL ".join(questions), role=SUPERUSER))
