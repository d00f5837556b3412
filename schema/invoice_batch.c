#include "schema/invoice_batch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char SQL_WRITE_FINALS[] = "SELECT finals_write($1::bigint, $2, $3::bigint, $4::bigint[], $5::text[])";
static const char SQL_WRITE_PREVIEWS[] =
    "SELECT previews_write($1::bigint, $2::preview_head[], $3::preview_line[], $4::preview_free_tier[], $5::preview_item[])";
static const char SQL_TYPES[] = "SELECT 'preview_head'::regtype::oid, 'preview_line'::regtype::oid,"
                                " 'preview_free_tier'::regtype::oid, 'preview_item'::regtype::oid";

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
    preview_rows_free(&self->previews);
    self->count = 0;
}

void
invoice_batch_clear(InvoiceBatch *self)
{
    db_array_clear(&self->tenants);
    db_array_clear(&self->documents);
    preview_rows_clear(&self->previews);
    self->count = 0;
}

/* Binary parameters name the type of their rows, whose number differs from database to database. */
static bool
find_types(InvoiceBatch *self, Db *db, Err *err)
{
    if (self->types[0] != 0)
        return true;
    DbResult *result = db_query(db, SQL_TYPES, NULL, 0, err);
    for (int i = 0; result != NULL && i < PREVIEW_ROWS; i++)
        self->types[i] = (uint32_t) db_i64(result, 0, i);
    db_result_free(&result);
    return self->types[0] != 0;
}

static bool
preview_params(InvoiceBatch *self, Db *db, DbParam *params, Err *err)
{
    bool done = find_types(self, db, err);
    for (size_t i = 0; done && i < PREVIEW_ROWS; i++)
        done = db_rows_param(&self->previews.of[i], self->types[i], &params[i], err);
    return done;
}

static DbResult *
write_previews(InvoiceBatch *self, Db *db, Err *err)
{
    DbParam params[1 + PREVIEW_ROWS];
    db_set_i64(&params[0], self->run_id);
    return preview_params(self, db, params + 1, err) ? db_query(db, SQL_WRITE_PREVIEWS, params, 1 + PREVIEW_ROWS, err)
                                                     : NULL;
}

static DbResult *
write_finals(InvoiceBatch *self, Db *db, Err *err)
{
    DbParam params[5];
    db_set_i64(&params[0], self->run_id);
    params[1] = db_string(self->series);
    db_set_i64(&params[2], self->first_number);
    return db_array_param(&self->tenants, &params[3], err) && db_array_param(&self->documents, &params[4], err)
               ? db_query(db, SQL_WRITE_FINALS, params, 5, err)
               : NULL;
}

bool
invoice_batch_flush(InvoiceBatch *self, Db *db, Err *err)
{
    if (self->count == 0)
        return true;
    DbResult *result = self->is_of_previews ? write_previews(self, db, err) : write_finals(self, db, err);
    bool done =
        result != NULL && ((db_rows(result) == 1 && db_i64(result, 0, 0) == (int64_t) self->count) ||
                           err_set(err, ERR_CORRUPT, "the database did not write every invoice that it was given"));
    db_result_free(&result);
    invoice_batch_clear(self);
    return done || err_prefix(err, "writing invoices: ");
}

/* What is in it is of one run and kind. */
static bool
turn_to(InvoiceBatch *self, Db *db, int64_t run_id, bool previews, Err *err)
{
    if ((self->run_id != run_id || self->is_of_previews != previews) && !invoice_batch_flush(self, db, err))
        return false;
    self->run_id = run_id;
    self->is_of_previews = previews;
    return true;
}

static bool
flush_much(InvoiceBatch *self, Db *db, Err *err)
{
    const size_t bytes = self->documents.bytes.length + self->previews.of[PREVIEW_HEADS].bytes.length +
                         self->previews.of[PREVIEW_LINES].bytes.length;
    self->count++;
    return (self->count < INVOICE_BATCH_MAX && bytes < INVOICE_BATCH_MAX_BYTES) || invoice_batch_flush(self, db, err);
}

bool
invoice_batch_add_final(InvoiceBatch *self, Db *db, int64_t run_id, const FinalDocument *final, Err *err)
{
    if (!turn_to(self, db, run_id, false, err))
        return false;
    if (self->count == 0) {
        snprintf(self->series, sizeof self->series, "%s", final->series);
        self->first_number = final->number;
    }
    assert(strcmp(self->series, final->series) == 0 && final->number == self->first_number + (int64_t) self->count);
    return db_array_add_i64(&self->tenants, final->tenant_id, err) &&
           db_array_add_text(&self->documents, final->document, err) && flush_much(self, db, err);
}

bool
invoice_batch_add_preview(InvoiceBatch *self, Db *db, int64_t run_id, const PreviewRows *rows, Err *err)
{
    return turn_to(self, db, run_id, true, err) && preview_rows_append(&self->previews, rows, err) &&
           flush_much(self, db, err);
}
