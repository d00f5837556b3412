-- Closing a month bills late usage of earlier ones too: which invoices it made stands with their rating runs, so that a close that goes on after
-- it was killed writes the documents of all of them.
ALTER TABLE rating_runs ADD COLUMN closing_month date;
COMMENT ON COLUMN rating_runs.closing_month IS 'First day of the month whose closing made it (millibill close), which may be a later one than its own; null: another command did';

-- A preview that makes room for a final invoice asks each table that may refer to an invoice whether it does. Without RESTRICT it asks, each time
-- and before that, whether there is another invoice with its key, which would do as well. There is none.
ALTER TABLE invoices DROP CONSTRAINT invoices_tenant_id_refers_to_fkey,
    ADD CONSTRAINT invoices_tenant_id_refers_to_fkey FOREIGN KEY (tenant_id, refers_to) REFERENCES invoices ON DELETE RESTRICT;
ALTER TABLE seal_invoices DROP CONSTRAINT seal_invoices_tenant_id_invoice_id_fkey,
    ADD CONSTRAINT seal_invoices_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE RESTRICT;
ALTER TABLE deliveries DROP CONSTRAINT invoice_deliveries_tenant_id_invoice_id_fkey,
    ADD CONSTRAINT invoice_deliveries_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE RESTRICT;
ALTER TABLE issued_documents DROP CONSTRAINT issued_documents_tenant_id_invoice_id_fkey,
    ADD CONSTRAINT issued_documents_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices ON DELETE RESTRICT;
ALTER TABLE adjustments DROP CONSTRAINT adjustments_tenant_id_carrier_id_fkey, DROP CONSTRAINT adjustments_tenant_id_base_id_fkey,
    ADD CONSTRAINT adjustments_tenant_id_carrier_id_fkey FOREIGN KEY (tenant_id, carrier_id) REFERENCES invoices ON DELETE RESTRICT,
    ADD CONSTRAINT adjustments_tenant_id_base_id_fkey FOREIGN KEY (tenant_id, base_id) REFERENCES invoices ON DELETE RESTRICT;
