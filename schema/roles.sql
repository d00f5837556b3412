-- Roles, made by a superuser once for a cluster; may be run again. None has a password: over the private Unix socket the
-- cluster's own rules let them in, elsewhere an administrator sets passwords or certificates.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['millibill_owner', 'millibill_collector', 'millibill_compactor', 'millibill_rater',
                               'millibill_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role);
        END IF;
    END LOOP;
END $$;
COMMENT ON ROLE millibill_owner IS 'Owns the schema millibill; used by migrate and administration only';
COMMENT ON ROLE millibill_collector IS 'Inserts usage and adds to rollups through a definer function; changes nothing that is there';
COMMENT ON ROLE millibill_compactor IS 'Works on usage that is there: excludes duplicates, replays quarantine';
COMMENT ON ROLE millibill_rater IS 'Reads usage, writes invoices through definer functions';
COMMENT ON ROLE millibill_reader IS 'Reads the views';
CREATE SCHEMA IF NOT EXISTS millibill AUTHORIZATION millibill_owner;
ALTER SCHEMA millibill OWNER TO millibill_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
