/* Executions at a time: against a count of every microsecond by brute force, at the period's edges, and with more of them in
 * an hour, and in one microsecond, than are sorted at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/concurrency.h"

enum { TRACES = 400, RUNS_MAX = 40, POINTS_MAX = 2 * RUNS_MAX + 2 };
#define START_US (INT64_C(1790000) * UTC_HOUR_US)

static uint64_t
draw(uint64_t below)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

static Concurrency *
period_of(int64_t width_us)
{
    Err err = {0};
    Concurrency *self = concurrency_new(START_US, START_US + width_us, &err);
    assert_non_null(self);
    return self;
}

static void
add(Concurrency *self, int64_t offset_us, int64_t duration_us, int64_t memory_mb, int64_t used_mb)
{
    Err err = {0};
    assert_true(concurrency_add(self, START_US + offset_us, duration_us, memory_mb, used_mb, &err));
}

static ConcurrencyReport
sweep(Concurrency *self)
{
    Err err = {0};
    ConcurrencyReport report;
    assert_true(concurrency_sweep(self, &report, &err));
    return report;
}

/* ---- by brute force ---- */

typedef struct Run {
    int64_t start;
    int64_t length;
    int64_t memory_mb;
    int64_t used_mb;
} Run;

typedef struct Level {
    int64_t running;
    int64_t memory_mb;
    int64_t used_mb;
} Level;

static Level
level_at(const Run *runs, size_t count, int64_t at)
{
    Level level = {0};
    for (size_t i = 0; i < count; i++)
        if (runs[i].start <= at && at < runs[i].start + runs[i].length) {
            level.running++;
            level.memory_mb += runs[i].memory_mb;
            level.used_mb += runs[i].used_mb;
        }
    return level;
}

static int
ascending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *) a;
    int64_t right = *(const int64_t *) b;
    return (left > right) - (left < right);
}

/* Instants at which anything may change, hours too, in order. */
static size_t
points_of(const Run *runs, size_t count, int64_t width, int64_t *points)
{
    size_t made = 0;
    for (int64_t hour = 0; hour <= width; hour += UTC_HOUR_US)
        points[made++] = hour;
    points[made++] = width;
    for (size_t i = 0; i < count; i++) {
        int64_t ends[2] = {runs[i].start, runs[i].start + runs[i].length};
        for (size_t e = 0; e < 2; e++)
            if (ends[e] > 0 && ends[e] < width)
                points[made++] = ends[e];
    }
    qsort(points, made, sizeof(*points), ascending);
    return made;
}

static void
expect_peak(Peak peak, int64_t value, int64_t at)
{
    assert_int_equal(peak.value, value);
    if (value > 0)
        assert_int_equal(peak.at_us, START_US + at);
}

static void
compare_with_count(const ConcurrencyReport *report, const Run *runs, size_t count, int64_t width)
{
    int64_t points[POINTS_MAX + 64];
    int64_t levels[RUNS_MAX + 1] = {0};
    ConcurrencyHour hours[64] = {{0}};
    Level peak = {0};
    Level when = {0};
    size_t made = points_of(runs, count, width, points);
    for (size_t i = 0; i + 1 < made; i++) {
        int64_t lasts = points[i + 1] - points[i];
        if (lasts == 0)
            continue;
        Level level = level_at(runs, count, points[i]);
        ConcurrencyHour *hour = &hours[points[i] / UTC_HOUR_US];
        levels[level.running] += lasts;
        hour->busy_us += (unsigned __int128) (level.running * lasts);
        hour->memory_mb_us += (unsigned __int128) (level.memory_mb * lasts);
        hour->used_mb_us += (unsigned __int128) (level.used_mb * lasts);
#define GREATER(peak_member, member, when_member) \
    if (level.member > peak.member) {             \
        peak.member = level.member;               \
        when.member = points[i];                  \
    }                                             \
    if (level.member > hour->peak_member)         \
    hour->peak_member = level.member
        GREATER(peak, running, running);
        GREATER(peak_memory_mb, memory_mb, memory_mb);
        GREATER(peak_used_mb, used_mb, used_mb);
    }
    expect_peak(report->peak, peak.running, when.running);
    expect_peak(report->memory_mb, peak.memory_mb, when.memory_mb);
    expect_peak(report->used_mb, peak.used_mb, when.used_mb);
    assert_int_equal(report->level_count, peak.running + 1);
    for (size_t i = 0; i < report->level_count; i++)
        assert_int_equal(report->level_us[i], levels[i]);
    for (size_t i = 0; i < report->hour_count; i++) {
        const ConcurrencyHour *hour = &report->hours[i];
        assert_int_equal(hour->peak, hours[i].peak);
        assert_int_equal(hour->peak_memory_mb, hours[i].peak_memory_mb);
        assert_int_equal(hour->peak_used_mb, hours[i].peak_used_mb);
        assert_true(hour->busy_us == hours[i].busy_us && hour->memory_mb_us == hours[i].memory_mb_us &&
                    hour->used_mb_us == hours[i].used_mb_us);
    }
}

/* Runs that touch, meet at hours, last for nothing, for hours, or come from before the period: some lengths are drawn from
 * a handful of microseconds, so that instants coincide. */
static Run
draw_run(int64_t width, bool coarse)
{
    static const int64_t units[] = {1, 7, UTC_SECOND_US, UTC_HOUR_US / 4, UTC_HOUR_US};
    int64_t unit = coarse ? UTC_HOUR_US / 4 : units[draw(5)];
    int64_t span = width / unit + 1;
    Run run = {0};
    run.start = coarse ? (int64_t) draw((uint64_t) span) * unit : (int64_t) draw((uint64_t) width);
    run.start -= draw(8) == 0 ? UTC_HOUR_US : 0;
    run.length = (int64_t) draw(12) * unit;
    run.memory_mb = 128 << draw(6);
    run.used_mb = 1 + (int64_t) draw((uint64_t) run.memory_mb);
    return run;
}

static void
counts_of_random_traces_equal_a_count_by_brute_force(void **state)
{
    (void) state;
    for (int trace = 0; trace < TRACES; trace++) {
        Run runs[RUNS_MAX];
        int64_t width = (1 + (int64_t) draw(30)) * UTC_HOUR_US - (draw(3) == 0 ? 1234567 : 0);
        size_t count = draw(RUNS_MAX + 1);
        Concurrency *self = period_of(width);
        for (size_t i = 0; i < count; i++) {
            runs[i] = draw_run(width, trace % 2 == 0);
            add(self, runs[i].start, runs[i].length, runs[i].memory_mb, runs[i].used_mb);
        }
        ConcurrencyReport report = sweep(self);
        compare_with_count(&report, runs, count, width);
        concurrency_report_clear(&report);
        report = sweep(self); /* and once more */
        compare_with_count(&report, runs, count, width);
        concurrency_report_clear(&report);
        concurrency_free(&self);
    }
}

/* ---- edges ---- */

static void
one_that_ends_when_another_starts_does_not_run_beside_it(void **state)
{
    (void) state;
    Concurrency *self = period_of(2 * UTC_HOUR_US);
    add(self, 0, UTC_HOUR_US, 128, 100);
    add(self, UTC_HOUR_US, 500, 128, 100);
    add(self, UTC_HOUR_US + 500, 500, 128, 100);
    add(self, UTC_HOUR_US + 500, 0, 128, 100);
    ConcurrencyReport report = sweep(self);
    assert_int_equal(report.peak.value, 1);
    assert_int_equal(report.executions, 3);
    assert_int_equal(report.level_us[1], UTC_HOUR_US + 1000);
    concurrency_report_clear(&report);
    concurrency_free(&self);
}

static void
what_runs_over_the_edges_of_the_period_counts_for_the_part_inside(void **state)
{
    (void) state;
    Concurrency *self = period_of(UTC_HOUR_US);
    add(self, -UTC_HOUR_US, UTC_HOUR_US + 10, 128, 100);
    add(self, -UTC_HOUR_US, UTC_HOUR_US, 128, 100);
    add(self, UTC_HOUR_US - 10, UTC_DAY_US, 128, 100);
    add(self, UTC_HOUR_US, 10, 128, 100);
    ConcurrencyReport report = sweep(self);
    assert_int_equal(report.executions, 2);
    assert_int_equal(report.level_us[1], 20);
    assert_int_equal(report.peak.at_us, START_US);
    concurrency_report_clear(&report);
    concurrency_free(&self);
}

static void
nothing_is_a_report_of_an_idle_period(void **state)
{
    (void) state;
    Concurrency *self = period_of(31 * UTC_DAY_US);
    ConcurrencyReport report = sweep(self);
    assert_int_equal(report.peak.value, 0);
    assert_int_equal(report.level_us[0], 31 * UTC_DAY_US);
    assert_int_equal(report.hour_count, 744);
    concurrency_report_clear(&report);
    concurrency_free(&self);
}

/* ---- more than are sorted at a time ---- */

enum { MANY = 2300000 };

/* One every 100 us for 500 us: five at a time, all in four minutes of one hour; and as many that all run in one microsecond. */
static void
an_hour_with_too_many_to_sort_is_counted_exactly(void **state)
{
    (void) state;
    Concurrency *self = period_of(3 * UTC_HOUR_US);
    for (int64_t i = 0; i < MANY; i++)
        add(self, UTC_HOUR_US + 100 * (i * 7 % MANY), 500, 128, 1);
    for (int64_t i = 0; i < MANY; i++)
        add(self, 2 * UTC_HOUR_US + 777, 1, 256, 2);
    ConcurrencyReport report = sweep(self);
    assert_int_equal(report.peak.value, MANY);
    assert_int_equal(report.peak.at_us, START_US + 2 * UTC_HOUR_US + 777);
    assert_int_equal(report.memory_mb.value, INT64_C(256) * MANY);
    assert_int_equal(report.hours[1].peak, 5);
    for (int level = 1; level < 5; level++) /* on the way up and down */
        assert_int_equal(report.level_us[level], 200);
    assert_int_equal(report.level_us[5], 100 * (MANY - 4));
    assert_int_equal(report.level_us[CONCURRENCY_LEVELS_MAX - 1], 1);
    assert_true(report.hours[1].busy_us == (unsigned __int128) 500 * MANY);
    concurrency_report_clear(&report);
    concurrency_free(&self);
}

/* ---- visiting ---- */

typedef struct Seen {
    Run runs[RUNS_MAX];
    size_t count;
} Seen;

static bool
remember(void *context, const Execution *execution, Err *err)
{
    (void) err;
    Seen *seen = context;
    seen->runs[seen->count++] =
        (Run){execution->start_us - START_US, execution->duration_us, execution->memory_mb, execution->used_mb};
    return true;
}

static void
executions_are_visited_in_the_order_of_their_start(void **state)
{
    (void) state;
    Err err = {0};
    Seen seen = {.count = 0};
    Concurrency *self = period_of(UTC_DAY_US);
    add(self, 5 * UTC_HOUR_US, 65, 512, 11);
    add(self, 5, 70 * INT64_C(60000000) + 1, 128, 12); /* longer than 35 minutes */
    add(self, -10, 30, 128, 13);
    add(self, 5 * UTC_HOUR_US, 66, 1024, 14);
    assert_true(concurrency_visit(self, remember, &seen, &err));
    assert_int_equal(seen.count, 4);
    const Run expected[4] = {{0, 20, 128, 13},
                             {5, 70 * INT64_C(60000000) + 64, 128, 12},
                             {5 * UTC_HOUR_US, 65, 512, 11},
                             {5 * UTC_HOUR_US, 66, 1024, 14}};
    assert_memory_equal(seen.runs, expected, sizeof(expected));
    concurrency_free(&self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_random_traces_equal_a_count_by_brute_force),
        cmocka_unit_test(one_that_ends_when_another_starts_does_not_run_beside_it),
        cmocka_unit_test(what_runs_over_the_edges_of_the_period_counts_for_the_part_inside),
        cmocka_unit_test(nothing_is_a_report_of_an_idle_period),
        cmocka_unit_test(an_hour_with_too_many_to_sort_is_counted_exactly),
        cmocka_unit_test(executions_are_visited_in_the_order_of_their_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
