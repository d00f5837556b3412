-- What the planner knows of a table comes from ANALYZE, and autovacuum comes by within a minute, or later where it has much to do, or never
-- where it is switched off. Until then a month that was filled at once is one row to the planner, and plans go wrong by orders of magnitude.
CREATE OR REPLACE FUNCTION statistics_keep() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    found record;
    looked_at integer := 0;
    page_bytes constant bigint := current_setting('block_size')::bigint;
BEGIN
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RETURN 0;
    END IF;
    -- Who holds a table for itself looks at it, or changes it; even its size would be waited for.
    FOR found IN WITH free AS MATERIALIZED (
                     SELECT c.oid, c.relname, c.relpages FROM pg_class c
                      WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind = 'r' AND c.relowner = 'millibill_owner'::regrole
                        AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.relation = c.oid AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                                           AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())))
                 SELECT f.relname FROM free f WHERE pg_relation_size(f.oid) / page_bytes > 2::bigint * f.relpages + 4 ORDER BY f.oid LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) millibill.%I', found.relname);
        looked_at := looked_at + 1;
    END LOOP;
    RETURN looked_at;
END $$;
COMMENT ON FUNCTION statistics_keep() IS 'Give the planner its statistics of every table that is more than twice as large as when it was looked at last (or never was); how many. Tables of up to four pages can wait';
