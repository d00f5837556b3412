/**
 * verify_conserve - where the records of each stream and source are now
 *
 * emitted = billed + copies + conflicts + reversed + quarantined + lost. What was emitted stands in the ledger; the rest is counted in
 * quarantine, exclusions and losses, so that `unaccounted` is not zero by construction.
 */
#ifndef SCHEMA_VERIFY_CONSERVE_H
#define SCHEMA_VERIFY_CONSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

typedef struct Conserved {
    const char *agent; /* texts are borrowed for the time of the call */
    int64_t stream_id;
    const char *source;
    int64_t batches;
    int64_t emitted;     /* records that came, and records that were reported lost */
    int64_t billed;      /* that count now: replayed ones included, excluded ones not */
    int64_t copies;      /* excluded: the same record came before */
    int64_t conflicts;   /* excluded, and in quarantine: the same identity with other facts came before */
    int64_t reversed;    /* taken back */
    int64_t quarantined; /* waiting */
    int64_t lost;
    const char *lost_by_reason; /* JSON object: reason → records */
    int64_t unaccounted;
} Conserved;
typedef bool (*ConservedVisit)(void *context, const Conserved *row, Err *err);

/** Every stream and source, by agent, stream and source. In the caller's snapshot. */
MUST_CHECK bool verify_conserve(Db *db, ConservedVisit visit, void *context, Err *err);

#endif
