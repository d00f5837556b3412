/* A final document beside the evidence: see remake.h. */
#include <stdlib.h>

#include "rater/remake.h"
#include "rater/verify_invoice_parts.h"
#include "schema/document_store.h"

static const char *
member(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    return value == NULL ? "" : json_object_get_string(value);
}

typedef struct Stored {
    char *document;
    UtcMonth month;
} Stored;

static bool
take_stored(void *context, const DocumentRow *row, Err *err)
{
    Stored *stored = context;
    free(stored->document);
    stored->document = text_duplicate(row->document);
    stored->month = row->month;
    return stored->document != NULL || err_set(err, ERR_NOMEM, "no memory for a document");
}

bool
remake_final(Db *db, const RemakeRequest *request, VerifyReport *report, char **made, Err *err)
{
    Json *head = json_member(request->document, "invoice");
    Stored stored = {0};
    const DocumentFilter filter = {.tenant = member(head, "tenant"), .number = member(head, "number")};
    InvoiceCheck check = {
        .db = db, .report = report, .invoice = {.number = member(head, "number"), .tenant = member(head, "tenant")}};
    *made = NULL;
    bool done = document_visit(db, &filter, take_stored, &stored, err);
    if (done && stored.document == NULL)
        done = err_set(err, ERR_NOT_FOUND, "there is no document %s of tenant '%s'", member(head, "number"),
                       member(head, "tenant"));
    Json *kept = done ? json_parse(text_of(stored.document), err) : NULL;
    check.invoice.month = stored.month;
    check.invoice.document = text_of(request->canonical);
    done = kept != NULL && invoice_compare(&check, kept, request->document, err) &&
           verify_invoices(db, member(head, "tenant"), &stored.month, report, err);
    json_object_put(kept);
    *made = stored.document;
    return done;
}
