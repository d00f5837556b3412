-- Roles, made by a superuser once for a cluster and once in each database of ours; may be run again. None has a password:
-- over the private Unix socket the cluster's own rules let them in, elsewhere an administrator sets passwords or
-- certificates.
DO $$
DECLARE
    role text;
    routine regprocedure;
BEGIN
    FOREACH role IN ARRAY ARRAY['millibill_owner', 'millibill_collector', 'millibill_compactor', 'millibill_rater',
                               'millibill_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'millibill_tenant') THEN
        CREATE ROLE millibill_tenant NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    -- What every role of a PostgreSQL database may do unless it is said otherwise, and no tenant should: temporary tables and
    -- functions, large objects, and our locks (who holds one stops sealing, migrations or the search for duplicates).
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    FOR routine IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
                      AND (p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
                           OR p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import')) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, millibill_collector, millibill_rater', routine);
        IF routine::text LIKE '%advisory%' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO millibill_owner, millibill_compactor', routine);
        END IF;
    END LOOP;
END $$;
COMMENT ON ROLE millibill_owner IS 'Owns the schema millibill; used by migrate and administration only';
COMMENT ON ROLE millibill_collector IS 'Inserts usage and adds to rollups through a definer function; changes nothing that is there';
COMMENT ON ROLE millibill_compactor IS 'Works on usage that is there: excludes duplicates, replays quarantine';
COMMENT ON ROLE millibill_rater IS 'Reads usage, writes invoices through definer functions';
COMMENT ON ROLE millibill_reader IS 'Reads the views';
COMMENT ON ROLE millibill_tenant IS 'What every tenant''s login may do: see `millibill tenant login`';
CREATE SCHEMA IF NOT EXISTS millibill AUTHORIZATION millibill_owner;
ALTER SCHEMA millibill OWNER TO millibill_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- A new function is closed until grants.sql opens it.
ALTER DEFAULT PRIVILEGES FOR ROLE millibill_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
