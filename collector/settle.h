/**
 * settle - the last word on an import: its duplicates excluded, its records counted
 *
 * Looks for duplicates in every month and tenant that the import brought records for. Idempotent. One owner thread.
 */
#ifndef COLLECTOR_SETTLE_H
#define COLLECTOR_SETTLE_H

#include "lib/err.h"
#include "lib/text.h"
#include "schema/batch_store.h"
#include "schema/db.h"

/** ERR_BUSY may be tried again. */
MUST_CHECK bool settle_import(Db *db, Text import_id, ImportCounts *counts, Err *err);

#endif
