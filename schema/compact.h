/**
 * compact - the small segments of closed hours become few, before they are sealed
 *
 * A part of seal_round.h's transaction: what is merged here is what the seal then covers, and nothing sealed is ever touched.
 * Records stay as they are, each with its batch and its receipt (segment_sources.h); a merged segment belongs to the last commit
 * of its records. Left alone: segments that an exclusion names, those half full or more, those that are not what their digest
 * says or hold fields of a newer version, and a tenant whose duplicates are being looked for at the moment.
 *
 * Memory: the parts' numbers of one hour, and the bytes of one merged segment and of its largest part.
 */
#ifndef SCHEMA_COMPACT_H
#define SCHEMA_COMPACT_H

#include <stdint.h>

#include "lib/err.h"
#include "proto/usage_batch.h"
#include "schema/db.h"
#include "schema/seal_store.h"

enum {
    COMPACT_RECORDS_MAX = USAGE_BATCH_RECORDS, /* of a merged segment: as many as a full batch brings by itself */
    COMPACT_BYTES_MAX =
        USAGE_BATCH_BYTES_MAX / 2,     /* of its parts: columns that only some of them have may double them */
    COMPACT_ROUND_BYTES_MAX = 64 << 20 /* of parts in one transaction: some seconds */
};

typedef struct CompactReport {
    int64_t merged; /* segments that went … */
    int64_t made;   /* … into so many */
} CompactReport;

/** Merge what receipts receipt_from (of the hour's seal) to `receipt` brought to each hour. Hours behind
 *  COMPACT_ROUND_BYTES_MAX are cut off `hours`: true in `*cut`. `report` is set. */
MUST_CHECK bool compact_hours(Db *db, SealHours *hours, int64_t receipt, CompactReport *report, bool *cut, Err *err);

#endif
