/* Billing periods against Python's zoneinfo (tests/oracle/period_table.py): every zone's changeover days of ten years; and against the
 * C library's localtime: every zone, every billing day, every month of two decades. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rater/period.h"

static Zone *
opened(const char *name)
{
    Err err = {0};
    Zone *zone = zone_open(name, &err);
    if (zone == NULL)
        fail_msg("%s", err.message);
    return zone;
}

/* The periods of a billing day follow one another: each starts after the one before, within three days of a calendar month. */
static void
check_tiles(const Zone *zone, int day, UtcMonth month)
{
    for (int i = 0; i < 3; i++) {
        int64_t start_us = period_start_us(zone, day, month);
        int64_t end_us = period_start_us(zone, day, utc_month_next(month));
        assert_true(end_us - start_us >= 27 * UTC_DAY_US && end_us - start_us <= 32 * UTC_DAY_US);
        month = utc_month_next(month);
    }
}

static void
every_zone_s_changeover_days_start_as_zoneinfo_says(void **state)
{
    (void) state;
    char name[80] = "";
    char last[80] = "";
    char version[40] = "";
    int day = 0, year = 0, month = 0;
    int64_t seconds = 0;
    size_t rows = 0;
    Zone *zone = NULL;
    FILE *table = popen("/usr/bin/python3 tests/oracle/period_table.py", "r");
    assert_non_null(table);
    assert_int_equal(fscanf(table, "%39s", version), 1);
    while (fscanf(table, "%79s %d %d %d %" SCNd64, name, &day, &year, &month, &seconds) == 5) {
        if (strcmp(name, last) != 0) {
            zone_free(&zone);
            zone = opened(name);
            snprintf(last, sizeof last, "%s", name);
        }
        int64_t start_us = period_start_us(zone, day, (UtcMonth){year, month});
        if (start_us != seconds * UTC_SECOND_US)
            fail_msg("%s (%s), day %d of %04d-%02d: %" PRId64 ", expected %" PRId64, name, version, day, year, month,
                     start_us / UTC_SECOND_US, seconds);
        if (year >= 2020)
            check_tiles(zone, day, (UtcMonth){year, month});
        rows++;
    }
    zone_free(&zone);
    assert_int_equal(pclose(table), 0);
    assert_true(rows > 10000);
}

/** The date that clocks of TZ show at an instant: 20260731. */
static int
shown(int64_t time_us)
{
    time_t seconds = (time_t) (time_us / UTC_SECOND_US - (time_us % UTC_SECOND_US < 0));
    struct tm parts;
    assert_non_null(localtime_r(&seconds, &parts));
    return (parts.tm_year + 1900) * 10000 + (parts.tm_mon + 1) * 100 + parts.tm_mday;
}

static int
date_of(int day, UtcMonth month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int last = DAYS[month.month - 1] + (month.month == 2 && month.year % 4 == 0); /* 1901 to 2099 */
    return month.year * 10000 + month.month * 100 + (day < last ? day : last);
}

/** Each period of a zone, by every billing day, starts at the first instant of its day and where the one before ends. */
static void
check_zone(const Zone *zone)
{
    for (int day = 1; day <= 31; day++) {
        int64_t before_us = period_start_us(zone, day, (UtcMonth){2009, 12});
        for (UtcMonth month = {2010, 1}; month.year < 2030; month = utc_month_next(month)) {
            int64_t start_us = period_start_us(zone, day, month);
            int date = date_of(day, month);
            if (shown(start_us) < date || shown(start_us - 1) >= date || start_us - before_us < 27 * UTC_DAY_US ||
                start_us - before_us > 32 * UTC_DAY_US)
                fail_msg("%s, day %d of %04d-%02d: starts at %" PRId64 ", which shows %d; the one before at %" PRId64,
                         zone_name(zone), day, month.year, month.month, start_us / UTC_SECOND_US, shown(start_us),
                         before_us / UTC_SECOND_US);
            before_us = start_us;
        }
    }
}

static void
periods_of_every_zone_and_billing_day_tile_time(void **state)
{
    (void) state;
    char line[512], name[80];
    int zones = 0;
    FILE *table = fopen("/usr/share/zoneinfo/zone1970.tab", "r");
    assert_non_null(table);
    while (fgets(line, sizeof line, table) != NULL) {
        if (sscanf(line, "%*[A-Z,]\t%*[-+0-9]\t%79s", name) != 1)
            continue; /* a comment */
        Zone *zone = opened(name);
        setenv("TZ", name, 1);
        tzset();
        check_zone(zone);
        zone_free(&zone);
        zones++;
    }
    fclose(table);
    setenv("TZ", "UTC", 1);
    tzset();
    assert_true(zones > 300);
}

static int64_t
start_of(const char *zone_text, int day, int year, int month)
{
    Zone *zone = opened(zone_text);
    int64_t start_us = period_start_us(zone, day, (UtcMonth){year, month});
    zone_free(&zone);
    return start_us;
}

static int64_t
instant(const char *text)
{
    int64_t time_us = 0;
    Err err = {0};
    assert_true(utc_parse(text_of(text), &time_us, &err));
    return time_us;
}

static void
a_billing_day_beyond_the_month_is_its_last_day(void **state)
{
    (void) state;
    assert_int_equal(start_of("UTC", 31, 2026, 2), instant("2026-02-28T00:00:00Z"));
    assert_int_equal(start_of("UTC", 30, 2028, 2), instant("2028-02-29T00:00:00Z"));
    assert_int_equal(start_of("UTC", 31, 2026, 4), instant("2026-04-30T00:00:00Z"));
    assert_int_equal(start_of("UTC", 29, 2026, 3), instant("2026-03-29T00:00:00Z"));
}

static void
midnights_that_are_skipped_or_come_twice_have_one_start(void **state)
{
    (void) state;
    assert_int_equal(start_of("Europe/Berlin", 1, 2026, 7), instant("2026-06-30T22:00:00Z"));
    assert_int_equal(start_of("America/Sao_Paulo", 15, 2017, 10),
                     instant("2017-10-15T03:00:00Z"));                                          /* 01:00, no 00:00 */
    assert_int_equal(start_of("America/Havana", 3, 2019, 11), instant("2019-11-03T04:00:00Z")); /* the first 00:00 */
    assert_int_equal(start_of("Pacific/Apia", 30, 2011, 12), instant("2011-12-30T10:00:00Z"));  /* no such day */
}

static void
what_is_no_name_of_the_database_is_refused(void **state)
{
    (void) state;
    static const char *const NAMES[] = {"",
                                        "+02:00",
                                        "Berlin",
                                        "Europe/Berlin/",
                                        "../zoneinfo/UTC",
                                        "Etc/",
                                        "UTC0",
                                        "/usr/share/zoneinfo/UTC",
                                        "EST5EDT,M3.2.0,M11.1.0"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        Err err = {0};
        Zone *zone = zone_open(NAMES[i], &err);
        if (zone != NULL)
            fail_msg("'%s' was taken for a zone", NAMES[i]);
        assert_int_equal(err.code, ERR_NOT_FOUND);
    }
}

static void
utc_needs_no_database(void **state)
{
    (void) state;
    setenv("TZDIR", "/nonexistent", 1);
    assert_int_equal(start_of("UTC", 1, 2026, 7), instant("2026-07-01T00:00:00Z"));
    unsetenv("TZDIR");
}

static void
a_day_is_a_day_of_the_calendar(void **state)
{
    (void) state;
    Day day;
    Err err = {0};
    assert_true(day_parse(text_of("2028-02-29"), &day, &err));
    assert_true(day.year == 2028 && day.month == 2 && day.day == 29);
    static const char *const WRONG[] = {"2026-02-29", "2026-7-01", "2026-07-01T00:00:00Z", "", "today", "2026-07-00"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        err_clear(&err);
        if (day_parse(text_of(WRONG[i]), &day, &err))
            fail_msg("'%s' was taken for a day", WRONG[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_zone_s_changeover_days_start_as_zoneinfo_says),
        cmocka_unit_test(periods_of_every_zone_and_billing_day_tile_time),
        cmocka_unit_test(a_billing_day_beyond_the_month_is_its_last_day),
        cmocka_unit_test(midnights_that_are_skipped_or_come_twice_have_one_start),
        cmocka_unit_test(what_is_no_name_of_the_database_is_refused),
        cmocka_unit_test(utc_needs_no_database),
        cmocka_unit_test(a_day_is_a_day_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
