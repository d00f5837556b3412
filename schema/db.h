/**
 * db - one PostgreSQL connection: connect, query, transaction, retry
 *
 * Only schema/ includes libpq. SQL is constant text with $1-parameters; nothing is pasted into it. Values travel as
 * text (or bytea as binary). A lost connection, a deadlock, a serialisation failure, a full disk and a server that is
 * shutting down give ERR_BUSY (the same call may succeed later, after db_reconnect for a lost connection); all else is
 * ERR_DATABASE. Not thread-safe: one owner thread.
 */
#ifndef SCHEMA_DB_H
#define SCHEMA_DB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

typedef struct Db Db;
typedef struct DbResult DbResult;

/** One parameter. Make them with the functions below; texts and bytes are borrowed until the call returns. */
typedef struct DbParam {
    const char *data; /* NULL: SQL NULL */
    int length;
    int binary;      /* 1: bytea */
    char digits[24]; /* storage of an integer */
} DbParam;

/** Connect (connect_timeout, keepalives and a statement timeout of 0 are set; search_path is pinned to
 *  "millibill, pg_catalog"; time zone UTC). `conninfo` is kept for db_reconnect. NULL: ERR_BUSY or ERR_DATABASE with a
 *  hint. */
MUST_CHECK Db *db_connect(const char *conninfo, const char *application_name, Err *err);
MUST_CHECK bool db_reconnect(Db *self, Err *err);
void db_free(Db **self);
/** Another connection with the same parameters. NULL as of db_connect(). Caller frees with db_free(). */
MUST_CHECK Db *db_connect_again(const Db *self, Err *err);
/** From now on, when `*stop` becomes true, the statement that runs is cancelled, once, and others than COMMIT and ROLLBACK are not begun (ERR_INTERRUPTED). A signal handler may set it: a wait is
 *  looked at within 200 ms. NULL: never. */
void db_stop_when(Db *self, const atomic_bool *stop);
/** Ask the server to end the statement that runs, if one does; from any thread, while the connection is not opened or freed. */
void db_cancel(const Db *self);
/** The longest that one answer (of a stream: one row) may take from now on, 0: without end, as after db_connect. Then the
 *  connection is given up (ERR_BUSY): whatever swallowed statement or answer, nobody waits for ever. */
void db_be_patient(Db *self, int64_t patience_ms);
/** Does libpq hold the connection for usable? (A server that died since is only seen by the next statement.) */
bool db_is_connected(const Db *self);

/** What the last statement that failed had met. */
typedef enum DbTrouble {
    DB_TROUBLE_NONE,
    DB_TROUBLE_STATEMENT, /* it was refused, for good or for now */
    DB_TROUBLE_LOST,      /* the connection ended, by the server or by patience */
    DB_TROUBLE_ROOM       /* disk, memory or connections are used up (SQLSTATE 53…): everybody's trouble */
} DbTrouble;
DbTrouble db_trouble(const Db *self);

DbParam db_null(void);
DbParam db_string(const char *terminated);          /* NULL: SQL NULL */
DbParam db_bytes(const void *bytes, size_t length); /* bytea */
DbParam db_slice_param(Text text);                  /* a slice that need not be terminated, for a text parameter */
/** The digits live in the DbParam itself: use it from the array it was assigned to. */
void db_set_i64(DbParam *param, int64_t value);

/** Run one statement. `params` may be NULL when count is 0. Returns the result or NULL. Caller frees with db_result_free(). */
MUST_CHECK DbResult *db_query(Db *self, const char *sql, const DbParam *params, int count, Err *err);
/** Same, result thrown away; rows affected in `*rows` (may be NULL). */
MUST_CHECK bool db_run(Db *self, const char *sql, const DbParam *params, int count, int64_t *rows, Err *err);
/** Several statements without parameters (migrations). */
MUST_CHECK bool db_script(Db *self, const char *sql, Err *err);

int db_rows(const DbResult *result);
bool db_is_null(const DbResult *result, int row, int column);
const char *db_value(const DbResult *result, int row, int column); /* text, "" for NULL; borrowed */
int64_t db_i64(const DbResult *result, int row, int column);       /* 0 for NULL */
Text db_slice(const DbResult *result, int row, int column);
/** A bytea value as bytes: appended to `out` after decoding the hex form. */
MUST_CHECK bool db_bytea(const DbResult *result, int row, int column, Buffer *out, Err *err);
void db_result_free(DbResult **result);

/** BEGIN [ISOLATION LEVEL REPEATABLE READ when `snapshot`]. */
MUST_CHECK bool db_begin(Db *self, bool snapshot, Err *err);
/** A transaction of statements that follow at once: when its client stands still for 10 s inside it (stopped, or behind a link
 *  that broke), the server ends it, so that the locks it holds do not keep others waiting. The client finds the connection
 *  lost (ERR_BUSY). */
MUST_CHECK bool db_begin_short(Db *self, Err *err);
/** Let another connection see what this transaction sees (BEGIN … REPEATABLE READ), as long as it lasts. */
enum { DB_SNAPSHOT_BYTES = 64 };
MUST_CHECK bool db_snapshot_export(Db *self, char snapshot[DB_SNAPSHOT_BYTES], Err *err);
/** BEGIN, read only, with the snapshot of another connection's transaction. */
MUST_CHECK bool db_begin_at(Db *self, const char *snapshot, Err *err);
/** COMMIT, and the tag must say COMMIT: a failed transaction that "commits" as ROLLBACK is an error here. After ERR_BUSY the
 *  outcome is unknown: run the whole transaction again, its own keys decide. */
MUST_CHECK bool db_commit(Db *self, Err *err);
/** ROLLBACK if a transaction is open; errors are ignored. */
void db_rollback(Db *self);

/** Stream a large result row by row without holding it: `row` is called with a one-row result (row index 0) and stops the
 *  stream by returning false (with err set). */
typedef bool (*DbRow)(void *context, const DbResult *row, Err *err);
MUST_CHECK bool
db_stream(Db *self, const char *sql, const DbParam *params, int count, DbRow row, void *context, Err *err);

/** What PostgreSQL stores for a password (SCRAM-SHA-256), so that the password itself never reaches the server. NULL:
 *  ERR_DATABASE. Caller frees with db_password_verifier_free(). */
MUST_CHECK char *db_password_verifier(Db *self, const char *role, const char *password, Err *err);
void db_password_verifier_free(char *verifier);

#endif
