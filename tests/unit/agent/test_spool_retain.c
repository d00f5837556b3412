/* spool: acknowledged batches stay for a while, wait again when asked for, and never stand in the way of new ones */
#include <string.h>

#include "agent/spool_internal.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_spool.h"

enum { LARGE_BYTES = 200000 };

/* Batches 1 to `count`, all durable. */
static void
append_texts(Spool *spool, uint64_t count)
{
    static const char *const texts[] = {"one", "two", "three", "four", "five"};
    for (uint64_t i = 0; i < count; i++)
        support_append(spool, texts[i]);
    support_commit(spool);
}

static uint64_t
rewind_to(Spool *spool, uint64_t key)
{
    Err err = {0};
    uint64_t reached = 0;
    assert_true(spool_rewind(spool, key, &reached, &err));
    support_commit(spool);
    return reached;
}

static void
acknowledged_batches_stay_and_can_wait_again(void **state)
{
    SpoolFixture *fixture = *state;
    append_texts(fixture->spool, 4);
    spool_acknowledge(fixture->spool, 3);
    support_commit(fixture->spool);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(spool_first(fixture->spool), 4);
    assert_int_equal(spool_oldest(fixture->spool), 1);
    assert_int_equal(rewind_to(fixture->spool, 2), 2);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(spool_first(fixture->spool), 2);
    support_assert_batch(fixture->spool, 2, "two");
    support_assert_batch(fixture->spool, 3, "three");
    support_assert_batch(fixture->spool, 4, "four");
    assert_int_equal(rewind_to(fixture->spool, 9), 2); /* never forward */
}

static void
going_back_ends_at_the_oldest_that_is_held(void **state)
{
    SpoolFixture *fixture = *state;
    append_texts(fixture->spool, 5);
    spool_retain(fixture->spool, 0);
    spool_acknowledge(fixture->spool, 2);
    support_commit(fixture->spool);
    spool_retain(fixture->spool, 1);
    spool_acknowledge(fixture->spool, 4);
    support_commit(fixture->spool);
    assert_int_equal(spool_oldest(fixture->spool), 3);
    assert_int_equal(rewind_to(fixture->spool, 1), 3);
}

static void
old_batches_go_with_time_or_at_once(void **state)
{
    SpoolFixture *fixture = *state;
    append_texts(fixture->spool, 3);
    spool_acknowledge(fixture->spool, 2);
    spool_retain(fixture->spool, 1);
    support_commit(fixture->spool);
    assert_int_equal(spool_oldest(fixture->spool), 1);
    fixture->spool->retain_us = 0 - UTC_SECOND_US; /* as if an hour and a second had passed */
    fixture->spool->oldest_expires_us = 0;
    support_append(fixture->spool, "next");
    support_commit(fixture->spool);
    assert_int_equal(spool_oldest(fixture->spool), 3);
    spool_retain(fixture->spool, 0);
    spool_acknowledge(fixture->spool, 3);
    support_commit(fixture->spool);
    assert_int_equal(spool_oldest(fixture->spool), 4);
}

static uint64_t
fill_with_retained(Spool *spool, const char *large)
{
    Err err = {0};
    uint64_t key = 0;
    for (int i = 0; i < 200; i++) {
        assert_true(spool_append(spool, (Text){large, LARGE_BYTES}, &key, &err));
        assert_true(spool_commit(spool, false, &err));
        spool_acknowledge(spool, key);
        support_commit(spool);
    }
    return key;
}

static void
retained_batches_take_at_most_their_share(void **state)
{
    SpoolFixture *fixture = *state;
    char *large = calloc(1, LARGE_BYTES);
    uint64_t last = fill_with_retained(fixture->spool, large);
    uint64_t held = last + 1 - spool_oldest(fixture->spool);
    assert_in_range(held * LARGE_BYTES, (SPOOL_TEST_MAX_MB << 20) / 4, (SPOOL_TEST_MAX_MB << 20) / 2);
    support_reopen(fixture, SPOOL_TEST_NOW_US); /* counted again the same */
    assert_int_equal(spool_oldest(fixture->spool), last + 1 - held);
    free(large);
}

static void
new_batches_push_retained_ones_out_and_nothing_else(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    char *large = calloc(1, LARGE_BYTES);
    uint64_t acknowledged = fill_with_retained(fixture->spool, large);
    assert_true(spool_has_room(fixture->spool, SPOOL_VALUE_BYTES_MAX));
    uint64_t key = 0;
    int refused = 0;
    while (refused < 5) { /* pages of the last transactions are free only after the next */
        err_clear(&err);
        if (spool_append(fixture->spool, (Text){large, LARGE_BYTES}, &key, &err)) {
            refused = 0;
        } else {
            assert_int_equal(err.code, ERR_FULL);
            refused++;
        }
        support_commit(fixture->spool);
    }
    assert_false(spool_has_room(fixture->spool, LARGE_BYTES));
    assert_int_equal(spool_first(fixture->spool), acknowledged + 1);
    assert_int_equal(spool_oldest(fixture->spool), acknowledged + 1);
    assert_true((key - acknowledged) * LARGE_BYTES > (SPOOL_TEST_MAX_MB << 20) * 7 / 10);
    free(large);
}

static void
a_spool_of_the_former_format_is_read_on(void **state)
{
    static const struct {
        uint64_t format;
        uint64_t next_key;
        uint64_t base;
        uint8_t id[SPOOL_ID_BYTES];
    } old_state = {1, 8, 2, "former spool id"};
    static const struct {
        uint32_t magic;
        uint32_t crc;
        char body[4];
    } old_batch = {0x3153424d, 0xcb518428, "olds"};
    SpoolFixture *fixture = *state;
    Err err = {0};
    assert_true(spool_stage(fixture->spool, &err));
    MDB_val state_key = spool_value("state", 5);
    MDB_val state_value = spool_value(&old_state, sizeof(old_state));
    assert_int_equal(mdb_put(fixture->spool->txn, fixture->spool->meta, &state_key, &state_value, 0), 0);
    for (uint64_t i = 6; i <= 7; i++) {
        MDB_val key = spool_value(&i, sizeof(i));
        MDB_val value = spool_value(&old_batch, sizeof(old_batch));
        assert_int_equal(mdb_put(fixture->spool->txn, fixture->spool->batches, &key, &value, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(fixture->spool->txn), 0);
    fixture->spool->txn = NULL;
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(spool_first(fixture->spool), 6);
    assert_int_equal(spool_last(fixture->spool), 7);
    assert_int_equal(spool_base(fixture->spool), 2);
    assert_memory_equal(spool_id(fixture->spool), old_state.id, SPOOL_ID_BYTES);
    support_assert_batch(fixture->spool, 7, "olds");
    assert_int_equal(support_append(fixture->spool, "new"), 8);
    support_commit(fixture->spool);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    support_assert_batch(fixture->spool, 6, "olds");
    support_assert_batch(fixture->spool, 8, "new");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(acknowledged_batches_stay_and_can_wait_again),
        SPOOL_TEST(going_back_ends_at_the_oldest_that_is_held),
        SPOOL_TEST(old_batches_go_with_time_or_at_once),
        SPOOL_TEST(retained_batches_take_at_most_their_share),
        SPOOL_TEST(new_batches_push_retained_ones_out_and_nothing_else),
        SPOOL_TEST(a_spool_of_the_former_format_is_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
