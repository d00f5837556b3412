#include "tests/unit/agent/support_calls.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/agent/support_spool.h"

static char self_path[PATH_MAX];

void
calls_begin(int argc, char **argv, const CallsChild *children)
{
    if (argc == 4 && strcmp(argv[1], "--child") == 0) {
        for (const CallsChild *child = children; child->name != NULL; child++)
            if (strcmp(child->name, argv[2]) == 0)
                exit(child->work(argv[3]));
        exit(CALLS_BROKEN);
    }
    assert_non_null(realpath(argv[0], self_path));
}

int
calls_run_failing(const char *child, const char *path, const char *rule)
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
        execl(self_path, self_path, "--child", child, path, (char *) NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        fail_msg("%s: signal %d", rule, WTERMSIG(status));
    return WEXITSTATUS(status);
}

long
calls_failed(const char *path)
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

void
calls_make_directory(char path[64])
{
    snprintf(path, 64, "/dev/shm/test_calls.XXXXXX"); /* many fsyncs: none waits for a disk */
    assert_non_null(mkdtemp(path));
}

void
calls_remove_directory(const char *path)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

/* False: there was no N-th call any more. */
static bool
fail_one(const CallsSeries *series, int n)
{
    char path[64];
    char rule[64];
    int length = snprintf(rule, sizeof(rule), "%s:%d:%s", series->point, n, series->how);
    if (series->pairs)
        snprintf(rule + length, sizeof(rule) - (size_t) length, ",%s:%d:%s", series->point, n + 1, series->how);
    calls_make_directory(path);
    if (series->prepare != NULL)
        series->prepare(path);
    int result = calls_run_failing(series->child, path, rule);
    if (result != CALLS_DONE && result != CALLS_REFUSED)
        fail_msg("%s: exit status %d", rule, result);
    bool failed = calls_failed(path) > 0;
    if (!failed)
        assert_int_equal(result, CALLS_DONE);
    if (series->look != NULL)
        series->look(path, rule, failed);
    calls_remove_directory(path);
    return failed;
}

void
calls_fail_each(const CallsSeries *series)
{
    int n = 1;
    while (fail_one(series, n))
        assert_in_range(++n, 1, CALLS_MAX);
    assert_true(n > series->least);
}
