#include "schema/document_store.h"

#include <string.h>

#include "schema/account_store.h"

/* $1 tenant, $2 month, $3 state, $4 number, $5 id, $6 standing only, $7 $8 billed from and before, $9 kind of an item. */
#define DOCUMENT_COLUMNS                                                                                                                                                                         \
    "SELECT i.invoice_id, coalesce(i.number, ''), i.revision, i.state, t.name, a.name,"                                                                                                          \
    " (extract(epoch FROM i.period_start) * 1000000)::bigint, (extract(epoch FROM i.period_end) * 1000000)::bigint,"                                                                             \
    " i.receipt_watermark, i.currency, i.subtotal, i.total, i.invocations,"                                                                                                                      \
    " (extract(epoch FROM i.issued_at) * 1000000)::bigint, encode(i.document_sha256, 'hex'), i.document, i.kind,"                                                                                \
    " coalesce(o.number, ''), coalesce(v.number, ''), i.tenant_id, to_char(i.period_month, 'YYYY-MM'),"                                                                                          \
    " coalesce(i.payable_total, i.total), coalesce(i.payable_currency, i.currency)"                                                                                                              \
    " FROM invoices i JOIN tenants t ON t.tenant_id = i.tenant_id JOIN accounts a ON a.account_id = " ACCOUNT_IN_MONTH(                                                                          \
        "i.period_month") " LEFT JOIN invoices o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.refers_to"                                                                                    \
                          " LEFT JOIN invoices v ON v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void'"                                                                \
                          " WHERE ($1::text IS NULL OR t.name = $1)"                                                                                                                             \
                          " AND ($2::date IS NULL OR i.period_month = $2::date)"                                                                                                                 \
                          " AND ($3::text IS NULL OR i.state = $3)"                                                                                                                              \
                          " AND ($4::text IS NULL OR i.number = $4 OR i.invoice_id = $5::bigint)"                                                                                                \
                          " AND (NOT $6::boolean OR (i.state = 'final' AND i.kind <> 'void' AND v.number IS NULL) OR (i.state = 'preview'"                                                       \
                          " AND NOT EXISTS (SELECT FROM invoices_in_force f WHERE f.tenant_id = i.tenant_id"                                                                                     \
                          " AND f.period_month = i.period_month AND f.state = 'final')))"                                                                                                        \
                          " AND ($7::bigint IS NULL OR (CASE i.kind WHEN 'invoice' THEN i.period_month::timestamp AT TIME ZONE 'UTC' ELSE i.issued_at END >= to_timestamp($7::bigint / 1000000)" \
                          " AND CASE i.kind WHEN 'invoice' THEN i.period_month::timestamp AT TIME ZONE 'UTC' ELSE i.issued_at END < to_timestamp($8::bigint / 1000000)))"                        \
                          " AND ($9::text IS NULL OR EXISTS (SELECT FROM invoice_items x WHERE x.tenant_id = i.tenant_id AND x.invoice_id = i.invoice_id AND x.kind = $9))"

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
    UtcMonth month;
    if (!utc_month_parse(db_value(row, 0, 20), &month, err))
        return false;
    DocumentRow document = {
        .invoice_id = db_i64(row, 0, 0),
        .number = db_value(row, 0, 1),
        .revision = db_i64(row, 0, 2),
        .state = db_value(row, 0, 3),
        .tenant = db_value(row, 0, 4),
        .account = db_value(row, 0, 5),
        .month = month,
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
        .payable_total = db_value(row, 0, 21),
        .payable_currency = db_value(row, 0, 22),
    };
    return visit->visit(visit->context, &document, err);
}

bool
document_visit(Db *db, const DocumentFilter *filter, DocumentVisit visit, void *context, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[9] = {db_string(filter->tenant),
                         db_null(),
                         db_string(filter->state),
                         db_string(filter->number),
                         db_null(),
                         db_string(filter->standing ? "true" : "false"),
                         db_null(),
                         db_null(),
                         db_string(filter->with_item)};
    if (filter->month != NULL)
        params[1] = db_string(utc_format_day(utc_month_start_us(*filter->month), day));
    if (filter->billed_in != NULL) {
        db_set_i64(&params[6], utc_month_start_us(*filter->billed_in));
        db_set_i64(&params[7], utc_month_end_us(*filter->billed_in));
    }
    uint64_t id = 0;
    if (filter->number != NULL && text_to_u64(text_of(filter->number), INT64_MAX, &id))
        db_set_i64(&params[4], (int64_t) id);
    Visit state = {visit, context};
    return db_stream(db, filter->newest ? NEWEST_SQL : DOCUMENTS_SQL, params, 9, visit_row, &state, err);
}
