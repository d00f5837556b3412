-- Capacity records: units of a function kept ready for a time. They stand in segments like invocations, and in sums of their own in
-- rollups, so that whatever keeps rollups equal to segments less exclusions keeps these too.
ALTER TABLE rollups
    ADD COLUMN capacity_records bigint NOT NULL DEFAULT 0,
    ADD COLUMN capacity_1s bigint NOT NULL DEFAULT 0,
    ADD COLUMN capacity_300s bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN rollups.capacity_records IS 'Capacity records, which are no invocations and count in no sum but the two that follow';
COMMENT ON COLUMN rollups.capacity_1s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 1 s';
COMMENT ON COLUMN rollups.capacity_300s IS 'Sum of units kept ready times seconds, the time of each record rounded up to 300 s';

ALTER TABLE rollup_days
    ADD COLUMN capacity_records bigint NOT NULL DEFAULT 0,
    ADD COLUMN capacity_1s bigint NOT NULL DEFAULT 0,
    ADD COLUMN capacity_300s bigint NOT NULL DEFAULT 0;

-- They have parameters for the new sums: views/00_functions.sql makes them anew.
DROP FUNCTION IF EXISTS rollup_add(bigint[], timestamptz[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
    bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]);
DROP FUNCTION IF EXISTS rollup_subtract(bigint[], timestamptz[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
    bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[]);

ALTER TABLE rating_measures DROP CONSTRAINT rating_measures_measure_check;
ALTER TABLE rating_measures
    ADD CONSTRAINT rating_measures_measure_check CHECK (measure IN ('invocations', 'gb_seconds', 'ephemeral_gb_seconds',
        'ghz_seconds', 'seconds', 'cpu_ms', 'streamed_gb', 'capacity_gb_seconds'));
COMMENT ON COLUMN rating_measures.rollup_column IS 'invocations, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes, capacity_1s or capacity_300s';
