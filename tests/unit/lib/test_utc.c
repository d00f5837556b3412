/* Times and months in UTC, by the table in tests/data/lib/utc.tsv. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/utc.h"

static void
every_row_of_the_table_parses_as_written(void **state)
{
    (void) state;
    FILE *file = fopen("tests/data/lib/utc.tsv", "r");
    assert_non_null(file);
    char line[256];
    int rows = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        *tab = '\0';
        Err err = {0};
        int64_t time_us = -1;
        bool parsed = utc_parse(text_of(line), &time_us, &err);
        if (strcmp(tab + 1, "error") == 0) {
            if (parsed)
                fail_msg("%s was taken for a time", line);
            assert_int_equal(err.code, ERR_INPUT);
        } else {
            assert_true(parsed);
            assert_int_equal(time_us, strtoll(tab + 1, NULL, 10));
        }
        rows++;
    }
    fclose(file);
    assert_true(rows >= 27);
}

static void
printing_and_parsing_are_inverse(void **state)
{
    (void) state;
    const int64_t times[] = {0, 1, 999, 1000, 1790856000123456, 951782399999999, 253402300799999999};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[UTC_TEXT_BYTES];
        Err err = {0};
        int64_t again = -1;
        assert_true(utc_parse(text_of(utc_format(times[i], text)), &again, &err));
        assert_int_equal(again, times[i]);
    }
}

static void
months_follow_one_another_without_gap(void **state)
{
    (void) state;
    UtcMonth month = {1999, 11};
    for (int i = 0; i < 1300; i++) {
        UtcMonth next = utc_month_next(month);
        assert_int_equal(utc_month_end_us(month), utc_month_start_us(next));
        UtcMonth last_instant = utc_month_of(utc_month_end_us(month) - 1);
        assert_int_equal(last_instant.month, month.month);
        UtcMonth back = utc_month_previous(next);
        assert_int_equal(back.year, month.year);
        assert_int_equal(back.month, month.month);
        month = next;
    }
}

static void
february_knows_leap_years(void **state)
{
    (void) state;
    assert_int_equal(utc_month_days((UtcMonth){2024, 2}), 29);
    assert_int_equal(utc_month_days((UtcMonth){2026, 2}), 28);
    assert_int_equal(utc_month_days((UtcMonth){2000, 2}), 29);
    assert_int_equal(utc_month_days((UtcMonth){2100, 2}), 28);
}

static void
a_month_that_is_not_one_is_refused(void **state)
{
    (void) state;
    static const char *const WRONG[] = {"",      "2026",       "2026-13", "2026-00", "2026-1",
                                        "26-10", "2026-10-01", "2026/10", "october"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        Err err = {0};
        UtcMonth month;
        assert_false(utc_month_parse(WRONG[i], &month, &err));
        assert_non_null(strstr(err.message, "YYYY-MM"));
    }
    Err err = {0};
    UtcMonth month;
    assert_true(utc_month_parse("2026-10", &month, &err));
    assert_int_equal(month.year, 2026);
    assert_int_equal(month.month, 10);
}

static void
hours_are_floored_before_and_after_1970(void **state)
{
    (void) state;
    assert_int_equal(utc_hour_floor_us(UTC_HOUR_US * 5 + 1), UTC_HOUR_US * 5);
    assert_int_equal(utc_hour_floor_us(UTC_HOUR_US * 5), UTC_HOUR_US * 5);
    assert_int_equal(utc_hour_floor_us(-1), -UTC_HOUR_US);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_parses_as_written),
        cmocka_unit_test(printing_and_parsing_are_inverse),
        cmocka_unit_test(months_follow_one_another_without_gap),
        cmocka_unit_test(february_knows_leap_years),
        cmocka_unit_test(a_month_that_is_not_one_is_refused),
        cmocka_unit_test(hours_are_floored_before_and_after_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
