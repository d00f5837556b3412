/**
 * unbilled_store - usage of months that are closed, of accounts that have no invoice of them
 */
#ifndef SCHEMA_UNBILLED_STORE_H
#define SCHEMA_UNBILLED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

/** One tenant's usage of one UTC month (borrowed for the time of the callback). */
typedef struct UnbilledRow {
    const char *tenant;
    const char *month; /* "2026-05" */
    int64_t records;
    int64_t first_us; /* start of its first hour */
    int64_t last_us;  /* and of its last */
} UnbilledRow;

/** Returns false (with err set) to stop. */
typedef bool (*UnbilledVisit)(void *context, const UnbilledRow *row, Err *err);

/** Visit what was received, up to and with `receipt`, of months before `month` after the first invoice of that month was final, where no
 *  tenant of the account ever had a final invoice whose period touches the hour. By tenant and month. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool unbilled_visit(Db *db, UtcMonth month, int64_t receipt, UnbilledVisit visit, void *context, Err *err);

#endif
