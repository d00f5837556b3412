/**
 * reconcile - a customer's own log against the bill, record by record
 *
 * Both sides are spread over partitions on disk and compared one partition after the other (reconcile_spill.h), so memory does
 * not grow with the month: it holds one partition, and the usage of the account by configuration. One snapshot; nothing is
 * changed. The bill is the final invoice, else the preview, else everything that is there; its records are those with
 * receipts up to its watermark, less exclusions.
 */
#ifndef RATER_RECONCILE_H
#define RATER_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "rater/log_file.h"
#include "rater/reconcile_match.h"
#include "schema/db.h"

enum { RECONCILE_TENANTS_MAX = 64 };

typedef struct ReconcileRequest {
    UtcMonth month;
    const char *tenant; /* NULL: those that the lines name */
    const char *const *paths;
    size_t path_count;
    LogReading reading;
    uint32_t fields;  /* that are compared */
    const char *book; /* where there is neither invoice nor preview */
    bool all;         /* rows that match, too */
} ReconcileRequest;

/** A row of the result, as JSON: status, why, tenant, request_id, attempt, file, line, hour, segment, ordinal, differs, in_file,
 *  on_bill, worth_exact, currency. Borrowed for the time of the call. */
typedef bool (*ReconcileRow)(void *context, Json *row, Err *err);

/** Compare. Rows come in an order that the same input has again. The summary (tenants, files) becomes the caller's; `*differences`
 *  says how many rows do not match (a copy within the files is none of them). NULL: ERR_IO and ERR_INPUT (a file), ERR_NOT_FOUND (a tenant), ERR_RANGE, ERR_CORRUPT, ERR_BUSY,
 *  ERR_DATABASE, ERR_NOMEM, or what `row` says. */
MUST_CHECK Json *
reconcile(Db *db, const ReconcileRequest *request, ReconcileRow row, void *context, int64_t *differences, Err *err);

#endif
