/**
 * free_tier_use - what accounts took of their free tiers, and on which days
 *
 * Pure: the rater's documents and the hours of the rollups in. What a tenant took stands in the documents. What an account
 * used day by day of what a tier covers is the documents' quantity, spread over the days as the rollups' measure of it is:
 * exact when one of the measures adds up to the quantity, else in proportion to memory x time. The habit of the week, where the account has whole
 * weeks of history, is the same measure of all its tenants in the hours of those weeks.
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

enum {
    TIER_MODES = USAGE_MODE_COUNT,
    TIER_MEASURES = 5,
    TIER_DAYS = 64 /* of a period, UTC days that it touches: twice a month where a contract changes its billing day */
};

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
    int64_t start_us, end_us;  /* of the account's billing period */
    Json *skus;                /* the modes and skus that it covers, as keys */
    mpq_t covered[TIER_MODES]; /* quantity of them, before the free tier */
    /* Of modes that it covers, else NULL: */
    RollupTotal (*measures[TIER_MODES])[TIER_DAYS]; /* TIER_MEASURES, on each day */
    RollupTotal *week[TIER_MODES];                  /* FORECAST_SLOTS: its measure in the weeks of habit */
    size_t measure[TIER_MODES];                     /* that the quantity is spread by */
    RollupTotal total[TIER_MODES];                  /* of that measure in the period */
    int64_t first_us;                               /* first use of the account in its last weeks; INT64_MAX: none */
    bool is_open;                                   /* its period is under way */
    int weeks;                                      /* of habit that its outlook goes by; 0: a straight line */
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
    int64_t as_of_us;
} Tiers;

/** Take the tiers of the rater's documents (an array), of one account only when `account` is given. ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool tiers_take_documents(Tiers *self, Json *documents, const char *account, Err *err);

/** The first tier of an account, SIZE_MAX when it has none / is there a tier at this place, and of this account? */
size_t tiers_first_of(Tiers *self, Text account);
bool tiers_is_of(const Tiers *self, size_t at, Text account);

/** From the first start to the last end of their periods, and whether one of them is under way. False: there are no tiers. */
bool tiers_span(const Tiers *self, int64_t as_of_us, int64_t *start_us, int64_t *end_us, bool *under_way);

/** A RollupVisit: `context` is the Tiers; rows of one hour each, of the span. */
bool tiers_take_hour(void *context, const RollupRow *row, Err *err);

/** When all hours are taken: find by what measure quantities are spread. */
void tiers_find_measures(Tiers *self);

/** The first use of some tenant of an account in the history. */
void tiers_take_first(Tiers *self, Text account, int64_t first_us);
/** When all are taken: how many weeks count, as of `as_of_us`. ERR_NOMEM. */
MUST_CHECK bool tiers_set_weeks(Tiers *self, int64_t as_of_us, Err *err);
/** A RollupVisit as above, of the history; `self->as_of_us` is set. */
bool tiers_take_history(void *context, const RollupRow *row, Err *err);

/** Spread the quantities over the days and look ahead. */
void tiers_look_ahead(Tiers *self, int64_t as_of_us);

void tiers_clear(Tiers *self);

#endif
