-- Handing final invoices on: one row for each final invoice and target, written with the invoice, so that none is forgotten.

CREATE TABLE invoice_deliveries (
    tenant_id bigint NOT NULL REFERENCES tenants,
    invoice_id bigint NOT NULL,
    target text NOT NULL CHECK (target IN ('command', 'webhook')),
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    queued_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    tried_at timestamptz,
    error text,
    delivered_at timestamptz,
    PRIMARY KEY (tenant_id, invoice_id, target),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices
);
COMMENT ON TABLE invoice_deliveries IS 'Which final invoices were handed to the configured command and webhook, and which still have to be';
COMMENT ON COLUMN invoice_deliveries.delivery_id IS 'Goes with every attempt: a receiver that saw it already can tell';
COMMENT ON COLUMN invoice_deliveries.attempts IS 'Tries so far, the one that worked included';
COMMENT ON COLUMN invoice_deliveries.error IS 'Why the last try failed; null after one that worked';
COMMENT ON COLUMN invoice_deliveries.delivered_at IS 'When the receiver said yes; null: not yet';
CREATE INDEX invoice_deliveries_open ON invoice_deliveries (target, tenant_id, invoice_id) WHERE delivered_at IS NULL;
