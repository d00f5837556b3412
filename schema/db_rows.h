/**
 * db_rows - arrays of composite values as binary parameters
 *
 * Rows of several columns travel as one parameter: … FROM unnest($1::preview_line[]). A row is begun with the number of its columns, each
 * of which is then added in the order of the type. Rows can be made in one thread and appended in another: what type they are is asked when
 * they become a parameter. A failed add leaves the rows unusable until db_rows_clear.
 */
#ifndef SCHEMA_DB_ROWS_H
#define SCHEMA_DB_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

typedef struct DbRows {
    uint32_t count;
    size_t begun; /* where the last row begins: its length stands there */
    Buffer bytes; /* room for the array's header, then rows in PostgreSQL's binary form */
} DbRows;

void db_rows_free(DbRows *self);
/** Without rows, its memory kept. */
void db_rows_clear(DbRows *self);

/** Begin a row of so many columns. What the one before holds is complete then. */
MUST_CHECK bool db_rows_begin(DbRows *self, uint32_t columns, Err *err);
/** The next column: bigint, integer (ERR_RANGE), text; a text without data is null. */
MUST_CHECK bool db_rows_add_bigint(DbRows *self, int64_t value, Err *err);
MUST_CHECK bool db_rows_add_integer(DbRows *self, int64_t value, Err *err);
MUST_CHECK bool db_rows_add_text(DbRows *self, Text value, Err *err);
MUST_CHECK bool db_rows_add_null_integer(DbRows *self, Err *err);

/** The rows of `more` (copied) after those of `self`. */
MUST_CHECK bool db_rows_append(DbRows *self, const DbRows *more, Err *err);

/** The parameter: an array of the composite type whose number (pg_type.oid) is `type`. Borrows the bytes. */
MUST_CHECK bool db_rows_param(DbRows *self, uint32_t type, DbParam *param, Err *err);

#endif
