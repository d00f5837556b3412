/**
 * reconcile_spill - records of both sides, spread over partitions on disk by their identity
 *
 * What has the same identity is in the same partition, whichever side it came from, so that one partition after the other
 * is compared in memory. A partition holds about 1/256 of everything; files are made without a name in TMPDIR, only for what
 * does not fit the buffers. Not thread-safe.
 */
#ifndef RATER_RECONCILE_SPILL_H
#define RATER_RECONCILE_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"
#include "schema/segment_store.h"

enum { SPILL_PARTITIONS = 256, SPILL_BUFFER_BYTES = 64 << 10, SPILL_PARTITION_BYTES_MAX = 1 << 30 };
enum { RECONCILE_KEY_BYTES = 16, RECONCILE_REASON_BYTES = 32 };

typedef enum ReconcileSide {
    RECONCILE_FILE,
    RECONCILE_BILLED,
    RECONCILE_LATE,
    RECONCILE_REVERSED,
    RECONCILE_QUARANTINED
} ReconcileSide;

/** A record as one side has it. */
typedef struct ReconcileEntry {
    uint8_t key[RECONCILE_KEY_BYTES]; /* of tenant, request id and attempt; see reconcile_key */
    ReconcileSide side;
    bool inside; /* started in the period of the bill */
    uint32_t tenant;
    uint32_t file;    /* file side: which file … */
    uint64_t number;  /* … and line; quarantine: the row's id */
    SegmentKey place; /* bill side */
    int64_t ordinal;
    uint64_t order;                      /* as it came */
    char reason[RECONCILE_REASON_BYTES]; /* of quarantine */
    UsageRecord record;                  /* texts borrowed */
} ReconcileEntry;

/** Fill `entry->key` from its tenant, the record's id and attempt. An id that was made from a line's content ("d-", "f-")
 *  counts without what tells equal lines apart: how many there are is compared, not which. */
void reconcile_key(ReconcileEntry *entry);

typedef struct Spill Spill;

/** Empty. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Spill *spill_new(Err *err);
void spill_free(Spill **self);

/** Take a copy. `entry->key` is filled. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool spill_add(Spill *self, const ReconcileEntry *entry, Err *err);

typedef struct SpillPart {
    Buffer bytes;
    ReconcileEntry *entries; /* in the order they came; texts in `bytes` */
    size_t count;
} SpillPart;

/** Read partition `index` (< SPILL_PARTITIONS) into an empty part. Release with spill_part_free. ERR_RANGE (more than
 *  SPILL_PARTITION_BYTES_MAX), ERR_NOMEM, ERR_IO. */
MUST_CHECK bool spill_load(Spill *self, size_t index, SpillPart *part, Err *err);
void spill_part_free(SpillPart *part);

#endif
