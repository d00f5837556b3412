-- What is taken from a document is written with its invoice, in one statement of invoices_write or invoice_write, and by nobody else; it goes
-- with a preview that is replaced, and with nothing else. A foreign key asked for the invoice of each such row again: a quarter of the time
-- of a rating run's writing. `millibill verify` (references) finds rows whose invoice is gone.
ALTER TABLE invoice_lines DROP CONSTRAINT invoice_lines_tenant_id_invoice_id_fkey;
ALTER TABLE invoice_free_tiers DROP CONSTRAINT invoice_free_tiers_tenant_id_invoice_id_fkey;
ALTER TABLE invoice_items DROP CONSTRAINT invoice_items_tenant_id_invoice_id_fkey;
-- An invoice's price book is that of its rating run, which has a foreign key.
ALTER TABLE invoices DROP CONSTRAINT invoices_price_book_sha256_fkey;
