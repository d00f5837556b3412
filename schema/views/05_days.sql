-- Sums of whole UTC days and months, kept beside the hours so that dashboards are quick.
--
-- Whoever changes a rollup opens its day (rollup_days_touch, in the same transaction); a day that is open is read from its hours.
-- The sealer closes days that are over (rollup_days_close). That costs the way of a record nothing but a look whether its day is open
-- already, without a lock; so a day is closed in three steps, each in a transaction of its own, and any change in between opens it again:
--   0 -> 1  it is to be closed: whoever begins to change it from now on sees that, and opens it
--   1 -> 2  all who may have seen it open have a transaction number below wait_for
--   2 -> -  all of them are over: their changes can be seen, and the hours are added up under the row's lock
--
-- With the sums of a day (rollup_days) its sums by kind of configuration (rollup_day_kinds) are made, and those of its month
-- (rollup_months), which are those of all days that stand in rollup_days. A day that was closed and is open again is in its month with
-- what it once was: such a month is read from its days. A day that is open for the first time (this one) is not in it: its hours are added.

-- What ran between two hours, from the greatest pieces that there are: whole months, else whole days, else hours. In PL/pgSQL, which keeps
-- its plans: it is asked for one tenant after the other. (OFFSET 0: by the index, once for each part.)
CREATE OR REPLACE FUNCTION rollup_between(of_tenant bigint, from_hour timestamptz, until_hour timestamptz) RETURNS SETOF rollup_months
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 50 COST 10000 SET search_path = pg_catalog, millibill, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    first_day constant date := ((from_hour - interval '1 microsecond') AT TIME ZONE 'UTC')::date + 1;
    end_day constant date := (until_hour AT TIME ZONE 'UTC')::date;
    first_month constant date := (date_trunc('month', (from_hour AT TIME ZONE 'UTC') - interval '1 microsecond') + interval '1 month')::date;
    end_month constant date := date_trunc('month', until_hour AT TIME ZONE 'UTC')::date;
    open_days date[];
    other_months date[]; -- they hold a day as it was before it was opened again
    days daterange[];
    hours tstzrange[];
BEGIN
    SELECT coalesce(array_agg(o.day), '{}'), coalesce(array_agg(DISTINCT date_trunc('month', o.day::timestamp)::date)
               FILTER (WHERE EXISTS (SELECT FROM millibill.rollup_days d WHERE d.tenant_id = of_tenant AND d.day = o.day)), '{}')
      INTO open_days, other_months
      FROM millibill.rollup_days_open o WHERE o.tenant_id = of_tenant AND o.day >= first_day AND o.day < end_day;
    IF first_month < end_month THEN
        days := ARRAY[daterange(first_day, first_month), daterange(end_month, end_day)]
             || ARRAY(SELECT daterange(m, (m + interval '1 month')::date) FROM unnest(other_months) m WHERE m >= first_month AND m < end_month);
    ELSIF first_day < end_day THEN
        days := ARRAY[daterange(first_day, end_day)];
    END IF;
    hours := ARRAY(SELECT tstzrange(o::timestamp AT TIME ZONE 'UTC', (o + 1)::timestamp AT TIME ZONE 'UTC') FROM unnest(open_days) o);
    IF first_day <= end_day THEN
        hours := hours || tstzrange(from_hour, first_day::timestamp AT TIME ZONE 'UTC') || tstzrange(end_day::timestamp AT TIME ZONE 'UTC', until_hour);
    ELSE
        hours := hours || tstzrange(from_hour, until_hour);
    END IF;
    RETURN QUERY
    SELECT of_tenant, from_hour, s.config_id,
           sum(s.invocations)::bigint, sum(s.errors)::bigint, sum(s.timeouts)::bigint, sum(s.initializations)::bigint, sum(s.duration_us)::bigint,
           sum(s.init_us)::bigint, sum(s.duration_1ms)::bigint, sum(s.duration_100ms)::bigint, sum(s.with_init_1ms)::bigint,
           sum(s.with_init_100ms)::bigint, sum(s.cpu_us)::bigint, sum(s.streamed_bytes)::bigint, max(s.max_memory_used_mb),
           max(s.max_duration_us), sum(s.capacity_records)::bigint, sum(s.capacity_1s)::bigint, sum(s.capacity_300s)::bigint
      FROM (SELECT m.config_id,
                   m.invocations, m.errors, m.timeouts, m.initializations, m.duration_us, m.init_us, m.duration_1ms, m.duration_100ms, m.with_init_1ms,
                   m.with_init_100ms, m.cpu_us, m.streamed_bytes, m.max_memory_used_mb, m.max_duration_us, m.capacity_records,
                   m.capacity_1s, m.capacity_300s
              FROM millibill.rollup_months m
             WHERE m.tenant_id = of_tenant AND m.month >= first_month::timestamp AT TIME ZONE 'UTC' AND m.month < end_month::timestamp AT TIME ZONE 'UTC'
               AND (m.month AT TIME ZONE 'UTC')::date <> ALL (other_months)
            UNION ALL
            SELECT d.config_id,
                   d.invocations, d.errors, d.timeouts, d.initializations, d.duration_us, d.init_us, d.duration_1ms, d.duration_100ms, d.with_init_1ms,
                   d.with_init_100ms, d.cpu_us, d.streamed_bytes, d.max_memory_used_mb, d.max_duration_us, d.capacity_records,
                   d.capacity_1s, d.capacity_300s
              FROM unnest(days) AS p(part)
             CROSS JOIN LATERAL (SELECT * FROM millibill.rollup_days l WHERE l.tenant_id = of_tenant AND l.day >= lower(p.part) AND l.day < upper(p.part)
                                 OFFSET 0) AS d
             WHERE d.day <> ALL (open_days)
            UNION ALL
            SELECT r.config_id,
                   r.invocations, r.errors, r.timeouts, r.initializations, r.duration_us, r.init_us, r.duration_1ms, r.duration_100ms, r.with_init_1ms,
                   r.with_init_100ms, r.cpu_us, r.streamed_bytes, r.max_memory_used_mb, r.max_duration_us, r.capacity_records,
                   r.capacity_1s, r.capacity_300s
              FROM unnest(hours) AS p(part)
             CROSS JOIN LATERAL (SELECT * FROM millibill.rollups l WHERE l.tenant_id = of_tenant AND l.hour >= lower(p.part) AND l.hour < upper(p.part)
                                 OFFSET 0) AS r) AS s
     GROUP BY s.config_id;
END $$;
COMMENT ON FUNCTION rollup_between(bigint, timestamptz, timestamptz) IS 'Sums of one tenant between two hours, one row for each configuration (month: the first of the two hours), from sums of months and days where they stand';

-- What ran between two hours, from these alone. This function and the next are no more than a text for whoever asks: they become part of the
-- statement (no SET, bound when they are made), which adds up only the columns that it needs, and plans once for all tenants.
CREATE OR REPLACE FUNCTION rollup_hours_between(of_tenant bigint, from_hour timestamptz, until_hour timestamptz) RETURNS SETOF rollup_months
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 COST 10000
BEGIN ATOMIC
    SELECT of_tenant, from_hour, r.config_id,
           sum(r.invocations)::bigint AS invocations, sum(r.errors)::bigint AS errors, sum(r.timeouts)::bigint AS timeouts,
           sum(r.initializations)::bigint AS initializations, sum(r.duration_us)::bigint AS duration_us, sum(r.init_us)::bigint AS init_us,
           sum(r.duration_1ms)::bigint AS duration_1ms, sum(r.duration_100ms)::bigint AS duration_100ms,
           sum(r.with_init_1ms)::bigint AS with_init_1ms, sum(r.with_init_100ms)::bigint AS with_init_100ms, sum(r.cpu_us)::bigint AS cpu_us,
           sum(r.streamed_bytes)::bigint AS streamed_bytes, max(r.max_memory_used_mb) AS max_memory_used_mb,
           max(r.max_duration_us) AS max_duration_us, sum(r.capacity_records)::bigint AS capacity_records,
           sum(r.capacity_1s)::bigint AS capacity_1s, sum(r.capacity_300s)::bigint AS capacity_300s
      FROM rollups r
     WHERE r.tenant_id = of_tenant AND r.hour >= from_hour AND r.hour < until_hour
     GROUP BY r.config_id;
END;
COMMENT ON FUNCTION rollup_hours_between(bigint, timestamptz, timestamptz) IS 'Sums of one tenant between two hours, one row for each configuration (month: the first of the two hours), from the hours: of a day that is open';

CREATE OR REPLACE FUNCTION rollup_kinds_between(of_tenant bigint, from_hour timestamptz, until_hour timestamptz) RETURNS SETOF rollup_day_kinds
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 COST 10000
BEGIN ATOMIC
    SELECT of_tenant, (from_hour AT TIME ZONE 'UTC')::date, s.kind,
           sum(s.invocations)::bigint, sum(s.errors)::bigint, sum(s.timeouts)::bigint, sum(s.initializations)::bigint, sum(s.duration_1ms)::bigint,
           sum(s.duration_100ms)::bigint, sum(s.with_init_1ms)::bigint, sum(s.with_init_100ms)::bigint, sum(s.cpu_us)::bigint,
           sum(s.streamed_bytes)::bigint, max(s.max_memory_used_mb), max(s.max_duration_us), sum(s.capacity_records)::bigint,
           sum(s.capacity_1s)::bigint, sum(s.capacity_300s)::bigint,
           sum(s.duration_1ms::numeric * s.memory_mb), sum(s.duration_100ms::numeric * s.memory_mb), sum(s.with_init_1ms::numeric * s.memory_mb),
           sum(s.with_init_100ms::numeric * s.memory_mb), sum(s.capacity_1s::numeric * s.memory_mb), sum(s.capacity_300s::numeric *
           s.memory_mb),
           array_agg(s.memory_mb ORDER BY s.memory_mb, s.ephemeral_mb), array_agg(s.ephemeral_mb ORDER BY s.memory_mb, s.ephemeral_mb),
           array_agg(s.duration_1ms ORDER BY s.memory_mb, s.ephemeral_mb), array_agg(s.duration_100ms ORDER BY s.memory_mb,
           s.ephemeral_mb), array_agg(s.with_init_1ms ORDER BY s.memory_mb, s.ephemeral_mb), array_agg(s.with_init_100ms ORDER BY
           s.memory_mb, s.ephemeral_mb)
      FROM (SELECT c.kind, c.memory_mb, c.ephemeral_mb,
                   sum(u.invocations)::bigint AS invocations, sum(u.errors)::bigint AS errors, sum(u.timeouts)::bigint AS timeouts,
                   sum(u.initializations)::bigint AS initializations, sum(u.duration_1ms)::bigint AS duration_1ms,
                   sum(u.duration_100ms)::bigint AS duration_100ms, sum(u.with_init_1ms)::bigint AS with_init_1ms,
                   sum(u.with_init_100ms)::bigint AS with_init_100ms, sum(u.cpu_us)::bigint AS cpu_us, sum(u.streamed_bytes)::bigint AS
                   streamed_bytes, max(u.max_memory_used_mb) AS max_memory_used_mb, max(u.max_duration_us) AS max_duration_us,
                   sum(u.capacity_records)::bigint AS capacity_records, sum(u.capacity_1s)::bigint AS capacity_1s,
                   sum(u.capacity_300s)::bigint AS capacity_300s
              FROM rollup_hours_between(of_tenant, from_hour, until_hour) u
              JOIN configs c ON c.tenant_id = of_tenant AND c.config_id = u.config_id
             GROUP BY c.kind, c.memory_mb, c.ephemeral_mb) AS s
     GROUP BY s.kind;
END;
COMMENT ON FUNCTION rollup_kinds_between(bigint, timestamptz, timestamptz) IS 'Sums of one tenant between two hours, one row for each kind of configuration (day: that of the first of the two hours), from the hours';

CREATE OR REPLACE FUNCTION rollup_days_close(quiet_s integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    most constant integer := 100;
    marked_tenants bigint[];
    marked_days date[];
    found record;
    closed_tenants bigint[] := '{}';
    closed_days date[] := '{}';
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
    FOR found IN SELECT o.tenant_id, o.day, o.day::timestamp AT TIME ZONE 'UTC' AS from_hour, (o.day + 1)::timestamp AT TIME ZONE 'UTC' AS until_hour
                   FROM millibill.rollup_days_open o WHERE o.state = 2 AND o.wait_for <= pg_snapshot_xmin(pg_current_snapshot())
                  ORDER BY o.tenant_id, o.day LIMIT most FOR UPDATE SKIP LOCKED LOOP
        PERFORM millibill.rollup_days_partition(found.day);
        DELETE FROM millibill.rollup_days d WHERE d.tenant_id = found.tenant_id AND d.day = found.day;
        DELETE FROM millibill.rollup_day_kinds d WHERE d.tenant_id = found.tenant_id AND d.day = found.day;
        INSERT INTO millibill.rollup_days (tenant_id, day, config_id,
               invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms,
               cpu_us, streamed_bytes, max_memory_used_mb, max_duration_us, capacity_records, capacity_1s, capacity_300s)
        SELECT s.tenant_id, found.day, s.config_id,
               s.invocations, s.errors, s.timeouts, s.initializations, s.duration_us, s.init_us, s.duration_1ms, s.duration_100ms, s.with_init_1ms,
               s.with_init_100ms, s.cpu_us, s.streamed_bytes, s.max_memory_used_mb, s.max_duration_us, s.capacity_records, s.capacity_1s,
               s.capacity_300s
          FROM millibill.rollup_hours_between(found.tenant_id, found.from_hour, found.until_hour) s;
        DELETE FROM millibill.rollup_days_open o WHERE o.tenant_id = found.tenant_id AND o.day = found.day;
        INSERT INTO millibill.rollup_day_kinds
        SELECT s.* FROM millibill.rollup_kinds_between(found.tenant_id, found.from_hour, found.until_hour) s;
        changed := changed + 1;
        closed_tenants := closed_tenants || found.tenant_id;
        closed_days := closed_days || found.day;
    END LOOP;
    FOR found IN SELECT DISTINCT u.tenant_id, date_trunc('month', u.day::timestamp)::date AS first_day
                   FROM unnest(closed_tenants, closed_days) AS u(tenant_id, day) LOOP
        DELETE FROM millibill.rollup_months m WHERE m.tenant_id = found.tenant_id AND m.month = found.first_day::timestamp AT TIME ZONE 'UTC';
        INSERT INTO millibill.rollup_months (tenant_id, month, config_id,
               invocations, errors, timeouts, initializations, duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms,
               cpu_us, streamed_bytes, max_memory_used_mb, max_duration_us, capacity_records, capacity_1s, capacity_300s)
        SELECT d.tenant_id, found.first_day::timestamp AT TIME ZONE 'UTC', d.config_id,
               sum(d.invocations)::bigint, sum(d.errors)::bigint, sum(d.timeouts)::bigint, sum(d.initializations)::bigint, sum(d.duration_us)::bigint,
               sum(d.init_us)::bigint, sum(d.duration_1ms)::bigint, sum(d.duration_100ms)::bigint, sum(d.with_init_1ms)::bigint,
               sum(d.with_init_100ms)::bigint, sum(d.cpu_us)::bigint, sum(d.streamed_bytes)::bigint, max(d.max_memory_used_mb),
               max(d.max_duration_us), sum(d.capacity_records)::bigint, sum(d.capacity_1s)::bigint, sum(d.capacity_300s)::bigint
          FROM millibill.rollup_days d
         WHERE d.tenant_id = found.tenant_id AND d.day >= found.first_day AND d.day < (found.first_day + interval '1 month')::date
         GROUP BY d.tenant_id, d.config_id;
    END LOOP;
    -- Plans go wrong by orders of magnitude where nothing is known of the table yet.
    IF cardinality(closed_days) > 0 THEN
        EXECUTE format('ANALYZE millibill.%I, millibill.%I, millibill.rollup_months',
                       'rollup_days' || to_char(closed_days[cardinality(closed_days)], '"_"YYYY"_"MM'),
                       'rollup_day_kinds' || to_char(closed_days[cardinality(closed_days)], '"_"YYYY"_"MM'));
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
    child text;
    parent text;
    first_day constant date := date_trunc('month', of_day::timestamp)::date;
BEGIN
    FOREACH parent IN ARRAY ARRAY['rollup_days', 'rollup_day_kinds'] LOOP
        child := parent || to_char(of_day, '"_"YYYY"_"MM');
        CONTINUE WHEN to_regclass('millibill.' || quote_ident(child)) IS NOT NULL;
        EXECUTE format('CREATE TABLE millibill.%I (LIKE millibill.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
        EXECUTE format('ALTER TABLE millibill.%I ATTACH PARTITION millibill.%I FOR VALUES FROM (%L) TO (%L)', parent, child, first_day,
                       (first_day + interval '1 month')::date);
        EXECUTE format('ALTER TABLE millibill.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', child);
        EXECUTE format('REVOKE TRUNCATE ON TABLE millibill.%I FROM millibill_owner', child);
    END LOOP;
END $$;
COMMENT ON FUNCTION rollup_days_partition(date) IS 'Make the partitions of rollup_days and rollup_day_kinds for the month of this day, unless they are there';

-- The hours of open days, and the sums of the others. What is read by tenants reaches them through the policies of all tables. Each half
-- has the tenant's name for itself: a condition on it is asked of the half's own tables, before anything is added up.
CREATE OR REPLACE VIEW rollups_daily AS
SELECT d.tenant_id, d.day, d.config_id,
       d.invocations, d.errors, d.timeouts, d.initializations, d.duration_us, d.init_us, d.duration_1ms, d.duration_100ms, d.with_init_1ms,
       d.with_init_100ms, d.cpu_us, d.streamed_bytes, d.max_memory_used_mb, d.max_duration_us, d.capacity_records, d.capacity_1s,
       d.capacity_300s, t.name AS tenant, t.account_id
  FROM rollup_days d
  JOIN tenants t ON t.tenant_id = d.tenant_id
 WHERE NOT EXISTS (SELECT FROM rollup_days_open o WHERE o.tenant_id = d.tenant_id AND o.day = d.day)
UNION ALL
SELECT o.tenant_id, o.day, s.config_id,
       s.invocations, s.errors, s.timeouts, s.initializations, s.duration_us, s.init_us, s.duration_1ms, s.duration_100ms, s.with_init_1ms,
       s.with_init_100ms, s.cpu_us, s.streamed_bytes, s.max_memory_used_mb, s.max_duration_us, s.capacity_records, s.capacity_1s,
       s.capacity_300s, t.name, t.account_id
  FROM rollup_days_open o
  JOIN tenants t ON t.tenant_id = o.tenant_id
 CROSS JOIN LATERAL rollup_hours_between(o.tenant_id, o.day::timestamp AT TIME ZONE 'UTC', (o.day + 1)::timestamp AT TIME ZONE 'UTC') s;
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
COMMENT ON COLUMN rollups_daily.tenant IS 'Who is billed';
COMMENT ON COLUMN rollups_daily.account_id IS 'Number of the account in which the tenant began (tenants.account_id)';

CREATE OR REPLACE VIEW rollups_daily_by_kind AS
SELECT d.tenant_id, d.day, d.kind,
       d.invocations, d.errors, d.timeouts, d.initializations, d.duration_1ms, d.duration_100ms, d.with_init_1ms, d.with_init_100ms, d.cpu_us,
       d.streamed_bytes, d.max_memory_used_mb, d.max_duration_us, d.capacity_records, d.capacity_1s, d.capacity_300s, d.mb_duration_1ms,
       d.mb_duration_100ms, d.mb_with_init_1ms, d.mb_with_init_100ms, d.mb_capacity_1s, d.mb_capacity_300s, d.sizes_memory_mb,
       d.sizes_ephemeral_mb, d.sizes_duration_1ms, d.sizes_duration_100ms, d.sizes_with_init_1ms, d.sizes_with_init_100ms, t.name AS tenant, t.account_id
  FROM rollup_day_kinds d
  JOIN tenants t ON t.tenant_id = d.tenant_id
 WHERE NOT EXISTS (SELECT FROM rollup_days_open o WHERE o.tenant_id = d.tenant_id AND o.day = d.day)
UNION ALL
SELECT o.tenant_id, o.day, s.kind,
       s.invocations, s.errors, s.timeouts, s.initializations, s.duration_1ms, s.duration_100ms, s.with_init_1ms, s.with_init_100ms, s.cpu_us,
       s.streamed_bytes, s.max_memory_used_mb, s.max_duration_us, s.capacity_records, s.capacity_1s, s.capacity_300s, s.mb_duration_1ms,
       s.mb_duration_100ms, s.mb_with_init_1ms, s.mb_with_init_100ms, s.mb_capacity_1s, s.mb_capacity_300s, s.sizes_memory_mb,
       s.sizes_ephemeral_mb, s.sizes_duration_1ms, s.sizes_duration_100ms, s.sizes_with_init_1ms, s.sizes_with_init_100ms, t.name, t.account_id
  FROM rollup_days_open o
  JOIN tenants t ON t.tenant_id = o.tenant_id
 CROSS JOIN LATERAL rollup_kinds_between(o.tenant_id, o.day::timestamp AT TIME ZONE 'UTC', (o.day + 1)::timestamp AT TIME ZONE 'UTC') s;
COMMENT ON VIEW rollups_daily_by_kind IS 'One row for each tenant, UTC day and kind of configuration: what a line of an invoice counts together';
COMMENT ON COLUMN rollups_daily_by_kind.tenant_id IS 'Number of the tenant (tenants.tenant_id)';
COMMENT ON COLUMN rollups_daily_by_kind.day IS 'UTC day';
COMMENT ON COLUMN rollups_daily_by_kind.kind IS 'Mode, package, architecture and region of the configurations, as records named them (configs.kind)';
COMMENT ON COLUMN rollups_daily_by_kind.invocations IS 'Invocations that started on the day';
COMMENT ON COLUMN rollups_daily_by_kind.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN rollups_daily_by_kind.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN rollups_daily_by_kind.initializations IS 'Invocations that began with an initialization (cold starts)';
COMMENT ON COLUMN rollups_daily_by_kind.duration_1ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_daily_by_kind.duration_100ms IS 'Sum of durations, each rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_daily_by_kind.with_init_1ms IS 'Sum of (duration + initialization), each sum rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_daily_by_kind.with_init_100ms IS 'Sum of (duration + initialization), each sum rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_daily_by_kind.cpu_us IS 'Sum of CPU time, microseconds; 0 where records say none';
COMMENT ON COLUMN rollups_daily_by_kind.streamed_bytes IS 'Sum of response bytes above 6 MB (6291456) of each streamed response';
COMMENT ON COLUMN rollups_daily_by_kind.max_memory_used_mb IS 'Greatest memory seen in use, MB; 0 when no record said';
COMMENT ON COLUMN rollups_daily_by_kind.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN rollups_daily_by_kind.capacity_records IS 'Records of units kept ready, which are no invocations: a row may have these alone';
COMMENT ON COLUMN rollups_daily_by_kind.capacity_1s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 1 s';
COMMENT ON COLUMN rollups_daily_by_kind.capacity_300s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 300 s';
COMMENT ON COLUMN rollups_daily_by_kind.mb_duration_1ms IS 'Sum of duration_1ms times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.mb_duration_100ms IS 'Sum of duration_100ms times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.mb_with_init_1ms IS 'Sum of with_init_1ms times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.mb_with_init_100ms IS 'Sum of with_init_100ms times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.mb_capacity_1s IS 'Sum of capacity_1s times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.mb_capacity_300s IS 'Sum of capacity_300s times memory_mb of each configuration';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_memory_mb IS 'Memory sizes of the configurations, MB, ascending';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_ephemeral_mb IS 'Ephemeral storage size at each place of sizes_memory_mb, MB';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_duration_1ms IS 'Part of duration_1ms at each place of sizes_memory_mb';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_duration_100ms IS 'Part of duration_100ms at each place of sizes_memory_mb';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_with_init_1ms IS 'Part of with_init_1ms at each place of sizes_memory_mb';
COMMENT ON COLUMN rollups_daily_by_kind.sizes_with_init_100ms IS 'Part of with_init_100ms at each place of sizes_memory_mb';
COMMENT ON COLUMN rollups_daily_by_kind.tenant IS 'Who is billed';
COMMENT ON COLUMN rollups_daily_by_kind.account_id IS 'Number of the account in which the tenant began (tenants.account_id)';

-- Months with open days. Where all of them are open for the first time, what stands in rollup_months is right and their hours come to it.
CREATE OR REPLACE FUNCTION rollup_month_and_hours(of_tenant bigint, of_month timestamptz) RETURNS SETOF rollup_months
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 COST 10000
BEGIN ATOMIC
    SELECT of_tenant, of_month, r.config_id,
           sum(r.invocations)::bigint AS invocations, sum(r.errors)::bigint AS errors, sum(r.timeouts)::bigint AS timeouts,
           sum(r.initializations)::bigint AS initializations, sum(r.duration_us)::bigint AS duration_us, sum(r.init_us)::bigint AS init_us,
           sum(r.duration_1ms)::bigint AS duration_1ms, sum(r.duration_100ms)::bigint AS duration_100ms,
           sum(r.with_init_1ms)::bigint AS with_init_1ms, sum(r.with_init_100ms)::bigint AS with_init_100ms, sum(r.cpu_us)::bigint AS cpu_us,
           sum(r.streamed_bytes)::bigint AS streamed_bytes, max(r.max_memory_used_mb) AS max_memory_used_mb,
           max(r.max_duration_us) AS max_duration_us, sum(r.capacity_records)::bigint AS capacity_records,
           sum(r.capacity_1s)::bigint AS capacity_1s, sum(r.capacity_300s)::bigint AS capacity_300s
      FROM (SELECT m.config_id, m.invocations, m.errors, m.timeouts, m.initializations, m.duration_us, m.init_us, m.duration_1ms, m.duration_100ms,
                   m.with_init_1ms, m.with_init_100ms, m.cpu_us, m.streamed_bytes, m.max_memory_used_mb, m.max_duration_us, m.capacity_records,
                   m.capacity_1s, m.capacity_300s
              FROM rollup_months m
             WHERE m.tenant_id = of_tenant AND m.month = of_month
            UNION ALL
            SELECT h.config_id, h.invocations, h.errors, h.timeouts, h.initializations, h.duration_us, h.init_us, h.duration_1ms, h.duration_100ms,
                   h.with_init_1ms, h.with_init_100ms, h.cpu_us, h.streamed_bytes, h.max_memory_used_mb, h.max_duration_us, h.capacity_records,
                   h.capacity_1s, h.capacity_300s
              FROM rollup_days_open o
             CROSS JOIN LATERAL rollup_hours_between(of_tenant, o.day::timestamp AT TIME ZONE 'UTC', (o.day + 1)::timestamp AT TIME ZONE 'UTC') h
             WHERE o.tenant_id = of_tenant AND o.day >= (of_month AT TIME ZONE 'UTC')::date
               AND o.day < ((of_month AT TIME ZONE 'UTC') + interval '1 month')::date) AS r
     GROUP BY r.config_id;
END;
COMMENT ON FUNCTION rollup_month_and_hours(bigint, timestamptz) IS 'Sums of one tenant in a UTC month, one row for each configuration: what stands in rollup_months, and the hours of open days, each of which is open for the first time';

CREATE OR REPLACE VIEW rollups_monthly AS
SELECT m.tenant_id, m.month, m.config_id,
       m.invocations, m.errors, m.timeouts, m.initializations, m.duration_us, m.init_us, m.duration_1ms, m.duration_100ms, m.with_init_1ms,
       m.with_init_100ms, m.cpu_us, m.streamed_bytes, m.max_memory_used_mb, m.max_duration_us, m.capacity_records, m.capacity_1s,
       m.capacity_300s, t.name AS tenant, t.account_id
  FROM rollup_months m
  JOIN tenants t ON t.tenant_id = m.tenant_id
 WHERE NOT EXISTS (SELECT FROM rollup_days_open o WHERE o.tenant_id = m.tenant_id AND date_trunc('month', o.day::timestamp) AT TIME ZONE 'UTC' = m.month)
UNION ALL
SELECT o.tenant_id, o.month, s.config_id,
       s.invocations, s.errors, s.timeouts, s.initializations, s.duration_us, s.init_us, s.duration_1ms, s.duration_100ms, s.with_init_1ms,
       s.with_init_100ms, s.cpu_us, s.streamed_bytes, s.max_memory_used_mb, s.max_duration_us, s.capacity_records, s.capacity_1s,
       s.capacity_300s, o.tenant, o.account_id
  FROM (SELECT l.tenant_id, date_trunc('month', l.day::timestamp) AT TIME ZONE 'UTC' AS month, t.name AS tenant, t.account_id,
               bool_or(EXISTS (SELECT FROM rollup_days d WHERE d.tenant_id = l.tenant_id AND d.day = l.day)) AS again
          FROM rollup_days_open l
          JOIN tenants t ON t.tenant_id = l.tenant_id
         GROUP BY 1, 2, 3, 4) AS o
 CROSS JOIN LATERAL rollup_month_and_hours(o.tenant_id, o.month) s
 WHERE NOT o.again
UNION ALL
SELECT o.tenant_id, o.month, s.config_id,
       s.invocations, s.errors, s.timeouts, s.initializations, s.duration_us, s.init_us, s.duration_1ms, s.duration_100ms, s.with_init_1ms,
       s.with_init_100ms, s.cpu_us, s.streamed_bytes, s.max_memory_used_mb, s.max_duration_us, s.capacity_records, s.capacity_1s,
       s.capacity_300s, o.tenant, o.account_id
  FROM (SELECT l.tenant_id, date_trunc('month', l.day::timestamp) AT TIME ZONE 'UTC' AS month, t.name AS tenant, t.account_id,
               bool_or(EXISTS (SELECT FROM rollup_days d WHERE d.tenant_id = l.tenant_id AND d.day = l.day)) AS again
          FROM rollup_days_open l
          JOIN tenants t ON t.tenant_id = l.tenant_id
         GROUP BY 1, 2, 3, 4) AS o
 CROSS JOIN LATERAL rollup_between(o.tenant_id, o.month, ((o.month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC') s
 WHERE o.again;
COMMENT ON VIEW rollups_monthly IS 'One row for each tenant, UTC month and function configuration, by their numbers: what the views by month are made of';
COMMENT ON COLUMN rollups_monthly.tenant_id IS 'Number of the tenant (tenants.tenant_id)';
COMMENT ON COLUMN rollups_monthly.month IS 'First instant of the UTC month';
COMMENT ON COLUMN rollups_monthly.config_id IS 'Number of the function configuration (configs.config_id)';
COMMENT ON COLUMN rollups_monthly.invocations IS 'Invocations that started in the month';
COMMENT ON COLUMN rollups_monthly.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN rollups_monthly.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN rollups_monthly.initializations IS 'Invocations that began with an initialization (cold starts)';
COMMENT ON COLUMN rollups_monthly.duration_us IS 'Sum of durations as measured, microseconds';
COMMENT ON COLUMN rollups_monthly.init_us IS 'Sum of initializations as measured, microseconds';
COMMENT ON COLUMN rollups_monthly.duration_1ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_monthly.duration_100ms IS 'Sum of durations, each rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_monthly.with_init_1ms IS 'Sum of (duration + initialization), each sum rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN rollups_monthly.with_init_100ms IS 'Sum of (duration + initialization), each sum rounded up to 100 ms, milliseconds';
COMMENT ON COLUMN rollups_monthly.cpu_us IS 'Sum of CPU time, microseconds; 0 where records say none';
COMMENT ON COLUMN rollups_monthly.streamed_bytes IS 'Sum of response bytes above 6 MB (6291456) of each streamed response';
COMMENT ON COLUMN rollups_monthly.max_memory_used_mb IS 'Greatest memory seen in use, MB; 0 when no record said';
COMMENT ON COLUMN rollups_monthly.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN rollups_monthly.capacity_records IS 'Records of units kept ready, which are no invocations: a row may have these alone';
COMMENT ON COLUMN rollups_monthly.capacity_1s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 1 s';
COMMENT ON COLUMN rollups_monthly.capacity_300s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 300 s';
COMMENT ON COLUMN rollups_monthly.tenant IS 'Who is billed';
COMMENT ON COLUMN rollups_monthly.account_id IS 'Number of the account in which the tenant began (tenants.account_id)';
