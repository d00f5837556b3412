#include "rater/void.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rater/deliver.h"
#include "rater/void_document.h"
#include "schema/adjust_store.h"
#include "schema/invoice_store.h"
#include "schema/void_store.h"

typedef struct Voiding {
    Db *db;
    const VoidRequest *request;
    Json *voids;
    size_t found;
    int64_t tenant_id;
    int64_t invoice_id;
    bool already; /* void before: nothing is written */
} Voiding;

static bool
tell(Voiding *self, const VoidRow *row, const char *number, bool already, Err *err)
{
    Json *entry = json_new_object(err);
    return entry != NULL && json_append(self->voids, entry, err) && json_add_text(entry, "number", number, err) &&
           json_add_text(entry, "refers_to", row->number, err) && json_add_text(entry, "kind", row->kind, err) &&
           json_add_text(entry, "tenant", row->tenant, err) && json_add_bool(entry, "already", already, err);
}

static bool
write_one(void *context, const VoidRow *row, Err *err)
{
    Voiding *self = context;
    char series[32];
    char number[64];
    int64_t next = 0;
    snprintf(series, sizeof series, "MB-VOID-%04d", self->request->year);
    if (!invoice_number_take(self->db, series, &next, err))
        return false;
    snprintf(number, sizeof number, "%s-%06" PRId64, series, next);
    Json *document = void_document(row->document, number, self->request->reason, err);
    char *canonical = document == NULL ? NULL : json_canonical(document, err);
    bool done = canonical != NULL && invoice_write(self->db, row->tenant_id, row->run_id, canonical, err) &&
                deliver_queue(self->db, self->request->config, row->tenant_id, number, err) &&
                tell(self, row, number, false, err);
    free(canonical);
    json_object_put(document);
    return done || err_prefix(err, "the void of %s: ", row->number);
}

static bool
take_found(void *context, const VoidRow *row, Err *err)
{
    Voiding *self = context;
    if (self->found++ > 0) {
        err_set(err, ERR_CONFLICT, "several tenants have a document %s", row->number);
        return err_hint(err, "name the tenant with --tenant");
    }
    self->tenant_id = row->tenant_id;
    self->invoice_id = row->invoice_id;
    self->already = row->void_by[0] != '\0';
    if (self->already)
        return tell(self, row, row->void_by, true, err);
    if (strcmp(row->kind, "invoice") == 0)
        return true;
    err_set(err, ERR_CONFLICT, "%s is a %s and cannot be taken back by itself", row->number,
            strcmp(row->kind, "void") == 0 ? "void" : "credit note");
    return err_hint(err, strcmp(row->kind, "void") == 0
                             ? "rate the month again with --final: its next revision is issued"
                             : "void the invoice that it is about: the credit note goes with it");
}

static bool
find(Voiding *self, Err *err)
{
    const VoidRequest *request = self->request;
    if (!void_find(self->db, request->number, request->tenant, take_found, self, err))
        return false;
    if (self->found == 1)
        return true;
    err_set(err, ERR_NOT_FOUND, "there is no final invoice %s%s%s", request->number,
            request->tenant == NULL ? "" : " of tenant ", request->tenant == NULL ? "" : request->tenant);
    return err_hint(err, "millibill invoice list --state final");
}

/* What was billed of its month on a later invoice would be billed again with the next revision. */
static bool
nothing_is_carried(const Voiding *self, Err *err)
{
    char carrier[ADJUST_NUMBER_BYTES];
    if (!adjust_carrier_of(self->db, self->tenant_id, self->invoice_id, carrier, err))
        return false;
    if (carrier[0] == '\0')
        return true;
    err_set(err, ERR_CONFLICT, "an adjustment of %s was billed on %s", self->request->number, carrier);
    return err_hint(err, "void %s first", carrier);
}

bool
void_write(Db *db, const VoidRequest *request, Json *voids, Err *err)
{
    Voiding self = {.db = db, .request = request, .voids = voids};
    bool done = db_begin(db, true, err) && rating_run_lock(db, err) && find(&self, err);
    if (done && !self.already)
        done = nothing_is_carried(&self, err) &&
               void_find_credit_notes(db, self.tenant_id, self.invoice_id, write_one, &self, err) &&
               void_find(db, request->number, request->tenant, write_one, &self, err);
    done = done && db_commit(db, err);
    db_rollback(db);
    return done;
}
