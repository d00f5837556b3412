/* What one record adds to an hour: every rounding is up, once, and exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/rollup_store.h"
#include "schema/segment_store.h"

static UsageRecord
record_of(int64_t duration_us, int64_t init_us)
{
    UsageRecord record = usage_record_empty();
    record.memory_mb = 128;
    record.duration_us = duration_us;
    record.init_duration_us = init_us;
    return record;
}

static RollupSums
sums_of(const UsageRecord *record)
{
    RollupSums sums = {0};
    assert_true(rollup_sums_add(&sums, record));
    return sums;
}

static void
durations_round_up_to_1_ms_and_to_100_ms(void **state)
{
    (void) state;
    const struct {
        int64_t us, ms, hundred_ms;
    } cases[] = {{0, 0, 0},
                 {1, 1, 100},
                 {1000, 1, 100},
                 {1001, 2, 100},
                 {100000, 100, 100},
                 {100001, 101, 200},
                 {86400000000, 86400000, 86400000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const UsageRecord record = record_of(cases[i].us, USAGE_ABSENT);
        const RollupSums sums = sums_of(&record);
        assert_int_equal(sums.duration_us, cases[i].us);
        assert_int_equal(sums.duration_1ms, cases[i].ms);
        assert_int_equal(sums.duration_100ms, cases[i].hundred_ms);
        assert_int_equal(sums.with_init_1ms, cases[i].ms);
        assert_int_equal(sums.initializations, 0);
    }
}

static void
duration_and_initialization_are_added_before_the_one_rounding(void **state)
{
    (void) state;
    const UsageRecord record = record_of(400, 500); /* 0.4 ms and 0.5 ms: one millisecond, not two */
    const RollupSums sums = sums_of(&record);
    assert_int_equal(sums.duration_1ms, 1);
    assert_int_equal(sums.with_init_1ms, 1);
    assert_int_equal(sums.with_init_100ms, 100);
    assert_int_equal(sums.init_us, 500);
    assert_int_equal(sums.initializations, 1);
}

static void
streamed_bytes_count_above_6_mb_of_each_streamed_response(void **state)
{
    (void) state;
    UsageRecord record = record_of(1000, USAGE_ABSENT);
    record.response_bytes = 6291456 + 5;
    assert_int_equal(sums_of(&record).streamed_bytes, 0); /* not streamed */
    record.streamed = true;
    assert_int_equal(sums_of(&record).streamed_bytes, 5);
    record.response_bytes = 6291456;
    assert_int_equal(sums_of(&record).streamed_bytes, 0);
    record.response_bytes = USAGE_ABSENT;
    assert_int_equal(sums_of(&record).streamed_bytes, 0);
}

static void
capacity_counts_in_its_own_sums_only_and_rounds_each_record(void **state)
{
    (void) state;
    const struct {
        int64_t us, units, seconds, steps_of_300;
    } cases[] = {{1, 1, 1, 1},           {1000000, 3, 1, 1},     {1000001, 3, 2, 1},
                 {300000000, 7, 300, 1}, {300000001, 7, 301, 2}, {3600000000, 1000000000, 3600, 12}};
    RollupSums all = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        UsageRecord record = record_of(cases[i].us, USAGE_ABSENT);
        record.capacity_units = cases[i].units;
        const RollupSums sums = sums_of(&record);
        const RollupSums expected = {.capacity_records = 1,
                                     .capacity_1s = cases[i].units * cases[i].seconds,
                                     .capacity_300s = cases[i].units * cases[i].steps_of_300 * 300};
        assert_memory_equal(&sums, &expected, sizeof sums);
        assert_true(rollup_sums_add(&all, &record));
    }
    assert_int_equal(all.capacity_records, sizeof cases / sizeof cases[0]);
    all.capacity_300s = INT64_MAX - 299;
    const RollupSums before = all;
    UsageRecord more = record_of(1, USAGE_ABSENT);
    more.capacity_units = 1;
    assert_false(rollup_sums_add(&all, &more));
    assert_memory_equal(&all, &before, sizeof all);
}

static void
statuses_and_greatest_values_are_kept(void **state)
{
    (void) state;
    RollupSums sums = {0};
    UsageRecord record = record_of(2000, USAGE_ABSENT);
    record.status = USAGE_ERROR;
    record.max_memory_used_mb = 90;
    assert_true(rollup_sums_add(&sums, &record));
    record = record_of(5000, USAGE_ABSENT);
    record.status = USAGE_TIMEOUT;
    record.cpu_us = 7;
    assert_true(rollup_sums_add(&sums, &record));
    assert_int_equal(sums.invocations, 2);
    assert_int_equal(sums.errors, 1);
    assert_int_equal(sums.timeouts, 1);
    assert_int_equal(sums.cpu_us, 7);
    assert_int_equal(sums.max_memory_used_mb, 90);
    assert_int_equal(sums.max_duration_us, 5000);
}

static void
a_sum_that_would_overflow_is_refused_and_nothing_changes(void **state)
{
    (void) state;
    RollupSums sums = {.duration_us = INT64_MAX - 10};
    const UsageRecord record = record_of(11, USAGE_ABSENT);
    assert_false(rollup_sums_add(&sums, &record));
    assert_int_equal(sums.invocations, 0);
    assert_int_equal(sums.duration_us, INT64_MAX - 10);
}

static void
a_segment_tells_which_batch_brought_each_record(void **state)
{
    (void) state;
    Err err = {0};
    Buffer sources = {0};
    SegmentRun run;
    assert_true(segment_sources_append(&sources, 7, 1, 1, &err));
    assert_true(segment_sources_append(&sources, 7, 1, 2, &err)); /* joined to the run before */
    assert_true(segment_sources_append(&sources, 9, 4, 1, &err));
    assert_int_equal(sources.length, 48);
    assert_true(segment_run_of(buffer_text(&sources), 2, &run));
    assert_int_equal(run.stream_id, 7);
    assert_int_equal(run.sequence, 1);
    assert_true(segment_run_of(buffer_text(&sources), 3, &run));
    assert_int_equal(run.stream_id, 9);
    assert_int_equal(run.sequence, 4);
    assert_false(segment_run_of(buffer_text(&sources), 4, &run));
    buffer_free(&sources);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_round_up_to_1_ms_and_to_100_ms),
        cmocka_unit_test(duration_and_initialization_are_added_before_the_one_rounding),
        cmocka_unit_test(streamed_bytes_count_above_6_mb_of_each_streamed_response),
        cmocka_unit_test(capacity_counts_in_its_own_sums_only_and_rounds_each_record),
        cmocka_unit_test(statuses_and_greatest_values_are_kept),
        cmocka_unit_test(a_sum_that_would_overflow_is_refused_and_nothing_changes),
        cmocka_unit_test(a_segment_tells_which_batch_brought_each_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
