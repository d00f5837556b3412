/**
 * db_array - one-dimensional arrays as binary parameters
 *
 * Many rows travel as one statement: INSERT … SELECT … FROM unnest($1::bigint[], $2::text[], …). The binary form needs no
 * quoting. A failed add leaves the array unusable until db_array_clear.
 */
#ifndef SCHEMA_DB_ARRAY_H
#define SCHEMA_DB_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

typedef enum DbElement { DB_BIGINT, DB_INTEGER, DB_TEXT, DB_BYTEA, DB_TIMESTAMPTZ, DB_BOOLEAN } DbElement;

typedef struct DbArray {
    DbElement element;
    uint32_t count;
    Buffer bytes; /* header and elements in PostgreSQL's binary form */
} DbArray;

/** PostgreSQL's number of a type, which is fixed (pg_type.dat). */
uint32_t db_element_type(DbElement element);

/** Empty; owns nothing yet. Release with db_array_free. */
DbArray db_array_of(DbElement element);
void db_array_free(DbArray *self);
/** Without elements, its memory kept. */
void db_array_clear(DbArray *self);
void db_array_free_all(DbArray *arrays, size_t count);

MUST_CHECK bool db_array_add_i64(DbArray *self, int64_t value, Err *err); /* DB_BIGINT, DB_INTEGER */
MUST_CHECK bool db_array_add_text(DbArray *self, Text value, Err *err);   /* DB_TEXT, DB_BYTEA */
MUST_CHECK bool db_array_add_null(DbArray *self, Err *err);
MUST_CHECK bool db_array_add_time(DbArray *self, int64_t time_us, Err *err); /* DB_TIMESTAMPTZ, UTC microseconds */

/** The parameter; borrows the array's bytes. */
MUST_CHECK bool db_array_param(DbArray *self, DbParam *param, Err *err);
/** One parameter for each array. */
MUST_CHECK bool db_array_params(DbArray *arrays, size_t count, DbParam *params, Err *err);

#endif
