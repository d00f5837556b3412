/**
 * segment_store - the evidence: packed records of one tenant and hour
 *
 * `sources` says which batch each record came from, and compacted ones with which receipt (segment_sources.h). Rows are
 * inserted, and only compaction replaces some (compact.h), before anything is sealed over them.
 */
#ifndef SCHEMA_SEGMENT_STORE_H
#define SCHEMA_SEGMENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/segment_sources.h"

typedef struct SegmentItem {
    int64_t tenant_id;
    int64_t hour_us;
    int64_t records;
    Text payload; /* a packed UsageBatch */
    Text sources;
} SegmentItem;

/** Insert segments, their digest worked out here. */
MUST_CHECK bool segments_insert(Db *db, int64_t commit_id, const SegmentItem *items, size_t count, Err *err);

/** Make the monthly partitions that hold this instant, outside of a transaction that inserts. */
MUST_CHECK bool partitions_ensure(Db *db, int64_t time_us, Err *err);
/** Those of this month and of the next three. */
MUST_CHECK bool partitions_ahead(Db *db, Err *err);

typedef struct SegmentKey {
    int64_t hour_us;
    int64_t segment_id;
} SegmentKey;

typedef struct SegmentRow {
    int64_t tenant_id;
    SegmentKey key;
    int64_t receipt; /* of its commit: the last one of its records (segment_runs_receipt) */
    int64_t records;
    Text payload; /* borrowed for the time of the callback */
    Text sources;
    Text digest; /* of the payload, as stored */
} SegmentRow;

/** ERR_CORRUPT: its sources do not tell where its records came from. Returns false. */
bool segment_sources_damaged(const SegmentKey *key, Err *err);

/** Called for each segment; returns false (with err set) to stop. */
typedef bool (*SegmentVisit)(void *context, const SegmentRow *row, Err *err);

/** A tenant's segments with start_us <= hour < end_us in the order of hour and id. */
MUST_CHECK bool segment_stream(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, SegmentVisit visit,
                               void *context, Err *err);
/** Named segments of a tenant, in the order of the keys. */
MUST_CHECK bool segment_fetch(Db *db, int64_t tenant_id, const SegmentKey *keys, size_t count, SegmentVisit visit,
                              void *context, Err *err);
/** A tenant's segments of the named hours, any order. */
MUST_CHECK bool segment_stream_hours(Db *db, int64_t tenant_id, const int64_t *hours_us, size_t count,
                                     SegmentVisit visit, void *context, Err *err);
/** Segments of a tenant (0: of all) with start_us <= hour < end_us whose payload holds these bytes (see usage_id_pattern),
 *  in the order of tenant, hour and id. The server reads every segment of the period and sends those alone. */
MUST_CHECK bool segment_search(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, Text pattern,
                               SegmentVisit visit, void *context, Err *err);

#endif
