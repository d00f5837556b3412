-- Definer functions: the only way in which collector and rater change rollups, give out receipts and make partitions.
-- Each pins its search_path (pg_temp last) and is closed to everybody in the transaction that makes it; grants.sql opens it.

CREATE OR REPLACE FUNCTION partition_ensure_of(parent text, month_start date, options text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    child text := parent || to_char(month_start, '"_"YYYY"_"MM');
BEGIN
    IF to_regclass('millibill.' || quote_ident(child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- A table of its own that is attached when ready: inserts into other months go on meanwhile.
    EXECUTE format('CREATE TABLE millibill.%I (LIKE millibill.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING STORAGE INCLUDING COMPRESSION) WITH (%s)', child, parent, options);
    EXECUTE format('ALTER TABLE millibill.%I ATTACH PARTITION millibill.%I FOR VALUES FROM (%L) TO (%L)', parent, child,
                   month_start::timestamp AT TIME ZONE 'UTC',
                   (month_start + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    -- Reached through its parent only, whose policies hold; see 30_policies.sql.
    EXECUTE format('ALTER TABLE millibill.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', child);
    EXECUTE format('REVOKE TRUNCATE ON TABLE millibill.%I FROM millibill_owner', child);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION partitions_ensure(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    month_start date := date_trunc('month', month::timestamp)::date;
    made boolean;
BEGIN
    -- Whoever may ask for months must not be able to fill the catalogue with them.
    IF month_start < date '1970-01-01' OR month_start > now() + interval '10 years' THEN
        RAISE EXCEPTION 'month % is not between 1970 and ten years from now', month USING ERRCODE = 'datetime_field_overflow';
    END IF;
    IF to_regclass('millibill.' || quote_ident('exclusions' || to_char(month_start, '"_"YYYY"_"MM'))) IS NOT NULL THEN
        RETURN false; -- the last of the three is there: nothing to lock
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('millibill.partitions', 0));
    made := partition_ensure_of('segments', month_start, 'autovacuum_vacuum_insert_scale_factor = 0.05');
    made := partition_ensure_of('rollups', month_start, 'fillfactor = 80') OR made;
    made := partition_ensure_of('exclusions', month_start, 'autovacuum_vacuum_insert_scale_factor = 0.05') OR made;
    RETURN made;
END $$;
COMMENT ON FUNCTION partitions_ensure(date) IS 'Make the partitions of segments, rollups and exclusions for the month of this day; true when any was made';

CREATE OR REPLACE FUNCTION partitions_ahead() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    SELECT count(*) FILTER (WHERE made)::integer
      FROM (SELECT millibill.partitions_ensure((date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date) AS made
              FROM generate_series(0, 3) AS n) AS months;
$$;
COMMENT ON FUNCTION partitions_ahead() IS 'Partitions of this month and of the next three; how many months were made';

-- In the body of a query this is looked up once for a row, with the rights of who asks.
CREATE OR REPLACE FUNCTION account_at(of_tenant bigint, first_account bigint, at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT m.account_id FROM account_members m WHERE m.tenant_id = of_tenant AND m.from_month <= (at AT TIME ZONE 'UTC')::date
                  ORDER BY m.from_month DESC, m.revision DESC LIMIT 1), first_account);
COMMENT ON FUNCTION account_at(bigint, bigint, timestamptz) IS 'The account of a tenant in the UTC month that holds an instant; first_account is tenants.account_id';

CREATE OR REPLACE FUNCTION account_in(of_tenant bigint, first_account bigint, month date) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT m.account_id FROM account_members m WHERE m.tenant_id = of_tenant AND m.from_month <= month
                  ORDER BY m.from_month DESC, m.revision DESC LIMIT 1), first_account);
COMMENT ON FUNCTION account_in(bigint, bigint, date) IS 'The account of a tenant in the billing period of a month (its first day); first_account is tenants.account_id';

CREATE OR REPLACE FUNCTION tenants_introduce(names text[]) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    INSERT INTO millibill.accounts (name)
        SELECT DISTINCT n.name FROM unnest(names) AS n(name)
         WHERE NOT EXISTS (SELECT FROM millibill.tenants t WHERE t.name = n.name) ORDER BY n.name
        ON CONFLICT DO NOTHING;
    INSERT INTO millibill.tenants (name, account_id)
        -- An account that others share is not joined by taking its name: an administrator says who is in it.
        SELECT DISTINCT n.name, a.account_id FROM unnest(names) AS n(name) JOIN millibill.accounts a USING (name)
         WHERE NOT EXISTS (SELECT FROM millibill.tenants t WHERE t.name = n.name OR t.account_id = a.account_id) ORDER BY n.name
        ON CONFLICT DO NOTHING RETURNING name;
$$;
COMMENT ON FUNCTION tenants_introduce(text[]) IS 'Register tenants that an operator named with --tenant; returns those that are new';

CREATE OR REPLACE FUNCTION configs_ensure(tenant_ids bigint[], functions text[], regions text[], architectures text[],
    memory_mbs bigint[], ephemeral_mbs bigint[], modes text[], packages text[]) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    INSERT INTO millibill.configs (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
        SELECT DISTINCT u.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
               AS u(tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
         WHERE NOT EXISTS (SELECT FROM millibill.configs c
                            WHERE (c.tenant_id, c.function, c.region, c.architecture, c.memory_mb, c.ephemeral_mb, c.mode, c.package)
                                = (u.tenant_id, u.function, u.region, u.architecture, u.memory_mb, u.ephemeral_mb, u.mode, u.package))
         ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT DO NOTHING;
    SELECT c.config_id FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY
           AS u(tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package, position)
      JOIN millibill.configs c USING (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
     ORDER BY u.position;
$$;
COMMENT ON FUNCTION configs_ensure(bigint[], text[], text[], text[], bigint[], bigint[], text[], text[]) IS 'Ids of function configurations, made when new, in the order asked';

CREATE OR REPLACE FUNCTION rollup_days_touch(tenant_ids bigint[], hours timestamptz[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, millibill, pg_temp AS $$
    INSERT INTO millibill.rollup_days_open (tenant_id, day)
        SELECT u.tenant_id, u.day FROM (SELECT DISTINCT h.tenant_id, (h.hour AT TIME ZONE 'UTC')::date AS day
                                          FROM unnest(tenant_ids, hours) AS h(tenant_id, hour)) AS u
         WHERE NOT EXISTS (SELECT FROM millibill.rollup_days_open o WHERE o.tenant_id = u.tenant_id AND o.day = u.day AND o.state = 0)
         ORDER BY 1, 2
        ON CONFLICT (tenant_id, day) DO UPDATE SET state = 0, wait_for = NULL;
$$;
COMMENT ON FUNCTION rollup_days_touch(bigint[], timestamptz[]) IS 'Open the days of hours whose rollups this transaction has changed or locked; see 05_days.sql';

CREATE OR REPLACE FUNCTION rollup_add(tenant_ids bigint[], hours timestamptz[], config_ids bigint[], invocations bigint[],
    errors bigint[], timeouts bigint[], initializations bigint[], duration_us bigint[], init_us bigint[],
    duration_1ms bigint[], duration_100ms bigint[], with_init_1ms bigint[], with_init_100ms bigint[], cpu_us bigint[],
    streamed_bytes bigint[], capacity_records bigint[], capacity_1s bigint[], capacity_300s bigint[], max_memory_used_mb bigint[], max_duration_us bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- Who may add may not take away: that is rollup_subtract, and another role's.
    IF EXISTS (SELECT FROM unnest($4 || $5 || $6 || $7 || $8 || $9 || $10 || $11 || $12 || $13 || $14 || $15 || $16 || $17
                                || $18 || $19 || $20) AS sums(value)
                WHERE value < 0 OR value IS NULL) THEN
        RAISE EXCEPTION 'rollup_add adds, and no sum may be negative' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO millibill.rollups AS r (tenant_id, hour, config_id, invocations, errors, timeouts, initializations,
           duration_us, init_us, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes,
           capacity_records, capacity_1s, capacity_300s, max_memory_used_mb, max_duration_us)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, hour, config_id) DO UPDATE SET
        invocations = r.invocations + EXCLUDED.invocations,
        errors = r.errors + EXCLUDED.errors,
        timeouts = r.timeouts + EXCLUDED.timeouts,
        initializations = r.initializations + EXCLUDED.initializations,
        duration_us = r.duration_us + EXCLUDED.duration_us,
        init_us = r.init_us + EXCLUDED.init_us,
        duration_1ms = r.duration_1ms + EXCLUDED.duration_1ms,
        duration_100ms = r.duration_100ms + EXCLUDED.duration_100ms,
        with_init_1ms = r.with_init_1ms + EXCLUDED.with_init_1ms,
        with_init_100ms = r.with_init_100ms + EXCLUDED.with_init_100ms,
        cpu_us = r.cpu_us + EXCLUDED.cpu_us,
        streamed_bytes = r.streamed_bytes + EXCLUDED.streamed_bytes,
        capacity_records = r.capacity_records + EXCLUDED.capacity_records,
        capacity_1s = r.capacity_1s + EXCLUDED.capacity_1s,
        capacity_300s = r.capacity_300s + EXCLUDED.capacity_300s,
        max_memory_used_mb = greatest(r.max_memory_used_mb, EXCLUDED.max_memory_used_mb),
        max_duration_us = greatest(r.max_duration_us, EXCLUDED.max_duration_us);
    PERFORM millibill.rollup_days_touch($1, $2);
END $$;
COMMENT ON FUNCTION rollup_add(bigint[], timestamptz[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]) IS 'Add sums to rollups, in key order; none is negative';

CREATE OR REPLACE FUNCTION rollup_subtract(tenant_ids bigint[], hours timestamptz[], config_ids bigint[], invocations bigint[],
    errors bigint[], timeouts bigint[], initializations bigint[], duration_us bigint[], init_us bigint[],
    duration_1ms bigint[], duration_100ms bigint[], with_init_1ms bigint[], with_init_100ms bigint[], cpu_us bigint[],
    streamed_bytes bigint[], capacity_records bigint[], capacity_1s bigint[], capacity_300s bigint[], max_memory_used_mb bigint[], max_duration_us bigint[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    -- Lock in the order in which everybody locks.
    SELECT 1 FROM millibill.rollups r JOIN unnest($1, $2, $3) AS u(tenant_id, hour, config_id) USING (tenant_id, hour, config_id)
     ORDER BY r.tenant_id, r.hour, r.config_id FOR UPDATE OF r;
    SELECT millibill.rollup_days_touch($1, $2);
    WITH less AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        AS u(tenant_id, hour, config_id, invocations, errors, timeouts, initializations, duration_us, init_us,
             duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes,
             capacity_records, capacity_1s, capacity_300s, max_memory_used_mb,
             max_duration_us)),
    changed AS (UPDATE millibill.rollups r SET
        invocations = r.invocations - less.invocations,
        errors = r.errors - less.errors,
        timeouts = r.timeouts - less.timeouts,
        initializations = r.initializations - less.initializations,
        duration_us = r.duration_us - less.duration_us,
        init_us = r.init_us - less.init_us,
        duration_1ms = r.duration_1ms - less.duration_1ms,
        duration_100ms = r.duration_100ms - less.duration_100ms,
        with_init_1ms = r.with_init_1ms - less.with_init_1ms,
        with_init_100ms = r.with_init_100ms - less.with_init_100ms,
        cpu_us = r.cpu_us - less.cpu_us,
        streamed_bytes = r.streamed_bytes - less.streamed_bytes,
        capacity_records = r.capacity_records - less.capacity_records,
        capacity_1s = r.capacity_1s - less.capacity_1s,
        capacity_300s = r.capacity_300s - less.capacity_300s
      FROM less WHERE (r.tenant_id, r.hour, r.config_id) = (less.tenant_id, less.hour, less.config_id)
     RETURNING 1)
    SELECT count(*) FROM changed;
$$;
COMMENT ON FUNCTION rollup_subtract(bigint[], timestamptz[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]) IS 'Take excluded records out of existing rollups; the number of rows found. The greatest values follow by rollup_set_greatest';

CREATE OR REPLACE FUNCTION rollup_set_greatest(tenant_ids bigint[], hours timestamptz[], config_ids bigint[],
    max_memory_used_mb bigint[], max_duration_us bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    UPDATE millibill.rollups r SET max_memory_used_mb = u.memory, max_duration_us = u.duration
      FROM unnest($1, $2, $3, $4, $5) AS u(tenant_id, hour, config_id, memory, duration)
     WHERE (r.tenant_id, r.hour, r.config_id) = (u.tenant_id, u.hour, u.config_id);
    DELETE FROM millibill.rollups r USING unnest($1, $2, $3) AS u(tenant_id, hour, config_id)
     WHERE (r.tenant_id, r.hour, r.config_id) = (u.tenant_id, u.hour, u.config_id) AND r.invocations = 0
       AND r.capacity_records = 0;
    SELECT millibill.rollup_days_touch($1, $2);
$$;
COMMENT ON FUNCTION rollup_set_greatest(bigint[], timestamptz[], bigint[], bigint[], bigint[]) IS 'Set the greatest memory and duration of rollups that lost records; rows without invocations and capacity go';

CREATE OR REPLACE FUNCTION receipt_take(of_commit bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    WITH next AS (UPDATE millibill.installation SET last_receipt = last_receipt + 1 RETURNING last_receipt)
    UPDATE millibill.commits c SET receipt = next.last_receipt FROM next
     WHERE c.commit_id = of_commit AND c.receipt IS NULL RETURNING c.receipt;
$$;
COMMENT ON FUNCTION receipt_take(bigint) IS 'Give a commit the next receipt: the last statement before COMMIT, so that receipts follow the order of commits';

CREATE OR REPLACE FUNCTION streams_lock(agent_ids bigint[], spools bytea[]) RETURNS SETOF bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    SELECT s.stream_id FROM millibill.streams s JOIN unnest(agent_ids, spools) AS u(agent_id, spool) USING (agent_id, spool)
     ORDER BY s.stream_id FOR UPDATE OF s;
$$;
COMMENT ON FUNCTION streams_lock(bigint[], bytea[]) IS 'Lock the rows of these streams until the transaction ends, in the order in which everybody locks';

CREATE OR REPLACE FUNCTION streams_advance(stream_ids bigint[], sequences bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    missing bigint;
BEGIN
    UPDATE millibill.streams s SET last_sequence = u.last
      FROM (SELECT stream_id, max(sequence) AS last FROM unnest(stream_ids, sequences) AS v(stream_id, sequence)
             GROUP BY stream_id) u
     WHERE s.stream_id = u.stream_id AND s.last_sequence < u.last
       AND u.last - s.last_sequence = (SELECT count(*) FROM millibill.ledger l WHERE l.stream_id = s.stream_id
                                          AND l.sequence > s.last_sequence AND l.sequence <= u.last);
    SELECT s.stream_id INTO missing FROM millibill.streams s
      JOIN unnest(stream_ids, sequences) AS v(stream_id, sequence) USING (stream_id)
     WHERE s.last_sequence < v.sequence LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the ledger does not lead up to the new watermark of stream %', missing
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;
COMMENT ON FUNCTION streams_advance(bigint[], bigint[]) IS 'Move watermarks forward, over batches that stand in the ledger only';

-- Where the records of a segment came from (schema/segment_sources.h), for what the database itself asks. Damaged bytes end the runs.
CREATE OR REPLACE FUNCTION segment_runs(sources bytea)
RETURNS TABLE (first_ordinal bigint, stream_id bigint, sequence bigint, receipt bigint, records bigint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    beyond constant bigint := 36028797018963968; -- 2^55
    bytes bytea := sources || ''::bytea; -- out of TOAST once
    size integer := octet_length(bytes);
    place integer := 1;
    value bigint;
    shift integer;
    byte integer;
BEGIN
    first_ordinal := 0;
    IF substring(bytes FROM 1 FOR 1) <> '\x02' THEN
        FOR run IN 0 .. size / 24 - 1 LOOP
            stream_id := ('x' || encode(substring(bytes FROM 24 * run + 1 FOR 8), 'hex'))::bit(64)::bigint;
            sequence := ('x' || encode(substring(bytes FROM 24 * run + 9 FOR 8), 'hex'))::bit(64)::bigint;
            records := ('x' || encode(substring(bytes FROM 24 * run + 17 FOR 8), 'hex'))::bit(64)::bigint;
            EXIT WHEN records < 1 OR records >= beyond;
            RETURN NEXT;
            first_ordinal := first_ordinal + records;
        END LOOP;
        RETURN;
    END IF;
    stream_id := 0;
    sequence := 0;
    receipt := 0;
    WHILE place < size LOOP
        FOR field IN 1 .. 4 LOOP
            value := 0;
            shift := 0;
            LOOP
                IF place >= size OR shift > 56 THEN
                    RETURN;
                END IF;
                byte := get_byte(bytes, place);
                place := place + 1;
                value := value | ((byte & 127)::bigint << shift);
                EXIT WHEN byte < 128;
                shift := shift + 7;
            END LOOP;
            IF field = 4 THEN
                records := value;
            ELSE
                value := (value >> 1) # -(value & 1);
                CASE field
                    WHEN 1 THEN stream_id := stream_id + value; value := stream_id;
                    WHEN 2 THEN sequence := sequence + value; value := sequence;
                    ELSE receipt := receipt + value; value := receipt;
                END CASE;
            END IF;
            IF value < 0 OR value >= beyond OR (field >= 3 AND value = 0) THEN
                RETURN;
            END IF;
        END LOOP;
        RETURN NEXT;
        first_ordinal := first_ordinal + records;
    END LOOP;
END $$;
COMMENT ON FUNCTION segment_runs(bytea) IS 'Which batch brought which records of a segment, from its column sources; receipt is null where it is that of the segment''s commit';

CREATE OR REPLACE FUNCTION segments_replace(of_tenant bigint, of_hour timestamptz, merged bigint[], made bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    -- Nobody seals, or excludes a record of this tenant, until the transaction ends.
    PERFORM pg_advisory_xact_lock(hashtextextended('millibill.seal', 0)),
            pg_advisory_xact_lock(hashtextextended('millibill.duplicates', of_tenant));
    IF coalesce(cardinality(merged), 0) = 0 OR merged && made OR EXISTS (
           SELECT FROM unnest(merged || made) AS u(id)
             LEFT JOIN millibill.segments s ON s.tenant_id = of_tenant AND s.hour = of_hour AND s.segment_id = u.id
             LEFT JOIN millibill.commits c USING (commit_id)
            GROUP BY u.id HAVING count(*) <> 1 OR count(c.receipt) <> 1) THEN
        RAISE EXCEPTION 'segments to be merged, or merged ones, are not there or named twice' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM millibill.seals s WHERE s.tenant_id = of_tenant AND s.hour = of_hour AND s.segment_ids && (merged || made)) THEN
        RAISE EXCEPTION 'a segment to be merged is sealed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM millibill.exclusions e WHERE e.tenant_id = of_tenant AND e.hour = of_hour AND e.segment_id = ANY (merged))
       OR EXISTS (SELECT FROM millibill.exclusions e WHERE e.tenant_id = of_tenant AND e.kept_hour = of_hour
                     AND e.kept_segment_id = ANY (merged)) THEN
        RAISE EXCEPTION 'an exclusion names a segment to be merged' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM millibill.segments s JOIN millibill.commits c USING (commit_id)
                CROSS JOIN LATERAL (SELECT sum(r.records) AS records, max(coalesce(r.receipt, c.receipt)) AS receipt
                                      FROM millibill.segment_runs(s.sources) AS r) AS runs
                WHERE s.tenant_id = of_tenant AND s.hour = of_hour AND s.segment_id = ANY (merged || made)
                  AND (runs.records, runs.receipt) IS DISTINCT FROM (s.records::numeric, c.receipt)) THEN
        RAISE EXCEPTION 'a segment does not hold what its sources say' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM millibill.segments s JOIN millibill.commits c USING (commit_id) CROSS JOIN millibill.segment_runs(s.sources) AS r
                WHERE s.tenant_id = of_tenant AND s.hour = of_hour AND s.segment_id = ANY (merged || made)
                GROUP BY r.stream_id, r.sequence, coalesce(r.receipt, c.receipt)
               HAVING sum(CASE WHEN s.segment_id = ANY (made) THEN r.records ELSE -r.records END) <> 0) THEN
        RAISE EXCEPTION 'merged segments do not hold exactly the records of what they replace' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM set_config('millibill.replacing', 'on', true); -- what the policy for DELETE asks for (30_policies.sql)
    DELETE FROM millibill.segments s WHERE s.tenant_id = of_tenant AND s.hour = of_hour AND s.segment_id = ANY (merged);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('millibill.replacing', 'off', true);
    IF gone <> cardinality(merged) THEN
        RAISE EXCEPTION '% segments were replaced, expected %', gone, cardinality(merged) USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN gone;
END $$;
COMMENT ON FUNCTION segments_replace(bigint, timestamptz, bigint[], bigint[]) IS 'Delete segments whose records, batch by batch and receipt by receipt, stand in others; none may be sealed or named by an exclusion';

CREATE OR REPLACE FUNCTION quarantine_bytes(id bigint) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, millibill, pg_temp AS $$
    SELECT octet_length(q.payload) FROM millibill.quarantine q WHERE q.quarantine_id = id;
$$;
COMMENT ON FUNCTION quarantine_bytes(bigint) IS 'Size of a payload, for those who may not read it';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA millibill FROM PUBLIC;
