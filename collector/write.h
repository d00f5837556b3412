/**
 * write - what regroup made, into the database, inside the caller's transaction
 *
 * Shared by the group commit and by the replay of quarantine. Partitions are made outside of that transaction: ask
 * months_known first; when it says no, roll back, months_make, and run the whole transaction again.
 */
#ifndef COLLECTOR_WRITE_H
#define COLLECTOR_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/regroup.h"
#include "lib/err.h"
#include "schema/config_table.h"
#include "schema/db.h"

/** Months whose partitions are there. Starts zeroed; release with months_free. */
typedef struct Months {
    int64_t *starts_us;
    size_t count, capacity;
} Months;

void months_free(Months *self);
bool months_known(const Months *self, const RegroupOutput *output);
MUST_CHECK bool months_make(Months *self, Db *db, const RegroupOutput *output, Err *err);

/** Segments, rollups (in key order), quarantine, losses and import periods. Ledger rows come before this call. */
MUST_CHECK bool usage_write(Db *db, ConfigTable *configs, const RegroupOutput *output, int64_t commit_id, Err *err);

#endif
