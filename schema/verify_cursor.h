/**
 * verify_cursor - several results side by side on one connection; shared by the files of verify_store
 */
#ifndef SCHEMA_VERIFY_CURSOR_H
#define SCHEMA_VERIFY_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/verify_store.h"

struct VerifyCursor {
    Db *db;
    const char *fetch;
    const char *close;
    DbResult *page;
    int at; /* next row of the page */
    bool ended;
    Buffer digest; /* a row's values, for those that need room */
    Buffer payload;
    Buffer sources;
};

/** SQL of a kind of cursor. */
typedef struct VerifyCursorKind {
    const char *declare;
    const char *fetch;
    const char *close;
} VerifyCursorKind;

MUST_CHECK VerifyCursor *
verify_cursor_open(Db *db, const VerifyCursorKind *kind, const DbParam *params, int count, Err *err);
/** $1 tenant, $2 $3 period, $4 watermark when `with_watermark`. */
MUST_CHECK VerifyCursor *
verify_cursor_open_tenant(Db *db, const VerifyCursorKind *kind, int64_t tenant_id, const VerifyPeriod *period,
                          int64_t watermark, bool with_watermark, Err *err);
/** Step to the next row: its number in self->page. */
MUST_CHECK bool verify_cursor_next(VerifyCursor *self, int *row, bool *more, Err *err);

#endif
