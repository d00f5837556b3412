-- How previews are handed over: as rows that the rater took from their documents while it made them. Taking a document apart again was the
-- better part of the time in which a preview is written, and a preview is nothing that anybody owes: see doc/decisions.md.
-- Numbers come as text, with the digits of the document. Each row names its tenant, who has one preview in a run.

CREATE TYPE preview_head AS (
    tenant_id bigint,
    document text,
    account text,
    currency text,
    subtotal text,
    total text,
    invocations text,
    contract_sha256 text,
    contract_revision integer,
    payable_currency text,
    payable_total text
);
COMMENT ON TYPE preview_head IS 'A preview and what stands in its row of invoices';

CREATE TYPE preview_line AS (
    tenant_id bigint,
    line integer,
    region text,
    architecture text,
    mode text,
    sku text,
    tier integer,
    description text,
    quantity text,
    free_quantity text,
    billed_quantity text,
    unit text,
    unit_price text,
    amount text,
    amount_exact text,
    book integer
);
COMMENT ON TYPE preview_line IS 'A line of a preview';

CREATE TYPE preview_free_tier AS (
    tenant_id bigint,
    name text,
    unit text,
    allowance text,
    used text,
    account_used text
);
COMMENT ON TYPE preview_free_tier IS 'What a preview took from a free tier';

CREATE TYPE preview_item AS (
    tenant_id bigint,
    item integer,
    kind text,
    name text,
    description text,
    basis text,
    rate text,
    share text,
    quantity text,
    unit text,
    "left" text,
    amount text,
    amount_exact text
);
COMMENT ON TYPE preview_item IS 'An item of a preview''s statement';
