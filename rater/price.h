/**
 * price - a quantity on a tier ladder
 *
 * Pure. The ladder counts the quantity of a whole counter (an account in one region); an item's part of each tier is
 * proportional to its part of the quantity.
 */
#ifndef RATER_PRICE_H
#define RATER_PRICE_H

#include <gmp.h>

#include "rater/price_book.h"

/** How much of `total` (0 or more) falls into each tier: `in_tiers` holds price->tier_count initialised values whose sum
 *  is `total`. A tier's limit is inclusive. */
void price_split(const Price *price, const mpq_t total, mpq_t *in_tiers);

/** The tier that holds a quantity (0 or more) as a whole, from 0: the first whose limit is not below it. */
size_t price_tier_of(const Price *price, const mpq_t total);

/** The part of a tier that belongs to `quantity` out of `total`; 0 when `total` is 0. */
void price_part(const mpq_t in_tier, const mpq_t quantity, const mpq_t total, mpq_t out);

#endif
