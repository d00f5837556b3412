/**
 * explain_money - from what is billed of a line to its amount, as formulas that a pocket calculator can follow
 *
 * A figure that the formula does not give exactly has its sentence and no formula. Pure.
 */
#ifndef RATER_EXPLAIN_MONEY_H
#define RATER_EXPLAIN_MONEY_H

#include "lib/err.h"
#include "lib/json.h"
#include "rater/explain_again.h"

/** The lines of one item: they follow one another in rated->lines. */
typedef struct ItemLines {
    const RatedLine *first;
    size_t count;
} ItemLines;

/** Fee, minimum or maximum, exact amount and printed amount of `line`, one of `lines`. ERR_NOMEM. */
MUST_CHECK bool
explain_money(const ExplainAgain *again, const ItemLines *lines, const RatedLine *line, Json *steps, Err *err);

#endif
