/**
 * seal_cover - how far seals cover the hours of many tenants, read in a few statements
 *
 * What a final invoice is asked for: the root of a month, and whether it covers everything that there is of some hours. All in the caller's
 * transaction. Not thread-safe.
 */
#ifndef SCHEMA_SEAL_COVER_H
#define SCHEMA_SEAL_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"
#include "schema/seal.h"

/** Of one tenant. */
typedef struct TenantCover {
    int64_t tenant_id;
    SealRoot root; /* the last one of the month, as of seal_root_find(); its revision is 0 where there is none */
    bool waits;    /* the queue holds one of the hours */
    bool grew;     /* evidence of the hours came in after the root (where there is none: there is some) */
} TenantCover;

/** Of the tenants that were asked for. All zero: nobody was. */
typedef struct SealCover {
    TenantCover *all; /* by tenant_id */
    size_t count, capacity;
} SealCover;

/** The hours of a month from start_us up to, not including, end_us. */
typedef struct SealCoverHours {
    UtcMonth month;
    int64_t start_us, end_us;
} SealCoverHours;

/** Ask for another tenant with the next seal_cover_read(). ERR_NOMEM. */
MUST_CHECK bool seal_cover_want(SealCover *self, int64_t tenant_id, Err *err);
/** Read. Where nothing came in after a root nothing grew: `last_receipt` is the last one in the caller's snapshot. */
MUST_CHECK bool seal_cover_read(SealCover *self, Db *db, const SealCoverHours *hours, int64_t last_receipt, Err *err);
/** NULL: it was not asked for. */
const TenantCover *seal_cover_find(const SealCover *self, int64_t tenant_id);
/** Nobody was asked for; memory is kept. */
void seal_cover_clear(SealCover *self);
void seal_cover_free(SealCover *self);

#endif
