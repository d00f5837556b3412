/* local_marks: how far a followed file was read is said by who follows it, and by nobody else */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/file_marks.h"
#include "agent/local_marks.h"
#include "tests/unit/agent/support_spool.h"

enum { ALICE = 4001, BOB = 4002, FOLLOWED = 0 };
#define IMPORTED INT64_MAX

static FileMark
mark_of(uint64_t inode, int64_t offset, int64_t tagged_from)
{
    FileMark mark = {.device = 8,
                     .inode = inode,
                     .born_us = 77,
                     .offset = offset,
                     .head = {.bytes = FILE_PRINT_BYTES},
                     .tail = {.bytes = FILE_PRINT_BYTES},
                     .tag = {.from = tagged_from},
                     .last_time_us = USAGE_ABSENT};
    snprintf(mark.path, sizeof(mark.path), "/var/log/fn.log");
    return mark;
}

/* As the agent does with a Put of this user. Returns whether it was refused. */
static bool
put(Spool *spool, const FileMark *mark, uid_t uid)
{
    Err err = {0};
    size_t refused = 9;
    Millibill__FileMark message;
    Millibill__FileMark *files[] = {&message};
    Millibill__Put request;
    file_mark_to_message(mark, &message);
    millibill__put__init(&request);
    request.n_files = 1;
    request.files = files;
    assert_true(local_marks_check(spool, &request, &err));
    assert_true(local_marks_put(spool, &request, uid, &refused, &err));
    support_commit(spool);
    return refused == 1;
}

static int64_t
offset_of(Spool *spool, uint64_t inode)
{
    Err err = {0};
    FileMark mark;
    bool found = false;
    assert_true(file_marks_find(spool, 8, inode, &mark, &found, &err));
    assert_true(found);
    return mark.offset;
}

static void
the_mark_of_a_file_that_the_agent_follows_is_not_moved_by_a_user(void **state)
{
    Spool *spool = ((SpoolFixture *) *state)->spool;
    Err err = {0};
    const FileMark own = mark_of(1, 1000, FOLLOWED);
    assert_true(file_marks_put(spool, &own, &err));
    FileMark lie = mark_of(1, 5000, FOLLOWED);
    assert_true(put(spool, &lie, ALICE));
    lie.owner = 0; /* as if it were the agent's: what a source says about that does not count */
    assert_true(put(spool, &lie, ALICE));
    lie.finished = true;
    assert_true(put(spool, &lie, ALICE));
    lie.generation = 5;
    assert_true(put(spool, &lie, ALICE));
    assert_int_equal(offset_of(spool, 1), 1000);
    const FileMark further = mark_of(1, 2000, FOLLOWED);
    assert_false(put(spool, &further, geteuid()));
    assert_int_equal(offset_of(spool, 1), 2000);
}

static void
who_follows_a_file_moves_its_mark_and_nobody_else_does(void **state)
{
    Spool *spool = ((SpoolFixture *) *state)->spool;
    FileMark mark = mark_of(2, 1000, FOLLOWED);
    assert_false(put(spool, &mark, ALICE));
    mark.offset = 3000;
    assert_true(put(spool, &mark, BOB));
    assert_int_equal(offset_of(spool, 2), 1000);
    assert_false(put(spool, &mark, ALICE));
    assert_int_equal(offset_of(spool, 2), 3000);
}

static void
a_file_that_nobody_follows_is_marked_by_who_imports_it(void **state)
{
    Spool *spool = ((SpoolFixture *) *state)->spool;
    FileMark mark = mark_of(3, 1000, IMPORTED);
    assert_false(put(spool, &mark, ALICE));
    mark.offset = 2000;
    assert_false(put(spool, &mark, BOB));
    assert_int_equal(offset_of(spool, 3), 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(the_mark_of_a_file_that_the_agent_follows_is_not_moved_by_a_user),
        SPOOL_TEST(who_follows_a_file_moves_its_mark_and_nobody_else_does),
        SPOOL_TEST(a_file_that_nobody_follows_is_marked_by_who_imports_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
