/**
 * reconcile_match - which record of a customer's log is which on the bill
 *
 * Pure. Records of one identity are put side by side: first those that agree in every compared field, then the others in the
 * order of their start. A log's second copy of a record is told apart by the rule that import has (duplicates.h), so that
 * the retries of a request each find their own. A field that the log does not state is not compared.
 */
#ifndef RATER_RECONCILE_MATCH_H
#define RATER_RECONCILE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "rater/reconcile_spill.h"

typedef enum ReconcileStatus {
    RECONCILE_MATCHED,
    RECONCILE_DIFFERS,
    RECONCILE_NOT_BILLED,  /* in the file; `other` says why, when it is late, reversed or in quarantine */
    RECONCILE_NOT_IN_FILE, /* on the bill */
    RECONCILE_REPEATED,    /* a second copy within the files: counts once */
    RECONCILE_CONTRADICTS, /* the files say two things of one record: the first one is compared */
    RECONCILE_STATUS_COUNT
} ReconcileStatus;
/** "matched", "differs", "missing_on_bill", "missing_in_file", "repeated_in_file", "contradiction_in_file". */
extern const char *const RECONCILE_STATUS_NAMES[RECONCILE_STATUS_COUNT];

/* Compared fields, named as a record's JSON names them; one bit each. */
typedef enum ReconcileField {
    FIELD_STARTED_AT, /* 30 s apart are the same when one side is a Lambda log */
    FIELD_DURATION,
    FIELD_INIT_DURATION, /* none is 0 */
    FIELD_MEMORY,
    FIELD_EPHEMERAL,
    FIELD_ARCHITECTURE,
    FIELD_REGION,
    FIELD_MODE,
    FIELD_PACKAGE,
    FIELD_FUNCTION,
    FIELD_VERSION,
    FIELD_STATUS,
    FIELD_CPU,
    FIELD_RESPONSE_BYTES,
    FIELD_CAPACITY_UNITS, /* also: is it capacity at all? */
    FIELD_STREAMED,       /* where the file says how much was sent */
    FIELD_MAX_MEMORY,
    RECONCILE_FIELD_COUNT
} ReconcileField;
extern const char *const RECONCILE_FIELD_NAMES[RECONCILE_FIELD_COUNT];

/** Which of `fields` (bits) differ. */
uint32_t reconcile_compare(const UsageRecord *file, const UsageRecord *bill, uint32_t fields);

/** The bill's record with what the file says otherwise (`differs`): how the file would have it billed. */
UsageRecord reconcile_as_in_file(const UsageRecord *file, const UsageRecord *bill, uint32_t differs);

typedef struct ReconcileMatch {
    ReconcileStatus status;
    const ReconcileEntry *file;  /* NULL: not in a file */
    const ReconcileEntry *bill;  /* NULL: not on the bill */
    const ReconcileEntry *other; /* why not: the late, reversed or quarantined record; NULL */
    uint32_t differs;
} ReconcileMatch;
typedef bool (*ReconcileVisit)(void *context, const ReconcileMatch *match, Err *err);

/** Match the records of one partition (`entries` is reordered). What started outside of the month on both sides is left out.
 *  ERR_NOMEM, or what `visit` says. */
MUST_CHECK bool
reconcile_match(ReconcileEntry *entries, size_t count, uint32_t fields, ReconcileVisit visit, void *context, Err *err);

#endif
