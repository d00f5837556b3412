/* Parameters on their way in, values of results on their way out. See db.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/db_internal.h"

/* ---- parameters ---- */

DbParam
db_null(void)
{
    return (DbParam){0};
}

DbParam
db_string(const char *terminated)
{
    DbParam param = {0};
    param.data = terminated;
    param.length = terminated == NULL ? 0 : (int) strlen(terminated);
    return param;
}

DbParam
db_bytes(const void *bytes, size_t length)
{
    DbParam param = {0};
    param.data = length == 0 ? "" : bytes;
    param.length = (int) length;
    param.binary = 1;
    return param;
}

DbParam
db_slice_param(Text text)
{
    return db_bytes(text.data, text.length);
}

void
db_set_i64(DbParam *param, int64_t value)
{
    param->length = snprintf(param->digits, sizeof param->digits, "%" PRId64, value);
    param->data = param->digits;
    param->binary = 0;
}

bool
db_params_split(const DbParam *params, int count, DbParamArrays *arrays, Err *err)
{
    if (count > DB_PARAMS_MAX)
        return err_set(err, ERR_INTERNAL, "%d parameters, at most %d", count, DB_PARAMS_MAX);
    for (int i = 0; i < count; i++) {
        arrays->values[i] = params[i].data;
        arrays->lengths[i] = params[i].length;
        arrays->formats[i] = params[i].binary;
    }
    return true;
}

/* ---- results ---- */

int
db_rows(const DbResult *result)
{
    return PQntuples(result->result);
}

bool
db_is_null(const DbResult *result, int row, int column)
{
    return PQgetisnull(result->result, row, column) != 0;
}

const char *
db_value(const DbResult *result, int row, int column)
{
    return PQgetvalue(result->result, row, column);
}

int64_t
db_i64(const DbResult *result, int row, int column)
{
    return strtoll(PQgetvalue(result->result, row, column), NULL, 10);
}

Text
db_slice(const DbResult *result, int row, int column)
{
    return (Text){PQgetvalue(result->result, row, column), (size_t) PQgetlength(result->result, row, column)};
}

/** Value of each hex digit, and 255 for every other byte. Evidence is read through here: worth a table. */
static void
hex_table(uint8_t table[256])
{
    memset(table, 255, 256);
    for (int i = 0; i < 10; i++)
        table['0' + i] = (uint8_t) i;
    for (int i = 0; i < 6; i++)
        table['a' + i] = (uint8_t) (10 + i);
}

MUST_CHECK bool
db_bytea(const DbResult *result, int row, int column, Buffer *out, Err *err)
{
    Text hex = db_slice(result, row, column);
    if (hex.length == 0 && db_is_null(result, row, column))
        return true;
    if (hex.length < 2 || hex.length % 2 != 0 || hex.data[0] != '\\' || hex.data[1] != 'x')
        return err_set(err, ERR_CORRUPT, "a bytea value is not in hex form");
    size_t bytes = hex.length / 2 - 1;
    char *to = buffer_reserve(out, bytes, err);
    if (to == NULL)
        return false;
    uint8_t table[256];
    uint8_t wrong = 0;
    hex_table(table);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t high = table[(unsigned char) hex.data[2 + 2 * i]];
        uint8_t low = table[(unsigned char) hex.data[3 + 2 * i]];
        wrong |= high | low;
        to[i] = (char) (high << 4 | low);
    }
    if ((wrong & 0xf0) != 0)
        return err_set(err, ERR_CORRUPT, "a bytea value is not in hex form");
    out->length += bytes;
    to[bytes] = '\0';
    return true;
}

void
db_result_free(DbResult **result)
{
    if (*result == NULL)
        return;
    PQclear((*result)->result);
    free(*result);
    *result = NULL;
}
