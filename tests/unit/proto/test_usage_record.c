/* What a record must hold, and how it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/usage_record.h"

static UsageRecord
good_record(void)
{
    UsageRecord record = usage_record_empty();
    record.tenant = text_of("acme");
    record.function = text_of("thumb");
    record.region = text_of("us-east-1");
    record.request_id = text_of("req-1");
    record.memory_mb = 512;
    record.started_at_us = INT64_C(1790856000123456);
    record.duration_us = 469400;
    return record;
}

static void
expect_fault(const UsageRecord *record, UsageReason reason, const char *field)
{
    UsageFault fault = {0};
    assert_false(usage_record_check(record, true, true, &fault));
    assert_int_equal(fault.reason, reason);
    assert_string_equal(fault.field, field);
    assert_true(strlen(fault.message) > 0);
}

static void
a_complete_record_passes(void **state)
{
    (void) state;
    UsageRecord record = good_record();
    UsageFault fault;
    assert_true(usage_record_check(&record, true, true, &fault));
    record.tenant = record.request_id = (Text){NULL, 0};
    assert_true(usage_record_check(&record, false, false, &fault));
}

static void
each_missing_fact_is_named(void **state)
{
    (void) state;
    UsageRecord record = good_record();
    record.memory_mb = USAGE_ABSENT;
    expect_fault(&record, USAGE_REASON_MISSING, "memory_mb");
    record = good_record();
    record.duration_us = USAGE_ABSENT;
    expect_fault(&record, USAGE_REASON_MISSING, "duration");
    record = good_record();
    record.started_at_us = USAGE_ABSENT;
    expect_fault(&record, USAGE_REASON_MISSING, "started_at");
    record = good_record();
    record.tenant = (Text){NULL, 0};
    expect_fault(&record, USAGE_REASON_MISSING, "tenant");
    record = good_record();
    record.function = (Text){NULL, 0};
    expect_fault(&record, USAGE_REASON_MISSING, "function");
    record = good_record();
    record.request_id = (Text){NULL, 0};
    expect_fault(&record, USAGE_REASON_MISSING, "request_id");
}

static void
each_limit_holds_at_its_edge(void **state)
{
    (void) state;
    UsageFault fault;
    UsageRecord record = good_record();
    record.duration_us = USAGE_DURATION_US_MAX;
    assert_true(usage_record_check(&record, true, true, &fault));
    record.duration_us++;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "duration");
    record.duration_us = -2;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "duration");
    record = good_record();
    record.memory_mb = 0;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "memory_mb");
    record.memory_mb = USAGE_MEMORY_MB_MAX + 1;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "memory_mb");
    record = good_record();
    record.attempt = 0;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "attempt");
    record = good_record();
    record.started_at_us = 5;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "started_at");
    char long_name[USAGE_NAME_BYTES_MAX + 2];
    memset(long_name, 'x', sizeof(long_name));
    record = good_record();
    record.function = (Text){long_name, USAGE_NAME_BYTES_MAX};
    assert_true(usage_record_check(&record, true, true, &fault));
    record.function.length++;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "function");
    record = good_record();
    record.tenant = (Text){"ac\0me", 5};
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "tenant");
}

static void
json_keeps_microseconds_and_escapes(void **state)
{
    (void) state;
    UsageRecord record = good_record();
    record.function = text_of("a\"b\\c");
    record.init_duration_us = 100990;
    Buffer out = {0};
    Err err = {0};
    assert_true(usage_record_to_json(&record, &out, &err));
    assert_string_equal(
        out.data, "{\"request_id\":\"req-1\",\"tenant\":\"acme\",\"function\":\"a\\\"b\\\\c\",\"region\":\"us-east-1\","
                  "\"architecture\":\"x86_64\",\"memory_mb\":512,\"ephemeral_mb\":512,"
                  "\"started_at\":\"2026-10-01T12:00:00.123456Z\",\"duration_ms\":469.400,"
                  "\"init_duration_ms\":100.990,\"status\":\"ok\",\"mode\":\"on_demand\",\"trigger\":\"other\","
                  "\"package\":\"managed\"}");
    buffer_free(&out);
}

static void
only_canonical_uuids_become_sixteen_bytes(void **state)
{
    (void) state;
    uint8_t uuid[16];
    assert_true(usage_id_to_uuid(text_of("0123abcd-4567-89ab-cdef-0123456789ab"), uuid));
    assert_int_equal(uuid[0], 0x01);
    assert_int_equal(uuid[15], 0xab);
    char text[37];
    assert_string_equal(uuid_format(uuid, text), "0123abcd-4567-89ab-cdef-0123456789ab");
    static const char *const OTHERS[] = {"", "0123ABCD-4567-89ab-cdef-0123456789ab",
                                         "0123abcd-4567-89ab-cdef-0123456789a", "0123abcd04567-89ab-cdef-0123456789ab",
                                         "g123abcd-4567-89ab-cdef-0123456789ab"};
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
        assert_false(usage_id_to_uuid(text_of(OTHERS[i]), uuid));
}

static UsageRecord
good_capacity(void)
{
    UsageRecord record = good_record();
    record.mode = USAGE_PROVISIONED;
    record.started_at_us = INT64_C(1790856000000000); /* a full hour */
    record.duration_us = INT64_C(3600000000);
    record.capacity_units = 100;
    return record;
}

static void
capacity_lies_inside_an_hour_and_is_no_invocation(void **state)
{
    (void) state;
    UsageFault fault;
    UsageRecord record = good_capacity();
    assert_true(usage_record_is_capacity(&record));
    assert_true(usage_record_check(&record, true, true, &fault));
    record.started_at_us++;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "ready_s");
    record.duration_us--;
    assert_true(usage_record_check(&record, true, true, &fault));
    record.duration_us = 0;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "ready_s");
    const int64_t wrong_units[] = {0, -2, INT64_C(1000000001), INT64_MAX};
    for (size_t i = 0; i < sizeof(wrong_units) / sizeof(wrong_units[0]); i++) {
        record = good_capacity();
        record.capacity_units = wrong_units[i];
        expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "capacity_units");
    }
    const struct {
        const char *field;
        size_t offset;
    } facts[] = {{"init_duration", offsetof(UsageRecord, init_duration_us)},
                 {"max_memory_used_mb", offsetof(UsageRecord, max_memory_used_mb)},
                 {"cpu_ms", offsetof(UsageRecord, cpu_us)},
                 {"response_bytes", offsetof(UsageRecord, response_bytes)},
                 {"reported_billed_ms", offsetof(UsageRecord, reported_billed_ms)}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        record = good_capacity();
        memcpy((char *) &record + facts[i].offset, &(int64_t){0}, sizeof(int64_t));
        expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, facts[i].field);
    }
    record = good_capacity();
    record.status = USAGE_ERROR;
    expect_fault(&record, USAGE_REASON_OUT_OF_RANGE, "status");
}

static void
capacity_has_units_and_seconds_in_json_and_a_digest_of_its_own(void **state)
{
    (void) state;
    Err err = {0};
    Buffer text = {0};
    UsageRecord record = good_capacity();
    record.duration_us = 17000001;
    assert_true(usage_record_to_json(&record, &text, &err));
    assert_non_null(strstr(text.data, ",\"capacity_units\":100,\"ready_s\":17.000001,"));
    assert_null(strstr(text.data, "duration_ms"));
    UsageRecord invocation = record;
    invocation.capacity_units = USAGE_ABSENT;
    UsageRecord other = record;
    other.capacity_units++;
    Digest digests[] = {usage_record_digest(&record, true), usage_record_digest(&invocation, true),
                        usage_record_digest(&other, true)};
    assert_memory_not_equal(&digests[0], &digests[1], sizeof(Digest));
    assert_memory_not_equal(&digests[0], &digests[2], sizeof(Digest));
    buffer_free(&text);
}

static void
names_of_enums_go_both_ways(void **state)
{
    (void) state;
    for (int i = 0; i < USAGE_ARCHITECTURE_COUNT; i++) {
        UsageArchitecture value;
        assert_true(usage_architecture_parse(text_of(usage_architecture_name((UsageArchitecture) i)), &value));
        assert_int_equal(value, i);
    }
    for (int i = 0; i < USAGE_TRIGGER_COUNT; i++) {
        UsageTrigger value;
        assert_true(usage_trigger_parse(text_of(usage_trigger_name((UsageTrigger) i)), &value));
        assert_int_equal(value, i);
    }
    UsageStatus status;
    assert_false(usage_status_parse(text_of("OK"), &status));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_record_passes),
        cmocka_unit_test(each_missing_fact_is_named),
        cmocka_unit_test(each_limit_holds_at_its_edge),
        cmocka_unit_test(json_keeps_microseconds_and_escapes),
        cmocka_unit_test(only_canonical_uuids_become_sixteen_bytes),
        cmocka_unit_test(capacity_lies_inside_an_hour_and_is_no_invocation),
        cmocka_unit_test(capacity_has_units_and_seconds_in_json_and_a_digest_of_its_own),
        cmocka_unit_test(names_of_enums_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
