/**
 * replay - records in quarantine whose cause is gone, billed
 *
 * A replayed record keeps the batch that brought it. Then duplicates are looked for where something was replayed: whoever
 * imported the file again meanwhile is not billed twice.
 */
#ifndef COLLECTOR_REPLAY_H
#define COLLECTOR_REPLAY_H

#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "schema/db.h"
#include "schema/quarantine_store.h"

typedef struct ReplayReport {
    int64_t replayed;
    int64_t left;   /* tenant exists, but the cause is still there */
    int64_t copies; /* of the replayed: known already */
    int64_t conflicts;
} ReplayReport;

/** Replay the open rows that `filter` names (its id, tenant and reason) and whose cause is gone. May be run again.
 *
 *  unknown_tenant: its tenant exists now. too_old: only if `filter` has an id or a reason. in_future: likewise, and no
 *  farther ahead now than `config` lets live records be. Other reasons stay. A live record that waited for its tenant is
 *  held to the limits of live records: not ahead now and, unless its id is given, not too old when it was received. */
MUST_CHECK bool
replay_run(Db *db, const Config *config, const QuarantineFilter *filter, ReplayReport *report, Err *err);

#endif
