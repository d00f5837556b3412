/**
 * rate_seals - a final invoice names the seals of its period: they are made before it
 */
#ifndef RATER_RATE_SEALS_H
#define RATER_RATE_SEALS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/utc.h"
#include "rater/rate_periods.h"
#include "schema/db.h"
#include "schema/seal.h"
#include "schema/seal_cover.h"
#include "schema/seal_round.h"

/** Seal what there is of every UTC month that a period which is over touches, with a root for each tenant. `compactor` is outside of a
 *  transaction. ERR_NOT_FOUND, ERR_DENIED (the sealing key), ERR_CORRUPT (a segment of `month` is not what its digest says, unless
 *  `damage_is_known`: what is whole is sealed in any case), ERR_CONFLICT (the database was set back), ERR_IO. `report` (may be NULL):
 *  what was done. */
MUST_CHECK bool rate_seal_periods(Db *compactor, const Config *config, UtcMonth month, const RatePeriods *periods,
                                  bool damage_is_known, SealReport *report, Err *err);

/** Put the final invoices that were just made under a signed head, so that none can be taken away unseen. They are final whether
 *  this can be done now or not: what keeps it from being done is logged, and the next who seals does it. */
void rate_seal_invoices(Db *compactor, const Config *config);

/** Roots of the UTC months that a period touches, in order, those that there are. */
enum { RATE_ROOTS_MAX = 4 }; /* two months, and what zones and billing days add on both sides */
typedef struct RateRoots {
    SealRoot all[RATE_ROOTS_MAX];
    size_t count;
} RateRoots;

/** How far seals go, of many tenants of one period. All zero: nobody was asked for. */
typedef struct RateSeals {
    BillingPeriod period;
    SealCoverHours hours[RATE_ROOTS_MAX]; /* of the period, in each UTC month that it touches */
    SealCover cover[RATE_ROOTS_MAX];
    size_t month_count;
} RateSeals;

/** Begin anew, with tenants of this period. Memory is kept. */
void rate_seals_begin(RateSeals *self, const BillingPeriod *period);
/** Ask for another tenant with the next rate_seals_read(). ERR_NOMEM. */
MUST_CHECK bool rate_seals_want(RateSeals *self, int64_t tenant_id, Err *err);
/** Read, in the snapshot of the rating run, in which `last_receipt` is the last one. */
MUST_CHECK bool rate_seals_read(RateSeals *self, Db *db, int64_t last_receipt, Err *err);
void rate_seals_free(RateSeals *self);

/** Was this tenant, with its period, asked for? */
bool rate_seals_know(const RateSeals *self, const RateTenant *tenant);

/** The roots of the period of a tenant that was asked for. ERR_BUSY when they do not cover everything: more came in since; seal and rate
 *  again. */
MUST_CHECK bool rate_roots(const RateSeals *self, const RateTenant *tenant, bool used, RateRoots *roots, Err *err);

#endif
