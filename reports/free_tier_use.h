/**
 * free_tier_use - what accounts took of their free tiers, and on which days
 *
 * Pure: the rater's documents and the hours of the rollups in. What a tenant took stands in the documents. What an account
 * used day by day of what a tier covers is the documents' quantity, spread over the days as the rollups' measure of it is:
 * exact when one of the measures adds up to the quantity, else in proportion to memory x time.
 */
#ifndef REPORTS_FREE_TIER_USE_H
#define REPORTS_FREE_TIER_USE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "reports/free_tier.h"
#include "schema/rollup_store.h"

enum { TIER_MODES = USAGE_MODE_COUNT, TIER_MEASURES = 5, TIER_DAYS = 31 };

typedef struct TierShare {
    char *tenant;
    mpq_t used;
} TierShare;

/* One free tier of one account. */
typedef struct Tier {
    char *account;
    char *name;
    char *unit;
    mpq_t allowance;
    mpq_t used;
    TierShare *shares;
    size_t share_count;
    Json *skus;                /* the modes and skus that it covers, as keys */
    mpq_t covered[TIER_MODES]; /* quantity of them, before the free tier */
    mpz_t measures[TIER_MODES][TIER_MEASURES][TIER_DAYS];
    int64_t days_us[TIER_DAYS];
    mpq_t days[TIER_DAYS]; /* used on each day */
    FreeTierOutlook outlook;
    int64_t day_us;
} Tier;

/** Starts zeroed; cleared with tiers_clear(). */
typedef struct Tiers {
    Tier **items; /* the tiers of an account stand together */
    size_t count;
    size_t capacity;
    size_t cursor; /* where the account of the last rollup row was */
    UtcMonth month;
} Tiers;

/** Take the tiers of the rater's documents (an array), of one account only when `account` is given. `self->month` is set.
 *  ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool tiers_take_documents(Tiers *self, Json *documents, const char *account, Err *err);

/** A RollupVisit: `context` is the Tiers; rows of one hour each. */
bool tiers_take_hour(void *context, const RollupRow *row, Err *err);

/** When all is taken: spread the quantities over the days and look ahead. */
void tiers_look_ahead(Tiers *self, int64_t as_of_us);

void tiers_clear(Tiers *self);

#endif
