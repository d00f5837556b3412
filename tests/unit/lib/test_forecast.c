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

static void
weeks_are_whole_and_at_most_four(void **state)
{
    (void) state;
    const int64_t week_us = 7 * UTC_DAY_US;
    const int64_t at_us = START_US + 5 * UTC_HOUR_US + 1234567; /* history ends at 05:00 */
    const int64_t end_us = START_US + 5 * UTC_HOUR_US;
    assert_int_equal(forecast_weeks(INT64_MAX, at_us), 0);
    assert_int_equal(forecast_weeks(end_us, at_us), 0);
    assert_int_equal(forecast_weeks(end_us - 2 * week_us + UTC_HOUR_US, at_us), 0);
    assert_int_equal(forecast_weeks(end_us - 2 * week_us, at_us), 2);
    assert_int_equal(forecast_weeks(end_us - 4 * week_us + UTC_HOUR_US, at_us), 3);
    assert_int_equal(forecast_weeks(end_us - 5 * week_us, at_us), 4);
    assert_int_equal(forecast_history_start_us(at_us), end_us - 5 * week_us);
}

static void
what_is_left_lies_in_the_hours_of_the_week(void **state)
{
    (void) state;
    int64_t left_s[FORECAST_SLOTS];
    assert_int_equal(forecast_slot(0), 0); /* 1970-01-01 was a Thursday */
    assert_int_equal(forecast_slot(4 * UTC_DAY_US + 3 * UTC_HOUR_US + 59), 4 * 24 + 3);
    /* from half past three on a Monday for eight days and a quarter of an hour: Monday 03:45 a week later and a day */
    const int64_t from_us = 4 * UTC_DAY_US + 3 * UTC_HOUR_US + UTC_HOUR_US / 2;
    forecast_left(from_us, from_us + 8 * UTC_DAY_US + UTC_HOUR_US / 4, left_s);
    int64_t sum_s = 0;
    for (int i = 0; i < FORECAST_SLOTS; i++)
        sum_s += left_s[i];
    assert_int_equal(sum_s, 8 * 86400 + 900);
    assert_int_equal(left_s[4 * 24 + 3], 1800 + 3600);       /* this hour's rest, and the whole one of the week after */
    assert_int_equal(left_s[4 * 24 + 4], 2 * 3600);          /* Monday 04:00, twice */
    assert_int_equal(left_s[5 * 24 + 3], 3600 + 1800 + 900); /* Tuesday 03:00, and up to 03:45 of the other Tuesday */
    assert_int_equal(left_s[5 * 24 + 4], 3600);              /* Tuesday 04:00, once */
    forecast_left(from_us, from_us, left_s);
    assert_int_equal(left_s[4 * 24 + 3], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_third_of_the_time_makes_three_times_the_use),
        cmocka_unit_test(sums_of_any_size_are_exact),
        cmocka_unit_test(a_first_day_and_a_period_that_is_over_say_nothing),
        cmocka_unit_test(weeks_are_whole_and_at_most_four),
        cmocka_unit_test(what_is_left_lies_in_the_hours_of_the_week),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
