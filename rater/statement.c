#include "rater/statement.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/statement_parts.h"

static const char *const KIND_NAMES[STATEMENT_KIND_COUNT] = {"usage",   "markup",       "discount", "minimum",
                                                             "prepaid", "prepaid_fee",  "overage",  "adjustment",
                                                             "credit",  "tax_included", "tax",      "rounding"};

const char *
statement_kind_name(StatementKind kind)
{
    return KIND_NAMES[kind];
}

/* ---- the lines, markup and discounts: steps 1 to 3 ---- */

static bool
add_usage(Work *self, Err *err)
{
    bool each_line = self->input->book->rounding_place == ROUND_EACH_LINE;
    StatementItem *item = work_item(self, STATEMENT_USAGE, NULL, err);
    if (item == NULL)
        return false;
    for (size_t i = 0; i < self->line_count; i++) {
        const RatedLine *line = work_line(self, i);
        mpq_set(self->rests[i], each_line ? line->amount : line->amount_exact);
        mpq_set(self->uncovered[i], line->billed_quantity);
        mpq_add(item->amount, item->amount, line->amount);
        mpq_add(item->amount_exact, item->amount_exact, line->amount_exact);
        mpq_add(item->value, item->value, self->rests[i]);
    }
    return work_describe(item, err, "Usage: the sum of %zu line%s", self->line_count, self->line_count == 1 ? "" : "s");
}

/* x = B × percent ÷ 100 × f */
static void
percent_of(StatementItem *item)
{
    mpq_t hundred;
    mpq_init(hundred);
    mpq_set_ui(hundred, 100, 1);
    mpq_mul(item->amount_exact, item->basis, item->rate);
    mpq_div(item->amount_exact, item->amount_exact, hundred);
    mpq_mul(item->amount_exact, item->amount_exact, item->share);
    mpq_clear(hundred);
}

/* An item on a basis of lines, with its share; NULL when the entry does not hold (or on an error). */
static StatementItem *
item_on_lines(Work *self, StatementKind kind, const ContractEntry *entry, Err *err)
{
    mpq_t share;
    mpq_init(share);
    StatementItem *item = work_share(self, entry, share) ? work_item(self, kind, entry, err) : NULL;
    if (item != NULL) {
        item->has_basis = item->has_share = true;
        mpq_set(item->share, share);
        work_basis(self, entry, item->basis);
        item->has_rate = entry->by_percent;
        if (entry->by_percent)
            mpq_set(item->rate, entry->value);
    }
    mpq_clear(share);
    return item;
}

static bool
describe_percent(const Work *self, StatementItem *item, Err *err)
{
    char *percent = decimal_format_exact(item->rate, err);
    char *basis = percent == NULL ? NULL : work_money(self, item->basis, err);
    char *share = basis == NULL ? NULL : decimal_format_exact(item->share, err);
    bool whole = share != NULL && strcmp(share, "1") == 0;
    bool done = share != NULL && work_describe(item, err, "%s %% of %s%s%s", percent, basis,
                                               whole ? "" : ", for this share of the period: ", whole ? "" : share);
    free(percent);
    free(basis);
    free(share);
    return done;
}

static bool
add_markup(Work *self, const ContractEntry *entry, Err *err)
{
    StatementItem *item = item_on_lines(self, STATEMENT_MARKUP, entry, err);
    if (item == NULL)
        return !err_is_set(err);
    percent_of(item);
    work_round(self, item);
    work_spread(self, entry, item->basis, item->value);
    return describe_percent(self, item, err);
}

/* What the limit still allows; false: there is none. */
static bool
limit_left(const Work *self, const ContractEntry *entry, const mpq_t share, mpq_t left)
{
    if (!entry->has_limit)
        return false;
    mpq_mul(left, entry->limit, share);
    const StatementUsed *used = entry->whole_term ? work_used(self, STATEMENT_DISCOUNT, entry->name) : NULL;
    if (used != NULL)
        mpq_add(left, left, used->amount);
    if (mpq_sgn(left) < 0)
        mpq_set_ui(left, 0, 1);
    return true;
}

static bool
describe_discount(const Work *self, StatementItem *item, Err *err)
{
    if (item->entry->by_percent)
        return describe_percent(self, item, err);
    char *basis = work_money(self, item->basis, err);
    bool done = basis != NULL && work_describe(item, err, "off %s", basis);
    free(basis);
    return done;
}

static bool
add_discount(Work *self, const ContractEntry *entry, Err *err)
{
    mpq_t cap;
    StatementItem *item = item_on_lines(self, STATEMENT_DISCOUNT, entry, err);
    if (item == NULL)
        return !err_is_set(err);
    mpq_init(cap);
    mpq_set(cap, item->basis);
    if (entry->by_percent)
        percent_of(item);
    else
        mpq_mul(item->amount_exact, entry->value, item->share);
    item->has_left = limit_left(self, entry, item->share, item->left);
    if (item->has_left && mpq_cmp(item->left, cap) < 0)
        mpq_set(cap, item->left);
    work_take(self, item, cap);
    if (item->has_left)
        work_left(item, item->left);
    work_spread(self, entry, item->basis, item->value);
    mpq_clear(cap);
    return describe_discount(self, item, err);
}

static bool
for_each(Work *self, ContractList list, bool (*add)(Work *, const ContractEntry *, Err *), Err *err)
{
    const ContractEntries *entries = &self->input->contract->lists[list];
    bool done = true;
    for (size_t i = 0; done && i < entries->count; i++)
        done = add(self, &entries->all[i], err);
    return done;
}

/* ---- adjustments, the spending limit, the total: steps 6, 8, 10 ---- */

static bool
add_adjustments(Work *self, Err *err)
{
    for (size_t i = 0; i < self->input->adjustment_count; i++) {
        const StatementAdjustment *adjustment = &self->input->adjustments[i];
        StatementItem *item = work_item(self, STATEMENT_ADJUSTMENT, NULL, err);
        if (item == NULL)
            return false;
        item->name = adjustment->name;
        mpq_set(item->amount_exact, adjustment->amount);
        work_round(self, item);
        work_charge(self, item->value);
        if (!work_describe(item, err, "%s", adjustment->description))
            return false;
    }
    return true;
}

static void
look_at_limit(Work *self)
{
    Statement *statement = self->statement;
    const Contract *contract = self->input->contract;
    mpq_t reached, hundred;
    mpq_inits(reached, hundred, NULL);
    mpq_set_ui(hundred, 100, 1);
    for (size_t i = 0; i < statement->count; i++)
        mpq_add(statement->spend, statement->spend, statement->items[i].value);
    for (size_t i = 0; contract->has_spending_limit && i < contract->alert_count; i++) {
        mpq_mul(reached, contract->spending_limit, contract->alerts[i]);
        mpq_div(reached, reached, hundred);
        statement->alerts_reached += mpq_cmp(statement->spend, reached) >= 0 ? 1 : 0;
    }
    mpq_clears(reached, hundred, NULL);
}

/* What is printed adds up to the rounded sum of what is exact. */
static bool
add_rounding(Work *self, Err *err)
{
    const PriceBook *book = self->input->book;
    Statement *statement = self->statement;
    mpq_t missing;
    mpq_init(missing);
    for (size_t i = 0; i < statement->count; i++)
        mpq_add(missing, missing, statement->items[i].value);
    decimal_round(missing, book->rounding_scale, book->rounding);
    for (size_t i = 0; i < statement->count; i++)
        mpq_sub(missing, missing, statement->items[i].amount);
    bool done = true;
    if (mpq_sgn(missing) != 0) {
        StatementItem *item = work_item(self, STATEMENT_ROUNDING, NULL, err);
        done = item != NULL && work_describe(item, err, "Rounding of the total");
        if (item != NULL) {
            mpq_set(item->amount_exact, missing);
            mpq_set(item->value, missing);
            mpq_set(item->amount, missing);
        }
    }
    mpq_clear(missing);
    return done;
}

static void
add_up(Statement *statement)
{
    for (size_t i = 0; i < statement->count; i++) {
        const StatementItem *item = &statement->items[i];
        mpq_add(statement->total, statement->total, item->amount);
        if (item->kind == STATEMENT_TAX)
            mpq_add(statement->tax, statement->tax, item->amount);
    }
    mpq_sub(statement->net, statement->total, statement->tax);
}

/* ---- all ---- */

static mpq_t *
new_numbers(size_t count)
{
    mpq_t *numbers = calloc(count + 1, sizeof *numbers);
    for (size_t i = 0; numbers != NULL && i < count; i++)
        mpq_init(numbers[i]);
    return numbers;
}

static void
free_numbers(mpq_t *numbers, size_t count)
{
    for (size_t i = 0; numbers != NULL && i < count; i++)
        mpq_clear(numbers[i]);
    free(numbers);
}

static bool
make(Work *self, Err *err)
{
    if (!contract_fits(self->input->contract, self->input->book, err) || !add_usage(self, err) ||
        !for_each(self, CONTRACT_MARKUP, add_markup, err) || !for_each(self, CONTRACT_DISCOUNTS, add_discount, err) ||
        !statement_commitments(self, err) || !statement_prepaid(self, err) || !add_adjustments(self, err))
        return false;
    look_at_limit(self);
    if (!statement_credits(self, err) || !statement_taxes(self, err) || !add_rounding(self, err))
        return false;
    add_up(self->statement);
    return statement_payable(self, err);
}

bool
statement_make(Statement *self, const StatementInput *input, Err *err)
{
    size_t lines = input->slice.line_end - input->slice.line;
    size_t charges = input->contract->lists[CONTRACT_COMMITMENTS].count +
                     input->contract->lists[CONTRACT_PREPAID].count + input->adjustment_count;
    *self = (Statement){0};
    mpq_inits(self->spend, self->net, self->tax, self->total, self->payable_net, self->payable_tax, self->payable_total,
              NULL);
    Work work = {.input = input,
                 .statement = self,
                 .line_count = lines,
                 .rests = new_numbers(lines),
                 .uncovered = new_numbers(lines),
                 .charges = new_numbers(charges)};
    bool done = (work.rests != NULL && work.uncovered != NULL && work.charges != NULL) ||
                err_set(err, ERR_NOMEM, "no memory for a statement of %zu lines", lines);
    done = done && make(&work, err);
    free_numbers(work.rests, lines);
    free_numbers(work.uncovered, lines);
    free_numbers(work.charges, charges);
    return done;
}

void
statement_free(Statement *self)
{
    for (size_t i = 0; i < self->count; i++) {
        StatementItem *item = &self->items[i];
        mpq_clears(item->basis, item->rate, item->share, item->quantity, item->left, item->amount_exact, item->value,
                   item->amount, item->payable, NULL);
        free(item->description);
    }
    free(self->items);
    mpq_clears(self->spend, self->net, self->tax, self->total, self->payable_net, self->payable_tax,
               self->payable_total, NULL);
}
