-- Least privilege, made anew with the views: first nothing, then what each part needs.
REVOKE ALL ON ALL TABLES IN SCHEMA millibill FROM millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA millibill FROM PUBLIC, millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader;
GRANT USAGE ON SCHEMA millibill TO millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader;

-- Collector: inserts usage. Evidence and ledger cannot be updated or deleted by it, and duplicates are not its business.
GRANT SELECT ON migrations, accounts, tenants, agents, agent_tenants, installation, streams, commits, ledger, segments,
      configs, rollups, quarantine, losses, import_periods TO millibill_collector;
GRANT INSERT ON streams, commits, ledger, segments, quarantine, losses, import_periods TO millibill_collector;
GRANT UPDATE (last_sequence) ON streams TO millibill_collector;
GRANT EXECUTE ON FUNCTION partitions_ensure(date), partitions_ahead(), tenants_introduce(text[]), receipt_take(bigint),
      configs_ensure(bigint[], text[], text[], text[], bigint[], bigint[], text[], text[]) TO millibill_collector;

-- Compactor: works on usage that is there. Excludes duplicates (settle, rate) and bills what has left quarantine (replay).
GRANT SELECT ON migrations, tenants, installation, streams, commits, ledger, segments, configs, rollups, exclusions,
      quarantine, import_periods TO millibill_compactor;
GRANT INSERT ON commits, segments, exclusions, quarantine, import_periods TO millibill_compactor;
GRANT UPDATE (replayed_at, repeats) ON quarantine TO millibill_compactor;
GRANT EXECUTE ON FUNCTION partitions_ensure(date), receipt_take(bigint),
      configs_ensure(bigint[], text[], text[], text[], bigint[], bigint[], text[], text[]) TO millibill_compactor;

-- Rater: reads usage, writes billing.
GRANT SELECT ON ALL TABLES IN SCHEMA millibill TO millibill_rater;
GRANT INSERT ON price_books, rating_runs, rating_measures TO millibill_rater;
GRANT DELETE ON rating_runs TO millibill_rater; -- LOCK TABLE asks for it; a run that an invoice names cannot go

-- Reader: everything that reports and dashboards show, but no evidence, no raw lines, no keys.
DO $$
DECLARE
    view_name text;
BEGIN
    FOR view_name IN SELECT table_name FROM information_schema.views WHERE table_schema = 'millibill' LOOP
        EXECUTE format('GRANT SELECT ON millibill.%I TO millibill_reader, millibill_rater', view_name);
    END LOOP;
END $$;
GRANT SELECT ON migrations, accounts, tenants, installation, configs, rollups, ledger, commits, losses, price_books,
      rating_runs, invoices, invoice_lines TO millibill_reader;

DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'millibill' AND p.proname = 'rollup_add' LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO millibill_collector', routine);
    END LOOP;
    FOR routine IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'millibill' AND p.proname IN ('rollup_add', 'rollup_subtract', 'rollup_set_greatest') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO millibill_compactor', routine);
    END LOOP;
END $$;

-- Billing, additions: row-level security (0002_billing.sql) lets invoices be written by these functions only.
GRANT EXECUTE ON FUNCTION invoice_number_take(text), invoice_write(bigint, bigint, text) TO millibill_rater;
GRANT SELECT ON rating_measures, invoice_free_tiers TO millibill_reader;
