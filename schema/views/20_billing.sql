-- Billing: the definer functions that alone write invoices, and the views of invoices and cost.
-- Columns of views are stable: new ones are added at the end. Quantities and amounts are numeric, never rounded here.

CREATE OR REPLACE FUNCTION invoice_numbers_take(p_series text, p_count bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    INSERT INTO millibill.invoice_numbers AS n (series, last_number) SELECT p_series, p_count WHERE p_count >= 0
        ON CONFLICT (series) DO UPDATE SET last_number = n.last_number + p_count
        RETURNING last_number - p_count + 1;
$$;
COMMENT ON FUNCTION invoice_numbers_take(text, bigint) IS 'Take the next so many numbers of a series; the first of them. The series is locked until the transaction ends, so that a rollback leaves no gap. None: what the next one is, and it stays so';

CREATE OR REPLACE FUNCTION invoice_number_take(p_series text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    SELECT millibill.invoice_numbers_take(p_series, 1);
$$;
COMMENT ON FUNCTION invoice_number_take(text) IS 'Next number of a series, as of invoice_numbers_take';

-- What a document says of itself, taken apart: rows of the tables beside it. Not definers, bound when they are made, and part of whatever
-- statement asks.
CREATE OR REPLACE FUNCTION document_lines(document jsonb)
RETURNS TABLE (line integer, region text, architecture text, mode text, sku text, tier integer, description text, quantity numeric,
               free_quantity numeric, billed_quantity numeric, unit text, unit_price numeric, amount numeric, amount_exact numeric, book integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT l.line::integer, d ->> 'region', d ->> 'architecture', d ->> 'mode', d ->> 'sku', (d ->> 'tier')::integer, d ->> 'description',
           (d ->> 'quantity')::numeric, (d ->> 'free_quantity')::numeric, (d ->> 'billed_quantity')::numeric, d ->> 'unit',
           (d ->> 'unit_price')::numeric, (d ->> 'amount')::numeric, (d ->> 'amount_exact')::numeric, coalesce((d ->> 'book')::integer, 1)
      FROM jsonb_array_elements(document -> 'lines') WITH ORDINALITY AS l(d, line);
END;
COMMENT ON FUNCTION document_lines(jsonb) IS 'Lines of a document, as columns of invoice_lines';

CREATE OR REPLACE FUNCTION document_free_tiers(document jsonb)
RETURNS TABLE (name text, unit text, allowance numeric, used numeric, account_used numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
    SELECT d ->> 'name', d ->> 'unit', (d ->> 'allowance')::numeric, (d ->> 'used')::numeric, (d ->> 'account_used')::numeric
      FROM jsonb_array_elements(document -> 'free_tiers') AS t(d);
END;
COMMENT ON FUNCTION document_free_tiers(jsonb) IS 'Free tiers of a document, as columns of invoice_free_tiers';

CREATE OR REPLACE FUNCTION document_items(document jsonb)
RETURNS TABLE (item integer, kind text, name text, description text, basis numeric, rate numeric, share numeric, quantity numeric, unit text,
               "left" numeric, amount numeric, amount_exact numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
    SELECT (d ->> 'item')::integer, d ->> 'kind', d ->> 'name', d ->> 'description', (d ->> 'basis')::numeric, (d ->> 'rate')::numeric,
           (d ->> 'share')::numeric, (d ->> 'quantity')::numeric, d ->> 'unit', (d ->> 'left')::numeric, (d ->> 'amount')::numeric,
           (d ->> 'amount_exact')::numeric
      FROM jsonb_array_elements(document -> 'statement') AS s(d);
END;
COMMENT ON FUNCTION document_items(jsonb) IS 'Statement of a document, as columns of invoice_items';

CREATE OR REPLACE FUNCTION document_invocations(document jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(sum((f ->> 'invocations')::numeric), 0) FROM jsonb_array_elements(document -> 'functions') f);
COMMENT ON FUNCTION document_invocations(jsonb) IS 'Invocations in a document, over all its functions';

CREATE OR REPLACE FUNCTION document_is_of(document jsonb, kind text, tenant text, run rating_runs) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(document -> 'invoice' ->> 'kind', 'invoice') = kind
    AND document -> 'invoice' ->> 'state' IS NOT DISTINCT FROM (run).kind
    AND (document -> 'invoice' ->> 'period_start')::timestamptz IS NOT DISTINCT FROM (run).period_start
    AND (document -> 'invoice' ->> 'period_end')::timestamptz IS NOT DISTINCT FROM (run).period_end
    AND coalesce(document -> 'invoice' ->> 'month', to_char((run).period_start AT TIME ZONE 'UTC', 'YYYY-MM')) IS NOT DISTINCT FROM to_char((run).period_month, 'YYYY-MM')
    AND (document -> 'invoice' ->> 'receipt_watermark')::bigint IS NOT DISTINCT FROM (run).receipt_watermark
    AND decode(document -> 'price_book' ->> 'sha256', 'hex') IS NOT DISTINCT FROM (run).price_book_sha256
    AND document -> 'invoice' ->> 'tenant' IS NOT DISTINCT FROM tenant AND tenant IS NOT NULL;
COMMENT ON FUNCTION document_is_of(jsonb, text, text, rating_runs) IS 'Does a document of this kind belong to this tenant and rating run?';

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
     WHERE NOT coalesce(millibill.document_is_of(d, 'invoice', t.name, v_run), false) LIMIT 1;
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
    -- The series' row is locked by who took the number, and its number goes back with a transaction that fails.
    IF v_run.kind = 'final' THEN
        SELECT u.number INTO v_other FROM (SELECT d -> 'invoice' ->> 'number' AS number FROM unnest(v_documents) d) u
         WHERE NOT EXISTS (SELECT FROM millibill.invoice_numbers n
            WHERE u.number ~ '-[0-9]{1,18}$' AND n.series = regexp_replace(u.number, '-[0-9]+$', '')
              AND substring(u.number FROM '[0-9]+$')::bigint BETWEEN 1 AND n.last_number) LIMIT 1;
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
    -- Previews go with what was taken from them: no foreign key does that. Rows are found by key, whatever the statistics say: ANALYZE while a run
    -- fills a table finds it empty, and then all of it is read for each batch.
    PERFORM set_config('millibill.replacing_previews', 'on', true); -- what the policies for DELETE ask for (30_policies.sql)
    WITH gone AS (
        DELETE FROM millibill.invoices
         WHERE tenant_id = ANY (p_tenant_ids) AND period_month = v_run.period_month AND state = 'preview' RETURNING tenant_id, invoice_id
    ), lines AS (
        DELETE FROM millibill.invoice_lines WHERE ctid = ANY (ARRAY(SELECT x.place FROM gone g CROSS JOIN LATERAL (
            SELECT l.ctid AS place FROM millibill.invoice_lines l WHERE (l.tenant_id, l.invoice_id) = (g.tenant_id, g.invoice_id) OFFSET 0) x))
    ), free_tiers AS (
        DELETE FROM millibill.invoice_free_tiers WHERE ctid = ANY (ARRAY(SELECT x.place FROM gone g CROSS JOIN LATERAL (
            SELECT f.ctid AS place FROM millibill.invoice_free_tiers f WHERE (f.tenant_id, f.invoice_id) = (g.tenant_id, g.invoice_id) OFFSET 0) x))
    )
    DELETE FROM millibill.invoice_items WHERE ctid = ANY (ARRAY(SELECT x.place FROM gone g CROSS JOIN LATERAL (
        SELECT i.ctid AS place FROM millibill.invoice_items i WHERE (i.tenant_id, i.invoice_id) = (g.tenant_id, g.invoice_id) OFFSET 0) x));
    PERFORM set_config('millibill.replacing_previews', 'off', true);
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
                   -- document_invocations(d), which would be called for each instead of becoming part of the statement
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
            SELECT m.tenant_id, m.invoice_id, l.line, l.region, l.architecture, l.mode, l.sku, l.tier, l.description,
                   l.quantity, l.free_quantity, l.billed_quantity, l.unit, l.unit_price, l.amount, l.amount_exact, l.book
              FROM made m CROSS JOIN LATERAL millibill.document_lines(m.d) l
    ), free_tiers AS (
        INSERT INTO millibill.invoice_free_tiers (tenant_id, invoice_id, name, unit, allowance, used, account_used)
            SELECT m.tenant_id, m.invoice_id, f.name, f.unit, f.allowance, f.used, f.account_used
              FROM made m CROSS JOIN LATERAL millibill.document_free_tiers(m.d) f
    ), items AS (
        INSERT INTO millibill.invoice_items (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit,
                                             "left", amount, amount_exact)
            SELECT m.tenant_id, m.invoice_id, s.item, s.kind, s.name, s.description, s.basis, s.rate, s.share, s.quantity, s.unit,
                   s."left", s.amount, s.amount_exact
              FROM made m CROSS JOIN LATERAL millibill.document_items(m.d) s
    )
    SELECT array_agg(invoice_id) INTO v_ids FROM written;
    RETURN v_ids;
END $$;
COMMENT ON FUNCTION invoices_write(bigint, bigint[], text[]) IS 'Write invoices of one rating run from their canonical JSON, each with its tenant; each removes the preview of its tenant and month. A second final invoice of a month fails on the index invoices_final, unless the first is void';

-- Final invoices, many of one run. Numbers are taken with the documents that have them, so many as there are: one without an invoice cannot be left.
CREATE OR REPLACE FUNCTION finals_write(p_run_id bigint, p_series text, p_first bigint, p_tenant_ids bigint[], p_documents text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    v_other record;
BEGIN
    IF p_first IS DISTINCT FROM millibill.invoice_numbers_take(p_series, cardinality(p_documents)) THEN
        RAISE EXCEPTION 'number % is not the next one of %', p_first, p_series USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT u.number, left(u.document, 60) AS start INTO v_other
      FROM (SELECT document, p_series || '-' || lpad(n::text, greatest(6, length(n::text)), '0') AS number
              FROM unnest(p_documents) WITH ORDINALITY AS d(document, place) CROSS JOIN LATERAL (SELECT p_first + place - 1 AS n) at) u
     WHERE NOT coalesce(starts_with(u.document, '{"invoice":{"number":' || to_json(u.number) || ','), false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the document that is to be % begins with %', v_other.number, v_other.start USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN cardinality(millibill.invoices_write(p_run_id, p_tenant_ids, p_documents));
END $$;
COMMENT ON FUNCTION finals_write(bigint, text, bigint, bigint[], text[]) IS 'Write final invoices of one rating run as invoices_write does, and take their numbers: the next ones of the series, from the first, in the order of the documents. How many were written';

-- Previews, many of one run. What stands in their rows is handed over beside the documents. Every document is held against its tenant and
-- run by its head, some that the database chooses are taken apart whole, and nobody else writes rows: a rater that says two things is found out
-- soon. A preview that is there is changed where it stands: removing it would ask everything that may refer to an invoice.
-- Plans are made for each call: those of empty tables would be kept while the tables fill. Tenants are sorted, so that width_bucket finds the
-- place of one among them.
CREATE OR REPLACE FUNCTION previews_write(p_run_id bigint, p_heads preview_head[], p_lines preview_line[], p_free_tiers preview_free_tier[],
                                          p_items preview_item[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp SET enable_seqscan = off
    SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    looked_at constant integer := 4; -- documents of each call that are taken apart
    v_run millibill.rating_runs;
    v_told text; -- what each document says of the run and its book, as the rater writes it
    v_book text;
    v_other record;
    v_there boolean;
    v_tenants bigint[];
    v_ids bigint[];
BEGIN
    SELECT * INTO STRICT v_run FROM millibill.rating_runs WHERE run_id = p_run_id;
    IF v_run.kind <> 'preview' THEN
        RAISE EXCEPTION 'rating run % is not one of previews', p_run_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- How the rater begins a document. One that begins otherwise is parsed.
    v_told := format(',"period_start":"%s","period_end":"%s"%s,"receipt_watermark":%s},"currency":',
                     to_char(v_run.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), to_char(v_run.period_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                     CASE WHEN v_run.period_start = v_run.period_month::timestamp AT TIME ZONE 'UTC'
                           AND v_run.period_end = (v_run.period_month + interval '1 month') AT TIME ZONE 'UTC' THEN ''
                          ELSE format(',"month":"%s"', to_char(v_run.period_month, 'YYYY-MM')) END,
                     v_run.receipt_watermark);
    SELECT format(',"price_book":{"name":%s,"version":%s,"sha256":"%s"}', to_json(b.name), to_json(b.version), encode(b.sha256, 'hex')) INTO v_book
      FROM millibill.price_books b WHERE b.sha256 = v_run.price_book_sha256;
    SELECT h.tenant_id INTO v_other FROM unnest(p_heads) h LEFT JOIN millibill.tenants t ON t.tenant_id = h.tenant_id
     WHERE NOT coalesce(CASE WHEN starts_with(h.document, '{"invoice":{"number":null,"state":"preview","tenant":' || to_json(t.name) || ',"account":'
                                              || to_json(h.account) || v_told || to_json(h.currency) || v_book) THEN true
                             ELSE millibill.document_is_of(h.document::jsonb, 'invoice', t.name, v_run) END, false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the document does not belong to tenant % and rating run %', v_other.tenant_id, p_run_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT h.tenant_id, h.contract_revision INTO v_other FROM unnest(p_heads) h
     WHERE coalesce(h.contract_sha256, h.contract_revision::text) IS NOT NULL AND NOT EXISTS (SELECT FROM millibill.tenant_contracts c
            WHERE c.tenant_id = h.tenant_id AND c.revision = h.contract_revision AND c.contract_sha256 = decode(h.contract_sha256, 'hex')) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'tenant % has no such contract: %', v_other.tenant_id, v_other.contract_revision USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    WITH looked AS MATERIALIZED (
        SELECT h.*, h.document::jsonb AS d FROM (SELECT * FROM unnest(p_heads) ORDER BY random() LIMIT looked_at) h
    ), differing AS (
        SELECT tenant_id FROM looked
         WHERE (currency, subtotal::numeric, total::numeric, invocations::numeric, contract_sha256, contract_revision, payable_currency, payable_total::numeric)
               IS DISTINCT FROM (d ->> 'currency', (d ->> 'subtotal')::numeric, (d ->> 'total')::numeric, millibill.document_invocations(d),
                                 d -> 'contract' ->> 'sha256', (d -> 'contract' ->> 'revision')::integer,
                                 d -> 'payable' ->> 'currency', (d -> 'payable' ->> 'total')::numeric)
        UNION ALL
        SELECT coalesce(a.tenant_id, b.tenant_id)
          FROM (SELECT l.* FROM unnest(p_lines) l WHERE l.tenant_id IN (SELECT tenant_id FROM looked)) a
          FULL JOIN (SELECT h.tenant_id, l.* FROM looked h CROSS JOIN LATERAL millibill.document_lines(h.d) l) b USING (tenant_id, line)
         WHERE (a.region, a.architecture, a.mode, a.sku, a.tier, a.description, a.quantity::numeric, a.free_quantity::numeric, a.billed_quantity::numeric,
                a.unit, a.unit_price::numeric, a.amount::numeric, a.amount_exact::numeric, a.book)
               IS DISTINCT FROM (b.region, b.architecture, b.mode, b.sku, b.tier, b.description, b.quantity, b.free_quantity, b.billed_quantity,
                                 b.unit, b.unit_price, b.amount, b.amount_exact, b.book)
        UNION ALL
        SELECT coalesce(a.tenant_id, b.tenant_id)
          FROM (SELECT f.* FROM unnest(p_free_tiers) f WHERE f.tenant_id IN (SELECT tenant_id FROM looked)) a
          FULL JOIN (SELECT h.tenant_id, f.* FROM looked h CROSS JOIN LATERAL millibill.document_free_tiers(h.d) f) b USING (tenant_id, name)
         WHERE (a.unit, a.allowance::numeric, a.used::numeric, a.account_used::numeric) IS DISTINCT FROM (b.unit, b.allowance, b.used, b.account_used)
        UNION ALL
        SELECT coalesce(a.tenant_id, b.tenant_id)
          FROM (SELECT i.* FROM unnest(p_items) i WHERE i.tenant_id IN (SELECT tenant_id FROM looked)) a
          FULL JOIN (SELECT h.tenant_id, i.* FROM looked h CROSS JOIN LATERAL millibill.document_items(h.d) i) b USING (tenant_id, item)
         WHERE (a.kind, a.name, a.description, a.basis::numeric, a.rate::numeric, a.share::numeric, a.quantity::numeric, a.unit, a."left"::numeric,
                a.amount::numeric, a.amount_exact::numeric)
               IS DISTINCT FROM (b.kind, b.name, b.description, b.basis, b.rate, b.share, b.quantity, b.unit, b."left", b.amount, b.amount_exact)
    )
    SELECT tenant_id INTO v_other FROM differing LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'what is handed over of the preview of tenant % is not what its document says', v_other.tenant_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- Each by its key, whatever the statistics say: in a month that was empty until now they know nothing of what this run wrote.
    v_there := EXISTS (SELECT FROM unnest(p_heads) h CROSS JOIN LATERAL
                           (SELECT FROM millibill.invoices i WHERE i.tenant_id = h.tenant_id AND i.period_month = v_run.period_month
                               AND i.state = 'preview' LIMIT 1) there);
    PERFORM set_config('millibill.replacing_previews', 'on', true); -- what the policies for UPDATE and DELETE ask for (30_policies.sql)
    WITH written AS (
        INSERT INTO millibill.invoices AS i (tenant_id, state, run_id, period_month, period_start, period_end, receipt_watermark, currency, subtotal, total, invocations,
                                             price_book_sha256, document, document_sha256, contract_sha256, contract_revision, payable_currency, payable_total)
            SELECT h.tenant_id, 'preview', p_run_id, v_run.period_month, v_run.period_start, v_run.period_end, v_run.receipt_watermark, h.currency,
                   h.subtotal::numeric, h.total::numeric, h.invocations::numeric, v_run.price_book_sha256, h.document, sha256(convert_to(h.document, 'UTF8')),
                   decode(h.contract_sha256, 'hex'), h.contract_revision, h.payable_currency, h.payable_total::numeric
              FROM unnest(p_heads) h
        ON CONFLICT (tenant_id, period_month) WHERE state = 'preview' DO UPDATE
            SET run_id = excluded.run_id, period_start = excluded.period_start, period_end = excluded.period_end, receipt_watermark = excluded.receipt_watermark,
                currency = excluded.currency, subtotal = excluded.subtotal, total = excluded.total, invocations = excluded.invocations,
                price_book_sha256 = excluded.price_book_sha256, document = excluded.document, document_sha256 = excluded.document_sha256,
                issued_at = excluded.issued_at, contract_sha256 = excluded.contract_sha256, contract_revision = excluded.contract_revision,
                payable_currency = excluded.payable_currency, payable_total = excluded.payable_total
        RETURNING tenant_id, invoice_id)
    SELECT array_agg(tenant_id ORDER BY tenant_id), array_agg(invoice_id ORDER BY tenant_id) INTO v_tenants, v_ids FROM written;
    IF EXISTS (SELECT FROM unnest(p_lines) h WHERE v_tenants[width_bucket(h.tenant_id, v_tenants)] IS DISTINCT FROM h.tenant_id)
       OR EXISTS (SELECT FROM unnest(p_free_tiers) h WHERE v_tenants[width_bucket(h.tenant_id, v_tenants)] IS DISTINCT FROM h.tenant_id)
       OR EXISTS (SELECT FROM unnest(p_items) h WHERE v_tenants[width_bucket(h.tenant_id, v_tenants)] IS DISTINCT FROM h.tenant_id) THEN
        RAISE EXCEPTION 'rows of a preview that is not handed over' USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- Rows that are there and stay as they are are not written again. They are found by key, one by one, as in invoices_write.
    IF v_there THEN
        DELETE FROM millibill.invoice_lines WHERE ctid = ANY (ARRAY(SELECT x.place
          FROM (SELECT h.tenant_id, max(h.invoice_id) AS invoice_id, max(h.line) AS last_line
                  FROM (SELECT w.tenant_id, w.invoice_id, 0 AS line FROM unnest(v_tenants, v_ids) AS w(tenant_id, invoice_id)
                        UNION ALL SELECT u.tenant_id, NULL, u.line FROM unnest(p_lines) u) h GROUP BY h.tenant_id) w
         CROSS JOIN LATERAL (SELECT l.ctid AS place FROM millibill.invoice_lines l
                              WHERE (l.tenant_id, l.invoice_id) = (w.tenant_id, w.invoice_id) AND l.line > w.last_line OFFSET 0) x));
        DELETE FROM millibill.invoice_items WHERE ctid = ANY (ARRAY(SELECT x.place
          FROM (SELECT h.tenant_id, max(h.invoice_id) AS invoice_id, max(h.item) AS last_item
                  FROM (SELECT w.tenant_id, w.invoice_id, 0 AS item FROM unnest(v_tenants, v_ids) AS w(tenant_id, invoice_id)
                        UNION ALL SELECT u.tenant_id, NULL, u.item FROM unnest(p_items) u) h GROUP BY h.tenant_id) w
         CROSS JOIN LATERAL (SELECT s.ctid AS place FROM millibill.invoice_items s
                              WHERE (s.tenant_id, s.invoice_id) = (w.tenant_id, w.invoice_id) AND s.item > w.last_item OFFSET 0) x));
        DELETE FROM millibill.invoice_free_tiers WHERE ctid = ANY (ARRAY(SELECT x.place
          FROM (SELECT h.tenant_id, max(h.invoice_id) AS invoice_id, coalesce(array_agg(h.name) FILTER (WHERE h.name IS NOT NULL), '{}') AS names
                  FROM (SELECT w.tenant_id, w.invoice_id, NULL AS name FROM unnest(v_tenants, v_ids) AS w(tenant_id, invoice_id)
                        UNION ALL SELECT u.tenant_id, NULL, u.name FROM unnest(p_free_tiers) u) h GROUP BY h.tenant_id) w
         CROSS JOIN LATERAL (SELECT f.ctid AS place FROM millibill.invoice_free_tiers f
                              WHERE (f.tenant_id, f.invoice_id) = (w.tenant_id, w.invoice_id) AND f.name <> ALL (w.names) OFFSET 0) x));
        MERGE INTO millibill.invoice_lines l
            USING (SELECT v_ids[width_bucket(h.tenant_id, v_tenants)] AS invoice_id, h.*, x.place FROM unnest(p_lines) h
                     LEFT JOIN LATERAL (SELECT k.ctid AS place FROM millibill.invoice_lines k
                                         WHERE (k.tenant_id, k.invoice_id, k.line) = (h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.line) OFFSET 0) x ON true) h
               ON l.ctid = h.place
            WHEN MATCHED AND (l.region, l.architecture, l.mode, l.sku, l.tier, l.description, l.quantity, l.free_quantity, l.billed_quantity, l.unit,
                              l.unit_price, l.amount, l.amount_exact, l.book)
                             IS DISTINCT FROM (h.region, h.architecture, h.mode, h.sku, h.tier, h.description, h.quantity::numeric, h.free_quantity::numeric,
                              h.billed_quantity::numeric, h.unit, h.unit_price::numeric, h.amount::numeric, h.amount_exact::numeric, h.book) THEN
                UPDATE SET region = h.region, architecture = h.architecture, mode = h.mode, sku = h.sku, tier = h.tier, description = h.description,
                           quantity = h.quantity::numeric, free_quantity = h.free_quantity::numeric, billed_quantity = h.billed_quantity::numeric, unit = h.unit,
                           unit_price = h.unit_price::numeric, amount = h.amount::numeric, amount_exact = h.amount_exact::numeric, book = h.book
            WHEN NOT MATCHED THEN
                INSERT (tenant_id, invoice_id, line, region, architecture, mode, sku, tier, description, quantity, free_quantity, billed_quantity, unit,
                        unit_price, amount, amount_exact, book)
                VALUES (h.tenant_id, h.invoice_id, h.line, h.region, h.architecture, h.mode, h.sku, h.tier, h.description, h.quantity::numeric,
                        h.free_quantity::numeric, h.billed_quantity::numeric, h.unit, h.unit_price::numeric, h.amount::numeric, h.amount_exact::numeric, h.book);
        MERGE INTO millibill.invoice_free_tiers f
            USING (SELECT v_ids[width_bucket(h.tenant_id, v_tenants)] AS invoice_id, h.*, x.place FROM unnest(p_free_tiers) h
                     LEFT JOIN LATERAL (SELECT k.ctid AS place FROM millibill.invoice_free_tiers k
                                         WHERE (k.tenant_id, k.invoice_id, k.name) = (h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.name) OFFSET 0) x ON true) h
               ON f.ctid = h.place
            WHEN MATCHED AND (f.unit, f.allowance, f.used, f.account_used)
                             IS DISTINCT FROM (h.unit, h.allowance::numeric, h.used::numeric, h.account_used::numeric) THEN
                UPDATE SET unit = h.unit, allowance = h.allowance::numeric, used = h.used::numeric, account_used = h.account_used::numeric
            WHEN NOT MATCHED THEN
                INSERT (tenant_id, invoice_id, name, unit, allowance, used, account_used)
                VALUES (h.tenant_id, h.invoice_id, h.name, h.unit, h.allowance::numeric, h.used::numeric, h.account_used::numeric);
        MERGE INTO millibill.invoice_items s
            USING (SELECT v_ids[width_bucket(h.tenant_id, v_tenants)] AS invoice_id, h.*, x.place FROM unnest(p_items) h
                     LEFT JOIN LATERAL (SELECT k.ctid AS place FROM millibill.invoice_items k
                                         WHERE (k.tenant_id, k.invoice_id, k.item) = (h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.item) OFFSET 0) x ON true) h
               ON s.ctid = h.place
            WHEN MATCHED AND (s.kind, s.name, s.description, s.basis, s.rate, s.share, s.quantity, s.unit, s."left", s.amount, s.amount_exact)
                             IS DISTINCT FROM (h.kind, h.name, h.description, h.basis::numeric, h.rate::numeric, h.share::numeric, h.quantity::numeric, h.unit,
                                               h."left"::numeric, h.amount::numeric, h.amount_exact::numeric) THEN
                UPDATE SET kind = h.kind, name = h.name, description = h.description, basis = h.basis::numeric, rate = h.rate::numeric, share = h.share::numeric,
                           quantity = h.quantity::numeric, unit = h.unit, "left" = h."left"::numeric, amount = h.amount::numeric, amount_exact = h.amount_exact::numeric
            WHEN NOT MATCHED THEN
                INSERT (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit, "left", amount, amount_exact)
                VALUES (h.tenant_id, h.invoice_id, h.item, h.kind, h.name, h.description, h.basis::numeric, h.rate::numeric, h.share::numeric, h.quantity::numeric,
                        h.unit, h."left"::numeric, h.amount::numeric, h.amount_exact::numeric);
    ELSE
        INSERT INTO millibill.invoice_lines (tenant_id, invoice_id, line, region, architecture, mode, sku, tier, description, quantity, free_quantity,
                                             billed_quantity, unit, unit_price, amount, amount_exact, book)
            SELECT h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.line, h.region, h.architecture, h.mode, h.sku, h.tier, h.description,
                   h.quantity::numeric, h.free_quantity::numeric, h.billed_quantity::numeric, h.unit, h.unit_price::numeric, h.amount::numeric,
                   h.amount_exact::numeric, h.book
              FROM unnest(p_lines) h;
        INSERT INTO millibill.invoice_free_tiers (tenant_id, invoice_id, name, unit, allowance, used, account_used)
            SELECT h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.name, h.unit, h.allowance::numeric, h.used::numeric, h.account_used::numeric
              FROM unnest(p_free_tiers) h;
        INSERT INTO millibill.invoice_items (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit, "left", amount, amount_exact)
            SELECT h.tenant_id, v_ids[width_bucket(h.tenant_id, v_tenants)], h.item, h.kind, h.name, h.description, h.basis::numeric, h.rate::numeric,
                   h.share::numeric, h.quantity::numeric, h.unit, h."left"::numeric, h.amount::numeric, h.amount_exact::numeric
              FROM unnest(p_items) h;
    END IF;
    PERFORM set_config('millibill.replacing_previews', 'off', true);
    RETURN cardinality(v_tenants);
END $$;
COMMENT ON FUNCTION previews_write(bigint, preview_head[], preview_line[], preview_free_tier[], preview_item[]) IS 'Write previews of one rating run, each with the rows that were taken from its document; each takes the place of the preview of its tenant and month. How many were written';

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
    IF NOT coalesce(millibill.document_is_of(v_document, v_kind, (SELECT t.name FROM millibill.tenants t WHERE t.tenant_id = p_tenant_id), v_run), false) THEN
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
    -- The series' row is locked by who took the number, and its number goes back with a transaction that fails.
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
                millibill.document_invocations(v_document),
                v_run.price_book_sha256, p_document, sha256(convert_to(p_document, 'UTF8')),
                decode(v_contract ->> 'sha256', 'hex'), (v_contract ->> 'revision')::integer,
                v_document -> 'payable' ->> 'currency', (v_document -> 'payable' ->> 'total')::numeric)
        RETURNING invoice_id INTO v_id;
    INSERT INTO millibill.invoice_lines (tenant_id, invoice_id, line, region, architecture, mode, sku, tier, description,
                                         quantity, free_quantity, billed_quantity, unit, unit_price, amount, amount_exact, book)
        SELECT p_tenant_id, v_id, l.line, l.region, l.architecture, l.mode, l.sku, l.tier, l.description,
               l.quantity, l.free_quantity, l.billed_quantity, l.unit, l.unit_price, l.amount, l.amount_exact, l.book
          FROM millibill.document_lines(v_document) l;
    INSERT INTO millibill.invoice_free_tiers (tenant_id, invoice_id, name, unit, allowance, used, account_used)
        SELECT p_tenant_id, v_id, f.name, f.unit, f.allowance, f.used, f.account_used FROM millibill.document_free_tiers(v_document) f;
    INSERT INTO millibill.invoice_items (tenant_id, invoice_id, item, kind, name, description, basis, rate, share, quantity, unit,
                                         "left", amount, amount_exact)
        SELECT p_tenant_id, v_id, s.item, s.kind, s.name, s.description, s.basis, s.rate, s.share, s.quantity, s.unit,
               s."left", s.amount, s.amount_exact
          FROM millibill.document_items(v_document) s;
    RETURN v_id;
END $$;
COMMENT ON FUNCTION invoice_write(bigint, bigint, text) IS 'Write a document from its canonical JSON; an invoice removes the preview of its tenant and month. A second final invoice of a month fails on the index invoices_final, unless the first is void; one whose period overlaps another final one is refused';

CREATE OR REPLACE VIEW invoices_overview AS
SELECT i.number, i.state, t.name AS tenant, (SELECT a.name FROM accounts a WHERE a.account_id = coalesce((SELECT b.account_id FROM account_members b WHERE b.tenant_id = t.tenant_id
           AND b.from_month <= i.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), t.account_id)) AS account, i.period_start, i.period_end, i.currency, i.subtotal, i.total,
       i.invocations, b.name AS price_book, b.version AS price_book_version,
       encode(i.price_book_sha256, 'hex') AS price_book_sha256, r.free_tier, i.receipt_watermark, i.issued_at,
       encode(i.document_sha256, 'hex') AS document_sha256,
       coalesce(i.payable_total, i.total) AS payable, coalesce(i.payable_currency, i.currency) AS payable_currency,
       i.kind, o.number AS refers_to, v.number AS void_by, i.period_month
  FROM invoices i
  LEFT JOIN invoices o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.refers_to
  LEFT JOIN invoices v ON v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void'
  JOIN tenants t ON t.tenant_id = i.tenant_id
  JOIN rating_runs r ON r.run_id = i.run_id
  JOIN price_books b ON b.sha256 = i.price_book_sha256;
COMMENT ON VIEW invoices_overview IS 'One row for each document: invoices, previews included, credit notes and voids';
COMMENT ON COLUMN invoices_overview.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN invoices_overview.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN invoices_overview.tenant IS 'Who is billed';
COMMENT ON COLUMN invoices_overview.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN invoices_overview.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN invoices_overview.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN invoices_overview.currency IS 'ISO 4217 code';
COMMENT ON COLUMN invoices_overview.subtotal IS 'Sum of the rounded lines, in currency';
COMMENT ON COLUMN invoices_overview.total IS 'What is owed, in currency; under a contract with discounts, credits and tax';
COMMENT ON COLUMN invoices_overview.invocations IS 'Number of invocations that it bills';
COMMENT ON COLUMN invoices_overview.price_book IS 'Name of the price book';
COMMENT ON COLUMN invoices_overview.price_book_version IS 'Version of the price book';
COMMENT ON COLUMN invoices_overview.price_book_sha256 IS 'SHA-256 of the price book, hexadecimal';
COMMENT ON COLUMN invoices_overview.free_tier IS 'Was the free tier taken off?';
COMMENT ON COLUMN invoices_overview.receipt_watermark IS 'Usage was looked at up to this receipt (commits.receipt)';
COMMENT ON COLUMN invoices_overview.issued_at IS 'When it was made, UTC';
COMMENT ON COLUMN invoices_overview.document_sha256 IS 'SHA-256 of the canonical JSON, hexadecimal';
COMMENT ON COLUMN invoices_overview.payable IS 'What is to be paid, in payable_currency: the total, exchanged where a contract says so';
COMMENT ON COLUMN invoices_overview.payable_currency IS 'ISO 4217 code';
COMMENT ON COLUMN invoices_overview.kind IS 'invoice; credit_note: less is owed than an invoice said; void: a whole document is taken back';
COMMENT ON COLUMN invoices_overview.refers_to IS 'Number of the document that a credit note or void is about';
COMMENT ON COLUMN invoices_overview.void_by IS 'Number of the void that takes this document back; null: it is in force';
COMMENT ON COLUMN invoices_overview.period_month IS 'The month in which the period starts by the clock of its contract (its first day): what --month names';

CREATE OR REPLACE VIEW invoice_lines_view AS
SELECT i.number, i.state, t.name AS tenant, (SELECT a.name FROM accounts a WHERE a.account_id = coalesce((SELECT b.account_id FROM account_members b WHERE b.tenant_id = t.tenant_id
           AND b.from_month <= i.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), t.account_id)) AS account, i.period_start, i.period_end, l.line, l.region, l.architecture,
       l.mode, l.sku, l.tier, l.description, l.quantity, l.free_quantity, l.billed_quantity, l.unit, l.unit_price, i.currency,
       l.amount, l.amount_exact, i.kind, l.book
  FROM invoice_lines l
  JOIN invoices i USING (tenant_id, invoice_id)
  JOIN tenants t ON t.tenant_id = i.tenant_id;
COMMENT ON VIEW invoice_lines_view IS 'One row for each line of each document: previews, credit notes and voids (whose amounts are negative) included. Why a line is what it is: `millibill explain NUMBER LINE`';
COMMENT ON COLUMN invoice_lines_view.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN invoice_lines_view.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN invoice_lines_view.tenant IS 'Who is billed';
COMMENT ON COLUMN invoice_lines_view.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN invoice_lines_view.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN invoice_lines_view.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN invoice_lines_view.line IS 'Number of the line, from 1';
COMMENT ON COLUMN invoice_lines_view.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN invoice_lines_view.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN invoice_lines_view.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN invoice_lines_view.sku IS 'What is metered: requests, duration, ephemeral_storage, …';
COMMENT ON COLUMN invoice_lines_view.tier IS 'Tier of the price, from 1; tiers are counted over the account and region';
COMMENT ON COLUMN invoice_lines_view.description IS 'The line in words';
COMMENT ON COLUMN invoice_lines_view.quantity IS 'Used, in unit: free_quantity + billed_quantity';
COMMENT ON COLUMN invoice_lines_view.free_quantity IS 'Taken from the free tier, in unit';
COMMENT ON COLUMN invoice_lines_view.billed_quantity IS 'Billed, in unit';
COMMENT ON COLUMN invoice_lines_view.unit IS 'What is counted: request, GB-second, …';
COMMENT ON COLUMN invoice_lines_view.unit_price IS 'For one unit, in currency';
COMMENT ON COLUMN invoice_lines_view.currency IS 'ISO 4217 code';
COMMENT ON COLUMN invoice_lines_view.amount IS 'In currency, rounded as the price book says';
COMMENT ON COLUMN invoice_lines_view.amount_exact IS 'In currency: billed_quantity times unit_price, unrounded';
COMMENT ON COLUMN invoice_lines_view.kind IS 'invoice, credit_note or void';
COMMENT ON COLUMN invoice_lines_view.book IS 'Which of several price books prices it, from 1 in the order of time: see price_book_parts';

CREATE OR REPLACE VIEW invoice_items_view AS
SELECT i.number, i.state, t.name AS tenant, (SELECT a.name FROM accounts a WHERE a.account_id = coalesce((SELECT b.account_id FROM account_members b WHERE b.tenant_id = t.tenant_id
           AND b.from_month <= i.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), t.account_id)) AS account, i.period_start, i.period_end, s.item, s.kind, s.name, s.description, s.basis, s.rate,
       s.share, s.quantity, s.unit, s."left", i.currency, s.amount, s.amount_exact
  FROM invoice_items s
  JOIN invoices i USING (tenant_id, invoice_id)
  JOIN tenants t ON t.tenant_id = i.tenant_id;
COMMENT ON VIEW invoice_items_view IS 'What stands on documents between subtotal and total: discounts, commitments, credits, taxes, adjustments of earlier months';
COMMENT ON COLUMN invoice_items_view.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN invoice_items_view.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN invoice_items_view.tenant IS 'Who is billed';
COMMENT ON COLUMN invoice_items_view.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN invoice_items_view.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN invoice_items_view.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN invoice_items_view.item IS 'Number of the item, from 1';
COMMENT ON COLUMN invoice_items_view.kind IS 'What it is, one word: markup, discount, commitment, credit, tax, adjustment, …';
COMMENT ON COLUMN invoice_items_view.name IS 'Name that the contract gives it; null: none';
COMMENT ON COLUMN invoice_items_view.description IS 'The item in words';
COMMENT ON COLUMN invoice_items_view.basis IS 'In currency: what a rate is applied to; null: none';
COMMENT ON COLUMN invoice_items_view.rate IS 'Percent of the basis; null: none';
COMMENT ON COLUMN invoice_items_view.share IS 'Part of an account that falls on this tenant, 0 to 1; null: none';
COMMENT ON COLUMN invoice_items_view.quantity IS 'In unit; null: none';
COMMENT ON COLUMN invoice_items_view.unit IS 'What quantity counts; null: none';
COMMENT ON COLUMN invoice_items_view."left" IS 'What is left afterwards of a credit or of prepaid units, in currency or unit; null: nothing is carried on';
COMMENT ON COLUMN invoice_items_view.currency IS 'ISO 4217 code';
COMMENT ON COLUMN invoice_items_view.amount IS 'In currency, rounded; negative: taken off';
COMMENT ON COLUMN invoice_items_view.amount_exact IS 'In currency, unrounded';

-- The invoice that counts for a tenant and month: the final one that is not void (there is one at most), else the preview.
CREATE OR REPLACE VIEW invoices_in_force AS
SELECT i.tenant_id, i.invoice_id, i.number, i.state, i.run_id, i.period_start, i.period_end, i.currency, i.total, i.period_month
  FROM invoices i
 WHERE i.kind = 'invoice' AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')
   AND (i.state = 'final' OR NOT EXISTS (SELECT FROM invoices f WHERE f.tenant_id = i.tenant_id AND f.period_month = i.period_month
        AND f.kind = 'invoice' AND f.state = 'final'
        AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = f.tenant_id AND v.refers_to = f.invoice_id AND v.kind = 'void')));
COMMENT ON VIEW invoices_in_force IS 'For each tenant and period the final invoice, or the preview while there is none';
COMMENT ON COLUMN invoices_in_force.tenant_id IS 'Number of the tenant';
COMMENT ON COLUMN invoices_in_force.invoice_id IS 'Number of the invoice inside this database';
COMMENT ON COLUMN invoices_in_force.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN invoices_in_force.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN invoices_in_force.run_id IS 'Number of its rating run';
COMMENT ON COLUMN invoices_in_force.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN invoices_in_force.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN invoices_in_force.currency IS 'ISO 4217 code';
COMMENT ON COLUMN invoices_in_force.total IS 'What is owed, in currency';
COMMENT ON COLUMN invoices_in_force.period_month IS 'The month in which the period starts by the clock of its contract (its first day)';

-- By how many megabytes or megahertz each count is multiplied under a measure of a rating run (rating_measures). Clock limits ascend.
CREATE OR REPLACE FUNCTION cost_multiplier(measure text, memory_step_mb bigint, memory_minimum_mb bigint, memory_maximum_mb bigint, included_mb bigint,
    clock_up_to_mb bigint[], clock_mhz bigint[], memory_mb bigint, ephemeral_mb bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE measure
    WHEN 'gb_seconds' THEN least(memory_maximum_mb, greatest(memory_minimum_mb, (memory_mb + memory_step_mb - 1) / memory_step_mb * memory_step_mb))
    WHEN 'capacity_gb_seconds' THEN memory_mb
    WHEN 'ephemeral_gb_seconds' THEN greatest(ephemeral_mb - included_mb, 0)
    WHEN 'ghz_seconds' THEN clock_mhz[1 + width_bucket(memory_mb - 1, clock_up_to_mb)]
    ELSE 1 END;
COMMENT ON FUNCTION cost_multiplier(text, bigint, bigint, bigint, bigint, bigint[], bigint[], bigint, bigint) IS 'Megabytes or megahertz by which counts of a configuration are multiplied; see cost_rates.multiplier';

-- For one tenant: the invoices in force, and the stretch of time that each of their price books prices. PL/pgSQL keeps its plans; what comes
-- out is estimated by ROWS, for the planner thinks that next to nothing comes out of such joins, and would go through the usage once for
-- each row of them. A tenant's login sees through them what its policies let it see.
CREATE OR REPLACE FUNCTION cost_spans_of(of_tenant bigint)
RETURNS TABLE (invoice_id bigint, run_id bigint, part integer, number text, state text, currency text, period_start timestamptz, period_end timestamptz,
               period_month date, used_from timestamptz, used_until timestamptz, first_day date, end_day date, whole_month boolean, invocations numeric, default_region text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 2 COST 5000 SET search_path = pg_catalog, millibill, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT i.invoice_id, i.run_id, p.part, i.number, i.state, i.currency, i.period_start, i.period_end, i.period_month, u.used_from, u.used_until,
           ((u.used_from - interval '1 microsecond') AT TIME ZONE 'UTC')::date + 1, (u.used_until AT TIME ZONE 'UTC')::date,
           date_trunc('month', u.used_from, 'UTC') = u.used_from
               AND ((u.used_from AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' = u.used_until, o.invocations, n.default_region
      FROM millibill.invoices_in_force i
      JOIN millibill.invoices o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.invoice_id
      JOIN millibill.rating_runs n ON n.run_id = i.run_id
     CROSS JOIN LATERAL (SELECT DISTINCT m.part, m.hour_from, m.hour_until FROM millibill.rating_measures m WHERE m.run_id = i.run_id) AS p
     CROSS JOIN LATERAL (SELECT greatest(i.period_start, p.hour_from) AS used_from, least(i.period_end, p.hour_until) AS used_until) AS u
     WHERE i.tenant_id = of_tenant;
END $$;
COMMENT ON FUNCTION cost_spans_of(bigint) IS 'Of one tenant: a row for each invoice in force and price book that prices it, with the hours for which it does';

-- What of these stretches no whole day holds: the hours of a day in the midst of which a period or the validity of a price book begins or ends.
CREATE OR REPLACE FUNCTION cost_edges_of(of_tenant bigint)
RETURNS TABLE (invoice_id bigint, part integer, from_hour timestamptz, until_hour timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 COST 5000
BEGIN ATOMIC
    SELECT e.invoice_id, e.part, h.from_hour, h.until_hour
      FROM cost_spans_of(of_tenant) e
     CROSS JOIN LATERAL (VALUES (e.used_from, least(e.used_until, e.first_day::timestamp AT TIME ZONE 'UTC')),
                                (CASE WHEN e.first_day <= e.end_day THEN e.end_day::timestamp AT TIME ZONE 'UTC' END, e.used_until)) AS h (from_hour, until_hour)
     WHERE h.from_hour < h.until_hour;
END;
COMMENT ON FUNCTION cost_edges_of(bigint) IS 'Of one tenant: for each invoice in force and price book the hours that are in no whole UTC day which it prices';

-- What usage cost under them: a row for each kind of configuration and sku of a line. A line's cost is spread evenly over the usage that
-- made it: parts = count x multiplier, quantity = parts x quantity_per_part, cost = parts x cost_per_part, which is the exact amount of all
-- tiers by the quantity of the line.
CREATE OR REPLACE FUNCTION cost_lines_of(of_tenant bigint)
RETURNS TABLE (invoice_id bigint, part integer, kind text, region text, sku text, unit text, counted smallint, measure text, memory_step_mb bigint,
               memory_minimum_mb bigint, memory_maximum_mb bigint, included_mb bigint, clock_up_to_mb bigint[], clock_mhz bigint[], parts numeric,
               line_amount numeric, line_quantity numeric, cost_per_part numeric, quantity_per_part numeric, number text, state text, currency text,
               period_start timestamptz, period_end timestamptz, period_month date, used_from timestamptz, used_until timestamptz, first_day date,
               end_day date, whole_month boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 12 COST 20000 SET search_path = pg_catalog, millibill, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT i.invoice_id, i.part, m.mode || ' ' || m.package || ' ' || s.architecture || ' ' || r.region, s.region, s.sku, s.unit,
           array_position(ARRAY['invocations', 'duration_1ms', 'duration_100ms', 'with_init_1ms', 'with_init_100ms', 'cpu_us', 'streamed_bytes',
                                'capacity_1s', 'capacity_300s'], m.rollup_column)::smallint,
           m.measure, m.memory_step_mb, m.memory_minimum_mb, m.memory_maximum_mb, m.included_mb, m.clock_up_to_mb, m.clock_mhz, f.parts,
           s.amount, s.quantity, CASE WHEN s.amount <> 0 THEN trim_scale(round(s.amount, 60) / nullif(f.parts * s.quantity, 0)) END,
           trim_scale(round(1::numeric, 60) / f.parts), i.number, i.state, i.currency, i.period_start, i.period_end, i.period_month,
           i.used_from, i.used_until, i.first_day, i.end_day, i.whole_month
      FROM millibill.cost_spans_of(of_tenant) i
     CROSS JOIN LATERAL (SELECT l.region, l.architecture, l.mode, l.sku, l.unit, sum(l.amount_exact) AS amount, sum(l.quantity) AS quantity
                           FROM millibill.invoice_lines l WHERE l.tenant_id = of_tenant AND l.invoice_id = i.invoice_id AND l.book = i.part
                          GROUP BY l.region, l.architecture, l.mode, l.sku, l.unit) AS s
      JOIN millibill.rating_measures m ON m.run_id = i.run_id AND m.part = i.part AND m.sku = s.sku AND m.mode = s.mode
     CROSS JOIN LATERAL (SELECT coalesce(m.unit_parts, CASE m.measure WHEN 'invocations' THEN 1 ELSE 1024000 END)::numeric AS parts) AS f
      -- usage that names no region is rated in the one that the run says
     CROSS JOIN LATERAL unnest(CASE WHEN s.region = i.default_region AND s.region <> '' THEN ARRAY[s.region, ''] ELSE ARRAY[s.region] END) AS r (region)
     WHERE m.mode || ' ' || m.package || ' ' || s.architecture || ' ' || r.region IN (SELECT c.kind FROM millibill.configs c WHERE c.tenant_id = of_tenant);
END $$;
COMMENT ON FUNCTION cost_lines_of(bigint) IS 'What usage of one tenant costs under its invoices in force: a row for each kind of configuration (configs.kind) and sku; see cost_rates';

-- The half that is always empty keeps the planner from asking the function once for each row that it is joined with.
CREATE OR REPLACE VIEW cost_lines AS
SELECT t.tenant_id, t.name AS tenant, l.* FROM tenants t CROSS JOIN LATERAL cost_lines_of(t.tenant_id) l
UNION ALL
SELECT NULL, NULL, l.* FROM cost_lines_of(NULL) l WHERE false;
COMMENT ON VIEW cost_lines IS 'What usage costs under the invoices in force: one row for each kind of configuration and sku; what the views of cost are made of. parts = count of usage times megabytes or megahertz, cost = parts times cost_per_part, quantity = parts times quantity_per_part';
COMMENT ON COLUMN cost_lines.tenant_id IS 'Number of the tenant';
COMMENT ON COLUMN cost_lines.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_lines.invoice_id IS 'Number of the invoice inside this database';
COMMENT ON COLUMN cost_lines.part IS 'Which of several price books prices it, from 1 in the order of time';
COMMENT ON COLUMN cost_lines.kind IS 'Mode, package, architecture and region of the configurations, as records named them (configs.kind)';
COMMENT ON COLUMN cost_lines.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_lines.sku IS 'What is metered';
COMMENT ON COLUMN cost_lines.unit IS 'What quantities count';
COMMENT ON COLUMN cost_lines.counted IS 'Column of rollups that is counted: 1 invocations, 2 duration_1ms, 3 duration_100ms, 4 with_init_1ms, 5 with_init_100ms, 6 cpu_us, 7 streamed_bytes, 8 capacity_1s, 9 capacity_300s';
COMMENT ON COLUMN cost_lines.measure IS 'How counts become quantities: invocations, gb_seconds, …';
COMMENT ON COLUMN cost_lines.memory_step_mb IS 'Memory is rounded up to a multiple of it, MB';
COMMENT ON COLUMN cost_lines.memory_minimum_mb IS 'At least, MB';
COMMENT ON COLUMN cost_lines.memory_maximum_mb IS 'At most, MB';
COMMENT ON COLUMN cost_lines.included_mb IS 'Ephemeral storage that costs nothing, MB';
COMMENT ON COLUMN cost_lines.clock_up_to_mb IS 'Limits of memory, MB, ascending and inclusive';
COMMENT ON COLUMN cost_lines.clock_mhz IS 'Clock up to each limit, MHz, and one above them';
COMMENT ON COLUMN cost_lines.parts IS 'By which counts times megabytes or megahertz are divided to give units';
COMMENT ON COLUMN cost_lines.line_amount IS 'Exact amount of all tiers of the line, in currency';
COMMENT ON COLUMN cost_lines.line_quantity IS 'Quantity of the line before the free tier, in unit';
COMMENT ON COLUMN cost_lines.cost_per_part IS 'In currency, for one count times megabytes or megahertz, to 60 digits after the point; null: nothing';
COMMENT ON COLUMN cost_lines.quantity_per_part IS 'Units of the line, for one count times megabytes or megahertz';
COMMENT ON COLUMN cost_lines.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN cost_lines.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN cost_lines.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_lines.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN cost_lines.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN cost_lines.period_month IS 'The month in which the period starts by the clock of its contract (its first day)';
COMMENT ON COLUMN cost_lines.used_from IS 'First instant of the usage that it prices, UTC: of the period, or of the part in which its price book is in force';
COMMENT ON COLUMN cost_lines.used_until IS 'First instant after it, UTC';
COMMENT ON COLUMN cost_lines.first_day IS 'First UTC day that is wholly in it';
COMMENT ON COLUMN cost_lines.end_day IS 'First UTC day that is not wholly in it any more';
COMMENT ON COLUMN cost_lines.whole_month IS 'Is it one UTC month?';

CREATE OR REPLACE VIEW cost_rates AS
SELECT k.tenant_id, k.invoice_id, c.config_id, k.region, k.sku, k.unit, k.counted, f.multiplier, k.parts, k.line_amount, k.line_quantity,
       CASE WHEN f.multiplier <> 0 THEN k.cost_per_part * f.multiplier END AS cost_each, k.quantity_per_part * f.multiplier AS quantity_each,
       k.currency, k.state, k.number, k.period_start, k.period_end,
       date_trunc('day', k.used_from, 'UTC') = k.used_from AND date_trunc('day', k.used_until, 'UTC') = k.used_until AS whole_days,
       c.function, c.architecture, c.memory_mb, c.mode, k.used_from, k.used_until, k.period_month
  FROM cost_lines k
  JOIN configs c ON c.tenant_id = k.tenant_id AND c.kind = k.kind
 CROSS JOIN LATERAL (SELECT cost_multiplier(k.measure, k.memory_step_mb, k.memory_minimum_mb, k.memory_maximum_mb, k.included_mb, k.clock_up_to_mb, k.clock_mhz,
                                             c.memory_mb, c.ephemeral_mb)::numeric AS multiplier) AS f;
COMMENT ON VIEW cost_rates IS 'What counts of rollups cost: one row for each invoice in force, function configuration and sku; what the views of cost are made of';
COMMENT ON COLUMN cost_rates.tenant_id IS 'Number of the tenant';
COMMENT ON COLUMN cost_rates.invoice_id IS 'Number of the invoice inside this database';
COMMENT ON COLUMN cost_rates.config_id IS 'Number of the function configuration';
COMMENT ON COLUMN cost_rates.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_rates.sku IS 'What is metered';
COMMENT ON COLUMN cost_rates.unit IS 'What quantities count';
COMMENT ON COLUMN cost_rates.counted IS 'Column of rollups that is counted: 1 invocations, 2 duration_1ms, 3 duration_100ms, 4 with_init_1ms, 5 with_init_100ms, 6 cpu_us, 7 streamed_bytes, 8 capacity_1s, 9 capacity_300s';
COMMENT ON COLUMN cost_rates.multiplier IS 'Megabytes or megahertz by which each count is multiplied; 1: none';
COMMENT ON COLUMN cost_rates.parts IS 'By which the product is divided to give units';
COMMENT ON COLUMN cost_rates.line_amount IS 'Exact amount of all tiers of the line, in currency';
COMMENT ON COLUMN cost_rates.line_quantity IS 'Quantity of the line before the free tier, in unit';
COMMENT ON COLUMN cost_rates.cost_each IS 'In currency, for one of what is counted, to 60 digits after the point or more; null: nothing';
COMMENT ON COLUMN cost_rates.quantity_each IS 'Units, for one of what is counted';
COMMENT ON COLUMN cost_rates.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_rates.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN cost_rates.number IS 'Number of the document; null for a preview';
COMMENT ON COLUMN cost_rates.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN cost_rates.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN cost_rates.whole_days IS 'Do used_from and used_until fall on the beginning of a UTC day?';
COMMENT ON COLUMN cost_rates.function IS 'Name of the function';
COMMENT ON COLUMN cost_rates.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN cost_rates.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN cost_rates.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN cost_rates.used_from IS 'First instant of the usage that it prices, UTC: of the period, or of the part in which its price book is in force';
COMMENT ON COLUMN cost_rates.used_until IS 'First instant after it, UTC';
COMMENT ON COLUMN cost_rates.period_month IS 'The month in which the period starts by the clock of its contract (its first day)';

CREATE OR REPLACE VIEW cost_hourly AS
SELECT t.name AS tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = t.tenant_id
                     AND b.from_month <= k.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, d.hour, c.function, k.region, c.architecture, c.memory_mb, c.mode, k.sku, k.unit,
       trim_scale(n.count * f.multiplier * k.quantity_per_part) AS quantity, k.currency,
       trim_scale(round(coalesce(n.count * f.multiplier * k.cost_per_part, 0), 24)) AS cost, k.state AS invoice_state, k.number AS invoice_number,
       k.period_start
  FROM rollups d
  JOIN tenants t ON t.tenant_id = d.tenant_id
  LEFT JOIN configs c ON c.tenant_id = d.tenant_id AND c.config_id = d.config_id
  JOIN cost_lines k ON k.tenant = t.name AND k.kind = coalesce(c.kind, '') AND d.hour >= k.used_from AND d.hour < k.used_until
 CROSS JOIN LATERAL (SELECT cost_multiplier(k.measure, k.memory_step_mb, k.memory_minimum_mb, k.memory_maximum_mb, k.included_mb, k.clock_up_to_mb, k.clock_mhz,
                                             c.memory_mb, c.ephemeral_mb)::numeric AS multiplier) AS f
 CROSS JOIN LATERAL (SELECT CASE k.counted WHEN 1 THEN d.invocations WHEN 2 THEN d.duration_1ms WHEN 3 THEN d.duration_100ms WHEN 4 THEN d.with_init_1ms
                        WHEN 5 THEN d.with_init_100ms WHEN 6 THEN d.cpu_us WHEN 7 THEN d.streamed_bytes WHEN 8 THEN d.capacity_1s
                        WHEN 9 THEN d.capacity_300s END AS count) AS n
  LEFT JOIN accounts a ON a.account_id = t.account_id;
COMMENT ON VIEW cost_hourly IS 'What each hour, function and sku cost: the invoice in force spread over the rollups in proportion to their quantity. Months without an invoice or preview are missing: run `millibill rate`. An hour in the midst of which a period ends stands with the period that holds its start. Usage that came after the invoice shows at the months mean price; so does usage with prices of its own for some functions. What does not follow from a quantity of usage (flat fees, surcharges, and all that a contract adds or takes away) stands on the invoice only: see invoice_lines_view and invoice_items_view';
COMMENT ON COLUMN cost_hourly.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_hourly.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN cost_hourly.hour IS 'First instant of the hour, UTC';
COMMENT ON COLUMN cost_hourly.function IS 'Name of the function';
COMMENT ON COLUMN cost_hourly.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_hourly.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN cost_hourly.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN cost_hourly.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN cost_hourly.sku IS 'What is metered: requests, duration, ephemeral_storage, …';
COMMENT ON COLUMN cost_hourly.unit IS 'What quantity counts';
COMMENT ON COLUMN cost_hourly.quantity IS 'In unit, before the free tier';
COMMENT ON COLUMN cost_hourly.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_hourly.cost IS 'In currency, the exact share of the lines of the invoice in force, rounded to 24 digits after the point: free quantities and tiers are spread evenly over the month';
COMMENT ON COLUMN cost_hourly.invoice_state IS 'final, or preview when the month may still change';
COMMENT ON COLUMN cost_hourly.invoice_number IS 'Number of the invoice; null: a preview';
COMMENT ON COLUMN cost_hourly.period_start IS 'First instant of the period, UTC';

-- The usage of each invoice in force by UTC day, with its cost: from sums of days, and from the hours of a day in the midst of which a
-- period or the validity of a price book begins or ends. Only what costs something or is counted below; one row for each configuration,
-- day and sku, and two where such a day has both ends. (LEFT JOIN and
-- coalesce: each configuration is there, but the planner thinks of an inner join on two columns that it finds next to nothing.)
CREATE OR REPLACE VIEW cost_pieces AS
SELECT d.tenant_id, k.invoice_id, d.config_id, d.day, k.region, k.sku, k.currency, k.state, k.period_start, n.count,
       CASE WHEN f.multiplier <> 0 THEN k.cost_per_part * f.multiplier END AS cost_each, k.quantity_per_part * f.multiplier AS quantity_each,
       coalesce(c.function, '') AS function, c.architecture, c.memory_mb, c.mode, k.period_month, d.tenant, d.account_id, n.count * f.multiplier AS parts, k.cost_per_part,
       k.quantity_per_part
  FROM (SELECT l.tenant_id, l.tenant, l.account_id, l.day, l.config_id, NULL::bigint AS invoice_id, NULL::integer AS part,
               l.invocations, l.duration_1ms, l.duration_100ms, l.with_init_1ms, l.with_init_100ms, l.cpu_us, l.streamed_bytes, l.capacity_1s, l.capacity_300s
          FROM rollups_daily l
        UNION ALL
        SELECT t.tenant_id, t.name, t.account_id, (e.from_hour AT TIME ZONE 'UTC')::date, u.config_id, e.invoice_id, e.part,
               u.invocations, u.duration_1ms, u.duration_100ms, u.with_init_1ms, u.with_init_100ms, u.cpu_us, u.streamed_bytes, u.capacity_1s, u.capacity_300s
          FROM tenants t
         CROSS JOIN LATERAL cost_edges_of(t.tenant_id) e
         CROSS JOIN LATERAL rollup_hours_between(t.tenant_id, e.from_hour, e.until_hour) u) AS d
  LEFT JOIN configs c ON c.tenant_id = d.tenant_id AND c.config_id = d.config_id
  JOIN cost_lines k
    ON k.tenant = d.tenant AND k.kind = coalesce(c.kind, '')
   AND CASE WHEN d.invoice_id IS NULL THEN d.day >= k.first_day AND d.day < k.end_day ELSE d.invoice_id = k.invoice_id AND d.part = k.part END
 CROSS JOIN LATERAL (SELECT cost_multiplier(k.measure, k.memory_step_mb, k.memory_minimum_mb, k.memory_maximum_mb, k.included_mb, k.clock_up_to_mb, k.clock_mhz,
                                             c.memory_mb, c.ephemeral_mb)::numeric AS multiplier) AS f
 CROSS JOIN LATERAL (SELECT CASE k.counted WHEN 1 THEN d.invocations WHEN 2 THEN d.duration_1ms WHEN 3 THEN d.duration_100ms WHEN 4 THEN d.with_init_1ms
                        WHEN 5 THEN d.with_init_100ms WHEN 6 THEN d.cpu_us WHEN 7 THEN d.streamed_bytes WHEN 8 THEN d.capacity_1s
                        WHEN 9 THEN d.capacity_300s END AS count) AS n
 WHERE k.sku IN ('requests', 'duration') OR (k.cost_per_part IS NOT NULL AND f.multiplier <> 0);
COMMENT ON VIEW cost_pieces IS 'Counts of usage by invoice in force, UTC day, function configuration and sku, with what one of them costs; usage that came later included';
COMMENT ON COLUMN cost_pieces.tenant_id IS 'Number of the tenant';
COMMENT ON COLUMN cost_pieces.invoice_id IS 'Number of the invoice inside this database';
COMMENT ON COLUMN cost_pieces.config_id IS 'Number of the function configuration';
COMMENT ON COLUMN cost_pieces.day IS 'UTC day';
COMMENT ON COLUMN cost_pieces.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_pieces.sku IS 'What is metered';
COMMENT ON COLUMN cost_pieces.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_pieces.state IS 'preview or final; a final document never changes';
COMMENT ON COLUMN cost_pieces.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN cost_pieces.count IS 'How many: of what cost_rates.counted says';
COMMENT ON COLUMN cost_pieces.cost_each IS 'In currency, for one of them; null: nothing';
COMMENT ON COLUMN cost_pieces.quantity_each IS 'Units of the line, for one of them';
COMMENT ON COLUMN cost_pieces.function IS 'Name of the function';
COMMENT ON COLUMN cost_pieces.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN cost_pieces.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN cost_pieces.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN cost_pieces.period_month IS 'The month in which the period starts by the clock of its contract (its first day)';
COMMENT ON COLUMN cost_pieces.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_pieces.account_id IS 'Number of the account in which the tenant began (tenants.account_id)';
COMMENT ON COLUMN cost_pieces.parts IS 'count times megabytes or megahertz (cost_rates.multiplier)';
COMMENT ON COLUMN cost_pieces.cost_per_part IS 'In currency, for one of parts, to 60 digits after the point; null: nothing';
COMMENT ON COLUMN cost_pieces.quantity_per_part IS 'Units of the line, for one of parts';

-- By kinds of configuration, of which there are few: what they sum up of megabytes is what a price counts, unless it goes by steps or clocks.
CREATE OR REPLACE VIEW cost_daily AS
SELECT s.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = s.tenant_id
                     AND b.from_month <= s.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, s.day, s.currency, s.cost, s.requests, s.gb_seconds, s.invoice_state, s.period_start AS month
  FROM (SELECT d.tenant_id, d.tenant, d.account_id, d.day, k.currency, k.period_start, k.period_month,
               trim_scale(round(coalesce(sum(p.parts * k.cost_per_part), 0), 20)) AS cost,
               sum(p.parts * k.quantity_per_part) FILTER (WHERE k.sku = 'requests') AS requests,
               trim_scale(round(sum(p.parts * k.quantity_per_part) FILTER (WHERE k.sku = 'duration'), 20)) AS gb_seconds, min(k.state) AS invoice_state
          FROM (SELECT NULL::bigint AS invoice_id, NULL::integer AS part, l.*
                  FROM rollups_daily_by_kind l
                UNION ALL
                SELECT e.invoice_id, e.part, u.*, t.name, t.account_id
                  FROM tenants t
                 CROSS JOIN LATERAL cost_edges_of(t.tenant_id) e
                 CROSS JOIN LATERAL rollup_kinds_between(t.tenant_id, e.from_hour, e.until_hour) u) AS d
          JOIN cost_lines k
            ON k.tenant = d.tenant AND k.kind = d.kind AND (k.cost_per_part IS NOT NULL OR k.sku IN ('requests', 'duration'))
           AND CASE WHEN d.invoice_id IS NULL THEN d.day >= k.first_day AND d.day < k.end_day ELSE d.invoice_id = k.invoice_id AND d.part = k.part END
         CROSS JOIN LATERAL (
            SELECT CASE WHEN k.measure = 'capacity_gb_seconds' THEN CASE k.counted WHEN 8 THEN d.mb_capacity_1s WHEN 9 THEN d.mb_capacity_300s END
                        WHEN k.measure NOT IN ('gb_seconds', 'ephemeral_gb_seconds', 'ghz_seconds') THEN
                            (CASE k.counted WHEN 1 THEN d.invocations WHEN 2 THEN d.duration_1ms WHEN 3 THEN d.duration_100ms WHEN 4 THEN d.with_init_1ms
                        WHEN 5 THEN d.with_init_100ms WHEN 6 THEN d.cpu_us WHEN 7 THEN d.streamed_bytes WHEN 8 THEN d.capacity_1s
                        WHEN 9 THEN d.capacity_300s END)::numeric
                        WHEN k.measure = 'gb_seconds' AND k.memory_step_mb = 1 AND k.memory_minimum_mb <= d.sizes_memory_mb[1]
                             AND coalesce(k.memory_maximum_mb >= d.sizes_memory_mb[cardinality(d.sizes_memory_mb)], true) THEN
                            CASE k.counted WHEN 2 THEN d.mb_duration_1ms WHEN 3 THEN d.mb_duration_100ms WHEN 4 THEN d.mb_with_init_1ms
                                           WHEN 5 THEN d.mb_with_init_100ms END
                        ELSE (SELECT sum(cost_multiplier(k.measure, k.memory_step_mb, k.memory_minimum_mb, k.memory_maximum_mb, k.included_mb, k.clock_up_to_mb, k.clock_mhz,
                                                         z.memory_mb, z.ephemeral_mb)::numeric * z.count)
                                FROM unnest(d.sizes_memory_mb, d.sizes_ephemeral_mb,
                                            CASE k.counted WHEN 2 THEN d.sizes_duration_1ms WHEN 3 THEN d.sizes_duration_100ms
                                                           WHEN 4 THEN d.sizes_with_init_1ms WHEN 5 THEN d.sizes_with_init_100ms END)
                                     AS z (memory_mb, ephemeral_mb, count)) END AS parts
                    OFFSET 0) AS p -- here, and not where it is needed: what is sorted is narrow then
         GROUP BY d.tenant_id, d.tenant, d.account_id, d.day, k.currency, k.period_start, k.period_month) AS s
  LEFT JOIN accounts a ON a.account_id = s.account_id;
COMMENT ON VIEW cost_daily IS 'One row for each tenant and UTC day; see cost_hourly for what it covers';
COMMENT ON COLUMN cost_daily.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_daily.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN cost_daily.day IS 'UTC day';
COMMENT ON COLUMN cost_daily.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_daily.cost IS 'In currency, the exact share of the lines of the invoice in force, rounded to 20 digits after the point; free quantities and tiers are spread evenly over the month';
COMMENT ON COLUMN cost_daily.requests IS 'Invocations that the requests line counts';
COMMENT ON COLUMN cost_daily.gb_seconds IS 'GB-seconds that the duration line counts (in that lines unit): billed duration times memory, 1 GB = 1024 MB';
COMMENT ON COLUMN cost_daily.invoice_state IS 'final, or preview when the month may still change';
COMMENT ON COLUMN cost_daily.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';

CREATE OR REPLACE VIEW cost_daily_by_function AS
SELECT s.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = s.tenant_id
                     AND b.from_month <= s.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, s.day, s.function, s.region, s.architecture, s.memory_mb, s.mode, s.currency, s.cost,
       s.requests, s.gb_seconds, s.invoice_state, s.period_start AS month
  FROM (SELECT p.tenant_id, p.tenant, p.account_id, p.day, p.function, p.region, p.architecture, p.memory_mb, p.mode, p.currency, p.period_start,
               p.period_month, trim_scale(round(coalesce(sum(p.parts * p.cost_per_part), 0), 20)) AS cost,
               sum(p.parts * p.quantity_per_part) FILTER (WHERE p.sku = 'requests') AS requests,
               trim_scale(round(sum(p.parts * p.quantity_per_part) FILTER (WHERE p.sku = 'duration'), 20)) AS gb_seconds, min(p.state) AS invoice_state
          FROM cost_pieces p
         GROUP BY p.tenant_id, p.tenant, p.account_id, p.day, p.function, p.region, p.architecture, p.memory_mb, p.mode, p.currency, p.period_start,
                  p.period_month) AS s
  LEFT JOIN accounts a ON a.account_id = s.account_id;
COMMENT ON VIEW cost_daily_by_function IS 'One row for each tenant, UTC day and function configuration; see cost_hourly for what it covers';
COMMENT ON COLUMN cost_daily_by_function.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_daily_by_function.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN cost_daily_by_function.day IS 'UTC day';
COMMENT ON COLUMN cost_daily_by_function.function IS 'Name of the function';
COMMENT ON COLUMN cost_daily_by_function.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_daily_by_function.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN cost_daily_by_function.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN cost_daily_by_function.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN cost_daily_by_function.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_daily_by_function.cost IS 'In currency, the exact share of the lines of the invoice in force, rounded to 20 digits after the point; free quantities and tiers are spread evenly over the month';
COMMENT ON COLUMN cost_daily_by_function.requests IS 'Invocations that the requests line counts';
COMMENT ON COLUMN cost_daily_by_function.gb_seconds IS 'GB-seconds that the duration line counts (in that lines unit): billed duration times memory, 1 GB = 1024 MB';
COMMENT ON COLUMN cost_daily_by_function.invoice_state IS 'final, or preview when the month may still change';
COMMENT ON COLUMN cost_daily_by_function.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';

-- From sums of months, where a price book prices a UTC month, else from what its stretch of time is made of.
CREATE OR REPLACE VIEW cost_by_function AS
SELECT s.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = s.tenant_id
                     AND b.from_month <= s.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, s.period_start AS month, s.function, s.region, s.architecture, s.memory_mb, s.mode,
       s.currency, s.cost, s.requests, s.gb_seconds, s.invoice_state
  FROM (SELECT d.tenant_id, d.tenant, d.account_id, d.period_start, k.period_month, coalesce(c.function, '') AS function, k.region, c.architecture, c.memory_mb, c.mode,
               k.currency, trim_scale(round(coalesce(sum(n.count * f.multiplier * k.cost_per_part), 0), 20)) AS cost,
               sum(n.count * f.multiplier * k.quantity_per_part) FILTER (WHERE k.sku = 'requests') AS requests,
               trim_scale(round(sum(n.count * f.multiplier * k.quantity_per_part) FILTER (WHERE k.sku = 'duration'), 20)) AS gb_seconds,
               min(k.state) AS invoice_state
          FROM (SELECT m.tenant_id, m.tenant, m.account_id, m.month AS period_start, NULL::bigint AS invoice_id, NULL::integer AS part, m.config_id,
                       m.invocations, m.duration_1ms, m.duration_100ms, m.with_init_1ms, m.with_init_100ms, m.cpu_us, m.streamed_bytes, m.capacity_1s, m.capacity_300s
                  FROM rollups_monthly m
                UNION ALL
                SELECT t.tenant_id, t.name, t.account_id, e.period_start, e.invoice_id, e.part, u.config_id,
                       u.invocations, u.duration_1ms, u.duration_100ms, u.with_init_1ms, u.with_init_100ms, u.cpu_us, u.streamed_bytes, u.capacity_1s, u.capacity_300s
                  FROM tenants t
                 CROSS JOIN LATERAL cost_spans_of(t.tenant_id) e
                 CROSS JOIN LATERAL rollup_between(t.tenant_id, e.used_from, e.used_until) u
                 WHERE NOT e.whole_month) AS d
          LEFT JOIN configs c ON c.tenant_id = d.tenant_id AND c.config_id = d.config_id
          JOIN cost_lines k
            ON k.tenant = d.tenant AND k.period_start = d.period_start AND k.kind = coalesce(c.kind, '')
           AND CASE WHEN d.invoice_id IS NULL THEN k.whole_month ELSE d.invoice_id = k.invoice_id AND d.part = k.part END
         CROSS JOIN LATERAL (SELECT cost_multiplier(k.measure, k.memory_step_mb, k.memory_minimum_mb, k.memory_maximum_mb, k.included_mb, k.clock_up_to_mb, k.clock_mhz,
                                                     c.memory_mb, c.ephemeral_mb)::numeric AS multiplier) AS f
         CROSS JOIN LATERAL (SELECT CASE k.counted WHEN 1 THEN d.invocations WHEN 2 THEN d.duration_1ms WHEN 3 THEN d.duration_100ms WHEN 4 THEN d.with_init_1ms
                        WHEN 5 THEN d.with_init_100ms WHEN 6 THEN d.cpu_us WHEN 7 THEN d.streamed_bytes WHEN 8 THEN d.capacity_1s
                        WHEN 9 THEN d.capacity_300s END AS count) AS n
         WHERE k.sku IN ('requests', 'duration') OR (k.cost_per_part IS NOT NULL AND f.multiplier <> 0)
         GROUP BY d.tenant_id, d.tenant, d.account_id, d.period_start, k.period_month, coalesce(c.function, ''), k.region, c.architecture, c.memory_mb, c.mode,
                  k.currency) AS s
  LEFT JOIN accounts a ON a.account_id = s.account_id;
COMMENT ON VIEW cost_by_function IS 'One row for each tenant, month and function configuration; see cost_hourly for what it covers';
COMMENT ON COLUMN cost_by_function.tenant IS 'Who is billed';
COMMENT ON COLUMN cost_by_function.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN cost_by_function.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN cost_by_function.function IS 'Name of the function';
COMMENT ON COLUMN cost_by_function.region IS 'Region; where the records named none, the one that the run rated them in';
COMMENT ON COLUMN cost_by_function.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN cost_by_function.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN cost_by_function.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN cost_by_function.currency IS 'ISO 4217 code';
COMMENT ON COLUMN cost_by_function.cost IS 'In currency, the exact share of the lines of the invoice in force, rounded to 20 digits after the point; free quantities and tiers are spread evenly over the month';
COMMENT ON COLUMN cost_by_function.requests IS 'Invocations that the requests line counts';
COMMENT ON COLUMN cost_by_function.gb_seconds IS 'GB-seconds that the duration line counts (in that lines unit): billed duration times memory, 1 GB = 1024 MB';
COMMENT ON COLUMN cost_by_function.invoice_state IS 'final, or preview when the month may still change';

CREATE OR REPLACE VIEW free_tier_use_by_tenant AS
SELECT (SELECT a.name FROM accounts a WHERE a.account_id = coalesce((SELECT b.account_id FROM account_members b WHERE b.tenant_id = t.tenant_id
           AND b.from_month <= i.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), t.account_id)) AS account, t.name AS tenant, i.period_start AS month, f.name, f.unit, f.allowance, f.used, i.state AS invoice_state
  FROM invoices_in_force i
  JOIN invoice_free_tiers f USING (tenant_id, invoice_id)
  JOIN tenants t ON t.tenant_id = i.tenant_id;
COMMENT ON VIEW free_tier_use_by_tenant IS 'What each tenant took from each free tier in a month, as the invoice in force says';
COMMENT ON COLUMN free_tier_use_by_tenant.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN free_tier_use_by_tenant.tenant IS 'Who is billed';
COMMENT ON COLUMN free_tier_use_by_tenant.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN free_tier_use_by_tenant.name IS 'Name of the free tier in the price book';
COMMENT ON COLUMN free_tier_use_by_tenant.unit IS 'What it counts: request, GB-second, …';
COMMENT ON COLUMN free_tier_use_by_tenant.allowance IS 'Of the whole account for the month, in unit';
COMMENT ON COLUMN free_tier_use_by_tenant.used IS 'By this tenant, in unit';
COMMENT ON COLUMN free_tier_use_by_tenant.invoice_state IS 'final, or preview when the month may still change';

CREATE OR REPLACE VIEW free_tier_use AS
SELECT account, month, name, unit, max(allowance) AS allowance, sum(used) AS used, max(allowance) - sum(used) AS "left",
       round(100 * sum(used) / nullif(max(allowance), 0), 1) AS used_percent, min(invoice_state) AS invoice_state
  FROM free_tier_use_by_tenant GROUP BY account, month, name, unit;
COMMENT ON VIEW free_tier_use IS 'One row for each account, month and free tier';
COMMENT ON COLUMN free_tier_use.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN free_tier_use.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN free_tier_use.name IS 'Name of the free tier in the price book';
COMMENT ON COLUMN free_tier_use.unit IS 'What it counts: request, GB-second, …';
COMMENT ON COLUMN free_tier_use.allowance IS 'For the month, in unit';
COMMENT ON COLUMN free_tier_use.used IS 'By all tenants of the account, in unit';
COMMENT ON COLUMN free_tier_use."left" IS 'allowance less used, in unit';
COMMENT ON COLUMN free_tier_use.used_percent IS 'used of allowance in percent, rounded to one digit';
COMMENT ON COLUMN free_tier_use.invoice_state IS 'final, or preview when any of it may still change';

-- Usage that came after the final invoice of its month, or went since: what the next rating adjusts, or has adjusted. Of periods that begin
-- and end with an hour: where one ends in the midst of an hour, rollups do not say which side of it a record is on.
CREATE OR REPLACE VIEW late_usage AS
SELECT s.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = s.tenant_id
                     AND b.from_month <= s.period_month ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, s.period_start AS month, s.number AS invoice_number, s.invocations_billed,
       s.invocations_now, s.invocations_now - s.invocations_billed AS invocations_since, coalesce(r.records, 0) AS records_adjusted,
       s.capacity_billed AS capacity_gb_seconds_billed, s.capacity_now AS capacity_gb_seconds_now,
       s.capacity_now - s.capacity_billed AS capacity_gb_seconds_since
  FROM (SELECT e.tenant_id, e.tenant, e.account_id, e.invoice_id, e.number, e.period_start, e.period_month, e.invocations AS invocations_billed,
               coalesce(sum(u.invocations), 0) AS invocations_now, b.capacity AS capacity_billed,
               trim_scale(coalesce(round(sum(u.capacity), 20), 0)) AS capacity_now
          FROM (SELECT t.tenant_id, t.name AS tenant, t.account_id, i.* FROM tenants t CROSS JOIN LATERAL cost_spans_of(t.tenant_id) i
                 WHERE i.state = 'final' AND date_trunc('hour', i.period_start, 'UTC') = i.period_start
                   AND date_trunc('hour', i.period_end, 'UTC') = i.period_end) AS e
         CROSS JOIN LATERAL (SELECT coalesce(trim_scale(round(sum(l.quantity), 20)), 0) AS capacity FROM invoice_lines l
                              WHERE l.tenant_id = e.tenant_id AND l.invoice_id = e.invoice_id AND EXISTS (SELECT FROM rating_measures m
                                    WHERE m.run_id = e.run_id AND m.part = l.book AND m.sku = l.sku AND m.mode = l.mode
                                      AND m.measure = 'capacity_gb_seconds')) AS b
          LEFT JOIN LATERAL (SELECT sum(x.invocations) AS invocations,
                                    sum(CASE m.rollup_column WHEN 'capacity_1s' THEN x.capacity_1s WHEN 'capacity_300s' THEN x.capacity_300s END::numeric
                                        * c.memory_mb / coalesce(m.unit_parts, 1024000)) AS capacity
                               FROM rollup_between(e.tenant_id, e.used_from, e.used_until) x
                               LEFT JOIN configs c ON c.tenant_id = e.tenant_id AND c.config_id = x.config_id
                               LEFT JOIN rating_measures m ON m.run_id = e.run_id AND m.part = e.part AND m.measure = 'capacity_gb_seconds'
                                AND m.mode = c.mode AND m.package = c.package AND x.capacity_records <> 0) AS u ON true
         GROUP BY e.tenant_id, e.tenant, e.account_id, e.invoice_id, e.number, e.period_start, e.period_month, e.invocations, b.capacity) AS s
  LEFT JOIN (SELECT j.tenant_id, j.base_id, sum(j.records) AS records FROM adjustments j
              WHERE NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = j.tenant_id AND v.kind = 'void' AND v.refers_to IN (j.carrier_id, j.base_id))
              GROUP BY j.tenant_id, j.base_id) AS r ON r.tenant_id = s.tenant_id AND r.base_id = s.invoice_id
  LEFT JOIN accounts a ON a.account_id = s.account_id
 WHERE s.invocations_now <> s.invocations_billed OR s.capacity_now <> s.capacity_billed;
COMMENT ON VIEW late_usage IS 'Months whose usage is no longer what their final invoice billed: records came late, or were taken back';
COMMENT ON COLUMN late_usage.tenant IS 'Who is billed';
COMMENT ON COLUMN late_usage.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN late_usage.month IS 'First instant of the billing period: of the UTC month, but under a contract with another time zone or billing day';
COMMENT ON COLUMN late_usage.invoice_number IS 'The final invoice in force';
COMMENT ON COLUMN late_usage.invocations_billed IS 'Number of invocations that it bills';
COMMENT ON COLUMN late_usage.invocations_now IS 'Number of invocations of the period as the records now say';
COMMENT ON COLUMN late_usage.invocations_since IS 'invocations_now less invocations_billed; negative: taken back, or found to be copies';
COMMENT ON COLUMN late_usage.records_adjusted IS 'Late records that adjustments in force have billed, credited or written off (adjustments_overview)';
COMMENT ON COLUMN late_usage.capacity_gb_seconds_billed IS 'Capacity that its lines count, in their unit (GB-seconds of units kept ready), before free quantities';
COMMENT ON COLUMN late_usage.capacity_gb_seconds_now IS 'The same of the period as the records now say';
COMMENT ON COLUMN late_usage.capacity_gb_seconds_since IS 'capacity_gb_seconds_now less capacity_gb_seconds_billed; negative: taken back, or found to be copies';
