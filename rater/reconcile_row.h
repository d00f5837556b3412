/**
 * reconcile_row - a row of a reconciliation as JSON, and as people and spreadsheets read it
 */
#ifndef RATER_RECONCILE_ROW_H
#define RATER_RECONCILE_ROW_H

#include <gmp.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "proto/usage_batch.h"
#include "rater/reconcile_match.h"

/** What a row says beside its match. */
typedef struct ReconcileTold {
    const char *tenant;
    const char *const *paths;
    const char *currency;
    mpq_srcptr worth; /* NULL: none, or not known */
} ReconcileTold;

/** Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *reconcile_row(const ReconcileMatch *match, const ReconcileTold *told, Err *err);
/** A line of a file that is no record. */
MUST_CHECK Json *reconcile_row_unreadable(const UsageRejected *rejected, const char *path, Err *err);

/** One row for people; a header and a row of CSV. What came from outside is made harmless. ERR_NOMEM. */
MUST_CHECK bool reconcile_row_text(Json *row, Buffer *out, Err *err);
MUST_CHECK bool reconcile_csv_header(Buffer *out, Err *err);
MUST_CHECK bool reconcile_row_csv(Json *row, Buffer *out, Err *err);

#endif
