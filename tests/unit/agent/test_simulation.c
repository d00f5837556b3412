/* Scenarios: the records of a month are the same every time, in it, in order, and add up to what the scenario says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/scenario.h"

static const UtcMonth OCTOBER = {2026, 10};
static const UtcMonth FEBRUARY = {2027, 2};

/* What the sources' worked examples say of each (worked-examples.json). */
static const struct {
    const char *name;
    int64_t invocations;
    int64_t duration_us;
    int64_t memory_mb;
} SHIPPED[] = {
    {"basic", 1000000, 200000, 128},  {"thumbnails", 300000, 3000000, 512}, {"api", 1000000, 100000, 128},
    {"cleanup", 720, 5000000, 256},   {"constant", 259200000, 100000, 128}, {"todo-api", 300000, 50000, 128},
    {"avatars", 30000, 2000000, 512}, {"event-day", 46500, 1188000, 1024},  {"viral-blog", 129000, 100000, 128},
};
enum { SHIPPED_COUNT = sizeof SHIPPED / sizeof SHIPPED[0] };

static Scenario *
open_shipped(const char *name)
{
    char path[1024];
    const char *root = getenv("MILLIBILL_SHARE_ROOT");
    snprintf(path, sizeof path, "%s/agent/scenarios/%s.yaml", root == NULL ? "." : root, name);
    Err err = {0};
    Scenario *scenario = scenario_open(path, &err);
    if (scenario == NULL)
        fail_msg("%s", err.message);
    return scenario;
}

static void
every_shipped_scenario_is_the_worked_example_and_its_own_tenant(void **state)
{
    (void) state;
    for (int i = 0; i < SHIPPED_COUNT; i++) {
        Scenario *scenario = open_shipped(SHIPPED[i].name);
        assert_string_equal(scenario->name, SHIPPED[i].name);
        assert_string_equal(scenario->tenant, SHIPPED[i].name);
        assert_string_equal(scenario->region, "us-east-1");
        assert_int_equal(scenario->architecture, USAGE_X86_64);
        assert_int_equal(scenario->invocations, SHIPPED[i].invocations);
        assert_int_equal(scenario->duration_us, SHIPPED[i].duration_us);
        assert_int_equal(scenario->memory_mb, SHIPPED[i].memory_mb);
        scenario_free(&scenario);
    }
}

/* Walk a month; check each record; give back a digest over all. */
static Digest
walk(const Scenario *scenario, UtcMonth month, int64_t seed, int64_t count)
{
    Simulation *simulation = simulation_new(scenario, scenario->tenant, month, seed, count, NULL);
    assert_non_null(simulation);
    Digest chain = {{0}};
    UsageRecord record;
    UsageFault fault = {0};
    int64_t records = 0, last_us = 0;
    while (simulation_next(simulation, &record)) {
        uint8_t uuid[16];
        if (!usage_record_check(&record, true, true, &fault))
            fail_msg("%s %s", fault.field, fault.message);
        assert_true(usage_id_to_uuid(record.request_id, uuid));
        assert_true(record.started_at_us >= last_us);
        assert_true(record.started_at_us >= utc_month_start_us(month) &&
                    record.started_at_us < utc_month_end_us(month));
        assert_int_equal(record.duration_us, scenario->duration_us);
        last_us = record.started_at_us;
        Digest pair[2] = {chain, usage_record_digest(&record, false)};
        chain = digest_of(pair, sizeof pair);
        records++;
    }
    assert_int_equal(records, count);
    simulation_free(&simulation);
    return chain;
}

static void
the_same_month_and_seed_give_the_same_records(void **state)
{
    (void) state;
    for (int i = 0; i < SHIPPED_COUNT; i++) {
        Scenario *scenario = open_shipped(SHIPPED[i].name);
        int64_t count = scenario->invocations > 5000 ? 5000 : scenario->invocations;
        Digest first = walk(scenario, OCTOBER, 1, count), again = walk(scenario, OCTOBER, 1, count);
        assert_memory_equal(first.bytes, again.bytes, DIGEST_BYTES);
        Digest other_seed = walk(scenario, OCTOBER, 2, count), other_month = walk(scenario, FEBRUARY, 1, count);
        assert_memory_not_equal(first.bytes, other_seed.bytes, DIGEST_BYTES);
        assert_memory_not_equal(first.bytes, other_month.bytes, DIGEST_BYTES);
        scenario_free(&scenario);
    }
}

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, 36);
}

static void
no_id_comes_twice(void **state)
{
    (void) state;
    enum { COUNT = 100000 };
    Scenario *scenario = open_shipped("basic");
    Simulation *simulation = simulation_new(scenario, "basic", OCTOBER, 1, COUNT, NULL);
    char(*ids)[36] = calloc(COUNT, sizeof *ids);
    UsageRecord record;
    for (int i = 0; i < COUNT; i++) {
        assert_true(simulation_next(simulation, &record));
        memcpy(ids[i], record.request_id.data, 36);
    }
    qsort(ids, COUNT, sizeof *ids, compare_ids);
    for (int i = 1; i < COUNT; i++)
        assert_memory_not_equal(ids[i - 1], ids[i], 36);
    free(ids);
    simulation_free(&simulation);
    scenario_free(&scenario);
}

static void
patterns_keep_to_their_hours(void **state)
{
    (void) state;
    UsageRecord record;
    Scenario *office = open_shipped("todo-api"), *hourly = open_shipped("cleanup");
    Simulation *simulation = simulation_new(office, "t", OCTOBER, 1, 3000, NULL);
    while (simulation_next(simulation, &record)) {
        int64_t hour = record.started_at_us / UTC_HOUR_US % 24;
        int64_t weekday = (record.started_at_us / UTC_DAY_US + 4) % 7;
        assert_true(hour >= 8 && hour < 18 && weekday >= 1 && weekday <= 5);
    }
    simulation_free(&simulation);
    simulation = simulation_new(hourly, "t", OCTOBER, 1, 720, NULL);
    for (int64_t last = -1; simulation_next(simulation, &record);) {
        int64_t hour = record.started_at_us / UTC_HOUR_US;
        assert_true(hour > last && record.started_at_us - hour * UTC_HOUR_US < 2000000);
        last = hour;
    }
    simulation_free(&simulation);
    scenario_free(&office);
    scenario_free(&hourly);
}

/* What the sources' text says of a day: executions in each window, views on each day. */
static void
weights_give_the_windows_of_the_worked_examples(void **state)
{
    (void) state;
    static const UtcMonth NOVEMBER = {2026, 11}; /* 30 days */
    static const int FROM[] = {0, 6, 9, 17, 19, 24}, EXPECTED[] = {0, 50, 500, 1000, 0};
    int64_t windows[30][5] = {{0}}, views[30] = {0};
    UsageRecord record;
    Scenario *events = open_shipped("event-day"), *blog = open_shipped("viral-blog");
    Simulation *simulation = simulation_new(events, "t", NOVEMBER, 1, events->invocations, NULL);
    while (simulation_next(simulation, &record)) {
        int64_t hour = (record.started_at_us - utc_month_start_us(NOVEMBER)) / UTC_HOUR_US;
        int window = 0;
        while (hour % 24 >= FROM[window + 1])
            window++;
        windows[hour / 24][window]++;
    }
    simulation_free(&simulation);
    for (int day = 0; day < 30; day++)
        for (int window = 0; window < 5; window++)
            assert_int_equal(windows[day][window], EXPECTED[window]);
    simulation = simulation_new(blog, "t", NOVEMBER, 1, blog->invocations, NULL);
    while (simulation_next(simulation, &record))
        views[(record.started_at_us - utc_month_start_us(NOVEMBER)) / UTC_DAY_US]++;
    simulation_free(&simulation);
    for (int day = 0; day < 30; day++)
        assert_int_equal(views[day], day == 14 ? 100000 : 1000);
    scenario_free(&events);
    scenario_free(&blog);
}

static void
a_mistake_in_a_scenario_is_told_with_its_line(void **state)
{
    (void) state;
    static const char HEAD[] = "tenant: t\nfunction: f\nregion: r\n";
    static const struct {
        const char *rest, *line, *field;
    } CASES[] = {
        {"memory_mb: 128\ninvocations: 5\nduration_ms: -1\n", ":6:", "duration_ms"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 0.0001\n", ":6:", "duration_ms"},
        {"memory_mb: 0\ninvocations: 5\nduration_ms: 1\n", ":4:", "memory_mb"},
        {"memory_mb: 128\ninvocations: many\nduration_ms: 1\n", ":5:", "invocations"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 1\npattern: never\n", ":7:", "pattern"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 1\ncolour: red\n", ":7:", "colour"},
        {"memory_mb: 128\nduration_ms: 1\n", ":1:", "invocations"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 1\npattern: weights\nhour_weights: [1, 2]\n",
         ":8:", "hour_weights"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 1\nhour_weights: [1]\n", ":7:", "hour_weights"},
        {"memory_mb: 128\ninvocations: 5\nduration_ms: 1\npattern: weights\nday_weights: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
         "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]\n",
         ":8:", "day_weights"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char path[] = "/tmp/millibill-test-XXXXXX";
        int descriptor = mkstemp(path);
        assert_int_equal(write(descriptor, HEAD, sizeof HEAD - 1), sizeof HEAD - 1);
        assert_int_equal(write(descriptor, CASES[i].rest, strlen(CASES[i].rest)), (ssize_t) strlen(CASES[i].rest));
        close(descriptor);
        Err err = {0};
        assert_null(scenario_open(path, &err));
        if (strstr(err.message, CASES[i].line) == NULL || strstr(err.message, CASES[i].field) == NULL)
            fail_msg("case %zu: %s", i, err.message);
        unlink(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_scenario_is_the_worked_example_and_its_own_tenant),
        cmocka_unit_test(the_same_month_and_seed_give_the_same_records),
        cmocka_unit_test(no_id_comes_twice),
        cmocka_unit_test(patterns_keep_to_their_hours),
        cmocka_unit_test(weights_give_the_windows_of_the_worked_examples),
        cmocka_unit_test(a_mistake_in_a_scenario_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
