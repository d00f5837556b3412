-- Billing periods that are no UTC months: whose month a period is follows from no instant of it (day 31 in Honolulu starts when it is
-- the 1st in UTC, day 1 in Kolkata when it is the 30th), so it is kept. See doc/contracts.md, "Billing periods".

-- The owner may not change these rows; schema/views/30_policies.sql forces its policies again.
ALTER TABLE rating_runs ADD COLUMN period_month date;
ALTER TABLE rating_runs NO FORCE ROW LEVEL SECURITY;
UPDATE rating_runs SET period_month = date_trunc('month', period_start AT TIME ZONE 'UTC')::date;
ALTER TABLE rating_runs ALTER COLUMN period_month SET NOT NULL, ADD CHECK (extract(day FROM period_month) = 1);
COMMENT ON COLUMN rating_runs.period_month IS 'The month in which the period starts, by the clock of its time zone';

ALTER TABLE invoices ADD COLUMN period_month date;
ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY;
UPDATE invoices SET period_month = date_trunc('month', period_start AT TIME ZONE 'UTC')::date;
-- No clock is a day from UTC.
ALTER TABLE invoices ALTER COLUMN period_month SET NOT NULL, ADD CHECK (extract(day FROM period_month) = 1),
    ADD CHECK (period_start < period_end),
    ADD CHECK (period_start AT TIME ZONE 'UTC' > period_month - interval '1 day'
               AND period_start AT TIME ZONE 'UTC' < period_month + interval '1 month' + interval '1 day');
COMMENT ON COLUMN invoices.period_month IS 'The month in which the period starts, by the clock of its time zone';
DROP INDEX invoices_final;
DROP INDEX invoices_preview;
CREATE UNIQUE INDEX invoices_final ON invoices (tenant_id, period_month, revision) WHERE kind = 'invoice' AND state = 'final';
CREATE UNIQUE INDEX invoices_preview ON invoices (tenant_id, period_month) WHERE state = 'preview';
COMMENT ON COLUMN invoices.revision IS 'From 0: how many final invoices of this tenant and month were made void before this one; of another kind: that of the document it refers to';

ALTER TABLE adjustments ADD COLUMN period_month date;
ALTER TABLE adjustments NO FORCE ROW LEVEL SECURITY;
UPDATE adjustments SET period_month = date_trunc('month', period_start AT TIME ZONE 'UTC')::date;
ALTER TABLE adjustments ALTER COLUMN period_month SET NOT NULL, ADD CHECK (extract(day FROM period_month) = 1),
    ADD CHECK (period_start < period_end);
COMMENT ON COLUMN adjustments.period_month IS 'As of the invoice that is corrected';
DROP INDEX adjustments_once;
CREATE UNIQUE INDEX adjustments_once ON adjustments
    (tenant_id, period_month, (coalesce(base_id, 0)), from_receipt, (disposition = 'written_off'), attempt);
