/* spool_notes: small values change with the batches, stay within the spool's bounds, and damage is seen */
#include <stdio.h>
#include <string.h>

#include "agent/spool_notes.h"
#include "tests/unit/agent/support_spool.h"

static void
set(Spool *spool, SpoolTable table, const char *key, const char *value)
{
    Err err = {0};
    assert_true(spool_note_set(spool, table, text_of(key), text_of(value), &err));
}

static void
assert_note(Spool *spool, SpoolTable table, const char *key, const char *expected)
{
    Err err = {0};
    Buffer value = {0};
    bool found;
    assert_true(spool_note_get(spool, table, text_of(key), &value, &found, &err));
    assert_int_equal(found, expected != NULL);
    assert_true(expected == NULL || text_is(buffer_text(&value), expected));
    buffer_free(&value);
}

static void
notes_change_with_their_batch_or_not_at_all(void **state)
{
    SpoolFixture *fixture = *state;
    support_append(fixture->spool, "one");
    set(fixture->spool, SPOOL_FILES, "log", "at 100");
    support_commit(fixture->spool);
    support_append(fixture->spool, "two");
    set(fixture->spool, SPOOL_FILES, "log", "at 200");
    assert_note(fixture->spool, SPOOL_FILES, "log", "at 200");
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_int_equal(spool_last(fixture->spool), 1);
    assert_note(fixture->spool, SPOOL_FILES, "log", "at 100");
    assert_note(fixture->spool, SPOOL_IDENTITIES, "log", NULL); /* tables are apart */
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_FILES), 1);
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_IDENTITIES), 0);
}

static void
a_forgotten_note_is_gone(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    set(fixture->spool, SPOOL_FILES, "log", "");
    assert_note(fixture->spool, SPOOL_FILES, "log", "");
    assert_true(spool_note_forget(fixture->spool, SPOOL_FILES, text_of("log"), &err));
    assert_true(spool_note_forget(fixture->spool, SPOOL_FILES, text_of("log"), &err));
    assert_note(fixture->spool, SPOOL_FILES, "log", NULL);
}

typedef struct Seen {
    char keys[64];
    size_t left;
} Seen;

static bool
see(void *context, Text key, Text value)
{
    Seen *seen = context;
    assert_int_equal(value.length, 1);
    strncat(seen->keys, key.data, key.length);
    return --seen->left > 0;
}

static void
assert_walk(Spool *spool, const char *from, size_t most, const char *expected)
{
    Err err = {0};
    Seen seen = {.left = most};
    assert_true(spool_notes_walk(spool, SPOOL_IDENTITY_JOURNAL, text_of(from), see, &seen, &err));
    assert_string_equal(seen.keys, expected);
}

static void
a_walk_goes_in_the_order_of_keys_from_where_it_is_told(void **state)
{
    SpoolFixture *fixture = *state;
    set(fixture->spool, SPOOL_IDENTITY_JOURNAL, "b", "2");
    set(fixture->spool, SPOOL_IDENTITY_JOURNAL, "a", "1");
    support_commit(fixture->spool);
    set(fixture->spool, SPOOL_IDENTITY_JOURNAL, "d", "4");
    assert_walk(fixture->spool, "", 9, "abd");
    assert_walk(fixture->spool, "c", 9, "d");
    assert_walk(fixture->spool, "e", 9, "");
    assert_walk(fixture->spool, "", 2, "ab");
    support_commit(fixture->spool);
    assert_walk(fixture->spool, "b", 9, "bd");
}

static void
a_damaged_note_is_counted_and_reads_as_not_there(void **state)
{
    SpoolFixture *fixture = *state;
    set(fixture->spool, SPOOL_FILES, "whole", "w");
    set(fixture->spool, SPOOL_FILES, "broken", "this stands in the file only once");
    support_commit(fixture->spool);
    spool_free(&fixture->spool);
    support_damage(fixture, "this stands in the file only once", 7);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_note(fixture->spool, SPOOL_FILES, "broken", NULL);
    assert_note(fixture->spool, SPOOL_FILES, "whole", "w");
    assert_int_equal(spool_notes_damaged(fixture->spool), 1);
    set(fixture->spool, SPOOL_FILES, "broken", "whole again");
    assert_note(fixture->spool, SPOOL_FILES, "broken", "whole again");
}

static void
matrix_29_a_damaged_note_is_removed_by_the_next_transaction(void **state)
{
    SpoolFixture *fixture = *state;
    set(fixture->spool, SPOOL_FILES, "broken", "this stands in the file only once");
    set(fixture->spool, SPOOL_FILES, "whole", "w");
    support_commit(fixture->spool);
    spool_free(&fixture->spool);
    support_damage(fixture, "this stands in the file only once", 7);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_note(fixture->spool, SPOOL_FILES, "broken", NULL);
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_FILES), 2);
    assert_int_equal(spool_notes_removed(fixture->spool), 0);
    support_append(fixture->spool, "a batch");
    support_commit(fixture->spool);
    assert_int_equal(spool_notes_removed(fixture->spool), 1);
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_FILES), 1);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    assert_note(fixture->spool, SPOOL_FILES, "broken", NULL);
    assert_note(fixture->spool, SPOOL_FILES, "whole", "w");
    assert_int_equal(spool_notes_damaged(fixture->spool), 0); /* not met again */
}

static void
notes_outside_their_limits_are_refused(void **state)
{
    SpoolFixture *fixture = *state;
    static char large[SPOOL_NOTE_VALUE_BYTES_MAX + 1];
    Err err = {0};
    assert_false(spool_note_set(fixture->spool, SPOOL_FILES, (Text){"", 0}, text_of("v"), &err));
    assert_int_equal(err.code, ERR_RANGE);
    err_clear(&err);
    assert_false(spool_note_set(fixture->spool, SPOOL_FILES, text_of("k"), (Text){large, sizeof(large)}, &err));
    assert_int_equal(err.code, ERR_RANGE);
    err_clear(&err);
    assert_true(spool_note_set(fixture->spool, SPOOL_FILES, text_of("k"), (Text){large, sizeof(large) - 1}, &err));
    support_commit(fixture->spool);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    Buffer value = {0};
    bool found;
    assert_true(spool_note_get(fixture->spool, SPOOL_FILES, text_of("k"), &value, &found, &err));
    assert_true(found);
    assert_int_equal(value.length, SPOOL_NOTE_VALUE_BYTES_MAX);
    buffer_free(&value);
}

static void
fill(Spool *spool, Err *err)
{
    char key[32];
    static const char value[1000];
    for (int i = 0; !err_is_set(err); i++) {
        snprintf(key, sizeof(key), "%08d", i);
        bool set = spool_note_set(spool, SPOOL_IDENTITIES, text_of(key), (Text){value, sizeof(value)}, err);
        assert_int_equal(set, !err_is_set(err));
        assert_true(i < SPOOL_TEST_MAX_MB * 1000);
        if (i % 1000 == 0)
            support_commit(spool);
    }
}

static void
a_full_spool_takes_no_new_note_but_replaces_forgets_and_acknowledges(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    uint64_t key = support_append(fixture->spool, "a batch");
    fill(fixture->spool, &err);
    assert_int_equal(err.code, ERR_FULL);
    assert_false(spool_has_room(fixture->spool, 1));
    support_commit(fixture->spool);
    support_reopen(fixture, SPOOL_TEST_NOW_US);
    set(fixture->spool, SPOOL_IDENTITIES, "00000000", "shorter");
    spool_acknowledge(fixture->spool, key);
    support_commit(fixture->spool);
    err_clear(&err);
    uint64_t count = spool_notes_count(fixture->spool, SPOOL_IDENTITIES);
    for (uint64_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%08d", (int) i);
        assert_true(spool_note_forget(fixture->spool, SPOOL_IDENTITIES, text_of(name), &err));
        if (i % 500 == 0)
            support_commit(fixture->spool);
    }
    support_commit(fixture->spool);
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_IDENTITIES), 0);
    support_append(fixture->spool, "another batch");
}

static void
notes_of_a_batch_that_found_room_find_theirs(void **state)
{
    SpoolFixture *fixture = *state;
    Err err = {0};
    char *large = calloc(1, 100000);
    uint64_t key;
    while (spool_append(fixture->spool, (Text){large, 100000}, &key, &err))
        assert_true(spool_commit(fixture->spool, false, &err));
    assert_int_equal(err.code, ERR_FULL);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        set(fixture->spool, SPOOL_FILES, name, "read up to here");
    }
    support_commit(fixture->spool);
    free(large);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(notes_change_with_their_batch_or_not_at_all),
        SPOOL_TEST(a_forgotten_note_is_gone),
        SPOOL_TEST(a_walk_goes_in_the_order_of_keys_from_where_it_is_told),
        SPOOL_TEST(a_damaged_note_is_counted_and_reads_as_not_there),
        SPOOL_TEST(matrix_29_a_damaged_note_is_removed_by_the_next_transaction),
        SPOOL_TEST(notes_outside_their_limits_are_refused),
        SPOOL_TEST(a_full_spool_takes_no_new_note_but_replaces_forgets_and_acknowledges),
        SPOOL_TEST(notes_of_a_batch_that_found_room_find_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
