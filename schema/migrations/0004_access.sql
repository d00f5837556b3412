-- Keys that agents had before: still good until refused_from, and never anybody's again.
CREATE TABLE agent_former_keys (
    public_key text PRIMARY KEY CHECK (length(public_key) = 40),
    agent_id bigint NOT NULL REFERENCES agents,
    refused_from timestamptz NOT NULL
);
COMMENT ON TABLE agent_former_keys IS 'CURVE public keys that `millibill agent rotate` replaced';
CREATE INDEX agent_former_keys_agent ON agent_former_keys (agent_id);
