#include "schema/db_rows.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

#include "schema/db_array.h"

enum { HEADER_BYTES = 20, LENGTH_BYTES = 4 };

void
db_rows_free(DbRows *self)
{
    buffer_free(&self->bytes);
    *self = (DbRows){0};
}

void
db_rows_clear(DbRows *self)
{
    buffer_clear(&self->bytes);
    self->count = 0;
}

static bool
add_u32(DbRows *self, uint32_t value, Err *err)
{
    const uint32_t wire = htobe32(value);
    return buffer_append(&self->bytes, &wire, sizeof wire, err);
}

static bool
reserve_header(DbRows *self, Err *err)
{
    static const char none[HEADER_BYTES];
    return self->bytes.length != 0 || buffer_append(&self->bytes, none, sizeof none, err);
}

/* A row's length is kept up to date with each column. */
static void
put_length(DbRows *self)
{
    const uint32_t length = htobe32((uint32_t) (self->bytes.length - self->begun - LENGTH_BYTES));
    memcpy(self->bytes.data + self->begun, &length, sizeof length);
}

bool
db_rows_begin(DbRows *self, uint32_t columns, Err *err)
{
    if (!reserve_header(self, err))
        return false;
    self->begun = self->bytes.length;
    if (!add_u32(self, 0, err) || !add_u32(self, columns, err))
        return false;
    put_length(self);
    self->count++;
    return true;
}

static bool
add(DbRows *self, DbElement type, const void *bytes, size_t length, Err *err)
{
    if (length > INT_MAX / 2 || self->bytes.length - self->begun > INT_MAX / 2)
        return err_set(err, ERR_RANGE, "a row of %zu bytes", self->bytes.length - self->begun + length);
    if (!add_u32(self, db_element_type(type), err) ||
        !add_u32(self, bytes == NULL ? UINT32_MAX : (uint32_t) length, err) ||
        (bytes != NULL && !buffer_append(&self->bytes, bytes, length, err)))
        return false;
    put_length(self);
    return true;
}

bool
db_rows_add_bigint(DbRows *self, int64_t value, Err *err)
{
    const uint64_t wire = htobe64((uint64_t) value);
    return add(self, DB_BIGINT, &wire, sizeof wire, err);
}

bool
db_rows_add_integer(DbRows *self, int64_t value, Err *err)
{
    if (value < INT32_MIN || value > INT32_MAX)
        return err_set(err, ERR_RANGE, "%lld does not fit an integer column", (long long) value);
    const uint32_t wire = htobe32((uint32_t) (int32_t) value);
    return add(self, DB_INTEGER, &wire, sizeof wire, err);
}

bool
db_rows_add_null_integer(DbRows *self, Err *err)
{
    return add(self, DB_INTEGER, NULL, 0, err);
}

bool
db_rows_add_text(DbRows *self, Text value, Err *err)
{
    return add(self, DB_TEXT, value.data, value.length, err);
}

bool
db_rows_append(DbRows *self, const DbRows *more, Err *err)
{
    if (more->count == 0)
        return true;
    if (!reserve_header(self, err) ||
        !buffer_append(&self->bytes, more->bytes.data + HEADER_BYTES, more->bytes.length - HEADER_BYTES, err))
        return false;
    self->count += more->count;
    return true;
}

bool
db_rows_param(DbRows *self, uint32_t type, DbParam *param, Err *err)
{
    if (!reserve_header(self, err))
        return false;
    /* An empty array has no dimension. */
    const uint32_t header[5] = {htobe32(self->count == 0 ? 0 : 1), 0, htobe32(type), htobe32(self->count), htobe32(1)};
    memcpy(self->bytes.data, header, HEADER_BYTES);
    const size_t length = self->count == 0 ? 12 : self->bytes.length;
    if (length > INT_MAX)
        return err_set(err, ERR_RANGE, "an array parameter of %zu bytes", length);
    *param = db_bytes(self->bytes.data, length);
    return true;
}
