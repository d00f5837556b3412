-- Documents in the bytes in which they were issued.

-- The first bytes stay: who comes second (another process, a later build) gets those.
CREATE OR REPLACE FUNCTION issued_document_keep(p_tenant_id bigint, p_invoice_id bigint, p_format text, p_bytes bytea, p_build text)
RETURNS TABLE (bytes bytea, sha256 bytea, build text, kept_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM millibill.invoices i WHERE i.tenant_id = p_tenant_id AND i.invoice_id = p_invoice_id AND i.state = 'final') THEN
        RAISE EXCEPTION 'tenant % has no final document %', p_tenant_id, p_invoice_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO millibill.issued_documents (tenant_id, invoice_id, format, sha256, bytes, build)
        VALUES (p_tenant_id, p_invoice_id, p_format, pg_catalog.sha256(p_bytes), p_bytes, p_build) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT d.bytes, d.sha256, d.build, d.kept_at FROM millibill.issued_documents d
                  WHERE d.tenant_id = p_tenant_id AND d.invoice_id = p_invoice_id AND d.format = p_format;
END $$;
COMMENT ON FUNCTION issued_document_keep(bigint, bigint, text, bytea, text) IS 'Keep the bytes of a final document, unless there are some; returns those that stand';

CREATE OR REPLACE VIEW documents_issued AS
SELECT t.name AS tenant, i.number, i.kind, i.period_start, d.format, encode(d.sha256, 'hex') AS sha256, octet_length(d.bytes) AS size_bytes, d.build,
       d.kept_at
  FROM issued_documents d
  JOIN invoices i ON i.tenant_id = d.tenant_id AND i.invoice_id = d.invoice_id
  JOIN tenants t ON t.tenant_id = d.tenant_id;
COMMENT ON VIEW documents_issued IS 'One row for each final document and format that was issued: the bytes are kept in the table issued_documents';
COMMENT ON COLUMN documents_issued.sha256 IS 'Of the bytes, lower-case hex';
COMMENT ON COLUMN documents_issued.size_bytes IS 'Length of the file, bytes';
COMMENT ON COLUMN documents_issued.build IS 'What made them: versions of millibill and of the libraries that set type';
COMMENT ON COLUMN documents_issued.kept_at IS 'When they were made first, UTC';
COMMENT ON COLUMN documents_issued.tenant IS 'Who is billed';
COMMENT ON COLUMN documents_issued.number IS 'Number of the document';
COMMENT ON COLUMN documents_issued.kind IS 'invoice, credit_note or void';
COMMENT ON COLUMN documents_issued.period_start IS 'First instant of the period, UTC';
COMMENT ON COLUMN documents_issued.format IS 'pdf or ubl';
