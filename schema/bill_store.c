#include "schema/bill_store.h"

#include "schema/account_store.h"

static const char SQL_BILLS[] =
    "SELECT t.name, a.name, coalesce(i.number, ''), coalesce(i.payable_currency, i.currency),"
    " coalesce(i.payable_total, i.total), i.receipt_watermark, b.name || ' ' || b.version,"
    " bool_or(EXISTS (SELECT FROM segments s JOIN commits c USING (commit_id) WHERE s.tenant_id = i.tenant_id"
    " AND s.hour > i.period_start - interval '1 hour' AND s.hour < i.period_end AND c.receipt > i.receipt_watermark))"
    " OVER (PARTITION BY a.account_id)"
    " FROM (SELECT DISTINCT ON (tenant_id) * FROM invoices d WHERE period_month = $1::date AND state = $3 AND kind = 'invoice' AND NOT EXISTS (SELECT FROM invoices v"
    " WHERE v.tenant_id = d.tenant_id AND v.refers_to = d.invoice_id AND v.kind = 'void') ORDER BY tenant_id, revision DESC, invoice_id DESC) i"
    " JOIN tenants t USING (tenant_id) JOIN accounts a ON a.account_id = " ACCOUNT_IN_MONTH(
        "i.period_month") " JOIN price_books b ON b.sha256 = i.price_book_sha256"
                          " WHERE $2::text IS NULL OR a.account_id = (SELECT account_in(m.tenant_id, m.account_id, i.period_month)"
                          " FROM tenants m WHERE m.name = $2)"
                          " ORDER BY t.name COLLATE \"C\"";

static const char SQL_LATE[] =
    "SELECT i.number FROM rating_runs r JOIN invoices i USING (run_id) WHERE r.closing_month = $1::date AND r.kind = 'final'"
    " AND i.period_month <> $1::date AND i.state = 'final' AND i.kind = 'invoice' AND NOT EXISTS (SELECT FROM invoices v"
    " WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void') ORDER BY i.number COLLATE \"C\"";

typedef struct Visit {
    BillVisit visit;
    void *context;
} Visit;

static bool
visit_row(void *context, const DbResult *row, Err *err)
{
    const Visit *visit = context;
    const BillRow bill = {
        .tenant = db_value(row, 0, 0),
        .account = db_value(row, 0, 1),
        .number = db_value(row, 0, 2),
        .currency = db_value(row, 0, 3),
        .total = db_value(row, 0, 4),
        .receipt_watermark = db_i64(row, 0, 5),
        .price_book = db_value(row, 0, 6),
        .late = db_value(row, 0, 7)[0] == 't',
    };
    return visit->visit(visit->context, &bill, err);
}

bool
bill_visit(Db *db, UtcMonth month, const char *tenant, const char *state, BillVisit visit, void *context, Err *err)
{
    char day[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format_day(utc_month_start_us(month), day)), db_string(tenant),
                              db_string(state)};
    Visit self = {visit, context};
    return db_stream(db, SQL_BILLS, params, 3, visit_row, &self, err) || err_prefix(err, "reading the bills: ");
}

typedef struct NumberVisit {
    BillNumberVisit visit;
    void *context;
} NumberVisit;

static bool
visit_number(void *context, const DbResult *row, Err *err)
{
    const NumberVisit *self = context;
    return self->visit(self->context, db_value(row, 0, 0), err);
}

bool
bill_visit_late(Db *db, UtcMonth closing, BillNumberVisit visit, void *context, Err *err)
{
    char day[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format_day(utc_month_start_us(closing), day))};
    NumberVisit self = {visit, context};
    return db_stream(db, SQL_LATE, params, 1, visit_number, &self, err) ||
           err_prefix(err, "reading the late invoices of a closing: ");
}
