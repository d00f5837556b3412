-- Contracts of tenants, dated and kept, and what they made of an invoice. See doc/contracts.md.

CREATE TABLE contracts (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    name text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE contracts IS 'Every contract that was ever given to a tenant';
COMMENT ON COLUMN contracts.sha256 IS 'SHA-256 of source, and the contract''s name for ever';
COMMENT ON COLUMN contracts.source IS 'The file as it was read';

CREATE TABLE tenant_contracts (
    tenant_id bigint NOT NULL REFERENCES tenants,
    revision integer NOT NULL CHECK (revision > 0),
    from_month date NOT NULL CHECK (extract(day FROM from_month) = 1),
    contract_sha256 bytea NOT NULL REFERENCES contracts,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL,
    PRIMARY KEY (tenant_id, revision)
);
COMMENT ON TABLE tenant_contracts IS 'Which contract holds for a tenant from which month on. Rows are only added: of those whose from_month is not after a month the latest from_month holds, of equals the highest revision';
COMMENT ON COLUMN tenant_contracts.revision IS 'From 1, without gaps, for each tenant';
COMMENT ON COLUMN tenant_contracts.set_by IS 'Who said so: the operating system''s user and host';

ALTER TABLE invoices
    ADD COLUMN contract_sha256 bytea REFERENCES contracts,
    ADD COLUMN contract_revision integer,
    ADD COLUMN payable_currency text,
    ADD COLUMN payable_total numeric,
    ADD CHECK ((contract_sha256 IS NULL) = (contract_revision IS NULL));
COMMENT ON COLUMN invoices.contract_sha256 IS 'Null: made without a contract';
COMMENT ON COLUMN invoices.payable_total IS 'What is owed under a contract, in payable_currency; null without one: then it is total';

CREATE TABLE invoice_items (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    item integer NOT NULL,
    kind text NOT NULL,
    name text,
    description text NOT NULL,
    basis numeric,
    rate numeric,
    share numeric,
    quantity numeric,
    unit text,
    "left" numeric,
    amount numeric NOT NULL,
    amount_exact numeric NOT NULL,
    PRIMARY KEY (tenant_id, invoice_id, item),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE CASCADE
);
COMMENT ON TABLE invoice_items IS 'The statement of an invoice under a contract: from the sum of its lines to its total, in the order of its document. Balances of credits, prepaid units and terms are sums over it';
COMMENT ON COLUMN invoice_items.kind IS 'usage, markup, discount, minimum, prepaid, prepaid_fee, overage, adjustment, credit, tax_included, tax or rounding';
COMMENT ON COLUMN invoice_items.amount IS 'As printed; the amounts of an invoice''s items add up to its total';
