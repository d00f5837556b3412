/* Rows of the public Azure Functions traces: the published samples, and what a damaged file may hold instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/azure_trace.h"

static const char DURATIONS[] = "o,a,f,100.0,57523.0,99.0,101.5,99.0,99.25,99.25,100.0,101,101.0,101.5";
static const char MEMORY[] = "o,a,f,19342.0,120.0,100.0,102.0,114.0,123.0,127.0,136.0,143.0,151.2";

static void
a_row_of_2021_gives_its_start_and_duration_to_the_microsecond(void **state)
{
    (void) state;
    AzureInvocation invocation;
    Err err = {0};
    assert_true(azure_invocation_decode(TEXT_LITERAL("app,fun,0.07949090003967285,0.078"), &invocation, &err));
    assert_true(text_is(invocation.names.app, "app") && text_is(invocation.names.function, "fun"));
    assert_int_equal(invocation.duration_us, 78000);
    assert_int_equal(invocation.start_us, 79491 - 78000);
    assert_true(azure_invocation_decode(TEXT_LITERAL("app,fun,1.5,2"), &invocation, &err));
    assert_int_equal(invocation.start_us, -500000); /* it ran when the trace began */
    assert_true(azure_invocation_decode(TEXT_LITERAL("app,fun,1.5,2.5e-05"), &invocation, &err));
    assert_int_equal(invocation.duration_us, 25);
}

static void
rows_that_are_none_are_refused_with_the_column(void **state)
{
    (void) state;
    static const struct {
        const char *line;
        const char *message;
    } WRONG[] = {
        {"", "column 1"},
        {"app", "ends after 1 columns"},
        {"app,fun,1", "ends after 3 columns"},
        {"app,fun,1,2,3", "goes on behind its 4 columns"},
        {"app,,1,2", "column 2"},
        {"app,fun,-1,2", "column 3"},
        {"app,fun,1,nan", "column 4"},
        {"app,fun,1,86400.1", "column 4"},
        {"app,fun,99999999999999999999,1", "column 3"},
        {"a\x01pp,fun,1,2", "column 1"},
    };
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        AzureInvocation invocation;
        Err err = {0};
        assert_false(azure_invocation_decode(text_of(WRONG[i].line), &invocation, &err));
        if (strstr(err.message, WRONG[i].message) == NULL)
            fail_msg("'%s' gives '%s', expected '%s'", WRONG[i].line, err.message, WRONG[i].message);
    }
}

static void
percentiles_are_microseconds_and_whole_megabytes_upwards(void **state)
{
    (void) state;
    AzureCurve curve;
    Err err = {0};
    assert_true(azure_curve_decode(AZURE_2019_DURATIONS, text_of(DURATIONS), &curve, &err));
    assert_int_equal(curve.points, 7);
    assert_int_equal(curve.values[0], 99000);
    assert_int_equal(curve.values[1], 99250);
    assert_int_equal(curve.values[6], 101500);
    assert_true(azure_curve_decode(AZURE_2019_MEMORY, text_of(MEMORY), &curve, &err));
    assert_int_equal(curve.points, 8);
    assert_int_equal(curve.values[7], 152);
    assert_false(azure_curve_decode(AZURE_2019_DURATIONS, TEXT_LITERAL("o,a,f,1,1,1,1,1,2,3,2,4,5,6"), &curve, &err));
    assert_non_null(strstr(err.message, "column 11 is below the percentile before it"));
}

static void
a_curve_is_straight_between_its_points(void **state)
{
    (void) state;
    AzureCurve curve;
    Err err = {0};
    assert_true(azure_curve_decode(AZURE_2019_DURATIONS, TEXT_LITERAL("o,a,f,0,0,0,0,0,10,250,500,750,990,1000"),
                                   &curve, &err));
    assert_int_equal(azure_curve_at(&curve, 0), 0);
    assert_int_equal(azure_curve_at(&curve, UINT32_C(1) << 31), 500000); /* the median */
    assert_int_equal(azure_curve_at(&curve, UINT32_C(1) << 30), 250000);
    assert_int_equal(azure_curve_at(&curve, (UINT32_C(1) << 30) + (UINT32_C(1) << 29)), 375000);
    assert_in_range(azure_curve_at(&curve, UINT32_MAX), 999990, 1000000);
    assert_true(azure_curve_decode(AZURE_2019_MEMORY, text_of(MEMORY), &curve, &err));
    assert_int_equal(azure_curve_at(&curve, 0), 100); /* below the first percentile there is nothing known */
}

/* Header and row of the file of invocations, `count` in every minute but the last, which has `last`. */
static char *
minutes(const char *head, const char *cell, const char *last)
{
    Buffer text = {0};
    Err err = {0};
    char number[16];
    assert_true(buffer_append_text(&text, head, &err));
    for (int minute = 1; minute <= AZURE_MINUTES; minute++) {
        snprintf(number, sizeof(number), "%d", minute);
        assert_true(buffer_printf(&text, &err, ",%s",
                                  minute == AZURE_MINUTES && last != NULL ? last
                                  : cell != NULL                          ? cell
                                                                          : number));
    }
    return text.data;
}

static void
invocations_by_minute_are_counted(void **state)
{
    (void) state;
    static AzureMinutes row;
    Err err = {0};
    char *good = minutes("o,a,f,timer", "3", "100");
    char *bad = minutes("o,a,f,http", "3", "-1");
    assert_true(azure_minutes_decode(text_of(good), &row, &err));
    assert_int_equal(row.total, 3 * 1439 + 100);
    assert_int_equal(row.counts[1439], 100);
    assert_int_equal(row.trigger, USAGE_TRIGGER_TIMER);
    assert_false(azure_minutes_decode(text_of(bad), &row, &err));
    assert_non_null(strstr(err.message, "column 1444"));
    free(good);
    free(bad);
}

static void
a_file_is_known_by_its_header(void **state)
{
    (void) state;
    char *header = minutes("HashOwner,HashApp,HashFunction,Trigger", NULL, NULL);
    char *wrong = minutes("HashOwner,HashApp,HashFunction,Trigger", NULL, "1441");
    assert_int_equal(azure_file_of(text_of(header)), AZURE_2019_INVOCATIONS);
    assert_int_equal(azure_file_of(text_of(wrong)), AZURE_UNKNOWN);
    assert_int_equal(azure_file_of(TEXT_LITERAL("app,func,end_timestamp,duration")), AZURE_2021);
    assert_int_equal(azure_file_of(TEXT_LITERAL("app,func,duration,end_timestamp")), AZURE_UNKNOWN);
    assert_int_equal(azure_file_of(TEXT_LITERAL("")), AZURE_UNKNOWN);
    free(header);
    free(wrong);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_2021_gives_its_start_and_duration_to_the_microsecond),
        cmocka_unit_test(rows_that_are_none_are_refused_with_the_column),
        cmocka_unit_test(percentiles_are_microseconds_and_whole_megabytes_upwards),
        cmocka_unit_test(a_curve_is_straight_between_its_points),
        cmocka_unit_test(invocations_by_minute_are_counted),
        cmocka_unit_test(a_file_is_known_by_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
