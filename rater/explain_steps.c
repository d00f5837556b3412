#include "rater/explain_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/explain_events.h"
#include "rater/explain_money.h"
#include "rater/explain_tiers.h"
#include "rater/formula.h"
#include "rater/rate_free.h"
#include "rater/rate_partial.h"

static bool
step_formula(Json *steps, const char *step, const char *says, Formula formula, const mpq_t result, const char *unit,
             Err *err)
{
    bool done = step_add(steps, step, says, &formula, result, unit, err);
    formula_free(&formula);
    return done;
}

/* ---- items: the lines of one (tenant, region, architecture, mode, sku, price) ---- */

static bool
same_item(const RatedLine *a, const RatedLine *b)
{
    return a->price == b->price && a->architecture == b->architecture && a->mode == b->mode &&
           strcmp(a->region, b->region) == 0 && strcmp(a->tenant, b->tenant) == 0;
}

typedef struct Item {
    const RatedLine *first; /* its lines follow one another */
    size_t end;             /* index behind the last */
    mpq_t quantity, free, billed;
} Item;

static void
item_start(Item *item)
{
    mpq_inits(item->quantity, item->free, item->billed, NULL);
}

static void
item_free(Item *item)
{
    mpq_clears(item->quantity, item->free, item->billed, NULL);
}

/** The item that begins with line `from`. */
static void
item_read(const Rated *rated, size_t from, Item *item)
{
    item->first = &rated->lines[from];
    mpq_set_ui(item->quantity, 0, 1);
    mpq_set_ui(item->free, 0, 1);
    mpq_set_ui(item->billed, 0, 1);
    for (item->end = from; item->end < rated->line_count && same_item(item->first, &rated->lines[item->end]);
         item->end++) {
        const RatedLine *line = &rated->lines[item->end];
        mpq_add(item->quantity, item->quantity, line->quantity);
        mpq_add(item->free, item->free, line->free_quantity);
        mpq_add(item->billed, item->billed, line->billed_quantity);
    }
}

static void
item_of_line(const Rated *rated, const RatedLine *line, Item *item)
{
    size_t from = (size_t) (line - rated->lines);
    while (from > 0 && same_item(&rated->lines[from - 1], line))
        from--;
    item_read(rated, from, item);
}

/* ---- the free tier ---- */

static bool
is_covered(const PriceBook *book, const FreeTier *tier, const RatedLine *line)
{
    size_t meter = (size_t) (line->meter - book->meters);
    return (tier->meters & UINT64_C(1) << meter) != 0 && (tier->modes & 1u << line->mode) != 0;
}

/** Does `a` have its turn before `b` (-1), with it (0) or after it? Dearest first, then region and architecture by name; or all
 *  at once. */
static int
compare_turn(Allocation allocation, const RatedLine *a, const RatedLine *b)
{
    if (allocation != ALLOCATE_DEAREST_FIRST)
        return 0;
    int order = mpq_cmp(b->price->tiers[0].unit_price, a->price->tiers[0].unit_price);
    if (order == 0)
        order = strcmp(a->region, b->region);
    return order != 0 ? order
                      : strcmp(usage_architecture_name(a->architecture), usage_architecture_name(b->architecture));
}

/** What stood before our item in the allowance, and with it. */
typedef struct Turn {
    mpq_t before;   /* free units that earlier turns took */
    mpq_t together; /* quantity of our turn */
    mpq_t left;     /* of the allowance for our turn */
    mpq_t share;    /* left x quantity / together */
} Turn;

static void
turn_read(const Rated *rated, const PriceBook *book, const RatedFreeTier *taken, const Item *ours, Turn *turn)
{
    Item item;
    item_start(&item);
    for (size_t at = 0; at < rated->line_count; at = item.end) {
        item_read(rated, at, &item);
        if (item.first->part != ours->first->part || !is_covered(book, taken->tier, item.first))
            continue;
        int order = compare_turn(taken->tier->allocation, item.first, ours->first);
        if (order < 0)
            mpq_add(turn->before, turn->before, item.free);
        else if (order == 0)
            mpq_add(turn->together, turn->together, item.quantity);
    }
    item_free(&item);
    mpq_sub(turn->left, taken->allowance, turn->before);
    mpq_mul(turn->share, turn->left, ours->quantity);
    if (mpq_sgn(turn->together) > 0)
        mpq_div(turn->share, turn->share, turn->together);
}

/** All that the account claims: who took how much. */
static bool
add_claims(const Rated *rated, const PriceBook *book, const FreeTier *tier, size_t part, Json *step, Err *err)
{
    Json *claims = json_new_array(err);
    bool done = claims != NULL && json_add(step, "claims", claims, err);
    Item item;
    item_start(&item);
    for (size_t at = 0; done && at < rated->line_count; at = item.end) {
        item_read(rated, at, &item);
        if (item.first->part != part || !is_covered(book, tier, item.first))
            continue;
        Json *claim = json_new_object(err);
        done = claim != NULL && json_append(claims, claim, err) &&
               json_add_text(claim, "tenant", item.first->tenant, err) &&
               json_add_text(claim, "region", item.first->region, err) &&
               json_add_text(claim, "architecture", usage_architecture_name(item.first->architecture), err) &&
               json_add_text(claim, "mode", usage_mode_name(item.first->mode), err) &&
               json_add_text(claim, "sku", item.first->meter->sku, err) &&
               document_add_exact(claim, "unit_price", item.first->price->tiers[0].unit_price, err) &&
               document_add_exact(claim, "quantity", item.quantity, err) &&
               document_add_exact(claim, "free_quantity", item.free, err);
    }
    item_free(&item);
    return done;
}

/** The sentence, and the formula where one gives what the core found. */
static bool
tell_share(const RatedFreeTier *taken, const Item *item, const Turn *turn, Json *steps, const char *unit, Err *err)
{
    mpq_t apart, none;
    mpq_inits(apart, none, NULL);
    mpq_sub(apart, turn->share, item->free);
    mpq_abs(apart, apart);
    Formula formula = {{0}, false};
    const char *says;
    bool has_formula = true;
    if (mpq_cmp(turn->together, turn->left) <= 0 && mpq_equal(item->free, item->quantity)) {
        says = "the allowance that is left covers all of it";
        has_formula = false;
    } else if (mpq_sgn(turn->left) <= 0 && mpq_sgn(item->free) == 0) {
        says = "nothing of the allowance is left when its turn comes";
        formula = formula_of(taken->allowance, " − ", turn->before, NULL, none);
    } else if (mpq_equal(turn->share, item->free)) {
        says = "the allowance that is left, times its quantity, by what shares it";
        formula = formula_of(turn->left, " × ", item->quantity, " ÷ ", turn->together);
    } else if (taken->tier->whole_units && mpq_cmp_ui(apart, 1, 1) < 0) {
        says =
            "the allowance that is left, times its quantity, by what shares it; whole units, the missing ones go to the "
            "largest remainders";
        formula = formula_of(turn->left, " × ", item->quantity, " ÷ ", turn->together);
        formula_text(&formula, " = ");
        formula_figure(&formula, turn->share);
        formula_text(&formula, ", in whole units");
    } else {
        says = "its share by the rule that the price book names";
        has_formula = false;
    }
    bool done = step_add(steps, "free", says, has_formula ? &formula : NULL, item->free, unit, err);
    formula_free(&formula);
    mpq_clears(apart, none, NULL);
    return done;
}

/** The free tier of its book that covers an item; NULL: none, or they are switched off. */
static const FreeTier *
tier_of(const Rated *rated, const PriceBook *book, const Item *item)
{
    for (size_t i = 0; rated->free_tier_count > 0 && i < book->free_tier_count; i++)
        if (is_covered(book, &book->free_tiers[i], item->first))
            return &book->free_tiers[i];
    return NULL;
}

/** What the account took from free tiers of this name by the books that were in force before. */
static void
taken_before(const Rated *rated, size_t part, const char *name, mpq_t out)
{
    for (size_t i = 0; i < rated->line_count; i++) {
        const RatedLine *line = &rated->lines[i];
        const PriceBook *book = rated->parts[line->part].book;
        for (size_t f = 0; line->part < part && f < book->free_tier_count; f++)
            if (strcmp(book->free_tiers[f].name, name) == 0 && is_covered(book, &book->free_tiers[f], line))
                mpq_add(out, out, line->free_quantity);
    }
}

/** What the account may take of a free tier by the line's book: of the whole period, as far as it is in service, less what it took by
 *  books before. */
typedef struct Allowance {
    mpq_t part, whole, before, left;
} Allowance;

static void
allowance_start(Allowance *self)
{
    mpq_inits(self->part, self->whole, self->before, self->left, NULL);
}

static void
allowance_free(Allowance *self)
{
    mpq_clears(self->part, self->whole, self->before, self->left, NULL);
}

static void
allowance_read(const ExplainAgain *again, const FreeTier *tier, size_t part, Allowance *self)
{
    rate_period_part(again->options, tier->partial_month, self->part);
    mpq_mul(self->whole, tier->quantity, self->part);
    if (again->rated->part_count > 0)
        taken_before(again->rated, part, tier->name, self->before);
    rate_free_left(tier, self->whole, self->before, self->left);
}

/** The sentence, and that it is cut down to whole units where it is. */
static bool
tell_cut(Json *steps, const char *step, const char *says, Formula *formula, const mpq_t exact, const mpq_t result,
         const char *unit, Err *err)
{
    Buffer text = {0};
    bool done = buffer_printf(&text, err, "%s%s", says,
                              mpq_equal(exact, result) ? ""
                              : mpq_sgn(exact) < 0     ? ": nothing is left"
                                                       : ", cut down to whole units") &&
                step_add(steps, step, text.data, formula, result, unit, err);
    buffer_free(&text);
    return done;
}

static bool
tell_part_in_service(const FreeTier *tier, const Allowance *allowance, Json *steps, const char *unit, Err *err)
{
    mpq_t over, under;
    mpq_inits(over, under, NULL);
    mpq_set_z(over, mpq_numref(allowance->part));
    mpq_set_z(under, mpq_denref(allowance->part));
    Formula formula = formula_of(tier->quantity, " × ", over, " ÷ ", under);
    bool done =
        tell_cut(steps, "in_service", "the allowance of a whole period, for the part in service", &formula,
                 allowance->whole, mpq_sgn(allowance->before) > 0 ? allowance->whole : allowance->left, unit, err);
    formula_free(&formula);
    mpq_clears(over, under, NULL);
    return done;
}

static bool
tell_allowance(const FreeTier *tier, const Allowance *allowance, Json *steps, const char *unit, Err *err)
{
    mpq_t rest;
    bool done = mpq_cmp_ui(allowance->part, 1, 1) == 0 || tell_part_in_service(tier, allowance, steps, unit, err);
    if (!done || mpq_sgn(allowance->before) == 0)
        return done;
    mpq_init(rest);
    mpq_sub(rest, allowance->whole, allowance->before);
    Formula formula = formula_of(allowance->whole, " − ", allowance->before, NULL, rest);
    done = tell_cut(steps, "carried", "the allowance, less what was taken of it by price books before", &formula, rest,
                    allowance->left, unit, err);
    formula_free(&formula);
    mpq_clear(rest);
    return done;
}

static bool
explain_covered(const ExplainAgain *again, const RatedFreeTier *taken, const Item *item, Json *steps, Err *err)
{
    const char *unit = item->first->meter->unit;
    bool turns = taken->tier->allocation == ALLOCATE_DEAREST_FIRST;
    Buffer says = {0};
    Turn turn;
    mpq_inits(turn.before, turn.together, turn.left, turn.share, NULL);
    turn_read(again->rated, again->book, taken, item, &turn);
    bool done =
        buffer_printf(&says, err, "free tier %s of the account (%s)%s", taken->tier->name,
                      allocation_name(taken->tier->allocation), turns ? ", less what went to earlier turns" : "");
    Formula left = formula_of(taken->allowance, " − ", turn.before, NULL, turn.before);
    done = done && step_add(steps, "allowance", says.data, turns ? &left : NULL, turn.left, unit, err) &&
           add_claims(again->rated, again->book, taken->tier, item->first->part,
                      json_object_array_get_idx(steps, json_object_array_length(steps) - 1), err) &&
           tell_share(taken, item, &turn, steps, unit, err);
    formula_free(&left);
    buffer_free(&says);
    mpq_clears(turn.before, turn.together, turn.left, turn.share, NULL);
    return done;
}

static bool
explain_free(const ExplainAgain *again, const Item *item, Json *steps, Err *err)
{
    const char *unit = item->first->meter->unit;
    const Price *price = item->first->price;
    RatedFreeTier taken = {.tier = tier_of(again->rated, again->book, item)};
    if (taken.tier == NULL)
        return mpq_sgn(item->free) > 0 || price->free_events.given || price->free_amount.given
                   ? explain_free_by_price(again, item->first, item->quantity, item->free, steps, err)
                   : step_add(steps, "free", "no free tier covers it", NULL, item->free, unit, err);
    Allowance allowance;
    allowance_start(&allowance);
    allowance_read(again, taken.tier, item->first->part, &allowance);
    mpq_init(taken.allowance);
    mpq_set(taken.allowance, allowance.left);
    bool done =
        tell_allowance(taken.tier, &allowance, steps, unit, err) && explain_covered(again, &taken, item, steps, err);
    mpq_clear(taken.allowance);
    allowance_free(&allowance);
    return done;
}

/* A flat fee's quantity is a part of the period, shared by tenants. */
static bool
explain_quantity(const Item *item, Json *steps, Err *err)
{
    const bool months = item->first->meter->measure == MEASURE_MONTH;
    const bool part = months && mpz_cmp_ui(mpq_denref(item->quantity), 1) != 0;
    mpq_t over, under;
    mpq_inits(over, under, NULL);
    mpq_set_z(over, mpq_numref(item->quantity));
    mpq_set_z(under, mpq_denref(item->quantity));
    Formula formula = formula_of(over, " ÷ ", under, NULL, under);
    bool done = step_add(steps, "quantity",
                         !months ? "what all functions used together"
                         : part ? "the part of the period in service under this book, shared equally by the tenants of "
                                  "its counter"
                                : "once for the period",
                         part ? &formula : NULL, item->quantity, item->first->meter->unit, err);
    formula_free(&formula);
    mpq_clears(over, under, NULL);
    return done;
}

MUST_CHECK bool
explain_steps(const ExplainAgain *again, const RatedLine *line, Json *steps, Err *err)
{
    Item item;
    item_start(&item);
    item_of_line(again->rated, line, &item);
    const ItemLines lines = {item.first, item.end - (size_t) (item.first - again->rated->lines)};
    bool done = explain_quantity(&item, steps, err) && explain_free(again, &item, steps, err) &&
                step_formula(steps, "billed", "quantity less what is free",
                             formula_of(item.quantity, " − ", item.free, NULL, item.free), item.billed,
                             line->meter->unit, err) &&
                explain_tiers(again->rated, line, item.billed, steps, err) &&
                explain_money(again, &lines, line, steps, err);
    item_free(&item);
    return done;
}
