-- Sums of whole days, so that a month of dashboards need not add up its hours. See doc/sql.md and schema/views/05_days.sql.

CREATE TABLE rollup_days (
    tenant_id bigint NOT NULL,
    day date NOT NULL,
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
    PRIMARY KEY (tenant_id, day, config_id)
) PARTITION BY RANGE (day);
COMMENT ON TABLE rollup_days IS 'Sums of the rollups of closed UTC days. A day that stands in rollup_days_open does not count here: read rollups_daily, which takes the hours of those';
COMMENT ON COLUMN rollup_days.day IS 'UTC day';

CREATE TABLE rollup_days_open (
    tenant_id bigint NOT NULL,
    day date NOT NULL,
    state smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),
    wait_for xid8,
    PRIMARY KEY (tenant_id, day),
    CHECK ((state = 2) = (wait_for IS NOT NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE rollup_days_open IS 'Days of tenants whose hours changed since their sums were made, if they ever were';
COMMENT ON COLUMN rollup_days_open.state IS '0: open; 1: to be closed, seen by everybody who begins from now on; 2: closed as soon as all transactions before wait_for are over';

INSERT INTO rollup_days_open (tenant_id, day) SELECT DISTINCT tenant_id, (hour AT TIME ZONE 'UTC')::date FROM rollups;
