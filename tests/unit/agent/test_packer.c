/* packer: records leave in order, in full batches or after the flush interval, and never by halves */
#include <stdio.h>
#include <string.h>

#include "agent/envelope.h"
#include "agent/packer.h"
#include "tests/unit/agent/support_spool.h"

enum { RECORDS_MAX = 10, INTERVAL_US = 200000 };

typedef struct Fixture {
    void *spool_fixture;
    Spool *spool;
    Packer *packer;
    int staged; /* calls of the hook */
} Fixture;

static bool
count_staged(void *context, Err *err)
{
    (void) err;
    ((Fixture *) context)->staged++;
    return true;
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    Err err = {0};
    support_set_up(&fixture->spool_fixture);
    fixture->spool = ((SpoolFixture *) fixture->spool_fixture)->spool;
    fixture->packer = packer_new(fixture->spool, "socket", "/run/test.sock", RECORDS_MAX, INTERVAL_US, &err);
    assert_non_null(fixture->packer);
    packer_on_staged(fixture->packer, count_staged, fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    packer_free(&fixture->packer);
    support_tear_down(&fixture->spool_fixture);
    free(fixture);
    return 0;
}

static UsageRecord
make_record(char id[16], int number)
{
    UsageRecord record = usage_record_empty();
    snprintf(id, 16, "r-%d", number);
    record.tenant = TEXT_LITERAL("acme");
    record.function = TEXT_LITERAL("thumb");
    record.request_id = text_of(id);
    record.memory_mb = 128;
    record.started_at_us = INT64_C(1790000000000000) + number;
    record.duration_us = number;
    return record;
}

static bool
add(Fixture *fixture, int number, int64_t now_us, Err *err)
{
    char id[16];
    UsageRecord record = make_record(id, number);
    return packer_add(fixture->packer, &record, now_us, err);
}

/* The usage batch under `key`; the caller frees it. */
static UsageBatch *
batch_at(Spool *spool, uint64_t key)
{
    Err err = {0};
    Buffer value = {0};
    assert_true(spool_read(spool, key, &value, &err));
    Millibill__Batch *message = millibill__batch__unpack(NULL, value.length, (const uint8_t *) value.data);
    assert_non_null(message);
    assert_string_equal(message->source, "socket");
    assert_string_equal(message->label, "/run/test.sock");
    Digest digest = digest_of(message->payload.data, message->payload.len);
    assert_int_equal(message->digest.len, DIGEST_BYTES);
    assert_memory_equal(message->digest.data, digest.bytes, DIGEST_BYTES);
    UsageBatch *batch = usage_batch_unpack(message->payload.data, message->payload.len, &err);
    assert_non_null(batch);
    millibill__batch__free_unpacked(message, NULL);
    buffer_free(&value);
    return batch;
}

static void
an_empty_packer_is_never_due(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    packer_hasten(fixture->packer, 0, 1);
    assert_int_equal(packer_due_us(fixture->packer), INT64_MAX);
    assert_true(packer_flush(fixture->packer, &err));
    assert_false(spool_is_staged(fixture->spool));
    assert_int_equal(packer_generation(fixture->packer), 0);
}

static void
a_full_batch_goes_when_the_next_record_comes(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    for (int i = 0; i < 2 * RECORDS_MAX + 1; i++)
        assert_true(add(fixture, i, 0, &err));
    assert_int_equal(packer_generation(fixture->packer), 2);
    assert_int_equal(packer_entries(fixture->packer), 1);
    assert_int_equal(fixture->staged, 2);
    assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(spool_last(fixture->spool), 2);
    for (uint64_t key = 1; key <= 2; key++) {
        UsageBatch *batch = batch_at(fixture->spool, key);
        assert_int_equal(usage_batch_records(batch), RECORDS_MAX);
        for (size_t i = 0; i < RECORDS_MAX; i++) {
            UsageRecord record;
            usage_batch_record(batch, i, &record);
            assert_int_equal(record.duration_us, (int64_t) ((key - 1) * RECORDS_MAX + i));
        }
        usage_batch_free(&batch);
    }
}

static void
the_first_record_sets_the_time_and_hurry_shortens_it(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    assert_true(add(fixture, 1, 1000, &err));
    assert_true(add(fixture, 2, 50000, &err));
    assert_int_equal(packer_due_us(fixture->packer), 1000 + INTERVAL_US);
    packer_hasten(fixture->packer, 60000, 10000);
    assert_int_equal(packer_due_us(fixture->packer), 70000);
    packer_hasten(fixture->packer, 65000, 10000); /* never later again */
    assert_int_equal(packer_due_us(fixture->packer), 70000);
    assert_true(packer_flush(fixture->packer, &err));
    assert_int_equal(packer_due_us(fixture->packer), INT64_MAX);
}

static void
rejected_lines_and_losses_travel_with_the_records(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    const UsageRejected rejected = {.raw = TEXT_LITERAL("nonsense"),
                                    .format = TEXT_LITERAL("ndjson"),
                                    .reason = TEXT_LITERAL("malformed"),
                                    .message = TEXT_LITERAL("expected an object"),
                                    .line = 7};
    const UsageLoss loss = {
        .source = TEXT_LITERAL("ring-1"), .reason = TEXT_LITERAL("ring_full"), .records = 12, .noticed_at_us = 5};
    assert_true(add(fixture, 1, 0, &err));
    assert_true(packer_reject(fixture->packer, &rejected, 0, &err));
    assert_true(packer_lose(fixture->packer, &loss, 0, &err));
    assert_true(packer_flush(fixture->packer, &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    UsageBatch *batch = batch_at(fixture->spool, 1);
    assert_int_equal(usage_batch_records(batch), 1);
    assert_int_equal(usage_batch_rejected(batch), 1);
    assert_int_equal(usage_batch_losses(batch), 1);
    UsageLoss back;
    usage_batch_loss_at(batch, 0, &back);
    assert_int_equal(back.records, 12);
    usage_batch_free(&batch);
}

/* A worker writes its ring's memory as it likes; one with a tenant that is no text must not cost the others their records. */
static void
a_loss_with_texts_that_are_none_leaves_the_records_beside_it(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    char *endless = malloc(5000);
    assert_non_null(endless);
    memset(endless, 'e', 5000);
    const UsageLoss loss = {.source = {endless, 5000},
                            .reason = {"ring\n", 5},
                            .records = UINT64_MAX,
                            .noticed_at_us = 5,
                            .tenant = {"a\xff", 2}};
    assert_true(add(fixture, 1, 0, &err));
    assert_true(packer_lose(fixture->packer, &loss, 0, &err));
    free(endless);
    assert_true(packer_flush(fixture->packer, &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    UsageBatch *batch = batch_at(fixture->spool, 1);
    assert_int_equal(usage_batch_records(batch), 1);
    assert_int_equal(usage_batch_losses(batch), 1);
    UsageLoss back;
    usage_batch_loss_at(batch, 0, &back);
    assert_int_equal(back.source.length, 256);
    assert_true(text_is(back.reason, "ring?"));
    assert_true(text_is(back.tenant, "a?"));
    assert_true(back.records == INT64_MAX);
    usage_batch_free(&batch);
}

static void
large_entries_fill_a_batch_by_bytes(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    char *raw = calloc(1, USAGE_REJECTED_RAW_BYTES_MAX);
    assert_non_null(raw);
    memset(raw, 'z', USAGE_REJECTED_RAW_BYTES_MAX);
    const UsageRejected rejected = {.raw = {raw, USAGE_REJECTED_RAW_BYTES_MAX},
                                    .format = TEXT_LITERAL("ndjson"),
                                    .reason = TEXT_LITERAL("malformed"),
                                    .message = TEXT_LITERAL("expected an object")};
    Packer *packer = packer_new(fixture->spool, "socket", "/run/test.sock", USAGE_BATCH_RECORDS, INTERVAL_US, &err);
    assert_non_null(packer);
    for (int i = 0; i < 100; i++) /* 1.6 MB */
        assert_true(packer_reject(packer, &rejected, 0, &err));
    assert_int_equal(packer_generation(packer), 1);
    assert_true(packer_entries(packer) > 0 && packer_entries(packer) < 64);
    packer_free(&packer);
    free(raw);
}

static void
a_full_spool_refuses_and_what_waits_is_not_lost(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    char *large = calloc(1, SPOOL_VALUE_BYTES_MAX);
    assert_non_null(large);
    uint64_t key = 0;
    while (spool_append(fixture->spool, (Text){large, SPOOL_VALUE_BYTES_MAX}, &key, &err))
        assert_true(spool_commit(fixture->spool, false, &err));
    err_clear(&err);
    while (spool_append(fixture->spool, (Text){large, 3000}, &key, &err)) /* to the last page */
        assert_true(spool_commit(fixture->spool, false, &err));
    err_clear(&err);
    for (int i = 0; i < RECORDS_MAX; i++)
        assert_true(add(fixture, i, 0, &err));
    assert_false(add(fixture, RECORDS_MAX, 0, &err));
    assert_int_equal(err.code, ERR_FULL);
    assert_int_equal(packer_generation(fixture->packer), 0);
    spool_acknowledge(fixture->spool, spool_last(fixture->spool));
    err_clear(&err);
    assert_true(spool_commit(fixture->spool, true, &err));
    assert_true(add(fixture, RECORDS_MAX, 0, &err));
    assert_int_equal(packer_generation(fixture->packer), 1);
    assert_true(spool_commit(fixture->spool, true, &err));
    UsageBatch *batch = batch_at(fixture->spool, spool_last(fixture->spool));
    assert_int_equal(usage_batch_records(batch), RECORDS_MAX);
    usage_batch_free(&batch);
    free(large);
}

/* What belongs to a batch (positions of rings, identities) finds no room though the batch did: the batch is in, once. */
static bool
refuse_twice(void *context, Err *err)
{
    Fixture *fixture = context;
    return ++fixture->staged > 2 || err_set(err, ERR_FULL, "no room for the notes of the batch");
}

static void
a_batch_whose_notes_have_to_wait_is_not_appended_again(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    packer_on_staged(fixture->packer, refuse_twice, fixture);
    for (int i = 0; i < RECORDS_MAX; i++)
        assert_true(add(fixture, i, 0, &err));
    for (int i = 0; i < 2; i++) {
        err_clear(&err);
        assert_false(packer_flush(fixture->packer, &err));
        assert_int_equal(err.code, ERR_FULL);
        assert_false(packer_is_empty(fixture->packer));
        assert_int_equal(packer_generation(fixture->packer), 0); /* nobody is told yet */
        support_commit(fixture->spool);                          /* as the agent does at the end of a turn */
    }
    err_clear(&err);
    assert_true(packer_flush(fixture->packer, &err));
    assert_int_equal(packer_generation(fixture->packer), 1);
    assert_true(packer_is_empty(fixture->packer));
    assert_true(add(fixture, RECORDS_MAX, 0, &err)); /* and the next one goes its usual way */
    assert_true(packer_flush(fixture->packer, &err));
    support_commit(fixture->spool);
    assert_int_equal(spool_last(fixture->spool), 2);
    UsageBatch *batch = batch_at(fixture->spool, 2);
    assert_int_equal(usage_batch_records(batch), 1);
    usage_batch_free(&batch);
}

int
main(void)
{
#define PACKER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PACKER_TEST(an_empty_packer_is_never_due),
        PACKER_TEST(a_full_batch_goes_when_the_next_record_comes),
        PACKER_TEST(the_first_record_sets_the_time_and_hurry_shortens_it),
        PACKER_TEST(rejected_lines_and_losses_travel_with_the_records),
        PACKER_TEST(a_loss_with_texts_that_are_none_leaves_the_records_beside_it),
        PACKER_TEST(large_entries_fill_a_batch_by_bytes),
        PACKER_TEST(a_full_spool_refuses_and_what_waits_is_not_lost),
        PACKER_TEST(a_batch_whose_notes_have_to_wait_is_not_appended_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
