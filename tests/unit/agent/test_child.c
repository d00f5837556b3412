/* Commands run by exec: their exit status, time limit and what is measured. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/child.h"
#include "lib/utc.h"

static ChildResult
run_shell(const char *script, int64_t timeout_us)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    ChildResult result;
    Err err = {0};
    sigset_t nothing;
    sigemptyset(&nothing);
    sigprocmask(SIG_SETMASK, &nothing, NULL); /* the run before left them blocked */
    if (!child_run(argv, timeout_us, &result, &err))
        fail_msg("%s", err.message);
    return result;
}

static void
the_exit_status_of_the_command_is_passed_on(void **state)
{
    (void) state;
    assert_int_equal(run_shell("exit 0", 0).exit_status, 0);
    assert_int_equal(run_shell("exit 7", 0).exit_status, 7);
    assert_int_equal(run_shell("kill -9 $$", 0).exit_status, 128 + 9);
}

static void
duration_start_and_memory_are_measured(void **state)
{
    (void) state;
    int64_t before_us = utc_now_us();
    ChildResult result = run_shell("sleep 0.2", 0);
    assert_true(result.started_at_us >= before_us && result.started_at_us <= utc_now_us());
    assert_true(result.duration_us >= 200000 && result.duration_us < 60000000);
    assert_true(result.peak_memory_kb > 100);
    assert_false(result.timed_out);
}

static void
a_command_that_takes_too_long_is_ended(void **state)
{
    (void) state;
    ChildResult result = run_shell("exec sleep 60", 100000);
    assert_true(result.timed_out);
    assert_int_equal(result.exit_status, 128 + 15);
    assert_true(result.duration_us < 50000000);
}

static void
a_command_that_ignores_the_request_is_forced(void **state)
{
    (void) state;
    ChildResult result = run_shell("trap '' TERM; while :; do sleep 0.1; done", 100000);
    assert_true(result.timed_out);
    assert_int_equal(result.exit_status, 128 + 9);
}

static void
what_cannot_be_run_says_which_way(void **state)
{
    (void) state;
    const char *const missing[] = {"/nowhere/at/all", NULL}, *const no_program[] = {"/etc/passwd", NULL};
    ChildResult result;
    Err err = {0};
    assert_false(child_run(missing, 0, &result, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_clear(&err);
    assert_false(child_run(no_program, 0, &result, &err));
    assert_int_equal(err.code, ERR_DENIED);
}

static void
a_signal_sent_to_us_reaches_the_command(void **state)
{
    (void) state;
    ChildResult result =
        run_shell("trap 'exit 42' USR1; (sleep 0.2; kill -USR1 $(awk '/^PPid/{print $2}' /proc/$$/status)) & "
                  "i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done; exit 1",
                  0);
    assert_int_equal(result.exit_status, 42);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_of_the_command_is_passed_on),
        cmocka_unit_test(duration_start_and_memory_are_measured),
        cmocka_unit_test(a_command_that_takes_too_long_is_ended),
        cmocka_unit_test(a_command_that_ignores_the_request_is_forced),
        cmocka_unit_test(what_cannot_be_run_says_which_way),
        cmocka_unit_test(a_signal_sent_to_us_reaches_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
