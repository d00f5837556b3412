/* Marks of files: what is stored comes back, what cannot be is refused, and what is old is forgotten. */
#include <stdio.h>
#include <string.h>

#include "agent/file_marks.h"
#include "agent/spool_notes.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_spool.h"

#define NOW_US (INT64_C(20000) * UTC_DAY_US)

typedef SpoolFixture Fixture;

static int
set_up(void **state)
{
    log_start("test", LOG_LEVEL_ERROR);
    return support_set_up(state);
}

static FileMark
mark_of(uint64_t inode, int64_t offset, const char *path)
{
    FileMark mark = {
        .device = 8, .inode = inode, .born_us = 77, .offset = offset, .line = 3, .last_time_us = USAGE_ABSENT};
    char zeros[FILE_PRINT_BYTES] = {0};
    size_t print = offset < FILE_PRINT_BYTES ? (size_t) offset : FILE_PRINT_BYTES;
    mark.head = file_print_of(zeros, print);
    mark.tail = file_print_of(zeros, print);
    mark.touched_us = NOW_US;
    snprintf(mark.path, sizeof(mark.path), "%s", path);
    return mark;
}

static void
put(const Fixture *fixture, FileMark mark)
{
    Err err = {0};
    assert_true(file_marks_put(fixture->spool, &mark, &err));
}

static bool
find(const Fixture *fixture, uint64_t inode, FileMark *out)
{
    Err err = {0};
    bool found = false;
    assert_true(file_marks_find(fixture->spool, 8, inode, out, &found, &err));
    return found;
}

static void
a_mark_comes_back_as_it_was_after_a_restart(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    FileMark mark = mark_of(5, 1000, "/var/log/fn.log");
    mark.skipping = true;
    mark.finished = true;
    mark.generation = 4;
    mark.last_time_us = NOW_US;
    memset(mark.tag.bytes, 9, sizeof(mark.tag.bytes));
    mark.tag.from = 12;
    put(fixture, mark);
    assert_true(spool_commit(fixture->spool, true, &err));
    spool_free(&fixture->spool);
    fixture->spool = spool_open(fixture->path, 16, 1, &err);
    assert_non_null(fixture->spool);
    FileMark back;
    memset(&back, 0, sizeof(back));
    assert_true(find(fixture, 5, &back));
    assert_int_equal(back.offset, 1000);
    assert_int_equal(back.line, 3);
    assert_int_equal(back.born_us, 77);
    assert_int_equal(back.generation, 4);
    assert_int_equal(back.last_time_us, NOW_US);
    assert_int_equal(back.tag.from, 12);
    assert_true(back.skipping && back.finished);
    assert_memory_equal(back.tag.bytes, mark.tag.bytes, sizeof(mark.tag.bytes));
    assert_memory_equal(back.head.hash, mark.head.hash, FILE_HASH_BYTES);
    assert_string_equal(back.path, "/var/log/fn.log");
    assert_false(find(fixture, 6, &back));
}

static void
a_mark_that_is_behind_changes_nothing(void **state)
{
    Fixture *fixture = *state;
    FileMark back;
    put(fixture, mark_of(5, 1000, "/fn.log"));
    put(fixture, mark_of(5, 900, "/fn.log"));
    assert_true(find(fixture, 5, &back));
    assert_int_equal(back.offset, 1000);
    FileMark anew = mark_of(5, 10, "/fn.log"); /* truncated */
    anew.generation = 1;
    put(fixture, anew);
    assert_true(find(fixture, 5, &back));
    assert_int_equal(back.offset, 10);
    FileMark other = mark_of(5, 3, "/fn.log"); /* another file in the inode */
    other.born_us = 78;
    put(fixture, other);
    assert_true(find(fixture, 5, &back));
    assert_int_equal(back.offset, 3);
}

static bool
count_visit(void *context, const FileMark *mark, Err *err)
{
    (void) err;
    *(uint64_t *) context = *(uint64_t *) context * 10 + mark->inode;
    return true;
}

static void
marks_are_found_by_pattern(void **state)
{
    const Fixture *fixture = *state;
    Err err = {0};
    uint64_t seen = 0;
    put(fixture, mark_of(1, 1, "/var/log/a.log"));
    put(fixture, mark_of(2, 1, "/var/log/deep/b.log"));
    put(fixture, mark_of(3, 1, "/var/log/c.log"));
    assert_true(file_marks_find_all(fixture->spool, "/var/log/*.log", count_visit, &seen, &err));
    assert_int_equal(seen, 13);
}

static void
old_marks_are_forgotten_and_too_many_as_well(void **state)
{
    const Fixture *fixture = *state;
    Err err = {0};
    FileMark back;
    FileMark old = mark_of(1, 1, "/old.log");
    old.touched_us = NOW_US - (FILE_MARKS_DAYS + 1) * UTC_DAY_US;
    put(fixture, old);
    put(fixture, mark_of(2, 1, "/fn.log"));
    assert_true(file_marks_sweep(fixture->spool, NOW_US, &err));
    assert_false(find(fixture, 1, &back));
    assert_true(find(fixture, 2, &back));
    for (uint64_t i = 0; i < FILE_MARKS_MAX + 10;
         i++) { /* imports, all of them younger than the file that is followed */
        FileMark imported = mark_of(100 + i, 1, "/import.log");
        imported.tag.from = INT64_MAX;
        imported.touched_us = NOW_US + (int64_t) i;
        put(fixture, imported);
    }
    assert_true(file_marks_sweep(fixture->spool, NOW_US, &err));
    assert_int_equal(spool_notes_count(fixture->spool, SPOOL_FILES), FILE_MARKS_MAX);
    assert_true(find(fixture, 2, &back));
    assert_false(find(fixture, 100, &back));
    assert_true(find(fixture, 100 + FILE_MARKS_MAX, &back));
}

static void
a_mark_that_cannot_be_is_refused(void **state)
{
    (void) state;
    FileMark good = mark_of(1, 1000, "/fn.log");
    FileMark out;
    Err err = {0};
    for (int i = 0; i < 9; i++) {
        Millibill__FileMark message;
        char empty[] = "";
        file_mark_to_message(&good, &message);
        switch (i) {
        case 0:
            assert_true(file_mark_from_message(&message, &out, &err));
            continue;
        case 1:
            message.offset = UINT64_MAX;
            break;
        case 2:
            message.head_bytes = 255;
            break;
        case 3:
            message.tail_bytes = 257;
            break;
        case 4:
            message.head.len = 15;
            break;
        case 5:
            message.tag.len = 9;
            break;
        case 6:
            message.tagged_from = 1001;
            break;
        case 7:
            message.path = empty;
            break;
        default:
            message.offset = 10; /* fewer bytes than its prints say */
            break;
        }
        assert_false(file_mark_from_message(&message, &out, &err));
        assert_int_equal(err.code, ERR_PROTOCOL);
        err_clear(&err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_comes_back_as_it_was_after_a_restart, set_up, support_tear_down),
        cmocka_unit_test_setup_teardown(a_mark_that_is_behind_changes_nothing, set_up, support_tear_down),
        cmocka_unit_test_setup_teardown(marks_are_found_by_pattern, set_up, support_tear_down),
        cmocka_unit_test_setup_teardown(old_marks_are_forgotten_and_too_many_as_well, set_up, support_tear_down),
        cmocka_unit_test(a_mark_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
