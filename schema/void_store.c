#include "schema/void_store.h"

#define DOCUMENTS                                                                                              \
    "SELECT i.tenant_id, i.invoice_id, i.run_id, i.number, t.name, i.kind, coalesce(v.number, ''), i.document" \
    " FROM invoices i JOIN tenants t USING (tenant_id)"                                                        \
    " LEFT JOIN invoices v ON v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void'"    \
    " WHERE i.state = 'final'"

static const char SQL_FIND[] = DOCUMENTS " AND i.number = $1 AND ($2::text IS NULL OR t.name = $2) ORDER BY t.name";
static const char SQL_CREDIT_NOTES[] = DOCUMENTS
    " AND i.tenant_id = $1::bigint AND i.refers_to = $2::bigint AND i.kind = 'credit_note' AND v.number IS NULL"
    " ORDER BY i.invoice_id";
static const char SQL_SOURCE[] =
    "SELECT document FROM invoices WHERE tenant_id = $1::bigint AND invoice_id = $2::bigint";

static bool
visit_rows(Db *db, const char *sql, const DbParam *params, VoidVisit visit, void *context, Err *err)
{
    DbResult *result = db_query(db, sql, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "looking for a final document: ");
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++) {
        const VoidRow row = {.tenant_id = db_i64(result, i, 0),
                             .invoice_id = db_i64(result, i, 1),
                             .run_id = db_i64(result, i, 2),
                             .number = db_value(result, i, 3),
                             .tenant = db_value(result, i, 4),
                             .kind = db_value(result, i, 5),
                             .void_by = db_value(result, i, 6),
                             .document = db_slice(result, i, 7)};
        good = visit(context, &row, err);
    }
    db_result_free(&result);
    return good;
}

bool
void_find(Db *db, const char *number, const char *tenant, VoidVisit visit, void *context, Err *err)
{
    const DbParam params[] = {db_string(number), db_string(tenant)};
    return visit_rows(db, SQL_FIND, params, visit, context, err);
}

bool
void_find_credit_notes(Db *db, int64_t tenant_id, int64_t invoice_id, VoidVisit visit, void *context, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    return visit_rows(db, SQL_CREDIT_NOTES, params, visit, context, err);
}

bool
void_source(Db *db, int64_t tenant_id, int64_t invoice_id, Buffer *out, bool *found, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    DbResult *result = db_query(db, SQL_SOURCE, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "reading a final document: ");
    *found = db_rows(result) == 1;
    Text text = *found ? db_slice(result, 0, 0) : (Text){0};
    bool done = buffer_append(out, text.data, text.length, err);
    db_result_free(&result);
    return done;
}
