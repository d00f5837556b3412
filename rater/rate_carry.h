/**
 * rate_carry - what a period has used by the books before the present one: its counters and free tiers go on from there
 *
 * Where the book in force changes inside a billing period, each part is rated by its own book, one after the other, and what
 * a part used is carried to the next (doc/price-books.md, "A period with several books"). Pure. Texts are borrowed from the rows and
 * books of the parts, which outlive it.
 */
#ifndef RATER_RATE_CARRY_H
#define RATER_RATE_CARRY_H

#include "rater/rate_cells.h"

struct RateCarry {
    struct CarriedItem *items;
    size_t item_count;
    size_t item_capacity;
    struct CarriedFree *free;
    size_t free_count;
    size_t free_capacity;
};

void rate_carry_free(RateCarry *self);

/** Add what priced cells used and took. ERR_NOMEM. */
MUST_CHECK bool rate_carry_take(RateCarry *self, const Cells *cells, Err *err);

/** What was on a counter before: sets `before`, `before_events`, `before_included` and `entered`. `self` may be NULL: nothing was. */
void rate_carry_counter(const RateCarry *self, const char *sku, Counter *counter);

/** What the account took from free tiers of this name before, added to `out`. */
void rate_carry_taken(const RateCarry *self, const char *account, const char *free_tier, mpq_t out);

#endif
