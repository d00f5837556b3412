/* spool: what is saved from a file of which some pages are gone, and what is no damage at all */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "proto/usage_batch.h"
#include "proto/wire.h"
#include "tests/unit/agent/support_spool.h"

enum { BATCHES = 100, BATCH_BYTES = 6000, PAGE_BYTES = 4096, HIT = 50, FILES = 120 };

static void
make_batch(uint64_t key, char out[BATCH_BYTES])
{
    memset(out, 'a' + (int) (key % 26), BATCH_BYTES);
    (void) snprintf(out, 16, "BATCH-%03d-", (int) key);
}

static void
make_batches(const SpoolFixture *fixture)
{
    char batch[BATCH_BYTES];
    Err err = {0};
    for (uint64_t i = 1; i <= BATCHES; i++) {
        uint64_t key;
        make_batch(i, batch);
        assert_true(spool_append_counted(fixture->spool, (Text){batch, BATCH_BYTES}, 10, &key, &err));
        assert_int_equal(key, i);
        support_commit(fixture->spool);
    }
}

/* Overwrite the page in which the first `pattern` stands; with `all`, only the pattern, everywhere. */
static int
overwrite(const SpoolFixture *fixture, const char *pattern, bool all)
{
    char name[96];
    Buffer file = {0};
    Err err = {0};
    int hits = 0;
    (void) snprintf(name, sizeof(name), "%s/data.mdb", fixture->path);
    assert_true(file_read(name, 1 << 24, &file, &err));
    char *at = file.data;
    size_t length = strlen(pattern);
    while ((at = memmem(at, file.length - (size_t) (at - file.data), pattern, length)) != NULL) {
        hits++;
        if (!all) {
            memset(file.data + (at - file.data) / PAGE_BYTES * PAGE_BYTES, 0xa5, PAGE_BYTES);
            break;
        }
        memset(at, 0xa5, length);
    }
    FILE *out = fopen(name, "r+");
    assert_non_null(out);
    assert_int_equal(fwrite(file.data, 1, file.length, out), file.length);
    assert_int_equal(fclose(out), 0);
    buffer_free(&file);
    return hits;
}

/* It reports a loss by damage. */
static void
assert_notice(Spool *spool, uint64_t key)
{
    Err err = {0};
    Buffer value = {0};
    UsageLoss loss;
    assert_true(spool_read(spool, key, &value, &err));
    Millibill__Batch *message = millibill__batch__unpack(NULL, value.length, (const uint8_t *) value.data);
    assert_non_null(message);
    UsageBatch *batch = usage_batch_unpack(message->payload.data, message->payload.len, &err);
    assert_non_null(batch);
    assert_int_equal(usage_batch_losses(batch), 1);
    usage_batch_loss_at(batch, 0, &loss);
    assert_true(text_is(loss.reason, "spool_damaged"));
    usage_batch_free(&batch);
    millibill__batch__free_unpacked(message, NULL);
    buffer_free(&value);
}

static const uint8_t RING[SPOOL_ID_BYTES] = "a ring's id";

/* Notes beside the batches: of a ring, and many of files. */
static void
make_notes(Spool *spool)
{
    Err err = {0};
    char value[300] = "offset";
    assert_true(spool_ring_set(spool, RING, (SpoolRing){.position = 4711, .uid = 7}, SPOOL_TEST_NOW_US, &err));
    for (int i = 0; i < FILES; i++) {
        char key[32];
        int length = snprintf(key, sizeof(key), "file %03d", i);
        assert_true(
            spool_note_set(spool, SPOOL_FILES, (Text){key, (size_t) length}, (Text){value, sizeof(value)}, &err));
    }
    support_commit(spool);
}

static uint64_t
ring_position(Spool *spool)
{
    Err err = {0};
    SpoolRing ring;
    bool found;
    assert_true(spool_ring_get(spool, RING, &ring, &found, &err));
    return found ? ring.position : 0;
}

/* All but the one that was hit come out in order, that one is reported, and so is what may have followed. */
static void
assert_saved(Spool *spool)
{
    char expected[BATCH_BYTES];
    Buffer value = {0};
    Err err = {0};
    assert_int_equal(spool_first(spool), 1);
    assert_int_equal(spool_last(spool), BATCHES + 1);
    for (uint64_t key = 1; key <= BATCHES; key++) {
        if (key == HIT)
            continue;
        make_batch(key, expected);
        assert_true(spool_read(spool, key, &value, &err));
        assert_int_equal(value.length, BATCH_BYTES);
        assert_memory_equal(value.data, expected, BATCH_BYTES);
    }
    buffer_free(&value);
    assert_notice(spool, HIT);
    assert_notice(spool, BATCHES + 1);
}

static void
matrix_29_one_page_in_the_middle_costs_one_batch(void **state)
{
    SpoolFixture *fixture = *state;
    make_notes(fixture->spool);
    make_batches(fixture);
    uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, fixture->spool->state.id, sizeof(id));
    spool_free(&fixture->spool);
    assert_int_equal(overwrite(fixture, "BATCH-050-", false), 1);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_saved(fixture->spool);
    assert_memory_equal(fixture->spool->state.id, id, sizeof(id));
    assert_int_equal(ring_position(fixture->spool), 4711);
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_FILES), FILES);
}

/* Those on the page that is gone are gone; that some are is told, behind what may have followed. */
static void
matrix_29_notes_that_can_be_read_are_saved_and_that_others_are_gone_is_reported(void **state)
{
    SpoolFixture *fixture = *state;
    make_notes(fixture->spool);
    make_batches(fixture);
    spool_free(&fixture->spool);
    assert_int_equal(overwrite(fixture, "file 070", false), 1);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(ring_position(fixture->spool), 4711);
    assert_in_range(spool_notes_count(fixture->spool, SPOOL_FILES), 1, FILES - 1);
    assert_int_equal(spool_last(fixture->spool), BATCHES + 2);
    assert_notice(fixture->spool, BATCHES + 1);
    assert_notice(fixture->spool, BATCHES + 2);
}

/* With nothing that leads to them none is found, and that is told. */
static void
matrix_29_notes_of_a_file_without_a_head_are_reported_as_gone(void **state)
{
    SpoolFixture *fixture = *state;
    static const char nothing[2 * PAGE_BYTES];
    char name[96];
    make_notes(fixture->spool);
    make_batches(fixture);
    spool_free(&fixture->spool);
    (void) snprintf(name, sizeof(name), "%s/data.mdb", fixture->path);
    FILE *file = fopen(name, "r+");
    assert_non_null(file);
    assert_int_equal(fwrite(nothing, 1, sizeof(nothing), file), sizeof(nothing));
    assert_int_equal(fclose(file), 0);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(ring_position(fixture->spool), 0);
    assert_int_equal(spool_last(fixture->spool), BATCHES + 2);
    assert_notice(fixture->spool, BATCHES + 2);
}

/* What was acknowledged stays acknowledged: the state is found, though nothing leads to it. */
static void
matrix_29_the_state_is_found_in_a_damaged_file(void **state)
{
    SpoolFixture *fixture = *state;
    make_batches(fixture);
    spool_acknowledge(fixture->spool, HIT + 10);
    support_commit(fixture->spool);
    spool_free(&fixture->spool);
    assert_int_equal(overwrite(fixture, "BATCH-070-", false), 1);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(spool_first(fixture->spool), HIT + 11);
    assert_int_equal(spool_last(fixture->spool), BATCHES + 1);
    assert_notice(fixture->spool, 70);
}

static void
matrix_29_without_a_state_too_one_page_costs_one_batch(void **state)
{
    SpoolFixture *fixture = *state;
    make_batches(fixture);
    spool_free(&fixture->spool);
    assert_int_equal(overwrite(fixture, "BATCH-050-", false), 1);
    assert_true(overwrite(fixture, "MBST", true) > 0);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_saved(fixture->spool);
}

/* As full as LMDB can get, to its last page. */
static void
a_full_spool_is_no_damage_and_keeps_its_notes(void **state)
{
    SpoolFixture *fixture = *state;
    Spool *spool = fixture->spool;
    Err err = {0};
    char why[ERR_MESSAGE_BYTES];
    static const size_t sizes[] = {BATCH_BYTES * 10, BATCH_BYTES, 3000, 1000, 100};
    char *batch = calloc(1, sizes[0]);
    assert_non_null(batch);
    uint64_t key;
    assert_true(spool_note_set(spool, SPOOL_FILES, text_of("file"), text_of("read to 7"), &err));
    spool->pages_limit = ((size_t) SPOOL_TEST_MAX_MB << 20) / PAGE_BYTES;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !spool->broken; i++) {
        while (spool_append(spool, (Text){batch, sizes[i]}, &key, &err) && spool_commit(spool, true, &err))
            continue;
        assert_true(err.code == ERR_FULL || spool->broken);
        err_clear(&err);
    }
    spool_free(&fixture->spool);
    free(batch);
    bool whole = false;
    assert_true(spool_probe(fixture->path, &whole, why, &err));
    assert_true(whole);
    assert_string_equal(why, "");
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    Buffer note = {0};
    bool found = false;
    assert_true(spool_note_get(fixture->spool, SPOOL_FILES, text_of("file"), &note, &found, &err));
    assert_true(found && text_is(buffer_text(&note), "read to 7"));
    buffer_free(&note);
}

/* The next processes that are forked are killed at once, as a kernel without memory does. */
static int forks_to_kill;
static bool killed;

static void
before_fork(void)
{
    killed = forks_to_kill > 0;
    forks_to_kill -= killed;
}

static void
in_forked(void)
{
    if (killed)
        (void) raise(SIGKILL);
}

static void
a_look_that_is_killed_finds_no_damage(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    Buffer note = {0};
    bool found = false;
    assert_true(spool_note_set(fixture->spool, SPOOL_FILES, text_of("file"), text_of("read to 7"), &err));
    support_commit(fixture->spool);
    assert_int_equal(pthread_atfork(before_fork, NULL, in_forked), 0);
    forks_to_kill = 1;
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(forks_to_kill, 0);
    assert_true(spool_note_get(fixture->spool, SPOOL_FILES, text_of("file"), &note, &found, &err));
    assert_true(found);
    spool_free(&fixture->spool);
    forks_to_kill = 2;
    assert_null(spool_open(fixture->path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.message, "killed by signal 9"));
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_true(spool_note_get(fixture->spool, SPOOL_FILES, text_of("file"), &note, &found, &err));
    assert_true(found);
    buffer_free(&note);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(matrix_29_one_page_in_the_middle_costs_one_batch),
        SPOOL_TEST(matrix_29_notes_that_can_be_read_are_saved_and_that_others_are_gone_is_reported),
        SPOOL_TEST(matrix_29_notes_of_a_file_without_a_head_are_reported_as_gone),
        SPOOL_TEST(matrix_29_the_state_is_found_in_a_damaged_file),
        SPOOL_TEST(matrix_29_without_a_state_too_one_page_costs_one_batch),
        SPOOL_TEST(a_full_spool_is_no_damage_and_keeps_its_notes),
        SPOOL_TEST(a_look_that_is_killed_finds_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
