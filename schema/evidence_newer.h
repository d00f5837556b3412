/**
 * evidence_newer - of which tenants evidence came in after something, asked for many at once
 *
 * Cheap where nothing did, which is most of the time: whoever counts or compares asks this first.
 */
#ifndef SCHEMA_EVIDENCE_NEWER_H
#define SCHEMA_EVIDENCE_NEWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"
#include "schema/db_array.h"

/** Called for a tenant; returns false (with err set) to stop. */
typedef bool (*EvidenceNewerVisit)(void *context, int64_t tenant_id, Err *err);

/** Visit, in no order, those of `tenants` of whom a segment or an exclusion of the hours from start_us up to, not including, end_us came in after
 *  the receipt that stands beside each in `receipts` (both DB_BIGINT; 0: of whom there is any). In the caller's transaction. */
MUST_CHECK bool evidence_newer(Db *db, DbArray *tenants, DbArray *receipts, int64_t start_us, int64_t end_us,
                               EvidenceNewerVisit visit, void *context, Err *err);

#endif
