/* What holds of every saving, whatever is compared: bills and alternatives drawn by seed, and the report's own figures held against
 * each other. A saving is the difference of the totals, never more than what the dearer side costs, in either direction; the low end
 * of a range is not above the high one, and neither says more than the dearer side at its dearest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings.h"

enum { ROUNDS = 1500, TEXT_BYTES = 4096, FIRST_SEED = 20261101 };

static const UtcMonth NOVEMBER = {2026, 11};

static uint64_t
draw(uint64_t *state, uint64_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*state >> 33) % below;
}

/* ---- what is compared ---- */

/* A decimal from 0 to 10^digits, with six digits after the point: from nothing to what nobody pays. */
static const char *
price(uint64_t *state, char out[32])
{
    uint64_t top = 1;
    for (uint64_t digits = draw(state, 5); digits > 0; digits--)
        top *= 10;
    snprintf(out, 32, "%llu.%06llu", (unsigned long long) draw(state, top), (unsigned long long) draw(state, 1000000));
    return out;
}

static int
by_size(const void *a, const void *b)
{
    const double left = strtod(a, NULL);
    const double right = strtod(b, NULL);
    return (left > right) - (left < right);
}

/* An item with a price and, half the time, what it may be instead. */
static void
append_item(uint64_t *state, const char *key, const char *fields, char *out)
{
    char figures[3][32];
    size_t length = strlen(out);
    for (size_t i = 0; i < 3; i++)
        price(state, figures[i]);
    qsort(figures, 3, sizeof(figures[0]), by_size);
    bool ranged = draw(state, 2) == 0;
    if (ranged)
        snprintf(out + length, TEXT_BYTES - length, "%s: {what: %s, %s%s, low: %s, high: %s}\n", key, key, fields,
                 figures[1], figures[0], figures[2]);
    else
        snprintf(out + length, TEXT_BYTES - length, "%s: {what: %s, %s%s}\n", key, key, fields, figures[0]);
}

static Alternative *
draw_alternative(uint64_t *state)
{
    char text[TEXT_BYTES] = "name: drawn\n";
    char figure[32];
    size_t length = 0;
    Err err = {0};
    if (draw(state, 8) > 0)
        append_item(state, "instances", "hourly: ", text);
    if (draw(state, 2) == 0)
        append_item(state, "load_balancer", "monthly: ", text);
    if (draw(state, 2) == 0)
        append_item(state, "database", "quantity: 730, unit: hour, unit_price: ", text);
    if (draw(state, 3) == 0)
        append_item(state, "operations", "hours: 10, hourly: ", text);
    if (draw(state, 3) == 0)
        append_item(state, "other", "monthly: ", text);
    length = strlen(text);
    if (draw(state, 3) == 0)
        snprintf(text + length, sizeof(text) - length,
                 "serverless: {per_million_requests: {what: gateway, price: %s}}\n", price(state, figure));
    Alternative *alternative = alternative_parse(text_of(text), "drawn.yaml", &err);
    if (alternative == NULL && strstr(err.message, "has no cost") == NULL) /* one of nothing is refused */
        fail_msg("%s\n%s", err.message, text);
    return alternative;
}

/* A bill of one line: quantity, a free part of it, a price; its amount as the rater rounds it. */
static Json *
draw_bill(uint64_t *state, unsigned long *quantity)
{
    char text[TEXT_BYTES];
    Err err = {0};
    mpq_t amount;
    mpq_t rate;
    *quantity = (unsigned long) draw(state, 10000000);
    unsigned long free_quantity = draw(state, 2) == 0 ? 0 : (unsigned long) draw(state, *quantity + 1);
    unsigned long micros = (unsigned long) draw(state, 1000);
    mpq_inits(amount, rate, NULL);
    mpq_set_ui(rate, micros, 1000000);
    mpq_canonicalize(rate);
    mpq_set_ui(amount, *quantity - free_quantity, 1);
    mpq_mul(amount, amount, rate);
    char *exact = decimal_format_exact(amount, &err);
    char *rounded = decimal_format(amount, 2, ROUND_HALF_UP, &err);
    assert_true(exact != NULL && rounded != NULL);
    snprintf(
        text, sizeof(text),
        "{\"currency\":\"USD\",\"free_tier\":true,\"lines\":[{\"sku\":\"requests\",\"description\":\"Requests\",\"quantity\":\"%lu\","
        "\"free_quantity\":\"%lu\",\"billed_quantity\":\"%lu\",\"unit\":\"request\",\"unit_price\":\"0.%06lu\",\"tier\":1,"
        "\"amount\":\"%s\",\"amount_exact\":\"%s\"}],\"functions\":[{\"function\":\"web\",\"amount_exact\":\"%s\"}],"
        "\"subtotal\":\"%s\",\"total\":\"%s\"}",
        *quantity, free_quantity, *quantity - free_quantity, micros, rounded, exact, exact, rounded, rounded);
    free(exact);
    free(rounded);
    mpq_clears(amount, rate, NULL);
    Json *bill = json_parse(text_of(text), &err);
    assert_non_null(bill);
    return bill;
}

/* ---- what has to hold ---- */

typedef struct Figures {
    mpq_t ours, theirs, saving, low, high, ours_low, ours_high, theirs_low, theirs_high;
} Figures;

static void
read_figure(Json *object, const char *key, mpq_t out)
{
    Err err = {0};
    mpq_init(out);
    if (!figure_read(object, key, out, &err))
        fail_msg("%s", err.message);
}

static void
read_figures(Json *report, Figures *out)
{
    Json *side = json_object_array_get_idx(json_member(report, "alternatives"), 0);
    Json *range = json_member(side, "range");
    read_figure(json_member(report, "serverless"), "total", out->ours);
    read_figure(side, "total", out->theirs);
    read_figure(side, "saving", out->saving);
    read_figure(range, "saving_low", out->low);
    read_figure(range, "saving_high", out->high);
    read_figure(range, "serverless_low", out->ours_low);
    read_figure(range, "serverless_high", out->ours_high);
    read_figure(range, "alternative_low", out->theirs_low);
    read_figure(range, "alternative_high", out->theirs_high);
}

static void
clear_figures(Figures *self)
{
    mpq_clears(self->ours, self->theirs, self->saving, self->low, self->high, self->ours_low, self->ours_high,
               self->theirs_low, self->theirs_high, NULL);
}

/* |saving| <= the dearer of both. */
static bool
is_within(const mpq_t saving, const mpq_t ours, const mpq_t theirs)
{
    mpq_t size;
    mpq_init(size);
    mpq_abs(size, saving);
    bool within = mpq_cmp(size, mpq_cmp(ours, theirs) > 0 ? ours : theirs) <= 0;
    mpq_clear(size);
    return within;
}

static const char *
broken(const Figures *self)
{
    mpq_t difference;
    mpq_init(difference);
    mpq_sub(difference, self->theirs, self->ours);
    bool is_difference = mpq_equal(difference, self->saving) != 0;
    mpq_clear(difference);
    return !is_difference                                               ? "the saving is no difference of the totals"
           : mpq_sgn(self->ours) < 0 || mpq_sgn(self->theirs) < 0       ? "a side costs less than nothing"
           : !is_within(self->saving, self->ours, self->theirs)         ? "more is saved than the dearer side costs"
           : mpq_cmp(self->low, self->high) > 0                         ? "the low end is above the high one"
           : mpq_cmp(self->low, self->saving) > 0                       ? "the low end is above the saving"
           : mpq_cmp(self->saving, self->high) > 0                      ? "the high end is below the saving"
           : mpq_cmp(self->ours_low, self->ours_high) > 0               ? "functions: low above high"
           : mpq_cmp(self->theirs_low, self->theirs_high) > 0           ? "alternative: low above high"
           : !is_within(self->low, self->ours_high, self->theirs_high)  ? "the low end exceeds the dearer side"
           : !is_within(self->high, self->ours_high, self->theirs_high) ? "the high end exceeds the dearer side"
                                                                        : NULL;
}

/* Which side the round found cheaper: -1 functions, 1 the alternative, 0 none (or the file was refused). */
static int
one_round(uint64_t seed, bool *compared, bool *ranged)
{
    uint64_t state = seed;
    unsigned long invocations = 0;
    Err err = {0};
    SavingsUsage usage = {.rows = 1};
    Alternative *alternative = draw_alternative(&state);
    Json *bill = draw_bill(&state, &invocations);
    UsageFunction *function = savings_usage_function(&usage, text_of("acme"), text_of("web"), &err);
    assert_non_null(function);
    int side = 0;
    decimal_set_i64(function->invocations, (int64_t) invocations);
    decimal_set_i64(function->busy_s, (int64_t) draw(&state, 1000000));
    *compared = alternative != NULL;
    if (alternative != NULL) {
        Figures figures;
        const SavingsInput input = {NOVEMBER, &bill, 1, &usage, (const Alternative *const *) &alternative, 1, NULL};
        SavingsReport *report = savings_make(&input, &err);
        if (report == NULL)
            fail_msg("seed %llu: %s", (unsigned long long) seed, err.message);
        Json *json = savings_json(report, NULL, &err);
        assert_non_null(json);
        read_figures(json, &figures);
        const char *fault = broken(&figures);
        if (fault != NULL)
            fail_msg("seed %llu: %s\n%s", (unsigned long long) seed, fault, json_object_to_json_string(json));
        side = -mpq_sgn(figures.saving);
        *ranged = !mpq_equal(figures.low, figures.high);
        clear_figures(&figures);
        json_object_put(json);
        savings_free(&report);
    }
    alternative_free(&alternative);
    json_object_put(bill);
    savings_usage_clear(&usage);
    return side;
}

static void
a_saving_is_never_more_than_what_the_dearer_side_costs(void **state)
{
    (void) state;
    size_t functions_cheaper = 0;
    size_t alternative_cheaper = 0;
    size_t ranges = 0;
    size_t comparisons = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        bool compared = false;
        bool ranged = false;
        int side = one_round(FIRST_SEED + round, &compared, &ranged);
        functions_cheaper += side < 0;
        alternative_cheaper += side > 0;
        ranges += ranged;
        comparisons += compared;
    }
    /* the seeds draw both directions, and ranges: or nothing was looked at */
    if (functions_cheaper < ROUNDS / 10 || alternative_cheaper < ROUNDS / 10 || ranges < ROUNDS / 4)
        fail_msg("%zu compared: %zu and %zu, %zu ranges", comparisons, functions_cheaper, alternative_cheaper, ranges);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_saving_is_never_more_than_what_the_dearer_side_costs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
