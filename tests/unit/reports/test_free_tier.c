/* When a free tier runs out: found in what was used, or drawn as a straight line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/forecast.h"
#include "lib/utc.h"
#include "reports/free_tier.h"
#include "reports/free_tier_use.h"

static const UtcMonth NOVEMBER = {2026, 11};

static int64_t
november(int day, int hour)
{
    return utc_month_start_us(NOVEMBER) + (day - 1) * UTC_DAY_US + hour * UTC_HOUR_US;
}

static void
use_init(FreeTierUse *use, unsigned long used, unsigned long allowance)
{
    *use = (FreeTierUse){.start_us = utc_month_start_us(NOVEMBER), .end_us = utc_month_end_us(NOVEMBER)};
    mpq_inits(use->used, use->allowance, NULL);
    mpq_set_ui(use->used, used, 1);
    mpq_set_ui(use->allowance, allowance, 1);
}

static void
use_clear(FreeTierUse *use)
{
    mpq_clears(use->used, use->allowance, NULL);
}

static void
the_forecast_goes_on_as_the_month_went_so_far(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    use_init(&use, 500000, 1000000); /* half of it in ten days: all of it after twenty */
    assert_int_equal(free_tier_outlook(&use, november(11, 0), &day_us), FREE_TIER_RUNS_OUT);
    assert_int_equal(day_us, november(21, 0));
    assert_int_equal(free_tier_outlook(&use, november(10, 12), &day_us), FREE_TIER_RUNS_OUT);
    assert_int_equal(day_us, november(20, 0)); /* noon of the day before, and so the day before */
    use_clear(&use);
}

static void
another_billing_day_is_another_line_and_another_end(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    use_init(&use, 500000, 1000000);
    use.start_us = november(11, 0); /* to 11 December: half of it in two days */
    use.end_us = use.start_us + 30 * UTC_DAY_US;
    assert_int_equal(free_tier_outlook(&use, november(13, 0), &day_us), FREE_TIER_RUNS_OUT);
    assert_int_equal(day_us, november(15, 0));
    assert_int_equal(free_tier_outlook(&use, november(11, 0) + 15 * UTC_DAY_US, &day_us), FREE_TIER_LASTS);
    assert_int_equal(free_tier_outlook(&use, november(41, 0), &day_us), FREE_TIER_LASTS);
    use_clear(&use);
}

static void
by_weekday_it_runs_out_on_a_working_day(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    mpq_t week[FORECAST_SLOTS];
    for (int i = 0; i < FORECAST_SLOTS; i++) { /* 24,000 on Monday, in each hour the same; nothing on other days */
        mpq_init(week[i]);
        if (i / 24 == 4)
            mpq_set_ui(week[i], 1000, 1);
    }
    use_init(&use, 940000, 1000000);
    use.week = (const mpq_t *) week;
    /* 6 November 2026 is a Friday: after the Mondays 9 and 16 there are 12,000 left, and on the 23rd at noon none */
    assert_int_equal(free_tier_outlook(&use, november(6, 0), &day_us), FREE_TIER_RUNS_OUT);
    assert_int_equal(day_us, november(23, 0));
    mpq_set_ui(use.used, 940000 - 36000 - 1, 1); /* the last Monday is the 30th: one is left at its end */
    assert_int_equal(free_tier_outlook(&use, november(6, 0), &day_us), FREE_TIER_LASTS);
    mpq_set_ui(use.used, 940000 - 36000, 1);
    assert_int_equal(free_tier_outlook(&use, november(6, 0), &day_us), FREE_TIER_RUNS_OUT);
    assert_int_equal(day_us, november(30, 0));
    for (int i = 0; i < FORECAST_SLOTS; i++)
        mpq_clear(week[i]);
    use_clear(&use);
}

static void
a_slow_use_lasts_the_month(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    use_init(&use, 333333, 1000000); /* a third in ten days of thirty */
    assert_int_equal(free_tier_outlook(&use, november(11, 0), &day_us), FREE_TIER_LASTS);
    use_clear(&use);
}

static void
a_month_that_is_over_has_no_forecast(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    use_init(&use, 999999, 1000000);
    assert_int_equal(free_tier_outlook(&use, november(31, 0), &day_us), FREE_TIER_LASTS);
    use_clear(&use);
}

static void
the_day_it_ran_out_is_found_in_the_days(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    const int64_t days_us[3] = {november(2, 0), november(5, 0), november(9, 0)};
    mpq_t quantities[3];
    use_init(&use, 1000000, 1000000);
    for (size_t i = 0; i < 3; i++) {
        mpq_init(quantities[i]);
        mpq_set_ui(quantities[i], 500000, 1);
    }
    use.days_us = days_us;
    use.quantities = (const mpq_t *) quantities;
    use.day_count = 3;
    assert_int_equal(free_tier_outlook(&use, november(20, 0), &day_us), FREE_TIER_RAN_OUT);
    assert_int_equal(day_us, november(5, 0));
    for (size_t i = 0; i < 3; i++)
        mpq_clear(quantities[i]);
    use_clear(&use);
}

static void
nothing_used_is_no_forecast(void **state)
{
    (void) state;
    FreeTierUse use;
    int64_t day_us = 0;
    use_init(&use, 0, 1000000);
    assert_int_equal(free_tier_outlook(&use, november(20, 0), &day_us), FREE_TIER_UNUSED);
    use_clear(&use);
}

#define PERIOD "\"invoice\":{\"period_start\":\"2026-11-01T00:00:00Z\",\"period_end\":\"2026-12-01T00:00:00Z\"},"
static const char DOCUMENTS[] =
    "[{" PERIOD "\"free_tiers\":[{\"account\":\"a\",\"tenant\":\"s\",\"name\":\"requests\",\"unit\":\"request\","
    "\"allowance\":\"100\",\"used\":\"40\"}],\"lines\":[{\"account\":\"a\",\"mode\":\"on_demand\",\"sku\":\"requests\","
    "\"unit\":\"request\",\"quantity\":\"48\",\"free_quantity\":\"40\"}]},"
    "{" PERIOD "\"free_tiers\":[{\"account\":\"a\",\"tenant\":\"t\",\"name\":\"requests\",\"unit\":\"request\","
    "\"allowance\":\"100\",\"used\":\"60\"}],\"lines\":[{\"account\":\"a\",\"mode\":\"on_demand\",\"sku\":\"requests\","
    "\"unit\":\"request\",\"quantity\":\"72\",\"free_quantity\":\"60\"},"
    "{\"account\":\"a\",\"mode\":\"provisioned\",\"sku\":\"requests\",\"unit\":\"request\",\"quantity\":\"9\","
    "\"free_quantity\":\"0\"}]},"
    "{" PERIOD "\"free_tiers\":[{\"account\":\"b\",\"tenant\":\"b\",\"name\":\"requests\",\"unit\":\"request\","
    "\"allowance\":\"100\",\"used\":\"0\"}],\"lines\":[]}]";

static void
an_account_adds_up_its_tenants_and_finds_the_day(void **state)
{
    (void) state;
    Err err = {0};
    Tiers tiers = {.month = NOVEMBER};
    Json *documents = json_parse(text_of(DOCUMENTS), &err);
    assert_non_null(documents);
    assert_true(tiers_take_documents(&tiers, documents, NULL, &err));
    assert_int_equal(tiers.count, 2);
    for (int day = 1; day <= 12; day++) { /* ten a day: all is used on the tenth */
        RollupRow row = {.account = text_of("a"), .invocations = 10, .memory_mb = 128, .hour_us = november(day, 5)};
        assert_true(tiers_take_hour(&tiers, &row, &err));
        row.mode = USAGE_PROVISIONED; /* not covered */
        assert_true(tiers_take_hour(&tiers, &row, &err));
    }
    tiers_find_measures(&tiers);
    tiers_look_ahead(&tiers, november(20, 0));
    assert_int_equal(mpq_cmp_ui(tiers.items[0]->used, 100, 1), 0);
    assert_int_equal(tiers.items[0]->share_count, 2);
    assert_int_equal(tiers.items[0]->outlook, FREE_TIER_RAN_OUT);
    assert_int_equal(tiers.items[0]->day_us, november(10, 0));
    assert_int_equal(tiers.items[1]->outlook, FREE_TIER_UNUSED);
    tiers_clear(&tiers);
    tiers.month = NOVEMBER;
    assert_true(tiers_take_documents(&tiers, documents, "b", &err));
    assert_int_equal(tiers.count, 1);
    assert_string_equal(tiers.items[0]->account, "b");
    tiers_clear(&tiers);
    json_object_put(documents);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forecast_goes_on_as_the_month_went_so_far),
        cmocka_unit_test(another_billing_day_is_another_line_and_another_end),
        cmocka_unit_test(by_weekday_it_runs_out_on_a_working_day),
        cmocka_unit_test(a_slow_use_lasts_the_month),
        cmocka_unit_test(a_month_that_is_over_has_no_forecast),
        cmocka_unit_test(the_day_it_ran_out_is_found_in_the_days),
        cmocka_unit_test(an_account_adds_up_its_tenants_and_finds_the_day),
        cmocka_unit_test(nothing_used_is_no_forecast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
