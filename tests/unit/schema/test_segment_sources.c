/* Which batch brought each record, and with which receipt: the compacted form of segments.sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/segment_sources.h"

static void
add(SegmentSourcesBuilder *builder, int64_t stream_id, int64_t sequence, int64_t receipt, int64_t records)
{
    const SegmentRun run = {stream_id, sequence, receipt, records};
    Err err = {0};
    assert_true(segment_sources_add(builder, &run, &err));
}

static Text
finish(SegmentSourcesBuilder *builder)
{
    Err err = {0};
    assert_true(segment_sources_finish(builder, &err));
    return buffer_text(&builder->bytes);
}

static void
assert_next(SegmentRuns *runs, int64_t stream_id, int64_t sequence, int64_t receipt, int64_t records)
{
    assert_true(segment_runs_next(runs));
    assert_int_equal(runs->run.stream_id, stream_id);
    assert_int_equal(runs->run.sequence, sequence);
    assert_int_equal(runs->run.receipt, receipt);
    assert_int_equal(runs->run.records, records);
}

static void
every_record_keeps_its_batch_and_receipt(void **state)
{
    (void) state;
    SegmentSourcesBuilder builder = {0};
    add(&builder, 7, 100000, 41, 1);
    add(&builder, 7, 100000, 41, 2); /* joined */
    add(&builder, 7, 100000, 44, 1); /* the same batch, replayed later */
    add(&builder, 3, 5, 44, 8192);
    add(&builder, SEGMENT_NUMBER_MAX - 1, SEGMENT_NUMBER_MAX - 1, SEGMENT_NUMBER_MAX - 1, 1);
    add(&builder, 1, 0, 1, 1);
    Text sources = finish(&builder);
    SegmentRuns runs;
    segment_runs_start(&runs, sources);
    assert_next(&runs, 7, 100000, 41, 3);
    assert_next(&runs, 7, 100000, 44, 1);
    assert_next(&runs, 3, 5, 44, 8192);
    assert_next(&runs, SEGMENT_NUMBER_MAX - 1, SEGMENT_NUMBER_MAX - 1, SEGMENT_NUMBER_MAX - 1, 1);
    assert_next(&runs, 1, 0, 1, 1);
    assert_false(segment_runs_next(&runs));
    assert_false(runs.damaged);
    assert_int_equal(segment_sources_records(sources), 3 + 1 + 8192 + 1 + 1);
    buffer_free(&builder.bytes);
}

static void
the_form_on_disk_does_not_change(void **state)
{
    (void) state;
    static const char expected[] = {2, 14, 6, 10, 2, 0, 2, 2, 1, 11, 1, 2, (char) 0x80, 1};
    SegmentSourcesBuilder builder = {0};
    add(&builder, 7, 3, 5, 2);
    add(&builder, 7, 4, 6, 1);
    add(&builder, 1, 3, 7, 128);
    Text sources = finish(&builder);
    assert_int_equal(sources.length, sizeof expected);
    assert_memory_equal(sources.data, expected, sizeof expected);
    buffer_free(&builder.bytes);
}

static void
a_batch_costs_a_few_bytes(void **state)
{
    (void) state;
    SegmentSourcesBuilder builder = {0};
    for (int64_t i = 0; i < 1000; i++)
        add(&builder, 12, 500000 + i, 70000 + 2 * i, 3);
    assert_true(finish(&builder).length <= 4 * 1000 + 8);
    buffer_free(&builder.bytes);
}

static void
records_are_found_in_their_order(void **state)
{
    (void) state;
    SegmentSourcesBuilder builder = {0};
    add(&builder, 1, 1, 10, 2);
    add(&builder, 1, 2, 20, 3);
    Text sources = finish(&builder);
    SegmentRuns runs;
    segment_runs_start(&runs, sources);
    for (int64_t i = 0; i < 5; i++) {
        assert_true(segment_runs_reach(&runs, i));
        assert_int_equal(segment_runs_receipt(&runs, 99), i < 2 ? 10 : 20);
    }
    assert_false(segment_runs_reach(&runs, 5));
    SegmentRun run;
    assert_true(segment_run_of(sources, 4, &run));
    assert_int_equal(run.sequence, 2);
    buffer_free(&builder.bytes);
}

static void
runs_as_they_came_have_the_receipt_of_their_commit(void **state)
{
    (void) state;
    Buffer sources = {0};
    Err err = {0};
    assert_true(segment_sources_append(&sources, 7, 1, 2, &err));
    SegmentRuns runs;
    segment_runs_start(&runs, buffer_text(&sources));
    assert_true(segment_runs_reach(&runs, 1));
    assert_int_equal(segment_runs_receipt(&runs, 99), 99);
    buffer_free(&sources);
}

static void
damaged_bytes_are_noticed_wherever_they_end(void **state)
{
    (void) state;
    SegmentSourcesBuilder builder = {0};
    add(&builder, 300, 400, 500, 600);
    Text sources = finish(&builder);
    for (size_t length = 2; length < sources.length; length++)
        assert_int_equal(segment_sources_records((Text){sources.data, length}), -1);
    static const char none[] = {2, 2, 2, 2, 0};
    static const char no_receipt[] = {2, 2, 2, 0, 1};
    static const char negative[] = {2, 1, 2, 2, 1};
    static const char endless[] = {2, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 2, 2, 1};
    assert_int_equal(segment_sources_records((Text){none, sizeof none}), -1);
    assert_int_equal(segment_sources_records((Text){no_receipt, sizeof no_receipt}), -1);
    assert_int_equal(segment_sources_records((Text){negative, sizeof negative}), -1);
    assert_int_equal(segment_sources_records((Text){endless, sizeof endless}), -1);
    buffer_free(&builder.bytes);
}

static void
numbers_out_of_range_are_refused(void **state)
{
    (void) state;
    static const SegmentRun wrong[] = {
        {-1, 1, 1, 1}, {1, -1, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, -1}, {SEGMENT_NUMBER_MAX, 1, 1, 1}};
    SegmentSourcesBuilder builder = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Err err = {0};
        assert_false(segment_sources_add(&builder, &wrong[i], &err));
        assert_int_equal(err.code, ERR_RANGE);
    }
    buffer_free(&builder.bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_keeps_its_batch_and_receipt),
        cmocka_unit_test(the_form_on_disk_does_not_change),
        cmocka_unit_test(a_batch_costs_a_few_bytes),
        cmocka_unit_test(records_are_found_in_their_order),
        cmocka_unit_test(runs_as_they_came_have_the_receipt_of_their_commit),
        cmocka_unit_test(damaged_bytes_are_noticed_wherever_they_end),
        cmocka_unit_test(numbers_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
