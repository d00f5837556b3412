/* The codec that everything rests on: what goes in comes out, and nothing else gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/usage.pb-c.h"
#include "proto/usage_batch.h"

enum { RECORDS = 500 };

/* Record i of a family that uses every field and every absence. */
static UsageRecord
sample(int i, char id[64], char function[32])
{
    UsageRecord record = usage_record_empty();
    if (i % 3 == 0) {
        snprintf(id, 64, "req-%d", i);
    } else {
        uint8_t uuid[16] = {(uint8_t) i, (uint8_t) (i >> 8)};
        uuid_format(uuid, id);
    }
    snprintf(function, 32, "fn-%d", i % 7);
    record.request_id = text_of(id);
    record.tenant = text_of(i % 2 == 0 ? "acme" : "globex");
    record.function = text_of(function);
    record.version = text_of(i % 5 == 0 ? "$LATEST" : "");
    record.region = text_of("us-east-1");
    record.attempt = i % 11 == 0 ? 2 : 1;
    record.architecture = i % 4 == 0 ? USAGE_ARM64 : USAGE_X86_64;
    record.package = (UsagePackage) (i % USAGE_PACKAGE_COUNT);
    record.mode = (UsageMode) (i % USAGE_MODE_COUNT);
    record.trigger = (UsageTrigger) (i % USAGE_TRIGGER_COUNT);
    record.status = (UsageStatus) (i % USAGE_STATUS_COUNT);
    record.streamed = i % 6 == 0;
    record.memory_mb = 128 + i % 3;
    record.started_at_us = INT64_C(1790856000000000) + (i % 2 == 0 ? i : -i) * INT64_C(1234567);
    record.duration_us = i % 10 == 0 ? 0 : (int64_t) i * 1001;
    record.init_duration_us = i % 9 == 0 ? i : USAGE_ABSENT;
    record.max_memory_used_mb = i % 8 == 0 ? 0 : USAGE_ABSENT;
    record.cpu_us = i % 13 == 0 ? i : USAGE_ABSENT;
    record.response_bytes = i % 14 == 0 ? (INT64_C(1) << 40) : USAGE_ABSENT;
    record.reported_billed_ms = i % 15 == 0 ? i : USAGE_ABSENT;
    return record;
}

static UsageBatch *
unpack(const Buffer *packed)
{
    Err err = {0};
    UsageBatch *batch = usage_batch_unpack(packed->data, packed->length, &err);
    if (batch == NULL)
        fail_msg("%s", err.message);
    return batch;
}

/* Digests from before there was capacity: databases and spools hold such bytes, and seals are over them. */
static void
what_has_no_capacity_is_the_same_bytes_as_ever(void **state)
{
    (void) state;
    Err err = {0};
    char id[64], function[32], hex[DIGEST_HEX_BYTES];
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    for (int i = 0; i < RECORDS; i++) {
        const UsageRecord record = sample(i, id, function);
        assert_true(usage_batch_builder_add(builder, &record, &err));
    }
    Buffer packed = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    Digest digest = digest_of(packed.data, packed.length);
    assert_string_equal(digest_hex(&digest, hex), "ebbf0ae307ce876fc00a8705213b17baf2336f5e803c5b402b3d7410265d9266");
    const UsageRecord record = sample(45, id, function);
    digest = usage_record_digest(&record, false);
    assert_string_equal(digest_hex(&digest, hex), "1a9ccfb9108632636b5eb21ab6ac6667020ecb846f7a259557d2874d3bfb7686");
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

static void
capacity_travels_beside_invocations(void **state)
{
    (void) state;
    Err err = {0};
    char id[64], function[32];
    const int64_t units[] = {USAGE_ABSENT, 1, 1000000000, USAGE_ABSENT};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    for (size_t i = 0; i < 4; i++) {
        UsageRecord record = sample(1, id, function); /* without any optional fact */
        record.status = USAGE_OK;
        record.capacity_units = units[i];
        assert_true(usage_batch_builder_add(builder, &record, &err));
    }
    Buffer packed = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    UsageBatch *batch = unpack(&packed);
    for (size_t i = 0; i < 4; i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        assert_int_equal(record.capacity_units, units[i]);
        assert_int_equal(record.duration_us, 1001);
    }
    usage_batch_free(&batch);
    UsageRecord record = sample(1, id, function);
    record.status = USAGE_OK;
    record.capacity_units = INT64_C(1) << 40; /* no wrap to something that passes */
    assert_true(usage_batch_builder_add(builder, &record, &err));
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    assert_null(usage_batch_unpack(packed.data, packed.length, &err));
    assert_non_null(strstr(err.message, "capacity_units"));
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

static void
every_fact_survives_the_way_through_the_columns(void **state)
{
    (void) state;
    Err err = {0};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    Digest expected[RECORDS];
    for (int i = 0; i < RECORDS; i++) {
        char id[64], function[32];
        UsageRecord record = sample(i, id, function);
        expected[i] = usage_record_digest(&record, false);
        assert_true(usage_batch_builder_add(builder, &record, &err));
    }
    Buffer packed = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    assert_int_equal(usage_batch_builder_entries(builder), 0);
    UsageBatch *batch = unpack(&packed);
    assert_int_equal(usage_batch_records(batch), RECORDS);
    for (size_t i = 0; i < RECORDS; i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        Digest digest = usage_record_digest(&record, false);
        assert_memory_equal(&digest, &expected[i], sizeof(digest));
    }
    usage_batch_free(&batch);
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

static void
a_builder_can_be_used_again_after_packing(void **state)
{
    (void) state;
    Err err = {0};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    Buffer first = {0}, second = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++) {
            char id[64], function[32];
            UsageRecord record = sample(i, id, function);
            assert_true(usage_batch_builder_add(builder, &record, &err));
        }
        assert_true(usage_batch_builder_pack(builder, round == 0 ? &first : &second, &err));
    }
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    buffer_free(&first);
    buffer_free(&second);
    usage_batch_builder_free(&builder);
}

static void
rejected_lines_and_losses_travel_with_the_records(void **state)
{
    (void) state;
    Err err = {0};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    const UsageRejected rejected = {.raw = {"bad\0line", 8},
                                    .format = TEXT_LITERAL("ndjson"),
                                    .reason = TEXT_LITERAL("malformed"),
                                    .field = TEXT_LITERAL("memory_mb"),
                                    .message = TEXT_LITERAL("is missing"),
                                    .source = TEXT_LITERAL("file.ndjson"),
                                    .line = 17};
    const UsageLoss loss = {
        .source = TEXT_LITERAL("ring 1"), .reason = TEXT_LITERAL("ring_full"), .records = 42, .noticed_at_us = 5};
    assert_true(usage_batch_builder_reject(builder, &rejected, &err));
    assert_true(usage_batch_builder_lose(builder, &loss, &err));
    Buffer packed = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    UsageBatch *batch = unpack(&packed);
    UsageRejected out;
    usage_batch_rejected_at(batch, 0, &out);
    assert_int_equal(out.raw.length, 8);
    assert_memory_equal(out.raw.data, "bad\0line", 8);
    assert_int_equal(out.line, 17);
    assert_true(text_is(out.field, "memory_mb"));
    UsageLoss lost;
    usage_batch_loss_at(batch, 0, &lost);
    assert_int_equal(lost.records, 42);
    assert_true(text_is(lost.reason, "ring_full"));
    usage_batch_free(&batch);
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

static void
a_full_builder_says_so_and_its_batch_fits(void **state)
{
    (void) state;
    Err err = {0};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    char id[USAGE_ID_BYTES_MAX + 1];
    size_t added = 0;
    for (;; added++) {
        snprintf(id, sizeof(id), "%0120zu", added);
        char function[32], other[64];
        UsageRecord record = sample(1, other, function);
        record.request_id = text_of(id);
        if (!usage_batch_builder_add(builder, &record, &err))
            break;
    }
    assert_int_equal(err.code, ERR_FULL);
    assert_int_equal(usage_batch_builder_records(builder), added);
    Buffer packed = {0};
    err_clear(&err);
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    assert_true(packed.length <= USAGE_BATCH_BYTES_MAX);
    UsageBatch *batch = unpack(&packed);
    assert_int_equal(usage_batch_records(batch), added);
    usage_batch_free(&batch);
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

static void
every_damaged_byte_is_refused_or_still_a_valid_batch(void **state)
{
    (void) state;
    Err err = {0};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    for (int i = 0; i < 20; i++) {
        char id[64], function[32];
        UsageRecord record = sample(i, id, function);
        assert_true(usage_batch_builder_add(builder, &record, &err));
    }
    Buffer packed = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    for (size_t i = 0; i < packed.length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            packed.data[i] = (char) (packed.data[i] ^ (1 << bit));
            Err broken = {0};
            UsageBatch *batch = usage_batch_unpack(packed.data, packed.length, &broken);
            assert_true(batch != NULL || err_is_set(&broken));
            usage_batch_free(&batch);
            packed.data[i] = (char) (packed.data[i] ^ (1 << bit));
        }
        Err cut = {0};
        UsageBatch *batch = usage_batch_unpack(packed.data, i, &cut);
        assert_true(batch != NULL || err_is_set(&cut));
        usage_batch_free(&batch);
    }
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

/* Serialise a hand-made message and expect it to be refused with these words. */
static void
expect_refused(const Millibill__UsageBatch *message, const char *words)
{
    size_t length = millibill__usage_batch__get_packed_size(message);
    uint8_t *bytes = malloc(length + 1);
    assert_non_null(bytes);
    millibill__usage_batch__pack(message, bytes);
    Err err = {0};
    UsageBatch *batch = usage_batch_unpack(bytes, length, &err);
    assert_null(batch);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    free(bytes);
}

static void
lies_about_counts_and_indices_are_refused(void **state)
{
    (void) state;
    char name[] = "acme";
    char *names[] = {name};
    Millibill__FunctionConfig config = MILLIBILL__FUNCTION_CONFIG__INIT;
    config.function = name;
    config.memory_mb = 128;
    Millibill__FunctionConfig *configs[] = {&config};
    uint32_t indices[] = {0, 0};
    int64_t times[] = {INT64_C(1790856000000000), 1};
    uint64_t durations[] = {1, 2};
    uint8_t ids[32] = {0};
    Millibill__UsageBatch good = MILLIBILL__USAGE_BATCH__INIT;
    good.tenants = good.regions = names;
    good.n_tenants = good.n_regions = 1;
    good.configs = configs;
    good.n_configs = 1;
    good.config = indices;
    good.started_at_delta_us = times;
    good.duration_us = durations;
    good.n_config = good.n_started_at_delta_us = good.n_duration_us = 2;
    good.uuid_ids = (ProtobufCBinaryData){32, ids};

    Millibill__UsageBatch bad = good;
    bad.n_duration_us = 1;
    expect_refused(&bad, "duration_us has 1 entries, expected 2");
    bad = good;
    bad.uuid_ids.len = 16;
    expect_refused(&bad, "uuid_ids");
    bad = good;
    indices[1] = 1;
    expect_refused(&bad, "record 1 names configuration 1 of 1");
    indices[1] = 0;
    config.tenant = 3;
    expect_refused(&good, "tenant or region that is not there");
    config.tenant = 0;
    config.memory_mb = 0;
    expect_refused(&good, "memory_mb is 0");
    config.memory_mb = 128;
    durations[1] = 86400000001;
    expect_refused(&good, "duration is 86400000001");
    durations[1] = 2;
    times[1] = INT64_MAX;
    expect_refused(&good, "time of record 1 is out of range");
}

static void
many_empty_entries_do_not_take_the_memory(void **state)
{
    (void) state;
    size_t length = USAGE_BATCH_BYTES_MAX;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i += 2) { /* field 17 (rejected), length 0, over and over */
        bytes[i] = 0x8a;
        bytes[i + 1] = 0x01;
    }
    for (size_t i = 0; i + 2 < length; i += 3) {
        bytes[i] = 0x8a;
        bytes[i + 1] = 0x01;
        bytes[i + 2] = 0x00;
    }
    Err err = {0};
    UsageBatch *batch = usage_batch_unpack(bytes, length / 3 * 3, &err);
    assert_null(batch);
    free(bytes);
}

static void
the_content_digest_leaves_the_identity_out(void **state)
{
    (void) state;
    char id[64], function[32], other_id[64] = "other";
    UsageRecord a = sample(4, id, function);
    UsageRecord b = a;
    b.request_id = text_of(other_id);
    b.attempt = 7;
    Digest with_a = usage_record_digest(&a, false), with_b = usage_record_digest(&b, false);
    assert_memory_not_equal(&with_a, &with_b, sizeof(with_a));
    Digest without_a = usage_record_digest(&a, true), without_b = usage_record_digest(&b, true);
    assert_memory_equal(&without_a, &without_b, sizeof(without_a));
    b.duration_us++;
    without_b = usage_record_digest(&b, true);
    assert_memory_not_equal(&without_a, &without_b, sizeof(without_a));
}

static void
a_packed_batch_holds_the_pattern_of_each_of_its_ids(void **state)
{
    (void) state;
    Err err = {0};
    static const char other[] = "req-not-there";
    char longest[USAGE_ID_BYTES_MAX + 1];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[USAGE_ID_BYTES_MAX] = '\0';
    const char *const ids[] = {"1", "req-17", "0a0b0c0d-0000-4000-8000-00000000ffff", longest};
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char id[64], function[32];
        UsageRecord record = sample(1, id, function);
        record.request_id = text_of(ids[i]);
        assert_true(usage_batch_builder_add(builder, &record, &err));
    }
    Buffer packed = {0}, pattern = {0};
    assert_true(usage_batch_builder_pack(builder, &packed, &err));
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        buffer_clear(&pattern);
        assert_true(usage_id_pattern(text_of(ids[i]), &pattern, &err));
        assert_non_null(memmem(packed.data, packed.length, pattern.data, pattern.length));
    }
    buffer_clear(&pattern);
    assert_true(usage_id_pattern(text_of(other), &pattern, &err));
    assert_null(memmem(packed.data, packed.length, pattern.data, pattern.length));
    buffer_free(&pattern);
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_capacity_is_the_same_bytes_as_ever),
        cmocka_unit_test(capacity_travels_beside_invocations),
        cmocka_unit_test(every_fact_survives_the_way_through_the_columns),
        cmocka_unit_test(a_builder_can_be_used_again_after_packing),
        cmocka_unit_test(rejected_lines_and_losses_travel_with_the_records),
        cmocka_unit_test(a_full_builder_says_so_and_its_batch_fits),
        cmocka_unit_test(every_damaged_byte_is_refused_or_still_a_valid_batch),
        cmocka_unit_test(lies_about_counts_and_indices_are_refused),
        cmocka_unit_test(many_empty_entries_do_not_take_the_memory),
        cmocka_unit_test(the_content_digest_leaves_the_identity_out),
        cmocka_unit_test(a_packed_batch_holds_the_pattern_of_each_of_its_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
