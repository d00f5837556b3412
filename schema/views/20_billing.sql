-- Billing: the definer functions that alone write invoices, and the views of invoices and cost.
-- Columns of views are stable: new ones are added at the end. Quantities and amounts are numeric, never rounded here.

CREATE OR REPLACE FUNCTION invoice_number_take(p_series text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    INSERT INTO millibill.invoice_numbers AS n (series, last_number) VALUES (p_series, 1)
        ON CONFLICT (series) DO UPDATE SET last_number = n.last_number + 1
        RETURNING last_number;
$$;
COMMENT ON FUNCTION invoice_number_take(text) IS 'Next number of a series; locks the series until the transaction ends, so that a rollback leaves no gap';

-- Everything comes from the documents: what the tables say and what a document says cannot differ. Many at once, because a statement for
-- each would cost more than writing it; each document is taken apart once.
CREATE OR REPLACE FUNCTION invoices_write(p_run_id bigint, p_tenant_ids bigint[], p_documents text[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_documents jsonb[] := ARRAY(SELECT u.document::jsonb FROM unnest(p_documents) WITH ORDINALITY AS u(document, place) ORDER BY u.place);
    v_run millibill.rating_runs;
    v_other record;
    v_ids bigint[];
BEGIN
    SELECT * INTO STRICT v_run FROM millibill.rating_runs WHERE run_id = p_run_id;
    -- also where one list is longer than the other
    SELECT u.tenant_id INTO v_other
      FROM unnest(p_tenant_ids, v_documents) AS u(tenant_id, d)
      LEFT JOIN millibill.tenants t ON t.tenant_id = u.tenant_id
     WHERE coalesce(d -> 'invoice' ->> 'kind', 'invoice') <> 'invoice'
        OR d -> 'invoice' ->> 'state' IS DISTINCT FROM v_run.kind
        OR (d -> 'invoice' ->> 'period_start')::timestamptz IS DISTINCT FROM v_run.period_start
        OR (d -> 'invoice' ->> 'period_end')::timestamptz IS DISTINCT FROM v_run.period_end
        OR coalesce(d -> 'invoice' ->> 'month', to_char(v_run.period_start AT TIME ZONE 'UTC', 'YYYY-MM')) IS DISTINCT FROM to_char(v_run.period_month, 'YYYY-MM')
        OR (d -> 'invoice' ->> 'receipt_watermark')::bigint IS DISTINCT FROM v_run.receipt_watermark
        OR decode(d -> 'price_book' ->> 'sha256', 'hex') IS DISTINCT FROM v_run.price_book_sha256
        OR d -> 'invoice' ->> 'tenant' IS DISTINCT FROM t.name OR t.name IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the document does not belong to tenant % and rating run %', v_other.tenant_id, p_run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT u.tenant_id, d -> 'contract' AS contract INTO v_other
      FROM unnest(p_tenant_ids, v_documents) AS u(tenant_id, d)
     WHERE d -> 'contract' IS NOT NULL AND NOT EXISTS (SELECT FROM millibill.tenant_contracts c
            WHERE c.tenant_id = u.tenant_id AND c.revision = (d -> 'contract' ->> 'revision')::integer
              AND c.contract_sha256 = decode(d -> 'contract' ->> 'sha256', 'hex')) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'tenant % has no such contract: %', v_other.tenant_id, v_other.contract USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF v_run.kind = 'final' AND v_run.period_end > now() THEN
        RAISE EXCEPTION 'the period of a final invoice ends at %, which is not over', v_run.period_end
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- The series' row is locked by invoice_number_take, and its number goes back with a transaction that fails.
    IF v_run.kind = 'final' THEN
        SELECT u.d -> 'invoice' ->> 'number' AS number INTO v_other
          FROM unnest(v_documents) AS u(d)
         WHERE NOT EXISTS (SELECT FROM millibill.invoice_numbers n
            WHERE u.d -> 'invoice' ->> 'number' ~ '-[0-9]{1,18}$' AND n.series = regexp_replace(u.d -> 'invoice' ->> 'number', '-[0-9]+$', '')
              AND substring(u.d -> 'invoice' ->> 'number' FROM '[0-9]+$')::bigint BETWEEN 1 AND n.last_number) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'number % was not taken from its series', v_other.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    -- No instant is billed twice, whatever became of contracts.
    IF v_run.kind = 'final' THEN
        SELECT i.tenant_id, i.number INTO v_other FROM millibill.invoices i
         WHERE i.tenant_id = ANY (p_tenant_ids) AND i.kind = 'invoice' AND i.state = 'final' AND i.period_month <> v_run.period_month
           AND i.period_start < v_run.period_end AND i.period_end > v_run.period_start AND NOT EXISTS (SELECT FROM millibill.invoices v
               WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void') LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'the period % to % of tenant % overlaps that of %', v_run.period_start, v_run.period_end, v_other.tenant_id, v_other.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    DELETE FROM millibill.invoices
     WHERE tenant_id = ANY (p_tenant_ids) AND period_month = v_run.period_month AND state = 'preview';
    WITH written AS (
        INSERT INTO millibill.invoices (tenant_id, kind, revision, state, number, run_id, period_month, period_start, period_end, receipt_watermark, currency,
                                        subtotal, total, invocations, price_book_sha256, document, document_sha256,
                                        contract_sha256, contract_revision, payable_currency, payable_total)
            SELECT u.tenant_id, 'invoice',
                   -- The revision that follows those that are void. Where one is in force this is its revision too, and the index refuses.
                   CASE v_run.kind WHEN 'final' THEN (SELECT count(*) FROM millibill.invoices i
                        WHERE i.tenant_id = u.tenant_id AND i.period_month = v_run.period_month AND i.kind = 'invoice' AND i.state = 'final'
                          AND EXISTS (SELECT FROM millibill.invoices v
                              WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')) ELSE 0 END,
                   v_run.kind, d -> 'invoice' ->> 'number', p_run_id, v_run.period_month, v_run.period_start, v_run.period_end, v_run.receipt_watermark,
                   d ->> 'currency', (d ->> 'subtotal')::numeric, (d ->> 'total')::numeric,
                   (SELECT coalesce(sum((f ->> 'invocations')::numeric), 0) FROM jsonb_array_elements(d -> 'functions') f),
                   v_run.price_book_sha256, u.document, sha256(convert_to(u.document, 'UTF8')),
                   decode(d -> 'contract' ->> 'sha256', 'hex'), (d -> 'contract' ->> 'revision')::integer,
                   d -> 'payable' ->> 'currency', (d -> 'payable' ->> 'total')::numeric
              FROM unnest(p_tenant_ids, p_documents, v_documents) WITH ORDINALITY AS u(tenant_id, document, d, place) ORDER BY u.place
            RETURNING tenant_id, invoice_id
    ), made AS MATERIALIZED (
        SELECT w.tenant_id, w.invoice_id, u.d FROM unnest(p_tenant_ids, v_documents) AS u(tenant_id, d) JOIN written w USING (tenant_id)
    ), lines AS (
        INSERT INTO millibill.invoice_lines (tenant_id, invoice_id, line, region, architecture, mode, sku, tier, description,
                                             quantity, free_quantity, billed_quantity, unit, unit_price, amount, amount_exact, book)
            SELECT m.tenant_id, m.invoice_id, l.line::integer, l.d ->> 'region', l.d ->> 'architecture', l.d ->> 'mode', l.d ->> 'sku',
                   (l.d ->> 'tier')::integer, l.d ->> 'description', (l.d ->> 'quantity')::numeric, (l.d ->> 'free_quantity')::numeric,
                   (l.d ->> 'billed_quantity')::numeric, l.d ->> 'unit', (l.d ->> 'unit_price')::numeric, (l.d ->> 'amount')::numeric,
                   (l.d ->> 'amount_exact')::numeric, coalesce((l.d ->> 'book')::integer, 1)
              FROM made m CROSS JOIN LATERAL jsonb_array_elements(m.d -> 'lines') WITH ORDINALITY AS l(d, line)
    ), free_tiers AS (
        INSERT INTO millibill.invoice_free_tiers (tenant_id, invoice_id, name, unit, allowance, used, account_used)
            SELECT m.tenant_id, m.invoice_id, f.d ->> 'name', f.d ->> 'unit', (f.d ->> 'allowance')::numeric, (f.d ->> 'used')::numeric,
                   (f.d ->> 'account_used')::numeric
              FROM made m CROSS JOIN LATERAL jsonb_array_elements(m.d -> 'free_tiers') AS f(d)
    ), items AS (
        INSERT INTO millibill.invoice_items (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit,
                                             "left", amount, amount_exact)
            SELECT m.tenant_id, m.invoice_id, (s.d ->> 'item')::integer, s.d ->> 'kind', s.d ->> 'name', s.d ->> 'description',
                   (s.d ->> 'basis')::numeric, (s.d ->> 'rate')::numeric, (s.d ->> 'share')::numeric, (s.d ->> 'quantity')::numeric,
                   s.d ->> 'unit', (s.d ->> 'left')::numeric, (s.d ->> 'amount')::numeric, (s.d ->> 'amount_exact')::numeric
              FROM made m CROSS JOIN LATERAL jsonb_array_elements(m.d -> 'statement') AS s(d)
    )
    SELECT array_agg(invoice_id) INTO v_ids FROM written;
    RETURN v_ids;
END $$;
COMMENT ON FUNCTION invoices_write(bigint, bigint[], text[]) IS 'Write invoices of one rating run from their canonical JSON, each with its tenant; each removes the preview of its tenant and month. A second final invoice of a month fails on the index invoices_final, unless the first is void';

-- One document of any kind: credit notes and voids refer to another.
CREATE OR REPLACE FUNCTION invoice_write(p_tenant_id bigint, p_run_id bigint, p_document text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    v_document jsonb := p_document::jsonb;
    v_head jsonb := v_document -> 'invoice';
    v_contract jsonb := v_document -> 'contract';
    v_kind text := coalesce(v_head ->> 'kind', 'invoice');
    v_run millibill.rating_runs;
    v_other millibill.invoices;
    v_revision integer := 0;
    v_id bigint;
BEGIN
    IF v_kind = 'invoice' THEN
        RETURN (millibill.invoices_write(p_run_id, ARRAY[p_tenant_id], ARRAY[p_document]))[1];
    END IF;
    SELECT * INTO STRICT v_run FROM millibill.rating_runs WHERE run_id = p_run_id;
    IF v_head ->> 'state' IS DISTINCT FROM v_run.kind
       OR (v_head ->> 'period_start')::timestamptz IS DISTINCT FROM v_run.period_start
       OR (v_head ->> 'period_end')::timestamptz IS DISTINCT FROM v_run.period_end
       OR coalesce(v_head ->> 'month', to_char(v_run.period_start AT TIME ZONE 'UTC', 'YYYY-MM')) IS DISTINCT FROM to_char(v_run.period_month, 'YYYY-MM')
       OR (v_head ->> 'receipt_watermark')::bigint IS DISTINCT FROM v_run.receipt_watermark
       OR decode(v_document -> 'price_book' ->> 'sha256', 'hex') IS DISTINCT FROM v_run.price_book_sha256
       OR NOT EXISTS (SELECT FROM millibill.tenants WHERE tenant_id = p_tenant_id AND name = v_head ->> 'tenant') THEN
        RAISE EXCEPTION 'the document does not belong to tenant % and rating run %', p_tenant_id, p_run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF v_contract IS NOT NULL AND NOT EXISTS (SELECT FROM millibill.tenant_contracts c
            WHERE c.tenant_id = p_tenant_id AND c.revision = (v_contract ->> 'revision')::integer
              AND c.contract_sha256 = decode(v_contract ->> 'sha256', 'hex')) THEN
        RAISE EXCEPTION 'tenant % has no such contract: %', p_tenant_id, v_contract
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF v_run.kind = 'final' AND v_run.period_end > now() THEN
        RAISE EXCEPTION 'the period of a final invoice ends at %, which is not over', v_run.period_end
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- The series' row is locked by invoice_number_take, and its number goes back with a transaction that fails.
    IF v_run.kind = 'final' AND NOT EXISTS (SELECT FROM millibill.invoice_numbers n
            WHERE v_head ->> 'number' ~ '-[0-9]{1,18}$' AND n.series = regexp_replace(v_head ->> 'number', '-[0-9]+$', '')
              AND substring(v_head ->> 'number' FROM '[0-9]+$')::bigint BETWEEN 1 AND n.last_number) THEN
        RAISE EXCEPTION 'number % was not taken from its series', v_head ->> 'number'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT * INTO v_other FROM millibill.invoices WHERE tenant_id = p_tenant_id AND state = 'final' AND period_start = v_run.period_start
       AND period_month = v_run.period_month
       AND number = v_head -> 'refers_to' ->> 'number'
       AND document_sha256 = decode(v_head -> 'refers_to' ->> 'sha256', 'hex') AND kind IN ('invoice', CASE v_kind WHEN 'void' THEN 'credit_note' END);
    IF v_other.invoice_id IS NULL OR EXISTS (SELECT FROM millibill.invoices
            WHERE tenant_id = p_tenant_id AND refers_to = v_other.invoice_id AND kind = 'void') THEN
        RAISE EXCEPTION 'there is no document in force that this % could refer to: %', v_kind, v_head -> 'refers_to'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF v_kind = 'void' AND ((v_document ->> 'total')::numeric, v_document ->> 'currency', v_document -> 'contract')
       IS DISTINCT FROM (-v_other.total, v_other.currency, v_other.document::jsonb -> 'contract') THEN
        RAISE EXCEPTION 'the document does not take back % as a whole', v_other.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    v_revision := v_other.revision;
    INSERT INTO millibill.invoices (tenant_id, kind, refers_to, revision, state, number, run_id, period_month, period_start, period_end, receipt_watermark, currency,
                                    subtotal, total, invocations, price_book_sha256, document, document_sha256,
                                    contract_sha256, contract_revision, payable_currency, payable_total)
        VALUES (p_tenant_id, v_kind, v_other.invoice_id, v_revision, v_run.kind, v_head ->> 'number', p_run_id, v_run.period_month, v_run.period_start, v_run.period_end,
                v_run.receipt_watermark, v_document ->> 'currency', (v_document ->> 'subtotal')::numeric,
                (v_document ->> 'total')::numeric,
                (SELECT coalesce(sum((f ->> 'invocations')::numeric), 0) FROM jsonb_array_elements(v_document -> 'functions') f),
                v_run.price_book_sha256, p_document, sha256(convert_to(p_document, 'UTF8')),
                decode(v_contract ->> 'sha256', 'hex'), (v_contract ->> 'revision')::integer,
                v_document -> 'payable' ->> 'currency', (v_document -> 'payable' ->> 'total')::numeric)
        RETURNING invoice_id INTO v_id;
    INSERT INTO millibill.invoice_lines (tenant_id, invoice_id, line, region, architecture, mode, sku, tier, description,
                                         quantity, free_quantity, billed_quantity, unit, unit_price, amount, amount_exact, book)
        SELECT p_tenant_id, v_id, l.line::integer, d ->> 'region', d ->> 'architecture', d ->> 'mode', d ->> 'sku',
               (d ->> 'tier')::integer, d ->> 'description', (d ->> 'quantity')::numeric, (d ->> 'free_quantity')::numeric,
               (d ->> 'billed_quantity')::numeric, d ->> 'unit', (d ->> 'unit_price')::numeric, (d ->> 'amount')::numeric,
               (d ->> 'amount_exact')::numeric, coalesce((d ->> 'book')::integer, 1)
          FROM jsonb_array_elements(v_document -> 'lines') WITH ORDINALITY AS l(d, line);
    INSERT INTO millibill.invoice_free_tiers (tenant_id, invoice_id, name, unit, allowance, used, account_used)
        SELECT p_tenant_id, v_id, d ->> 'name', d ->> 'unit', (d ->> 'allowance')::numeric, (d ->> 'used')::numeric,
               (d ->> 'account_used')::numeric
          FROM jsonb_array_elements(v_document -> 'free_tiers') AS t(d);
    INSERT INTO millibill.invoice_items (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit,
                                         "left", amount, amount_exact)
        SELECT p_tenant_id, v_id, (d ->> 'item')::integer, d ->> 'kind', d ->> 'name', d ->> 'description',
               (d ->> 'basis')::numeric, (d ->> 'rate')::numeric, (d ->> 'share')::numeric, (d ->> 'quantity')::numeric,
               d ->> 'unit', (d ->> 'left')::numeric, (d ->> 'amount')::numeric, (d ->> 'amount_exact')::numeric
          FROM jsonb_array_elements(v_document -> 'statement') AS s(d);
    RETURN v_id;
END $$;
COMMENT ON FUNCTION invoice_write(bigint, bigint, text) IS 'Write a document from its canonical JSON; an invoice removes the preview of its tenant and month. A second final invoice of a month fails on the index invoices_final, unless the first is void; one whose period overlaps another final one is refused';

CREATE OR REPLACE VIEW invoices_overview AS
SELECT i.number, i.state, t.name AS tenant, a.name AS account, i.period_start, i.period_end, i.currency, i.subtotal, i.total,
       i.invocations, b.name AS price_book, b.version AS price_book_version,
       encode(i.price_book_sha256, 'hex') AS price_book_sha256, r.free_tier, i.receipt_watermark, i.issued_at,
       encode(i.document_sha256, 'hex') AS document_sha256,
       coalesce(i.payable_total, i.total) AS payable, coalesce(i.payable_currency, i.currency) AS payable_currency,
       i.kind, o.number AS refers_to, v.number AS void_by, i.period_month
  FROM invoices i
  LEFT JOIN invoices o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.refers_to
  LEFT JOIN invoices v ON v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void'
  JOIN tenants t ON t.tenant_id = i.tenant_id
  JOIN accounts a ON a.account_id = account_in(t.tenant_id, t.account_id, i.period_month)
  JOIN rating_runs r ON r.run_id = i.run_id
  JOIN price_books b ON b.sha256 = i.price_book_sha256;
COMMENT ON VIEW invoices_overview IS 'One row for each document: invoices, previews included, credit notes and voids';
COMMENT ON COLUMN invoices_overview.kind IS 'invoice; credit_note: less is owed than an invoice said; void: a whole document is taken back';
COMMENT ON COLUMN invoices_overview.refers_to IS 'Number of the document that a credit note or void is about';
COMMENT ON COLUMN invoices_overview.void_by IS 'Number of the void that takes this document back; null: it is in force';
COMMENT ON COLUMN invoices_overview.number IS 'Null for a preview';
COMMENT ON COLUMN invoices_overview.state IS 'preview or final; a final invoice never changes';
COMMENT ON COLUMN invoices_overview.period_start IS 'First instant of the period, UTC; period_end is the first after it';
COMMENT ON COLUMN invoices_overview.period_month IS 'The month in which the period starts by the clock of its contract (its first day): what --month names';
COMMENT ON COLUMN invoices_overview.subtotal IS 'Sum of the rounded lines, in currency';
COMMENT ON COLUMN invoices_overview.total IS 'What is owed, in currency; under a contract with discounts, credits and tax';
COMMENT ON COLUMN invoices_overview.payable IS 'What is to be paid, in payable_currency: the total, exchanged where a contract says so';
COMMENT ON COLUMN invoices_overview.free_tier IS 'Was the free tier taken off?';
COMMENT ON COLUMN invoices_overview.receipt_watermark IS 'Usage was looked at up to this receipt (commits.receipt)';
COMMENT ON COLUMN invoices_overview.document_sha256 IS 'SHA-256 of the canonical JSON';

CREATE OR REPLACE VIEW invoice_lines_view AS
SELECT i.number, i.state, t.name AS tenant, a.name AS account, i.period_start, i.period_end, l.line, l.region, l.architecture,
       l.mode, l.sku, l.tier, l.description, l.quantity, l.free_quantity, l.billed_quantity, l.unit, l.unit_price, i.currency,
       l.amount, l.amount_exact, i.kind, l.book
  FROM invoice_lines l
  JOIN invoices i USING (tenant_id, invoice_id)
  JOIN tenants t USING (tenant_id)
  JOIN accounts a ON a.account_id = account_in(t.tenant_id, t.account_id, i.period_month);
COMMENT ON VIEW invoice_lines_view IS 'One row for each line of each document: previews, credit notes and voids (whose amounts are negative) included';
COMMENT ON COLUMN invoice_lines_view.kind IS 'invoice, credit_note or void';
COMMENT ON COLUMN invoice_lines_view.book IS 'Which of several price books prices it, from 1 in the order of time: see price_book_parts';
COMMENT ON COLUMN invoice_lines_view.sku IS 'What is metered: requests, duration, ephemeral_storage, …';
COMMENT ON COLUMN invoice_lines_view.tier IS 'From 1; tiers are counted over the account and region';
COMMENT ON COLUMN invoice_lines_view.quantity IS 'Used, in units: free_quantity + billed_quantity';
COMMENT ON COLUMN invoice_lines_view.unit_price IS 'For one unit, in currency';
COMMENT ON COLUMN invoice_lines_view.amount IS 'In currency, rounded as the price book says';
COMMENT ON COLUMN invoice_lines_view.amount_exact IS 'billed_quantity times unit_price, unrounded';

-- The invoice that counts for a tenant and month: the final one that is not void, else the preview.
CREATE OR REPLACE VIEW invoices_in_force AS
SELECT DISTINCT ON (i.tenant_id, i.period_month) i.tenant_id, i.invoice_id, i.number, i.state, i.run_id, i.period_start,
       i.period_end, i.currency, i.total, i.period_month
  FROM invoices i
 WHERE i.kind = 'invoice' AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')
 ORDER BY i.tenant_id, i.period_month, (i.state = 'final') DESC, i.revision DESC;
COMMENT ON VIEW invoices_in_force IS 'For each tenant and period the final invoice, or the preview while there is none';

-- A line's cost spread over the rollups that made it: a rollup's quantity x (exact amount of all tiers / quantity).
CREATE OR REPLACE VIEW cost_hourly AS
WITH skus AS (
    SELECT tenant_id, invoice_id, book, region, architecture, mode, sku, unit, sum(quantity) AS quantity,
           sum(amount_exact) AS amount_exact
      FROM invoice_lines GROUP BY tenant_id, invoice_id, book, region, architecture, mode, sku, unit
)
SELECT t.name AS tenant, a.name AS account, r.hour, c.function, s.region, c.architecture, c.memory_mb, c.mode, s.sku, s.unit,
       q.quantity, i.currency, coalesce(q.quantity * s.amount_exact / nullif(s.quantity, 0), 0) AS cost,
       i.state AS invoice_state, i.number AS invoice_number, i.period_start
  FROM invoices_in_force i
  JOIN rating_runs run USING (run_id)
  JOIN rating_measures m USING (run_id)
  JOIN rollups r ON r.tenant_id = i.tenant_id AND r.hour >= i.period_start AND r.hour < i.period_end
             AND (m.hour_from IS NULL OR (r.hour >= m.hour_from AND r.hour < m.hour_until))
  JOIN configs c ON c.tenant_id = r.tenant_id AND c.config_id = r.config_id AND c.mode = m.mode AND c.package = m.package
  JOIN skus s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id AND s.book = m.part AND s.sku = m.sku AND s.mode = c.mode
             AND s.architecture = c.architecture AND s.region = coalesce(nullif(c.region, ''), run.default_region)
 CROSS JOIN LATERAL (
    SELECT CASE m.rollup_column WHEN 'invocations' THEN r.invocations WHEN 'duration_1ms' THEN r.duration_1ms
                WHEN 'duration_100ms' THEN r.duration_100ms WHEN 'with_init_1ms' THEN r.with_init_1ms
                WHEN 'with_init_100ms' THEN r.with_init_100ms WHEN 'cpu_us' THEN r.cpu_us
                WHEN 'streamed_bytes' THEN r.streamed_bytes END::numeric
         * CASE m.measure
                WHEN 'gb_seconds' THEN least(m.memory_maximum_mb, greatest(m.memory_minimum_mb,
                     (c.memory_mb + m.memory_step_mb - 1) / m.memory_step_mb * m.memory_step_mb))
                WHEN 'ephemeral_gb_seconds' THEN greatest(c.ephemeral_mb - m.included_mb, 0)
                WHEN 'ghz_seconds' THEN m.clock_mhz[1 + (SELECT count(*) FROM unnest(m.clock_up_to_mb) u WHERE u < c.memory_mb)]
                ELSE 1 END
         / coalesce(m.unit_parts, CASE m.measure WHEN 'invocations' THEN 1 ELSE 1024000 END) AS raw) w
 CROSS JOIN LATERAL (SELECT trim_scale(w.raw) AS quantity) q
  JOIN tenants t ON t.tenant_id = i.tenant_id
  JOIN accounts a ON a.account_id = account_in(t.tenant_id, t.account_id, i.period_month);
COMMENT ON VIEW cost_hourly IS 'What each hour, function and sku cost: the invoice in force spread over the rollups in proportion to their quantity. Months without an invoice or preview are missing: run `millibill rate`. An hour in the midst of which a period ends stands with the period that holds its start. Usage that came after the invoice shows at the month''s mean price; so does usage with prices of its own for some functions. What does not follow from a quantity of usage (flat fees, surcharges, and all that a contract adds or takes away) stands on the invoice only: see invoice_lines_view and invoice_items';
COMMENT ON COLUMN cost_hourly.quantity IS 'In unit, before the free tier';
COMMENT ON COLUMN cost_hourly.cost IS 'In currency, to 16 digits or more: free quantities and tiers are spread evenly over the month';
COMMENT ON COLUMN cost_hourly.invoice_state IS 'final, or preview when it may still change';

CREATE OR REPLACE VIEW cost_daily AS
SELECT tenant, account, (hour AT TIME ZONE 'UTC')::date AS day, currency, sum(cost) AS cost,
       sum(quantity) FILTER (WHERE sku = 'requests') AS requests, sum(quantity) FILTER (WHERE sku = 'duration') AS gb_seconds,
       min(invoice_state) AS invoice_state
  FROM cost_hourly GROUP BY tenant, account, day, currency;
COMMENT ON VIEW cost_daily IS 'One row for each tenant and UTC day';
COMMENT ON COLUMN cost_daily.cost IS 'In currency, unrounded';
COMMENT ON COLUMN cost_daily.requests IS 'Invocations';
COMMENT ON COLUMN cost_daily.gb_seconds IS 'Billed duration times memory, 1 GB = 1024 MB';
COMMENT ON COLUMN cost_daily.invoice_state IS 'final, or preview when the month may still change';

CREATE OR REPLACE VIEW cost_by_function AS
SELECT tenant, account, period_start AS month, function, region, architecture, memory_mb, mode, currency, sum(cost) AS cost,
       sum(quantity) FILTER (WHERE sku = 'requests') AS requests, sum(quantity) FILTER (WHERE sku = 'duration') AS gb_seconds,
       min(invoice_state) AS invoice_state
  FROM cost_hourly GROUP BY tenant, account, period_start, function, region, architecture, memory_mb, mode, currency;
COMMENT ON VIEW cost_by_function IS 'One row for each tenant, month and function configuration';
COMMENT ON COLUMN cost_by_function.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN cost_by_function.cost IS 'In currency, unrounded';
COMMENT ON COLUMN cost_by_function.gb_seconds IS 'Billed duration times memory, 1 GB = 1024 MB';

CREATE OR REPLACE VIEW free_tier_use_by_tenant AS
SELECT a.name AS account, t.name AS tenant, i.period_start AS month, f.name, f.unit, f.allowance, f.used, i.state AS invoice_state
  FROM invoices_in_force i
  JOIN invoice_free_tiers f USING (tenant_id, invoice_id)
  JOIN tenants t USING (tenant_id)
  JOIN accounts a ON a.account_id = account_in(t.tenant_id, t.account_id, i.period_month);
COMMENT ON VIEW free_tier_use_by_tenant IS 'What each tenant took from each free tier in a month';
COMMENT ON COLUMN free_tier_use_by_tenant.allowance IS 'Of the whole account, in unit';
COMMENT ON COLUMN free_tier_use_by_tenant.used IS 'By this tenant, in unit';

CREATE OR REPLACE VIEW free_tier_use AS
SELECT account, month, name, unit, max(allowance) AS allowance, sum(used) AS used, max(allowance) - sum(used) AS "left",
       round(100 * sum(used) / nullif(max(allowance), 0), 1) AS used_percent, min(invoice_state) AS invoice_state
  FROM free_tier_use_by_tenant GROUP BY account, month, name, unit;
COMMENT ON VIEW free_tier_use IS 'One row for each account, month and free tier';
COMMENT ON COLUMN free_tier_use.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN free_tier_use.allowance IS 'For the period, in unit';
COMMENT ON COLUMN free_tier_use.used IS 'By all tenants of the account, in unit';
COMMENT ON COLUMN free_tier_use."left" IS 'allowance less used, in unit';
COMMENT ON COLUMN free_tier_use.invoice_state IS 'final, or preview when any of it may still change';
