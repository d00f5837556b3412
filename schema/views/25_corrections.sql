-- Corrections of final periods: the definer function that alone writes adjustments, and their views.

-- For verify: a document that somebody made unreadable is a difference, and no error.
CREATE OR REPLACE FUNCTION document_json(document text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, millibill, pg_temp AS $$
BEGIN
    RETURN document::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION document_json(text) IS 'A document as jsonb; null when it is no JSON';

-- Everything comes from the document, as in invoice_write. p_carrier: the document that it stands on, of the same transaction; null: none.
CREATE OR REPLACE FUNCTION adjustment_write(p_tenant_id bigint, p_disposition text, p_carrier text, p_document text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    v_document jsonb := p_document::jsonb;
    v_start timestamptz := (v_document ->> 'period_start')::timestamptz;
    v_month date := (coalesce(v_document ->> 'month', to_char(v_start AT TIME ZONE 'UTC', 'YYYY-MM')) || '-01')::date;
    v_from bigint := (v_document ->> 'from_receipt')::bigint;
    v_off boolean := p_disposition = 'written_off';
    v_base bigint;
    v_carrier millibill.invoices;
    v_expected bigint;
    v_attempt integer;
    v_id bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM millibill.tenants WHERE tenant_id = p_tenant_id AND name = v_document ->> 'tenant') THEN
        RAISE EXCEPTION 'the adjustment does not belong to tenant %', p_tenant_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF v_document ->> 'invoice' IS NOT NULL THEN
        SELECT invoice_id, receipt_watermark INTO v_base, v_expected FROM millibill.invoices i
         WHERE i.tenant_id = p_tenant_id AND i.number = v_document ->> 'invoice' AND i.kind = 'invoice' AND i.state = 'final'
           AND i.period_start = v_start AND i.period_month = v_month AND NOT EXISTS (SELECT FROM millibill.invoices v
               WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void');
        IF v_base IS NULL THEN
            RAISE EXCEPTION 'there is no final invoice % of that period in force', v_document ->> 'invoice'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    IF p_carrier IS NOT NULL THEN
        SELECT * INTO STRICT v_carrier FROM millibill.invoices WHERE tenant_id = p_tenant_id AND number = p_carrier AND state = 'final';
        IF v_carrier.kind <> (CASE p_disposition WHEN 'billed' THEN 'invoice' WHEN 'credited' THEN 'credit_note' ELSE v_carrier.kind END)
           OR (v_carrier.kind = 'credit_note' AND v_carrier.refers_to IS DISTINCT FROM v_base)
           OR (v_carrier.kind = 'invoice' AND v_carrier.period_month <= v_month) THEN
            RAISE EXCEPTION 'adjustment of % cannot stand on %', v_start, p_carrier USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    -- A chain without gap or overlap: it begins where the invoice, or the adjustment before it, ended.
    SELECT coalesce(max(to_receipt), v_expected) INTO v_expected FROM millibill.adjustments_in_force a
     WHERE a.tenant_id = p_tenant_id AND a.period_month = v_month AND a.base_id IS NOT DISTINCT FROM v_base AND a.to_receipt <= v_from;
    IF v_expected IS DISTINCT FROM v_from AND v_expected IS NOT NULL THEN
        RAISE EXCEPTION 'adjustment of % begins at receipt %, expected %', v_start, v_from, v_expected
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM millibill.adjustments_in_force a WHERE a.tenant_id = p_tenant_id AND a.period_month = v_month
                  AND a.base_id IS NOT DISTINCT FROM v_base AND a.from_receipt < (v_document ->> 'to_receipt')::bigint AND a.to_receipt > v_from
                  AND (a.from_receipt, a.to_receipt) <> (v_from, (v_document ->> 'to_receipt')::bigint)) THEN
        RAISE EXCEPTION 'adjustment of % reaches into what is settled already', v_start USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT count(*) INTO v_attempt FROM millibill.adjustments a
     WHERE a.tenant_id = p_tenant_id AND a.period_month = v_month AND a.base_id IS NOT DISTINCT FROM v_base AND a.from_receipt = v_from
       AND (a.disposition = 'written_off') = v_off
       AND NOT EXISTS (SELECT FROM millibill.adjustments_in_force f WHERE f.tenant_id = a.tenant_id AND f.adjustment_id = a.adjustment_id);
    INSERT INTO millibill.adjustments (tenant_id, disposition, carrier_id, base_id, period_month, period_start, period_end, from_receipt, to_receipt, attempt,
                                       price_book_sha256, free_tier, contract_revision, currency, amount, amount_exact, records, document,
                                       document_sha256)
        VALUES (p_tenant_id, p_disposition, v_carrier.invoice_id, v_base, v_month, v_start, (v_document ->> 'period_end')::timestamptz, v_from,
                (v_document ->> 'to_receipt')::bigint, v_attempt, decode(v_document -> 'price_book' ->> 'sha256', 'hex'),
                (v_document ->> 'free_tier')::boolean, (v_document -> 'contract' ->> 'revision')::integer, v_document ->> 'currency',
                (v_document ->> 'amount')::numeric, (v_document ->> 'amount_exact')::numeric, (v_document ->> 'records')::numeric,
                p_document, sha256(convert_to(p_document, 'UTF8')))
        RETURNING adjustment_id INTO v_id;
    INSERT INTO millibill.adjustment_lines (tenant_id, adjustment_id, line, region, architecture, mode, sku, tier, description, quantity,
                                            free_quantity, billed_quantity, unit, unit_price, amount, amount_exact)
        SELECT p_tenant_id, v_id, l.line::integer, d ->> 'region', d ->> 'architecture', d ->> 'mode', d ->> 'sku',
               (d ->> 'tier')::integer, d ->> 'description', (d ->> 'quantity')::numeric, (d ->> 'free_quantity')::numeric,
               (d ->> 'billed_quantity')::numeric, d ->> 'unit', (d ->> 'unit_price')::numeric, (d ->> 'amount')::numeric,
               (d ->> 'amount_exact')::numeric
          FROM jsonb_array_elements(v_document -> 'lines') WITH ORDINALITY AS l(d, line);
    INSERT INTO millibill.adjustment_causes (tenant_id, adjustment_id, cause, amount_exact)
        SELECT p_tenant_id, v_id, d ->> 'cause', (d ->> 'amount_exact')::numeric FROM jsonb_array_elements(v_document -> 'causes') AS c(d);
    INSERT INTO millibill.adjustment_items (tenant_id, adjustment_id, item, kind, name, quantity, basis, amount, amount_exact)
        SELECT p_tenant_id, v_id, s.item::integer, d ->> 'kind', d ->> 'name', (d ->> 'quantity')::numeric, (d ->> 'basis')::numeric,
               (d ->> 'amount')::numeric, (d ->> 'amount_exact')::numeric
          FROM jsonb_array_elements(v_document -> 'items') WITH ORDINALITY AS s(d, item);
    RETURN v_id;
END $$;
COMMENT ON FUNCTION adjustment_write(bigint, text, text, text) IS 'Write what changed of a final period from its canonical JSON. The same change a second time fails on the index adjustments_once, a gap is refused';

-- Neither the document that carries it is void, nor the invoice that it corrects.
CREATE OR REPLACE VIEW adjustments_in_force AS
SELECT a.tenant_id, a.adjustment_id, a.disposition, a.carrier_id, a.base_id, a.period_start, a.from_receipt, a.to_receipt, a.period_month
  FROM adjustments a
 WHERE NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = a.tenant_id AND v.kind = 'void' AND v.refers_to IN (a.carrier_id, a.base_id));
COMMENT ON VIEW adjustments_in_force IS 'Adjustments whose document is not void';
COMMENT ON COLUMN adjustments_in_force.tenant_id IS 'Number of the tenant';
COMMENT ON COLUMN adjustments_in_force.adjustment_id IS 'Number of the adjustment inside this database';
COMMENT ON COLUMN adjustments_in_force.disposition IS 'billed on a later invoice, credited, or written_off';
COMMENT ON COLUMN adjustments_in_force.carrier_id IS 'Number (invoice_id) of the document that it stands on; null: written off';
COMMENT ON COLUMN adjustments_in_force.base_id IS 'Number (invoice_id) of the invoice that it corrects; null: there was none';
COMMENT ON COLUMN adjustments_in_force.period_start IS 'First instant of the period that is corrected, UTC';
COMMENT ON COLUMN adjustments_in_force.period_month IS 'The month in which that period starts by the clock of its contract (its first day)';
COMMENT ON COLUMN adjustments_in_force.from_receipt IS 'It takes what was received after this receipt …';
COMMENT ON COLUMN adjustments_in_force.to_receipt IS '… up to and with this one';

CREATE OR REPLACE VIEW adjustments_overview AS
SELECT t.name AS tenant, a.period_start, a.period_end, a.disposition, b.number AS invoice, c.number AS carried_by, a.from_receipt,
       a.to_receipt, a.currency, a.amount, a.amount_exact, a.records, a.issued_at, f.adjustment_id IS NOT NULL AS in_force,
       (SELECT string_agg(x.cause, ', ' ORDER BY x.cause) FROM adjustment_causes x
         WHERE x.tenant_id = a.tenant_id AND x.adjustment_id = a.adjustment_id) AS causes
  FROM adjustments a
  JOIN tenants t USING (tenant_id)
  LEFT JOIN invoices b ON b.tenant_id = a.tenant_id AND b.invoice_id = a.base_id
  LEFT JOIN invoices c ON c.tenant_id = a.tenant_id AND c.invoice_id = a.carrier_id
  LEFT JOIN adjustments_in_force f ON f.tenant_id = a.tenant_id AND f.adjustment_id = a.adjustment_id;
COMMENT ON VIEW adjustments_overview IS 'What changed of final periods: billed on a later invoice, credited, or written off';
COMMENT ON COLUMN adjustments_overview.invoice IS 'The invoice that is corrected; null: the tenant had none for that period';
COMMENT ON COLUMN adjustments_overview.carried_by IS 'The invoice or credit note that it stands on';
COMMENT ON COLUMN adjustments_overview.tenant IS 'Who is billed';
COMMENT ON COLUMN adjustments_overview.period_start IS 'First instant of the period that is corrected, UTC';
COMMENT ON COLUMN adjustments_overview.period_end IS 'First instant after the period, UTC';
COMMENT ON COLUMN adjustments_overview.disposition IS 'billed on a later invoice, credited, or written_off';
COMMENT ON COLUMN adjustments_overview.from_receipt IS 'It takes what was received after this receipt …';
COMMENT ON COLUMN adjustments_overview.to_receipt IS '… up to and with this one';
COMMENT ON COLUMN adjustments_overview.currency IS 'ISO 4217 code';
COMMENT ON COLUMN adjustments_overview.amount_exact IS 'In currency, before taxes, unrounded';
COMMENT ON COLUMN adjustments_overview.issued_at IS 'When it was made, UTC';
COMMENT ON COLUMN adjustments_overview.amount IS 'In currency, before taxes: rounded; amount_exact is not';
COMMENT ON COLUMN adjustments_overview.records IS 'Late records of the tenant in it';
COMMENT ON COLUMN adjustments_overview.in_force IS 'False: a document that it stands on was taken back';
COMMENT ON COLUMN adjustments_overview.causes IS 'late_usage, duplicate, conflict, reversal, account_share';
