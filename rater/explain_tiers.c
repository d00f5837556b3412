#include "rater/explain_tiers.h"

#include <stdio.h>
#include <string.h>

#include "rater/formula.h"

bool
explain_in_scope(const RatedLine *line, const char *region, const char *tenant)
{
    const CountedOver over = line->price->counted_over;
    return ((over != COUNT_ACCOUNT_REGION && over != COUNT_TENANT_REGION) || strcmp(line->region, region) == 0) &&
           ((over != COUNT_TENANT && over != COUNT_TENANT_REGION) || strcmp(line->tenant, tenant) == 0);
}

bool
explain_shares_counter(const RatedLine *a, const RatedLine *b)
{
    return a->price == b->price && explain_in_scope(a, b->region, b->tenant);
}

void
explain_counter(const Rated *rated, const RatedLine *line, mpq_t whole, mpq_t in_tier)
{
    for (size_t i = 0; i < rated->line_count; i++) {
        const RatedLine *other = &rated->lines[i];
        if (!explain_shares_counter(line, other))
            continue;
        mpq_add(whole, whole, other->billed_quantity);
        if (other->tier == line->tier)
            mpq_add(in_tier, in_tier, other->billed_quantity);
    }
}

bool
explain_went_before(const RatedLine *line, const RatedLine *other)
{
    const Price *price = line->price;
    return other->part < line->part && strcmp(other->meter->sku, line->meter->sku) == 0 &&
           price_fits(price, other->region, other->architecture, other->mode) &&
           (price->function_count == 0) == (other->price->function_count == 0) &&
           (price->function_count == 0 || strcmp(price->name, other->price->name) == 0) &&
           explain_in_scope(line, other->region, other->tenant);
}

static void
before_read(const Rated *rated, const RatedLine *line, mpq_t before)
{
    for (size_t i = 0; line->part > 0 && i < rated->line_count; i++)
        if (explain_went_before(line, &rated->lines[i]))
            mpq_add(before, before, rated->lines[i].billed_quantity);
}

/** A tier holds what the counter climbs within it: "min(before + whole, up to) − max(the tiers below, before)". */
static bool
tell_tier(const Price *price, int number, const mpq_t before, const mpq_t whole, const mpq_t in_tier, Json *steps,
          const char *unit, Err *err)
{
    const PriceTier *tier = &price->tiers[number - 1];
    mpq_t from, to, expected;
    mpq_inits(from, to, expected, NULL);
    if (number > 1)
        mpq_set(from, price->tiers[number - 2].up_to);
    if (mpq_cmp(before, from) > 0)
        mpq_set(from, before);
    mpq_add(to, before, whole);
    const bool full = !tier->open && mpq_cmp(to, tier->up_to) >= 0;
    if (full)
        mpq_set(to, tier->up_to);
    mpq_sub(expected, to, from);
    Formula formula = formula_of(to, " − ", from, NULL, from);
    char says[128];
    snprintf(says, sizeof(says), "tier %d holds what lies above %s%s", number,
             mpq_equal(from, before) && mpq_sgn(before) > 0 ? "what there was before"
             : number > 1                                   ? "the tiers below it"
                                                            : "0",
             full ? ", up to its limit" : "");
    const bool over = mpq_sgn(expected) < 0 && mpq_sgn(in_tier) == 0;
    bool known = mpq_equal(expected, in_tier);
    if (over)
        snprintf(says, sizeof(says), "tier %d was full before", number);
    bool done = step_add(steps, "tier", known || over ? says : "what the tier holds", known ? &formula : NULL, in_tier,
                         unit, err);
    formula_free(&formula);
    mpq_clears(from, to, expected, NULL);
    return done;
}

bool
explain_tiers(const Rated *rated, const RatedLine *line, const mpq_t billed, Json *steps, Err *err)
{
    const Price *price = line->price;
    const char *unit = line->meter->unit;
    if (price->tier_count == 1)
        return true;
    mpq_t whole, in_tier, part, before;
    mpq_inits(whole, in_tier, part, before, NULL);
    explain_counter(rated, line, whole, in_tier);
    before_read(rated, line, before);
    mpq_mul(part, in_tier, billed);
    if (mpq_sgn(whole) > 0)
        mpq_div(part, part, whole);
    char over[96];
    snprintf(over, sizeof(over), "billed at this price by all that climb its tiers together (%s)",
             counted_over_name(price->counted_over));
    Formula formula = formula_of(in_tier, " × ", billed, " ÷ ", whole);
    bool known = mpq_sgn(whole) > 0 && mpq_equal(part, line->billed_quantity);
    bool done = (mpq_sgn(before) == 0 ||
                 step_add(steps, "before", "on this counter by the price books before", NULL, before, unit, err)) &&
                step_add(steps, "counter", over, NULL, whole, unit, err) &&
                tell_tier(price, line->tier, before, whole, in_tier, steps, unit, err) &&
                step_add(steps, "tier_part", "the tier, times this item's billed quantity, by the counter",
                         known ? &formula : NULL, line->billed_quantity, unit, err);
    formula_free(&formula);
    mpq_clears(whole, in_tier, part, before, NULL);
    return done;
}
