#include "rater/explain_events.h"

#include <string.h>

#include "lib/decimal.h"
#include "rater/explain_formula.h"
#include "rater/explain_tiers.h"
#include "rater/formula.h"
#include "rater/meter.h"
#include "rater/tally.h"

/* ---- events of rows ---- */

static bool
same_place(const PriceBook *book, const RatedLine *line, const RatingRow *row)
{
    return explain_is_at(book, line, row->region, row->architecture, row->mode, row->function) &&
           strcmp(row->tenant, line->tenant) == 0;
}

/** Does the row count on the line's counter, in the line's part of the period? */
static bool
on_counter(const PriceBook *book, const RatedLine *line, const RatingRow *row)
{
    const char *region = explain_region(book, row->region);
    return row->part == line->part &&
           explain_price(line->meter, region, row->architecture, row->mode, row->function) == line->price &&
           explain_in_scope(line, region, row->tenant);
}

static void
add_count(mpq_t sum, UsageSum count)
{
    mpq_t value;
    mpq_init(value);
    decimal_set_u128(mpq_numref(value), count);
    mpq_add(sum, sum, value);
    mpq_clear(value);
}

/** Events of the line's item, and of all on its counter. */
static void
events_of(const ExplainAgain *again, const PriceBook *book, const RatedLine *line, mpq_t own, mpq_t all)
{
    for (size_t i = 0; i < again->row_count; i++) {
        const RatingRow *row = &again->rows[i];
        if (row->part != line->part)
            continue;
        if (same_place(book, line, row))
            add_count(own, row->invocations);
        if (on_counter(book, line, row))
            add_count(all, row->invocations);
    }
}

/* ---- what is free ---- */

/** What price books before left free on the line's counter: events and quantity. */
static void
free_before(const ExplainAgain *again, const RatedLine *line, mpq_t events, mpq_t quantity)
{
    mpq_t own, all;
    mpq_inits(own, all, NULL);
    for (size_t i = 0; line->part > 0 && i < again->rated->line_count; i++) {
        const RatedLine *other = &again->rated->lines[i];
        if (!explain_went_before(line, other))
            continue;
        mpq_add(quantity, quantity, other->free_quantity);
        if (mpq_sgn(other->quantity) == 0)
            continue;
        mpq_set_ui(own, 0, 1);
        events_of(again, again->rated->parts[other->part].book, other, own, all);
        mpq_mul(own, own, other->free_quantity);
        mpq_div(own, own, other->quantity);
        mpq_add(events, events, own);
    }
    mpq_clears(own, all, NULL);
}

static void
counter_quantity(const Rated *rated, const RatedLine *line, mpq_t out)
{
    for (size_t i = 0; i < rated->line_count; i++)
        if (explain_shares_counter(line, &rated->lines[i]))
            mpq_add(out, out, rated->lines[i].quantity);
}

/** A limit, what was taken of it before, and what shares it now. */
typedef struct FreeLimit {
    const Limit *limit;
    const char *says;
    mpq_t before, whole, part;
} FreeLimit;

static void
limit_read(FreeLimit *self)
{
    mpq_set_ui(self->part, 1, 1);
    if (!self->limit->given || mpq_sgn(self->whole) == 0)
        return;
    mpq_sub(self->part, self->limit->value, self->before);
    if (mpq_sgn(self->part) < 0)
        mpq_set_ui(self->part, 0, 1);
    mpq_div(self->part, self->part, self->whole);
    if (mpq_cmp_ui(self->part, 1, 1) > 0)
        mpq_set_ui(self->part, 1, 1);
}

/** Nothing, or all of the counter: a sentence will do. */
static bool
tell_limit(const FreeLimit *self, const char *unit, Json *steps, Err *err)
{
    bool none = mpq_sgn(self->part) == 0;
    if (none || mpq_cmp_ui(self->part, 1, 1) == 0)
        return step_add(steps, "free_part",
                        none ? "what this price has free was used up before"
                             : "what this price has free is more than all on its counter",
                        NULL, self->part, unit, err);
    Formula formula = {{0}, false};
    if (mpq_sgn(self->before) > 0) {
        formula_text(&formula, "(");
        formula_figure(&formula, self->limit->value);
        formula_text(&formula, " − ");
        formula_figure(&formula, self->before);
        formula_text(&formula, ")");
    } else {
        formula_figure(&formula, self->limit->value);
    }
    formula_text(&formula, " ÷ ");
    formula_figure(&formula, self->whole);
    bool done = step_add(steps, "free_part", self->says, &formula, self->part, unit, err);
    formula_free(&formula);
    return done;
}

static bool
tell_free(const char *says, Formula *formula, const mpq_t expected, const RatedLine *line, const mpq_t free,
          Json *steps, Err *err)
{
    bool done = step_add(steps, "free", says, mpq_equal(expected, free) ? formula : NULL, free, line->meter->unit, err);
    formula_free(formula);
    return done;
}

static bool
free_of_percentage(const ExplainAgain *again, const RatedLine *line, const mpq_t quantity, const mpq_t free,
                   Json *steps, Err *err)
{
    const Price *price = line->price;
    FreeLimit events = {.limit = &price->free_events,
                        .says = "events that this price has free, by all events on its counter"};
    FreeLimit amount = {.limit = &price->free_amount,
                        .says = "what this price has free, by all that is on its counter"};
    mpq_t own, expected;
    mpq_inits(own, expected, events.before, events.whole, events.part, amount.before, amount.whole, amount.part, NULL);
    events_of(again, again->book, line, own, events.whole);
    counter_quantity(again->rated, line, amount.whole);
    free_before(again, line, events.before, amount.before);
    limit_read(&events);
    limit_read(&amount);
    const FreeLimit *least = mpq_cmp(amount.part, events.part) < 0 || !events.limit->given ? &amount : &events;
    mpq_mul(expected, quantity, least->part);
    Formula formula = formula_of(quantity, " × ", least->part, NULL, quantity);
    bool known = mpq_equal(expected, free);
    bool done = !known || tell_limit(least, "part", steps, err);
    done = tell_free(known ? "the part of it that is free by its price" : "this much is free by its price", &formula,
                     expected, line, free, steps, err) &&
           done;
    mpq_clears(own, expected, events.before, events.whole, events.part, amount.before, amount.whole, amount.part, NULL);
    return done;
}

static bool
free_of_package(const ExplainAgain *again, const RatedLine *line, const mpq_t quantity, const mpq_t free, Json *steps,
                Err *err)
{
    mpq_t whole, expected;
    mpq_inits(whole, expected, NULL);
    counter_quantity(again->rated, line, whole);
    mpq_mul(expected, line->price->free_units, quantity);
    if (mpq_sgn(whole) > 0)
        mpq_div(expected, expected, whole);
    Formula formula = formula_of(line->price->free_units, " × ", quantity, " ÷ ", whole);
    const char *says = mpq_equal(expected, free)
                           ? "the free units of its price, times its quantity, by all on their counter"
                       : mpq_equal(quantity, free) ? "the free units of its price cover all of it"
                                                   : "this much is free by its price";
    bool done = tell_free(says, &formula, expected, line, free, steps, err);
    mpq_clears(whole, expected, NULL);
    return done;
}

MUST_CHECK bool
explain_free_by_price(const ExplainAgain *again, const RatedLine *line, const mpq_t quantity, const mpq_t free,
                      Json *steps, Err *err)
{
    if (line->price->model == PRICE_PERCENTAGE)
        return free_of_percentage(again, line, quantity, free, steps, err);
    return free_of_package(again, line, quantity, free, steps, err);
}

/* ---- fees of events ---- */

/** What the events of an item cost: those at the least, those at the most, and the others by their value and their fee. */
typedef struct Costs {
    mpq_t low, high, between, value;
    mpq_t at_least, at_most, by_rate, fees, all;
} Costs;

static void
costs_start(Costs *self)
{
    mpq_inits(self->low, self->high, self->between, self->value, self->at_least, self->at_most, self->by_rate,
              self->fees, self->all, NULL);
}

static void
costs_free(Costs *self)
{
    mpq_clears(self->low, self->high, self->between, self->value, self->at_least, self->at_most, self->by_rate,
               self->fees, self->all, NULL);
}

static void
costs_read(const ExplainAgain *again, const RatedLine *line, Costs *self)
{
    const Price *price = line->price;
    mpq_t unit;
    mpq_init(unit);
    decimal_set_i64(unit, tally_unit(line->meter));
    for (size_t i = 0; i < again->row_count; i++) {
        const RatingRow *row = &again->rows[i];
        if (row->part != line->part || !same_place(again->book, line, row))
            continue;
        UsageSum sums[TALLY_EVENT_SUMS];
        meter_event_sums(again->book, line->meter, price, row, again->options->month_start_us, sums);
        const UsageSum limited = sums[TALLY_EVENTS_LOW] + sums[TALLY_EVENTS_HIGH];
        add_count(self->low, sums[TALLY_EVENTS_LOW]);
        add_count(self->high, sums[TALLY_EVENTS_HIGH]);
        add_count(self->between, row->invocations > limited ? row->invocations - limited : 0);
        add_count(self->value, sums[TALLY_EVENTS_BETWEEN]);
    }
    mpq_div(self->value, self->value, unit);
    if (price->event_minimum.given)
        mpq_mul(self->at_least, self->low, price->event_minimum.value);
    if (price->event_maximum.given)
        mpq_mul(self->at_most, self->high, price->event_maximum.value);
    mpq_mul(self->by_rate, self->value, line->unit_price);
    mpq_mul(self->fees, self->between, price->event_fee);
    mpq_add(self->all, self->at_least, self->at_most);
    mpq_add(self->all, self->all, self->by_rate);
    mpq_add(self->all, self->all, self->fees);
    mpq_clear(unit);
}

/** count × price of one, unless there are none. */
static bool
tell_product(const char *step, const char *says, const mpq_t count, const mpq_t each, const mpq_t result,
             const char *currency, Json *steps, Err *err)
{
    if (mpq_sgn(result) == 0)
        return true;
    Formula formula = formula_of(count, " × ", each, NULL, each);
    bool done = step_add(steps, step, says, &formula, result, currency, err);
    formula_free(&formula);
    return done;
}

static bool
tell_costs(const RatedLine *line, const Costs *costs, const char *currency, Json *steps, Err *err)
{
    const Price *price = line->price;
    bool done = tell_product("at_least", "events that cost the least that one costs", costs->low,
                             price->event_minimum.value, costs->at_least, currency, steps, err) &&
                tell_product("at_most", "events that cost the most that one costs", costs->high,
                             price->event_maximum.value, costs->at_most, currency, steps, err) &&
                tell_product("by_rate", "the value of the other events, by the rate", costs->value, line->unit_price,
                             costs->by_rate, currency, steps, err) &&
                tell_product("event_fees", "the other events, by the fee for each", costs->between, price->event_fee,
                             costs->fees, currency, steps, err);
    Formula sum = formula_of(costs->at_least, " + ", costs->at_most, " + ", costs->by_rate);
    formula_text(&sum, " + ");
    formula_figure(&sum, costs->fees);
    done = done && step_add(steps, "events_cost", "what its events cost together", &sum, costs->all, currency, err);
    formula_free(&sum);
    return done;
}

/** The part of the item that has to be paid. */
static void
paid_part(const RatedLine *line, mpq_t out)
{
    mpq_set_ui(out, 1, 1);
    if (mpq_sgn(line->quantity) > 0)
        mpq_div(out, line->billed_quantity, line->quantity);
}

static bool
fee_of_limited(const ExplainAgain *again, const RatedLine *line, const mpq_t paid, Json *steps, Err *err)
{
    const char *currency = again->book->currency;
    Costs costs;
    mpq_t expected, by_rate;
    mpq_inits(expected, by_rate, NULL);
    costs_start(&costs);
    costs_read(again, line, &costs);
    mpq_mul(by_rate, line->billed_quantity, line->unit_price);
    mpq_mul(expected, costs.all, paid);
    mpq_sub(expected, expected, by_rate);
    const bool known = mpq_equal(expected, line->fee);
    Formula formula = formula_of(costs.all, " × ", paid, " − ", by_rate);
    bool done =
        (!known || tell_costs(line, &costs, currency, steps, err)) &&
        step_add(steps, "fee",
                 "what its events cost, as far as they are not free, less what the rate on its quantity comes to",
                 known ? &formula : NULL, line->fee, currency, err);
    formula_free(&formula);
    costs_free(&costs);
    mpq_clears(expected, by_rate, NULL);
    return done;
}

static bool
fee_of_each(const ExplainAgain *again, const RatedLine *line, const mpq_t paid, Json *steps, Err *err)
{
    mpq_t own, all, expected;
    mpq_inits(own, all, expected, NULL);
    events_of(again, again->book, line, own, all);
    mpq_mul(expected, own, line->price->event_fee);
    mpq_mul(expected, expected, paid);
    Formula formula = formula_of(own, " × ", line->price->event_fee, " × ", paid);
    bool known = mpq_equal(expected, line->fee);
    bool done = step_add(steps, "fee", "its events, by the fee for each, as far as they are not free",
                         known ? &formula : NULL, line->fee, again->book->currency, err);
    formula_free(&formula);
    mpq_clears(own, all, expected, NULL);
    return done;
}

MUST_CHECK bool
explain_event_fee(const ExplainAgain *again, const RatedLine *line, Json *steps, Err *err)
{
    mpq_t paid;
    mpq_init(paid);
    paid_part(line, paid);
    bool done = line->price->event_tally != 0 ? fee_of_limited(again, line, paid, steps, err)
                                              : fee_of_each(again, line, paid, steps, err);
    mpq_clear(paid);
    return done;
}
