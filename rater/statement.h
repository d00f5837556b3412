/**
 * statement - the pure core of contracts: priced lines + contract + balances -> items, tax, total
 *
 * No I/O, no clock. The order of the steps, what each is a percentage of, caps and rounding stand in doc/contracts.md,
 * "From lines to the total". The printed amounts of the items add up to the total.
 */
#ifndef RATER_STATEMENT_H
#define RATER_STATEMENT_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "rater/contract.h"
#include "rater/rate.h"

typedef enum StatementKind {
    STATEMENT_USAGE,
    STATEMENT_MARKUP,
    STATEMENT_DISCOUNT,
    STATEMENT_MINIMUM,
    STATEMENT_PREPAID,
    STATEMENT_PREPAID_FEE,
    STATEMENT_OVERAGE,
    STATEMENT_ADJUSTMENT,
    STATEMENT_CREDIT,
    STATEMENT_TAX_INCLUDED,
    STATEMENT_TAX,
    STATEMENT_ROUNDING,
    STATEMENT_KIND_COUNT
} StatementKind;

const char *statement_kind_name(StatementKind kind);

/** One line of the statement. Numbers whose `has_` is false do not apply. */
typedef struct StatementItem {
    StatementKind kind;
    const char *name;           /* borrowed; NULL: none */
    const ContractEntry *entry; /* what it comes from; NULL: none */
    char *description;          /* owned */
    const char *unit;           /* of `quantity`; borrowed */
    bool has_basis, has_rate, has_share, has_quantity, has_left;
    mpq_t basis, rate, share, quantity, left;
    mpq_t amount_exact; /* before rounding */
    mpq_t value;        /* what the next steps go on from: rounded when the book rounds each line */
    mpq_t amount;       /* as printed */
    mpq_t payable;      /* of a tax: in the currency of the bill */
} StatementItem;

/** What earlier final invoices say under one kind and name: sums over their items. */
typedef struct StatementUsed {
    StatementKind kind;
    const char *name;
    mpq_t amount, quantity, basis;
    int64_t items;
} StatementUsed;

/** What is brought forward from an earlier period. */
typedef struct StatementAdjustment {
    const char *name;
    const char *description;
    mpq_t amount;
} StatementAdjustment;

/** All borrowed. */
typedef struct StatementInput {
    const Contract *contract;
    const PriceBook *book;
    const Rated *rated;
    RatedSlice slice;
    int64_t period_start_us;
    int64_t period_end_us;
    const StatementUsed *used;
    size_t used_count;
    const StatementAdjustment *adjustments;
    size_t adjustment_count;
} StatementInput;

typedef struct Statement {
    StatementItem *items;
    size_t count;
    size_t capacity;
    mpq_t spend; /* what a spending limit looks at */
    size_t alerts_reached;
    mpq_t net, tax, total;
    const char *payable_currency;
    const ContractExchange *exchange; /* NULL: the same currency */
    int payable_scale;
    mpq_t payable_net, payable_tax, payable_total;
} Statement;

/** Make the statement. Freed with statement_free(), once, in any case; it borrows from the input. ERR_INPUT (contract and book do
 *  not fit, no exchange rate for the period), ERR_NOMEM. */
MUST_CHECK bool statement_make(Statement *self, const StatementInput *input, Err *err);
void statement_free(Statement *self);

#endif
