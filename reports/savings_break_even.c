#include "reports/savings_break_even.h"

#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings_terms.h"

enum { SECONDS_OF_AN_HOUR = 3600, BREAK_EVEN_STEPS_MAX = 10000 };

/* One term of the serverless cost when the load is k times as great: max(0, k x slope - free). */
typedef struct Term {
    mpq_t slope;
    mpq_t free;
    bool active;
} Term;

static bool
member_equal(Json *a, Json *b, const char *key)
{
    Text left;
    Text right;
    return json_text(json_member(a, key), &left) && json_text(json_member(b, key), &right) && text_equal(left, right);
}

/* Does this free tier cover the line: the same account and unit, and some of the line is free already? */
static bool
covers(Json *free_tier, Json *line, mpq_t scratch)
{
    Err ignored = {0};
    mpq_set_ui(scratch, 0, 1);
    return member_equal(free_tier, line, "account") && member_equal(free_tier, line, "unit") &&
           figure_read_optional(line, "free_quantity", scratch, &ignored) && mpq_sgn(scratch) > 0;
}

/* Add the line's part of what is left of its account's free tier to `free`. Tenants of one account say the same of it:
 * the first that does counts. */
static bool
add_left(const SavingsReport *report, Json *line, const mpq_t quantity, mpq_t free_quantity, Err *err)
{
    bool done = true;
    mpq_t left;
    mpq_t covered;
    mpq_t scratch;
    mpq_inits(left, covered, scratch, NULL);
    for (size_t i = 0; done && i < json_object_array_length(report->free_tiers); i++) {
        Json *free_tier = json_object_array_get_idx(report->free_tiers, i);
        if (!covers(free_tier, line, scratch))
            continue;
        done = figure_read_optional(free_tier, "left", left, err);
        for (size_t l = 0; done && l < json_object_array_length(report->lines); l++) {
            Json *other = json_object_array_get_idx(report->lines, l);
            if (!covers(free_tier, other, scratch))
                continue;
            done = figure_read(other, "quantity", scratch, err);
            mpq_add(covered, covered, scratch);
        }
        break;
    }
    if (done && mpq_sgn(covered) > 0) {
        mpq_mul(left, left, quantity);
        mpq_div(left, left, covered);
        mpq_add(free_quantity, free_quantity, left);
    }
    mpq_clears(left, covered, scratch, NULL);
    return done;
}

static bool
term_of_line(const SavingsReport *report, Term *term, Json *line, Err *err)
{
    mpq_t price;
    mpq_init(price);
    bool done = figure_read(line, "quantity", term->slope, err) && figure_read(line, "unit_price", price, err) &&
                figure_read_optional(line, "free_quantity", term->free, err) &&
                add_left(report, line, term->slope, term->free, err);
    mpq_mul(term->slope, term->slope, price);
    mpq_mul(term->free, term->free, price);
    mpq_clear(price);
    return done;
}

/* What percentages of a contract make of the lines: (lines + markups and discounts) / lines; 1 where there are no lines. */
static bool
growing_factor(const SavingsReport *report, const mpq_t lines, mpq_t factor, Err *err)
{
    bool done = true;
    mpq_t amount;
    mpq_init(amount);
    mpq_set(factor, lines);
    for (size_t i = 0; done && i < json_object_array_length(report->terms); i++) {
        Json *term = json_object_array_get_idx(report->terms, i);
        if (!savings_term_grows(term))
            continue;
        done = figure_read(term, "amount_exact", amount, err);
        mpq_add(factor, factor, amount);
    }
    if (mpq_sgn(lines) > 0)
        mpq_div(factor, factor, lines);
    else
        mpq_set_ui(factor, 1, 1);
    mpq_clear(amount);
    return done;
}

/* Percentages grow with the lines; what else a contract does stays: it is subtracted from `target`. */
static bool
apply_contract(const SavingsReport *report, Term *terms, size_t lines, const mpq_t sum, mpq_t target, Err *err)
{
    mpq_t factor;
    mpq_t rest;
    mpq_inits(factor, rest, NULL);
    bool done = growing_factor(report, sum, factor, err);
    for (size_t i = 0; i < lines; i++) {
        mpq_mul(terms[i].slope, terms[i].slope, factor);
        mpq_mul(terms[i].free, terms[i].free, factor);
    }
    mpq_mul(rest, sum, factor);
    mpq_sub(rest, report->lines_total.exact, rest);
    mpq_sub(target, target, rest);
    mpq_clears(factor, rest, NULL);
    return done;
}

/* Terms of the lines and of the extras that grow with requests; all other cost is subtracted from `target`. */
static bool
make_terms(const SavingsReport *report, Term *terms, mpq_t target, Err *err)
{
    size_t lines = json_object_array_length(report->lines);
    mpq_t priced; /* the lines' sum */
    mpq_init(priced);
    for (size_t i = 0; i < lines; i++) {
        Json *line = json_object_array_get_idx(report->lines, i);
        mpq_t amount;
        mpq_init(amount);
        bool done = term_of_line(report, &terms[i], line, err) && figure_read(line, "amount_exact", amount, err);
        mpq_add(priced, priced, amount);
        mpq_clear(amount);
        if (!done) {
            mpq_clear(priced);
            return false;
        }
    }
    bool applied = apply_contract(report, terms, lines, priced, target, err);
    mpq_clear(priced);
    if (!applied)
        return false;
    for (size_t i = 0; i < report->extra_count; i++) {
        const SavingsItem *extra = &report->extras[i];
        if (extra->item->per_invocations)
            mpq_set(terms[lines + i].slope, extra->amount.exact);
        else
            mpq_sub(target, target, extra->amount.exact);
    }
    return true;
}

/* The k at which the terms add up to `target`. The sum is convex and grows, so that Newton's steps from the right come
 * down to it without passing it: each step drops the terms that are still free at the k found. */
static bool
solve_terms(Term *terms, size_t count, const mpq_t target, mpq_t k)
{
    mpq_t slope;
    mpq_t level;
    mpq_inits(slope, level, NULL);
    bool found = false;
    bool changed = mpq_sgn(target) > 0;
    for (int step = 0; changed && step < BREAK_EVEN_STEPS_MAX; step++) {
        mpq_set_ui(slope, 0, 1);
        mpq_set(level, target);
        for (size_t i = 0; i < count; i++) {
            if (!terms[i].active)
                continue;
            mpq_add(slope, slope, terms[i].slope);
            mpq_add(level, level, terms[i].free);
        }
        found = mpq_sgn(slope) > 0;
        changed = false;
        if (!found)
            break;
        mpq_div(k, level, slope);
        for (size_t i = 0; i < count; i++) {
            mpq_mul(level, terms[i].slope, k);
            if (terms[i].active && mpq_cmp(level, terms[i].free) < 0) {
                terms[i].active = false;
                changed = true;
            }
        }
    }
    mpq_clears(slope, level, NULL);
    return found;
}

/* Seconds that the alternative's price covers: the hours of its longest-running instance, else the month. */
static void
covered_seconds(const SavingsComparison *self, const SavingsReport *report, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    for (size_t i = 0; i < self->item_count; i++)
        if (mpq_cmp(self->items[i].item->each_hours, out) > 0)
            mpq_set(out, self->items[i].item->each_hours);
    mpq_t seconds;
    mpq_init(seconds);
    mpq_set_ui(seconds, SECONDS_OF_AN_HOUR, 1);
    mpq_mul(out, out, seconds);
    mpq_clear(seconds);
    if (mpq_sgn(out) == 0)
        decimal_set_i64(out, (utc_month_end_us(report->month) - utc_month_start_us(report->month)) / UTC_SECOND_US);
}

/* What functions cost at k times the load. */
static void
cost_at(const Term *terms, size_t count, const mpq_t constant, const mpq_t k, mpq_t out)
{
    mpq_t term;
    mpq_init(term);
    mpq_set(out, constant);
    for (size_t i = 0; i < count; i++) {
        mpq_mul(term, terms[i].slope, k);
        mpq_sub(term, term, terms[i].free);
        if (mpq_sgn(term) > 0)
            mpq_add(out, out, term);
    }
    mpq_clear(term);
}

/* From no load to twice the break-even, or twice the present load where there is none. `k` is the break-even's. */
static bool
make_curve(SavingsComparison *self, const Term *terms, size_t count, const mpq_t constant, const mpq_t k, Err *err)
{
    self->curve = calloc(SAVINGS_CURVE_POINTS, sizeof(*self->curve));
    if (self->curve == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    mpq_t at;
    mpq_t step;
    mpq_inits(at, step, NULL);
    mpq_set_ui(step, 2, SAVINGS_CURVE_POINTS - 1);
    mpq_canonicalize(step);
    if (self->has_break_even)
        mpq_mul(step, step, k);
    for (size_t i = 0; i < SAVINGS_CURVE_POINTS; i++) {
        SavingsPoint *point = &self->curve[i];
        mpq_inits(point->rate, point->serverless, NULL);
        cost_at(terms, count, constant, at, point->serverless);
        mpq_mul(point->rate, at, self->rate_now);
        mpq_add(at, at, step);
    }
    mpq_clears(at, step, NULL);
    return true;
}

/* From the terms: `target` is what of the alternative's cost is left for what grows. */
static bool
find_break_even(const SavingsReport *report, SavingsComparison *self, Term *terms, size_t count, const mpq_t target,
                Err *err)
{
    if (mpq_sgn(report->invocations) == 0)
        return true;
    mpq_t seconds;
    mpq_t constant;
    mpq_t k;
    mpq_inits(seconds, constant, k, NULL);
    covered_seconds(self, report, seconds);
    mpq_div(self->rate_now, report->invocations, seconds);
    mpq_sub(constant, savings_reading(self)->alternative.exact, target);
    self->has_break_even = solve_terms(terms, count, target, k);
    mpq_mul(self->break_even, k, self->rate_now);
    bool done = make_curve(self, terms, count, constant, k, err);
    mpq_clears(seconds, constant, k, NULL);
    return done;
}

bool
savings_break_even(const SavingsReport *report, SavingsComparison *self, Err *err)
{
    if (self->alternative->functions != NULL) /* its cost grows with the requests as well */
        return true;
    size_t count = json_object_array_length(report->lines) + report->extra_count;
    Term *terms = calloc(count + 1, sizeof(*terms));
    if (terms == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < count; i++) {
        mpq_inits(terms[i].slope, terms[i].free, NULL);
        terms[i].active = true;
    }
    mpq_t target;
    mpq_init(target);
    mpq_set(target, savings_reading(self)->alternative.exact);
    bool done = make_terms(report, terms, target, err) && find_break_even(report, self, terms, count, target, err);
    mpq_clear(target);
    for (size_t i = 0; i < count; i++)
        mpq_clears(terms[i].slope, terms[i].free, NULL);
    free(terms);
    return done;
}
