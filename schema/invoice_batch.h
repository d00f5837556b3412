/**
 * invoice_batch - invoices of one rating run on their way to the database, many in one statement
 *
 * Written in the order in which they were added, each as invoice_write() would. What is added may be written at any moment after, and is
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

enum { INVOICE_BATCH_MAX = 512, INVOICE_BATCH_MAX_BYTES = 8 << 20 }; /* whichever comes first */

typedef struct InvoiceBatch {
    DbArray tenants;
    DbArray documents;
    size_t count;
    int64_t run_id; /* of what is in it */
} InvoiceBatch;

/** Nothing in it. Freed with invoice_batch_free(). */
InvoiceBatch invoice_batch_new(void);
void invoice_batch_free(InvoiceBatch *self);
/** Forget what was added and not written: its transaction is rolled back. */
void invoice_batch_clear(InvoiceBatch *self);

/** Add the invoice of a tenant whose canonical JSON is `document` (copied), and write what there is when it is much, or belongs to another
 *  run. Inside the caller's transaction. Errors as of invoice_write(). */
MUST_CHECK bool
invoice_batch_add(InvoiceBatch *self, Db *db, int64_t run_id, int64_t tenant_id, Text document, Err *err);
MUST_CHECK bool invoice_batch_flush(InvoiceBatch *self, Db *db, Err *err);

#endif
