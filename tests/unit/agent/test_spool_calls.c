/* spool: the N-th malloc, write, fsync, open fails, for N = 1, 2, ... until nothing is left to fail. No crash, no success that
 * was none, and what was said to be durable is there when the spool is opened again.
 *
 * The program runs itself with an argument and tests/faults/failpoint.c preloaded. */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_notes.h"
#include "tests/unit/agent/support_spool.h"

enum { ROUNDS = 3, LARGE_BYTES = 6000, DONE = 0, REFUSED = 1, BROKEN = 2, CALLS_MAX = 3000 };

static char self_path[PATH_MAX];

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
            _exit(REFUSED); /* the test's own write was the one */
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
        return REFUSED;
    int result = DONE;
    for (int i = 0; i < 2 && result == DONE; i++) {
        Spool *spool = spool_open(path, SPOOL_TEST_MAX_MB, SPOOL_TEST_NOW_US, &err);
        if (spool == NULL || !work(spool, told, &err))
            result = REFUSED;
        spool_free(&spool);
    }
    close(told);
    if (result == REFUSED && !err_is_set(&err))
        return BROKEN;
    return result;
}

static int
run_failing(const char *path, const char *rule)
{
    char library[PATH_MAX + 32];
    char log[PATH_MAX];
    char copy[PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", self_path);
    snprintf(library, sizeof(library), "%s/../../libfailpoint.so", dirname(copy));
    snprintf(log, sizeof(log), "%s/calls", path);
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void) dup2(nowhere, STDERR_FILENO);
        (void) dup2(nowhere, STDOUT_FILENO);
        setenv("LD_PRELOAD", library, 1);
        setenv("FAILPOINT", rule, 1);
        setenv("FAILPOINT_LOG", log, 1);
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0:allocator_may_return_null=1:exitcode=99", 1);
        execl(self_path, self_path, "--child", path, (char *) NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        fail_msg("%s: signal %d", rule, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static long
failed_calls(const char *path)
{
    char log[PATH_MAX];
    Buffer text = {0};
    Err err = {0};
    snprintf(log, sizeof(log), "%s/calls", path);
    assert_true(file_read(log, 4096, &text, &err));
    const char *at = strstr(text.data, "failed=");
    assert_non_null(at);
    long failed = strtol(at + strlen("failed="), NULL, 10);
    buffer_free(&text);
    return failed;
}

/* What the child was told is durable is there, whole, whatever happened behind it. */
static void
check_kept(const char *path, const char *rule)
{
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
    long failed = 1;
    int n = 0;
    while (failed > 0) {
        char path[64] = "/dev/shm/test_calls.XXXXXX";
        char rule[64];
        char command[96];
        assert_in_range(++n, 1, CALLS_MAX);
        assert_non_null(mkdtemp(path));
        snprintf(rule, sizeof(rule), "%s:%d:%s", point, n, how);
        int result = run_failing(path, rule);
        if (result != DONE && result != REFUSED)
            fail_msg("%s: exit status %d", rule, result);
        failed = failed_calls(path);
        if (failed == 0)
            assert_int_equal(result, DONE);
        check_kept(path, rule);
        snprintf(command, sizeof(command), "rm -rf '%s'", path);
        assert_int_equal(system(command), 0);
    }
    assert_true(n > least); /* else nothing was tried */
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
    fail_each("ftruncate", "ENOSPC", 0);
}

static void
matrix_26_a_limit_on_the_file_leaves_no_partial_batch(void **state)
{
    (void) state;
    for (rlim_t limit = 8 << 10; limit <= 96 << 10; limit += 4 << 10) {
        char path[64] = "/dev/shm/test_calls.XXXXXX";
        char rule[64];
        char command[96];
        assert_non_null(mkdtemp(path));
        snprintf(rule, sizeof(rule), "a file of at most %d bytes", (int) limit);
        pid_t pid = fork();
        if (pid == 0) {
            const struct rlimit most = {limit, limit};
            (void) signal(SIGXFSZ, SIG_IGN);
            _exit(setrlimit(RLIMIT_FSIZE, &most) == 0 ? child(path) : BROKEN);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) == BROKEN)
            fail_msg("%s: status %d", rule, status);
        if (limit <= 32 << 10)
            assert_int_equal(WEXITSTATUS(status), REFUSED);
        check_kept(path, rule);
        snprintf(command, sizeof(command), "rm -rf '%s'", path);
        assert_int_equal(system(command), 0);
    }
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child(argv[2]);
    assert_non_null(realpath(argv[0], self_path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix_26_a_limit_on_the_file_leaves_no_partial_batch),
        cmocka_unit_test(matrix_38_every_malloc_can_fail),
        cmocka_unit_test(matrix_38_every_write_can_fail),
        cmocka_unit_test(matrix_38_every_fsync_can_fail),
        cmocka_unit_test(matrix_38_every_open_and_truncation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
