-- The bytes of documents as they were issued: a later build, other fonts or another brand would set them differently.
-- Written by issued_document_keep (schema/views/26_issued.sql) only. See doc/documents.md.

CREATE TABLE issued_documents (
    tenant_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    format text NOT NULL CHECK (format ~ '^[a-z]{1,16}$'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    bytes bytea NOT NULL,
    build text NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, invoice_id, format),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices
);
COMMENT ON TABLE issued_documents IS 'Final documents in the bytes in which they were first made: kept for ever, never changed';
COMMENT ON COLUMN issued_documents.format IS 'pdf or ubl';
COMMENT ON COLUMN issued_documents.sha256 IS 'SHA-256 of bytes';
COMMENT ON COLUMN issued_documents.build IS 'What made them: versions of millibill and of the libraries that set type';
ALTER TABLE issued_documents ALTER COLUMN bytes SET STORAGE EXTERNAL; -- compressed inside already
