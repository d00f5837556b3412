/* Voids: made again from the document that each takes back, its number and its reason. See verify.h. */
#include "rater/verify_invoice_parts.h"
#include "rater/void_document.h"
#include "schema/void_store.h"

static const char *
head_text(Json *stored, const char *key)
{
    Json *value = json_member(json_member(stored, "invoice"), key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

bool
invoice_check_void(InvoiceCheck *self, Json *stored, Err *err)
{
    static const char what[] = "made again from what it takes back";
    const VerifyInvoice *invoice = &self->invoice;
    Buffer source = {0};
    Err reason = {0};
    bool found = false;
    bool done = void_source(self->db, invoice->tenant_id, invoice->refers_to, &source, &found, err);
    Json *derived = !done || !found
                        ? NULL
                        : void_document(buffer_text(&source), invoice->number, head_text(stored, "reason"), &reason);
    if (done && derived != NULL)
        done = invoice_compare(self, derived, stored, err);
    else if (done && reason.code == ERR_NOMEM)
        done = err_set(err, reason.code, "%s", reason.message);
    else if (done)
        done = invoice_note(self, what, "the same document", found ? reason.message : "its document is gone", err);
    json_object_put(derived);
    buffer_free(&source);
    return done;
}
