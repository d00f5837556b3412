/**
 * replay - records in quarantine whose cause is gone, billed
 *
 * A replayed record keeps the batch that brought it. Then duplicates are looked for where something was replayed: whoever
 * imported the file again meanwhile is not billed twice.
 */
#ifndef COLLECTOR_REPLAY_H
#define COLLECTOR_REPLAY_H

#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"
#include "schema/quarantine_store.h"

typedef struct ReplayReport {
    int64_t replayed;
    int64_t left;   /* replayable in form, but the cause is still there */
    int64_t copies; /* of the replayed: known already */
    int64_t conflicts;
} ReplayReport;

/** Replay every open row that `filter` names (its id, tenant and reason). May be run again. */
MUST_CHECK bool replay_run(Db *db, const QuarantineFilter *filter, ReplayReport *report, Err *err);

#endif
