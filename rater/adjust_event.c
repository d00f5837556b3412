#include "rater/adjust_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/adjust_document.h"
#include "rater/credit_note.h"
#include "schema/contract_store.h"

const char *
adjust_disposition_name(AdjustDisposition disposition)
{
    static const char *const names[] = {"billed", "credited", "written_off"};
    return names[disposition];
}

Contract *
adjust_plain_contract(Err *err)
{
    return contract_parse(text_of("name: none\nversion: \"1\"\n"), "no contract", err);
}

typedef struct Finding {
    const AdjustRequest *request;
    const AdjustSettlement *settlement;
    AdjustEvent *event;
    AdjustRating rating;
    const RateContract *named; /* NULL: the tenant has no contract */
    Contract *plain;
    StatementBalances others; /* what other documents used */
    StatementBalances taken;  /* what the invoice took of credits, and the adjustments that it carries */
    Statement statements[ADJUST_STEP_COUNT];
    AdjustSide sides[ADJUST_STEP_COUNT];
    mpq_t nets[ADJUST_STEP_COUNT];
    bool made[ADJUST_STEP_COUNT];
} Finding;

/* ---- contract and balances ---- */

static const Contract *
contract_of(const Finding *self)
{
    return self->named != NULL ? self->named->contract : self->plain;
}

static bool
read_contract(Finding *self, Err *err)
{
    const AdjustBase *base = self->request->base;
    RateContracts *contracts = &self->event->contracts;
    if (base->contract_revision == 0) {
        self->plain = adjust_plain_contract(err);
        return self->plain != NULL;
    }
    if (!rate_contracts_of_revision(contracts, self->request->db, base->tenant_id, base->contract_revision, err))
        return false;
    if (contracts->count == 0)
        return err_set(err, ERR_CORRUPT, "revision %lld of its contract is gone", (long long) base->contract_revision);
    self->named = &contracts->all[0];
    return self->named->contract != NULL || err_set(err, ERR_CORRUPT, "%s", self->named->reason);
}

static bool
read_balances(Finding *self, Err *err)
{
    const AdjustRequest *request = self->request;
    const AdjustBase *base = request->base;
    const ContractPeriod beside = {base->invoice_id, base->month};
    int64_t before_id = self->settlement->before_id;
    Buffer others = {0};
    Buffer taken = {0};
    bool done = contract_store_used_beside(request->db, base->tenant_id, before_id, &beside, &others, err) &&
                statement_balances_read(&self->others, buffer_text(&others), err) &&
                adjust_taken(request->db, base->tenant_id, base->invoice_id, before_id, &taken, err) &&
                statement_balances_read(&self->taken, buffer_text(&taken), err);
    buffer_free(&others);
    buffer_free(&taken);
    return done;
}

/* Of its credits the period has what it took: no more, whatever is left of them, and no less. */
static bool
use_credits(Finding *self, Err *err)
{
    const ContractEntries *credits = &contract_of(self)->lists[CONTRACT_CREDITS];
    bool done = true;
    for (size_t i = 0; done && i < credits->count; i++) {
        StatementUsed used = {.kind = STATEMENT_CREDIT, .name = credits->all[i].name};
        mpq_inits(used.amount, used.quantity, used.basis, NULL);
        mpq_neg(used.amount, credits->all[i].value);
        for (size_t j = 0; j < self->taken.used_count; j++)
            if (strcmp(self->taken.used[j].name, used.name) == 0)
                mpq_sub(used.amount, used.amount, self->taken.used[j].amount);
        for (size_t j = 0; j < self->others.used_count; j++) {
            const StatementUsed *other = &self->others.used[j];
            if (other->kind == STATEMENT_CREDIT && strcmp(other->name, used.name) == 0)
                mpq_sub(used.amount, used.amount, other->amount);
        }
        done = statement_balances_add(&self->others, &used, 1, err);
        mpq_clears(used.amount, used.quantity, used.basis, NULL);
    }
    return done;
}

static bool
is_of_the_same_period(const Finding *self, const AdjustEvent *other)
{
    const AdjustBase *base = self->request->base;
    return other->base.invoice_id == base->invoice_id && other->base.month.year == base->month.year &&
           other->base.month.month == base->month.month;
}

/* Another link of the same chain has used nothing beside this period: its records are on both sides here. What its credit note gave
 * back the period does not take any more. */
static bool
gather_used(Finding *self, Err *err)
{
    const AdjustSettlement *settlement = self->settlement;
    bool done = true;
    for (size_t i = 0; done && i < settlement->with_count; i++) {
        const AdjustEvent *other = &settlement->with[i];
        if (!other->counts)
            continue;
        if (!is_of_the_same_period(self, other))
            done = statement_balances_add(&self->others, other->used, other->used_count, err);
        for (size_t j = 0; done && j < other->used_count && is_of_the_same_period(self, other); j++)
            done = other->used[j].kind != STATEMENT_CREDIT ||
                   statement_balances_add(&self->taken, &other->used[j], 1, err);
    }
    return done && use_credits(self, err);
}

/* ---- what each step comes to ---- */

static bool
make_statement(Finding *self, AdjustStep step, Err *err)
{
    const AdjustBase *base = self->request->base;
    const StatementInput input = {.contract = contract_of(self),
                                  .book = self->rating.book,
                                  .rated = adjust_rated(&self->rating, step),
                                  .slice = self->rating.slices[step],
                                  .period_start_us = base->start_us,
                                  .period_end_us = base->end_us,
                                  .used = self->others.used,
                                  .used_count = self->others.used_count,
                                  .adjustments = self->taken.adjustments,
                                  .adjustment_count = self->taken.adjustment_count};
    bool done = statement_make(&self->statements[step], &input, err);
    if (!done)
        statement_free(&self->statements[step]);
    self->made[step] = done;
    self->sides[step] = (AdjustSide){input.rated, input.slice, &self->statements[step]};
    if (done)
        adjust_net(&self->statements[step], self->nets[step]);
    return done;
}

static bool
make_statements(Finding *self, Err *err)
{
    bool done = true;
    for (AdjustStep step = ADJUST_SETTLED; done && step < ADJUST_STEP_COUNT; step++)
        done = make_statement(self, step, err);
    return done;
}

/* ---- documents ---- */

static bool
is_too_old(const Finding *self)
{
    UtcMonth base = self->request->base->month;
    UtcMonth month = self->settlement->month;
    int64_t apart = (int64_t) (month.year - base.year) * 12 + month.month - base.month;
    return self->settlement->late_months >= 0 && apart > self->settlement->late_months;
}

static Json *
describe(Finding *self, AdjustStep first, AdjustStep last, Err *err)
{
    const AdjustDocument input = {.request = self->request,
                                  .late_months = self->settlement->late_months,
                                  .month = self->settlement->month,
                                  .book = self->rating.book,
                                  .contract = self->named,
                                  .sides = self->sides,
                                  .nets = self->nets,
                                  .first = first,
                                  .last = last};
    return adjust_document(&input, err);
}

static bool
make_credit_note(Finding *self, AdjustStep last, Err *err)
{
    const DocumentTerms terms = {.contract = contract_of(self),
                                 .revision = self->named == NULL ? 0 : self->named->revision,
                                 .from = self->named == NULL ? NULL : self->named->from};
    const CreditNoteInput input = {.tenant = self->request->tenant->name,
                                   .account = self->request->tenant->account,
                                   .base = self->request->base,
                                   .to_receipt = self->request->to_receipt,
                                   .book = self->rating.book,
                                   .before = &self->sides[ADJUST_SETTLED],
                                   .after = &self->sides[last],
                                   .terms = self->named == NULL ? NULL : &terms,
                                   .adjustment = self->event->document};
    self->event->credit_note = credit_note_make(&input, err);
    return self->event->credit_note != NULL;
}

/* Later statements go on from what is printed, not from a fraction that does not end: that is what `verify` finds in the tables. */
static bool
as_printed(mpq_t value, Err *err)
{
    char *text = decimal_format_exact(value, err);
    bool done = text != NULL && decimal_parse(text_of(text), value, err);
    free(text);
    return done;
}

static bool
used_as_printed(StatementUsed *used, Err *err)
{
    return as_printed(used->amount, err) && as_printed(used->quantity, err) && as_printed(used->basis, err);
}

/* What later statements have to know: credits of a billed one are those of the invoice that carries it. */
static bool
take_used(Finding *self, AdjustStep last, Err *err)
{
    AdjustEvent *event = self->event;
    const Statement *after = &self->statements[last];
    bool credits = event->disposition == ADJUST_CREDITED;
    event->used = calloc(after->count + 1, sizeof *event->used);
    if (event->used == NULL)
        return err_set(err, ERR_NOMEM, "no memory for balances");
    for (size_t i = 0; i < after->count; i++) {
        const StatementItem *item = &after->items[i];
        const StatementItem *was = adjust_find_item(&self->statements[ADJUST_SETTLED], item->kind, item->name);
        bool counts = item->kind < STATEMENT_ADJUSTMENT || (credits && item->kind == STATEMENT_CREDIT);
        if (item->entry == NULL || item->name == NULL || !counts)
            continue;
        StatementUsed *used = &event->used[event->used_count++];
        *used = (StatementUsed){.kind = item->kind, .name = item->entry->name};
        mpq_inits(used->amount, used->quantity, used->basis, NULL);
        mpq_set(used->amount, item->amount);
        mpq_set(used->quantity, item->quantity);
        mpq_set(used->basis, item->basis);
        if (was != NULL) {
            mpq_sub(used->amount, used->amount, was->amount);
            mpq_sub(used->quantity, used->quantity, was->quantity);
            mpq_sub(used->basis, used->basis, was->basis);
        }
        if (!used_as_printed(used, err))
            return false;
    }
    return true;
}

static bool
settle(Finding *self, AdjustStep last, Err *err)
{
    AdjustEvent *event = self->event;
    const AdjustBase *base = self->request->base;
    event->document = describe(self, ADJUST_SETTLED, last, err);
    if (event->document == NULL)
        return false;
    mpq_sub(event->amount, self->nets[last], self->nets[ADJUST_SETTLED]);
    bool less = mpq_sgn(event->amount) < 0 && base->invoice_id != 0 && !self->settlement->as_billed;
    event->disposition = less ? ADJUST_CREDITED : ADJUST_BILLED;
    event->description = adjust_description(event->document, err);
    return event->description != NULL && take_used(self, last, err) && (!less || make_credit_note(self, last, err));
}

static bool
find(Finding *self, Err *err)
{
    AdjustEvent *event = self->event;
    char month[UTC_TEXT_BYTES];
    AdjustStep last = ADJUST_LATE;
    snprintf(event->name, sizeof event->name, "%s", utc_month_format(self->request->base->month, month));
    bool late = adjust_differs(&self->sides[ADJUST_REVERSALS], &self->sides[ADJUST_LATE]);
    if (late && is_too_old(self) && mpq_cmp(self->nets[ADJUST_LATE], self->nets[ADJUST_REVERSALS]) >= 0) {
        last = ADJUST_REVERSALS;
        event->written_off = describe(self, ADJUST_REVERSALS, ADJUST_LATE, err);
        if (event->written_off == NULL)
            return false;
    }
    return !adjust_differs(&self->sides[ADJUST_SETTLED], &self->sides[last]) || settle(self, last, err);
}

static void
used_free(StatementUsed *used, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mpq_clears(used[i].amount, used[i].quantity, used[i].basis, NULL);
    free(used);
}

bool
adjust_event_make(AdjustEvent *self, const AdjustRequest *request, const AdjustSettlement *settlement, Err *err)
{
    Finding finding = {.request = request, .settlement = settlement, .event = self};
    *self = (AdjustEvent){.base = *request->base, .to_receipt = request->to_receipt};
    mpq_init(self->amount);
    for (int i = 0; i < ADJUST_STEP_COUNT; i++)
        mpq_init(finding.nets[i]);
    bool done = read_contract(&finding, err) && read_balances(&finding, err) && gather_used(&finding, err) &&
                adjust_rate(&finding.rating, request, err) && make_statements(&finding, err) && find(&finding, err);
    for (int i = 0; i < ADJUST_STEP_COUNT; i++) {
        if (finding.made[i])
            statement_free(&finding.statements[i]);
        mpq_clear(finding.nets[i]);
    }
    adjust_rating_free(&finding.rating);
    statement_balances_free(&finding.others);
    statement_balances_free(&finding.taken);
    contract_free(&finding.plain);
    return done;
}

void
adjust_event_free(AdjustEvent *self)
{
    used_free(self->used, self->used_count);
    json_object_put(self->document);
    json_object_put(self->written_off);
    json_object_put(self->credit_note);
    free(self->description);
    mpq_clear(self->amount);
    rate_contracts_free(&self->contracts);
    *self = (AdjustEvent){.document = NULL};
}
