-- Alerts for dashboards. Columns are stable: new ones are added at the end.

CREATE OR REPLACE VIEW alerts_overview AS
SELECT l.alert_id, l.subject, t.name AS tenant, a.name AS account, l.kind, l.item, l.period, l.percent, l.value, l."limit", l.unit,
       l.invoice_state, l.receipt_watermark, l.reached_at, l.basis
  FROM alerts l
  JOIN accounts a ON a.account_id = l.account_id
  LEFT JOIN tenants t ON t.tenant_id = l.tenant_id;
COMMENT ON VIEW alerts_overview IS 'One row for each threshold that was reached';
COMMENT ON COLUMN alerts_overview.alert_id IS 'Number of the alert: what a notification on the channel millibill_alerts names';
COMMENT ON COLUMN alerts_overview.subject IS 'account (a free tier) or tenant (what its contract limits)';
COMMENT ON COLUMN alerts_overview.tenant IS 'Null where several tenants share the account';
COMMENT ON COLUMN alerts_overview.account IS 'Name of the account';
COMMENT ON COLUMN alerts_overview.kind IS 'free_tier, spending_limit, commitment, prepaid or credit';
COMMENT ON COLUMN alerts_overview.item IS 'Name of the free tier or of the contract''s entry; empty for the spending limit';
COMMENT ON COLUMN alerts_overview.period IS 'What the limit counts over: YYYY-MM for a UTC month, else FROM/UNTIL (half-open; .. has no end)';
COMMENT ON COLUMN alerts_overview.percent IS 'The threshold, percent of limit';
COMMENT ON COLUMN alerts_overview.value IS 'What was used, or forecast for the whole period, when this was seen, in unit';
COMMENT ON COLUMN alerts_overview."limit" IS 'In unit';
COMMENT ON COLUMN alerts_overview.unit IS 'A unit of the price book, or a currency';
COMMENT ON COLUMN alerts_overview.invoice_state IS 'preview or final: of the invoice in which this was seen';
COMMENT ON COLUMN alerts_overview.receipt_watermark IS 'Usage was looked at up to this receipt (commits.receipt)';
COMMENT ON COLUMN alerts_overview.reached_at IS 'When it was seen, UTC';
COMMENT ON COLUMN alerts_overview.basis IS 'use: value was used; forecast: what the period is forecast to come to';
