/* log_limit: one line a second, and none is left out unsaid */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/log_limit.h"

static void
one_line_a_second_passes_and_says_how_many_did_not(void **state)
{
    (void) state;
    LogLimit limit = {0};
    uint64_t left_out = 9;
    int passed = 0;
    assert_true(log_limit_pass(&limit, 5, &left_out)); /* the first one, however early */
    assert_int_equal(left_out, 0);
    for (int64_t now_us = 6; now_us < 5 + LOG_LIMIT_US; now_us += LOG_LIMIT_US / 100)
        passed += log_limit_pass(&limit, now_us, &left_out) ? 1 : 0;
    assert_int_equal(passed, 0);
    assert_true(log_limit_pass(&limit, 5 + LOG_LIMIT_US, &left_out));
    assert_int_equal(left_out, 100);
    assert_true(log_limit_pass(&limit, 5 + 2 * LOG_LIMIT_US, &left_out));
    assert_int_equal(left_out, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_line_a_second_passes_and_says_how_many_did_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
