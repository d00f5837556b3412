#include "schema/invoice_batch.h"

static const char SQL_WRITE[] = "SELECT cardinality(invoices_write($1::bigint, $2::bigint[], $3::text[]))";

InvoiceBatch
invoice_batch_new(void)
{
    return (InvoiceBatch){.tenants = db_array_of(DB_BIGINT), .documents = db_array_of(DB_TEXT)};
}

void
invoice_batch_free(InvoiceBatch *self)
{
    db_array_free(&self->tenants);
    db_array_free(&self->documents);
    self->count = 0;
}

void
invoice_batch_clear(InvoiceBatch *self)
{
    db_array_clear(&self->tenants);
    db_array_clear(&self->documents);
    self->count = 0;
}

bool
invoice_batch_flush(InvoiceBatch *self, Db *db, Err *err)
{
    DbParam params[3];
    if (self->count == 0)
        return true;
    db_set_i64(&params[0], self->run_id);
    bool done = db_array_param(&self->tenants, &params[1], err) && db_array_param(&self->documents, &params[2], err);
    DbResult *result = done ? db_query(db, SQL_WRITE, params, 3, err) : NULL;
    done = result != NULL && ((db_rows(result) == 1 && db_i64(result, 0, 0) == (int64_t) self->count) ||
                              err_set(err, ERR_CORRUPT, "the database did not write every invoice that it was given"));
    db_result_free(&result);
    invoice_batch_clear(self);
    return done || err_prefix(err, "writing invoices: ");
}

bool
invoice_batch_add(InvoiceBatch *self, Db *db, int64_t run_id, int64_t tenant_id, Text document, Err *err)
{
    if (self->run_id != run_id && !invoice_batch_flush(self, db, err))
        return false;
    self->run_id = run_id;
    if (!db_array_add_i64(&self->tenants, tenant_id, err) || !db_array_add_text(&self->documents, document, err))
        return false;
    self->count++;
    bool much = self->count >= INVOICE_BATCH_MAX || self->documents.bytes.length >= INVOICE_BATCH_MAX_BYTES;
    return !much || invoice_batch_flush(self, db, err);
}
