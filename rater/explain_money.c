#include "rater/explain_money.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/utc.h"
#include "rater/document.h"
#include "rater/explain_events.h"
#include "rater/explain_tiers.h"
#include "rater/formula.h"
#include "rater/rate_partial.h"

/** A sum's next term, unless it is 0. */
static void
add_term(Formula *formula, const mpq_t term, mpq_t sum)
{
    mpq_t size;
    if (mpq_sgn(term) == 0)
        return;
    mpq_init(size);
    mpq_abs(size, term);
    formula_text(formula, mpq_sgn(term) < 0 ? " − " : " + ");
    formula_figure(formula, size);
    mpq_add(sum, sum, term);
    mpq_clear(size);
}

/** The step, with its formula where that gives the figure. */
static bool
tell(Json *steps, const char *step, const char *says, Formula *formula, const mpq_t expected, const mpq_t figure,
     const char *unit, Err *err)
{
    bool done = step_add(steps, step, says, mpq_equal(expected, figure) ? formula : NULL, figure, unit, err);
    formula_free(formula);
    return done;
}

/* ---- fees ---- */

static void
item_billed(const ItemLines *lines, mpq_t out)
{
    for (size_t i = 0; i < lines->count; i++)
        mpq_add(out, out, lines->first[i].billed_quantity);
}

/** Whole packages of what the counter billed, and the item's part of their price beside what its units cost by the unit. */
static bool
tell_packages(const PriceBook *book, const RatedLine *line, const mpq_t billed, const mpq_t whole, Json *steps,
              Err *err)
{
    const Price *price = line->price;
    mpq_t packages, price_of_one, paid, by_unit, fee;
    mpq_inits(packages, price_of_one, paid, by_unit, fee, NULL);
    mpq_div(packages, whole, price->package_size);
    mpz_cdiv_q(mpq_numref(packages), mpq_numref(packages), mpq_denref(packages));
    mpz_set_ui(mpq_denref(packages), 1);
    mpq_mul(price_of_one, price->package_size, line->unit_price);
    Formula count = formula_of(whole, " ÷ ", price->package_size, NULL, whole);
    formula_text(&count, ", rounded up to whole packages");
    mpq_mul(paid, packages, price_of_one);
    mpq_mul(paid, paid, billed);
    if (mpq_sgn(whole) > 0)
        mpq_div(paid, paid, whole);
    mpq_mul(by_unit, line->billed_quantity, line->unit_price);
    mpq_sub(fee, paid, by_unit);
    bool known = mpq_sgn(whole) > 0 && mpq_equal(fee, line->fee);
    Formula part = formula_of(packages, " × ", price_of_one, " × ", billed);
    formula_text(&part, " ÷ ");
    formula_figure(&part, whole);
    Formula units = formula_of(line->billed_quantity, " × ", line->unit_price, NULL, by_unit);
    Formula less = formula_of(paid, " − ", by_unit, NULL, by_unit);
    bool done =
        (!known ||
         (step_add(steps, "packages", "what all on the counter billed, by the size of a package", &count, packages,
                   "package", err) &&
          step_add(steps, "paid", "packages times their price: this item's part by what it billed", &part, paid,
                   book->currency, err) &&
          step_add(steps, "by_unit", "what its units cost by the unit", &units, by_unit, book->currency, err))) &&
        step_add(steps, "fee", "units that are missing to whole packages: what is paid, less what its units cost",
                 known ? &less : NULL, line->fee, book->currency, err);
    formula_free(&count);
    formula_free(&part);
    formula_free(&units);
    formula_free(&less);
    mpq_clear(fee);
    mpq_clears(packages, price_of_one, paid, by_unit, NULL);
    return done;
}

static bool
tell_tier_fee(const PriceBook *book, const RatedLine *line, const mpq_t billed, const mpq_t whole, Json *steps,
              Err *err)
{
    const PriceTier *tier = &line->price->tiers[line->tier - 1];
    char says[128];
    mpq_t part;
    mpq_init(part);
    mpq_mul(part, tier->fee, billed);
    if (mpq_sgn(whole) > 0)
        mpq_div(part, part, whole);
    snprintf(says, sizeof says, "the fee of tier %d, once for its counter: this item's part by what it billed",
             line->tier);
    Formula formula = formula_of(tier->fee, " × ", billed, " ÷ ", whole);
    if (mpq_sgn(whole) == 0)
        mpq_set_si(part, -1, 1); /* shared equally: no formula */
    bool done = tell(steps, "fee", says, &formula, part, line->fee, book->currency, err);
    mpq_clear(part);
    return done;
}

static bool
explain_fee(const ExplainAgain *again, const ItemLines *lines, const RatedLine *line, Json *steps, Err *err)
{
    if (mpq_sgn(line->fee) == 0)
        return true;
    if (line->price->model == PRICE_PERCENTAGE)
        return explain_event_fee(again, line, steps, err);
    mpq_t billed, whole, in_tier;
    mpq_inits(billed, whole, in_tier, NULL);
    item_billed(lines, billed);
    explain_counter(again->rated, line, whole, in_tier);
    bool done = line->price->model == PRICE_PACKAGE ? tell_packages(again->book, line, billed, whole, steps, err)
                                                    : tell_tier_fee(again->book, line, billed, whole, steps, err);
    mpq_clears(billed, whole, in_tier, NULL);
    return done;
}

/* ---- minimum and maximum ---- */

/** The limit of a whole period, for the time in which its book is in force; said where that is less. In minutes where a period does not start at a
 *  whole hour. */
static bool
tell_limit(const ExplainAgain *again, const char *says, const Limit *limit, mpq_t value, Json *steps, Err *err)
{
    const RateOptions *options = again->options;
    mpq_set(value, limit->value);
    if (options->part_end_us == 0)
        return true;
    const int64_t part_us = options->part_end_us - options->part_start_us;
    const int64_t period_us = rate_period_end_us(options) - options->month_start_us;
    const bool hours = part_us % UTC_HOUR_US == 0 && period_us % UTC_HOUR_US == 0;
    const int64_t unit_us = hours ? UTC_HOUR_US : 60 * UTC_SECOND_US;
    mpq_t in_force, period;
    mpq_inits(in_force, period, NULL);
    decimal_set_i64(in_force, part_us / unit_us);
    decimal_set_i64(period, period_us / unit_us);
    rate_book_part(options, value);
    mpq_mul(value, value, limit->value);
    char text[160];
    snprintf(text, sizeof text, "%s in a whole period, for the %s of it for which its price book is in force", says,
             hours ? "hours" : "minutes");
    Formula formula = formula_of(limit->value, " × ", in_force, " ÷ ", period);
    bool done = step_add(steps, "limit", text, &formula, value, again->book->currency, err);
    formula_free(&formula);
    mpq_clears(in_force, period, NULL);
    return done;
}

static bool
tell_minimum(const ExplainAgain *again, const RatedLine *line, const mpq_t limit, const mpq_t sum, Json *steps,
             Err *err)
{
    mpq_t expected;
    mpq_init(expected);
    mpq_sub(expected, limit, sum);
    Formula formula = formula_of(limit, " − ", sum, NULL, sum);
    bool done = tell(steps, "adjustment", "the least that this price costs, less what its lines come to", &formula,
                     expected, line->adjustment, again->book->currency, err);
    mpq_clear(expected);
    return done;
}

static bool
tell_maximum(const ExplainAgain *again, const RatedLine *line, const mpq_t limit, const mpq_t sum, Json *steps,
             Err *err)
{
    mpq_t own, expected;
    mpq_inits(own, expected, NULL);
    mpq_sub(own, line->amount_exact, line->adjustment);
    mpq_mul(expected, own, limit);
    if (mpq_sgn(sum) > 0)
        mpq_div(expected, expected, sum);
    mpq_sub(expected, expected, own);
    Formula formula = formula_of(own, " × ", limit, " ÷ ", sum);
    formula_text(&formula, " − ");
    formula_figure(&formula, own);
    bool done =
        tell(steps, "adjustment",
             "its part of the most that this price costs, by what its lines come to, less what it comes to itself",
             &formula, expected, line->adjustment, again->book->currency, err);
    mpq_clears(own, expected, NULL);
    return done;
}

static bool
explain_adjustment(const ExplainAgain *again, const ItemLines *lines, const RatedLine *line, Json *steps, Err *err)
{
    if (mpq_sgn(line->adjustment) == 0)
        return true;
    const Price *price = line->price;
    mpq_t sum, limit;
    mpq_inits(sum, limit, NULL);
    for (size_t i = 0; i < lines->count; i++) {
        mpq_add(sum, sum, lines->first[i].amount_exact);
        mpq_sub(sum, sum, lines->first[i].adjustment);
    }
    bool done = mpq_sgn(line->adjustment) > 0
                    ? tell_limit(again, "the least that this price costs", &price->minimum, limit, steps, err) &&
                          tell_minimum(again, line, limit, sum, steps, err)
                    : tell_limit(again, "the most that this price costs", &price->maximum, limit, steps, err) &&
                          tell_maximum(again, line, limit, sum, steps, err);
    mpq_clears(sum, limit, NULL);
    return done;
}

/* ---- amounts ---- */

static bool
explain_exact(const PriceBook *book, const RatedLine *line, Json *steps, Err *err)
{
    mpq_t product;
    mpq_init(product);
    mpq_mul(product, line->billed_quantity, line->unit_price);
    Formula formula = formula_of(line->billed_quantity, " × ", line->unit_price, NULL, product);
    add_term(&formula, line->fee, product);
    add_term(&formula, line->adjustment, product);
    bool done = tell(steps, "amount_exact",
                     line->price->plain ? "billed quantity times unit price"
                                        : "billed quantity times unit price, plus fees, plus what a minimum adds or a "
                                          "maximum takes away",
                     &formula, product, line->amount_exact, book->currency, err);
    mpq_clear(product);
    return done;
}

/* Where the total is rounded, a line is cut down, and may get one of the units that are missing to the total. */
static void
say_rounding(const PriceBook *book, const RatedLine *line, const char *rounding, char *says, size_t room)
{
    if (book->rounding_place == ROUND_EACH_LINE)
        snprintf(says, room, "rounded once: %s", rounding);
    else
        snprintf(
            says, room, "rounded once: %s; a line is cut down, %s", rounding,
            mpq_cmp(line->amount, line->amount_exact) > 0
                ? "and this one has the last digit one higher: what is missing to the total goes to the largest rests"
                : "and what is missing to the total goes to lines with larger rests");
}

bool
explain_money(const ExplainAgain *again, const ItemLines *lines, const RatedLine *line, Json *steps, Err *err)
{
    char says[320];
    const PriceBook *book = again->book;
    char *rounding = document_rounding(book, err);
    if (rounding == NULL)
        return false;
    say_rounding(book, line, rounding, says, sizeof says);
    free(rounding);
    return explain_fee(again, lines, line, steps, err) && explain_adjustment(again, lines, line, steps, err) &&
           explain_exact(book, line, steps, err) &&
           step_add(steps, "amount", says, NULL, line->amount, book->currency, err) &&
           document_add_money(json_object_array_get_idx(steps, json_object_array_length(steps) - 1), "result",
                              line->amount, book, err);
}
