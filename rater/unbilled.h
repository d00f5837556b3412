/**
 * unbilled - usage of earlier months that no run will come by of itself
 *
 * What arrives late for an account that has an invoice of the month becomes an adjustment. An account that used nothing when the month was
 * closed has none: its late usage is billed by rating that month once more, and somebody must be told.
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
    int64_t last_us;
} UnbilledMonth;

typedef struct Unbilled {
    UnbilledMonth *all; /* by tenant and month */
    size_t count, capacity;
} Unbilled;

/** Find what lies before the period of `month` of each tenant, received up to and with `receipt`. `*self` is all zero; freed with
 *  unbilled_free() in any case. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool unbilled_find(Unbilled *self, Db *db, UtcMonth month, int64_t receipt, Err *err);
void unbilled_free(Unbilled *self);

/** A warning for each on standard error. */
void unbilled_warn(const Unbilled *self, const char *program);
/** The list `unbilled`: [{tenant, month, records}]. ERR_NOMEM. */
MUST_CHECK bool unbilled_json(const Unbilled *self, Json *object, Err *err);

#endif
