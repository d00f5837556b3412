-- What arrived after a period was final, and what became of it: billed on a later invoice, credited, or written off.
-- Written by adjustment_write (schema/views/25_corrections.sql) only. See doc/corrections.md.

CREATE TABLE adjustments (
    tenant_id bigint NOT NULL REFERENCES tenants,
    adjustment_id bigint GENERATED ALWAYS AS IDENTITY,
    disposition text NOT NULL CHECK (disposition IN ('billed', 'credited', 'written_off')),
    carrier_id bigint,
    base_id bigint,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    from_receipt bigint NOT NULL,
    to_receipt bigint NOT NULL CHECK (to_receipt > from_receipt),
    attempt integer NOT NULL,
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    free_tier boolean NOT NULL,
    contract_revision integer,
    currency text NOT NULL,
    amount numeric NOT NULL,
    amount_exact numeric NOT NULL,
    records numeric NOT NULL,
    document text NOT NULL,
    document_sha256 bytea NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, adjustment_id),
    FOREIGN KEY (tenant_id, carrier_id) REFERENCES invoices,
    FOREIGN KEY (tenant_id, base_id) REFERENCES invoices,
    CHECK (disposition = 'written_off' OR carrier_id IS NOT NULL),
    CHECK (disposition <> 'credited' OR base_id IS NOT NULL)
);
COMMENT ON TABLE adjustments IS 'What changed of a final period from one receipt to another, and where it is billed, credited or written off. document is its canonical JSON; all else is taken from it';
COMMENT ON COLUMN adjustments.carrier_id IS 'The invoice or credit note that it stands on: void with it. Null: a write-off that goes with no document';
COMMENT ON COLUMN adjustments.base_id IS 'The invoice that it corrects; null: the month was final for the account before this tenant had usage in it';
COMMENT ON COLUMN adjustments.from_receipt IS 'What was received after this one, up to and including to_receipt, is settled by it';
COMMENT ON COLUMN adjustments.attempt IS 'From 0: how often the same was settled before, by documents that are void';
COMMENT ON COLUMN adjustments.records IS 'Late records of the tenant in it';
-- Each change is settled once, whatever is run twice or at once.
CREATE UNIQUE INDEX adjustments_once ON adjustments
    (tenant_id, period_start, (coalesce(base_id, 0)), from_receipt, (disposition = 'written_off'), attempt);
CREATE INDEX adjustments_carrier ON adjustments (tenant_id, carrier_id);

CREATE TABLE adjustment_lines (
    tenant_id bigint NOT NULL,
    adjustment_id bigint NOT NULL,
    line integer NOT NULL,
    region text NOT NULL,
    architecture text NOT NULL,
    mode text NOT NULL,
    sku text NOT NULL,
    tier integer NOT NULL,
    description text NOT NULL,
    quantity numeric NOT NULL,
    free_quantity numeric NOT NULL,
    billed_quantity numeric NOT NULL,
    unit text NOT NULL,
    unit_price numeric NOT NULL,
    amount numeric NOT NULL,
    amount_exact numeric NOT NULL,
    PRIMARY KEY (tenant_id, adjustment_id, line),
    FOREIGN KEY (tenant_id, adjustment_id) REFERENCES adjustments
);
COMMENT ON TABLE adjustment_lines IS 'The difference that an adjustment makes to each line of its invoice, at the original prices';

CREATE TABLE adjustment_causes (
    tenant_id bigint NOT NULL,
    adjustment_id bigint NOT NULL,
    cause text NOT NULL CHECK (cause IN ('late_usage', 'duplicate', 'conflict', 'reversal', 'account_share')),
    amount_exact numeric NOT NULL,
    PRIMARY KEY (tenant_id, adjustment_id, cause),
    FOREIGN KEY (tenant_id, adjustment_id) REFERENCES adjustments
);
COMMENT ON TABLE adjustment_causes IS 'Why: the parts of an adjustment add up to its amount_exact';

CREATE TABLE adjustment_items (
    tenant_id bigint NOT NULL,
    adjustment_id bigint NOT NULL,
    item integer NOT NULL,
    kind text NOT NULL,
    name text,
    quantity numeric NOT NULL,
    basis numeric NOT NULL,
    amount numeric NOT NULL,
    amount_exact numeric NOT NULL,
    PRIMARY KEY (tenant_id, adjustment_id, item),
    FOREIGN KEY (tenant_id, adjustment_id) REFERENCES adjustments
);
COMMENT ON TABLE adjustment_items IS 'The difference that an adjustment makes to each item of its invoice''s statement; balances count those of billed ones, a credit note has items of its own';
