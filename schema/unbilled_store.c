#include "schema/unbilled_store.h"

#include "schema/account_store.h"

/* Segments by their receipts first: what came late is little. Only then whether anybody of the account was billed. */
static const char SQL_UNBILLED[] =
    "WITH closed AS (SELECT period_month, min(receipt_watermark) AS receipt FROM invoices WHERE kind = 'invoice' AND state = 'final'"
    "  AND period_month < $1::date GROUP BY 1),"
    " least AS (SELECT min(receipt) AS receipt, min(period_month) AS first FROM closed),"
    " late AS MATERIALIZED (SELECT s.tenant_id, c.period_month, s.hour, sum(s.records) AS records FROM least, segments s JOIN commits k USING (commit_id)"
    "  JOIN closed c ON c.period_month = date_trunc('month', s.hour)::date"
    "  WHERE k.receipt > least.receipt AND k.receipt > c.receipt AND k.receipt <= $2::bigint"
    "  AND s.hour >= least.first AND s.hour < $1::date"
    "  AND NOT EXISTS (SELECT FROM invoices i WHERE i.tenant_id = s.tenant_id AND i.kind = 'invoice' AND i.state = 'final'"
    "   AND i.period_start < s.hour + interval '1 hour' AND i.period_end > s.hour)"
    "  GROUP BY 1, 2, 3),"
    " accounts AS (SELECT DISTINCT l.period_month, l.tenant_id, " ACCOUNT_IN_MONTH(
        "l.period_month") " AS account_id FROM late l JOIN tenants t USING (tenant_id)),"
                          " others AS (SELECT a.period_month, a.tenant_id, i.period_start, i.period_end FROM accounts a"
                          "  JOIN tenants t ON t.tenant_id <> a.tenant_id JOIN invoices i ON i.tenant_id = t.tenant_id AND i.kind = 'invoice' AND i.state = 'final'"
                          "  WHERE " ACCOUNT_IN_MONTH(
                              "i.period_month") " = a.account_id)"
                                                " SELECT t.name, to_char(l.period_month, 'YYYY-MM'), sum(l.records), (extract(epoch FROM min(l.hour)) * 1000000)::bigint, (extract(epoch FROM max(l.hour)) * 1000000)::bigint"
                                                " FROM late l JOIN tenants t USING (tenant_id) WHERE NOT EXISTS (SELECT FROM others o WHERE o.tenant_id = l.tenant_id"
                                                "  AND o.period_month = l.period_month AND o.period_start < l.hour + interval '1 hour' AND o.period_end > l.hour)"
                                                " GROUP BY 1, 2 ORDER BY t.name COLLATE \"C\", 2";

typedef struct Visit {
    UnbilledVisit visit;
    void *context;
} Visit;

static bool
visit_row(void *context, const DbResult *result, Err *err)
{
    const Visit *visit = context;
    const UnbilledRow row = {db_value(result, 0, 0), db_value(result, 0, 1), db_i64(result, 0, 2), db_i64(result, 0, 3),
                             db_i64(result, 0, 4)};
    return visit->visit(visit->context, &row, err);
}

bool
unbilled_visit(Db *db, UtcMonth month, int64_t receipt, UnbilledVisit visit, void *context, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[2] = {db_string(utc_format_day(utc_month_start_us(month), day)), db_null()};
    Visit state = {visit, context};
    db_set_i64(&params[1], receipt);
    return db_stream(db, SQL_UNBILLED, params, 2, visit_row, &state, err) ||
           err_prefix(err, "looking for usage of closed months that is on no invoice: ");
}
