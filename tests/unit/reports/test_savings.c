/* Savings: every worked example against the corrected figures of its note, the alternative's file with its mistakes, and
 * the readings, break-even and peak that no example covers. Serverless lines come from the examples' own figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/text.h"
#include "reports/alternative.h"
#include "reports/savings.h"
#include "reports/savings_file.h"

static const UtcMonth NOVEMBER = {2026, 11}; /* 30 days */

static Json *
parse(const char *text)
{
    Err err = {0};
    Json *value = json_parse(text_of(text), &err);
    if (value == NULL)
        fail_msg("%s", err.message);
    return value;
}

/* The rater's answer as the contract writes it, with the figures given. */
static Json *
answer(const char *function, const char *invocations, const char *requests, const char *requests_exact,
       const char *gb_seconds, const char *compute, const char *compute_exact, const char *total)
{
    char text[4096];
    snprintf(
        text, sizeof(text),
        "{\"currency\":\"USD\",\"price_book\":{\"name\":\"aws-lambda\",\"version\":\"1\",\"sha256\":\"00\"},\"lines\":["
        "{\"sku\":\"requests\",\"description\":\"Requests\",\"quantity\":\"%s\",\"free_quantity\":\"0\","
        "\"billed_quantity\":\"%s\",\"unit\":\"request\",\"unit_price\":\"0.0000002\",\"tier\":1,\"amount\":\"%s\","
        "\"amount_exact\":\"%s\"},"
        "{\"sku\":\"duration\",\"description\":\"Duration\",\"quantity\":\"%s\",\"free_quantity\":\"0\","
        "\"billed_quantity\":\"%s\",\"unit\":\"GB-second\",\"unit_price\":\"0.0000166667\",\"tier\":1,\"amount\":\"%"
        "s\","
        "\"amount_exact\":\"%s\"}],\"functions\":[{\"function\":\"%s\",\"amount_exact\":\"%s\"},"
        "{\"function\":\"%s\",\"amount_exact\":\"%s\"}],\"subtotal\":\"%s\",\"total\":\"%s\"}",
        invocations, invocations, requests, requests_exact, gb_seconds, gb_seconds, compute, compute_exact, function,
        requests_exact, function, compute_exact, total, total);
    return parse(text);
}

static Alternative *
shipped(const char *name)
{
    char path[256];
    Err err = {0};
    snprintf(path, sizeof(path), "reports/alternatives/%s.yaml", name);
    Alternative *alternative = alternative_open(path, &err);
    if (alternative == NULL)
        fail_msg("%s", err.message);
    return alternative;
}

static Json *
report_json(Json *document, const SavingsUsage *usage, const Alternative *const *alternatives, size_t count)
{
    Err err = {0};
    SavingsInput input = {NOVEMBER, &document, document == NULL ? 0 : 1, usage, alternatives, count, NULL};
    SavingsReport *report = savings_make(&input, &err);
    if (report == NULL)
        fail_msg("%s", err.message);
    Json *json = savings_json(report, NULL, &err);
    assert_non_null(json);
    Buffer text = {0};
    assert_true(savings_text(report, &text, &err));
    if (getenv("SHOW") != NULL)
        printf("%s\n", text.data);
    buffer_free(&text);
    savings_free(&report);
    assert_null(report);
    return json;
}

/* Follow a path such as "alternatives.0.saving". */
static Json *
at(Json *value, const char *path)
{
    char copy[128];
    char *rest = NULL;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *step = strtok_r(copy, ".", &rest); step != NULL; step = strtok_r(NULL, ".", &rest))
        value = json_object_is_type(value, json_type_array)
                    ? json_object_array_get_idx(value, (size_t) strtoul(step, NULL, 10))
                    : json_member(value, step);
    return value;
}

static void
expect(Json *report, const char *path, const char *figure)
{
    Text found;
    mpq_t have;
    mpq_t want;
    Err err = {0};
    mpq_inits(have, want, NULL);
    if (!json_number_text(at(report, path), &found))
        fail_msg("%s is missing, expected %s", path, figure);
    if (!decimal_parse(found, have, &err) || !decimal_parse(text_of(figure), want, &err) || !mpq_equal(have, want))
        fail_msg("%s is %.*s, expected %s", path, TEXT_ARG(found), figure);
    mpq_clears(have, want, NULL);
}

static void
expect_text(Json *report, const char *path, const char *text)
{
    Text found;
    assert_true(json_text(at(report, path), &found));
    assert_true(text_is(found, text));
}

/* What is to be found in the report of a worked example; NULL: not looked at. */
typedef struct Expected {
    const char *id;
    const char *total;
    const char *alternative;
    const char *saving;
    const char *percent;
    const char *cheaper;
    const char *utilization;
    const char *idle_hours;
    const char *idle_amount;
} Expected;

/* Corrected figures: the notes in worked-examples.json, and by hand where a note says nothing (730 hours a month). */
static const Expected EXPECTED[] = {
    {"basic", "0.62", "3.80", "3.18", "83.8", "serverless", "7.61", "674.44", "3.51"},
    {"thumbnails", "7.56", "15.18", "7.62", "50.2", "serverless", "34.25", "480.00", "9.98"},
    {"api", "3.91", "35.18", "31.27", "88.9", "serverless", "3.81", "702.22", "14.61"},
    {"cleanup", "0.02", "3.80", "3.78", "99.6", "serverless", "0.14", "729.00", "3.79"},
    {"constant", "105.84", "521.61", "415.77", "79.7", "serverless", "98.63", "10.00", "0.30"},
    {"todo-api", "51.89", "1050.36", "998.47", "95.1", "serverless", "0.57", "725.83", "15.09"},
    {"avatars", "0.74", "15.41", "14.67", "95.2", "serverless", "2.28", "713.33", "14.83"},
};

static const char *
field(Json *scenario, const char *path)
{
    return json_object_get_string(at(scenario, path));
}

static void
check_example(Json *scenario, const Expected *expected)
{
    Err err = {0};
    char row[512];
    SavingsUsage usage;
    Buffer quote_rows = {0};
    snprintf(row, sizeof(row), "[{\"function\":\"f\",\"memory_mb\":%s,\"invocations\":%s,\"duration_ms\":\"%s\"}]",
             field(scenario, "usage.memory_mb"), field(scenario, "usage.invocations"),
             field(scenario, "usage.duration_ms"));
    assert_true(savings_file_read(text_of(row), "usage", NULL, &usage, &quote_rows, &err));
    Json *document =
        answer("f", field(scenario, "usage.invocations"), field(scenario, "requests"),
               field(scenario, "requests_exact"), field(scenario, "gb_seconds"), field(scenario, "compute"),
               field(scenario, "compute_exact"), field(scenario, "total_of_rounded_lines"));
    Alternative *alternative = shipped(expected->id);
    Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
    expect(report, "serverless.total", expected->total);
    expect(report, "alternatives.0.total", expected->alternative);
    expect(report, "alternatives.0.saving", expected->saving);
    expect(report, "alternatives.0.saving_percent", expected->percent);
    expect_text(report, "alternatives.0.cheaper", expected->cheaper);
    expect(report, "alternatives.0.utilization_percent", expected->utilization);
    expect(report, "alternatives.0.idle_hours", expected->idle_hours);
    expect(report, "alternatives.0.idle_amount", expected->idle_amount);
    expect_text(report, "verdicts.0.verdict", "serverless");
    assert_null(at(report, "concurrency.peak"));
    json_object_put(report);
    json_object_put(document);
    alternative_free(&alternative);
    savings_usage_clear(&usage);
}

static void
every_worked_example_gives_its_corrected_figures(void **state)
{
    (void) state;
    Err err = {0};
    Buffer file = {0};
    assert_true(file_read("tests/data/worked-examples.json", 1 << 20, &file, &err));
    Json *root = json_parse(buffer_text(&file), &err);
    assert_non_null(root);
    Json *scenarios = json_member(root, "scenarios");
    size_t checked = 0;
    for (size_t i = 0; i < json_object_array_length(scenarios); i++) {
        Json *scenario = json_object_array_get_idx(scenarios, i);
        for (size_t e = 0; e < sizeof(EXPECTED) / sizeof(EXPECTED[0]); e++) {
            if (strcmp(field(scenario, "id"), EXPECTED[e].id) != 0)
                continue;
            check_example(scenario, &EXPECTED[e]);
            checked++;
        }
    }
    assert_int_equal(checked, sizeof(EXPECTED) / sizeof(EXPECTED[0]));
    json_object_put(root);
    buffer_free(&file);
}

static Json *
report_without_usage(const char *name)
{
    SavingsUsage none = {0};
    Json *document = parse("{\"currency\":\"USD\",\"lines\":[],\"functions\":[],\"subtotal\":\"0\",\"total\":\"0\"}");
    Alternative *alternative = shipped(name);
    Json *report = report_json(document, &none, (const Alternative *const *) &alternative, 1);
    alternative_free(&alternative);
    json_object_put(document);
    return report;
}

static void
an_event_day_without_usage_compares_the_plain_sums(void **state)
{
    (void) state;
    Json *report = report_without_usage("event-day");
    expect(report, "serverless.total_exact", "0.031");
    expect(report, "alternatives.0.total", "2.40");
    expect(report, "alternatives.0.saving_percent", "98.7");
    assert_null(at(report, "alternatives.0.utilization_percent"));
    assert_null(at(report, "alternatives.0.break_even_requests_per_second"));
    json_object_put(report);
}

static void
a_viral_blog_shows_both_readings_and_the_first_year(void **state)
{
    (void) state;
    Json *report = report_without_usage("viral-blog");
    expect_text(report, "alternatives.0.readings.0.cheaper", "alternative");
    expect(report, "alternatives.0.readings.0.saving", "-14.00");
    expect(report, "alternatives.0.readings.1.alternative", "50.00");
    expect_text(report, "alternatives.0.readings.2.cheaper", "serverless");
    expect(report, "alternatives.0.horizon.serverless", "528.00");
    expect(report, "alternatives.0.horizon.alternative", "3500.00");
    expect(report, "alternatives.0.horizon.saving", "2972.00");
    expect(report, "alternatives.0.saving_percent", "84.9");
    json_object_put(report);
}

static void
a_constant_load_is_cheaper_on_an_instance_until_people_are_counted(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage usage;
    Buffer quote_rows = {0};
    assert_true(savings_file_read(text_of("{\"function\":\"f\",\"memory_mb\":128,\"invocations\":259200000,"
                                          "\"duration_ms\":100}\n"),
                                  "usage", NULL, &usage, &quote_rows, &err));
    Json *document = answer("f", "259200000", "51.84", "51.84", "3240000", "54.00", "54.000108", "105.84");
    Alternative *both[2] = {shipped("constant"), shipped("t3-medium-reserved")};
    Json *report = report_json(document, &usage, (const Alternative *const *) both, 2);
    expect_text(report, "alternatives.0.readings.0.cheaper", "alternative");
    expect(report, "alternatives.0.readings.0.alternative", "21.61");
    expect_text(report, "alternatives.0.cheaper", "serverless");
    expect_text(report, "alternatives.1.cheaper", "alternative");
    expect(report, "alternatives.1.saving", "-84.23");
    expect(report, "concurrency.mean", "10"); /* 100 a second x 0.1 s, in a month of 30 days */
    /* 21.608 / (105.840108 / 259,200,000) requests over 730 hours, worked out with exact fractions elsewhere */
    expect(report, "alternatives.1.break_even_requests_per_second", "20.136034");
    json_object_put(report);
    json_object_put(document);
    alternative_free(&both[0]);
    alternative_free(&both[1]);
    savings_usage_clear(&usage);
}

static void
what_is_free_stays_free_in_the_break_even(void **state)
{
    (void) state;
    SavingsUsage usage = {0};
    Err err = {0};
    UsageFunction *function = savings_usage_function(&usage, text_of("default"), text_of("f"), &err);
    assert_non_null(function);
    mpq_set_ui(function->invocations, 2000000, 1);
    /* two million requests, one million of them free: 10.00 buys 50 million more */
    Json *document = parse("{\"currency\":\"USD\",\"lines\":[{\"description\":\"Requests\",\"quantity\":\"2000000\","
                           "\"free_quantity\":\"1000000\",\"unit_price\":\"0.0000002\",\"amount\":\"0.20\","
                           "\"amount_exact\":\"0.2\"}],\"functions\":[{\"function\":\"f\",\"amount_exact\":\"0.2\"}],"
                           "\"subtotal\":\"0.20\",\"total\":\"0.20\"}");
    Alternative *alternative =
        alternative_parse(TEXT_LITERAL("name: ten\ninstances: {hourly: 10, hours: 1}\n"), "ten.yaml", &err);
    assert_non_null(alternative);
    Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
    expect(report, "alternatives.0.break_even_requests_per_second", "14166.666667"); /* 51,000,000 / 3600 */
    json_object_put(report);
    json_object_put(document);
    alternative_free(&alternative);
    savings_usage_clear(&usage);
}

static void
what_is_left_of_the_free_tier_moves_the_break_even(void **state)
{
    (void) state;
    SavingsUsage usage = {0};
    Err err = {0};
    UsageFunction *function = savings_usage_function(&usage, text_of("default"), text_of("f"), &err);
    assert_non_null(function);
    mpq_set_ui(function->invocations, 400000, 1);
    /* 400,000 requests, all free, 600,000 free ones left: 10.00 buys 50 million above the million */
    Json *document =
        parse("{\"currency\":\"USD\",\"lines\":[{\"account\":\"a\",\"unit\":\"request\",\"description\":\"R\","
              "\"quantity\":\"400000\",\"free_quantity\":\"400000\",\"unit_price\":\"0.0000002\","
              "\"amount\":\"0.00\",\"amount_exact\":\"0\"}],\"functions\":[],\"free_tiers\":[{\"account\":\"a\","
              "\"unit\":\"request\",\"left\":\"600000\"}],\"subtotal\":\"0.00\",\"total\":\"0.00\"}");
    Alternative *alternative =
        alternative_parse(TEXT_LITERAL("name: ten\ninstances: {hourly: 10, hours: 1}\n"), "ten.yaml", &err);
    assert_non_null(alternative);
    Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
    expect(report, "alternatives.0.break_even_requests_per_second", "14166.666667"); /* 51,000,000 / 3600 */
    json_object_put(report);
    json_object_put(document);
    alternative_free(&alternative);
    savings_usage_clear(&usage);
}

static void
records_tell_the_peak_and_become_quote_rows(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage usage;
    Buffer rows = {0};
    const char *records =
        "{\"function\":\"f\",\"started_at\":\"2026-11-01T00:00:00Z\",\"duration_ms\":\"1000.5\",\"memory_mb\":512}\n"
        "{\"function\":\"f\",\"started_at\":\"2026-11-01T00:00:00.9Z\",\"duration_ms\":200,\"memory_mb\":512}\n"
        "\n"
        "{\"function\":\"g\",\"started_at\":\"2026-11-01T00:00:01.1Z\",\"duration_us\":1500000,\"memory_mb\":512}\n";
    assert_true(savings_file_read(text_of(records), "records", NULL, &usage, &rows, &err));
    assert_int_equal(usage.timeline.peak.value, 2); /* the third starts at the instant the second ends */
    assert_int_equal(usage.count, 2);
    assert_non_null(strstr(rows.data, "\"invocations\":1,\"duration_ms\":\"1000.5\"}"));
    assert_non_null(strstr(rows.data, "\"duration_ms\":\"1500\"}"));
    assert_null(strstr(rows.data, "started_at"));
    buffer_free(&rows);
    savings_usage_clear(&usage);
}

static void
records_count_once_and_only_in_their_month(void **state)
{
    (void) state;
    static const char *const records =
        "{\"tenant\":\"t\",\"request_id\":\"1\",\"function\":\"f\",\"started_at\":\"2026-11-01T00:00:00Z\","
        "\"duration_ms\":100,\"memory_mb\":512}\n"
        "{\"memory_mb\":512,\"duration_us\":100000,\"started_at\":\"2026-11-01T00:00:00Z\",\"function\":\"f\","
        "\"request_id\":\"1\",\"tenant\":\"t\",\"attempt\":1}\n" /* the same */
        "{\"tenant\":\"u\",\"request_id\":\"1\",\"function\":\"f\",\"started_at\":\"2026-11-01T00:00:00Z\","
        "\"duration_ms\":100,\"memory_mb\":512}\n"
        "{\"tenant\":\"t\",\"request_id\":\"1\",\"attempt\":2,\"function\":\"f\","
        "\"started_at\":\"2026-11-01T00:00:00Z\",\"duration_ms\":100,\"memory_mb\":512}\n"
        "{\"function\":\"f\",\"started_at\":\"2026-11-30T23:59:59.999999Z\",\"duration_ms\":100,\"memory_mb\":512}\n"
        "{\"function\":\"f\",\"started_at\":\"2026-11-30T23:59:59.999999Z\",\"duration_ms\":100,\"memory_mb\":512}\n";
    static const char *const december =
        "{\"function\":\"f\",\"started_at\":\"2026-12-01T00:00:00Z\",\"duration_ms\":100,\"memory_mb\":512}\n";
    Err err = {0};
    SavingsUsage usage;
    Buffer rows = {0};
    Buffer both = {0};
    assert_true(savings_file_read(text_of(records), "u", NULL, &usage, &rows, &err));
    assert_int_equal(usage.rows, 5);
    assert_int_equal(usage.copies, 1);
    assert_int_equal(usage.month.month, 11);
    assert_int_equal(usage.count, 3); /* of t, u and the default tenant */
    for (size_t i = 0; i < usage.count; i++)
        assert_int_equal(mpq_cmp_ui(usage.functions[i].invocations, i == 1 ? 1 : 2, 1), 0);
    assert_int_equal(usage.timeline.peak.value, 3);
    savings_usage_clear(&usage);
    buffer_clear(&rows);
    assert_true(buffer_append_text(&both, records, &err) && buffer_append_text(&both, december, &err));
    assert_true(savings_file_read(buffer_text(&both), "u", &NOVEMBER, &usage, &rows, &err));
    assert_int_equal(usage.rows, 5);
    assert_int_equal(usage.outside, 1);
    savings_usage_clear(&usage);
    buffer_clear(&rows);
    assert_false(savings_file_read(buffer_text(&both), "u", NULL, &usage, &rows, &err));
    assert_non_null(strstr(err.message, "u:7: the records lie in more than one month: 2026-11 and 2026-12"));
    assert_non_null(strstr(err.hint, "--month"));
    savings_usage_clear(&usage);
    buffer_free(&rows);
    buffer_free(&both);
}

static void
the_horizon_of_one_month_is_the_month(void **state)
{
    (void) state;
    /* 0.004 + 0.004 is 0.01 exactly rounded, 0.00 as printed; over ten months 0.04 + 0.04 */
    static const char *const files[] = {"name: a\nmonths: 1\nother: [{monthly: 1.004}, {monthly: 1.004}]\n",
                                        "name: a\nmonths: 10\nother: [{monthly: 1.004}, {monthly: 1.004}]\n"};
    static const char *const expected[][3] = {{"0.00", "2.00", "2.00"}, {"0.08", "20.08", "20.00"}};
    for (size_t i = 0; i < 2; i++) {
        Err err = {0};
        SavingsUsage usage = {0};
        Json *document = answer("f", "20000", "0.00", "0.004", "240", "0.00", "0.004", "0.00");
        Alternative *alternative = alternative_parse(text_of(files[i]), "a.yaml", &err);
        if (alternative == NULL)
            fail_msg("%s", err.message);
        Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
        expect(report, "alternatives.0.saving", "2.00");
        expect(report, "alternatives.0.horizon.serverless", expected[i][0]);
        expect(report, "alternatives.0.horizon.alternative", expected[i][1]);
        expect(report, "alternatives.0.horizon.saving", expected[i][2]);
        json_object_put(report);
        json_object_put(document);
        alternative_free(&alternative);
    }
}

static void
a_run_above_15_minutes_belongs_on_an_instance(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage usage;
    Buffer rows = {0};
    assert_true(
        savings_file_read(text_of("[{\"function\":\"f\",\"memory_mb\":128,\"invocations\":1,\"duration_ms\":900001}]"),
                          "u", NULL, &usage, &rows, &err));
    Json *document = answer("f", "1", "0.00", "0.0000002", "112.500125", "0.00", "0.0018750058", "0.00");
    Alternative *alternative = shipped("t3-nano");
    Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
    expect_text(report, "verdicts.0.verdict", "alternative");
    json_object_put(report);
    json_object_put(document);
    alternative_free(&alternative);
    savings_usage_clear(&usage);
}

static void
a_load_that_does_not_fit_the_memory_is_told(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage usage;
    Buffer rows = {0};
    /* one of 1 GB around the clock: 2,592,000 seconds in November; a t3.nano has half a GB */
    assert_true(savings_file_read(
        text_of("[{\"function\":\"f\",\"memory_mb\":1024,\"invocations\":2592000,\"duration_ms\":1000}]"), "u", NULL,
        &usage, &rows, &err));
    Json *document = answer("f", "2592000", "0.52", "0.5184", "2592000", "43.20", "43.2000864", "43.72");
    Alternative *alternative = shipped("t3-nano");
    Json *report = report_json(document, &usage, (const Alternative *const *) &alternative, 1);
    bool told = false;
    Json *reasons = at(report, "verdicts.0.reasons");
    for (size_t i = 0; i < json_object_array_length(reasons); i++)
        told = told ||
               strstr(json_object_get_string(json_object_array_get_idx(reasons, i)), "has 1.0 GB in use on average");
    assert_true(told);
    json_object_put(report);
    json_object_put(document);
    alternative_free(&alternative);
    savings_usage_clear(&usage);
}

static void
a_usage_file_with_a_mistake_is_refused_with_its_line(void **state)
{
    (void) state;
    static const char *const wrong[][2] = {
        {"{\"function\":\"f\",\"invocations\":1,\"duration_ms\":1}\n{\"invocations\":1,\"duration_ms\":1}\n",
         "u:2: 'function'"},
        {"{\"function\":\"f\",\"invocations\":-1,\"duration_ms\":1}\n", "u:1: 'invocations'"},
        {"{\"function\":\"f\",\"invocations\":1}\n", "u:1: 'duration_ms' is missing"},
        {"{\"function\":\"f\",\"duration_ms\":1}\n", "u:1: 'started_at'"},
        {"[1]", "u: row 1: should be a JSON object"},
        {"{\n", "u:1: not JSON"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Err err = {0};
        SavingsUsage usage;
        Buffer rows = {0};
        assert_false(savings_file_read(text_of(wrong[i][0]), "u", NULL, &usage, &rows, &err));
        if (strstr(err.message, wrong[i][1]) == NULL)
            fail_msg("'%s' should hold '%s'", err.message, wrong[i][1]);
        savings_usage_clear(&usage);
        buffer_free(&rows);
    }
}

static void
an_alternative_with_a_mistake_is_refused_with_file_line_and_field(void **state)
{
    (void) state;
    static const char *const wrong[][2] = {
        {"name: a\ninstances:\n  - what: x\n    hourly: -1\n", "a.yaml:4: hourly: -1 is negative"},
        {"name: a\ninstances:\n  - what: x\n    hourly: 1\n    huors: 3\n", "a.yaml:5: "},
        {"name: a\ninstances:\n  - what: x\n", "either 'hourly' or 'monthly'"},
        {"name: a\ninstances:\n  - hourly: 1\n    monthly: 2\n", "either 'hourly' or 'monthly'"},
        {"name: a\ninstances:\n  - hourly: 1\n    count: 0\n", "a.yaml:4: count: 0 is not allowed"},
        {"name: a\ninstances:\n  - hourly: cheap\n", "a.yaml:3: hourly: 'cheap' is not a decimal number"},
        {"name: a\none_time:\n  amount: 500\n", "needs 'months'"},
        {"name: a\nmonths: 0\n", "a.yaml:2: months"},
        {"name: a\n", "has no cost"},
        {"instances:\n  - hourly: 1\n", "name"},
        {"name: a\ncurrency: dollars\ninstances:\n  - hourly: 1\n", "a.yaml:2: currency"},
        {"name: a\nstorage:\n  monthly: 1\n  quantity: 3\n", "goes without 'quantity'"},
        {"- a\n", "a.yaml:1"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Err err = {0};
        assert_null(alternative_parse(text_of(wrong[i][0]), "a.yaml", &err));
        if (strstr(err.message, wrong[i][1]) == NULL)
            fail_msg("'%s' should hold '%s'", err.message, wrong[i][1]);
    }
}

static void
alternatives_that_disagree_about_the_serverless_side_are_refused(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage none = {0};
    Json *document = parse("{\"currency\":\"USD\",\"lines\":[],\"functions\":[],\"subtotal\":\"0\",\"total\":\"0\"}");
    Alternative *both[2] = {shipped("api"), shipped("avatars")};
    SavingsInput input = {NOVEMBER, &document, 1, &none, (const Alternative *const *) both, 2, NULL};
    assert_null(savings_make(&input, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.message, "different 'serverless' sections"));
    json_object_put(document);
    alternative_free(&both[0]);
    alternative_free(&both[1]);
}

static void
an_alternative_in_another_currency_is_refused(void **state)
{
    (void) state;
    Err err = {0};
    SavingsUsage none = {0};
    Json *document = parse("{\"currency\":\"USD\",\"lines\":[],\"functions\":[],\"subtotal\":\"0\",\"total\":\"0\"}");
    Alternative *alternative =
        alternative_parse(TEXT_LITERAL("name: e\ncurrency: EUR\ninstances: {hourly: 1}\n"), "e.yaml", &err);
    SavingsInput input = {NOVEMBER, &document, 1, &none, (const Alternative *const *) &alternative, 1, NULL};
    assert_null(savings_make(&input, &err));
    assert_non_null(strstr(err.message, "in EUR, the comparison in USD"));
    json_object_put(document);
    alternative_free(&alternative);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worked_example_gives_its_corrected_figures),
        cmocka_unit_test(an_event_day_without_usage_compares_the_plain_sums),
        cmocka_unit_test(a_viral_blog_shows_both_readings_and_the_first_year),
        cmocka_unit_test(a_constant_load_is_cheaper_on_an_instance_until_people_are_counted),
        cmocka_unit_test(what_is_free_stays_free_in_the_break_even),
        cmocka_unit_test(what_is_left_of_the_free_tier_moves_the_break_even),
        cmocka_unit_test(records_tell_the_peak_and_become_quote_rows),
        cmocka_unit_test(records_count_once_and_only_in_their_month),
        cmocka_unit_test(the_horizon_of_one_month_is_the_month),
        cmocka_unit_test(a_run_above_15_minutes_belongs_on_an_instance),
        cmocka_unit_test(a_load_that_does_not_fit_the_memory_is_told),
        cmocka_unit_test(a_usage_file_with_a_mistake_is_refused_with_its_line),
        cmocka_unit_test(an_alternative_with_a_mistake_is_refused_with_file_line_and_field),
        cmocka_unit_test(alternatives_that_disagree_about_the_serverless_side_are_refused),
        cmocka_unit_test(an_alternative_in_another_currency_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
