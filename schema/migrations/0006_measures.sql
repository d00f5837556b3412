-- Price books count more than requests and GB-seconds: the views spread costs over rollups with what a run records here.
ALTER TABLE rating_measures DROP CONSTRAINT rating_measures_measure_check;
ALTER TABLE rating_measures
    ADD CONSTRAINT rating_measures_measure_check CHECK (measure IN ('invocations', 'gb_seconds', 'ephemeral_gb_seconds',
        'ghz_seconds', 'seconds', 'cpu_ms', 'streamed_gb')),
    ADD COLUMN unit_parts bigint,
    ADD COLUMN memory_step_mb bigint NOT NULL DEFAULT 1,
    ADD COLUMN memory_minimum_mb bigint NOT NULL DEFAULT 0,
    ADD COLUMN memory_maximum_mb bigint,
    ADD COLUMN clock_up_to_mb bigint[],
    ADD COLUMN clock_mhz bigint[];
COMMENT ON COLUMN rating_measures.rollup_column IS 'invocations, duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us or streamed_bytes';
COMMENT ON COLUMN rating_measures.unit_parts IS 'What the column counts, times megabytes or megahertz, is divided by this to give units; null: 1 for invocations, else 1024000';
COMMENT ON COLUMN rating_measures.memory_step_mb IS 'Memory is rounded up to a multiple of it, at least memory_minimum_mb, at most memory_maximum_mb';
COMMENT ON COLUMN rating_measures.clock_up_to_mb IS 'Limits of memory, ascending and inclusive; clock_mhz has one entry more, for what is above them';
