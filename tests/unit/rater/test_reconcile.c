/* Two sides of a reconciliation: what is spread comes together again, and finds its own other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/digest.h"
#include "rater/reconcile_match.h"

enum {
    MANY = 100000,
    /* more than the buffers hold: most of it goes through files */ ALL_FIELDS = (1 << RECONCILE_FIELD_COUNT) - 1
};

static ReconcileEntry
entry_of(ReconcileSide side, const char *id, int64_t duration_us)
{
    ReconcileEntry entry = {.side = side, .inside = true, .record = usage_record_empty()};
    entry.record.request_id = text_of(id);
    entry.record.function = text_of("f");
    entry.record.region = text_of("us-east-1");
    entry.record.memory_mb = 128;
    entry.record.started_at_us = INT64_C(1790856000000000);
    entry.record.duration_us = duration_us;
    reconcile_key(&entry);
    return entry;
}

/* ---- spreading ---- */

static void
every_record_that_is_spread_comes_back_whole_and_beside_its_likes(void **state)
{
    (void) state;
    Err err = {0};
    Spill *spill = spill_new(&err);
    for (int i = 0; i < MANY; i++) {
        char id[USAGE_ID_BYTES_MAX + 1];
        snprintf(id, sizeof(id), "request-%d", i / 2); /* each id on both sides */
        ReconcileEntry entry = entry_of(i % 2 == 0 ? RECONCILE_FILE : RECONCILE_BILLED, id, i / 2);
        assert_true(spill_add(spill, &entry, &err));
    }
    size_t seen = 0, pairs = 0;
    for (size_t p = 0; p < SPILL_PARTITIONS; p++) {
        SpillPart part = {0};
        assert_true(spill_load(spill, p, &part, &err));
        for (size_t i = 0; i < part.count; i++) {
            char id[64];
            const UsageRecord *record = &part.entries[i].record;
            snprintf(id, sizeof(id), "request-%d", (int) record->duration_us);
            assert_true(text_is(record->request_id, id));
            assert_true(text_is(record->function, "f") && text_is(record->region, "us-east-1"));
            assert_int_equal(record->version.length, 0);
            pairs += i > 0 && memcmp(part.entries[i].key, part.entries[i - 1].key, RECONCILE_KEY_BYTES) == 0;
        }
        seen += part.count;
        spill_part_free(&part);
    }
    assert_int_equal(seen, MANY);
    assert_int_equal(pairs, MANY / 2);
    spill_free(&spill);
}

static void
a_folder_that_takes_no_files_is_named_and_nothing_is_compared_by_halves(void **state)
{
    (void) state;
    Err err = {0};
    Spill *spill = spill_new(&err);
    ReconcileEntry entry = entry_of(RECONCILE_FILE, "always-the-same", 1);
    setenv("TMPDIR", "/nonexistent/folder", 1);
    bool taken = true;
    for (int i = 0; taken && i < MANY; i++)
        taken = spill_add(spill, &entry, &err);
    unsetenv("TMPDIR");
    assert_false(taken);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/folder"));
    assert_non_null(strstr(err.hint, "TMPDIR"));
    spill_free(&spill);
}

static void
content_ids_of_equal_lines_share_a_key_and_others_do_not(void **state)
{
    (void) state;
    ReconcileEntry first = entry_of(RECONCILE_FILE, "d-00112233445566778899aabbccddeeff-1", 1);
    ReconcileEntry second = entry_of(RECONCILE_FILE, "d-00112233445566778899aabbccddeeff-2", 1);
    ReconcileEntry followed = entry_of(RECONCILE_BILLED, "f-00112233445566778899aabbccddeeff-0badc0de00000000-77", 1);
    ReconcileEntry other = entry_of(RECONCILE_FILE, "d-00112233445566778899aabbccddeef0-1", 1);
    ReconcileEntry named = entry_of(RECONCILE_FILE, "d-00112233445566778899AABBCCDDEEFF-1", 1);
    ReconcileEntry attempt = first;
    attempt.record.attempt = 2;
    reconcile_key(&attempt);
    assert_memory_equal(first.key, second.key, RECONCILE_KEY_BYTES);
    assert_memory_equal(first.key, followed.key, RECONCILE_KEY_BYTES);
    assert_memory_not_equal(first.key, other.key, RECONCILE_KEY_BYTES);
    assert_memory_not_equal(first.key, named.key, RECONCILE_KEY_BYTES);
    assert_memory_not_equal(first.key, attempt.key, RECONCILE_KEY_BYTES);
}

/* ---- matching ---- */

typedef struct Seen {
    int count[RECONCILE_STATUS_COUNT];
    uint32_t differs;
    ReconcileSide other;
} Seen;

static bool
see(void *context, const ReconcileMatch *match, Err *err)
{
    (void) err;
    Seen *seen = context;
    seen->count[match->status]++;
    seen->differs |= match->differs;
    seen->other = match->other == NULL ? RECONCILE_FILE : match->other->side;
    return true;
}

static Seen
match_all(ReconcileEntry *entries, size_t count, uint32_t fields)
{
    Err err = {0};
    Seen seen = {{0}, 0, RECONCILE_FILE};
    for (size_t i = 0; i < count; i++)
        entries[i].order = i;
    assert_true(reconcile_match(entries, count, fields, see, &seen, &err));
    return seen;
}

static void
equal_records_find_each_other_before_different_ones_are_paired(void **state)
{
    (void) state;
    ReconcileEntry entries[] = {entry_of(RECONCILE_BILLED, "r", 100), entry_of(RECONCILE_BILLED, "r", 200),
                                entry_of(RECONCILE_FILE, "r", 200)};
    entries[1].record.reported_billed_ms = entries[2].record.reported_billed_ms = 1; /* retries of a Lambda request */
    Seen seen = match_all(entries, 3, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_MATCHED], 1);
    assert_int_equal(seen.count[RECONCILE_NOT_IN_FILE], 1);
    assert_int_equal(seen.count[RECONCILE_DIFFERS], 0);
}

static void
a_field_is_compared_when_the_file_states_it_and_nobody_ignores_it(void **state)
{
    (void) state;
    ReconcileEntry file = entry_of(RECONCILE_FILE, "r", 100);
    ReconcileEntry bill = entry_of(RECONCILE_BILLED, "r", 100);
    file.record.region = (Text){"", 0};
    bill.record.cpu_us = 7;
    bill.record.init_duration_us = 0;
    assert_int_equal(reconcile_compare(&file.record, &bill.record, ALL_FIELDS), 0);
    file.record.cpu_us = 8;
    file.record.region = text_of("eu-west-1");
    file.record.init_duration_us = 9;
    uint32_t expected = 1u << FIELD_CPU | 1u << FIELD_REGION | 1u << FIELD_INIT_DURATION;
    assert_int_equal(reconcile_compare(&file.record, &bill.record, ALL_FIELDS), expected);
    assert_int_equal(reconcile_compare(&file.record, &bill.record, 1u << FIELD_REGION), 1u << FIELD_REGION);
    UsageRecord wanted = reconcile_as_in_file(&file.record, &bill.record, 1u << FIELD_REGION);
    assert_true(text_is(wanted.region, "eu-west-1"));
    assert_int_equal(wanted.cpu_us, 7);
}

static void
every_difference_of_a_field_is_seen_and_carried_over(void **state)
{
    (void) state;
    for (int i = 0; i < RECONCILE_FIELD_COUNT; i++) {
        UsageRecord bill = entry_of(RECONCILE_BILLED, "r", 100).record;
        bill.cpu_us = bill.response_bytes = bill.max_memory_used_mb = 5;
        UsageRecord file = bill;
        file.started_at_us += i == FIELD_STARTED_AT;
        file.duration_us += i == FIELD_DURATION;
        file.init_duration_us = i == FIELD_INIT_DURATION ? 3 : USAGE_ABSENT;
        file.memory_mb += i == FIELD_MEMORY;
        file.ephemeral_mb += i == FIELD_EPHEMERAL;
        file.architecture = i == FIELD_ARCHITECTURE ? USAGE_ARM64 : USAGE_X86_64;
        file.region = text_of(i == FIELD_REGION ? "eu-west-1" : "us-east-1");
        file.mode = i == FIELD_MODE ? USAGE_PROVISIONED : USAGE_ON_DEMAND;
        file.package = i == FIELD_PACKAGE ? USAGE_IMAGE : USAGE_MANAGED;
        file.function = text_of(i == FIELD_FUNCTION ? "g" : "f");
        file.version = text_of(i == FIELD_VERSION ? "2" : "");
        file.status = i == FIELD_STATUS ? USAGE_ERROR : USAGE_OK;
        file.cpu_us += i == FIELD_CPU;
        file.response_bytes += i == FIELD_RESPONSE_BYTES;
        file.capacity_units = i == FIELD_CAPACITY_UNITS ? 3 : USAGE_ABSENT;
        file.streamed = i == FIELD_STREAMED;
        file.max_memory_used_mb += i == FIELD_MAX_MEMORY;
        uint32_t differs = reconcile_compare(&file, &bill, ALL_FIELDS);
        assert_int_equal(differs, UINT32_C(1) << i);
        UsageRecord wanted = reconcile_as_in_file(&file, &bill, differs);
        if (i != FIELD_VERSION) /* has no price */
            assert_int_equal(reconcile_compare(&file, &wanted, ALL_FIELDS), 0);
    }
}

static void
what_is_not_billed_says_whether_it_is_late_or_in_quarantine(void **state)
{
    (void) state;
    ReconcileEntry late[] = {entry_of(RECONCILE_LATE, "r", 1), entry_of(RECONCILE_FILE, "r", 1)};
    ReconcileEntry quarantined[] = {entry_of(RECONCILE_QUARANTINED, "r", 1), entry_of(RECONCILE_FILE, "r", 1)};
    ReconcileEntry alone[] = {entry_of(RECONCILE_QUARANTINED, "r", 1)};
    Seen seen = match_all(late, 2, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_NOT_BILLED], 1);
    assert_int_equal(seen.other, RECONCILE_LATE);
    seen = match_all(quarantined, 2, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_NOT_BILLED], 1);
    assert_int_equal(seen.other, RECONCILE_QUARANTINED);
    seen = match_all(alone, 1, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_NOT_BILLED] + seen.count[RECONCILE_NOT_IN_FILE], 0);
}

static void
what_lies_outside_of_the_month_on_both_sides_is_left_out(void **state)
{
    (void) state;
    ReconcileEntry entries[] = {entry_of(RECONCILE_BILLED, "r", 1), entry_of(RECONCILE_FILE, "r", 2)};
    entries[0].inside = entries[1].inside = false;
    Seen seen = match_all(entries, 2, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_DIFFERS], 0);
    entries[0].inside = true;
    seen = match_all(entries, 2, ALL_FIELDS);
    assert_int_equal(seen.count[RECONCILE_DIFFERS], 1);
    assert_int_equal(seen.differs, 1u << FIELD_DURATION);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_that_is_spread_comes_back_whole_and_beside_its_likes),
        cmocka_unit_test(a_folder_that_takes_no_files_is_named_and_nothing_is_compared_by_halves),
        cmocka_unit_test(content_ids_of_equal_lines_share_a_key_and_others_do_not),
        cmocka_unit_test(equal_records_find_each_other_before_different_ones_are_paired),
        cmocka_unit_test(a_field_is_compared_when_the_file_states_it_and_nobody_ignores_it),
        cmocka_unit_test(every_difference_of_a_field_is_seen_and_carried_over),
        cmocka_unit_test(what_is_not_billed_says_whether_it_is_late_or_in_quarantine),
        cmocka_unit_test(what_lies_outside_of_the_month_on_both_sides_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
