-- Final invoices in the chain of heads: one that is deleted or replaced afterwards is missed by whoever has the heads file.
ALTER TABLE seal_heads
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN invoices bigint NOT NULL DEFAULT 0,
    ADD COLUMN invoices_digest bytea CHECK (octet_length(invoices_digest) = 32),
    ADD CHECK (version = 1 OR invoices_digest IS NOT NULL);
COMMENT ON COLUMN seal_heads.version IS 'Form of the head: 1 knows nothing of invoices, 2 covers them';
COMMENT ON COLUMN seal_heads.invoices_digest IS 'SHA-256 over the rows of seal_invoices with this head; invoices counts them';

CREATE TABLE seal_invoices (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    head_number bigint NOT NULL REFERENCES seal_heads DEFERRABLE INITIALLY DEFERRED,
    number text NOT NULL,
    document_sha256 bytea NOT NULL CHECK (octet_length(document_sha256) = 32),
    PRIMARY KEY (tenant_id, invoice_id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices
);
COMMENT ON TABLE seal_invoices IS 'Each final invoice as it was when a head was signed over it';
CREATE INDEX seal_invoices_head ON seal_invoices (head_number);
