/**
 * adjust_difference - what lies between two ratings of the same tenant and period, as JSON. Pure.
 *
 * Lines are paired by region, architecture, mode, price and tier, items of statements by kind and name; what one side does not have
 * is 0 there. Only what differs is written: a difference first, then both sides of it.
 */
#ifndef RATER_ADJUST_DIFFERENCE_H
#define RATER_ADJUST_DIFFERENCE_H

#include "lib/json.h"
#include "rater/statement.h"

/** One side. */
typedef struct AdjustSide {
    const Rated *rated;
    RatedSlice slice; /* all zero: no usage */
    const Statement *statement;
} AdjustSide;

/** Does any line differ? */
bool adjust_differs(const AdjustSide *before, const AdjustSide *after);
/** Has the tenant itself used something else, or did only its share of what the account used change? */
bool adjust_own_differs(const AdjustSide *before, const AdjustSide *after);

/** [{region, architecture, mode, sku, description, tier, unit, unit_price, quantity, free_quantity, billed_quantity, amount,
 *  amount_exact, before: {…}, after: {…}}]. Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *adjust_lines(const AdjustSide *before, const AdjustSide *after, const PriceBook *book, Err *err);

/** The item of that kind and name; NULL: there is none. */
const StatementItem *adjust_find_item(const Statement *statement, StatementKind kind, const char *name);

/** The net before adjustments, credits and taxes: steps 1 to 5 of a statement. `out` is initialised by the caller. */
void adjust_net(const Statement *statement, mpq_t out);

#endif
