/**
 * issue - documents that are issued: the first bytes of a final document stay, whatever makes it again
 *
 * Of the formats that go to a customer as they are (PDF, UBL). Needs the rater's role to keep; who has it not gets the bytes that are kept,
 * or new ones that are not.
 */
#ifndef REPORTS_ISSUE_H
#define REPORTS_ISSUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "reports/document.h"
#include "schema/db.h"

typedef struct Issue {
    const char *data; /* where the stack is, or NULL */
    const DocumentFormat *format;
    const Look *look;
    bool anew; /* neither look at what is kept nor keep */
    Db *db;    /* opened with the first document; issue_close() closes it */
    bool may_keep;
} Issue;

/** Append the bytes of a document: those that were issued, made and kept now if it is the first time. Says on standard error when this
 *  build and these settings would make others. Errors of the renderer and the database. */
MUST_CHECK bool
issue_document(Issue *self, const Document *document, int64_t tenant_id, int64_t invoice_id, Buffer *out, Err *err);

void issue_close(Issue *self);

#endif
