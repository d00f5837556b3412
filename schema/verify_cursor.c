#include "schema/verify_cursor.h"

#include <stdlib.h>

MUST_CHECK VerifyCursor *
verify_cursor_open(Db *db, const VerifyCursorKind *kind, const DbParam *params, int count, Err *err)
{
    VerifyCursor *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a cursor");
        return NULL;
    }
    *self = (VerifyCursor){.db = db, .fetch = kind->fetch};
    if (db_run(db, kind->declare, params, count, NULL, err))
        self->close = kind->close;
    else
        verify_cursor_close(&self);
    return self;
}

void
verify_cursor_close(VerifyCursor **self)
{
    if (*self == NULL)
        return;
    Err ignored = {0}; /* a transaction that failed has closed it already */
    db_result_free(&(*self)->page);
    if ((*self)->close != NULL && !db_run((*self)->db, (*self)->close, NULL, 0, NULL, &ignored))
        err_clear(&ignored);
    buffer_free(&(*self)->digest);
    buffer_free(&(*self)->payload);
    buffer_free(&(*self)->sources);
    free(*self);
    *self = NULL;
}

/** Step to the next row: its number in the page. */
MUST_CHECK bool
verify_cursor_next(VerifyCursor *self, int *row, bool *more, Err *err)
{
    if (!self->ended && (self->page == NULL || self->at == db_rows(self->page))) {
        db_result_free(&self->page);
        self->page = db_query(self->db, self->fetch, NULL, 0, err);
        self->at = 0;
        if (self->page == NULL)
            return false;
        self->ended = db_rows(self->page) == 0;
    }
    *more = !self->ended;
    *row = *more ? self->at++ : 0;
    return true;
}

MUST_CHECK VerifyCursor *
verify_cursor_open_tenant(Db *db, const VerifyCursorKind *kind, int64_t tenant_id, const VerifyPeriod *period,
                          int64_t watermark, bool with_watermark, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4] = {db_null(), db_string(verify_limit_text(period->start_us, start)),
                         db_string(verify_limit_text(period->end_us, end)), db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[3], watermark);
    return verify_cursor_open(db, kind, params, with_watermark ? 4 : 3, err);
}
