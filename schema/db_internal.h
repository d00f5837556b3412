/**
 * db_internal - what db.c, db_values.c, db_wait.c, db_transaction.c, db_stream.c and db_password.c share: libpq itself
 *
 * Included by these only; all others see db.h.
 */
#ifndef SCHEMA_DB_INTERNAL_H
#define SCHEMA_DB_INTERNAL_H

#include <libpq-fe.h>
#include <stdatomic.h>

#include "schema/db.h"

enum { DB_PARAMS_MAX = 40 };

struct Db {
    PGconn *connection;
    char *conninfo;
    char *application_name;
    int64_t patience_ms; /* 0: without end */
    bool gave_up;        /* this connection's server did not answer in time */
    DbTrouble trouble;
    PGcancel *cancel; /* of this connection; NULL: there is none */
    const atomic_bool *stop;
    bool cancelled; /* because of `stop` */
};

struct DbResult {
    PGresult *result;
};

/** Parameters as libpq takes them. */
typedef struct DbParamArrays {
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
} DbParamArrays;

/** ERR_BUSY. Returns false. */
bool db_fail_connection(Db *self, Err *err);
/** ERR_BUSY or ERR_DATABASE by the result's SQLSTATE, ERR_INTERRUPTED when db_stop_when() made us cancel it. Returns false. */
bool db_fail_result(Db *self, const PGresult *result, Err *err);

/** Set ERR_INTERRUPTED, with its hint. Returns false. */
bool db_say_interrupted(Err *err);
/** May a further statement be begun? False: ERR_INTERRUPTED, the program is to stop. */
MUST_CHECK bool db_may_go_on(const Db *self, Err *err);
/** Send statements; `arrays` NULL: several without parameters. */
MUST_CHECK bool db_send(Db *self, const char *sql, const DbParamArrays *arrays, int count, Err *err);
/** Wait until PQgetResult does not block: an answer came, the connection ended, or patience did (which ends it). */
void db_await(Db *self);
/** Every result of what was sent: the first error, else the last. NULL: none came. Caller frees with PQclear. */
PGresult *db_collect(Db *self);
/** Take the connection for lost. */
void db_give_up(Db *self);
bool db_status_is_good(ExecStatusType status);
MUST_CHECK bool db_params_split(const DbParam *params, int count, DbParamArrays *arrays, Err *err);
/** Rows that a statement changed. */
int64_t db_affected(PGresult *result);

#endif
