/* Waiting for somebody else has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/patience.h"
#include "lib/utc.h"

static void
a_wait_ends_when_its_time_is_over(void **state)
{
    (void) state;
    Patience patience = {.wait_ms = 250};
    Err err = {0};
    int pauses = 0;
    int64_t started_us = utc_monotonic_us();
    while (patience_pause(&patience, "a lock", &err))
        pauses++;
    assert_in_range(pauses, 1, 3);
    assert_true(utc_monotonic_us() - started_us >= 250000);
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.message, "in vain for a lock"));
}

static void
a_stop_ends_a_wait_at_once(void **state)
{
    (void) state;
    atomic_bool stop = false;
    Patience patience = {.stop = &stop, .wait_ms = 60000};
    Err err = {0};
    assert_true(patience_pause(&patience, "a lock", &err));
    atomic_store(&stop, true);
    assert_true(patience_is_stopped(&patience));
    assert_false(patience_pause(&patience, "a lock", &err));
    assert_string_equal(err.message, "stopped while waiting for a lock");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_when_its_time_is_over),
        cmocka_unit_test(a_stop_ends_a_wait_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
