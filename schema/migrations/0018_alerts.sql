-- Alerts: a share of a free tier or of what a contract limits was reached. See doc/alerts.md.

CREATE TABLE alerts (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts,
    tenant_id bigint REFERENCES tenants,
    subject text NOT NULL CHECK (subject IN ('account', 'tenant')),
    kind text NOT NULL CHECK (kind IN ('free_tier', 'spending_limit', 'commitment', 'prepaid', 'credit')),
    item text NOT NULL,
    period text NOT NULL,
    percent numeric NOT NULL CHECK (percent > 0),
    value numeric NOT NULL,
    "limit" numeric NOT NULL CHECK ("limit" > 0),
    unit text NOT NULL,
    invoice_state text NOT NULL CHECK (invoice_state IN ('preview', 'final')),
    receipt_watermark bigint NOT NULL,
    reached_at timestamptz NOT NULL DEFAULT now(),
    CHECK (subject = 'account' OR tenant_id IS NOT NULL)
);
COMMENT ON TABLE alerts IS 'Thresholds that were reached: one row for each subject, kind, item, period and percentage, added once and never changed';
COMMENT ON COLUMN alerts.tenant_id IS 'Whose it is. Of an account''s free tier: its only tenant, null where several share it (what is summed over them is shown to none)';
COMMENT ON COLUMN alerts.item IS 'Name of the free tier in the price book, or of the entry in the contract; empty for the spending limit';
COMMENT ON COLUMN alerts.period IS 'What the limit counts over: YYYY-MM for a UTC month, else FROM/UNTIL (half-open; .. has no end)';
COMMENT ON COLUMN alerts.percent IS 'The threshold, percent of limit';
COMMENT ON COLUMN alerts.value IS 'What was used when this was seen, in unit';
COMMENT ON COLUMN alerts.unit IS 'A unit of the price book, or a currency';
COMMENT ON COLUMN alerts.receipt_watermark IS 'Usage was looked at up to this receipt (commits.receipt)';
COMMENT ON COLUMN alerts.reached_at IS 'When it was seen';
CREATE UNIQUE INDEX alerts_once_account ON alerts (account_id, kind, item, period, percent) WHERE subject = 'account';
CREATE UNIQUE INDEX alerts_once_tenant ON alerts (tenant_id, kind, item, period, percent) WHERE subject = 'tenant';

-- One queue for everything that is handed on.
ALTER TABLE invoice_deliveries RENAME TO deliveries;
DROP INDEX invoice_deliveries_open;
ALTER TABLE deliveries
    DROP CONSTRAINT invoice_deliveries_pkey,
    ALTER COLUMN tenant_id DROP NOT NULL,
    ALTER COLUMN invoice_id DROP NOT NULL,
    ADD COLUMN event text NOT NULL DEFAULT 'invoice.final' CHECK (event IN ('invoice.final', 'alert.reached')),
    ADD COLUMN alert_id bigint REFERENCES alerts,
    ADD PRIMARY KEY (delivery_id),
    ADD UNIQUE (tenant_id, invoice_id, target),
    ADD UNIQUE (alert_id, target),
    ADD CHECK ((event = 'invoice.final') = (tenant_id IS NOT NULL AND invoice_id IS NOT NULL)),
    ADD CHECK ((event = 'alert.reached') = (alert_id IS NOT NULL));
CREATE INDEX deliveries_open ON deliveries (event, target, tenant_id, invoice_id) WHERE delivered_at IS NULL;
COMMENT ON TABLE deliveries IS 'Which final invoices and alerts were handed to the configured commands and webhooks, and which still have to be';
COMMENT ON COLUMN deliveries.event IS 'invoice.final or alert.reached';
