-- Which account a tenant belongs to from which month on. tenants.account_id is the one before all.

CREATE TABLE account_members (
    tenant_id bigint NOT NULL REFERENCES tenants,
    revision integer NOT NULL CHECK (revision > 0),
    from_month date NOT NULL CHECK (extract(day FROM from_month) = 1),
    account_id bigint NOT NULL REFERENCES accounts,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL,
    PRIMARY KEY (tenant_id, revision)
);
COMMENT ON TABLE account_members IS 'Which account a tenant belongs to from which month on. Rows are only added: of those whose from_month is not after a month the latest from_month holds, of equals the highest revision; before the first tenants.account_id';
COMMENT ON COLUMN account_members.revision IS 'From 1, without gaps, for each tenant';
COMMENT ON COLUMN account_members.set_by IS 'Who said so: the operating system''s user and host';
CREATE INDEX account_members_account ON account_members (account_id);
