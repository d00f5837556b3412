/* Sending statements and waiting for answers, with an end to it: the clock of db.h. */
#include <poll.h>
#include <sys/socket.h>

#include "lib/utc.h"
#include "schema/db_internal.h"

enum { STOP_LOOK_MS = 200 };

void
db_be_patient(Db *self, int64_t patience_ms)
{
    self->patience_ms = patience_ms;
}

void
db_give_up(Db *self)
{
    int descriptor = PQsocket(self->connection);
    self->gave_up = true;
    if (descriptor >= 0)
        shutdown(descriptor, SHUT_RDWR); /* libpq finds the end of the connection, and cleans up as usual */
}

void
db_stop_when(Db *self, const atomic_bool *stop)
{
    self->stop = stop;
    self->cancelled = false;
}

void
db_cancel(const Db *self)
{
    char ignored[256];
    if (self->cancel != NULL)
        PQcancel(self->cancel, ignored, (int) sizeof ignored);
}

bool
db_say_interrupted(Err *err)
{
    err_set(err, ERR_INTERRUPTED, "interrupted");
    return err_hint(err, "nothing is half done; the same command can be given again");
}

bool
db_may_go_on(const Db *self, Err *err)
{
    return self->stop == NULL || !atomic_load(self->stop) || db_say_interrupted(err);
}

/** Cancel once when the program is to stop: what follows, as ROLLBACK, goes through. */
static void
look_whether_to_stop(Db *self)
{
    if (self->stop == NULL || self->cancelled || !atomic_load(self->stop))
        return;
    self->cancelled = true;
    db_cancel(self);
}

/** Milliseconds for poll: -1 without end. */
static int
time_left_ms(const Db *self, int64_t until_us)
{
    const bool watches = self->stop != NULL && !self->cancelled;
    if (self->patience_ms == 0 || self->gave_up)
        return watches ? STOP_LOOK_MS : -1;
    int64_t left_us = until_us - utc_monotonic_us();
    int left_ms = left_us <= 0 ? 0 : left_us > INT64_C(3600000000) ? 3600000 : (int) ((left_us + 999) / 1000);
    return watches && left_ms > STOP_LOOK_MS ? STOP_LOOK_MS : left_ms;
}

void
db_await(Db *self)
{
    const int64_t until_us = utc_monotonic_us() + self->patience_ms * 1000;
    while (PQstatus(self->connection) == CONNECTION_OK) {
        look_whether_to_stop(self);
        int unsent = PQflush(self->connection);
        if (unsent <= 0 && !PQisBusy(self->connection))
            return;
        struct pollfd descriptor = {.fd = PQsocket(self->connection),
                                    .events = (short) (POLLIN | (unsent > 0 ? POLLOUT : 0))};
        int ready = poll(&descriptor, 1, time_left_ms(self, until_us));
        if (ready == 0 && time_left_ms(self, until_us) == 0)
            db_give_up(self);
        else if (ready > 0 && !PQconsumeInput(self->connection))
            return;
    }
}

bool
db_send(Db *self, const char *sql, const DbParamArrays *arrays, int count, Err *err)
{
    int sent = arrays == NULL ? PQsendQuery(self->connection, sql)
                              : PQsendQueryParams(self->connection, sql, count, NULL, arrays->values, arrays->lengths,
                                                  arrays->formats, 0);
    return sent != 0 || db_fail_connection(self, err);
}

/** No result is kept behind an error: the statements after it were not run. */
static bool
is_last(ExecStatusType status)
{
    return status == PGRES_FATAL_ERROR || status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
           status == PGRES_COPY_BOTH;
}

PGresult *
db_collect(Db *self)
{
    PGresult *last = NULL;
    for (;;) {
        db_await(self);
        PGresult *next = PQgetResult(self->connection);
        if (next == NULL)
            return last;
        ExecStatusType status = PQresultStatus(next);
        if (last != NULL && is_last(PQresultStatus(last))) {
            PQclear(next);
        } else {
            PQclear(last);
            last = next;
        }
        if (status != PGRES_FATAL_ERROR && is_last(status))
            return last;
    }
}
