-- What becomes of a final invoice afterwards: it never changes, other documents refer to it. See doc/corrections.md.

ALTER TABLE invoices
    ADD COLUMN kind text NOT NULL DEFAULT 'invoice' CHECK (kind IN ('invoice', 'credit_note', 'void')),
    ADD COLUMN refers_to bigint,
    ADD FOREIGN KEY (tenant_id, refers_to) REFERENCES invoices,
    ADD CHECK (kind = 'invoice' OR state = 'final'),
    ADD CHECK ((kind = 'invoice') = (refers_to IS NULL));
COMMENT ON COLUMN invoices.kind IS 'invoice, credit_note (less is owed than an invoice said) or void (takes a whole document back)';
COMMENT ON COLUMN invoices.refers_to IS 'invoice_id of the document of the same tenant that a credit note or void is about';
COMMENT ON COLUMN invoices.revision IS 'From 0: how many final invoices of this tenant and period were made void before this one; of another kind: that of the document it refers to';

-- One final invoice for each tenant, period and revision; a document is taken back once.
DROP INDEX invoices_final;
CREATE UNIQUE INDEX invoices_final ON invoices (tenant_id, period_start, revision) WHERE kind = 'invoice' AND state = 'final';
CREATE UNIQUE INDEX invoices_void ON invoices (tenant_id, refers_to) WHERE kind = 'void';
CREATE INDEX invoices_credit_note ON invoices (tenant_id, refers_to) WHERE kind = 'credit_note';
