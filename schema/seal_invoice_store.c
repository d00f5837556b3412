/* Final invoices under heads: a part of seal_store.h. */
#include "schema/seal_store.h"

/* In the order of the key and no further than it takes, whatever the statistics say: of a month that was made just now they know nothing. */
static const char SQL_BY_KEY[] = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off";
static const char SQL_AS_BEFORE[] = "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_sort TO DEFAULT";
/* In one statement: what is chosen is what is written. Invoices are never changed, and sealed once. */
static const char SQL_TAKE[] =
    "WITH taken AS (INSERT INTO seal_invoices (tenant_id, invoice_id, head_number, number, document_sha256)"
    "  SELECT i.tenant_id, i.invoice_id, $1::bigint, i.number, i.document_sha256 FROM invoices i WHERE i.state = 'final'"
    "   AND (i.tenant_id, i.invoice_id) > ($3::bigint, $4::bigint)"
    "   AND NOT EXISTS (SELECT FROM seal_invoices s WHERE (s.tenant_id, s.invoice_id) = (i.tenant_id, i.invoice_id))"
    "   ORDER BY i.tenant_id, i.invoice_id LIMIT $2::bigint RETURNING tenant_id, invoice_id, head_number, number, document_sha256)"
    " SELECT tenant_id, coalesce(t.name, ''), invoice_id, head_number, number, document_sha256 FROM taken"
    "  LEFT JOIN tenants t USING (tenant_id) ORDER BY tenant_id, invoice_id";
static const char SQL_OF_HEAD[] =
    "SELECT tenant_id, coalesce(t.name, ''), invoice_id, head_number, number, document_sha256 FROM seal_invoices"
    "  LEFT JOIN tenants t USING (tenant_id) WHERE head_number = $1::bigint ORDER BY tenant_id, invoice_id";

static bool
visit_rows(Db *db, const char *sql, const DbParam *params, int count, SealInvoiceVisit visit, void *context, Err *err)
{
    DbResult *rows = db_query(db, sql, params, count, err);
    bool good = rows != NULL;
    for (int row = 0; good && row < db_rows(rows); row++) {
        SealInvoice invoice = {.tenant_id = db_i64(rows, row, 0),
                               .tenant = db_slice(rows, row, 1),
                               .invoice_id = db_i64(rows, row, 2),
                               .head_number = db_i64(rows, row, 3),
                               .number = db_slice(rows, row, 4)};
        good = seal_digest_at(rows, row, 5, &invoice.document, err) && visit(context, &invoice, err);
    }
    db_result_free(&rows);
    return good || err_prefix(err, "final invoices under heads: ");
}

typedef struct Taking {
    SealInvoiceKey last;
    int64_t count;
    SealInvoiceVisit visit;
    void *context;
} Taking;

static bool
take_one(void *context, const SealInvoice *invoice, Err *err)
{
    Taking *self = context;
    self->last = (SealInvoiceKey){invoice->tenant_id, invoice->invoice_id};
    self->count++;
    return self->visit(self->context, invoice, err);
}

MUST_CHECK bool
seal_invoices_take(Db *db, int64_t head_number, SealInvoiceKey *after, SealInvoiceVisit visit, void *context,
                   bool *more, Err *err)
{
    Taking taking = {.visit = visit, .context = context};
    DbParam params[4];
    db_set_i64(&params[0], head_number);
    db_set_i64(&params[1], SEAL_INVOICES_MAX);
    db_set_i64(&params[2], after->tenant_id);
    db_set_i64(&params[3], after->invoice_id);
    if (!db_script(db, SQL_BY_KEY, err) || !visit_rows(db, SQL_TAKE, params, 4, take_one, &taking, err) ||
        !db_script(db, SQL_AS_BEFORE, err))
        return false;
    const bool is_full = taking.count == SEAL_INVOICES_MAX;
    *more = is_full || after->tenant_id != 0;
    *after = is_full ? taking.last : (SealInvoiceKey){0};
    return true;
}

MUST_CHECK bool
seal_invoices_of_head(Db *db, int64_t head_number, SealInvoiceVisit visit, void *context, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], head_number);
    return visit_rows(db, SQL_OF_HEAD, params, 1, visit, context, err);
}
