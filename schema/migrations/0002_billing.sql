-- Billing: price books as they were used, rating runs, invoices and their lines.

CREATE TABLE price_books (
    sha256 bytea PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE price_books IS 'Every price book that a rating run used, as the bytes that were read';

CREATE TABLE rating_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('preview', 'final')),
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    receipt_watermark bigint NOT NULL,
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    free_tier boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rating_runs IS 'Both clocks of a run: the period of the usage, and the receipt up to which records had arrived';

CREATE TABLE invoice_numbers (
    series text PRIMARY KEY,
    last_number bigint NOT NULL
);
COMMENT ON TABLE invoice_numbers IS 'Last number of each series; a row lock makes numbers without gaps';

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
COMMENT ON TABLE invoices IS 'document is the canonical JSON; a final row is never changed. One preview row for each tenant and month, replaced by the next preview';
CREATE UNIQUE INDEX invoices_final ON invoices (tenant_id, period_start, revision) WHERE state = 'final';
CREATE UNIQUE INDEX invoices_preview ON invoices (tenant_id, period_start) WHERE state = 'preview';
CREATE UNIQUE INDEX invoices_number ON invoices (tenant_id, number) WHERE number IS NOT NULL;

CREATE TABLE invoice_lines (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    line integer NOT NULL,
    region text NOT NULL,
    architecture text NOT NULL,
    mode text NOT NULL,
    sku text NOT NULL,
    measure text NOT NULL,
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
COMMENT ON TABLE invoice_lines IS 'One row for each (region, architecture, mode, sku, tier) of an invoice';
COMMENT ON COLUMN invoice_lines.measure IS 'What of a rollup row makes the quantity: invocations, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, ephemeral_duration_1ms, …: views use it to spread a line over days and functions';
