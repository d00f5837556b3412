/**
 * invoice_store - rating runs and the writing of invoices (document_store reads them)
 *
 * An invoice is written from its canonical JSON in one step, by a definer function that takes lines and totals from the
 * document: tables and document cannot differ. A final invoice is never changed; a preview is replaced by the next one
 * and removed by the final invoice. All writing happens inside the caller's transaction.
 */
#ifndef SCHEMA_INVOICE_STORE_H
#define SCHEMA_INVOICE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

/** Let one rating run write at a time: the first statement of its transaction, so that its snapshot is taken after the run
 *  before has committed. Readers are not held up. */
MUST_CHECK bool rating_run_lock(Db *db, Err *err);

/** The last receipt in the caller's snapshot: usage is looked at up to it. */
MUST_CHECK bool receipt_watermark(Db *db, int64_t *receipt, Err *err);

typedef struct RatingRun {
    bool final;
    UtcMonth month; /* in which the period starts */
    int64_t period_start_us;
    int64_t period_end_us;
    int64_t receipt_watermark;
    Digest price_book;
    const char *default_region; /* NULL: none */
    bool free_tier;
    int64_t document_version; /* 1, or 2: documents name their seals */
    UtcMonth closing;         /* the month whose closing makes it; year 0: none */
} RatingRun;

/** How the run made a quantity from rollups; views spread costs with it. */
typedef struct RatingMeasure {
    const char *sku;
    const char *mode;
    const char *package;
    const char *measure;       /* "gb_seconds" */
    const char *rollup_column; /* "with_init_1ms" */
    int64_t included_mb;
    int64_t unit_parts; /* of the column x MB or MHz in a unit */
    int64_t memory_step_mb;
    int64_t memory_minimum_mb;
    int64_t memory_maximum_mb;  /* INT64_MAX: none */
    const char *clock_up_to_mb; /* "{128,256}"; NULL: no clock */
    const char *clock_mhz;      /* "{200,400,800}" */
} RatingMeasure;

/** Record a run. The price book must be stored. */
MUST_CHECK bool rating_run_create(Db *db, const RatingRun *run, int64_t *run_id, Err *err);

/** The hours that measures are for. */
typedef struct RatingHours {
    int64_t part; /* of the price book, from 1 */
    bool whole;   /* of the whole period; else from … until: */
    int64_t from_us, until_us;
} RatingHours;

/** Record measures of a run. */
MUST_CHECK bool rating_measures_add(Db *db, int64_t run_id, const RatingHours *hours, const RatingMeasure *measures,
                                    size_t count, Err *err);

/** Forget preview runs whose every invoice has been replaced. */
MUST_CHECK bool rating_runs_tidy(Db *db, int64_t keep_run_id, Err *err);

/** The next number of a series ("MB-2026"), without gaps: the series is locked until the transaction ends. */
MUST_CHECK bool invoice_number_take(Db *db, const char *series, int64_t *number, Err *err);
/** Which number will be the next one, under the same lock: it is taken with the invoice that has it (invoice_batch.h). */
MUST_CHECK bool invoice_number_next(Db *db, const char *series, int64_t *number, Err *err);

/** Write the invoice whose canonical JSON is `document`. */
MUST_CHECK bool invoice_write(Db *db, int64_t tenant_id, int64_t run_id, const char *document, Err *err);

/** What there is for a tenant and period that is final already. */
typedef struct FinalInvoice {
    bool exists;
    bool was_void; /* there was one, it is void, and none has followed it */
    char number[64];
    char currency[4];
    char total[128];
    int64_t receipt_watermark;
} FinalInvoice;

/** Look for the final invoice of a tenant's period that is in force; append its document to `document` unless that is NULL. */
MUST_CHECK bool
invoice_find_final(Db *db, int64_t tenant_id, UtcMonth month, FinalInvoice *found, Buffer *document, Err *err);

/** The id of the first final invoice of a tenant's period; `*invoice_id` stays as it is when there is none. */
MUST_CHECK bool invoice_final_id(Db *db, int64_t tenant_id, UtcMonth month, int64_t *invoice_id, Err *err);

/** Records of whole hours that were received after a watermark and are no copies of earlier ones. */
MUST_CHECK bool invoice_late_records(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, int64_t watermark,
                                     int64_t *records, Err *err);

#endif
