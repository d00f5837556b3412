/**
 * savings_terms - what a contract makes of rated lines, and what of it belongs into a comparison with something else
 *
 * Markups, discounts, minimums, prepaid units with their fees and overages are what functions cost under the contract, and so is
 * that contained tax is taken off: they are compared. Credits pay for servers as well, tax is due on servers as well, and what is
 * brought forward belongs to other months: they are shown, and not compared.
 */
#ifndef REPORTS_SAVINGS_TERMS_H
#define REPORTS_SAVINGS_TERMS_H

#include "lib/err.h"
#include "lib/json.h"
#include "reports/amount.h"

/** Called for each item of the document's statement but usage; `compared`: it counts in a comparison. False stops, with err set. */
typedef bool (*SavingsTermVisit)(void *context, Json *item, bool compared, Err *err);

/** Visit the items of a document's statement in their order; a document without a contract has none. */
MUST_CHECK bool savings_terms_visit(Json *document, SavingsTermVisit visit, void *context, Err *err);

/** Does the item grow with what is used: a percentage of it? */
bool savings_term_grows(Json *item);

/** What of the document is compared, beyond the exact amounts of its lines: printed, the sum that a reader can add up (the subtotal and
 *  the compared items; without a contract the total); exact, what is to be added to the lines. Adds to `sum`. ERR_INPUT. */
MUST_CHECK bool savings_terms_sum(Json *document, Amount *sum, Err *err);

#endif
