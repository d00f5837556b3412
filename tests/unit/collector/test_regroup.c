/* Batches to segments, rollups and quarantine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/regroup.h"
#include "lib/utc.h"

#define NOON_US INT64_C(1793534400000000) /* 2026-11-01T12:00:00Z */
static const RegroupPolicy POLICY = {.now_us = NOON_US + UTC_HOUR_US,
                                     .live_past_us = 35 * UTC_DAY_US,
                                     .live_future_us = 300 * UTC_SECOND_US,
                                     .history_future_us = 366 * UTC_DAY_US};

typedef struct Fixture {
    ConfigTable *configs;
    Regroup *regroup;
    UsageBatchBuilder *builder;
    UsageBatch *batches[4];
    size_t count;
    Err err;
} Fixture;

static int
set_up(void **state)
{
    static Fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.configs = config_table_new(&fixture.err);
    assert_non_null(fixture.configs);
    fixture.regroup = regroup_new(fixture.configs, &fixture.err);
    fixture.builder = usage_batch_builder_new(&fixture.err);
    assert_non_null(fixture.regroup);
    assert_non_null(fixture.builder);
    regroup_start(fixture.regroup);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    for (size_t i = 0; i < fixture->count; i++)
        usage_batch_free(&fixture->batches[i]);
    regroup_free(&fixture->regroup);
    config_table_free(&fixture->configs);
    usage_batch_builder_free(&fixture->builder);
    return 0;
}

static void
put(Fixture *fixture, const char *tenant, const char *id, int64_t started_us, int64_t duration_us)
{
    UsageRecord record = usage_record_empty();
    record.tenant = text_of(tenant);
    record.function = text_of("thumb");
    record.request_id = text_of(id);
    record.memory_mb = 512;
    record.started_at_us = started_us;
    record.duration_us = duration_us;
    assert_true(usage_batch_builder_add(fixture->builder, &record, &fixture->err));
}

/** What the builder holds becomes a batch of stream 1. */
static RegroupInput *
add_batch(Fixture *fixture, bool history, const char *import_id)
{
    Buffer bytes = {0};
    assert_true(usage_batch_builder_pack(fixture->builder, &bytes, &fixture->err));
    UsageBatch *batch = usage_batch_unpack(bytes.data, bytes.length, &fixture->err);
    assert_non_null(batch);
    buffer_free(&bytes);
    const RegroupInput input = {.batch = batch,
                                .stream_id = 1,
                                .sequence = (int64_t) fixture->count + 1,
                                .history = history,
                                .import_id = text_of(import_id)};
    assert_true(regroup_add(fixture->regroup, &input, &fixture->err));
    fixture->batches[fixture->count++] = batch;
    return regroup_input(fixture->regroup, fixture->count - 1);
}

/** "acme" is tenant 10, "globex" 20, all others are unknown. */
static const RegroupOutput *
run(Fixture *fixture)
{
    static int64_t ids[16];
    size_t count = 0;
    const Text *names = regroup_tenants(fixture->regroup, &count);
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        ids[i] = text_is(names[i], "acme") ? 10 : text_is(names[i], "globex") ? 20 : 0;
    assert_true(regroup_run(fixture->regroup, ids, &POLICY, &fixture->err));
    return regroup_output(fixture->regroup);
}

static void
records_are_grouped_by_tenant_and_hour_of_their_start(void **state)
{
    Fixture *fixture = *state;
    put(fixture, "acme", "a", NOON_US, 1500);
    put(fixture, "globex", "b", NOON_US, 1000);
    put(fixture, "acme", "c", NOON_US + UTC_HOUR_US - 1, 1000);
    put(fixture, "acme", "d", NOON_US + UTC_HOUR_US, 1000);
    const RegroupInput *input = add_batch(fixture, false, "");
    const RegroupOutput *out = run(fixture);
    assert_int_equal(input->billed, 4);
    assert_int_equal(out->segment_count, 3);
    assert_int_equal(out->segments[0].tenant_id, 10);
    assert_int_equal(out->segments[0].hour_us, NOON_US);
    assert_int_equal(out->segments[0].records, 2);
    assert_int_equal(out->segments[1].hour_us, NOON_US + UTC_HOUR_US);
    assert_int_equal(out->segments[2].tenant_id, 20);
    assert_int_equal(out->rollup_count, 3);
    assert_int_equal(out->rollups[0].sums.invocations, 2);
    assert_int_equal(out->rollups[0].sums.duration_1ms, 3);
}

static void
several_batches_share_a_segment_that_knows_its_sources(void **state)
{
    Fixture *fixture = *state;
    put(fixture, "acme", "a", NOON_US + 5, 1000);
    add_batch(fixture, false, "");
    put(fixture, "acme", "b", NOON_US, 1000);
    add_batch(fixture, false, "");
    const RegroupOutput *out = run(fixture);
    assert_int_equal(out->segment_count, 1);
    assert_int_equal(out->segments[0].records, 2);
    assert_int_equal(out->segments[0].sources.length, 48);
    UsageBatch *packed =
        usage_batch_unpack(out->segments[0].payload.data, out->segments[0].payload.length, &fixture->err);
    UsageRecord record;
    assert_non_null(packed);
    usage_batch_record(packed, 1, &record); /* in the order of acceptance, not of time */
    assert_true(text_is(record.request_id, "b"));
    usage_batch_free(&packed);
}

static void
an_unknown_tenant_goes_to_quarantine_and_the_rest_is_billed(void **state)
{
    Fixture *fixture = *state;
    put(fixture, "acme", "a", NOON_US, 1000);
    put(fixture, "nobody", "b", NOON_US, 1000);
    const RegroupInput *input = add_batch(fixture, false, "");
    const RegroupOutput *out = run(fixture);
    assert_int_equal(input->billed, 1);
    assert_int_equal(input->quarantined, 1);
    assert_int_equal(out->quarantine_count, 1);
    assert_true(text_is(out->quarantine[0].reason, "unknown_tenant"));
    assert_true(text_is(out->quarantine[0].format, "record"));
    UsageBatch *packed =
        usage_batch_unpack(out->quarantine[0].payload.data, out->quarantine[0].payload.length, &fixture->err);
    assert_non_null(packed);
    assert_int_equal(usage_batch_records(packed), 1);
    usage_batch_free(&packed);
}

static void
a_tenant_that_the_key_may_not_speak_for_is_forged(void **state)
{
    Fixture *fixture = *state;
    static const bool allowed[] = {true, false}; /* acme, globex: in the order of their naming */
    put(fixture, "acme", "a", NOON_US, 1000);
    put(fixture, "globex", "b", NOON_US, 1000);
    RegroupInput *input = add_batch(fixture, false, "");
    input->allowed = allowed;
    const RegroupOutput *out = run(fixture);
    assert_int_equal(input->billed, 1);
    assert_int_equal(out->quarantine_count, 1);
    assert_true(text_is(out->quarantine[0].reason, "forged_tenant"));
}

static void
live_records_of_another_time_are_quarantined_history_is_not(void **state)
{
    Fixture *fixture = *state;
    put(fixture, "acme", "old", POLICY.now_us - 36 * UTC_DAY_US, 1000);
    put(fixture, "acme", "new", POLICY.now_us + 301 * UTC_SECOND_US, 1000);
    put(fixture, "acme", "edge", POLICY.now_us + 300 * UTC_SECOND_US, 1000);
    const RegroupInput *live = add_batch(fixture, false, "");
    assert_int_equal(live->billed, 0);
    put(fixture, "acme", "old2", POLICY.now_us - 3600 * UTC_DAY_US, 1000);
    add_batch(fixture, true, "0123456789abcdef");
    const RegroupOutput *out = run(fixture);
    assert_int_equal(regroup_input(fixture->regroup, 0)->billed, 1);
    assert_int_equal(regroup_input(fixture->regroup, 1)->billed, 1);
    assert_int_equal(out->quarantine_count, 2);
    assert_true(text_is(out->quarantine[0].reason, "too_old"));
    assert_true(text_is(out->quarantine[1].reason, "in_future"));
    assert_int_equal(out->period_count, 1); /* the import's only */
}

static void
rejected_lines_and_losses_are_kept(void **state)
{
    Fixture *fixture = *state;
    const UsageRejected rejected = {.raw = TEXT_LITERAL("{broken"),
                                    .format = TEXT_LITERAL("ndjson"),
                                    .reason = TEXT_LITERAL("malformed"),
                                    .message = TEXT_LITERAL("not JSON"),
                                    .source = TEXT_LITERAL("usage.ndjson"),
                                    .line = 3,
                                    .tenant = TEXT_LITERAL("acme")};
    const UsageLoss loss = {.source = TEXT_LITERAL("ring 1"), .reason = TEXT_LITERAL("ring_full"), .records = 17};
    assert_true(usage_batch_builder_reject(fixture->builder, &rejected, &fixture->err));
    assert_true(usage_batch_builder_lose(fixture->builder, &loss, &fixture->err));
    const RegroupInput *input = add_batch(fixture, false, "");
    const RegroupOutput *out = run(fixture);
    assert_int_equal(input->quarantined, 1);
    assert_int_equal(input->lost, 17);
    assert_int_equal(out->quarantine[0].tenant_id, 10);
    assert_int_equal(out->quarantine[0].line, 3);
    assert_true(text_is(out->quarantine[0].payload, "{broken"));
    assert_int_equal(out->loss_count, 1);
    assert_int_equal(out->segment_count, 0);
}

static void
mixed_hours_come_out_sorted_and_summed(void **state)
{
    Fixture *fixture = *state;
    char id[16];
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "r-%d", i);
        put(fixture, i % 2 == 0 ? "acme" : "globex", id, NOON_US - (int64_t) (i * 7 % 48) * UTC_HOUR_US, 1001);
    }
    add_batch(fixture, false, "");
    const RegroupOutput *out = run(fixture);
    int64_t records = 0;
    int64_t milliseconds = 0;
    for (size_t i = 0; i < out->segment_count; i++) {
        records += out->segments[i].records;
        if (i > 0 && out->segments[i].tenant_id == out->segments[i - 1].tenant_id)
            assert_true(out->segments[i].hour_us > out->segments[i - 1].hour_us);
    }
    for (size_t i = 0; i < out->rollup_count; i++)
        milliseconds += out->rollups[i].sums.duration_1ms;
    assert_int_equal(records, 500);
    assert_int_equal(milliseconds, 1000);
    assert_int_equal(out->rollup_count, out->segment_count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_grouped_by_tenant_and_hour_of_their_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_batches_share_a_segment_that_knows_its_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_tenant_goes_to_quarantine_and_the_rest_is_billed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tenant_that_the_key_may_not_speak_for_is_forged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(live_records_of_another_time_are_quarantined_history_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rejected_lines_and_losses_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mixed_hours_come_out_sorted_and_summed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
