#include "schema/agent_store.h"

#include <string.h>

static const char SQL_ADD[] =
    "INSERT INTO agents (name, public_key, all_tenants) SELECT $1, $2, $3::boolean"
    " WHERE NOT EXISTS (SELECT FROM agent_former_keys WHERE public_key = $2) ON CONFLICT DO NOTHING";
static const char SQL_FIND[] =
    "SELECT name = $1, public_key = $2, all_tenants = $3::boolean, revoked_at IS NOT NULL FROM agents"
    " WHERE name = $1 OR public_key = $2 ORDER BY name = $1 DESC";
static const char SQL_ALLOW[] =
    "INSERT INTO agent_tenants (agent_id, tenant_id) SELECT a.agent_id, t.tenant_id FROM agents a, tenants t"
    " WHERE a.name = $1 AND t.name = $2 ON CONFLICT DO NOTHING";
static const char SQL_DENY[] =
    "DELETE FROM agent_tenants g USING agents a, tenants t"
    " WHERE a.name = $1 AND t.name = $2 AND g.agent_id = a.agent_id AND g.tenant_id = t.tenant_id";
static const char SQL_SPEAKS_FOR_ALL[] = "SELECT all_tenants FROM agents WHERE name = $1";
static const char SQL_ALLOWED[] = "SELECT 1 FROM agents a, tenants t WHERE a.name = $1 AND t.name = $2";
static const char SQL_REVOKE[] = "UPDATE agents SET revoked_at = coalesce(revoked_at, now()) WHERE name = $1";
static const char SQL_LOCK[] = "SELECT public_key = $2, revoked_at IS NOT NULL FROM agents WHERE name = $1 FOR UPDATE";
static const char SQL_KEY_IN_USE[] = "SELECT 1 FROM agents WHERE public_key = $1 UNION ALL"
                                     " SELECT 1 FROM agent_former_keys WHERE public_key = $1";
static const char SQL_RETIRE[] = "INSERT INTO agent_former_keys (public_key, agent_id, refused_from)"
                                 " SELECT public_key, agent_id, now() + make_interval(secs => $2::bigint) FROM agents"
                                 " WHERE name = $1";
static const char SQL_REPLACE[] = "UPDATE agents SET public_key = $2 WHERE name = $1";
/* The clock of the database decides, for every collector alike. */
static const char SQL_KEYS[] =
    "SELECT agent_id, name, public_key, all_tenants, false FROM agents WHERE revoked_at IS NULL"
    " UNION ALL SELECT a.agent_id, a.name, f.public_key, a.all_tenants, false FROM agent_former_keys f"
    " JOIN agents a USING (agent_id) WHERE a.revoked_at IS NULL AND f.refused_from > now()";
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
        err_set(err, ERR_CONFLICT, "this public key was an agent's before, and was replaced; make a new pair");
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
agent_deny_tenant(Db *db, const char *name, const char *tenant, Err *err)
{
    const DbParam params[2] = {db_string(name), db_string(tenant)};
    DbResult *result = db_query(db, SQL_SPEAKS_FOR_ALL, params, 1, err);
    if (result == NULL)
        return false;
    bool found = db_rows(result) == 1;
    bool all = found && is_true(result, 0, 0);
    int64_t rows = 0;
    db_result_free(&result);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no agent '%s'", name);
    if (all)
        return err_set(err, ERR_CONFLICT, "agent '%s' may speak for every tenant: a single one cannot be taken from it",
                       name);
    return db_run(db, SQL_DENY, params, 2, &rows, err) &&
           (rows == 1 || err_set(err, ERR_NOT_FOUND, "agent '%s' does not speak for tenant '%s'", name, tenant));
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

/** Lock the agent's row; `*has_it`: the key is its present one already. */
static bool
rotate_check(Db *db, const char *name, const char *public_key, bool *has_it, Err *err)
{
    const DbParam params[2] = {db_string(name), db_string(public_key)};
    DbResult *result = db_query(db, SQL_LOCK, params, 2, err);
    if (result == NULL)
        return false;
    bool found = db_rows(result) == 1;
    *has_it = found && is_true(result, 0, 0);
    bool revoked = found && is_true(result, 0, 1);
    db_result_free(&result);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "there is no agent '%s'", name);
    if (revoked)
        return err_set(err, ERR_CONFLICT, "agent '%s' is revoked; register the host under a new name", name);
    result = db_query(db, SQL_KEY_IN_USE, params + 1, 1, err);
    if (result == NULL)
        return false;
    bool in_use = db_rows(result) > 0;
    db_result_free(&result);
    return *has_it || !in_use || err_set(err, ERR_EXISTS, "this public key is or was in use; make a new pair");
}

MUST_CHECK bool
agent_rotate(Db *db, const char *name, const char *public_key, int64_t grace_s, Err *err)
{
    const DbParam replace[2] = {db_string(name), db_string(public_key)};
    DbParam retire[2] = {db_string(name)};
    bool has_it = false;
    db_set_i64(&retire[1], grace_s);
    if (strlen(public_key) != AGENT_KEY_BYTES)
        return err_set(err, ERR_INPUT, "a public key has %d characters (Z85), this one has %zu", AGENT_KEY_BYTES,
                       strlen(public_key));
    bool done =
        db_begin(db, false, err) && rotate_check(db, name, public_key, &has_it, err) &&
        (has_it || (db_run(db, SQL_RETIRE, retire, 2, NULL, err) && db_run(db, SQL_REPLACE, replace, 2, NULL, err))) &&
        db_commit(db, err);
    db_rollback(db);
    return done;
}

static bool
visit_agents(Db *db, const char *sql, AgentVisit visit, void *context, Err *err)
{
    DbResult *result = db_query(db, sql, NULL, 0, err);
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

MUST_CHECK bool
agent_list(Db *db, AgentVisit visit, void *context, Err *err)
{
    return visit_agents(db, SQL_LIST, visit, context, err);
}

MUST_CHECK bool
agent_keys(Db *db, AgentVisit visit, void *context, Err *err)
{
    return visit_agents(db, SQL_KEYS, visit, context, err);
}
