#include "schema/tenant_login_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Statements that make roles take no parameters: they are passed as settings of the transaction and quoted by format. */
static const char SQL_SET[] =
    "SELECT set_config('millibill.role', $1, true), set_config('millibill.verifier', $2, true)";
static const char SQL_STATE[] = "SELECT to_regrole($1) IS NOT NULL,"
                                " coalesce(has_schema_privilege(to_regrole($1)::oid, 'millibill', 'USAGE'), false)";
static const char SQL_MAKE[] =
    "DO $$ DECLARE role text := current_setting('millibill.role'); BEGIN"
    " IF to_regrole(role) IS NULL THEN EXECUTE format('CREATE ROLE %I', role); END IF;"
    " EXECUTE format('ALTER ROLE %I LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    "  CONNECTION LIMIT 4 PASSWORD %L', role, current_setting('millibill.verifier'));"
    " EXECUTE format('GRANT millibill_tenant TO %I', role);"
    " EXECUTE format('GRANT USAGE ON SCHEMA millibill TO %I', role);"
    " EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = millibill', role, current_database());"
    " EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_read_only = on', role, current_database());"
    " EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''60s''', role, current_database());"
    " EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''60s''', role,"
    "  current_database());"
    " EXECUTE format('COMMENT ON ROLE %I IS %L', role, 'Reads one tenant''s rows: millibill tenant login'); END $$";
static const char SQL_DROP[] = "DO $$ DECLARE role text := current_setting('millibill.role'); BEGIN"
                               " EXECUTE format('REVOKE USAGE ON SCHEMA millibill FROM %I', role);"
                               " EXECUTE format('DROP ROLE %I', role); END $$";
static const char SQL_SESSIONS[] = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";

void
tenant_login_role(int64_t tenant_id, char role[TENANT_ROLE_BYTES])
{
    (void) snprintf(role, TENANT_ROLE_BYTES, "millibill_tenant_%" PRId64, tenant_id);
}

/* Is there such a role, and is it ours? */
static bool
login_state(Db *db, const char *role, bool *exists, bool *is_ours, Err *err)
{
    const DbParam params[1] = {db_string(role)};
    DbResult *result = db_query(db, SQL_STATE, params, 1, err);
    if (result == NULL)
        return false;
    *exists = strcmp(db_value(result, 0, 0), "t") == 0;
    *is_ours = strcmp(db_value(result, 0, 1), "t") == 0;
    db_result_free(&result);
    return true;
}

/* One transaction of: the settings, then the statement. */
static bool
login_change(Db *db, const char *sql, const char *role, const char *verifier, Err *err)
{
    const DbParam params[2] = {db_string(role), db_string(verifier)};
    bool done = db_begin(db, false, err) && db_run(db, SQL_SET, params, 2, NULL, err) &&
                db_run(db, sql, NULL, 0, NULL, err) && db_commit(db, err);
    db_rollback(db);
    return done;
}

MUST_CHECK bool
tenant_login_make(Db *db, int64_t tenant_id, const char *password, Err *err)
{
    char role[TENANT_ROLE_BYTES];
    bool exists = false, is_ours = false;
    tenant_login_role(tenant_id, role);
    if (!login_state(db, role, &exists, &is_ours, err))
        return false;
    if (exists && !is_ours) {
        err_set(err, ERR_EXISTS, "role %s exists, but not for this database", role);
        return err_hint(err,
                        "roles belong to a whole cluster: drop it if nobody needs it, or use a cluster of its own");
    }
    char *verifier = db_password_verifier(db, role, password, err);
    if (verifier == NULL)
        return false;
    bool done = login_change(db, SQL_MAKE, role, verifier, err);
    db_password_verifier_free(verifier);
    return done;
}

static bool
check_no_sessions(Db *db, const char *role, Err *err)
{
    const DbParam params[1] = {db_string(role)};
    DbResult *result = db_query(db, SQL_SESSIONS, params, 1, err);
    if (result == NULL)
        return false;
    int64_t sessions = db_i64(result, 0, 0);
    db_result_free(&result);
    if (sessions == 0)
        return true;
    err_set(err, ERR_CONFLICT, "role %s has %" PRId64 " open connection%s", role, sessions, sessions == 1 ? "" : "s");
    return err_hint(err, "end them first: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'",
                    role);
}

MUST_CHECK bool
tenant_login_drop(Db *db, int64_t tenant_id, Err *err)
{
    char role[TENANT_ROLE_BYTES];
    bool exists = false, is_ours = false;
    tenant_login_role(tenant_id, role);
    if (!login_state(db, role, &exists, &is_ours, err))
        return false;
    if (!exists || !is_ours)
        return err_set(err, ERR_NOT_FOUND, "this tenant has no login here");
    return check_no_sessions(db, role, err) && login_change(db, SQL_DROP, role, "", err);
}
