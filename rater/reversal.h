/**
 * reversal - which records a person means, and taking them back
 *
 * Duplicates of the months concerned are looked for first, so that what is left of an id are records that count, and a copy
 * does not stay when the record that it repeats is taken back. Then all that is meant of one tenant goes in one transaction
 * (schema/reversal.h). As the owner.
 */
#ifndef RATER_REVERSAL_H
#define RATER_REVERSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "rater/log_file.h"
#include "schema/reversal.h"

enum { REVERSAL_RECORDS_TOLD = 100 };

typedef struct ReversalRequest {
    const char *tenant;
    const char *const *paths; /* logs whose records are meant, each to the microsecond of its start */
    size_t path_count;
    LogReading reading;
    const char *request_id; /* or this one; all up to `month` is about it alone */
    uint32_t attempt;
    int64_t started_at_us; /* USAGE_ABSENT: whenever */
    bool all;              /* where several count: all of them */
    const UtcMonth *month; /* look there and a day around it; NULL: everywhere */
    bool dry_run;
    ReversalNote note;
} ReversalRequest;

/** Take back what the tenant's logs say, or one record. The answer becomes the caller's: tenant, request_id and attempt (of one), dry_run, counts (reversed, already_reversed, not_counted, unknown), other_tenants and unreadable (lines of logs), records (started_at, state; of logs those that were
 *  not reversed now, with file and line, at most REVERSAL_RECORDS_TOLD),
 *  final_invoices (numbers of those that cover them and stay as they are). NULL: ERR_NOT_FOUND (tenant or record), ERR_USAGE (several
 *  count and none was chosen), ERR_BUSY, ERR_DATABASE, ERR_CORRUPT, ERR_NOMEM. */
MUST_CHECK Json *reversal_make(Db *db, const ReversalRequest *request, Err *err);

#endif
