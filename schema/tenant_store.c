#include "schema/tenant_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/db_array.h"

enum { TENANT_NAME_BYTES_MAX = 255 };

static const char SQL_ACCOUNT_ADD[] = "INSERT INTO accounts (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
static const char SQL_TENANT_ADD[] =
    "INSERT INTO tenants (name, account_id) SELECT $1, account_id FROM accounts WHERE name = $2"
    " ON CONFLICT (name) DO NOTHING RETURNING tenant_id";
static const char SQL_INTRODUCE[] = "SELECT tenants_introduce($1::text[])";
static const char SQL_IDS[] =
    "SELECT coalesce(t.tenant_id, 0) FROM unnest($1::text[]) WITH ORDINALITY AS n(name, position)"
    " LEFT JOIN tenants t USING (name) ORDER BY n.position";
static const char SQL_AFTER[] = "SELECT tenant_id FROM tenants WHERE tenant_id > $1::bigint ORDER BY 1";
#define LIST(account)                                                                                          \
    "SELECT t.tenant_id, t.name, " TENANT_ACCOUNT_NAME                                                         \
    ", to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"                            \
    " coalesce((extract(epoch FROM s.service_from) * 1000000)::bigint, 0),"                                    \
    " coalesce((extract(epoch FROM s.service_until) * 1000000)::bigint, 0)"                                    \
    " FROM tenants t LEFT JOIN accounts a ON a.account_id = " account                                          \
    " LEFT JOIN (SELECT DISTINCT ON (account_id) account_id, service_from, service_until FROM account_service" \
    " ORDER BY account_id, revision DESC) s ON s.account_id = a.account_id ORDER BY t.name"
static const char SQL_LIST[] = LIST("account_at(t.tenant_id, t.account_id, $1::timestamptz)");
static const char SQL_LIST_BEFORE[] =
    LIST("coalesce((SELECT m.account_id FROM account_members m WHERE m.tenant_id = t.tenant_id"
         " AND m.from_month <= ($1::timestamptz AT TIME ZONE 'UTC')::date AND m.set_at < $2::timestamptz"
         " ORDER BY m.from_month DESC, m.revision DESC LIMIT 1), t.account_id)");
/* Of tenants that ever belonged to the account. */
static const char SQL_MOVES[] =
    "SELECT to_char(set_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM account_members"
    " WHERE from_month <= ($1::timestamptz AT TIME ZONE 'UTC')::date AND tenant_id IN (SELECT t.tenant_id FROM tenants t JOIN accounts USING (account_id)"
    " WHERE accounts.name = $2 UNION SELECT m.tenant_id FROM account_members m JOIN accounts USING (account_id) WHERE accounts.name = $2)"
    " GROUP BY set_at ORDER BY set_at DESC";

static bool
name_check(const char *what, const char *name, Err *err)
{
    Text text = text_of(name);
    if (text.length >= 1 && text.length <= TENANT_NAME_BYTES_MAX && text_is_clean_utf8(text))
        return true;
    return err_set(err, ERR_INPUT, "%s '%.*s': expected 1 to %d bytes of UTF-8 text without control characters", what,
                   (int) (text.length > 80 ? 80 : text.length), name, TENANT_NAME_BYTES_MAX);
}

static bool
tenant_insert(Db *db, const char *name, const char *account, int64_t *tenant_id, Err *err)
{
    const DbParam params[2] = {db_string(name), db_string(account)};
    if (!db_run(db, SQL_ACCOUNT_ADD, &params[1], 1, NULL, err))
        return false;
    DbResult *result = db_query(db, SQL_TENANT_ADD, params, 2, err);
    if (result == NULL)
        return false;
    bool added = db_rows(result) == 1;
    if (added && tenant_id != NULL)
        *tenant_id = db_i64(result, 0, 0);
    db_result_free(&result);
    return added || err_set(err, ERR_EXISTS, "tenant '%s' exists already", name);
}

MUST_CHECK bool
tenant_add(Db *db, const char *name, const char *account, int64_t *tenant_id, Err *err)
{
    if (account == NULL)
        account = name;
    if (!name_check("tenant", name, err) || !name_check("account", account, err) || !db_begin(db, false, err))
        return false;
    bool done = tenant_insert(db, name, account, tenant_id, err) && db_commit(db, err);
    db_rollback(db);
    return done;
}

/** One text[] parameter of names, then a statement with it. */
static DbResult *
query_by_names(Db *db, const char *sql, const Text *names, size_t count, Err *err)
{
    DbArray array = db_array_of(DB_TEXT);
    DbParam params[1];
    DbResult *result = NULL;
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_text(&array, names[i], err);
    if (good && db_array_param(&array, &params[0], err))
        result = db_query(db, sql, params, 1, err);
    db_array_free(&array);
    return result;
}

MUST_CHECK bool
tenant_introduce(Db *db, const Text *names, size_t count, bool *is_new, Err *err)
{
    DbResult *result = query_by_names(db, SQL_INTRODUCE, names, count, err);
    if (result == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        is_new[i] = false;
        for (int row = 0; row < db_rows(result); row++)
            is_new[i] |= text_equal(names[i], db_slice(result, row, 0));
    }
    db_result_free(&result);
    return true;
}

MUST_CHECK bool
tenant_ids(Db *db, const Text *names, size_t count, int64_t *ids, Err *err)
{
    if (count == 0)
        return true;
    DbResult *result = query_by_names(db, SQL_IDS, names, count, err);
    if (result == NULL)
        return false;
    bool good = (size_t) db_rows(result) == count || err_set(err, ERR_INTERNAL, "tenants were looked up in vain");
    for (size_t i = 0; good && i < count; i++)
        ids[i] = db_i64(result, (int) i, 0);
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
tenant_id_of(Db *db, const char *name, int64_t *id, Err *err)
{
    const Text text = text_of(name);
    if (!tenant_ids(db, &text, 1, id, err))
        return false;
    if (*id != 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "there is no tenant '%s'", name);
    return err_hint(err, "`millibill tenant list` shows those that exist, `millibill tenant add NAME` makes one.");
}

MUST_CHECK bool
tenant_ids_after(Db *db, int64_t tenant_id, int64_t **ids, size_t *count, size_t *capacity, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], tenant_id);
    DbResult *result = db_query(db, SQL_AFTER, params, 1, err);
    bool done = result != NULL;
    for (int i = 0; done && i < db_rows(result); i++) {
        done = array_grow(ids, capacity, *count, sizeof **ids, err);
        if (done)
            (*ids)[(*count)++] = db_i64(result, i, 0);
    }
    db_result_free(&result);
    return done;
}

MUST_CHECK bool
tenant_list(Db *db, TenantVisit visit, void *context, Err *err)
{
    return tenant_list_in(db, utc_month_of(utc_now_us()), visit, context, err);
}

typedef struct TenantVisitor {
    TenantVisit visit;
    void *context;
} TenantVisitor;

static bool
visit_tenant(void *context, const DbResult *result, Err *err)
{
    const TenantVisitor *self = context;
    const TenantRow row = {.tenant_id = db_i64(result, 0, 0),
                           .name = db_value(result, 0, 1),
                           .account = db_value(result, 0, 2),
                           .created_at = db_value(result, 0, 3),
                           .service_start_us = db_i64(result, 0, 4),
                           .service_end_us = db_i64(result, 0, 5)};
    return self->visit(self->context, &row, err);
}

MUST_CHECK bool
tenant_list_before(Db *db, UtcMonth month, const char *moved_before, TenantVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format(utc_month_start_us(month), start)), db_string(moved_before)};
    TenantVisitor visitor = {visit, context};
    return db_stream(db, SQL_LIST_BEFORE, params, 2, visit_tenant, &visitor, err);
}

MUST_CHECK bool
tenant_moves(Db *db, UtcMonth month, const char *account, TenantMove **moves, size_t *count, Err *err)
{
    char start[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format(utc_month_start_us(month), start)), db_string(account)};
    DbResult *result = db_query(db, SQL_MOVES, params, 2, err);
    *count = result == NULL ? 0 : (size_t) db_rows(result);
    *moves = result == NULL ? NULL : calloc(*count + 1, sizeof **moves);
    for (size_t i = 0; *moves != NULL && i < *count; i++)
        snprintf((*moves)[i].at, sizeof(*moves)[i].at, "%s", db_value(result, (int) i, 0));
    db_result_free(&result);
    return *moves != NULL || (!err_is_set(err) && err_set(err, ERR_NOMEM, "no memory for moves of tenants"));
}

MUST_CHECK bool
tenant_list_in(Db *db, UtcMonth month, TenantVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format(utc_month_start_us(month), start))};
    TenantVisitor visitor = {visit, context};
    return db_stream(db, SQL_LIST, params, 1, visit_tenant, &visitor, err);
}
