/**
 * statement_parts - what the steps of a statement share: rests, shares, rounding, items
 */
#ifndef RATER_STATEMENT_PARTS_H
#define RATER_STATEMENT_PARTS_H

#include "rater/statement.h"

/** A statement in the making. */
typedef struct Work {
    const StatementInput *input;
    Statement *statement;
    size_t line_count;
    mpq_t *rests;     /* of each line */
    mpq_t *uncovered; /* units of each line that no prepaid entry covers */
    mpq_t *charges;   /* rests of charges */
    size_t charge_count;
    mpq_t unit; /* the last digit of the book */
} Work;

/** The line of a rest. */
const RatedLine *work_line(const Work *self, size_t i);
bool work_covers(const Work *self, const ContractEntry *entry, size_t i);

/** The share f of a period that an entry holds for; false when it is 0. */
MUST_CHECK bool work_share(const Work *self, const ContractEntry *entry, mpq_t share);
/** B: the sum of the rests of the lines in `on`. */
void work_basis(const Work *self, const ContractEntry *entry, mpq_t basis);
/** Spread a value over these lines in proportion to their rests. */
void work_spread(Work *self, const ContractEntry *entry, const mpq_t basis, const mpq_t value);
void work_charge(Work *self, const mpq_t value);

/** What earlier final invoices say; NULL: nothing. */
const StatementUsed *work_used(const Work *self, StatementKind kind, const char *name);

/** A new item, all zero. NULL: ERR_NOMEM. Valid until the next one. */
StatementItem *work_item(Work *self, StatementKind kind, const ContractEntry *entry, Err *err);
/** Round an item whose amount_exact is set; and the same for a taking, which is positive here, capped and then negated. */
void work_round(const Work *self, StatementItem *item);
void work_take(const Work *self, StatementItem *item, const mpq_t cap);
/** Is each item rounded (else the invoice as a whole)? */
bool work_rounds_each(const Work *self);
/** Let an item print at most `left` (at least 0), and take what it prints from there. */
void work_print_at_most(const Work *self, StatementItem *item, mpq_t left);
/** What a taking leaves of `available` (may be item->left): less what it prints, as the next invoice will find it. */
void work_left(StatementItem *item, const mpq_t available);

/** "TITLE: …": what the item says of itself. */
MUST_CHECK bool work_describe(StatementItem *item, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);
/** A number for a description: money of the book, or exact. Caller frees. */
MUST_CHECK char *work_money(const Work *self, const mpq_t value, Err *err);

/** Steps 4 to 6, 7, and 9. */
MUST_CHECK bool statement_commitments(Work *self, Err *err);
MUST_CHECK bool statement_prepaid(Work *self, Err *err);
MUST_CHECK bool statement_credits(Work *self, Err *err);
MUST_CHECK bool statement_taxes(Work *self, Err *err);
/** The total in the currency of the bill. */
MUST_CHECK bool statement_payable(Work *self, Err *err);

#endif
