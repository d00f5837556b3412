-- When an account's service began and ends: fees and allowances of partial months, for price books that know them.

CREATE TABLE account_service (
    account_id bigint NOT NULL REFERENCES accounts,
    revision integer NOT NULL CHECK (revision > 0),
    service_from timestamptz,
    service_until timestamptz,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL,
    PRIMARY KEY (account_id, revision),
    CHECK (service_from IS NULL OR service_until IS NULL OR service_from < service_until)
);
COMMENT ON TABLE account_service IS 'When the service of an account begins and ends. Rows are only added: the highest revision holds';
COMMENT ON COLUMN account_service.service_from IS 'First instant of service; null: before all';
COMMENT ON COLUMN account_service.service_until IS 'First instant without service; null: after all';
