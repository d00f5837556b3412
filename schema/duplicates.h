/**
 * duplicates - the same record that came twice, found and excluded
 *
 * Identity is (tenant, request_id, attempt). Among records of the same identity the first received is kept. A later one
 * with the same content is a copy. When one of the two comes from a Lambda log, a repeated request id is a retry: same
 * duration and a start within 30 s is a copy, anything else another attempt, and both are billed. All else is a conflict:
 * excluded, and kept in quarantine with both digests.
 *
 * A record that was reversed takes part like one that counts: a copy that comes later is a copy of it, and does not bring it back.
 *
 * Evidence is never rewritten: an exclusion row takes the record out, and its share is taken out of the rollups in the same
 * transaction. 24 to 48 bytes of memory for each record of the period, 88 more for each that shares its identity.
 */
#ifndef SCHEMA_DUPLICATES_H
#define SCHEMA_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "proto/usage_record.h"
#include "schema/db.h"

#define DUPLICATES_SAME_START_US INT64_C(30000000)
enum {
    DUPLICATES_HASH_BYTES = 16,
    DUPLICATES_ATTEMPTS_COMPARED = 1000 /* a record is compared with the first and with the last so many kept */
};

/** One of several records of the same identity. */
typedef struct DuplicateCandidate {
    uint8_t identity[DUPLICATES_HASH_BYTES]; /* keyed hash of request_id and attempt */
    uint32_t segment;                        /* in the order of hour and id */
    uint32_t ordinal;
    int64_t receipt;                        /* of the record: a compacted segment holds several */
    uint8_t content[DUPLICATES_HASH_BYTES]; /* keyed hash of every fact */
    int64_t started_at_us;
    int64_t duration_us;
    bool lambda;   /* from a Lambda log: reported_billed_ms is present */
    bool reversed; /* excluded already, by a reversal: what comes after it is its copy all the same */
} DuplicateCandidate;

typedef enum DuplicateVerdict {
    DUPLICATE_KEPT, /* the first, or another attempt */
    DUPLICATE_SAME, /* a copy to the last fact */
    DUPLICATE_COPY, /* a copy that differs in what does not matter */
    DUPLICATE_CONFLICT,
    DUPLICATE_REVERSED /* taken back by a person: not decided here, see reversal.h */
} DuplicateVerdict;

typedef struct DuplicateDecision {
    DuplicateVerdict verdict;
    size_t kept; /* index of the record it is a copy of or in conflict with; itself when kept */
} DuplicateDecision;

/** Pure: decide a run of candidates of one identity in the order of receipt. */
void duplicates_decide(const DuplicateCandidate *run, size_t count, DuplicateDecision *decisions);

/** Fill everything but the place from a record. `key`: random, the run's own. */
void duplicates_describe(DuplicateCandidate *candidate, const UsageRecord *record, const HashKey *key);
/** Hash request_id and attempt. */
void duplicates_identity(const UsageRecord *record, const HashKey *key, uint8_t out[DUPLICATES_HASH_BYTES]);

typedef struct DuplicatesReport {
    int64_t records; /* looked at: neighbouring days included, earlier exclusions not */
    int64_t copies;  /* newly excluded */
    int64_t conflicts;
} DuplicatesReport;

/** Find and exclude one tenant's duplicates from start_us to end_us (whole hours) and over the neighbouring days, in one
 *  transaction of its own. One run for a tenant at a time (advisory lock). A second run finds nothing. ERR_BUSY may be
 *  tried again. */
MUST_CHECK bool
duplicates_exclude(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, DuplicatesReport *report, Err *err);

#endif
