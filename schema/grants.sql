-- Least privilege, made anew with the views: first nothing, then what each part needs. Which rows: views/30_policies.sql.
-- Where a list of columns stands, the others are given by the database: times, identities, receipts.
REVOKE ALL ON ALL TABLES IN SCHEMA millibill FROM PUBLIC, millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader, millibill_tenant;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA millibill FROM PUBLIC, millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader, millibill_tenant;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA millibill FROM PUBLIC, millibill_collector, millibill_compactor, millibill_rater,
       millibill_reader, millibill_tenant;
-- Row-level security does not bind TRUNCATE.
REVOKE TRUNCATE ON ALL TABLES IN SCHEMA millibill FROM millibill_owner;
GRANT USAGE ON SCHEMA millibill TO millibill_collector, millibill_compactor, millibill_rater, millibill_reader;

-- Collector: inserts usage and reads what it needs to decide. No evidence, no sums, no billing; and nothing that is there is
-- changed by it: watermarks move and sums grow through definer functions.
GRANT SELECT ON migrations, tenants, agents, agent_former_keys, agent_tenants, installation, streams, ledger
      TO millibill_collector;
GRANT SELECT (commit_id) ON commits TO millibill_collector;
GRANT SELECT (tenant_name, stream_id, sequence, reason, digest, replayed_at, repeats) ON quarantine TO millibill_collector;
GRANT INSERT (agent_id, spool) ON streams TO millibill_collector;
GRANT INSERT (commit_id) ON commits TO millibill_collector;
GRANT INSERT (stream_id, sequence, commit_id, accepted_at, digest, source, label, import_id, records, billed, quarantined,
              lost, bytes) ON ledger TO millibill_collector;
GRANT INSERT (tenant_id, hour, commit_id, records, digest, payload, sources) ON segments TO millibill_collector;
GRANT INSERT (tenant_id, tenant_name, commit_id, stream_id, sequence, import_id, source, line, reason, field, message,
              format, payload, digest, other_digest) ON quarantine TO millibill_collector;
GRANT INSERT ON losses, import_periods TO millibill_collector;
GRANT EXECUTE ON FUNCTION partitions_ensure(date), partitions_ahead(), tenants_introduce(text[]),
      streams_lock(bigint[], bytea[]), streams_advance(bigint[], bigint[]), receipt_take(bigint),
      configs_ensure(bigint[], text[], text[], text[], bigint[], bigint[], text[], text[]) TO millibill_collector;

-- Compactor: works on usage that is there. Excludes duplicates (settle, rate) and bills what has left quarantine (replay).
GRANT SELECT ON migrations, tenants, installation, streams, commits, ledger, segments, configs, rollups, exclusions,
      quarantine, import_periods TO millibill_compactor;
GRANT INSERT (commit_id) ON commits TO millibill_compactor;
GRANT INSERT (tenant_id, hour, commit_id, records, digest, payload, sources) ON segments TO millibill_compactor;
GRANT INSERT (tenant_id, tenant_name, commit_id, stream_id, sequence, import_id, source, line, reason, field, message,
              format, payload, digest, other_digest) ON quarantine TO millibill_compactor;
GRANT INSERT ON exclusions, import_periods TO millibill_compactor;
GRANT UPDATE (replayed_at, repeats) ON quarantine TO millibill_compactor;
GRANT EXECUTE ON FUNCTION partitions_ensure(date), receipt_take(bigint),
      configs_ensure(bigint[], text[], text[], text[], bigint[], bigint[], text[], text[]) TO millibill_compactor;

GRANT EXECUTE ON FUNCTION segments_replace(bigint, timestamptz, bigint[], bigint[]), rollup_days_close(integer) TO millibill_compactor;
GRANT EXECUTE ON FUNCTION statistics_keep() TO millibill_compactor, millibill_rater;

-- Rater: reads everything, writes billing, invoices by functions only.
GRANT SELECT ON ALL TABLES IN SCHEMA millibill TO millibill_rater;
GRANT INSERT ON price_books, price_book_parts, rating_runs, rating_measures TO millibill_rater;
GRANT INSERT (event, tenant_id, invoice_id, alert_id, target) ON deliveries TO millibill_rater;
GRANT UPDATE (attempts, tried_at, error, delivered_at) ON deliveries TO millibill_rater;
GRANT INSERT (account_id, tenant_id, subject, kind, item, period, percent, value, "limit", unit, invoice_state, receipt_watermark, basis)
      ON alerts TO millibill_rater;
GRANT DELETE ON rating_runs TO millibill_rater; -- LOCK TABLE asks for it; a run that an invoice names cannot go
GRANT EXECUTE ON FUNCTION segment_runs(bytea), document_json(text) TO millibill_rater;
GRANT EXECUTE ON FUNCTION invoice_number_take(text), invoice_numbers_take(text, bigint), invoice_write(bigint, bigint, text), invoices_write(bigint, bigint[], text[]),
      finals_write(bigint, text, bigint, bigint[], text[]),
      previews_write(bigint, preview_head[], preview_line[], preview_free_tier[], preview_item[]),
      adjustment_write(bigint, text, text, text), issued_document_keep(bigint, bigint, text, bytea, text) TO millibill_rater;

-- Reader: everything that reports and dashboards show, but no evidence, no raw lines, no keys.
GRANT SELECT ON migrations, accounts, tenants, installation, configs, rollups, ledger, commits, losses, price_books,
      price_book_calendar, price_book_parts, rating_runs, rating_measures, invoices, invoice_lines, invoice_free_tiers, invoice_items, contracts, tenant_contracts, account_members, account_service,
      deliveries, alerts TO millibill_reader;
GRANT SELECT (stream_id, agent_id, spool) ON streams TO millibill_reader;
GRANT SELECT (agent_id, name) ON agents TO millibill_reader;
GRANT SELECT (quarantine_id, tenant_name, reason, field, message, format, source, line, received_at, digest, other_digest,
              replayed_at, repeats) ON quarantine TO millibill_reader;
GRANT SELECT ON adjustments, adjustment_lines, adjustment_causes, adjustment_items, issued_documents TO millibill_reader, millibill_tenant;
GRANT SELECT ON rollup_days, rollup_day_kinds, rollup_months, rollup_days_open TO millibill_reader, millibill_tenant;
GRANT EXECUTE ON FUNCTION rollup_between(bigint, timestamptz, timestamptz), rollup_hours_between(bigint, timestamptz, timestamptz),
      rollup_kinds_between(bigint, timestamptz, timestamptz), rollup_month_and_hours(bigint, timestamptz)
      TO millibill_rater, millibill_reader, millibill_tenant;

-- Tenant: its own rows (policies) through the views below, and the columns that these read. What is summed over an account
-- (free_tier_use) would be wrong with one tenant's rows and is not shown.
GRANT SELECT (tenant_id, name, account_id) ON tenants TO millibill_tenant;
GRANT SELECT (account_id, name) ON accounts TO millibill_tenant;
GRANT SELECT ON configs, rollups, invoice_lines, invoice_items, contracts, tenant_contracts, account_members TO millibill_tenant;
GRANT SELECT (tenant_id, invoice_id, state, number, revision, run_id, period_start, period_end, receipt_watermark, currency,
              subtotal, total, invocations, price_book_sha256, document, document_sha256, issued_at,
              contract_sha256, contract_revision, payable_currency, payable_total, kind, refers_to, period_month) ON invoices TO millibill_tenant;
GRANT SELECT (tenant_id, invoice_id, name, unit, allowance, used) ON invoice_free_tiers TO millibill_tenant;
GRANT SELECT ON alerts TO millibill_tenant;
GRANT SELECT (run_id, default_region, free_tier) ON rating_runs TO millibill_tenant;
GRANT SELECT ON rating_measures TO millibill_tenant;
GRANT SELECT (sha256, name, version) ON price_books TO millibill_tenant;
GRANT SELECT ON price_book_parts TO millibill_tenant;
GRANT EXECUTE ON FUNCTION current_tenant() TO millibill_tenant;
GRANT EXECUTE ON FUNCTION usage_anomalies_of(bigint, date, date), usage_anomalies_between(date, date) TO millibill_rater, millibill_reader, millibill_tenant;
GRANT EXECUTE ON FUNCTION account_in(bigint, bigint, date) TO millibill_rater, millibill_reader, millibill_tenant;
GRANT EXECUTE ON FUNCTION account_at(bigint, bigint, timestamptz), cost_spans_of(bigint), cost_edges_of(bigint), cost_lines_of(bigint),
      cost_multiplier(text, bigint, bigint, bigint, bigint, bigint[], bigint[], bigint, bigint) TO millibill_rater, millibill_reader, millibill_tenant;

DO $$
DECLARE
    view_name text;
    routine regprocedure;
BEGIN
    FOR view_name IN SELECT table_name FROM information_schema.views WHERE table_schema = 'millibill' LOOP
        EXECUTE format('GRANT SELECT ON millibill.%I TO millibill_reader, millibill_rater', view_name);
    END LOOP;
    FOREACH view_name IN ARRAY ARRAY['rollups_daily', 'rollups_daily_by_kind', 'rollups_monthly', 'usage_hourly', 'usage_daily_by_function', 'usage_daily',
                                     'usage_by_function', 'invoices_overview', 'invoice_lines_view', 'invoice_items_view',
                                     'invoices_in_force', 'cost_lines', 'cost_rates', 'cost_hourly', 'cost_pieces', 'cost_daily',
                                     'cost_daily_by_function', 'cost_by_function', 'free_tier_use_by_tenant', 'late_usage',
                                     'adjustments_in_force', 'adjustments_overview', 'documents_issued', 'alerts_overview',
                                     'usage_anomalies'] LOOP
        EXECUTE format('GRANT SELECT ON millibill.%I TO millibill_tenant', view_name);
    END LOOP;
    GRANT EXECUTE ON FUNCTION quarantine_bytes(bigint) TO millibill_reader, millibill_rater;
    FOR routine IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'millibill'::regnamespace
                      AND p.proname IN ('rollup_add', 'rollup_subtract', 'rollup_set_greatest') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO millibill_compactor', routine);
        IF routine::text LIKE '%rollup_add(%' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO millibill_collector', routine);
        END IF;
    END LOOP;
END $$;

-- Seals: inserted by the compactor, never changed or deleted by anybody but the owner (and that `verify` shows).
-- Of invoices it reads what a head is signed over: numbers and digests, no amounts.
GRANT SELECT ON seals, seal_heads, seal_roots, seal_invoices, seal_queue, seal_progress, losses TO millibill_compactor;
GRANT SELECT (tenant_id, invoice_id, state, number, document_sha256) ON invoices TO millibill_compactor;
GRANT INSERT ON seals, seal_heads, seal_roots, seal_invoices TO millibill_compactor;
GRANT INSERT, UPDATE, DELETE ON seal_queue TO millibill_compactor; -- working state
GRANT UPDATE (scanned_receipt) ON seal_progress TO millibill_compactor;
GRANT SELECT ON seals, seal_heads, seal_roots, seal_invoices TO millibill_reader;
