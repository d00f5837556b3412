-- Alerts on what a period is forecast to come to, beside those on what was used. See doc/alerts.md.

ALTER TABLE alerts ADD COLUMN basis text NOT NULL DEFAULT 'use' CHECK (basis IN ('use', 'forecast'));
COMMENT ON COLUMN alerts.basis IS 'use: value was used; forecast: value is what the period is forecast to come to';
DROP INDEX alerts_once_account, alerts_once_tenant;
CREATE UNIQUE INDEX alerts_once_account ON alerts (account_id, kind, item, period, percent, basis) WHERE subject = 'account';
CREATE UNIQUE INDEX alerts_once_tenant ON alerts (tenant_id, kind, item, period, percent, basis) WHERE subject = 'tenant';
