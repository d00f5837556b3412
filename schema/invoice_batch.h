/**
 * invoice_batch - invoices of one rating run on their way to the database, many in one statement
 *
 * Written in the order in which they were added, each as invoice_write() would. Final invoices have numbers of one series, without a gap from
 * one to the next, which are taken with them. Previews come with the rows that were taken from them
 * (preview_rows.h), which the database would else take again; it takes final documents apart itself. What is added may be written at any moment after, and is
 * with invoice_batch_flush(): whoever reads invoices, or writes what refers to one, flushes first. Not thread-safe.
 */
#ifndef SCHEMA_INVOICE_BATCH_H
#define SCHEMA_INVOICE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/db_array.h"
#include "schema/preview_rows.h"

enum { INVOICE_SERIES_BYTES = 32 };
enum { INVOICE_BATCH_MAX = 512, INVOICE_BATCH_MAX_BYTES = 8 << 20 }; /* whichever comes first */

typedef struct InvoiceBatch {
    DbArray tenants;
    DbArray documents;
    char series[INVOICE_SERIES_BYTES]; /* of final invoices in it … */
    int64_t first_number;              /* … and the number of the first */
    PreviewRows previews;
    size_t count;
    int64_t run_id;               /* of what is in it */
    bool is_of_previews;          /* what is in it has rows */
    uint32_t types[PREVIEW_ROWS]; /* numbers of the rows' types in this database; 0: not asked yet */
} InvoiceBatch;

/** Nothing in it. Freed with invoice_batch_free(). */
InvoiceBatch invoice_batch_new(void);
void invoice_batch_free(InvoiceBatch *self);
/** Forget what was added and not written: its transaction is rolled back. */
void invoice_batch_clear(InvoiceBatch *self);

/** A final invoice that is added. */
typedef struct FinalDocument {
    int64_t tenant_id;
    const char *series; /* "MB-2026" */
    int64_t number;     /* the next of it, after invoice_number_next() and what was added since */
    Text document;      /* canonical JSON */
} FinalDocument;

/** Add a final invoice, or a preview whose rows are `rows` (both copied), and write what there is when it is much, or belongs to another
 *  run. Inside the caller's transaction. Errors as of invoice_write(). */
MUST_CHECK bool
invoice_batch_add_final(InvoiceBatch *self, Db *db, int64_t run_id, const FinalDocument *final, Err *err);
MUST_CHECK bool
invoice_batch_add_preview(InvoiceBatch *self, Db *db, int64_t run_id, const PreviewRows *rows, Err *err);
MUST_CHECK bool invoice_batch_flush(InvoiceBatch *self, Db *db, Err *err);

#endif
