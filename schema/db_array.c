#include "schema/db_array.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

enum { HEADER_BYTES = 20 };
#define EPOCH_2000_US INT64_C(946684800000000)

uint32_t
db_element_type(DbElement element)
{
    switch (element) {
    case DB_BIGINT:
        return 20;
    case DB_INTEGER:
        return 23;
    case DB_TEXT:
        return 25;
    case DB_BYTEA:
        return 17;
    case DB_TIMESTAMPTZ:
        return 1184;
    case DB_BOOLEAN:
        return 16;
    }
    return 0;
}

DbArray
db_array_of(DbElement element)
{
    DbArray self = {0};
    self.element = element;
    return self;
}

void
db_array_free(DbArray *self)
{
    buffer_free(&self->bytes);
    self->count = 0;
}

void
db_array_clear(DbArray *self)
{
    buffer_clear(&self->bytes);
    self->count = 0;
}

void
db_array_free_all(DbArray *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        db_array_free(&arrays[i]);
}

/** Header: dimensions, "has nulls" flag, element type, length, lower bound; the length is filled in at the end. */
static bool
start(DbArray *self, Err *err)
{
    if (self->bytes.length != 0)
        return true;
    const uint32_t header[5] = {htobe32(1), htobe32(1), htobe32(db_element_type(self->element)), 0, htobe32(1)};
    return buffer_append(&self->bytes, header, HEADER_BYTES, err);
}

static bool
add(DbArray *self, const void *bytes, size_t length, Err *err)
{
    if (length > INT32_MAX)
        return err_set(err, ERR_RANGE, "an array element of %zu bytes", length);
    const uint32_t prefix = htobe32((uint32_t) length);
    if (!start(self, err) || !buffer_append(&self->bytes, &prefix, sizeof prefix, err) ||
        !buffer_append(&self->bytes, bytes, length, err))
        return false;
    self->count++;
    return true;
}

MUST_CHECK bool
db_array_add_i64(DbArray *self, int64_t value, Err *err)
{
    if (self->element == DB_BOOLEAN) {
        const char flag = value != 0;
        return add(self, &flag, 1, err);
    }
    if (self->element == DB_INTEGER) {
        if (value < INT32_MIN || value > INT32_MAX)
            return err_set(err, ERR_RANGE, "%lld does not fit an integer column", (long long) value);
        const uint32_t narrow = htobe32((uint32_t) (int32_t) value);
        return add(self, &narrow, sizeof narrow, err);
    }
    const uint64_t wide = htobe64((uint64_t) value);
    return add(self, &wide, sizeof wide, err);
}

MUST_CHECK bool
db_array_add_text(DbArray *self, Text value, Err *err)
{
    return add(self, value.data == NULL ? "" : value.data, value.length, err);
}

MUST_CHECK bool
db_array_add_null(DbArray *self, Err *err)
{
    const uint32_t prefix = UINT32_MAX; /* -1: no value */
    if (!start(self, err) || !buffer_append(&self->bytes, &prefix, sizeof prefix, err))
        return false;
    self->count++;
    return true;
}

MUST_CHECK bool
db_array_add_time(DbArray *self, int64_t time_us, Err *err)
{
    const uint64_t wide = htobe64((uint64_t) (time_us - EPOCH_2000_US));
    return add(self, &wide, sizeof wide, err);
}

MUST_CHECK bool
db_array_param(DbArray *self, DbParam *param, Err *err)
{
    if (!start(self, err))
        return false;
    uint32_t header[5];
    memcpy(header, self->bytes.data, HEADER_BYTES);
    header[0] = htobe32(self->count == 0 ? 0 : 1); /* an empty array has no dimension */
    header[3] = htobe32(self->count);
    memcpy(self->bytes.data, header, HEADER_BYTES);
    size_t length = self->count == 0 ? 12 : self->bytes.length;
    if (length > INT_MAX)
        return err_set(err, ERR_RANGE, "an array parameter of %zu bytes", length);
    *param = db_bytes(self->bytes.data, length);
    return true;
}

MUST_CHECK bool
db_array_params(DbArray *arrays, size_t count, DbParam *params, Err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!db_array_param(&arrays[i], &params[i], err))
            return false;
    return true;
}
