/* Large results row by row: the streaming half of db.h. */
#include <string.h>

#include "schema/db_internal.h"

/* ---- streams ---- */

/** The caller wants no more rows. Asking for an end is a connection of its own, which nothing bounds. */
static void
stream_cancel(Db *self)
{
    if (self->patience_ms > 0)
        db_give_up(self);
    else
        db_cancel(self);
}

/** Read every result until the end; after a failure the rest is drained so that the connection can be used again. */
static bool
stream_results(Db *self, DbRow row, void *context, Err *err)
{
    bool good = true;
    for (;;) {
        db_await(self);
        PGresult *result = PQgetResult(self->connection);
        if (result == NULL)
            return good;
        ExecStatusType status = PQresultStatus(result);
        if (good && status == PGRES_SINGLE_TUPLE) {
            const DbResult one = {result};
            good = row(context, &one, err);
            if (!good)
                stream_cancel(self);
        } else if (good && !db_status_is_good(status)) {
            good = db_fail_result(self, result, err);
        }
        PQclear(result);
        if (PQstatus(self->connection) == CONNECTION_BAD)
            return good ? db_fail_connection(self, err) : false;
    }
}

MUST_CHECK bool
db_stream(Db *self, const char *sql, const DbParam *params, int count, DbRow row, void *context, Err *err)
{
    DbParamArrays arrays;
    if (!db_may_go_on(self, err) || !db_params_split(params, count, &arrays, err))
        return false;
    if (!db_send(self, sql, &arrays, count, err))
        return false;
    if (!PQsetSingleRowMode(self->connection))
        return err_set(err, ERR_INTERNAL, "the connection refused to stream");
    return stream_results(self, row, context, err);
}
