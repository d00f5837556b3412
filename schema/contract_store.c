#include "schema/contract_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/array.h"
#include "schema/account_store.h"
#include "schema/invoice_store.h"
#include "schema/tenant_rows.h"

#define ROW                                                                                                            \
    "SELECT tc.tenant_id, t.name, tc.revision, to_char(tc.from_month, 'YYYY-MM'), encode(tc.contract_sha256, 'hex'), " \
    "c.name, c.version, to_char(tc.set_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), tc.set_by, c.source"  \
    " FROM tenant_contracts tc JOIN tenants t USING (tenant_id) JOIN contracts c ON c.sha256 = tc.contract_sha256"

/* What the invoices of a tenant used, before one of them, without those of a period. */
#define USED(tenant, before, beside, month)                                                                                  \
    "WITH items AS (SELECT i.kind, i.name, i.amount, i.quantity, i.basis,"                                                   \
    " (v.kind = 'invoice')::integer - (v.kind = 'void' AND o.kind = 'invoice')::integer AS item"                             \
    " FROM invoice_items i JOIN invoices v USING (tenant_id, invoice_id)"                                                    \
    " LEFT JOIN invoices o ON o.tenant_id = v.tenant_id AND o.invoice_id = v.refers_to"                                      \
    " WHERE i.tenant_id = " tenant " AND v.state = 'final' AND v.invoice_id < " before ""                                    \
    " AND (" beside " IS NULL OR (v.invoice_id <> " beside " AND v.refers_to IS DISTINCT FROM " beside "))"                  \
    " UNION ALL SELECT i.kind, i.name, i.amount, i.quantity, i.basis, 0"                                                     \
    " FROM adjustments a JOIN adjustment_items i USING (tenant_id, adjustment_id)"                                           \
    " WHERE a.tenant_id = " tenant " AND a.disposition = 'billed' AND a.carrier_id < " before ""                             \
    " AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = a.tenant_id AND v.kind = 'void' AND v.invoice_id < " before \
    ""                                                                                                                       \
    " AND v.refers_to IN (a.carrier_id, a.base_id))"                                                                         \
    " AND (" month " IS NULL OR a.period_month <> " month " OR a.base_id IS DISTINCT FROM " beside "))"                      \
    " SELECT json_build_object('used', coalesce(json_agg(u), '[]')) FROM (SELECT kind, name, sum(amount)::text AS amount,"   \
    " coalesce(sum(quantity), 0)::text AS quantity, coalesce(sum(basis), 0)::text AS basis, sum(item) AS items"              \
    " FROM items WHERE name IS NOT NULL AND kind IN ('discount', 'minimum', 'prepaid', 'prepaid_fee', 'credit')"             \
    " GROUP BY kind, name ORDER BY kind, name) u"

static const char SQL_FINAL[] =
    "SELECT i.number, to_char(i.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM invoices i JOIN tenants t USING (tenant_id)"
    " WHERE i.state = 'final' AND i.kind = 'invoice' AND i.period_month >= $2::date"
    " AND (i.tenant_id = $1::bigint OR " ACCOUNT_IN_MONTH(
        "i.period_month") " = (SELECT account_in(m.tenant_id, m.account_id, i.period_month) FROM tenants m WHERE m.tenant_id = $1::bigint))"
                          " AND NOT EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')"
                          " ORDER BY (i.tenant_id = $1::bigint) DESC, i.period_month DESC LIMIT 1";
static const char SQL_PUT[] =
    "INSERT INTO contracts (sha256, name, version, source) VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING";
static const char SQL_SET[] =
    "INSERT INTO tenant_contracts (tenant_id, revision, from_month, contract_sha256, set_by)"
    " SELECT $1::bigint, coalesce(max(revision), 0) + 1, $2::date, $3, $4 FROM tenant_contracts WHERE tenant_id = $1::bigint"
    " RETURNING revision";
static const char SQL_IN_FORCE[] =
    "SELECT * FROM (SELECT DISTINCT ON (1) * FROM (" ROW
    " WHERE tc.from_month <= $1::date AND ($2::text IS NULL OR t.name = $2)) r (tenant_id, tenant, revision, from_month, "
    "sha256, name, version, set_at, set_by, source) ORDER BY 1, from_month DESC, revision DESC) found ORDER BY tenant_id";
static const char SQL_HISTORY[] = ROW " WHERE t.name = $1 ORDER BY tc.revision";
static const char SQL_PREPAID[] = ROW
    " WHERE ($1::text IS NULL OR t.name = $1) AND EXISTS (SELECT FROM invoices i JOIN invoice_items x USING (tenant_id, invoice_id)"
    " WHERE i.tenant_id = tc.tenant_id AND i.contract_revision = tc.revision AND x.kind IN ('prepaid', 'prepaid_fee'))"
    " ORDER BY tc.tenant_id, tc.revision";
static const char SQL_OF_INVOICE[] =
    ROW " JOIN invoices i ON i.tenant_id = tc.tenant_id AND i.contract_revision = tc.revision"
        " WHERE i.tenant_id = $1::bigint AND i.invoice_id = $2::bigint";
static const char SQL_USED[] = USED("$1::bigint", "$2::bigint", "$3::bigint", "$4::date");
static const char SQL_USED_MANY[] = "SELECT w.tenant_id, (" USED(
    "w.tenant_id", "9223372036854775807", "NULL::bigint", "NULL::date") ")"
                                                                        " FROM unnest($1::bigint[]) AS w(tenant_id)";
static const char SQL_REVISION[] = ROW " WHERE tc.tenant_id = $1::bigint AND tc.revision = $2::bigint";

static bool
refuse_final(Db *db, const ContractGiven *given, const char *month_start, Err *err)
{
    DbParam params[2] = {db_null(), db_string(month_start)};
    db_set_i64(&params[0], given->tenant_id);
    DbResult *result = db_query(db, SQL_FINAL, params, 2, err);
    if (result == NULL)
        return false;
    bool none = db_rows(result) == 0;
    if (!none) {
        err_set(err, ERR_CONFLICT, "invoice %s of the period from %s is final already", db_value(result, 0, 0),
                db_value(result, 0, 1));
        err_hint(err, "a contract holds from a month that has no final invoice yet; give a later --from");
    }
    db_result_free(&result);
    return none;
}

static bool
insert(Db *db, const ContractGiven *given, const char *month_start, int64_t *revision, Err *err)
{
    const DbParam contract[] = {db_bytes(given->sha256.bytes, DIGEST_BYTES), db_string(given->name),
                                db_string(given->version), db_slice_param(given->source)};
    DbParam params[4] = {db_null(), db_string(month_start), db_bytes(given->sha256.bytes, DIGEST_BYTES),
                         db_string(given->by)};
    db_set_i64(&params[0], given->tenant_id);
    if (!db_run(db, SQL_PUT, contract, 4, NULL, err))
        return false;
    DbResult *result = db_query(db, SQL_SET, params, 4, err);
    if (result != NULL)
        *revision = db_i64(result, 0, 0);
    bool done = result != NULL;
    db_result_free(&result);
    return done;
}

bool
contract_store_set(Db *db, const ContractGiven *given, int64_t *revision, Err *err)
{
    char start[UTC_TEXT_BYTES];
    utc_format_day(utc_month_start_us(given->from), start);
    bool done = db_begin(db, false, err) && rating_run_lock(db, err) && refuse_final(db, given, start, err) &&
                insert(db, given, start, revision, err) && db_commit(db, err);
    db_rollback(db);
    return done;
}

typedef struct Visit {
    ContractVisit visit;
    void *context;
} Visit;

static bool
visit_row(const DbResult *result, int i, const Visit *visit, Err *err)
{
    const ContractRow row = {.tenant_id = db_i64(result, i, 0),
                             .tenant = db_value(result, i, 1),
                             .revision = db_i64(result, i, 2),
                             .from = db_value(result, i, 3),
                             .sha256 = db_value(result, i, 4),
                             .name = db_value(result, i, 5),
                             .version = db_value(result, i, 6),
                             .set_at = db_value(result, i, 7),
                             .set_by = db_value(result, i, 8),
                             .source = db_slice(result, i, 9)};
    return visit->visit(visit->context, &row, err);
}

static bool
visit_rows(Db *db, const char *sql, const DbParam *params, int count, ContractVisit visit, void *context, Err *err)
{
    const Visit each = {visit, context};
    DbResult *result = db_query(db, sql, params, count, err);
    if (result == NULL)
        return err_prefix(err, "reading contracts: ");
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++)
        good = visit_row(result, i, &each, err);
    db_result_free(&result);
    return good;
}

static bool
stream_row(void *context, const DbResult *row, Err *err)
{
    return visit_row(row, 0, context, err);
}

bool
contract_store_in_force(Db *db, const char *tenant, UtcMonth month, ContractVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format_day(utc_month_start_us(month), start)), db_string(tenant)};
    Visit each = {visit, context};
    return db_stream(db, SQL_IN_FORCE, params, 2, stream_row, &each, err) || err_prefix(err, "reading contracts: ");
}

bool
contract_store_history(Db *db, const char *tenant, ContractVisit visit, void *context, Err *err)
{
    const DbParam params[] = {db_string(tenant)};
    return visit_rows(db, SQL_HISTORY, params, 1, visit, context, err);
}

bool
contract_store_prepaid(Db *db, const char *tenant, ContractVisit visit, void *context, Err *err)
{
    const DbParam params[] = {db_string(tenant)};
    return visit_rows(db, SQL_PREPAID, params, 1, visit, context, err);
}

bool
contract_store_of_invoice(Db *db, int64_t tenant_id, int64_t invoice_id, ContractVisit visit, void *context, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    return visit_rows(db, SQL_OF_INVOICE, params, 2, visit, context, err);
}

bool
contract_store_of_revision(Db *db, int64_t tenant_id, int64_t revision, ContractVisit visit, void *context, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], revision);
    return visit_rows(db, SQL_REVISION, params, 2, visit, context, err);
}

bool
contract_store_used(Db *db, int64_t tenant_id, int64_t invoice_id, Buffer *out, Err *err)
{
    return contract_store_used_beside(db, tenant_id, invoice_id, NULL, out, err);
}

bool
contract_store_used_beside(Db *db, int64_t tenant_id, int64_t invoice_id, const ContractPeriod *beside, Buffer *out,
                           Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[4] = {db_null(), db_null(), db_null(), db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    if (beside != NULL && beside->invoice_id != 0)
        db_set_i64(&params[2], beside->invoice_id);
    if (beside != NULL)
        params[3] = db_string(utc_format_day(utc_month_start_us(beside->month), day));
    DbResult *result = db_query(db, SQL_USED, params, 4, err);
    if (result == NULL)
        return err_prefix(err, "reading what earlier invoices used: ");
    Text text = db_slice(result, 0, 0);
    bool done = buffer_append(out, text.data, text.length, err);
    db_result_free(&result);
    return done;
}

/* ---- of many tenants ---- */

static TenantUsed *
find_used(const ContractUsed *self, int64_t tenant_id)
{
    return tenant_rows_find(self->all, self->count, sizeof *self->all, tenant_id);
}

bool
contract_used_want(ContractUsed *self, int64_t tenant_id, Err *err)
{
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = (TenantUsed){.tenant_id = tenant_id};
    return true;
}

static bool
take_used(ContractUsed *self, const DbResult *result, Err *err)
{
    bool done = true;
    for (int row = 0; done && row < db_rows(result); row++) {
        const Text text = db_slice(result, row, 1);
        TenantUsed *found = find_used(self, db_i64(result, row, 0));
        if (found == NULL)
            continue;
        found->start = self->texts.length;
        found->length = text.length;
        done = buffer_append(&self->texts, text.data, text.length, err);
    }
    return done;
}

bool
contract_used_read(ContractUsed *self, Db *db, Err *err)
{
    if (self->count == 0)
        return true;
    DbArray tenants = db_array_of(DB_BIGINT);
    DbParam params[1] = {db_null()};
    bool done = tenant_rows_sort(self->all, self->count, sizeof *self->all, &tenants, err);
    DbResult *result =
        done && db_array_param(&tenants, &params[0], err) ? db_query(db, SQL_USED_MANY, params, 1, err) : NULL;
    done = result != NULL && take_used(self, result, err);
    db_result_free(&result);
    db_array_free(&tenants);
    return done || err_prefix(err, "reading what earlier invoices used: ");
}

bool
contract_used_find(const ContractUsed *self, int64_t tenant_id, Text *used)
{
    const TenantUsed *found = find_used(self, tenant_id);
    if (found == NULL || found->length == 0)
        return false;
    *used = (Text){self->texts.data + found->start, found->length};
    return true;
}

void
contract_used_clear(ContractUsed *self)
{
    self->count = 0;
    buffer_clear(&self->texts);
}

void
contract_used_free(ContractUsed *self)
{
    free(self->all);
    buffer_free(&self->texts);
    *self = (ContractUsed){0};
}
