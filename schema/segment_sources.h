/**
 * segment_sources - which batch brought each record of a segment, and with which receipt
 *
 * Two encodings, told apart by their first byte (doc/seals.md, "Where records came from"):
 *   0  as it came: runs of (stream_id, sequence, records), three big-endian 8-byte numbers each; every record has the receipt
 *      of the segment's commit (a stream's number is far below 2^56, so the first byte is 0)
 *   2  compacted: that byte, then runs of (stream_id, sequence, receipt, records), four varints each; the first three as
 *      zigzag differences to the run before, the first run to zeros
 * Runs are in the order of the records. Numbers are below SEGMENT_NUMBER_MAX.
 */
#ifndef SCHEMA_SEGMENT_SOURCES_H
#define SCHEMA_SEGMENT_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

#define SEGMENT_NUMBER_MAX (INT64_C(1) << 55)

/** Append a run of records of one batch as it came, joined to the run before when it is the same batch. */
MUST_CHECK bool segment_sources_append(Buffer *sources, int64_t stream_id, int64_t sequence, int64_t records, Err *err);

typedef struct SegmentRun {
    int64_t stream_id;
    int64_t sequence;
    int64_t receipt; /* 0: that of the segment's commit */
    int64_t records;
} SegmentRun;

/** Runs one after the other. */
typedef struct SegmentRuns {
    Text sources; /* borrowed */
    size_t at;
    SegmentRun run; /* the present one */
    int64_t end;    /* ordinal after its last record; 0 before the first run */
    bool damaged;   /* the bytes are no whole runs */
} SegmentRuns;
void segment_runs_start(SegmentRuns *self, Text sources);
/** Step to the next run. False after the last one, or where the bytes are damaged. */
bool segment_runs_next(SegmentRuns *self);
/** Step to the run that holds record `ordinal`, which lies in the present run or behind it. False: the runs do not reach that far. */
bool segment_runs_reach(SegmentRuns *self, int64_t ordinal);
/** The receipt of the present run's records, in a segment whose commit has `of_segment`. */
int64_t segment_runs_receipt(const SegmentRuns *self, int64_t of_segment);

/** The run that holds record `ordinal`. False when the runs do not reach that far. */
MUST_CHECK bool segment_run_of(Text sources, uint32_t ordinal, SegmentRun *run);
/** How many records the runs name; -1 when the bytes are no whole runs of at least one record. */
int64_t segment_sources_records(Text sources);

/** Makes the compacted encoding. Starts zeroed; release bytes with buffer_free(). */
typedef struct SegmentSourcesBuilder {
    Buffer bytes;
    SegmentRun last; /* written */
    SegmentRun open; /* not yet; records 0: none */
} SegmentSourcesBuilder;
/** Add records, joined to the run before when they have the same batch and receipt. ERR_RANGE: a number above the limit. */
MUST_CHECK bool segment_sources_add(SegmentSourcesBuilder *self, const SegmentRun *run, Err *err);
/** Write what is open: bytes are complete. */
MUST_CHECK bool segment_sources_finish(SegmentSourcesBuilder *self, Err *err);

#endif
