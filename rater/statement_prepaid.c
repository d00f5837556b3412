/* Prepaid units and overage: step 5. See statement_parts.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/book_binding.h"
#include "rater/statement_parts.h"

static bool
is_of_sku(const Work *self, const ContractEntry *entry, size_t i)
{
    return strcmp(work_line(self, i)->meter->sku, entry->sku) == 0;
}

/* The dearest line of the sku with units that nothing has covered, the first of equals; line_count: none. */
static size_t
dearest(const Work *self, const ContractEntry *entry, const bool *done)
{
    size_t best = self->line_count;
    for (size_t i = 0; i < self->line_count; i++) {
        if (done[i] || !is_of_sku(self, entry, i) || mpq_sgn(self->uncovered[i]) <= 0)
            continue;
        if (best == self->line_count || mpq_cmp(work_line(self, i)->unit_price, work_line(self, best)->unit_price) > 0)
            best = i;
    }
    return best;
}

/* How much of each line's rest the units cover, `taken`; x is the sum. Counts the units into item->quantity. */
static bool
cover(Work *self, StatementItem *item, const mpq_t available, mpq_t *taken, Err *err)
{
    bool *done = calloc(self->line_count + 1, sizeof *done);
    mpq_t units, rest;
    if (done == NULL)
        return err_set(err, ERR_NOMEM, "no memory for prepaid units");
    mpq_inits(units, rest, NULL);
    mpq_set(rest, available);
    for (size_t i = dearest(self, item->entry, done); i < self->line_count && mpq_sgn(rest) > 0;
         i = dearest(self, item->entry, done)) {
        mpq_set(units, mpq_cmp(self->uncovered[i], rest) < 0 ? self->uncovered[i] : rest);
        /* The rest of a line belongs to its uncovered units: what covered ones cost was taken already. */
        mpq_mul(taken[i], self->rests[i], units);
        mpq_div(taken[i], taken[i], self->uncovered[i]);
        mpq_add(item->amount_exact, item->amount_exact, taken[i]);
        mpq_sub(self->uncovered[i], self->uncovered[i], units);
        mpq_add(item->quantity, item->quantity, units);
        mpq_sub(rest, rest, units);
        done[i] = true;
    }
    mpq_clears(units, rest, NULL);
    free(done);
    return true;
}

/* Each line gives of the value what it has of x. */
static void
give(Work *self, const mpq_t x, const mpq_t value, mpq_t *taken)
{
    if (mpq_sgn(x) == 0)
        return;
    for (size_t i = 0; i < self->line_count; i++) {
        mpq_mul(taken[i], taken[i], value);
        mpq_div(taken[i], taken[i], x);
        mpq_sub(self->rests[i], self->rests[i], taken[i]);
    }
}

static void
units_available(const Work *self, const ContractEntry *entry, const mpq_t share, mpq_t out)
{
    const StatementUsed *used = entry->whole_term ? work_used(self, STATEMENT_PREPAID, entry->name) : NULL;
    mpq_mul(out, entry->value, share);
    if (used != NULL)
        mpq_sub(out, out, used->quantity);
    if (mpq_sgn(out) < 0)
        mpq_set_ui(out, 0, 1);
}

static const char *
unit_of(const Work *self, const ContractEntry *entry)
{
    const Meter *meter = price_book_meter(self->input->book, entry->sku);
    return meter == NULL ? NULL : meter->unit;
}

static bool
describe_prepaid(StatementItem *item, Err *err)
{
    char *units = decimal_format_exact(item->quantity, err);
    bool done = units != NULL && work_describe(item, err, "covers %s of %s", units, item->entry->sku);
    free(units);
    return done;
}

static bool
add_prepaid(Work *self, const ContractEntry *entry, const mpq_t share, mpq_t *taken, Err *err)
{
    mpq_t available, x;
    StatementItem *item = work_item(self, STATEMENT_PREPAID, entry, err);
    if (item == NULL)
        return false;
    mpq_inits(available, x, NULL);
    item->has_share = item->has_quantity = item->has_left = item->has_basis = true;
    item->unit = unit_of(self, entry);
    mpq_set(item->share, share);
    units_available(self, entry, share, available);
    for (size_t i = 0; i < self->line_count; i++) {
        mpq_set_ui(taken[i], 0, 1);
        if (is_of_sku(self, entry, i))
            mpq_add(item->basis, item->basis, self->rests[i]);
    }
    bool done = cover(self, item, available, taken, err);
    if (done) {
        mpq_set(x, item->amount_exact);
        work_take(self, item, item->basis);
        mpq_neg(available, item->value); /* what is given, positive */
        give(self, x, available, taken);
        units_available(self, entry, share, available);
        mpq_sub(item->left, available, item->quantity);
        done = describe_prepaid(item, err);
    }
    mpq_clears(available, x, NULL);
    return done;
}

/* Each period; of a term once: while no earlier final invoice has it. */
static bool
add_fee(Work *self, const ContractEntry *entry, const mpq_t share, Err *err)
{
    const StatementUsed *used = entry->whole_term ? work_used(self, STATEMENT_PREPAID_FEE, entry->name) : NULL;
    if (!entry->has_fee || (used != NULL && used->items > 0))
        return true;
    StatementItem *item = work_item(self, STATEMENT_PREPAID_FEE, entry, err);
    if (item == NULL)
        return false;
    item->has_share = true;
    mpq_set(item->share, share);
    mpq_mul(item->amount_exact, entry->fee, share);
    work_round(self, item);
    work_charge(self, item->value);
    return work_describe(item, err, entry->whole_term ? "fee for the term" : "fee for the period");
}

/* The change of price of the units that nothing covers, spread by these units. */
static void
spread_overage(Work *self, const ContractEntry *entry, StatementItem *item)
{
    mpq_t part;
    mpq_init(part);
    for (size_t i = 0; mpq_sgn(item->quantity) > 0 && i < self->line_count; i++) {
        if (!is_of_sku(self, entry, i) || mpq_sgn(self->uncovered[i]) <= 0)
            continue;
        mpq_mul(part, item->value, self->uncovered[i]);
        mpq_div(part, part, item->quantity);
        mpq_add(self->rests[i], self->rests[i], part);
    }
    mpq_clear(part);
}

static bool
describe_overage(const Work *self, StatementItem *item, Err *err)
{
    char *units = decimal_format_exact(item->quantity, err);
    char *price = units == NULL ? NULL : decimal_format_exact(item->rate, err);
    char *instead = price == NULL ? NULL : work_money(self, item->basis, err);
    bool done =
        instead != NULL && work_describe(item, err, "%s uncovered at %s each instead of %s", units, price, instead);
    free(units);
    free(price);
    free(instead);
    return done;
}

static bool
add_overage(Work *self, const ContractEntry *entry, Err *err)
{
    StatementItem *item = work_item(self, STATEMENT_OVERAGE, entry, err);
    if (item == NULL)
        return false;
    item->has_basis = item->has_rate = item->has_quantity = true;
    item->unit = unit_of(self, entry);
    mpq_set(item->rate, entry->overage);
    for (size_t i = 0; i < self->line_count; i++) {
        if (!is_of_sku(self, entry, i) || mpq_sgn(self->uncovered[i]) <= 0)
            continue;
        mpq_add(item->quantity, item->quantity, self->uncovered[i]);
        mpq_add(item->basis, item->basis, self->rests[i]);
    }
    mpq_mul(item->amount_exact, item->quantity, item->rate);
    mpq_sub(item->amount_exact, item->amount_exact, item->basis);
    work_round(self, item);
    spread_overage(self, entry, item);
    return describe_overage(self, item, err);
}

/* Is it the last entry of its sku that holds and names an overage price? */
static bool
sets_overage(const Work *self, size_t index, mpq_t share)
{
    const ContractEntries *entries = &self->input->contract->lists[CONTRACT_PREPAID];
    const ContractEntry *entry = &entries->all[index];
    if (!entry->has_overage || !work_share(self, entry, share))
        return false;
    for (size_t i = index + 1; i < entries->count; i++) {
        const ContractEntry *later = &entries->all[i];
        if (later->has_overage && strcmp(later->sku, entry->sku) == 0 && work_share(self, later, share))
            return false;
    }
    return true;
}

bool
statement_prepaid(Work *self, Err *err)
{
    const ContractEntries *entries = &self->input->contract->lists[CONTRACT_PREPAID];
    mpq_t *taken = calloc(self->line_count + 1, sizeof *taken);
    mpq_t share;
    if (taken == NULL)
        return err_set(err, ERR_NOMEM, "no memory for prepaid units");
    for (size_t i = 0; i < self->line_count; i++)
        mpq_init(taken[i]);
    mpq_init(share);
    bool done = true;
    for (size_t i = 0; done && i < entries->count; i++) {
        if (work_share(self, &entries->all[i], share))
            done =
                add_prepaid(self, &entries->all[i], share, taken, err) && add_fee(self, &entries->all[i], share, err);
    }
    for (size_t i = 0; done && i < entries->count; i++) {
        if (sets_overage(self, i, share))
            done = add_overage(self, &entries->all[i], err);
    }
    for (size_t i = 0; i < self->line_count; i++)
        mpq_clear(taken[i]);
    free(taken);
    mpq_clear(share);
    return done;
}
