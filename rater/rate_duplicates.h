/**
 * rate_duplicates - what a rating run does before it rates: exclude duplicates, as the role that may
 */
#ifndef RATER_RATE_DUPLICATES_H
#define RATER_RATE_DUPLICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "rater/rate_month.h"
#include "rater/rate_tenants.h"
#include "schema/db.h"
#include "schema/duplicates.h"
#include "schema/segment_tenants.h"

/** The tenants among whose records duplicates can be: those with evidence in the periods of `tenants`, or in the days around them. Freed
 *  with segment_tenants_free() in any case. Tried again when the database is busy. */
MUST_CHECK bool rate_duplicates_where(SegmentTenants *with, Db *compactor, const RateTenants *tenants, Err *err);

/** Exclude the duplicates of every tenant in its period; adds to the report's counts. Each tenant in a transaction of its own,
 *  tried again when the database is busy. */
MUST_CHECK bool rate_exclude_duplicates(Db *db, const RateTenants *tenants, RateReport *report, Err *err);

/** Those of one tenant in its period; added to `report`. */
MUST_CHECK bool rate_exclude_of(Db *compactor, const RateTenant *tenant, DuplicatesReport *report, Err *err);

/** Those of one tenant, over whole hours. `found` may be NULL. */
MUST_CHECK bool
rate_exclude_of_tenant(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, DuplicatesReport *found, Err *err);

/** After a deadlock, a serialization failure or a lost connection: wait a little, longer with each attempt (from 1), and
 *  have a connection. False when err is of another kind or it was tried often enough; err is kept. */
MUST_CHECK bool rate_recover(Db *db, int attempt, Err *err);

#endif
