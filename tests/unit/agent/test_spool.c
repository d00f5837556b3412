/* spool: what is committed stays, what is acknowledged goes, nothing comes back changed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool.h"
#include "lib/utc.h"

enum { MAX_MB = 16 };

static const uint8_t RING_A[SPOOL_ID_BYTES] = "ring-a---------";
#define NOW_US INT64_C(1800000000000000)

typedef struct Fixture {
    char path[64];
    Spool *spool;
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/test_spool.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    Err err = {0};
    fixture->spool = spool_open(fixture->path, MAX_MB, NOW_US, &err);
    assert_non_null(fixture->spool);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "owner.lock"};
    Fixture *fixture = *state;
    spool_free(&fixture->spool);
    for (size_t i = 0; i < 3; i++) {
        char name[96];
        snprintf(name, sizeof(name), "%s/%s", fixture->path, names[i]);
        unlink(name);
    }
    rmdir(fixture->path);
    free(fixture);
    return 0;
}

static void
reopen(Fixture *fixture, int64_t now_us)
{
    Err err = {0};
    spool_free(&fixture->spool);
    fixture->spool = spool_open(fixture->path, MAX_MB, now_us, &err);
    assert_string_equal(err.message, "");
    assert_non_null(fixture->spool);
}

static uint64_t
append(Spool *spool, const char *text)
{
    Err err = {0};
    uint64_t key = 0;
    assert_true(spool_append(spool, text_of(text), &key, &err));
    return key;
}

static void
assert_batch(Spool *spool, uint64_t key, const char *expected)
{
    Err err = {0};
    Buffer value = {0};
    assert_true(spool_read(spool, key, &value, &err));
    assert_true(text_is(buffer_text(&value), expected));
    buffer_free(&value);
}

static void
committed_batches_survive_and_staged_ones_do_not(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    assert_int_equal(append(fixture->spool, "one"), 1);
    assert_int_equal(append(fixture->spool, "two"), 2);
    assert_int_equal(spool_last(fixture->spool), 0);
    assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(spool_last(fixture->spool), 2);
    append(fixture->spool, "three");
    uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, spool_id(fixture->spool), sizeof(id));
    reopen(fixture, NOW_US);
    assert_memory_equal(id, spool_id(fixture->spool), sizeof(id));
    assert_int_equal(spool_first(fixture->spool), 1);
    assert_int_equal(spool_last(fixture->spool), 2);
    assert_batch(fixture->spool, 1, "one");
    assert_batch(fixture->spool, 2, "two");
    assert_int_equal(append(fixture->spool, "again"), 3);
}

static void
acknowledged_batches_go_and_their_keys_never_return(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    append(fixture->spool, "one");
    append(fixture->spool, "two");
    append(fixture->spool, "three");
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
    reopen(fixture, NOW_US);
    assert_int_equal(spool_first(fixture->spool), 4);
    assert_int_equal(append(fixture->spool, "four"), 4);
}

static void
ring_positions_change_with_their_batch_or_not_at_all(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    SpoolRing ring;
    bool found;
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_false(found);
    append(fixture->spool, "one");
    assert_true(spool_ring_set(fixture->spool, RING_A, (SpoolRing){100, 3}, NOW_US, &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    append(fixture->spool, "two");
    assert_true(spool_ring_set(fixture->spool, RING_A, (SpoolRing){200, 4}, NOW_US, &err));
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_int_equal(ring.position, 200);
    reopen(fixture, NOW_US); /* the second batch was only staged */
    assert_int_equal(spool_last(fixture->spool), 1);
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_true(found);
    assert_int_equal(ring.position, 100);
    assert_int_equal(ring.lost, 3);
    reopen(fixture, NOW_US + 8 * UTC_DAY_US); /* nobody read it for a week */
    assert_true(spool_ring_get(fixture->spool, RING_A, &ring, &found, &err));
    assert_false(found);
}

static void
a_full_spool_refuses_batches_and_drains_again(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    char *large = calloc(1, SPOOL_VALUE_BYTES_MAX);
    assert_non_null(large);
    uint64_t key = 0;
    while (spool_append(fixture->spool, (Text){large, SPOOL_VALUE_BYTES_MAX}, &key, &err))
        assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(err.code, ERR_FULL);
    assert_true(key >= 10 && key <= MAX_MB);
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
    Fixture *fixture = *state;
    Err err = {0};
    uint64_t key = 0;
    assert_false(spool_append(fixture->spool, (Text){"", 0}, &key, &err));
    assert_int_equal(err.code, ERR_RANGE);
    assert_false(spool_is_staged(fixture->spool));
}

static void
a_batch_set_aside_leaves_its_place_to_another(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    append(fixture->spool, "one");
    append(fixture->spool, "poison");
    append(fixture->spool, "three");
    assert_true(spool_commit(fixture->spool, false, &err));
    assert_true(spool_set_aside(fixture->spool, 2, "cannot be decoded", text_of("lost: 1 batch"), &err));
    assert_true(spool_commit(fixture->spool, false, &err));
    reopen(fixture, NOW_US);
    assert_batch(fixture->spool, 1, "one");
    assert_batch(fixture->spool, 2, "lost: 1 batch");
    assert_batch(fixture->spool, 3, "three");
}

static void
a_new_id_starts_again_at_sequence_one(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    append(fixture->spool, "one");
    append(fixture->spool, "two");
    append(fixture->spool, "three");
    assert_true(spool_commit(fixture->spool, false, &err));
    spool_acknowledge(fixture->spool, 1);
    uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, spool_id(fixture->spool), sizeof(id));
    assert_true(spool_renew(fixture->spool, &err));
    assert_true(spool_commit(fixture->spool, true, &err));
    reopen(fixture, NOW_US);
    assert_memory_not_equal(id, spool_id(fixture->spool), sizeof(id));
    assert_int_equal(spool_first(fixture->spool) - spool_base(fixture->spool), 1);
    assert_batch(fixture->spool, 2, "two");
}

static void
a_flipped_bit_is_found(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    char text[9000]; /* larger than a page, so that it stands by itself in the file */
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    append(fixture->spool, text);
    assert_true(spool_commit(fixture->spool, false, &err));
    spool_free(&fixture->spool);
    char name[96];
    snprintf(name, sizeof(name), "%s/data.mdb", fixture->path);
    Buffer file = {0};
    assert_true(file_read(name, 1 << 24, &file, &err));
    char *at = memmem(file.data, file.length, "xxxxxxxxxxxxxxxx", 16);
    assert_non_null(at);
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "y", 1, at - file.data + 100), 1);
    close(fd);
    buffer_free(&file);
    reopen(fixture, NOW_US);
    Buffer value = {0};
    assert_false(spool_read(fixture->spool, 1, &value, &err));
    assert_int_equal(err.code, ERR_CORRUPT);
    buffer_free(&value);
}

static void
a_second_agent_is_kept_out(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    pid_t child = fork(); /* LMDB must not be opened twice in one process */
    if (child == 0) {
        Spool *other = spool_open(fixture->path, MAX_MB, NOW_US, &err);
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
#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
