/**
 * explain - what became of a record, as JSON and for people
 *
 * Reads one snapshot and changes nothing. Every figure comes from the tables, or from the pure functions that rate.
 */
#ifndef RATER_EXPLAIN_H
#define RATER_EXPLAIN_H

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

/* More records of one id are counted, not told. */
enum { EXPLAIN_RECORDS_MAX = 100 };

typedef struct ExplainRecordRequest {
    const char *request_id;
    const char *tenant;    /* NULL: all */
    const UtcMonth *month; /* NULL: all; else its hours and those of the days around it */
} ExplainRecordRequest;

/** Everything that is known of a request id: `records` (each with its fate), `quarantined`, `searched`. Caller releases.
 *  NULL: ERR_NOT_FOUND (the tenant), ERR_CORRUPT, ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK Json *explain_record(Db *db, const ExplainRecordRequest *request, Err *err);

/** The same for people; what came from outside is made harmless. ERR_NOMEM. */
MUST_CHECK bool explain_record_text(Json *explanation, Buffer *out, Err *err);

/** The text of a member, "" when it is absent; numbers and booleans as JSON writes them. Borrowed. */
const char *explain_member(Json *object, const char *key);

#endif
