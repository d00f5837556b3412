#include "schema/agent_store.h"

#include <string.h>

static const char SQL_ADD[] =
    "INSERT INTO agents (name, public_key, all_tenants) VALUES ($1, $2, $3::boolean) ON CONFLICT DO NOTHING";
static const char SQL_FIND[] =
    "SELECT name = $1, public_key = $2, all_tenants = $3::boolean, revoked_at IS NOT NULL FROM agents"
    " WHERE name = $1 OR public_key = $2 ORDER BY name = $1 DESC";
static const char SQL_ALLOW[] =
    "INSERT INTO agent_tenants (agent_id, tenant_id) SELECT a.agent_id, t.tenant_id FROM agents a, tenants t"
    " WHERE a.name = $1 AND t.name = $2 ON CONFLICT DO NOTHING";
static const char SQL_ALLOWED[] = "SELECT 1 FROM agents a, tenants t WHERE a.name = $1 AND t.name = $2";
static const char SQL_REVOKE[] = "UPDATE agents SET revoked_at = coalesce(revoked_at, now()) WHERE name = $1";
static const char SQL_LIST[] =
    "SELECT agent_id, name, public_key, all_tenants, revoked_at IS NOT NULL FROM agents ORDER BY name";

static bool
is_true(const DbResult *result, int row, int column)
{
    return strcmp(db_value(result, row, column), "t") == 0;
}

/** Nothing was inserted: is it the same agent, or a clash? */
static bool
explain_clash(Db *db, const DbParam *params, const char *name, Err *err)
{
    DbResult *result = db_query(db, SQL_FIND, params, 3, err);
    if (result == NULL)
        return false;
    bool good = false;
    if (db_rows(result) == 0)
        err_set(err, ERR_BUSY, "agent '%s' is being changed by somebody else", name);
    else if (!is_true(result, 0, 0))
        err_set(err, ERR_EXISTS, "this public key is in use by another agent");
    else if (!is_true(result, 0, 1))
        err_set(err, ERR_EXISTS, "agent '%s' exists with another key", name);
    else if (is_true(result, 0, 3))
        err_set(err, ERR_CONFLICT, "the key of agent '%s' was revoked; make a new one under a new name", name);
    else if (!is_true(result, 0, 2))
        err_set(err, ERR_EXISTS, "agent '%s' exists with other rights", name);
    else
        good = true;
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
agent_add(Db *db, const char *name, const char *public_key, bool all_tenants, Err *err)
{
    if (strlen(public_key) != AGENT_KEY_BYTES)
        return err_set(err, ERR_INPUT, "agent '%s': a public key has %d characters (Z85), this one has %zu", name,
                       AGENT_KEY_BYTES, strlen(public_key));
    const DbParam params[3] = {db_string(name), db_string(public_key), db_string(all_tenants ? "true" : "false")};
    int64_t rows = 0;
    if (!db_run(db, SQL_ADD, params, 3, &rows, err))
        return false;
    return rows == 1 || explain_clash(db, params, name, err);
}

MUST_CHECK bool
agent_allow_tenant(Db *db, const char *name, const char *tenant, Err *err)
{
    const DbParam params[2] = {db_string(name), db_string(tenant)};
    if (!db_run(db, SQL_ALLOW, params, 2, NULL, err))
        return false;
    DbResult *result = db_query(db, SQL_ALLOWED, params, 2, err);
    if (result == NULL)
        return false;
    bool found = db_rows(result) == 1;
    db_result_free(&result);
    return found || err_set(err, ERR_NOT_FOUND, "there is no agent '%s' or no tenant '%s'", name, tenant);
}

MUST_CHECK bool
agent_revoke(Db *db, const char *name, Err *err)
{
    const DbParam params[1] = {db_string(name)};
    int64_t rows = 0;
    if (!db_run(db, SQL_REVOKE, params, 1, &rows, err))
        return false;
    return rows == 1 || err_set(err, ERR_NOT_FOUND, "there is no agent '%s'", name);
}

MUST_CHECK bool
agent_list(Db *db, AgentVisit visit, void *context, Err *err)
{
    DbResult *result = db_query(db, SQL_LIST, NULL, 0, err);
    if (result == NULL)
        return false;
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++) {
        const AgentRow row = {.agent_id = db_i64(result, i, 0),
                              .name = db_value(result, i, 1),
                              .public_key = db_value(result, i, 2),
                              .all_tenants = is_true(result, i, 3),
                              .revoked = is_true(result, i, 4)};
        good = visit(context, &row, err);
    }
    db_result_free(&result);
    return good;
}
