#include "rater/statement_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

const RatedLine *
work_line(const Work *self, size_t i)
{
    return &self->input->rated->lines[self->input->slice.line + i];
}

bool
work_covers(const Work *self, const ContractEntry *entry, size_t i)
{
    const char *sku = work_line(self, i)->meter->sku;
    for (size_t j = 0; j < entry->on_count; j++) {
        if (strcmp(entry->on[j], sku) == 0)
            return true;
    }
    return entry->on_count == 0;
}

bool
work_share(const Work *self, const ContractEntry *entry, mpq_t share)
{
    int64_t start_us = self->input->period_start_us;
    int64_t end_us = self->input->period_end_us;
    if (!entry->shared) {
        bool holds = entry->from_us <= start_us && start_us < entry->until_us;
        mpq_set_ui(share, holds ? 1 : 0, 1);
        return holds;
    }
    int64_t from_us = entry->from_us > start_us ? entry->from_us : start_us;
    int64_t until_us = entry->until_us < end_us ? entry->until_us : end_us;
    mpq_set_si(share, until_us > from_us ? until_us - from_us : 0, (unsigned long) (end_us - start_us));
    mpq_canonicalize(share);
    return mpq_sgn(share) > 0;
}

void
work_basis(const Work *self, const ContractEntry *entry, mpq_t basis)
{
    mpq_set_ui(basis, 0, 1);
    for (size_t i = 0; i < self->line_count; i++) {
        if (work_covers(self, entry, i))
            mpq_add(basis, basis, self->rests[i]);
    }
}

void
work_spread(Work *self, const ContractEntry *entry, const mpq_t basis, const mpq_t value)
{
    mpq_t factor;
    if (mpq_sgn(basis) == 0)
        return;
    mpq_init(factor);
    mpq_add(factor, basis, value);
    mpq_div(factor, factor, basis);
    for (size_t i = 0; i < self->line_count; i++) {
        if (work_covers(self, entry, i))
            mpq_mul(self->rests[i], self->rests[i], factor);
    }
    mpq_clear(factor);
}

void
work_charge(Work *self, const mpq_t value)
{
    mpq_set(self->charges[self->charge_count++], value); /* there is room for every entry and adjustment */
}

const StatementUsed *
work_used(const Work *self, StatementKind kind, const char *name)
{
    for (size_t i = 0; i < self->input->used_count; i++) {
        const StatementUsed *used = &self->input->used[i];
        if (used->kind == kind && strcmp(used->name, name) == 0)
            return used;
    }
    return NULL;
}

StatementItem *
work_item(Work *self, StatementKind kind, const ContractEntry *entry, Err *err)
{
    Statement *statement = self->statement;
    if (statement->count == statement->capacity) {
        size_t capacity = statement->capacity == 0 ? 16 : statement->capacity * 2;
        StatementItem *grown = reallocarray(statement->items, capacity, sizeof *grown);
        if (grown == NULL) {
            err_set(err, ERR_NOMEM, "no memory for %zu items of a statement", capacity);
            return NULL;
        }
        statement->items = grown;
        statement->capacity = capacity;
    }
    StatementItem *item = &statement->items[statement->count++];
    *item = (StatementItem){.kind = kind, .entry = entry, .name = entry == NULL ? NULL : entry->name};
    mpq_inits(item->basis, item->rate, item->share, item->quantity, item->left, item->amount_exact, item->value,
              item->amount, item->payable, NULL);
    return item;
}

bool
work_rounds_each(const Work *self)
{
    return self->input->book->rounding_place == ROUND_EACH_LINE;
}

static void
print_amount(const Work *self, StatementItem *item)
{
    mpq_set(item->amount, item->value);
    decimal_round(item->amount, self->input->book->rounding_scale, self->input->book->rounding);
}

void
work_round(const Work *self, StatementItem *item)
{
    mpq_set(item->value, item->amount_exact);
    if (work_rounds_each(self))
        decimal_round(item->value, self->input->book->rounding_scale, self->input->book->rounding);
    print_amount(self, item);
}

void
work_take(const Work *self, StatementItem *item, const mpq_t cap)
{
    mpq_t most;
    mpq_init(most);
    if (mpq_sgn(cap) > 0)
        mpq_set(most, cap);
    if (mpq_cmp(item->amount_exact, most) > 0)
        mpq_set(item->amount_exact, most);
    work_round(self, item);
    if (mpq_cmp(item->value, most) > 0) {
        mpq_set(item->value, most);
        decimal_round(item->value, self->input->book->rounding_scale, ROUND_DOWN);
        print_amount(self, item);
    }
    mpq_neg(item->amount_exact, item->amount_exact);
    mpq_neg(item->value, item->value);
    mpq_neg(item->amount, item->amount);
    mpq_clear(most);
}

void
work_print_at_most(const Work *self, StatementItem *item, mpq_t left)
{
    if (mpq_cmp(item->amount, left) > 0) {
        mpq_set(item->amount, left);
        if (work_rounds_each(self))
            mpq_set(item->value, left);
    }
    mpq_sub(left, left, item->amount);
}

void
work_left(StatementItem *item, const mpq_t available)
{
    item->has_left = true;
    mpq_add(item->left, available, item->amount);
    if (mpq_sgn(item->left) < 0)
        mpq_set_ui(item->left, 0, 1);
}

bool
work_describe(StatementItem *item, Err *err, const char *format, ...)
{
    Buffer text = {0};
    char rest[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rest, sizeof rest, format, arguments);
    va_end(arguments);
    const char *title = item->entry == NULL ? NULL : item->entry->title != NULL ? item->entry->title : item->name;
    bool done =
        title == NULL ? buffer_printf(&text, err, "%s", rest) : buffer_printf(&text, err, "%s: %s", title, rest);
    item->description = text.data;
    return done;
}

char *
work_money(const Work *self, const mpq_t value, Err *err)
{
    return decimal_format(value, self->input->book->rounding_scale, self->input->book->rounding, err);
}
