/* spool: under any load that fits and any that does not, nothing but "full" is ever answered: what was acknowledged can always be
 * written down, and a spool that was full drains. MILLIBILL_SPOOL_SEEDS=N tries N different orders of events instead of one. */
#include <stdio.h>
#include <string.h>

#include "agent/spool_internal.h"
#include "tests/unit/agent/support_spool.h"

enum { BODY_BYTES_MAX = 300000, NOTES = 40, ROUNDS = 3000 };

/* A load: how large its batches are, and how many come and go at once. */
typedef struct Load {
    const char *name;
    int64_t max_mb;
    size_t bytes_least;
    size_t bytes_most;
    int64_t retain_hours;
    uint32_t batches_a_round;  /* at most */
    uint32_t acknowledged_pct; /* of the rounds that begin with an acknowledgement of all */
    int notes;                 /* replaced or forgotten with each batch */
} Load;

static const Load LOADS[] = {
    {"tiny batches, many at once", 8, 60, 400, 24, 4000, 50, 1},
    {"small batches, kept for a day", 16, 300, 1500, 24, 3000, 60, 2},
    {"small batches, not kept", 16, 300, 1500, 0, 3000, 30, 2},
    {"a page and a bit each", 16, 2100, 4200, 24, 1500, 50, 2},
    {"a few pages each", 16, 3000, 30000, 24, 300, 50, 10},
    {"large ones", 16, 60000, BODY_BYTES_MAX, 24, 40, 60, 10},
    {"all sizes", 16, 60, BODY_BYTES_MAX, 24, 60, 40, 5},
    {"all sizes, not kept, acknowledged rarely", 16, 60, BODY_BYTES_MAX, 0, 60, 5, 5},
    {"small batches in a larger spool", 64, 300, 3000, 24, 8000, 50, 2},
};

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t
between(uint64_t *state, uint64_t least, uint64_t most)
{
    return least + next_random(state) % (most - least + 1);
}

static void
must(bool done, const Err *err, const Load *load, int round, const char *what)
{
    if (!done)
        fail_msg("%s, round %d: %s: %s", load->name, round, what, err->message);
}

static void
change_notes(Spool *spool, const Load *load, uint64_t *random, int round)
{
    static const char value[600];
    for (int i = 0; i < load->notes; i++) {
        char key[32];
        Err err = {0};
        int length = snprintf(key, sizeof(key), "note-%d", (int) (next_random(random) % NOTES));
        Text name = {key, (size_t) length};
        if (next_random(random) % 8 == 0)
            must(spool_note_forget(spool, SPOOL_FILES, name, &err), &err, load, round, "forgetting a note");
        else if (!spool_note_set(spool, SPOOL_FILES, name, (Text){value, between(random, 50, 600)}, &err))
            must(err.code == ERR_FULL, &err, load, round, "replacing a note");
    }
}

/* Append until the round is over or the spool says that it is full. Returns how many. */
static uint32_t
append_some(Spool *spool, const Load *load, const char *body, uint64_t *random, int round)
{
    uint32_t wanted = (uint32_t) between(random, 0, load->batches_a_round);
    for (uint32_t i = 0; i < wanted; i++) {
        Err err = {0};
        uint64_t key;
        Text value = {body, between(random, load->bytes_least, load->bytes_most)};
        if (!spool_append(spool, value, &key, &err)) {
            must(err.code == ERR_FULL, &err, load, round, "appending");
            return i;
        }
        change_notes(spool, load, random, round);
    }
    return wanted;
}

static void
acknowledge_some(Spool *spool, const Load *load, uint64_t *random)
{
    uint64_t waiting = spool_last(spool) + 1 - spool_first(spool);
    if (waiting == 0)
        return;
    if (next_random(random) % 100 < load->acknowledged_pct)
        spool_acknowledge(spool, spool_last(spool));
    else
        spool_acknowledge(spool, spool_first(spool) + next_random(random) % waiting / 4);
}

/* Within a few commits after all was acknowledged there is room again. */
static void
drain(Spool *spool, const Load *load, const char *body)
{
    Err err = {0};
    uint64_t key;
    spool_acknowledge(spool, spool_last(spool));
    for (int i = 0; i < 40; i++) {
        must(spool_commit(spool, true, &err), &err, load, i, "writing down what was acknowledged");
        if (spool_append(spool, (Text){body, load->bytes_most}, &key, &err))
            return;
        must(err.code == ERR_FULL, &err, load, i, "appending to an empty spool");
        err_clear(&err);
    }
    fail_msg("%s: still full forty commits after all was acknowledged", load->name);
}

static void
run(SpoolFixture *fixture, const Load *load, const char *body, uint64_t seed)
{
    uint64_t random = seed * 0x9E3779B97F4A7C15 + 1;
    uint64_t appended = 0;
    Err err = {0};
    spool_free(&fixture->spool);
    support_empty(fixture);
    fixture->spool = spool_open(fixture->path, load->max_mb, SPOOL_TEST_NOW_US, &err);
    assert_non_null(fixture->spool);
    spool_retain(fixture->spool, load->retain_hours);
    const uint64_t enough = ((uint64_t) load->max_mb * 2 << 20) / SPOOL_TEST_STEP;
    for (int round = 0; round < ROUNDS && appended < enough; round++) {
        Err failure = {0};
        uint32_t count = append_some(fixture->spool, load, body, &random, round);
        appended += count * (load->bytes_least + load->bytes_most) / 2;
        must(spool_commit(fixture->spool, false, &failure), &failure, load, round, "committing");
        acknowledge_some(fixture->spool, load, &random);
        must(spool_commit(fixture->spool, next_random(&random) % 2 == 0, &failure), &failure, load, round,
             "committing");
    }
    drain(fixture->spool, load, body);
    assert_true(support_file_bytes(fixture) <= (uint64_t) load->max_mb << 20);
}

static void
matrix_26_a_commit_never_fails_for_want_of_room(void **state)
{
    char *body = calloc(1, BODY_BYTES_MAX);
    assert_non_null(body);
    const char *wished = getenv("MILLIBILL_SPOOL_SEEDS");
    const uint64_t seeds = wished == NULL ? 1 : strtoull(wished, NULL, 10);
    for (size_t i = 0; i < sizeof(LOADS) / sizeof(LOADS[0]); i++)
        for (uint64_t seed = 1; seed <= seeds; seed++)
            run(*state, &LOADS[i], body, seed);
    free(body);
}

/* The spool's state goes along with every transaction. */
static bool
put_state(MDB_txn *txn)
{
    State state;
    MDB_dbi meta;
    MDB_val key = spool_value("state", 5);
    MDB_val value;
    if (mdb_dbi_open(txn, "meta", 0, &meta) != 0 || mdb_get(txn, meta, &key, &value) != 0)
        return false;
    memcpy(&state, value.mv_data, sizeof(state));
    state.generation = mdb_txn_id(txn);
    state_seal(&state);
    value = spool_value(&state, sizeof(state));
    return mdb_put(txn, meta, &key, &value, 0) == 0;
}

/* One more page for what was set aside, as the spool would do it. */
static bool
put_page(MDB_txn *txn, uint64_t number)
{
    static const char page[4000];
    MDB_dbi dead;
    MDB_val key = spool_value(&number, sizeof(number));
    MDB_val value = spool_value(page, sizeof(page));
    return mdb_dbi_open(txn, "deadletter", MDB_INTEGERKEY, &dead) == 0 && put_state(txn) &&
           mdb_put(txn, dead, &key, &value, 0) == 0;
}

/* Until LMDB itself says that not one more fits. */
static MDB_env *
fill_to_the_last_page(const char *path)
{
    MDB_env *env;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
    assert_int_equal(mdb_env_set_mapsize(env, (size_t) SPOOL_MAX_MB_LEAST << 20), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    int refused = 0;
    for (uint64_t number = 1; refused < 3; number++) { /* pages given up can be used two commits later */
        MDB_txn *txn;
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        bool fits = put_page(txn, number);
        if (!fits)
            mdb_txn_abort(txn);
        refused = fits && mdb_txn_commit(txn) == 0 ? 0 : refused + 1;
    }
    return env;
}

/* As an earlier version could leave it behind: not even an acknowledgement could be written down. */
static void
matrix_26_a_file_without_a_free_page_can_be_emptied(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    uint64_t key = 0;
    spool_free(&fixture->spool);
    support_empty(fixture);
    fixture->spool = spool_open(fixture->path, SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &err);
    for (int i = 0; i < 20; i++)
        key = support_append(fixture->spool, "waiting");
    support_commit(fixture->spool);
    spool_free(&fixture->spool);
    mdb_env_close(fill_to_the_last_page(fixture->path));
    fixture->spool = spool_open(fixture->path, SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &err);
    assert_string_equal(err.message, "");
    assert_non_null(fixture->spool);
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(fixture->spool->env, &info), 0);
    assert_int_equal(info.me_mapsize, (SPOOL_MAX_MB_LEAST + 1) << 20);
    for (uint64_t first = 1; first <= key; first++) {
        spool_acknowledge(fixture->spool, first);
        support_commit(fixture->spool);
    }
    assert_false(spool_append(fixture->spool, text_of("one more"), &key, &err));
    assert_int_equal(err.code, ERR_FULL);
    err_clear(&err);
    spool_free(&fixture->spool);
    fixture->spool = spool_open(fixture->path, 2 * SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &err);
    assert_int_equal(spool_first(fixture->spool), key + 1);
    support_append(fixture->spool, "there is room again");
    support_commit(fixture->spool);
}

static void
drop_page(MDB_env *env, uint64_t number)
{
    MDB_txn *txn;
    MDB_dbi dead;
    MDB_val key = spool_value(&number, sizeof(number));
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "deadletter", MDB_INTEGERKEY, &dead), 0);
    assert_true(put_state(txn));
    assert_int_equal(mdb_del(txn, dead, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

/* Of a full file one page in eight stays: most of it is free, and nowhere are many free pages in a row. */
static void
scatter(const char *path)
{
    MDB_env *env = fill_to_the_last_page(path);
    MDB_stat stat;
    MDB_txn *txn;
    MDB_dbi dead;
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "deadletter", MDB_INTEGERKEY, &dead), 0);
    assert_int_equal(mdb_stat(txn, dead, &stat), 0);
    mdb_txn_abort(txn);
    for (uint64_t number = 1; number <= stat.ms_entries; number++)
        if (number % 8 != 0)
            drop_page(env, number);
    mdb_env_close(env);
}

static void
matrix_26_room_that_lies_scattered_is_room(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    spool_free(&fixture->spool);
    support_empty(fixture);
    fixture->spool = spool_open(fixture->path, SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &err);
    support_append(fixture->spool, "for the state");
    support_commit(fixture->spool);
    spool_free(&fixture->spool);
    scatter(fixture->path);
    fixture->spool = spool_open(fixture->path, SPOOL_MAX_MB_LEAST, SPOOL_TEST_NOW_US, &err);
    assert_non_null(fixture->spool);
    char *body = calloc(1, BODY_BYTES_MAX);
    assert_non_null(body);
    const Load large = {.name = "scattered", .bytes_most = BODY_BYTES_MAX};
    drain(fixture->spool, &large, body);
    support_commit(fixture->spool);
    free(body);
    assert_true(support_file_bytes(fixture) <= 2 * (uint64_t) SPOOL_MAX_MB_LEAST << 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(matrix_26_a_file_without_a_free_page_can_be_emptied),
        SPOOL_TEST(matrix_26_room_that_lies_scattered_is_room),
        SPOOL_TEST(matrix_26_a_commit_never_fails_for_want_of_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
