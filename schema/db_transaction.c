/* Where a transaction begins and how it ends: see db.h. */
#include <stdio.h>
#include <string.h>

#include "schema/db_internal.h"

MUST_CHECK bool
db_begin(Db *self, bool snapshot, Err *err)
{
    return db_script(self, snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN", err);
}

MUST_CHECK bool
db_begin_short(Db *self, Err *err)
{
    return db_script(self, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'", err);
}

MUST_CHECK bool
db_snapshot_export(Db *self, char snapshot[DB_SNAPSHOT_BYTES], Err *err)
{
    DbResult *result = db_query(self, "SELECT pg_export_snapshot()", NULL, 0, err);
    if (result == NULL)
        return false;
    snprintf(snapshot, DB_SNAPSHOT_BYTES, "%s", db_value(result, 0, 0));
    db_result_free(&result);
    return true;
}

/** SET TRANSACTION takes no parameters: what is pasted is a name of the server's own making. */
MUST_CHECK bool
db_begin_at(Db *self, const char *snapshot, Err *err)
{
    char sql[160];
    if (snapshot[0] == '\0' || snapshot[strspn(snapshot, "0123456789ABCDEF-")] != '\0')
        return err_set(err, ERR_CORRUPT, "the database named a snapshot '%.40s'", snapshot);
    snprintf(sql, sizeof sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '%s'",
             snapshot);
    return db_script(self, sql, err);
}

MUST_CHECK bool
db_commit(Db *self, Err *err)
{
    if (!db_send(self, "COMMIT", NULL, 0, err))
        return false;
    PGresult *result = db_collect(self);
    if (result == NULL)
        return db_fail_connection(self, err);
    bool committed = PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    if (!committed && PQresultStatus(result) == PGRES_COMMAND_OK)
        err_set(err, ERR_DATABASE, "the transaction had failed: COMMIT was answered with %s", PQcmdStatus(result));
    else if (!committed)
        db_fail_result(self, result, err);
    PQclear(result);
    return committed;
}

void
db_rollback(Db *self)
{
    PGTransactionStatusType status = self == NULL ? PQTRANS_IDLE : PQtransactionStatus(self->connection);
    if (status != PQTRANS_IDLE && status != PQTRANS_UNKNOWN && db_send(self, "ROLLBACK", NULL, 0, NULL))
        PQclear(db_collect(self));
}
