#include "schema/document_store.h"

#include <string.h>

#include "schema/account_store.h"

/* $1 tenant, $2 $3 period start from and before, $4 state, $5 number, $6 id, $7 standing only, $8 $9 billed from and before. */
#define DOCUMENT_COLUMNS                                                                                                                                           \
    "SELECT i.invoice_id, coalesce(i.number, ''), i.revision, i.state, t.name, a.name,"                                                                            \
    " (extract(epoch FROM i.period_start) * 1000000)::bigint, (extract(epoch FROM i.period_end) * 1000000)::bigint,"                                               \
    " i.receipt_watermark, i.currency, i.subtotal, i.total, i.invocations,"                                                                                        \
    " (extract(epoch FROM i.issued_at) * 1000000)::bigint, encode(i.document_sha256, 'hex'), i.document, i.kind,"                                                  \
    " coalesce(o.number, ''), coalesce(v.number, ''), i.tenant_id"                                                                                                 \
    " FROM invoices i JOIN tenants t ON t.tenant_id = i.tenant_id JOIN accounts a ON a.account_id = " ACCOUNT_IN_PERIOD(                                           \
        "i.period_start") " LEFT JOIN invoices o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.refers_to"                                                      \
                          " LEFT JOIN invoices v ON v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void'"                                  \
                          " WHERE ($1::text IS NULL OR t.name = $1)"                                                                                               \
                          " AND ($2::bigint IS NULL OR i.period_start >= to_timestamp($2::bigint / 1000000))"                                                      \
                          " AND ($3::bigint IS NULL OR i.period_start < to_timestamp($3::bigint / 1000000))"                                                       \
                          " AND ($4::text IS NULL OR i.state = $4)"                                                                                                \
                          " AND ($5::text IS NULL OR i.number = $5 OR i.invoice_id = $6::bigint)"                                                                  \
                          " AND (NOT $7::boolean OR (i.state = 'final' AND i.kind <> 'void' AND v.number IS NULL) OR (i.state = 'preview'"                         \
                          " AND NOT EXISTS (SELECT FROM invoices_in_force f WHERE f.tenant_id = i.tenant_id"                                                       \
                          " AND f.period_start = i.period_start AND f.state = 'final')))"                                                                          \
                          " AND ($8::bigint IS NULL OR (CASE i.kind WHEN 'invoice' THEN i.period_start ELSE i.issued_at END >= to_timestamp($8::bigint / 1000000)" \
                          " AND CASE i.kind WHEN 'invoice' THEN i.period_start ELSE i.issued_at END < to_timestamp($9::bigint / 1000000)))"

static const char DOCUMENTS_SQL[] =
    DOCUMENT_COLUMNS " ORDER BY t.name, i.period_start, i.state, i.revision, i.invoice_id";
static const char NEWEST_SQL[] =
    DOCUMENT_COLUMNS " ORDER BY i.period_start DESC, i.issued_at DESC, i.invoice_id DESC LIMIT 1";

typedef struct Visit {
    DocumentVisit visit;
    void *context;
} Visit;

static bool
visit_row(void *context, const DbResult *row, Err *err)
{
    const Visit *visit = context;
    DocumentRow document = {
        .invoice_id = db_i64(row, 0, 0),
        .number = db_value(row, 0, 1),
        .revision = db_i64(row, 0, 2),
        .state = db_value(row, 0, 3),
        .tenant = db_value(row, 0, 4),
        .account = db_value(row, 0, 5),
        .period_start_us = db_i64(row, 0, 6),
        .period_end_us = db_i64(row, 0, 7),
        .receipt_watermark = db_i64(row, 0, 8),
        .currency = db_value(row, 0, 9),
        .subtotal = db_value(row, 0, 10),
        .total = db_value(row, 0, 11),
        .invocations = db_value(row, 0, 12),
        .issued_at_us = db_i64(row, 0, 13),
        .sha256 = db_value(row, 0, 14),
        .document = db_slice(row, 0, 15),
        .kind = db_value(row, 0, 16),
        .refers_to = db_value(row, 0, 17),
        .void_by = db_value(row, 0, 18),
        .tenant_id = db_i64(row, 0, 19),
    };
    return visit->visit(visit->context, &document, err);
}

bool
document_visit(Db *db, const DocumentFilter *filter, DocumentVisit visit, void *context, Err *err)
{
    DbParam params[9] = {db_string(filter->tenant),
                         db_null(),
                         db_null(),
                         db_string(filter->state),
                         db_string(filter->number),
                         db_null(),
                         db_string(filter->standing ? "true" : "false"),
                         db_null(),
                         db_null()};
    if (filter->month != NULL) {
        db_set_i64(&params[1], utc_month_start_us(*filter->month));
        db_set_i64(&params[2], utc_month_end_us(*filter->month));
    }
    if (filter->billed_in != NULL) {
        db_set_i64(&params[7], utc_month_start_us(*filter->billed_in));
        db_set_i64(&params[8], utc_month_end_us(*filter->billed_in));
    }
    uint64_t id = 0;
    if (filter->number != NULL && text_to_u64(text_of(filter->number), INT64_MAX, &id))
        db_set_i64(&params[5], (int64_t) id);
    Visit state = {visit, context};
    return db_stream(db, filter->newest ? NEWEST_SQL : DOCUMENTS_SQL, params, 9, visit_row, &state, err);
}
