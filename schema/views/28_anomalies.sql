-- Days that are far from what a tenant is used to. The method stands in doc/alerts.md; a test works it out a second time.

-- In one array for each measure a day's habit is a slice: no day is read twice. PL/pgSQL keeps its plan, and who asks for one tenant reads no other.
CREATE OR REPLACE FUNCTION usage_anomalies_of(of_tenant bigint, first_day date, last_day date)
RETURNS TABLE (day date, measure text, value numeric, habit numeric, spread numeric, habit_days integer, same_weekday boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 2 COST 20000 SET search_path = pg_catalog, millibill, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ended constant date := least(last_day, (now() AT TIME ZONE 'UTC')::date - 1); -- a day that is under way is not compared
BEGIN
    RETURN QUERY
    WITH daily AS MATERIALIZED (
        SELECT k.day, sum(k.invocations)::numeric AS invocations, trim_scale(sum(k.mb_duration_1ms) / 1024000) AS gb_seconds
          FROM millibill.rollups_daily_by_kind k
         WHERE k.tenant_id = of_tenant AND k.day >= first_day - 56 AND k.day <= ended AND k.invocations > 0 -- capacity alone ran nothing
         GROUP BY k.day
    ), span AS (
        SELECT min(d.day) AS first FROM daily d
    ), series AS (
        -- every day from the first on; those on which nothing ran with nothing
        SELECT m.measure, span.first, array_agg(m.value ORDER BY g.day) AS "values"
          FROM span
         CROSS JOIN LATERAL (SELECT s::date AS day FROM generate_series(span.first::timestamp, ended::timestamp, interval '1 day') s) g
          LEFT JOIN daily d ON d.day = g.day
         CROSS JOIN LATERAL (VALUES ('invocations', coalesce(d.invocations, 0)), ('gb_seconds', coalesce(d.gb_seconds, 0))) m (measure, value)
         GROUP BY 1, 2
    ), days AS MATERIALIZED (
        SELECT s.measure, s.first + i - 1 AS day, s."values"[i] AS value, (i - 1) / 7 >= 6 AS weekly,
               CASE WHEN (i - 1) / 7 >= 6 THEN ARRAY(SELECT s."values"[i - 7 * k] FROM generate_series(1, least((i - 1) / 7, 8)) k)
                    ELSE s."values"[greatest(i - 28, 1):i - 1] END AS base
          FROM series s, generate_series(greatest(first_day - s.first + 1, 15), array_length(s."values", 1)) i
    ), far AS (
        -- A spread is a tenth of the habit at least, so that these alone can be 3.5 of them from it: no median is looked for in vain. (Half of
        -- the days or more lie so far below, or above.)
        SELECT d.* FROM days d
         WHERE (SELECT 2 * count(*) FILTER (WHERE v * 1.35 < d.value) >= count(*) OR 2 * count(*) FILTER (WHERE v * 0.65 > d.value) >= count(*)
                  FROM unnest(d.base) v)
    ), habits AS (
        SELECT d.*, m.habit, greatest(1.4826 * (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(v - m.habit)) FROM unnest(d.base) v),
                                      m.habit / 10) AS spread
          FROM far d CROSS JOIN LATERAL (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS habit FROM unnest(d.base) v) m
    )
    SELECT h.day, h.measure, h.value, h.habit, trim_scale(h.spread), cardinality(h.base), h.weekly FROM habits h WHERE abs(h.value - h.habit) > 3.5 * h.spread;
END $$;
COMMENT ON FUNCTION usage_anomalies_of(bigint, date, date) IS 'Of one tenant: days (UTC, both ends included) that are far from its habit, for any span: columns as in usage_anomalies';

-- A text for whoever asks, and part of the statement: a condition on the tenant is asked before its days are read.
CREATE OR REPLACE FUNCTION usage_anomalies_between(first_day date, last_day date)
RETURNS TABLE (tenant text, account text, day date, measure text, value numeric, habit numeric, spread numeric, score numeric,
               habit_days integer, same_weekday boolean)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.name, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = t.tenant_id
                                AND b.from_month <= h.day ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name), h.day, h.measure, h.value, h.habit, h.spread,
           CASE WHEN h.spread > 0 THEN round((h.value - h.habit) / h.spread, 1) END, h.habit_days, h.same_weekday
      FROM tenants t
     CROSS JOIN LATERAL usage_anomalies_of(t.tenant_id, first_day, last_day) h
      LEFT JOIN accounts a ON a.account_id = t.account_id;
END;
COMMENT ON FUNCTION usage_anomalies_between(date, date) IS 'Days (UTC, both ends included) that are far from a tenant''s habit, for any span: columns as in usage_anomalies';

CREATE OR REPLACE VIEW usage_anomalies AS
SELECT tenant, account, day, measure, value, habit, spread, score, habit_days, same_weekday
  FROM usage_anomalies_between((now() AT TIME ZONE 'UTC')::date - 35, (now() AT TIME ZONE 'UTC')::date - 1);
COMMENT ON VIEW usage_anomalies IS 'Days of the last five weeks that were far from what the tenant is used to: more than 3.5 spreads from the median of its last 8 same weekdays (once there are 6), else of its last 28 days (at least 14)';
COMMENT ON COLUMN usage_anomalies.tenant IS 'Name of the tenant';
COMMENT ON COLUMN usage_anomalies.account IS 'Name of its account on that day';
COMMENT ON COLUMN usage_anomalies.day IS 'UTC day; a day that is under way is not compared';
COMMENT ON COLUMN usage_anomalies.measure IS 'invocations, or gb_seconds: run time rounded up to 1 ms times memory, without initialization';
COMMENT ON COLUMN usage_anomalies.value IS 'Of that day, in measure';
COMMENT ON COLUMN usage_anomalies.habit IS 'Median of the days it is compared with (the lower of two in the middle), in measure';
COMMENT ON COLUMN usage_anomalies.spread IS '1.4826 times the median distance from habit, at least a tenth of habit, in measure';
COMMENT ON COLUMN usage_anomalies.score IS '(value - habit) / spread, one decimal; null where there is no spread: nothing was used before';
COMMENT ON COLUMN usage_anomalies.habit_days IS 'Days it was compared with';
COMMENT ON COLUMN usage_anomalies.same_weekday IS 'They were the same weekdays';
