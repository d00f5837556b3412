/**
 * free_tier - who gets how much of a shared monthly allowance
 *
 * Pure. Claims are served in turns: `dearest_first` (the rule of the shipped books) by unit price (the first tier's), then
 * by the names of region and architecture; `usage_order` by the hour of the usage; `proportional` all in one. Within a
 * turn claims share in proportion to their use. Where the book says `whole_units`, shares are whole numbers by largest
 * remainder, ties in the order of region, architecture, tenant, mode, price.
 */
#ifndef RATER_FREE_TIER_H
#define RATER_FREE_TIER_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "proto/usage_record.h"
#include "rater/price_book.h"

/** One claim on the allowance (all borrowed; `free` is written). */
typedef struct FreeClaim {
    const char *tenant;
    const char *region;
    UsageArchitecture architecture;
    UsageMode mode;
    size_t price;    /* its place in the book: meters in their order, and the prices of each */
    int64_t hour_us; /* for usage_order */
    size_t cell;     /* the caller's */
    mpq_srcptr unit_price;
    mpq_srcptr quantity;
    mpq_ptr free; /* out: 0..quantity */
} FreeClaim;

/** Share `allowance` among `claims` (reordered). ERR_NOMEM. */
MUST_CHECK bool free_tier_share(const mpq_t allowance, Allocation allocation, bool whole_units, FreeClaim *claims,
                                size_t count, Err *err);

#endif
