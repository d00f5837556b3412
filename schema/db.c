#include "schema/db_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

/* ---- errors ---- */

static const char QUERY_CANCELED[] = "57014";

/** May the same statement succeed later? 08 connection, 40 rollback (deadlock, serialisation), 53 resources (disk full, too
 *  many connections), 57P shutdown, 55P03 lock timeout, 25006 read-only standby, 25P03 idle timeout, 58030 I/O. */
static bool
state_is_busy(const char *state)
{
    static const char *const prefixes[] = {"08", "40", "53", "57P", "55P03", "25006", "25P03", "58030"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(state, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/** The first line of a libpq message, without its newline, for one-line errors. */
static int
first_line_length(const char *message)
{
    return (int) strcspn(message, "\n");
}

bool
db_fail_connection(Db *self, Err *err)
{
    const char *message = PQerrorMessage(self->connection);
    self->trouble = PQstatus(self->connection) == CONNECTION_BAD ? DB_TROUBLE_LOST : DB_TROUBLE_STATEMENT;
    if (self->gave_up)
        return err_set(err, ERR_BUSY, "the database did not answer within %" PRId64 " s, the connection was given up",
                       self->patience_ms / 1000);
    return err_set(err, ERR_BUSY, "the database connection was lost: %.*s", first_line_length(message), message);
}

bool
db_fail_result(Db *self, const PGresult *result, Err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQstatus(self->connection) == CONNECTION_BAD || state == NULL)
        return db_fail_connection(self, err);
    if (self->cancelled && strcmp(state, QUERY_CANCELED) == 0)
        return db_say_interrupted(err);
    self->trouble = strncmp(state, "53", 2) == 0 ? DB_TROUBLE_ROOM : DB_TROUBLE_STATEMENT;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    if (detail != NULL && strncmp(detail, "Failing row", strlen("Failing row")) == 0)
        detail = NULL; /* whole rows do not belong into messages and logs */
    err_set(err, state_is_busy(state) ? ERR_BUSY : ERR_DATABASE, "database: %s%s%s (SQLSTATE %s)",
            message == NULL ? "?" : message, detail == NULL ? "" : ": ", detail == NULL ? "" : detail, state);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (hint != NULL)
        err_hint(err, "%s", hint);
    return false;
}

bool
db_status_is_good(ExecStatusType status)
{
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* ---- connection ---- */

static void
notice_to_log(void *context, const PGresult *result)
{
    (void) context;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    LogLevel level = severity != NULL && strcmp(severity, "WARNING") == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    log_line(level, "event=database_notice message=\"%s\"", message == NULL ? "" : message);
}

/** Later keywords win over the connection string, earlier ones are its defaults. */
static PGconn *
connection_open(const char *conninfo, const char *application_name)
{
    const char *const keywords[] = {"connect_timeout",
                                    "keepalives",
                                    "keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "tcp_user_timeout",
                                    "dbname",
                                    "application_name",
                                    "client_encoding",
                                    "options",
                                    NULL};
    const char *const values[] = {
        "10",
        "1",
        "10",
        "5",
        "3",
        "30000",
        conninfo,
        application_name,
        "UTF8",
        "-c search_path=millibill,pg_temp -c timezone=UTC -c datestyle=ISO -c bytea_output=hex "
        "-c statement_timeout=0 -c standard_conforming_strings=on -c client_connection_check_interval=10s",
        NULL};
    return PQconnectdbParams(keywords, values, 1);
}

/** Is a server there? One that accepts connections and says nothing must not hold us: no waiting without end. */
static PGPing
ask_server(const char *conninfo)
{
    const char *const keywords[] = {"connect_timeout", "dbname", NULL};
    const char *const values[] = {"3", conninfo, NULL};
    return PQpingParams(keywords, values, 1);
}

static bool
fail_to_connect(PGconn *connection, const char *conninfo, Err *err)
{
    const char *message = connection == NULL ? "out of memory" : PQerrorMessage(connection);
    PGPing ping = ask_server(conninfo);
    bool full = strstr(message, "too many clients") != NULL || strstr(message, "remaining connection slots") != NULL;
    bool away = ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE || full;
    err_set(err, away ? ERR_BUSY : ERR_DATABASE, "cannot connect to the database: %.*s", first_line_length(message),
            message);
    if (away)
        return err_hint(err,
                        "Is PostgreSQL running? `millibill up` starts the embedded one, `millibill status` tells.");
    return err_hint(err,
                    "Check the `database` setting, the role and its right to connect; `millibill migrate` makes the "
                    "roles and tables.");
}

MUST_CHECK bool
db_reconnect(Db *self, Err *err)
{
    PQfreeCancel(self->cancel);
    self->cancel = NULL;
    PQfinish(self->connection);
    self->connection = connection_open(self->conninfo, self->application_name);
    if (self->connection == NULL || PQstatus(self->connection) != CONNECTION_OK)
        return fail_to_connect(self->connection, self->conninfo, err);
    PQsetNoticeReceiver(self->connection, notice_to_log, NULL);
    self->gave_up = false;
    self->trouble = DB_TROUBLE_NONE;
    self->cancel = PQgetCancel(self->connection);
    return PQsetnonblocking(self->connection, 1) == 0 || db_fail_connection(self, err);
}

MUST_CHECK Db *
db_connect(const char *conninfo, const char *application_name, Err *err)
{
    Db *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a database connection");
        return NULL;
    }
    self->conninfo = strdup(conninfo);
    self->application_name = strdup(application_name);
    if (self->conninfo == NULL || self->application_name == NULL)
        err_set(err, ERR_NOMEM, "no memory for a database connection");
    else if (db_reconnect(self, err))
        return self;
    db_free(&self);
    return NULL;
}

MUST_CHECK Db *
db_connect_again(const Db *self, Err *err)
{
    return db_connect(self->conninfo, self->application_name, err);
}

void
db_free(Db **self)
{
    if (*self == NULL)
        return;
    PQfreeCancel((*self)->cancel);
    PQfinish((*self)->connection);
    free((*self)->conninfo);
    free((*self)->application_name);
    free(*self);
    *self = NULL;
}

DbTrouble
db_trouble(const Db *self)
{
    return self->trouble;
}

bool
db_is_connected(const Db *self)
{
    return self->connection != NULL && PQstatus(self->connection) == CONNECTION_OK;
}

/* ---- statements ---- */

static PGresult *
execute(Db *self, const char *sql, const DbParam *params, int count, Err *err)
{
    DbParamArrays arrays;
    if (!db_may_go_on(self, err) || !db_params_split(params, count, &arrays, err) ||
        !db_send(self, sql, &arrays, count, err))
        return NULL;
    PGresult *result = db_collect(self);
    if (result == NULL)
        db_fail_connection(self, err);
    else if (!db_status_is_good(PQresultStatus(result)))
        db_fail_result(self, result, err);
    else
        return result;
    PQclear(result);
    return NULL;
}

MUST_CHECK DbResult *
db_query(Db *self, const char *sql, const DbParam *params, int count, Err *err)
{
    DbResult *wrapped = calloc(1, sizeof *wrapped);
    if (wrapped == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a query result");
        return NULL;
    }
    wrapped->result = execute(self, sql, params, count, err);
    if (wrapped->result == NULL)
        db_result_free(&wrapped);
    return wrapped;
}

int64_t
db_affected(PGresult *result)
{
    return strtoll(PQcmdTuples(result), NULL, 10);
}

MUST_CHECK bool
db_run(Db *self, const char *sql, const DbParam *params, int count, int64_t *rows, Err *err)
{
    PGresult *result = execute(self, sql, params, count, err);
    if (result == NULL)
        return false;
    if (rows != NULL)
        *rows = db_affected(result);
    PQclear(result);
    return true;
}

MUST_CHECK bool
db_script(Db *self, const char *sql, Err *err)
{
    if (!db_may_go_on(self, err) || !db_send(self, sql, NULL, 0, err))
        return false;
    PGresult *result = db_collect(self);
    bool done = result != NULL && db_status_is_good(PQresultStatus(result));
    if (result == NULL)
        db_fail_connection(self, err);
    else if (!done)
        db_fail_result(self, result, err);
    PQclear(result);
    return done;
}
