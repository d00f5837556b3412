#include "schema/account_store.h"

#include <string.h>

#include "schema/invoice_store.h"
#include "schema/tenant_store.h"

static const char SQL_ACCOUNT_ADD[] = "INSERT INTO accounts (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
static const char SQL_NOW_IN[] =
    "SELECT a.name FROM tenants t JOIN accounts a ON a.account_id = account_at(t.tenant_id, t.account_id, $2::timestamptz)"
    " WHERE t.tenant_id = $1::bigint";
/* Tenants of one account settle together: those that it leaves behind and those that it joins have shared their free tier, too. */
static const char SQL_FINAL[] =
    "SELECT i.number, to_char(i.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD'), t.name FROM invoices i JOIN tenants t USING (tenant_id)"
    " WHERE i.state = 'final' AND i.period_month >= ($2::timestamptz AT TIME ZONE 'UTC')::date"
    " AND (t.tenant_id = $1::bigint OR " ACCOUNT_IN_MONTH(
        "i.period_month") " IN (SELECT account_id FROM accounts WHERE name = $3"
                          " UNION SELECT account_in(m.tenant_id, m.account_id, i.period_month) FROM tenants m WHERE m.tenant_id = $1::bigint))"
                          " ORDER BY i.period_month DESC, t.name LIMIT 1";
static const char SQL_MOVE[] =
    "INSERT INTO account_members (tenant_id, revision, from_month, account_id, set_by)"
    " SELECT $1::bigint, coalesce((SELECT max(revision) FROM account_members WHERE tenant_id = $1::bigint), 0) + 1, $2::date,"
    " account_id, $4 FROM accounts WHERE name = $3 RETURNING revision";
static const char SQL_HISTORY[] =
    "SELECT revision, month, account, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), by FROM ("
    "SELECT 0 AS revision, '' AS month, a.name AS account, t.created_at AS at, '' AS by FROM tenants t JOIN accounts a USING (account_id)"
    " WHERE t.name = $1 UNION ALL SELECT m.revision, to_char(m.from_month, 'YYYY-MM'), a.name, m.set_at, m.set_by"
    " FROM account_members m JOIN tenants t USING (tenant_id) JOIN accounts a ON a.account_id = m.account_id WHERE t.name = $1) h"
    " ORDER BY revision";

static const char SQL_SERVICE[] =
    "SELECT coalesce((extract(epoch FROM s.service_from) * 1000000)::bigint, 0), coalesce((extract(epoch FROM s.service_until) * 1000000)::bigint, 0),"
    " coalesce(s.revision, 0) FROM accounts a LEFT JOIN account_service s USING (account_id) WHERE a.name = $1 ORDER BY s.revision DESC LIMIT 1";
/* A final period of which another part would be in service. $2 $3: as it was, $4 $5: as it would be. */
static const char SQL_SERVICE_FINAL[] =
    "SELECT i.number, to_char(i.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD'), t.name FROM invoices i JOIN tenants t USING (tenant_id)"
    " WHERE i.state = 'final' AND " ACCOUNT_IN_MONTH(
        "i.period_month") " = (SELECT account_id FROM accounts WHERE name = $1)"
                          " AND (greatest(i.period_start, $2::timestamptz), least(i.period_end, $3::timestamptz)) IS DISTINCT FROM"
                          " (greatest(i.period_start, $4::timestamptz), least(i.period_end, $5::timestamptz)) ORDER BY i.period_start DESC, t.name LIMIT 1";
static const char SQL_SET_SERVICE[] =
    "INSERT INTO account_service (account_id, revision, service_from, service_until, set_by)"
    " SELECT account_id, coalesce((SELECT max(revision) FROM account_service s WHERE s.account_id = a.account_id), 0) + 1,"
    " nullif($2, '-infinity')::timestamptz, nullif($3, 'infinity')::timestamptz, $4 FROM accounts a WHERE a.name = $1 RETURNING revision";

static bool
refuse_same(Db *db, const DbParam *tenant, const char *start, const char *account, Err *err)
{
    const DbParam params[] = {*tenant, db_string(start)};
    DbResult *result = db_query(db, SQL_NOW_IN, params, 2, err);
    if (result == NULL)
        return false;
    bool other = db_rows(result) == 0 || strcmp(db_value(result, 0, 0), account) != 0;
    db_result_free(&result);
    return other || err_set(err, ERR_EXISTS, "it belongs to account '%s' in that month already", account);
}

static bool
refuse_final(Db *db, const DbParam *tenant, const char *start, const char *account, Err *err)
{
    const DbParam params[] = {*tenant, db_string(start), db_string(account)};
    DbResult *result = db_query(db, SQL_FINAL, params, 3, err);
    if (result == NULL)
        return false;
    bool none = db_rows(result) == 0;
    if (!none) {
        err_set(err, ERR_CONFLICT, "invoice %s of tenant '%s' for the period from %s is final already",
                db_value(result, 0, 0), db_value(result, 0, 2), db_value(result, 0, 1));
        err_hint(err, "an account changes from a month on that is final for none of its tenants; give a later --from");
    }
    db_result_free(&result);
    return none;
}

static bool
insert(Db *db, const DbParam *tenant, const char *start, const char *account, const char *by, int64_t *revision,
       Err *err)
{
    const DbParam name[] = {db_string(account)};
    const DbParam params[] = {*tenant, db_string(start), db_string(account), db_string(by)};
    if (!db_run(db, SQL_ACCOUNT_ADD, name, 1, NULL, err))
        return false;
    DbResult *result = db_query(db, SQL_MOVE, params, 4, err);
    bool done = result != NULL;
    if (done)
        *revision = db_i64(result, 0, 0);
    db_result_free(&result);
    return done;
}

bool
account_store_move(Db *db, const char *tenant, const char *account, UtcMonth from, const char *by, int64_t *revision,
                   Err *err)
{
    char start[UTC_TEXT_BYTES];
    int64_t tenant_id = 0;
    DbParam id = db_null();
    utc_format(utc_month_start_us(from), start);
    if (!tenant_id_of(db, tenant, &tenant_id, err))
        return false;
    db_set_i64(&id, tenant_id);
    bool done = db_begin(db, false, err) && rating_run_lock(db, err) && refuse_same(db, &id, start, account, err) &&
                refuse_final(db, &id, start, account, err) && insert(db, &id, start, account, by, revision, err) &&
                db_commit(db, err);
    db_rollback(db);
    return done || err_prefix(err, "tenant '%s': ", tenant);
}

bool
account_store_history(Db *db, const char *tenant, AccountMoveVisit visit, void *context, Err *err)
{
    const DbParam params[] = {db_string(tenant)};
    DbResult *result = db_query(db, SQL_HISTORY, params, 1, err);
    if (result == NULL)
        return false;
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++) {
        const AccountMove move = {db_i64(result, i, 0), db_value(result, i, 1), db_value(result, i, 2),
                                  db_value(result, i, 3), db_value(result, i, 4)};
        good = visit(context, &move, err);
    }
    db_result_free(&result);
    return good;
}

/* ---- service ---- */

bool
account_store_service(Db *db, const char *account, AccountService *service, Err *err)
{
    const DbParam params[] = {db_string(account)};
    DbResult *result = db_query(db, SQL_SERVICE, params, 1, err);
    if (result == NULL)
        return false;
    bool found = db_rows(result) == 1;
    if (found)
        *service = (AccountService){db_i64(result, 0, 0), db_i64(result, 0, 1), db_i64(result, 0, 2)};
    db_result_free(&result);
    return found || err_set(err, ERR_NOT_FOUND, "there is no account '%s'", account);
}

static bool
refuse_final_service(Db *db, const char *account, const char *const times[4], Err *err)
{
    const DbParam params[] = {db_string(account), db_string(times[0]), db_string(times[1]), db_string(times[2]),
                              db_string(times[3])};
    DbResult *result = db_query(db, SQL_SERVICE_FINAL, params, 5, err);
    if (result == NULL)
        return false;
    bool none = db_rows(result) == 0;
    if (!none)
        err_set(err, ERR_CONFLICT,
                "invoice %s of tenant '%s' for the period from %s is final, and another part of it would be in service",
                db_value(result, 0, 0), db_value(result, 0, 2), db_value(result, 0, 1));
    db_result_free(&result);
    return none;
}

static bool
insert_service(Db *db, const char *account, const char *const times[4], const char *by, AccountService *service,
               Err *err)
{
    const DbParam params[] = {db_string(account), db_string(times[2]), db_string(times[3]), db_string(by)};
    DbResult *result = db_query(db, SQL_SET_SERVICE, params, 4, err);
    if (result == NULL)
        return false;
    service->revision = db_i64(result, 0, 0);
    db_result_free(&result);
    return true;
}

static const char *
start_text(const AccountService *service, char out[UTC_TEXT_BYTES])
{
    return service->start_us == 0 ? "-infinity" : utc_format(service->start_us, out);
}

static const char *
end_text(const AccountService *service, char out[UTC_TEXT_BYTES])
{
    return service->end_us == 0 ? "infinity" : utc_format(service->end_us, out);
}

bool
account_store_set_service(Db *db, const char *account, AccountService *service, const char *by, Err *err)
{
    char texts[4][UTC_TEXT_BYTES];
    AccountService before = {0};
    bool done =
        db_begin(db, false, err) && rating_run_lock(db, err) && account_store_service(db, account, &before, err);
    const char *const times[4] = {start_text(&before, texts[0]), end_text(&before, texts[1]),
                                  start_text(service, texts[2]), end_text(service, texts[3])};
    done = done && refuse_final_service(db, account, times, err) &&
           insert_service(db, account, times, by, service, err) && db_commit(db, err);
    db_rollback(db);
    return done;
}
