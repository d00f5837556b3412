-- Sums of whole UTC days, kept beside the hours so that dashboards are quick.
--
-- Whoever changes a rollup opens its day (rollup_days_touch, in the same transaction); a day that is open is read from its hours.
-- The sealer closes days that are over (rollup_days_close). That costs the way of a record nothing but a look whether its day is open
-- already, without a lock; so a day is closed in three steps, each in a transaction of its own, and any change in between opens it again:
--   0 -> 1  it is to be closed: whoever begins to change it from now on sees that, and opens it
--   1 -> 2  all who may have seen it open have a transaction number below wait_for
--   2 -> -  all of them are over: their changes can be seen, and the hours are added up under the row's lock

CREATE OR REPLACE FUNCTION rollup_days_close(quiet_s integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    most constant integer := 100;
    marked_tenants bigint[];
    marked_days date[];
    found record;
    closed date;
    changed bigint := 0;
    moved bigint := 0;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL OR current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'rollup_days_close needs a transaction of its own' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('millibill.days', 0)) THEN
        RETURN 0; -- another sealer is at it
    END IF;
    -- Marked by a transaction that is over, before this one has a number: whoever saw them open has a smaller one.
    SELECT array_agg(o.tenant_id), array_agg(o.day) INTO marked_tenants, marked_days FROM millibill.rollup_days_open o WHERE o.state = 1;
    UPDATE millibill.rollup_days_open o SET state = 2, wait_for = pg_current_xact_id()
      FROM (SELECT l.tenant_id, l.day FROM millibill.rollup_days_open l JOIN unnest(marked_tenants, marked_days) AS m(tenant_id, day) USING (tenant_id, day)
             WHERE l.state = 1 FOR UPDATE OF l SKIP LOCKED) AS free
     WHERE (o.tenant_id, o.day) = (free.tenant_id, free.day);
    GET DIAGNOSTICS changed = ROW_COUNT;
    FOR found IN SELECT o.tenant_id, o.day FROM millibill.rollup_days_open o
                  WHERE o.state = 2 AND o.wait_for <= pg_snapshot_xmin(pg_current_snapshot())
                  ORDER BY o.tenant_id, o.day LIMIT most FOR UPDATE SKIP LOCKED LOOP
        PERFORM millibill.rollup_days_partition(found.day);
        DELETE FROM millibill.rollup_days d WHERE d.tenant_id = found.tenant_id AND d.day = found.day;
        INSERT INTO millibill.rollup_days (tenant_id, day, config_id, invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes, max_memory_used_mb, max_duration_us, capacity_records, capacity_1s, capacity_300s)
        SELECT r.tenant_id, found.day, r.config_id,
           sum(r.invocations)::bigint AS invocations,
           sum(r.errors)::bigint AS errors,
           sum(r.timeouts)::bigint AS timeouts,
           sum(r.initializations)::bigint AS initializations,
           sum(r.duration_us)::bigint AS duration_us,
           sum(r.init_us)::bigint AS init_us,
           sum(r.duration_1ms)::bigint AS duration_1ms,
           sum(r.duration_100ms)::bigint AS duration_100ms,
           sum(r.with_init_1ms)::bigint AS with_init_1ms,
           sum(r.with_init_100ms)::bigint AS with_init_100ms,
           sum(r.cpu_us)::bigint AS cpu_us,
           sum(r.streamed_bytes)::bigint AS streamed_bytes,
           max(r.max_memory_used_mb) AS max_memory_used_mb,
           max(r.max_duration_us) AS max_duration_us,
           sum(r.capacity_records)::bigint AS capacity_records,
           sum(r.capacity_1s)::bigint AS capacity_1s,
           sum(r.capacity_300s)::bigint AS capacity_300s
          FROM millibill.rollups r
         WHERE r.tenant_id = found.tenant_id AND r.hour >= found.day::timestamp AT TIME ZONE 'UTC'
           AND r.hour < (found.day + 1)::timestamp AT TIME ZONE 'UTC'
         GROUP BY r.tenant_id, r.config_id;
        DELETE FROM millibill.rollup_days_open o WHERE o.tenant_id = found.tenant_id AND o.day = found.day;
        changed := changed + 1;
        closed := found.day;
    END LOOP;
    -- Plans go wrong by orders of magnitude where nothing is known of the table yet.
    IF closed IS NOT NULL THEN
        EXECUTE format('ANALYZE millibill.%I', 'rollup_days' || to_char(closed, '"_"YYYY"_"MM'));
    END IF;
    UPDATE millibill.rollup_days_open o SET state = 1
      FROM (SELECT l.tenant_id, l.day FROM millibill.rollup_days_open l
             WHERE l.state = 0 AND (l.day + 1)::timestamp AT TIME ZONE 'UTC' <= now() - quiet_s * interval '1 second'
             ORDER BY l.tenant_id, l.day LIMIT most FOR UPDATE SKIP LOCKED) AS over
     WHERE (o.tenant_id, o.day) = (over.tenant_id, over.day);
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN changed + moved;
END $$;
COMMENT ON FUNCTION rollup_days_close(integer) IS 'One step of closing days that ended quiet_s seconds ago or earlier; how many went a step further. Called until it answers 0';

CREATE OR REPLACE FUNCTION rollup_days_partition(of_day date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    child constant text := 'rollup_days' || to_char(of_day, '"_"YYYY"_"MM');
    first_day constant date := date_trunc('month', of_day::timestamp)::date;
BEGIN
    IF to_regclass('millibill.' || quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE millibill.%I (LIKE millibill.rollup_days INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
    EXECUTE format('ALTER TABLE millibill.rollup_days ATTACH PARTITION millibill.%I FOR VALUES FROM (%L) TO (%L)', child, first_day,
                   (first_day + interval '1 month')::date);
    EXECUTE format('ALTER TABLE millibill.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', child);
    EXECUTE format('REVOKE TRUNCATE ON TABLE millibill.%I FROM millibill_owner', child);
END $$;
COMMENT ON FUNCTION rollup_days_partition(date) IS 'Make the partition of rollup_days for the month of this day, unless it is there';

-- The hours of open days, and the sums of the others. What is read by tenants reaches them through the policies of both tables.
CREATE OR REPLACE VIEW rollups_daily AS
SELECT d.tenant_id, d.day, d.config_id, d.invocations, d.errors, d.timeouts, d.initializations, d.duration_us, d.init_us, d.duration_1ms, d.duration_100ms, d.with_init_1ms, d.with_init_100ms, d.cpu_us, d.streamed_bytes, d.max_memory_used_mb, d.max_duration_us,
       d.capacity_records, d.capacity_1s, d.capacity_300s
  FROM rollup_days d
 WHERE NOT EXISTS (SELECT FROM rollup_days_open o WHERE o.tenant_id = d.tenant_id AND o.day = d.day)
UNION ALL
SELECT o.tenant_id, o.day, r.config_id,
           sum(r.invocations)::bigint AS invocations,
           sum(r.errors)::bigint AS errors,
           sum(r.timeouts)::bigint AS timeouts,
           sum(r.initializations)::bigint AS initializations,
           sum(r.duration_us)::bigint AS duration_us,
           sum(r.init_us)::bigint AS init_us,
           sum(r.duration_1ms)::bigint AS duration_1ms,
           sum(r.duration_100ms)::bigint AS duration_100ms,
           sum(r.with_init_1ms)::bigint AS with_init_1ms,
           sum(r.with_init_100ms)::bigint AS with_init_100ms,
           sum(r.cpu_us)::bigint AS cpu_us,
           sum(r.streamed_bytes)::bigint AS streamed_bytes,
           max(r.max_memory_used_mb) AS max_memory_used_mb,
           max(r.max_duration_us) AS max_duration_us,
           sum(r.capacity_records)::bigint AS capacity_records,
           sum(r.capacity_1s)::bigint AS capacity_1s,
           sum(r.capacity_300s)::bigint AS capacity_300s
  FROM rollup_days_open o
  JOIN rollups r ON r.tenant_id = o.tenant_id AND r.hour >= o.day::timestamp AT TIME ZONE 'UTC'
                AND r.hour < (o.day + 1)::timestamp AT TIME ZONE 'UTC'
 GROUP BY o.tenant_id, o.day, r.config_id;
COMMENT ON VIEW rollups_daily IS 'One row for each tenant, UTC day and function configuration, by their numbers: what the views of usage and cost by day are made of';
COMMENT ON COLUMN rollups_daily.tenant_id IS 'Number of the tenant (tenants.tenant_id)';
COMMENT ON COLUMN rollups_daily.day IS 'UTC day';
COMMENT ON COLUMN rollups_daily.config_id IS 'Number of the function configuration (configs.config_id)';
COMMENT ON COLUMN rollups_daily.invocations IS 'Invocations that started on the day';
COMMENT ON COLUMN rollups_daily.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN rollups_daily.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN rollups_daily.initializations IS 'Invocations that began with an initialization (cold starts)';
COMMENT ON COLUMN rollups_daily.duration_us IS 'Sum of durations as measured, microseconds';
COMMENT ON COLUMN rollups_daily.init_us IS 'Sum of initializations as measured, microseconds';
COMMENT ON COLUMN rollups_daily.duration_1ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_daily.duration_100ms IS 'Sum of durations, each rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_daily.with_init_1ms IS 'Sum of (duration + initialization), each sum rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_daily.with_init_100ms IS 'Sum of (duration + initialization), each sum rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_daily.cpu_us IS 'Sum of CPU time, microseconds; 0 where records say none';
COMMENT ON COLUMN rollups_daily.streamed_bytes IS 'Sum of response bytes above 6 MB (6291456) of each streamed response';
COMMENT ON COLUMN rollups_daily.max_memory_used_mb IS 'Greatest memory seen in use, MB; 0 when no record said';
COMMENT ON COLUMN rollups_daily.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN rollups_daily.capacity_records IS 'Records of units kept ready, which are no invocations: a row may have these alone';
COMMENT ON COLUMN rollups_daily.capacity_1s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 1 s';
COMMENT ON COLUMN rollups_daily.capacity_300s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 300 s';
