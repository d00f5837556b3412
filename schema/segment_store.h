/**
 * segment_store - the evidence: packed records of one tenant and hour
 *
 * `sources` says which batch each record came from: runs of (stream_id, sequence, records), three big-endian 8-byte
 * numbers each, in record order. Rows are only ever inserted.
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

/** Append a run of records of one batch, joined to the run before when it is the same batch. */
MUST_CHECK bool segment_sources_append(Buffer *sources, int64_t stream_id, int64_t sequence, int64_t records, Err *err);
/** Which batch brought record `ordinal`. False when the runs do not reach that far. */
MUST_CHECK bool segment_source_of(Text sources, uint32_t ordinal, int64_t *stream_id, int64_t *sequence);
/** How many records the runs name; -1 when the bytes are no whole runs of at least one record. */
int64_t segment_sources_records(Text sources);

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
    int64_t receipt;
    int64_t records;
    Text payload; /* borrowed for the time of the callback */
    Text sources;
} SegmentRow;

/** Called for each segment; returns false (with err set) to stop. */
typedef bool (*SegmentVisit)(void *context, const SegmentRow *row, Err *err);

/** A tenant's segments with start_us <= hour < end_us in the order of receipt (then hour, then id). */
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
