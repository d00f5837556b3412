/**
 * counted - every record of a tenant that counts, as it was at a watermark
 *
 * Evidence less exclusions, in the order of hour, segment and record: what is billed, one by one. One segment is held at a time.
 */
#ifndef RATER_COUNTED_H
#define RATER_COUNTED_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "proto/usage_record.h"
#include "schema/db.h"
#include "schema/segment_store.h"
#include "schema/verify_store.h"

/** Texts are borrowed for the time of the call. */
typedef struct CountedRecord {
    SegmentKey place;
    int64_t ordinal;
    int64_t receipt;
    int64_t segment_records;
    bool reversed;
    UsageRecord record;
} CountedRecord;

/** Called for each; returns false (with err set) to stop. */
typedef bool (*CountedVisit)(void *context, const CountedRecord *counted, Err *err);

/** Visit what started in `period` (any two instants, the end not included) and came with receipts above `after` (0: all) and up to `watermark`, inside a snapshot. ERR_CORRUPT, ERR_PROTOCOL: a segment
 *  cannot be read. */
MUST_CHECK bool counted_records(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t after, int64_t watermark,
                                CountedVisit visit, void *context, Err *err);

/** The same, and between them those that were reversed up to `watermark`. */
MUST_CHECK bool counted_and_reversed(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark,
                                     CountedVisit visit, void *context, Err *err);

/** How many records of a period (any two instants) were received after a watermark and count: whole hours by what segments say of
 *  themselves, the others record by record. */
MUST_CHECK bool
counted_late(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, int64_t *records, Err *err);

#endif
