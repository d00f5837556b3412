-- Two more kinds of sums that the sealer keeps beside those of days, so that a month of dashboards is read from few rows: by kind of
-- configuration (what prices tell apart, but memory) and day, and by configuration and month. See schema/views/05_days.sql.

-- What prices tell apart; the region comes last, because it alone is free text.
ALTER TABLE configs ADD COLUMN kind text NOT NULL GENERATED ALWAYS AS (mode || ' ' || package || ' ' || architecture || ' ' || region) STORED;
COMMENT ON COLUMN configs.kind IS 'Mode, package, architecture and region: what one line of an invoice counts together';

CREATE TABLE rollup_day_kinds (
    tenant_id bigint NOT NULL,
    day date NOT NULL,
    kind text NOT NULL,
    invocations bigint NOT NULL,
    errors bigint NOT NULL,
    timeouts bigint NOT NULL,
    initializations bigint NOT NULL,
    duration_1ms bigint NOT NULL,
    duration_100ms bigint NOT NULL,
    with_init_1ms bigint NOT NULL,
    with_init_100ms bigint NOT NULL,
    cpu_us bigint NOT NULL,
    streamed_bytes bigint NOT NULL,
    max_memory_used_mb bigint NOT NULL,
    max_duration_us bigint NOT NULL,
    capacity_records bigint NOT NULL,
    capacity_1s bigint NOT NULL,
    capacity_300s bigint NOT NULL,
    mb_duration_1ms numeric NOT NULL,
    mb_duration_100ms numeric NOT NULL,
    mb_with_init_1ms numeric NOT NULL,
    mb_with_init_100ms numeric NOT NULL,
    mb_capacity_1s numeric NOT NULL,
    mb_capacity_300s numeric NOT NULL,
    sizes_memory_mb bigint[] NOT NULL,
    sizes_ephemeral_mb bigint[] NOT NULL,
    sizes_duration_1ms bigint[] NOT NULL,
    sizes_duration_100ms bigint[] NOT NULL,
    sizes_with_init_1ms bigint[] NOT NULL,
    sizes_with_init_100ms bigint[] NOT NULL,
    PRIMARY KEY (tenant_id, day, kind)
) PARTITION BY RANGE (day);
COMMENT ON TABLE rollup_day_kinds IS 'Sums of rollup_days by kind of configuration (configs.kind), made with them. As with those, an open day does not count here: read rollups_daily_by_kind';
COMMENT ON COLUMN rollup_day_kinds.mb_duration_1ms IS 'Sum of duration_1ms times memory_mb of each configuration; likewise the other columns mb_…';
COMMENT ON COLUMN rollup_day_kinds.sizes_memory_mb IS 'Memory sizes of the configurations in ascending order, each with an ephemeral storage size at the same place of sizes_ephemeral_mb; the other columns sizes_… say how much of the sum of that name is of that size';

CREATE TABLE rollup_months (
    tenant_id bigint NOT NULL,
    month timestamptz NOT NULL,
    config_id bigint NOT NULL,
    invocations bigint NOT NULL,
    errors bigint NOT NULL,
    timeouts bigint NOT NULL,
    initializations bigint NOT NULL,
    duration_us bigint NOT NULL,
    init_us bigint NOT NULL,
    duration_1ms bigint NOT NULL,
    duration_100ms bigint NOT NULL,
    with_init_1ms bigint NOT NULL,
    with_init_100ms bigint NOT NULL,
    cpu_us bigint NOT NULL,
    streamed_bytes bigint NOT NULL,
    max_memory_used_mb bigint NOT NULL,
    max_duration_us bigint NOT NULL,
    capacity_records bigint NOT NULL,
    capacity_1s bigint NOT NULL,
    capacity_300s bigint NOT NULL,
    PRIMARY KEY (tenant_id, month, config_id)
);
CREATE INDEX rollup_months_month ON rollup_months (month);
COMMENT ON TABLE rollup_months IS 'Sums of rollup_days by UTC month, made with them: of all days that stand there, those that are open again included. Read rollups_monthly, which knows';
COMMENT ON COLUMN rollup_months.month IS 'First instant of the UTC month';

-- The sealer makes the new sums with those of the days; until it has come by, everything is read from hours.
INSERT INTO rollup_days_open (tenant_id, day) SELECT DISTINCT tenant_id, day FROM rollup_days ON CONFLICT DO NOTHING;

-- Their work is done by cost_lines_of; the views over them are made anew after every migration.
DROP FUNCTION IF EXISTS cost_rates_of(bigint, bigint, bigint) CASCADE;
