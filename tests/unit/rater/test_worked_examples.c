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

enum { SCENARIOS_WITH_USAGE = 7, PROVIDER_EXAMPLES = 4 };

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

/* A member of each line of an answer, by sku, equals what `expected` says. */
static void
check_by_sku(Json *answer, Json *expected, const char *member, bool as_text)
{
    Json *lines = json_member(answer, "lines");
    json_object_object_foreach(expected, sku, want)
    {
        size_t i = 0;
        while (i < json_object_array_length(lines) &&
               strcmp(support_text(json_object_array_get_idx(lines, i), "sku"), sku) != 0)
            i++;
        if (strcmp(sku, "total") == 0)
            continue;
        if (i == json_object_array_length(lines))
            fail_msg("no line %s", sku);
        Json *got = json_member(json_object_array_get_idx(lines, i), member);
        if (as_text)
            assert_string_equal(json_object_get_string(got), json_object_get_string(want));
        else if (!support_same_number(got, want))
            fail_msg("%s of %s is %s, expected %s", member, sku, json_object_get_string(got),
                     json_object_get_string(want));
    }
}

static void
what_providers_publish_comes_out_as_printed(void **state)
{
    (void) state;
    Json *examples = support_read("tests/data/worked-examples.json");
    Json *providers = json_member(examples, "providers");
    assert_int_equal(json_object_array_length(providers), PROVIDER_EXAMPLES);
    for (size_t i = 0; i < PROVIDER_EXAMPLES; i++) {
        char path[128];
        Json *example = json_object_array_get_idx(providers, i);
        snprintf(path, sizeof(path), "rater/books/%s.yaml", support_text(example, "price_book"));
        Json *answer = support_quote(path, "2026-10", json_object_get_boolean(json_member(example, "free_tier")) != 0,
                                     json_member(example, "usage"));
        check_by_sku(answer, json_member(example, "printed"), "amount", true);
        check_by_sku(answer, json_member(example, "exact"), "amount_exact", false);
        check_by_sku(answer, json_member(example, "quantities"), "quantity", false);
        check_by_sku(answer, json_member(example, "billed"), "billed_quantity", false);
        assert_string_equal(support_text(answer, "total"), support_text(json_member(example, "printed"), "total"));
        json_object_put(answer);
    }
    json_object_put(examples);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_comes_out_to_the_exact_digits),
        cmocka_unit_test(what_providers_publish_comes_out_as_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
