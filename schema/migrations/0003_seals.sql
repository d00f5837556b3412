-- Seals: closed hours of evidence, digested and chained; heads that are signed outside of the database. See doc/seals.md.
-- Nobody but the owner may change or delete a row here; what the owner changes, `millibill verify` shows.

CREATE TABLE seal_heads (
    head_number bigint PRIMARY KEY CHECK (head_number > 0),
    incarnation bytea NOT NULL CHECK (octet_length(incarnation) = 16),
    receipt_from bigint NOT NULL,
    receipt_to bigint NOT NULL,
    books bigint NOT NULL,
    books_digest bytea NOT NULL CHECK (octet_length(books_digest) = 32),
    seals bigint NOT NULL,
    seals_digest bytea NOT NULL CHECK (octet_length(seals_digest) = 32),
    roots bigint NOT NULL,
    roots_digest bytea NOT NULL CHECK (octet_length(roots_digest) = 32),
    signed_at timestamptz NOT NULL,
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64)
);
COMMENT ON TABLE seal_heads IS 'One row for each transaction that sealed: what it sealed and what had come in, signed and chained; each is in the heads file too';
COMMENT ON COLUMN seal_heads.head_number IS 'From 1, without gaps';
COMMENT ON COLUMN seal_heads.incarnation IS 'Which database it was';
COMMENT ON COLUMN seal_heads.receipt_to IS 'Last receipt that was looked at; books cover receipt_from to receipt_to';
COMMENT ON COLUMN seal_heads.books_digest IS 'SHA-256 over the rows of ledger, losses and quarantine of these receipts; books counts them';
COMMENT ON COLUMN seal_heads.digest IS 'SHA-256 of the head, the digest before it included; what is signed (Ed25519)';

CREATE TABLE seals (
    tenant_id bigint NOT NULL REFERENCES tenants,
    seal_number bigint NOT NULL CHECK (seal_number > 0),
    head_number bigint NOT NULL REFERENCES seal_heads DEFERRABLE INITIALLY DEFERRED,
    hour timestamptz NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    receipt_from bigint NOT NULL,
    receipt_to bigint NOT NULL,
    records bigint NOT NULL,
    exclusions bigint NOT NULL,
    segment_ids bigint[] NOT NULL,
    segment_digests bytea NOT NULL,
    exclusions_digest bytea NOT NULL CHECK (octet_length(exclusions_digest) = 32),
    content_digest bytea NOT NULL CHECK (octet_length(content_digest) = 32),
    sealed_at timestamptz NOT NULL,
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (tenant_id, seal_number),
    UNIQUE (tenant_id, hour, revision),
    CHECK (octet_length(segment_digests) = 32 * cardinality(segment_ids))
);
COMMENT ON TABLE seals IS 'A closed hour of one tenant (or what came later: the next revision) as it was, chained in the order of sealing';
COMMENT ON COLUMN seals.seal_number IS 'From 1, without gaps, for each tenant';
COMMENT ON COLUMN seals.receipt_to IS 'The seal covers every segment and exclusion of its hour with a receipt from receipt_from to receipt_to';
COMMENT ON COLUMN seals.segment_digests IS 'One digest of 32 bytes for each of segment_ids: over id, receipt, records, payload and sources';
COMMENT ON COLUMN seals.content_digest IS 'SHA-256 over segment_digests and exclusions_digest';
COMMENT ON COLUMN seals.digest IS 'SHA-256 of the seal, the digest before it included';
CREATE INDEX seals_head ON seals (head_number);

CREATE TABLE seal_roots (
    tenant_id bigint NOT NULL REFERENCES tenants,
    month date NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    head_number bigint NOT NULL REFERENCES seal_heads,
    seals bigint NOT NULL,
    last_seal bigint NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    PRIMARY KEY (tenant_id, month, revision)
);
COMMENT ON TABLE seal_roots IS 'One digest over all seals of a tenant''s month, signed: what an invoice prints';
COMMENT ON COLUMN seal_roots.last_seal IS 'It covers the seals of the month''s hours up to this number';
CREATE INDEX seal_roots_head ON seal_roots (head_number);

-- Working state, no evidence: hours that have something new, and how far they were looked for.
CREATE TABLE seal_queue (
    tenant_id bigint NOT NULL REFERENCES tenants,
    hour timestamptz NOT NULL,
    last_receipt bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hour)
);
COMMENT ON TABLE seal_queue IS 'Hours with evidence that no seal covers yet';
CREATE TABLE seal_progress (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    scanned_receipt bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE seal_progress IS 'One row: everything up to this receipt is sealed or stands in seal_queue';
INSERT INTO seal_progress DEFAULT VALUES;

-- What sealing asks for. Evidence comes in the order of commits, so that a block range index stays small and exact.
CREATE INDEX segments_commit ON segments USING brin (commit_id) WITH (autosummarize = on);
CREATE INDEX exclusions_commit ON exclusions USING brin (commit_id) WITH (autosummarize = on);
CREATE INDEX ledger_commit ON ledger (commit_id);
CREATE INDEX losses_commit ON losses (commit_id);
CREATE INDEX quarantine_commit ON quarantine (commit_id);

ALTER TABLE rating_runs ADD COLUMN document_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN rating_runs.document_version IS '1: documents without evidence; 2: final documents name their seals';
