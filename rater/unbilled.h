/**
 * unbilled - usage of earlier months that no run will come by of itself
 *
 * What arrives late for an account that has an invoice of the month becomes an adjustment. An account that used nothing when the month was
 * closed has none: closing a later month rates that one once more for it (close_late.c). Whoever only rates is told.
 */
#ifndef RATER_UNBILLED_H
#define RATER_UNBILLED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "schema/db.h"

typedef struct UnbilledMonth {
    char *tenant;
    char month[8]; /* of its hours, UTC */
    int64_t records;
    int64_t first_us;
    int64_t last_us;
    int64_t late_months; /* the policy of the contract by which its tenant is billed now; -1: whatever its age */
    bool too_old;        /* by that policy */
} UnbilledMonth;

typedef struct Unbilled {
    UnbilledMonth *all; /* by tenant and month */
    size_t count, capacity;
} Unbilled;

/** Find what lies before the period of `month` of each tenant, received up to and with `receipt`. `*self` is all zero; freed with
 *  unbilled_free() in any case. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool unbilled_find(Unbilled *self, Db *db, UtcMonth month, int64_t receipt, Err *err);
void unbilled_free(Unbilled *self);

/** Is usage of the billing period `origin` older than what is billed with `month`? */
bool unbilled_is_too_old(const UnbilledMonth *self, UtcMonth origin, UtcMonth month);

/** A warning for each on standard error. */
void unbilled_warn(const Unbilled *self, const char *program);
/** The list `unbilled`: [{tenant, month, records, too_old}]. ERR_NOMEM. */
MUST_CHECK bool unbilled_json(const Unbilled *self, Json *object, Err *err);

#endif
