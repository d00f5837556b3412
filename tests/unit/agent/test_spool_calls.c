/* spool: the N-th malloc, write, fsync, open fails, for N = 1, 2, ... until nothing is left to fail. No crash, no success that
 * was none, and what was said to be durable is there when the spool is opened again.
 *
 * The program runs itself with an argument and tests/faults/failpoint.c preloaded. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_notes.h"
#include "tests/unit/agent/support_calls.h"
#include "tests/unit/agent/support_spool.h"

enum { ROUNDS = 3, LARGE_BYTES = 6000, SALVAGED = 9 };

typedef struct Told {
    uint64_t durable; /* last key whose commit succeeded */
} Told;

static Text
body_of(uint64_t key, char *room)
{
    memset(room, 'a' + (int) (key % 26), LARGE_BYTES);
    (void) snprintf(room, LARGE_BYTES, "batch %d", (int) key);
    return (Text){room, key % 2 == 0 ? LARGE_BYTES : 200};
}

static bool
work(Spool *spool, int told, Err *err)
{
    char room[LARGE_BYTES];
    Buffer value = {0};
    bool done = true;
    for (int i = 0; i < ROUNDS && done; i++) {
        uint64_t key = 0;
        bool found;
        done = spool_append(spool, body_of(spool_last(spool) + 1, room), &key, err) &&
               spool_note_set(spool, SPOOL_FILES, text_of("at"), (Text){(const char *) &key, sizeof(key)}, err) &&
               spool_commit(spool, false, err);
        if (done && pwrite(told, &key, sizeof(key), 0) != sizeof(key))
            _exit(CALLS_REFUSED); /* the test's own write was the one */
        done = done && spool_read(spool, key, &value, err) &&
               spool_note_get(spool, SPOOL_FILES, text_of("at"), &value, &found, err);
        spool_acknowledge(spool, key - 1);
        done = done && spool_commit(spool, true, err);
    }
    buffer_free(&value);
    return done;
}

/* In the child, with failing calls. */
static int
child(const char *path)
{
    char name[PATH_MAX];
    Err err = {0};
    (void) snprintf(name, sizeof(name), "%s/told", path);
    int told = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (told < 0)
        return CALLS_REFUSED;
    int result = CALLS_DONE;
    for (int i = 0; i < 2 && result == CALLS_DONE; i++) {
        Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
        if (spool == NULL || !work(spool, told, &err))
            result = CALLS_REFUSED;
        spool_free(&spool);
    }
    close(told);
    if (result == CALLS_REFUSED && !err_is_set(&err))
        return CALLS_BROKEN;
    return result;
}

/* What the child was told is durable is there, whole, whatever happened behind it. */
static void
check_kept(const char *path, const char *rule, bool failed)
{
    (void) failed;
    char name[PATH_MAX];
    char room[LARGE_BYTES];
    uint64_t durable = 0;
    Err err = {0};
    Buffer value = {0};
    snprintf(name, sizeof(name), "%s/told", path);
    int told = open(name, O_RDONLY | O_CLOEXEC);
    if (told >= 0) {
        if (pread(told, &durable, sizeof(durable), 0) != sizeof(durable))
            durable = 0;
        close(told);
    }
    Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    if (spool == NULL)
        fail_msg("%s: %s", rule, err.message);
    if (spool_last(spool) < durable)
        fail_msg("%s: %d is gone, %d is the last", rule, (int) durable, (int) spool_last(spool));
    for (uint64_t key = spool_first(spool); key <= spool_last(spool); key++) {
        assert_true(spool_read(spool, key, &value, &err));
        assert_true(text_equal(buffer_text(&value), body_of(key, room)));
    }
    spool_free(&spool);
    buffer_free(&value);
    snprintf(name, sizeof(name), "ls '%s' | grep -q damaged", path);
    if (system(name) == 0)
        fail_msg("%s: an undamaged spool was taken for a damaged one", rule);
}

static void
fail_each(const char *point, const char *how, int least)
{
    const CallsSeries series = {.child = "work", .point = point, .how = how, .least = least, .look = check_kept};
    calls_fail_each(&series);
}

static void
matrix_38_every_malloc_can_fail(void **state)
{
    (void) state;
    fail_each("malloc", "ENOMEM", 60);
}

static void
matrix_38_every_write_can_fail(void **state)
{
    (void) state;
    fail_each("pwrite", "ENOSPC", 12);
    fail_each("pwrite", "SHORT", 12);
    fail_each("write", "EIO", 0);
}

static void
matrix_38_every_fsync_can_fail(void **state)
{
    (void) state;
    fail_each("fsync", "EIO", 12);
    fail_each("fsync", "ENOSPC", 12);
    fail_each("msync", "EIO", 0);
}

static void
matrix_38_every_open_and_truncation_can_fail(void **state)
{
    (void) state;
    fail_each("open", "EMFILE", 5);
    fail_each("ftruncate", "ENOSPC", 1);
}

static void
matrix_26_a_limit_on_the_file_leaves_no_partial_batch(void **state)
{
    (void) state;
    for (rlim_t limit = 8 << 10; limit <= 96 << 10; limit += 4 << 10) {
        char path[64];
        char rule[64];
        calls_make_directory(path);
        snprintf(rule, sizeof(rule), "a file of at most %d bytes", (int) limit);
        pid_t pid = fork();
        if (pid == 0) {
            const struct rlimit most = {limit, limit};
            (void) signal(SIGXFSZ, SIG_IGN);
            _exit(setrlimit(RLIMIT_FSIZE, &most) == 0 ? child(path) : CALLS_BROKEN);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) == CALLS_BROKEN)
            fail_msg("%s: status %d", rule, status);
        if (limit <= 32 << 10)
            assert_int_equal(WEXITSTATUS(status), CALLS_REFUSED);
        check_kept(path, rule, true);
        calls_remove_directory(path);
    }
}

/* A spool with SALVAGED batches, through whose two heads nothing can be found any more. */
static void
make_headless(const char *path)
{
    char name[96];
    char room[LARGE_BYTES];
    static const char nothing[2 * 4096];
    Err err = {0};
    uint64_t key = 0;
    Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    assert_non_null(spool);
    for (uint64_t i = 1; i <= SALVAGED; i++)
        assert_true(spool_append(spool, body_of(i, room), &key, &err));
    assert_true(spool_commit(spool, true, &err));
    spool_free(&spool);
    snprintf(name, sizeof(name), "%s/data.mdb", path);
    int file = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(file, nothing, sizeof(nothing), 0), sizeof(nothing));
    close(file);
}

/* In the child, with failing calls: open, and close again. */
static int
salvage(const char *path)
{
    Err err = {0};
    Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    bool opened = spool != NULL;
    spool_free(&spool);
    return opened ? CALLS_DONE : CALLS_REFUSED;
}

/* Batches that came through, of those that were there; none may have changed. */
static int
count_salvaged(const char *path, const char *rule)
{
    char room[LARGE_BYTES];
    Err err = {0};
    Buffer value = {0};
    int whole = 0;
    Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
    assert_non_null(spool);
    for (uint64_t key = spool_first(spool); key <= spool_last(spool); key++) {
        if (!spool_read(spool, key, &value, &err))
            fail_msg("%s: %s", rule, err.message);
        if (key <= SALVAGED && text_equal(buffer_text(&value), body_of(key, room)))
            whole++;
        else if (memmem(value.data, value.length, "spool_damaged", strlen("spool_damaged")) == NULL)
            fail_msg("%s: batch %d came out changed", rule, (int) key);
    }
    if (spool_last(spool) < SALVAGED)
        fail_msg("%s: %d is the last", rule, (int) spool_last(spool));
    spool_free(&spool);
    buffer_free(&value);
    return whole;
}

static int missed; /* runs in which a batch did not come through */

static void
check_salvaged(const char *path, const char *rule, bool failed)
{
    int whole = count_salvaged(path, rule);
    assert_in_range(whole, failed ? SALVAGED - 3 : SALVAGED, SALVAGED); /* a page holds some small ones */
    missed += whole < SALVAGED;
}

/* The N-th pread fails, and the one after it, which asks for a page alone. */
static void
matrix_29_what_the_disk_cannot_give_is_reported_and_the_rest_is_salvaged(void **state)
{
    const CallsSeries series = {.child = "salvage",
                                .point = "pread",
                                .how = "EIO",
                                .least = SALVAGED, /* each batch is read once at least */
                                .pairs = true,
                                .prepare = make_headless,
                                .look = check_salvaged};
    (void) state;
    missed = 0;
    calls_fail_each(&series);
    assert_true(missed > 0); /* else no batch was hit */
}

int
main(int argc, char **argv)
{
    static const CallsChild children[] = {{"work", child}, {"salvage", salvage}, {NULL, NULL}};
    calls_begin(argc, argv, children);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix_26_a_limit_on_the_file_leaves_no_partial_batch),
        cmocka_unit_test(matrix_29_what_the_disk_cannot_give_is_reported_and_the_rest_is_salvaged),
        cmocka_unit_test(matrix_38_every_malloc_can_fail),
        cmocka_unit_test(matrix_38_every_write_can_fail),
        cmocka_unit_test(matrix_38_every_fsync_can_fail),
        cmocka_unit_test(matrix_38_every_open_and_truncation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
