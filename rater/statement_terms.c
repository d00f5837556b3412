/* Commitments, credits, taxes, and the currency of the bill: steps 4, 7, 9. See statement_parts.h. */
#include <stdlib.h>

#include "lib/decimal.h"
#include "rater/statement_parts.h"

static void
raise_to_zero(mpq_t value)
{
    if (mpq_sgn(value) < 0)
        mpq_set_ui(value, 0, 1);
}

/* ---- commitments ---- */

/* rate: what is to be reached in this period. Of a term: what is left of it, and due in its last period only. */
static void
minimum_due(const Work *self, const ContractEntry *entry, StatementItem *item)
{
    const StatementUsed *used = entry->whole_term ? work_used(self, STATEMENT_MINIMUM, entry->name) : NULL;
    mpq_mul(item->rate, entry->value, item->share);
    if (used != NULL)
        mpq_sub(item->rate, item->rate, used->basis);
    raise_to_zero(item->rate);
    if (entry->whole_term && self->input->period_end_us < entry->until_us)
        return;
    mpq_sub(item->amount_exact, item->rate, item->basis);
    raise_to_zero(item->amount_exact);
}

static bool
describe_minimum(const Work *self, StatementItem *item, Err *err)
{
    char *minimum = work_money(self, item->rate, err);
    char *spend = minimum == NULL ? NULL : work_money(self, item->basis, err);
    bool open = item->entry->whole_term && self->input->period_end_us < item->entry->until_us;
    bool done = spend != NULL &&
                work_describe(item, err, open ? "%s to go in the term, %s reached now" : "minimum %s, %s reached",
                              minimum, spend);
    free(minimum);
    free(spend);
    return done;
}

static bool
add_minimum(Work *self, const ContractEntry *entry, const mpq_t share, Err *err)
{
    StatementItem *item = work_item(self, STATEMENT_MINIMUM, entry, err);
    if (item == NULL)
        return false;
    item->has_basis = item->has_rate = item->has_share = true;
    mpq_set(item->share, share);
    work_basis(self, entry, item->basis);
    minimum_due(self, entry, item);
    work_round(self, item);
    work_charge(self, item->value);
    return describe_minimum(self, item, err);
}

bool
statement_commitments(Work *self, Err *err)
{
    const ContractEntries *entries = &self->input->contract->lists[CONTRACT_COMMITMENTS];
    bool done = true;
    mpq_t share;
    mpq_init(share);
    for (size_t i = 0; done && i < entries->count; i++) {
        if (work_share(self, &entries->all[i], share))
            done = add_minimum(self, &entries->all[i], share, err);
    }
    mpq_clear(share);
    return done;
}

/* ---- credits ---- */

/* All rests, charges included, unless the credit is for some skus only. */
static void
credit_basis(const Work *self, const ContractEntry *entry, mpq_t basis)
{
    work_basis(self, entry, basis);
    for (size_t i = 0; entry->on_count == 0 && i < self->charge_count; i++)
        mpq_add(basis, basis, self->charges[i]);
}

static void
credit_spread(Work *self, const ContractEntry *entry, const mpq_t basis, const mpq_t value)
{
    mpq_t factor;
    work_spread(self, entry, basis, value);
    if (entry->on_count > 0 || mpq_sgn(basis) == 0)
        return;
    mpq_init(factor);
    mpq_add(factor, basis, value);
    mpq_div(factor, factor, basis);
    for (size_t i = 0; i < self->charge_count; i++)
        mpq_mul(self->charges[i], self->charges[i], factor);
    mpq_clear(factor);
}

static bool
use_credit(Work *self, const ContractEntry *entry, const mpq_t available, Err *err)
{
    StatementItem *item = work_item(self, STATEMENT_CREDIT, entry, err);
    if (item == NULL)
        return false;
    item->has_basis = true;
    credit_basis(self, entry, item->basis);
    mpq_set(item->amount_exact, available);
    mpq_set(item->left, mpq_cmp(item->basis, available) < 0 ? item->basis : available); /* the cap, for a moment */
    work_take(self, item, item->left);
    credit_spread(self, entry, item->basis, item->value);
    work_left(item, available);
    char *had = work_money(self, available, err);
    bool done = had != NULL && work_describe(item, err, "credit, %s available", had);
    free(had);
    return done;
}

static bool
add_credit(Work *self, const ContractEntry *entry, Err *err)
{
    bool done = true;
    if (entry->from_us >= self->input->period_end_us || entry->until_us <= self->input->period_start_us)
        return true;
    mpq_t available;
    mpq_init(available);
    const StatementUsed *used = work_used(self, STATEMENT_CREDIT, entry->name);
    mpq_set(available, entry->value);
    if (used != NULL)
        mpq_add(available, available, used->amount);
    if (mpq_sgn(available) > 0)
        done = use_credit(self, entry, available, err);
    mpq_clear(available);
    return done;
}

bool
statement_credits(Work *self, Err *err)
{
    const ContractEntries *entries = &self->input->contract->lists[CONTRACT_CREDITS];
    const ContractEntry *order[CONTRACT_ENTRIES_MAX];
    for (size_t i = 0; i < entries->count; i++) {
        size_t at = i;
        for (;
             !self->input->contract->credits_as_listed && at > 0 && order[at - 1]->until_us > entries->all[i].until_us;
             at--)
            order[at] = order[at - 1];
        order[at] = &entries->all[i];
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (!add_credit(self, order[i], err))
            return false;
    }
    return true;
}

/* ---- taxes ---- */

static bool
tax_holds(const Work *self, const ContractEntry *entry)
{
    int64_t last_us = self->input->period_end_us - 1;
    return entry->from_us <= last_us && last_us < entry->until_us;
}

static bool
describe_tax(const Work *self, StatementItem *item, Err *err)
{
    const ContractEntry *entry = item->entry;
    const char *place = entry->jurisdiction == NULL ? "" : entry->jurisdiction;
    const char *comma = entry->jurisdiction == NULL ? "" : ", ";
    if (entry->exempt != NULL)
        return work_describe(item, err, "%s%sexempt: %s", place, comma, entry->exempt);
    char *percent = decimal_format_exact(item->rate, err);
    char *net = percent == NULL ? NULL : work_money(self, item->basis, err);
    bool done =
        net != NULL &&
        work_describe(item, err, self->input->contract->tax_included ? "%s%s%s %% contained in %s" : "%s%s%s %% of %s",
                      place, comma, percent, net);
    free(percent);
    free(net);
    return done;
}

/** What taxes are worked out from. */
typedef struct TaxBasis {
    mpq_t net;
    mpq_t divisor;  /* 100, and with tax included the percentages that hold */
    mpq_t percents; /* that hold, their sum */
    mpq_t left;     /* what they may print yet, so that they never exceed the total: each rounds by itself */
    bool limited;
    size_t holding;
} TaxBasis;

static bool
add_tax(Work *self, const ContractEntry *entry, TaxBasis *basis, Err *err)
{
    StatementItem *item = work_item(self, STATEMENT_TAX, entry, err);
    if (item == NULL)
        return false;
    item->has_basis = item->has_rate = true;
    mpq_set(item->basis, basis->net);
    if (entry->exempt == NULL)
        mpq_set(item->rate, entry->value);
    mpq_mul(item->amount_exact, basis->net, item->rate);
    mpq_div(item->amount_exact, item->amount_exact, basis->divisor);
    work_round(self, item);
    if (basis->limited)
        work_print_at_most(self, item, basis->left);
    return describe_tax(self, item, err);
}

/* Which taxes hold, and the total that they may not exceed: with taxes inside it the net, else net and taxes. Rounded line by line, taxes
 * beside the net make the total themselves. */
static void
find_tax_basis(const Work *self, TaxBasis *basis)
{
    const ContractEntries *taxes = &self->input->contract->lists[CONTRACT_TAXES];
    const PriceBook *book = self->input->book;
    for (size_t i = 0; i < self->statement->count; i++)
        mpq_add(basis->net, basis->net, self->statement->items[i].value);
    for (size_t i = 0; i < taxes->count; i++) {
        if (!tax_holds(self, &taxes->all[i]))
            continue;
        basis->holding++;
        if (taxes->all[i].exempt == NULL)
            mpq_add(basis->percents, basis->percents, taxes->all[i].value);
    }
    bool included = self->input->contract->tax_included;
    mpq_set_ui(basis->divisor, 100, 1);
    mpq_div(basis->left, basis->percents, basis->divisor); /* 1 + percents / 100, times the net */
    mpq_mul(basis->left, basis->left, basis->net);
    mpq_add(basis->left, basis->left, basis->net);
    if (included) {
        mpq_add(basis->divisor, basis->divisor, basis->percents);
        mpq_set(basis->left, basis->net);
    }
    decimal_round(basis->left, book->rounding_scale, book->rounding);
    basis->limited = mpq_sgn(basis->left) >= 0 && (included || !work_rounds_each(self));
}

/* Take off what the items after `at` add. */
static bool
take_off_included(Work *self, size_t at, Err *err)
{
    StatementItem *item = &self->statement->items[at];
    for (size_t i = at + 1; i < self->statement->count; i++) {
        mpq_sub(item->amount_exact, item->amount_exact, self->statement->items[i].amount_exact);
        mpq_sub(item->value, item->value, self->statement->items[i].value);
        mpq_sub(item->amount, item->amount, self->statement->items[i].amount);
    }
    return work_describe(item, err, "Tax contained in the amounts above");
}

bool
statement_taxes(Work *self, Err *err)
{
    const ContractEntries *taxes = &self->input->contract->lists[CONTRACT_TAXES];
    size_t at = self->statement->count;
    TaxBasis basis = {.holding = 0};
    mpq_inits(basis.net, basis.divisor, basis.percents, basis.left, NULL);
    find_tax_basis(self, &basis);
    bool included = self->input->contract->tax_included && basis.holding > 0;
    bool done = !included || work_item(self, STATEMENT_TAX_INCLUDED, NULL, err) != NULL;
    for (size_t i = 0; done && i < taxes->count; i++) {
        if (tax_holds(self, &taxes->all[i]))
            done = add_tax(self, &taxes->all[i], &basis, err);
    }
    mpq_clears(basis.net, basis.divisor, basis.percents, basis.left, NULL);
    return done && (!included || take_off_included(self, at, err));
}

/* ---- the currency of the bill ---- */

static bool
find_exchange(Work *self, Err *err)
{
    const Contract *contract = self->input->contract;
    char end[UTC_TEXT_BYTES];
    for (size_t i = 0; i < contract->exchange_count; i++) {
        if (contract->exchange[i].from_us <= self->input->period_end_us)
            self->statement->exchange = &contract->exchange[i];
    }
    if (self->statement->exchange != NULL || contract->exchange_count == 0)
        return true;
    err_set(err, ERR_INPUT, "contract '%s': exchange: no rate holds on %s", contract->name,
            utc_format_day(self->input->period_end_us, end));
    return err_hint(err, "add an entry with an earlier 'from'");
}

static void
convert(const Work *self, const mpq_t amount, mpq_t out)
{
    if (self->statement->exchange == NULL) {
        mpq_set(out, amount);
        return;
    }
    mpq_mul(out, amount, self->statement->exchange->rate);
    decimal_round(out, self->statement->payable_scale, self->input->book->rounding);
}

bool
statement_payable(Work *self, Err *err)
{
    Statement *statement = self->statement;
    if (!find_exchange(self, err))
        return false;
    bool same = statement->exchange == NULL;
    statement->payable_currency = same ? self->input->book->currency : self->input->contract->currency;
    statement->payable_scale = same ? self->input->book->rounding_scale : currency_scale(statement->payable_currency);
    convert(self, statement->total, statement->payable_total);
    mpq_t left; /* of the total: taxes, each rounded by itself, never exceed it */
    mpq_init(left);
    bool limited = mpq_sgn(statement->net) >= 0 && mpq_sgn(statement->payable_total) >= 0;
    for (size_t i = 0; i < statement->count; i++) {
        StatementItem *item = &statement->items[i];
        if (item->kind != STATEMENT_TAX)
            continue;
        convert(self, item->amount, item->payable);
        mpq_sub(left, statement->payable_total, statement->payable_tax);
        if (limited && mpq_cmp(item->payable, left) > 0)
            mpq_set(item->payable, left);
        mpq_add(statement->payable_tax, statement->payable_tax, item->payable);
    }
    mpq_sub(statement->payable_net, statement->payable_total, statement->payable_tax);
    mpq_clear(left);
    return true;
}
