/* spool: what is committed stays, what is acknowledged goes, nothing comes back changed */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_spool.h"

static const uint8_t RING_A[SPOOL_ID_BYTES] = "ring-a---------";
#define NOW_US SPOOL_TEST_NOW_US

static void
committed_batches_survive_and_staged_ones_do_not(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    assert_int_equal(support_append(fixture->spool, "one"), 1);
    assert_int_equal(support_append(fixture->spool, "two"), 2);
    assert_int_equal(spool_last(fixture->spool), 0);
    assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(spool_last(fixture->spool), 2);
    support_append(fixture->spool, "three");
    uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, spool_id(fixture->spool), sizeof(id));
    support_reopen(fixture, NOW_US);
    assert_memory_equal(id, spool_id(fixture->spool), sizeof(id));
    assert_int_equal(spool_first(fixture->spool), 1);
    assert_int_equal(spool_last(fixture->spool), 2);
    support_assert_batch(fixture->spool, 1, "one");
    support_assert_batch(fixture->spool, 2, "two");
    assert_int_equal(support_append(fixture->spool, "again"), 3);
}

static void
acknowledged_batches_go_and_their_keys_never_return(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    support_append(fixture->spool, "one");
    support_append(fixture->spool, "two");
    support_append(fixture->spool, "three");
    assert_true(spool_commit(fixture->spool, false, &err));
    spool_acknowledge(fixture->spool, 2);
    assert_true(spool_is_untidy(fixture->spool));
    assert_int_equal(spool_first(fixture->spool), 3);
    Buffer value = {0};
    assert_false(spool_read(fixture->spool, 2, &value, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_clear(&err);
    assert_true(spool_commit(fixture->spool, true, &err));
    assert_false(spool_is_untidy(fixture->spool));
    spool_acknowledge(fixture->spool, 99); /* more than there is */
    assert_true(spool_commit(fixture->spool, true, &err));
    support_reopen(fixture, NOW_US);
    assert_int_equal(spool_first(fixture->spool), 4);
    assert_int_equal(support_append(fixture->spool, "four"), 4);
}

static void
ring_positions_change_with_their_batch_or_not_at_all(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    SpoolRing ring;
    bool found;
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_false(found);
    support_append(fixture->spool, "one");
    assert_true(spool_ring_set(fixture->spool, RING_A, (SpoolRing){.position = 100, .lost = 3}, NOW_US, &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    support_append(fixture->spool, "two");
    assert_true(spool_ring_set(fixture->spool, RING_A, (SpoolRing){.position = 200, .lost = 4}, NOW_US, &err));
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_int_equal(ring.position, 200);
    support_reopen(fixture, NOW_US); /* the second batch was only staged */
    assert_int_equal(spool_last(fixture->spool), 1);
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_true(found);
    assert_int_equal(ring.position, 100);
    assert_int_equal(ring.lost, 3);
    support_reopen(fixture, NOW_US + 8 * UTC_DAY_US); /* nobody read it for a week */
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_false(found);
}

static void
a_full_spool_refuses_batches_and_drains_again(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    char *large = calloc(1, SPOOL_VALUE_BYTES_MAX);
    assert_non_null(large);
    uint64_t key = 0;
    while (spool_append(fixture->spool, (Text){large, SPOOL_VALUE_BYTES_MAX}, &key, &err))
        assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(err.code, ERR_FULL);
    assert_true(key >= 10 && key <= SPOOL_TEST_MAX_MB);
    assert_false(spool_has_room(fixture->spool, SPOOL_VALUE_BYTES_MAX));
    for (uint64_t round = 0; round < 40; round++) { /* one leaves, one comes */
        err_clear(&err);
        spool_acknowledge(fixture->spool, spool_first(fixture->spool));
        assert_true(spool_commit(fixture->spool, true, &err));
        bool fits = spool_append(fixture->spool, (Text){large, SPOOL_VALUE_BYTES_MAX}, &key, &err);
        assert_true(fits || err.code == ERR_FULL); /* pages of the last transactions are free only after the next */
        err_clear(&err);
        assert_true(spool_commit(fixture->spool, true, &err));
    }
    assert_true(key > 40);
    spool_acknowledge(fixture->spool, spool_last(fixture->spool));
    assert_true(spool_commit(fixture->spool, true, &err));
    assert_true(spool_has_room(fixture->spool, SPOOL_VALUE_BYTES_MAX));
    free(large);
}

static void
a_batch_outside_its_limits_is_refused(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    uint64_t key = 0;
    assert_false(spool_append(fixture->spool, (Text){"", 0}, &key, &err));
    assert_int_equal(err.code, ERR_RANGE);
    assert_false(spool_is_staged(fixture->spool));
}

static void
a_batch_set_aside_leaves_its_place_to_another(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    support_append(fixture->spool, "one");
    support_append(fixture->spool, "poison");
    support_append(fixture->spool, "three");
    assert_true(spool_commit(fixture->spool, false, &err));
    assert_true(spool_set_aside(fixture->spool, 2, "cannot be decoded", text_of("lost: 1 batch"), &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    support_reopen(fixture, NOW_US);
    support_assert_batch(fixture->spool, 1, "one");
    support_assert_batch(fixture->spool, 2, "lost: 1 batch");
    support_assert_batch(fixture->spool, 3, "three");
}

static void
a_new_id_starts_again_at_sequence_one(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    support_append(fixture->spool, "one");
    support_append(fixture->spool, "two");
    support_append(fixture->spool, "three");
    assert_true(spool_commit(fixture->spool, false, &err));
    spool_acknowledge(fixture->spool, 1);
    uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, spool_id(fixture->spool), sizeof(id));
    assert_true(spool_renew(fixture->spool, &err));
    assert_true(spool_commit(fixture->spool, true, &err));
    support_reopen(fixture, NOW_US);
    assert_memory_not_equal(id, spool_id(fixture->spool), sizeof(id));
    assert_int_equal(spool_first(fixture->spool) - spool_base(fixture->spool), 1);
    support_assert_batch(fixture->spool, 2, "two");
}

static void
a_flipped_bit_is_found(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    char text[9000]; /* larger than a page, so that it stands by itself in the file */
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    support_append(fixture->spool, text);
    assert_true(spool_commit(fixture->spool, false, &err));
    spool_free(&fixture->spool);
    support_damage(fixture, "xxxxxxxxxxxxxxxx", 100);
    support_reopen(fixture, NOW_US);
    Buffer value = {0};
    assert_false(spool_read(fixture->spool, 1, &value, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    buffer_free(&value);
}

static void
a_second_agent_is_kept_out(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    pid_t child = fork(); /* LMDB must not be opened twice in one process */
    if (child == 0) {
        Spool *other = spool_open(fixture->path, SPOOL_TEST_MAX_MB, NOW_US, &err);
        _exit(other == NULL && err.code == ERR_BUSY ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(committed_batches_survive_and_staged_ones_do_not),
        SPOOL_TEST(acknowledged_batches_go_and_their_keys_never_return),
        SPOOL_TEST(ring_positions_change_with_their_batch_or_not_at_all),
        SPOOL_TEST(a_full_spool_refuses_batches_and_drains_again),
        SPOOL_TEST(a_batch_outside_its_limits_is_refused),
        SPOOL_TEST(a_batch_set_aside_leaves_its_place_to_another),
        SPOOL_TEST(a_new_id_starts_again_at_sequence_one),
        SPOOL_TEST(a_flipped_bit_is_found),
        SPOOL_TEST(a_second_agent_is_kept_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
