/* process: a pid file must never lead to a stranger */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/process.h"

static pid_t
sleeper(bool stubborn)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (stubborn)
            (void) signal(SIGTERM, SIG_IGN);
        (void) !write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    char word;
    assert_int_equal(read(ready[0], &word, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void
what_was_saved_is_loaded(void **state)
{
    char path[] = "/tmp/millibill-test-XXXXXX";
    Process self, loaded;
    (void) state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(process_identify(getpid(), &self));
    self.restarts = 3;
    assert_true(process_save(&self, path, NULL));
    assert_true(process_load(path, &loaded));
    assert_true(process_is_alive(&loaded));
    assert_int_equal(loaded.restarts, 3);
    unlink(path);
    assert_false(process_load(path, &loaded));
}

static void
a_recycled_pid_is_left_alone(void **state)
{
    Process stale;
    (void) state;
    pid_t child = sleeper(false);
    assert_true(process_identify(child, &stale));
    stale.start_ticks--; /* the file was written for an earlier process of this number */
    assert_false(process_is_alive(&stale));
    assert_true(process_stop(&stale, SIGKILL, SIGKILL, 100, NULL));
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void
a_process_of_an_earlier_boot_is_gone(void **state)
{
    Process stale;
    (void) state;
    assert_true(process_identify(getpid(), &stale));
    stale.boot_id[0] = stale.boot_id[0] == '0' ? '1' : '0';
    assert_false(process_is_alive(&stale));
}

static void
a_stubborn_process_gets_the_last_signal(void **state)
{
    Process process;
    int status = 0;
    (void) state;
    pid_t child = sleeper(true);
    assert_true(process_identify(child, &process));
    assert_true(process_stop(&process, SIGTERM, SIGKILL, 200, NULL));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void
a_process_that_will_not_go_is_said_so(void **state)
{
    Process process;
    Err err = {0};
    (void) state;
    pid_t child = sleeper(true);
    assert_true(process_identify(child, &process));
    assert_false(process_stop(&process, SIGTERM, SIGTERM, 50, &err));
    assert_int_equal(err.code, ERR_BUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void
a_zombie_is_not_alive(void **state)
{
    Process process;
    (void) state;
    pid_t child = sleeper(false);
    assert_true(process_identify(child, &process));
    kill(child, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
    assert_false(process_is_alive(&process));
    waitpid(child, NULL, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(a_recycled_pid_is_left_alone),
        cmocka_unit_test(a_process_of_an_earlier_boot_is_gone),
        cmocka_unit_test(a_stubborn_process_gets_the_last_signal),
        cmocka_unit_test(a_process_that_will_not_go_is_said_so),
        cmocka_unit_test(a_zombie_is_not_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
