/**
 * free_tier - who gets how much of a shared monthly allowance
 *
 * Pure. The rule of the shipped books (`dearest_first`): the allowance goes to the usage with the dearest unit price (the
 * first tier's) first; equal prices by the names of region, then architecture; what is still equal shares in
 * proportion to its use. Where the book says `whole_units`, shares are whole numbers by largest remainder, ties in the
 * order of tenant, then mode.
 */
#ifndef RATER_FREE_TIER_H
#define RATER_FREE_TIER_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "proto/usage_record.h"

/** One claim on the allowance (all borrowed; `free` is written). */
typedef struct FreeClaim {
    const char *tenant;
    const char *region;
    UsageArchitecture architecture;
    UsageMode mode;
    mpq_srcptr unit_price;
    mpq_srcptr quantity;
    mpq_ptr free; /* out: 0..quantity */
} FreeClaim;

/** Share `allowance` among `claims` (reordered). ERR_NOMEM. */
MUST_CHECK bool free_tier_share(const mpq_t allowance, bool whole_units, FreeClaim *claims, size_t count, Err *err);

#endif
