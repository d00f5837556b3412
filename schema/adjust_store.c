#include "schema/adjust_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/account_store.h"

#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define MONTH(column) "to_char(" column ", 'YYYY-MM')"
/* Of a period that starts or ends in the midst of an hour, this hour too. */
#define HOUR_IN(hour, start, end) hour " > " start " - interval '1 hour' AND " hour " < " end

/* Evidence of earlier periods is looked through once for all accounts: what was received last of each month is enough. A tenant that
 * never had an invoice of its account's month goes on from the first that anybody of the account got, void or not: the next revision of
 * another settles nothing of it. */
static const char SQL_CHANGED[] = "WITH ever AS (SELECT i.*, " ACCOUNT_IN_MONTH(
    "i.period_month") " AS account_id"
                      "  FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.kind = 'invoice' AND i.state = 'final' AND i.period_month < $1::date),"
                      " finals AS (SELECT * FROM ever i WHERE NOT EXISTS (SELECT FROM invoices v"
                      "  WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')),"
                      " firsts AS (SELECT account_id, period_month, min(receipt_watermark) AS receipt FROM ever GROUP BY 1, 2),"
                      " months AS (SELECT DISTINCT ON (account_id, period_month) account_id, period_month, period_start, period_end, run_id, price_book_sha256"
                      "  FROM finals ORDER BY account_id, period_month, invoice_id),"
                      " members AS (SELECT p.period_month, t.tenant_id, " ACCOUNT_IN_MONTH(
                          "p.period_month") " AS account_id"
                                            "  FROM (SELECT DISTINCT period_month FROM finals) p CROSS JOIN tenants t),"
                                            " bases AS (SELECT account_id, tenant_id, invoice_id, number, document_sha256, period_month, period_start, period_end, receipt_watermark, run_id,"
                                            "  price_book_sha256, contract_revision FROM finals"
                                            "  UNION ALL SELECT m.account_id, t.tenant_id, NULL, NULL, NULL, m.period_month, m.period_start, m.period_end, f.receipt, m.run_id,"
                                            "  m.price_book_sha256, (SELECT c.revision FROM tenant_contracts c WHERE c.tenant_id = t.tenant_id"
                                            "   AND c.from_month <= m.period_month ORDER BY c.from_month DESC, c.revision DESC LIMIT 1)"
                                            "  FROM months m JOIN firsts f USING (account_id, period_month) JOIN members t USING (account_id, period_month)"
                                            "  WHERE NOT EXISTS (SELECT FROM invoices i"
                                            "   WHERE i.tenant_id = t.tenant_id AND i.period_month = m.period_month AND i.kind = 'invoice' AND state = 'final')),"
                                            /* Behind the last link of its chain, and where a document that is void has left a gap before another link. */
                                            " settled AS (SELECT b.*, g.from_receipt, g.until_receipt FROM bases b CROSS JOIN LATERAL ("
                                            "  WITH links AS (SELECT DISTINCT a.from_receipt, a.to_receipt FROM adjustments_in_force a WHERE a.tenant_id = b.tenant_id"
                                            "   AND a.period_month = b.period_month AND a.base_id IS NOT DISTINCT FROM b.invoice_id)"
                                            "  SELECT greatest(b.receipt_watermark, (SELECT max(to_receipt) FROM links)) AS from_receipt, 0 AS until_receipt"
                                            "  UNION ALL SELECT coalesce((SELECT max(p.to_receipt) FROM links p WHERE p.to_receipt <= l.from_receipt), b.receipt_watermark),"
                                            "   l.from_receipt FROM links l WHERE l.from_receipt > 0) g WHERE g.until_receipt = 0 OR g.from_receipt < g.until_receipt),"
                                            " least AS (SELECT min(from_receipt) AS receipt, min(period_start) AS first, max(period_end) AS after FROM settled),"
                                            " arrived AS (SELECT s.tenant_id, s.hour, c.receipt FROM least, segments s JOIN commits c USING (commit_id)"
                                            "   WHERE c.receipt > least.receipt AND c.receipt <= $3::bigint AND " HOUR_IN(
                                                "s.hour", "least.first",
                                                "least.after") "  UNION ALL SELECT e.tenant_id, e.hour, c.receipt FROM least, exclusions e JOIN commits c USING (commit_id)"
                                                               "   WHERE c.receipt > least.receipt AND c.receipt <= $3::bigint AND " HOUR_IN(
                                                                   "e.hour", "least.first",
                                                                   "least.after") "),"
                                                                                  " latest AS (SELECT m.account_id, m.period_month, max(r.receipt) AS receipt FROM arrived r JOIN members t USING (tenant_id)"
                                                                                  "  JOIN months m ON m.account_id = t.account_id AND m.period_month = t.period_month AND " HOUR_IN(
                                                                                      "r.hour", "m.period_start",
                                                                                      "m.period_end") "  GROUP BY 1, 2)"
                                                                                                      " SELECT s.tenant_id, coalesce(s.invoice_id, 0), coalesce(s.number, ''), coalesce(encode(s.document_sha256, 'hex'), ''), " US(
                                                                                                          "s.period_start") ", " US("s.period_end") ","
                                                                                                                                                    " s.from_receipt, r.free_tier, coalesce(s.contract_revision, 0), b.source, " MONTH(
                                                                                                                                                        "s.period_month") ", s.until_receipt"
                                                                                                                                                                          " FROM settled s JOIN latest l USING (account_id, period_month) JOIN rating_runs r USING (run_id)"
                                                                                                                                                                          " JOIN price_books b ON b.sha256 = s.price_book_sha256 WHERE l.receipt > s.from_receipt"
                                                                                                                                                                          " AND ($2::text IS NULL OR s.tenant_id = (SELECT tenant_id FROM tenants WHERE name = $2))"
                                                                                                                                                                          " ORDER BY s.tenant_id, s.period_month, s.from_receipt";

static const char SQL_KINDS[] =
    "WITH excluded AS (SELECT e.reason FROM exclusions e JOIN commits c USING (commit_id) WHERE e.tenant_id = ANY ($1::bigint[])"
    "  AND " HOUR_IN(
        "e.hour", "$2::timestamptz",
        "$3::timestamptz") " AND c.receipt > $4::bigint AND c.receipt <= $5::bigint)"
                           " SELECT EXISTS (SELECT FROM excluded WHERE reason = 'copy'), EXISTS (SELECT FROM excluded WHERE reason = 'conflict'),"
                           " EXISTS (SELECT FROM excluded WHERE reason NOT IN ('copy', 'conflict')),"
                           " EXISTS (SELECT FROM segments s JOIN commits c USING (commit_id) WHERE s.tenant_id = ANY ($1::bigint[])"
                           "  AND " HOUR_IN("s.hour", "$2::timestamptz",
                                            "$3::timestamptz") " AND c.receipt > $4::bigint)";

static const char SQL_WRITTEN_OFF[] =
    "SELECT a.from_receipt, a.to_receipt FROM adjustments a"
    " WHERE a.tenant_id = $1::bigint AND a.period_month = $2::date AND a.disposition = 'written_off'"
    " AND a.to_receipt <= $3::bigint AND a.base_id IS NOT DISTINCT FROM nullif($4::bigint, 0)"
    " AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = a.tenant_id AND v.kind = 'void' AND v.refers_to IN (a.carrier_id, a.base_id)"
    " AND v.invoice_id < $5::bigint) ORDER BY 1";

static const char SQL_TAKEN[] =
    "SELECT json_build_object('used', (SELECT coalesce(json_agg(u), '[]') FROM (SELECT 'credit' AS kind, i.name, sum(i.amount)::text AS amount"
    "  FROM invoice_items i JOIN invoices v USING (tenant_id, invoice_id) WHERE i.tenant_id = $1::bigint AND i.kind = 'credit'"
    "  AND v.invoice_id < $3::bigint AND v.kind <> 'void' AND (v.invoice_id = $2::bigint OR v.refers_to = $2::bigint) GROUP BY i.name ORDER BY i.name) u),"
    " 'adjustments', (SELECT coalesce(json_agg(j), '[]') FROM (SELECT i.name, i.description, i.amount_exact::text AS amount FROM invoice_items i"
    "  WHERE i.tenant_id = $1::bigint AND i.invoice_id = $2::bigint AND i.kind = 'adjustment' ORDER BY i.item) j))";

static const char SQL_WRITE[] = "SELECT adjustment_write($1::bigint, $2, $3, $4)";

#define ROWS                                                                                                                                                                                                                                                 \
    "SELECT a.tenant_id, coalesce(a.base_id, 0), coalesce(o.number, ''), coalesce(encode(o.document_sha256, 'hex'), ''), " US("a.period_start") ", " US("a.period_end") ", a.from_receipt, a.free_tier, coalesce(a.contract_revision, 0), b.source, " MONTH( \
        "a.period_month") ", a.adjustment_id,"                                                                                                                                                                                                               \
                          " coalesce(a.carrier_id, 0), a.disposition, t.name, a.to_receipt, encode(a.document_sha256, 'hex'), a.document,"                                                                                                                   \
                          " coalesce(a.carrier_id, (SELECT min(n.invoice_id) FROM invoices n WHERE n.tenant_id = a.tenant_id"                                                                                                                                \
                          " AND n.state = 'final' AND (n.issued_at > a.issued_at OR (n.issued_at = a.issued_at AND (n.kind = 'invoice' OR n.period_month > a.period_month)))), 9223372036854775807)"                                                         \
                          " FROM adjustments a JOIN tenants t USING (tenant_id) JOIN price_books b ON b.sha256 = a.price_book_sha256"                                                                                                                        \
                          " LEFT JOIN invoices o ON o.tenant_id = a.tenant_id AND o.invoice_id = a.base_id"

static const char SQL_CARRIED[] = ROWS
    " WHERE a.tenant_id = $1::bigint AND a.carrier_id = $2::bigint AND a.disposition <> 'written_off' ORDER BY a.adjustment_id";
static const char SQL_WRITE_OFFS[] = ROWS
    " WHERE a.disposition = 'written_off' AND ($1::text IS NULL OR t.name = $1) AND ($2::date IS NULL OR a.period_month = $2::date)"
    " ORDER BY t.name COLLATE \"C\", a.period_month, a.adjustment_id";
static const char SQL_CARRIER_OF[] =
    "SELECT coalesce(min(c.number), '') FROM adjustments_in_force a JOIN invoices c ON c.tenant_id = a.tenant_id AND c.invoice_id = a.carrier_id"
    " WHERE a.tenant_id = $1::bigint AND a.base_id = $2::bigint AND a.disposition = 'billed'";

/* ---- bases ---- */

/* The columns that both kinds of rows begin with. */
static bool
take_base(const DbResult *row, AdjustBase *base, Err *err)
{
    *base = (AdjustBase){.tenant_id = db_i64(row, 0, 0),
                         .invoice_id = db_i64(row, 0, 1),
                         .start_us = db_i64(row, 0, 4),
                         .end_us = db_i64(row, 0, 5),
                         .from_receipt = db_i64(row, 0, 6),
                         .free_tier = strcmp(db_value(row, 0, 7), "t") == 0,
                         .contract_revision = db_i64(row, 0, 8)};
    snprintf(base->number, sizeof base->number, "%s", db_value(row, 0, 2));
    snprintf(base->sha256, sizeof base->sha256, "%s", db_value(row, 0, 3));
    if (!utc_month_parse(db_value(row, 0, 10), &base->month, err))
        return false;
    base->book = text_duplicate(db_slice(row, 0, 9));
    return base->book != NULL || err_set(err, ERR_NOMEM, "no memory for a period that is adjusted");
}

static bool
take_changed(void *context, const DbResult *row, Err *err)
{
    AdjustBases *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    AdjustBase *base = &self->all[self->count++];
    bool done = take_base(row, base, err);
    base->until_receipt = done ? db_i64(row, 0, 11) : 0;
    return done;
}

bool
adjust_bases_changed(AdjustBases *self, Db *db, const char *tenant, UtcMonth before, int64_t to_receipt, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[3] = {db_string(utc_format_day(utc_month_start_us(before), day)), db_string(tenant), db_null()};
    db_set_i64(&params[2], to_receipt);
    *self = (AdjustBases){0};
    return db_stream(db, SQL_CHANGED, params, 3, take_changed, self, err) ||
           err_prefix(err, "looking for what changed of final periods: ");
}

size_t
adjust_bases_first(const AdjustBases *self, int64_t tenant_id)
{
    size_t from = 0;
    size_t to = self->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (self->all[middle].tenant_id < tenant_id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void
adjust_bases_free(AdjustBases *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->all[i].book);
    free(self->all);
    *self = (AdjustBases){0};
}

bool
adjust_kinds(Db *db, const char *tenants, int64_t start_us, int64_t end_us, int64_t from_receipt, int64_t to_receipt,
             AdjustKinds *kinds, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[5] = {db_string(tenants), db_string(utc_format(start_us, start)), db_string(utc_format(end_us, end)),
                         db_null(), db_null()};
    db_set_i64(&params[3], from_receipt);
    db_set_i64(&params[4], to_receipt);
    DbResult *result = db_query(db, SQL_KINDS, params, 5, err);
    if (result == NULL)
        return err_prefix(err, "looking for what changed of a final period: ");
    bool *const flags[] = {&kinds->copies, &kinds->conflicts, &kinds->reversals, &kinds->records};
    for (int i = 0; i < 4; i++)
        *flags[i] = strcmp(db_value(result, 0, i), "t") == 0;
    db_result_free(&result);
    return true;
}

bool
adjust_written_off(Db *db, const AdjustBase *base, int64_t before_id, int64_t **spans, size_t *count, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[5] = {db_null(), db_string(utc_format_day(utc_month_start_us(base->month), day)), db_null(),
                         db_null(), db_null()};
    db_set_i64(&params[0], base->tenant_id);
    db_set_i64(&params[2], base->from_receipt);
    db_set_i64(&params[3], base->invoice_id);
    db_set_i64(&params[4], before_id);
    DbResult *result = db_query(db, SQL_WRITTEN_OFF, params, 5, err);
    if (result == NULL)
        return err_prefix(err, "looking for what was written off: ");
    *count = (size_t) db_rows(result);
    *spans = calloc(2 * *count + 1, sizeof **spans);
    for (size_t i = 0; *spans != NULL && i < *count; i++) {
        (*spans)[2 * i] = db_i64(result, (int) i, 0);
        (*spans)[2 * i + 1] = db_i64(result, (int) i, 1);
    }
    db_result_free(&result);
    return *spans != NULL || err_set(err, ERR_NOMEM, "no memory for what was written off");
}

bool
adjust_taken(Db *db, int64_t tenant_id, int64_t invoice_id, int64_t before_id, Buffer *out, Err *err)
{
    DbParam params[3];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    db_set_i64(&params[2], before_id);
    DbResult *result = db_query(db, SQL_TAKEN, params, 3, err);
    if (result == NULL)
        return err_prefix(err, "reading what an invoice took: ");
    Text text = db_slice(result, 0, 0);
    bool done = buffer_append(out, text.data, text.length, err);
    db_result_free(&result);
    return done;
}

/* ---- writing ---- */

bool
adjust_write(Db *db, int64_t tenant_id, const char *disposition, const char *carrier, const char *document, Err *err)
{
    DbParam params[4] = {db_null(), db_string(disposition), db_string(carrier), db_string(document)};
    db_set_i64(&params[0], tenant_id);
    return db_run(db, SQL_WRITE, params, 4, NULL, err) || err_prefix(err, "writing an adjustment: ");
}

/* ---- reading ---- */

typedef struct Visit {
    AdjustVisit visit;
    void *context;
} Visit;

static bool
visit_row(void *context, const DbResult *result, Err *err)
{
    const Visit *visit = context;
    AdjustRow row;
    if (!take_base(result, &row.base, err))
        return false;
    row.adjustment_id = db_i64(result, 0, 11);
    row.carrier_id = db_i64(result, 0, 12);
    row.disposition = db_value(result, 0, 13);
    row.tenant = db_value(result, 0, 14);
    row.to_receipt = db_i64(result, 0, 15);
    row.sha256 = db_value(result, 0, 16);
    row.document = db_slice(result, 0, 17);
    row.before_id = db_i64(result, 0, 18);
    bool done = visit->visit(visit->context, &row, err);
    free(row.base.book);
    return done;
}

bool
adjust_carried(Db *db, int64_t tenant_id, int64_t carrier_id, AdjustVisit visit, void *context, Err *err)
{
    DbParam params[2];
    Visit state = {visit, context};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], carrier_id);
    return db_stream(db, SQL_CARRIED, params, 2, visit_row, &state, err) || err_prefix(err, "reading adjustments: ");
}

bool
adjust_write_offs(Db *db, const char *tenant, const UtcMonth *month, AdjustVisit visit, void *context, Err *err)
{
    char day[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(tenant),
                              db_string(month == NULL ? NULL : utc_format_day(utc_month_start_us(*month), day))};
    Visit state = {visit, context};
    return db_stream(db, SQL_WRITE_OFFS, params, 2, visit_row, &state, err) ||
           err_prefix(err, "reading what was written off: ");
}

bool
adjust_carrier_of(Db *db, int64_t tenant_id, int64_t base_id, char number[ADJUST_NUMBER_BYTES], Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], base_id);
    DbResult *result = db_query(db, SQL_CARRIER_OF, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "looking for adjustments of an invoice: ");
    snprintf(number, ADJUST_NUMBER_BYTES, "%s", db_value(result, 0, 0));
    db_result_free(&result);
    return true;
}
