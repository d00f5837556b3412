/**
 * compact_store - the statements of compaction; used by compact.c alone, inside the sealing transaction
 */
#ifndef SCHEMA_COMPACT_STORE_H
#define SCHEMA_COMPACT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

/** Keep those who look for duplicates of a tenant away until the transaction ends. `*locked` false: one is at work. */
MUST_CHECK bool compact_lock(Db *db, int64_t tenant_id, bool *locked, Err *err);

/** A segment that may be merged. */
typedef struct CompactPart {
    int64_t segment_id;
    int64_t commit_id;
    int64_t records;
    int64_t bytes; /* of its payload */
} CompactPart;

/** Which: of one tenant's hour, with these receipts, at most so large, and named by no exclusion. */
typedef struct CompactChoice {
    int64_t tenant_id;
    int64_t hour_us;
    int64_t receipt_from;
    int64_t receipt_to;
    int64_t records_max;
    int64_t bytes_max;
} CompactChoice;
/** In the order of receipt and id. `*parts` becomes the caller's to free(). */
MUST_CHECK bool compact_parts(Db *db, const CompactChoice *choice, CompactPart **parts, size_t *count, Err *err);

/** A merged segment that is to be written. */
typedef struct CompactSegment {
    int64_t commit_id; /* the last one of its records */
    int64_t records;
    Buffer payload;
    Buffer sources;
} CompactSegment;
MUST_CHECK bool compact_insert(Db *db, int64_t tenant_id, int64_t hour_us, const CompactSegment *segment,
                               int64_t *segment_id, Err *err);
/** Delete `parts`, of which `made` hold exactly the records: the database compares, batch by batch and receipt by receipt. */
MUST_CHECK bool compact_replace(Db *db, int64_t tenant_id, int64_t hour_us, const CompactPart *parts, size_t part_count,
                                const int64_t *made, size_t made_count, Err *err);

#endif
