/**
 * adjust_rating - a final period rated again, step by step from what was settled to what is known now
 *
 * The steps are the causes of a difference, in this order: copies, conflicts and reversals found since leave the bill, then what
 * arrived since joins it. Rated is always the whole account, from its evidence. Steps at which nothing happened are the same
 * rating.
 */
#ifndef RATER_ADJUST_RATING_H
#define RATER_ADJUST_RATING_H

#include "rater/rate.h"
#include "rater/rate_tenants.h"
#include "rater/verify_parts.h"
#include "schema/adjust_store.h"

typedef enum AdjustStep {
    ADJUST_SETTLED, /* as it was settled last */
    ADJUST_COPIES,
    ADJUST_CONFLICTS,
    ADJUST_REVERSALS,
    ADJUST_LATE,
    ADJUST_STEP_COUNT
} AdjustStep;

/** All tenants with their accounts, as they are in one month: the one that was asked for last. */
typedef struct AdjustMembers {
    RateTenants tenants;
    UtcMonth month;
    bool read;
} AdjustMembers;
/** Read those of a month, unless they are here. */
MUST_CHECK bool adjust_members_read(AdjustMembers *self, Db *db, UtcMonth month, Err *err);
void adjust_members_free(AdjustMembers *self);

/** What is rated: of the account of `tenant`, all borrowed. */
typedef struct AdjustRequest {
    Db *db;
    const RateTenants *tenants; /* all members of the account at least, as it is in the period */
    const RateTenant *tenant;   /* of these; whose written-off records do not count */
    const AdjustBase *base;
    int64_t to_receipt;
    int64_t before_id; /* documents below this id are older; INT64_MAX: all */
} AdjustRequest;

typedef struct AdjustRating {
    PriceBook *book;
    RatingRows *rows[ADJUST_STEP_COUNT]; /* NULL: as the step before */
    Rated *rated[ADJUST_STEP_COUNT];
    RatedSlice slices[ADJUST_STEP_COUNT]; /* of the tenant; all zero: it has no usage */
} AdjustRating;

/** Rate. Freed with adjust_rating_free() in any case. ERR_INPUT (usage without a price), ERR_CORRUPT (a segment, a book), ERR_NOMEM,
 *  ERR_DATABASE, ERR_BUSY. */
MUST_CHECK bool adjust_rate(AdjustRating *self, const AdjustRequest *request, Err *err);
void adjust_rating_free(AdjustRating *self);

/** The rating of a step. */
const Rated *adjust_rated(const AdjustRating *self, AdjustStep step);

#endif
