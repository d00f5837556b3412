/**
 * rate_counters - what cells cost: their quantity on the counters of their prices, by each price's model
 *
 * Pure. A counter adds up what the cells of one price use in its scope (over the account and region, unless the book says
 * otherwise) and finds what of it is free by the price, what each tier holds, and which fees are due; every cell has the
 * part of it that its quantity is of the counter's.
 */
#ifndef RATER_RATE_COUNTERS_H
#define RATER_RATE_COUNTERS_H

#include "rater/rate_cells.h"

/** Price the cells of the groups [start, end) of an account, whose free tiers are taken off: meter by meter, in the order
 *  of the book. ERR_NOMEM. */
MUST_CHECK bool counters_price(Cells *cells, size_t start, size_t end, Err *err);

/** Does the cell have a line for this tier? */
bool counters_has_tier(const Cells *cells, const Cell *cell, size_t tier);

/** The cell's quantity in a tier, and what it pays there beside the unit price. */
void counters_part(const Cells *cells, const Cell *cell, size_t tier, mpq_t quantity, mpq_t fee);

#endif
