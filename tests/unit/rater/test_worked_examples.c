/* The worked examples: quote gives requests, compute and their rounded sum to the exact digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/rater/support_rating.h"

enum { SCENARIOS_WITH_USAGE = 7 };

static void
check_line(Json *answer, const char *sku, Json *scenario, const char *exact, const char *rounded, const char *quantity)
{
    Json *lines = json_member(answer, "lines");
    for (size_t i = 0; i < json_object_array_length(lines); i++) {
        Json *line = json_object_array_get_idx(lines, i);
        if (strcmp(support_text(line, "sku"), sku) != 0)
            continue;
        assert_true(support_same_number(json_member(line, "amount_exact"), json_member(scenario, exact)));
        assert_string_equal(support_text(line, "amount"), support_text(scenario, rounded));
        if (quantity != NULL)
            assert_true(support_same_number(json_member(line, "quantity"), json_member(scenario, quantity)));
        return;
    }
    fail_msg("no line %s", sku);
}

static bool
check_scenario(Json *scenario)
{
    Json *usage = json_member(scenario, "usage");
    if (usage == NULL) /* two scenarios give no usage that could be rated */
        return false;
    Json *rows = json_object_new_array();
    json_object_array_add(rows, json_object_get(usage));
    Json *answer = support_quote("rater/books/aws-lambda.yaml", "2026-10",
                                 json_object_get_boolean(json_member(scenario, "free_tier")) != 0, rows);
    print_message("%s: total %s\n", support_text(scenario, "id"), support_text(answer, "total"));
    check_line(answer, "requests", scenario, "requests_exact", "requests", NULL);
    check_line(answer, "duration", scenario, "compute_exact", "compute", "gb_seconds");
    assert_string_equal(support_text(answer, "total"), support_text(scenario, "total_of_rounded_lines"));
    json_object_put(answer);
    json_object_put(rows);
    return true;
}

static void
every_scenario_comes_out_to_the_exact_digits(void **state)
{
    (void) state;
    Json *examples = support_read("tests/data/worked-examples.json");
    Json *scenarios = json_member(examples, "scenarios");
    int checked = 0;
    for (size_t i = 0; i < json_object_array_length(scenarios); i++)
        checked += check_scenario(json_object_array_get_idx(scenarios, i));
    assert_int_equal(checked, SCENARIOS_WITH_USAGE);
    json_object_put(examples);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_comes_out_to_the_exact_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
