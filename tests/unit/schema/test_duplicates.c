/* Which of several records of one identity counts (architecture, section 8 "Identity"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/duplicates.h"

enum { RUN_MAX = 3000 };
static const HashKey KEY = {{1, 2, 3}};

static UsageRecord
record_of(int64_t started_s, int64_t duration_ms, int64_t reported_billed_ms)
{
    UsageRecord record = usage_record_empty();
    record.tenant = text_of("acme");
    record.function = text_of("thumb");
    record.request_id = text_of("r-1");
    record.memory_mb = 512;
    record.started_at_us = INT64_C(1793491200000000) + started_s * 1000000;
    record.duration_us = duration_ms * 1000;
    record.reported_billed_ms = reported_billed_ms;
    return record;
}

static void
decide(const UsageRecord *records, size_t count, DuplicateDecision *decisions)
{
    DuplicateCandidate *run = calloc(count, sizeof *run);
    assert_non_null(run);
    for (size_t i = 0; i < count; i++) {
        duplicates_describe(&run[i], &records[i], &KEY);
        run[i].ordinal = (uint32_t) i;
    }
    duplicates_decide(run, count, decisions);
    free(run);
}

static void
assert_second(UsageRecord first, UsageRecord second, DuplicateVerdict expected)
{
    const UsageRecord records[2] = {first, second};
    DuplicateDecision decisions[2];
    decide(records, 2, decisions);
    assert_int_equal(decisions[0].verdict, DUPLICATE_KEPT);
    assert_int_equal(decisions[1].verdict, expected);
    if (expected != DUPLICATE_KEPT)
        assert_int_equal(decisions[1].kept, 0);
}

static void
the_same_record_again_is_a_copy(void **state)
{
    (void) state;
    assert_second(record_of(0, 100, USAGE_ABSENT), record_of(0, 100, USAGE_ABSENT), DUPLICATE_SAME);
    assert_second(record_of(0, 100, 100), record_of(0, 100, 100), DUPLICATE_SAME);
}

static void
other_content_is_a_conflict(void **state)
{
    (void) state;
    UsageRecord more_memory = record_of(0, 100, USAGE_ABSENT);
    more_memory.memory_mb = 1024;
    assert_second(record_of(0, 100, USAGE_ABSENT), record_of(0, 101, USAGE_ABSENT), DUPLICATE_CONFLICT);
    assert_second(record_of(0, 100, USAGE_ABSENT), more_memory, DUPLICATE_CONFLICT);
    assert_second(record_of(0, 100, USAGE_ABSENT), record_of(31, 100, USAGE_ABSENT), DUPLICATE_CONFLICT);
}

static void
another_start_alone_is_a_conflict_outside_lambda_logs(void **state)
{
    (void) state;
    assert_second(record_of(0, 100, USAGE_ABSENT), record_of(30, 100, USAGE_ABSENT), DUPLICATE_CONFLICT);
    assert_second(record_of(30, 100, USAGE_ABSENT), record_of(0, 100, USAGE_ABSENT), DUPLICATE_CONFLICT);
}

static void
a_lambda_retry_is_neither_copy_nor_conflict(void **state)
{
    (void) state;
    assert_second(record_of(0, 100, 100), record_of(60, 100, 100), DUPLICATE_KEPT);
    assert_second(record_of(0, 100, 100), record_of(1, 250, 250), DUPLICATE_KEPT);
    assert_second(record_of(0, 100, 100), record_of(29, 100, 100), DUPLICATE_COPY);
}

static void
one_lambda_log_and_one_emitter_say_the_same_invocation(void **state)
{
    (void) state;
    assert_second(record_of(0, 100, USAGE_ABSENT), record_of(1, 100, 100), DUPLICATE_COPY);
    assert_second(record_of(0, 100, 100), record_of(1, 100, USAGE_ABSENT), DUPLICATE_COPY);
}

static void
a_log_with_retries_imported_twice_is_billed_once(void **state)
{
    (void) state;
    const UsageRecord records[6] = {record_of(0, 100, 100), record_of(60, 300, 300), record_of(120, 100, 100),
                                    record_of(0, 100, 100), record_of(60, 300, 300), record_of(120, 100, 100)};
    DuplicateDecision decisions[6];
    decide(records, 6, decisions);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(decisions[i].verdict, DUPLICATE_KEPT);
        assert_int_equal(decisions[i + 3].verdict, DUPLICATE_SAME);
        assert_int_equal(decisions[i + 3].kept, i);
    }
}

static void
a_copy_of_the_kept_one_is_no_conflict_after_a_conflict(void **state)
{
    (void) state;
    const UsageRecord records[4] = {record_of(0, 100, USAGE_ABSENT), record_of(0, 200, USAGE_ABSENT),
                                    record_of(0, 100, USAGE_ABSENT), record_of(0, 200, USAGE_ABSENT)};
    DuplicateDecision decisions[4];
    decide(records, 4, decisions);
    assert_int_equal(decisions[1].verdict, DUPLICATE_CONFLICT);
    assert_int_equal(decisions[2].verdict, DUPLICATE_SAME);
    assert_int_equal(decisions[3].verdict, DUPLICATE_CONFLICT);
    assert_int_equal(decisions[3].kept, 0);
}

static void
thousands_of_attempts_of_one_id_are_decided_in_bounded_time(void **state)
{
    (void) state;
    UsageRecord *records = calloc(RUN_MAX, sizeof *records);
    DuplicateDecision *decisions = calloc(RUN_MAX, sizeof *decisions);
    assert_non_null(records);
    assert_non_null(decisions);
    for (int i = 0; i < RUN_MAX; i++)
        records[i] = record_of(i * 60, 100 + i, 100);
    records[RUN_MAX - 1] = records[0]; /* the first is compared with always */
    decide(records, RUN_MAX, decisions);
    for (int i = 0; i < RUN_MAX - 1; i++)
        assert_int_equal(decisions[i].verdict, DUPLICATE_KEPT);
    assert_int_equal(decisions[RUN_MAX - 1].verdict, DUPLICATE_SAME);
    assert_int_equal(decisions[RUN_MAX - 1].kept, 0);
    free(records);
    free(decisions);
}

static void
identity_is_request_id_and_attempt(void **state)
{
    (void) state;
    UsageRecord first = record_of(0, 100, USAGE_ABSENT);
    UsageRecord second = first;
    uint8_t a[DUPLICATES_HASH_BYTES];
    uint8_t b[DUPLICATES_HASH_BYTES];
    second.duration_us++;
    duplicates_identity(&first, &KEY, a);
    duplicates_identity(&second, &KEY, b);
    assert_memory_equal(a, b, sizeof a);
    second.attempt = 2;
    duplicates_identity(&second, &KEY, b);
    assert_memory_not_equal(a, b, sizeof a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_record_again_is_a_copy),
        cmocka_unit_test(other_content_is_a_conflict),
        cmocka_unit_test(another_start_alone_is_a_conflict_outside_lambda_logs),
        cmocka_unit_test(a_lambda_retry_is_neither_copy_nor_conflict),
        cmocka_unit_test(one_lambda_log_and_one_emitter_say_the_same_invocation),
        cmocka_unit_test(a_log_with_retries_imported_twice_is_billed_once),
        cmocka_unit_test(a_copy_of_the_kept_one_is_no_conflict_after_a_conflict),
        cmocka_unit_test(thousands_of_attempts_of_one_id_are_decided_in_bounded_time),
        cmocka_unit_test(identity_is_request_id_and_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
