/**
 * void_store - final documents that can be taken back
 */
#ifndef SCHEMA_VOID_STORE_H
#define SCHEMA_VOID_STORE_H

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

/** A final document (texts are borrowed for the time of the callback). */
typedef struct VoidRow {
    int64_t tenant_id;
    int64_t invoice_id;
    int64_t run_id;
    const char *number;
    const char *tenant;
    const char *kind;
    const char *void_by; /* number of its void; "": it is in force */
    Text document;
} VoidRow;
typedef bool (*VoidVisit)(void *context, const VoidRow *row, Err *err);

/** Those of this number; `tenant` NULL: of any tenant. */
MUST_CHECK bool void_find(Db *db, const char *number, const char *tenant, VoidVisit visit, void *context, Err *err);
/** Credit notes about a document that are in force, oldest first. */
MUST_CHECK bool
void_find_credit_notes(Db *db, int64_t tenant_id, int64_t invoice_id, VoidVisit visit, void *context, Err *err);

/** The document with this id, appended to `out`; `*found` false: there is none. */
MUST_CHECK bool void_source(Db *db, int64_t tenant_id, int64_t invoice_id, Buffer *out, bool *found, Err *err);

#endif
