/* A straight line to the end of a period. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/forecast.h"
#include "lib/utc.h"

static const int64_t START_US = INT64_C(1793491200000000); /* 2026-11-01T00:00:00Z */
static const int64_t END_US = INT64_C(1796083200000000);   /* 2026-12-01T00:00:00Z */

static void
a_third_of_the_time_makes_three_times_the_use(void **state)
{
    (void) state;
    Forecast forecast;
    assert_true(forecast_at(START_US, END_US, START_US + 10 * UTC_DAY_US, &forecast));
    assert_true(forecast_sum(&forecast, 100) == 300);
    assert_true(forecast_at(START_US, END_US, START_US + 7 * UTC_DAY_US, &forecast));
    assert_true(forecast_sum(&forecast, 1) == 4); /* 30 / 7 = 4.28… */
    assert_true(forecast_sum(&forecast, 0) == 0);
}

static void
sums_of_any_size_are_exact(void **state)
{
    (void) state;
    Forecast forecast;
    assert_true(forecast_at(START_US, END_US, START_US + 20 * UTC_DAY_US, &forecast));
    const unsigned __int128 sum = (unsigned __int128) 2 << 100;
    assert_true(forecast_sum(&forecast, sum) == ((unsigned __int128) 3 << 100));
}

static void
a_first_day_and_a_period_that_is_over_say_nothing(void **state)
{
    (void) state;
    Forecast forecast;
    assert_false(forecast_at(START_US, END_US, START_US - 1, &forecast));
    assert_false(forecast_at(START_US, END_US, START_US + UTC_DAY_US - 1, &forecast));
    assert_true(forecast_at(START_US, END_US, START_US + UTC_DAY_US, &forecast));
    assert_true(forecast_at(START_US, END_US, END_US - 1, &forecast));
    assert_false(forecast_at(START_US, END_US, END_US, &forecast));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_third_of_the_time_makes_three_times_the_use),
        cmocka_unit_test(sums_of_any_size_are_exact),
        cmocka_unit_test(a_first_day_and_a_period_that_is_over_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
