/**
 * document_store - invoices as readers see them: found, listed, never changed
 *
 * The writing side is the rater's. Everything here reads committed rows of the tables invoices and tenants.
 */
#ifndef SCHEMA_DOCUMENT_STORE_H
#define SCHEMA_DOCUMENT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

/** Which invoices; a member that is NULL, zero or false leaves the choice open. */
typedef struct DocumentFilter {
    const char *tenant;
    const UtcMonth *month;     /* periods that start in it, by the clock of their contracts */
    const char *state;         /* "preview" or "final" */
    const char *number;        /* an invoice's number, or its id in digits */
    bool standing;             /* leave out voids, what they took back, and a preview where there is a final invoice */
    bool newest;               /* only the last one issued */
    const char *with_item;     /* with an item of this kind in its statement */
    const UtcMonth *billed_in; /* invoices whose period starts in it; credit notes and voids that were issued in it */
} DocumentFilter;

/** Texts are borrowed for the time of the callback. */
typedef struct DocumentRow {
    int64_t tenant_id;
    int64_t invoice_id;
    const char *number; /* "" for a preview */
    int64_t revision;
    const char *state;
    const char *tenant;
    const char *account;
    UtcMonth month; /* in which the period starts */
    int64_t period_start_us;
    int64_t period_end_us;
    int64_t receipt_watermark;
    const char *currency;
    const char *subtotal;
    const char *total;
    const char *invocations;
    int64_t issued_at_us;
    const char *sha256;        /* of the document, lower-case hex */
    Text document;             /* the canonical JSON */
    const char *kind;          /* "invoice", "credit_note", "void" */
    const char *refers_to;     /* number of the document that it is about; "": an invoice */
    const char *void_by;       /* number of its void; "": in force */
    const char *payable_total; /* what is to be paid: the total, exchanged where a contract says so */
    const char *payable_currency;
} DocumentRow;

/** Called for each row; returns false (with err set) to stop. */
typedef bool (*DocumentVisit)(void *context, const DocumentRow *row, Err *err);

/** Visit the invoices that the filter names, ordered by tenant, period, state and revision (or the newest alone). No row
 *  is not an error. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool document_visit(Db *db, const DocumentFilter *filter, DocumentVisit visit, void *context, Err *err);

#endif
