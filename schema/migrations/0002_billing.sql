-- Billing: price books as they were used, rating runs, invoices and their lines.
-- Invoices are written by the definer functions of schema/views/20_billing.sql only.

CREATE TABLE price_books (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    name text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE price_books IS 'Every price book that a rating run used';
COMMENT ON COLUMN price_books.sha256 IS 'SHA-256 of source, and the book''s name for ever';
COMMENT ON COLUMN price_books.source IS 'The file as it was read';

CREATE TABLE rating_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('preview', 'final')),
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    receipt_watermark bigint NOT NULL,
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    default_region text NOT NULL DEFAULT '',
    free_tier boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    CHECK (period_start < period_end)
);
COMMENT ON TABLE rating_runs IS 'Both clocks of a run: the period of the usage, and the receipt up to which records had arrived';
COMMENT ON COLUMN rating_runs.default_region IS 'Where usage that named no region was priced';

CREATE TABLE rating_measures (
    run_id bigint NOT NULL REFERENCES rating_runs ON DELETE CASCADE,
    sku text NOT NULL,
    mode text NOT NULL,
    package text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('invocations', 'gb_seconds', 'ephemeral_gb_seconds')),
    rollup_column text NOT NULL,
    included_mb bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, sku, mode, package)
);
COMMENT ON TABLE rating_measures IS 'How a run made quantities from rollups: views spread lines over days and functions with it';
COMMENT ON COLUMN rating_measures.rollup_column IS 'invocations, duration_1ms, duration_100ms, with_init_1ms or with_init_100ms';
COMMENT ON COLUMN rating_measures.included_mb IS 'Ephemeral storage that cost nothing, MB';

CREATE TABLE invoice_numbers (
    series text PRIMARY KEY,
    last_number bigint NOT NULL
);
COMMENT ON TABLE invoice_numbers IS 'Last number of each series; a row lock until commit makes numbers without gaps';

CREATE TABLE invoices (
    tenant_id bigint NOT NULL REFERENCES tenants,
    invoice_id bigint GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL CHECK (state IN ('preview', 'final')),
    number text,
    revision integer NOT NULL DEFAULT 0,
    run_id bigint NOT NULL REFERENCES rating_runs,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    receipt_watermark bigint NOT NULL,
    currency text NOT NULL,
    subtotal numeric NOT NULL,
    total numeric NOT NULL,
    invocations numeric NOT NULL,
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    document text NOT NULL,
    document_sha256 bytea NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, invoice_id),
    CHECK ((state = 'final') = (number IS NOT NULL))
);
COMMENT ON TABLE invoices IS 'document is the canonical JSON; all else, lines included, is taken from it. A final row is never changed. One preview row for each tenant and month, replaced by the next preview and removed by the final invoice';
COMMENT ON COLUMN invoices.document_sha256 IS 'SHA-256 of document in UTF-8';
CREATE UNIQUE INDEX invoices_final ON invoices (tenant_id, period_start, revision) WHERE state = 'final';
CREATE UNIQUE INDEX invoices_preview ON invoices (tenant_id, period_start) WHERE state = 'preview';
CREATE UNIQUE INDEX invoices_number ON invoices (tenant_id, number) WHERE number IS NOT NULL;
CREATE INDEX invoices_run ON invoices (run_id);

CREATE TABLE invoice_lines (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
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
    PRIMARY KEY (tenant_id, invoice_id, line),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE CASCADE
);
COMMENT ON TABLE invoice_lines IS 'One row for each (region, architecture, mode, sku, tier) of an invoice, in the order of its document';
COMMENT ON COLUMN invoice_lines.line IS 'From 1';
COMMENT ON COLUMN invoice_lines.quantity IS 'In units: free_quantity + billed_quantity';
COMMENT ON COLUMN invoice_lines.amount IS 'Rounded as billed; amount_exact is billed_quantity times unit_price';

CREATE TABLE invoice_free_tiers (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    allowance numeric NOT NULL,
    used numeric NOT NULL,
    account_used numeric NOT NULL,
    PRIMARY KEY (tenant_id, invoice_id, name),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE CASCADE
);
COMMENT ON TABLE invoice_free_tiers IS 'What an invoice took from each free tier of its price book';
COMMENT ON COLUMN invoice_free_tiers.allowance IS 'Of the account for the month, in units';
COMMENT ON COLUMN invoice_free_tiers.used IS 'By this tenant; account_used by all tenants of its account in the same run';

-- Final is final, whatever is granted: with no policy for INSERT, UPDATE or DELETE, only the owner's definer functions
-- write here. Policies hold no sub-query.
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_free_tiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY invoices_read ON invoices FOR SELECT USING (true);
CREATE POLICY invoice_lines_read ON invoice_lines FOR SELECT USING (true);
CREATE POLICY invoice_free_tiers_read ON invoice_free_tiers FOR SELECT USING (true);
CREATE POLICY invoice_numbers_read ON invoice_numbers FOR SELECT USING (true);
