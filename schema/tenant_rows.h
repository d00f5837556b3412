/**
 * tenant_rows - arrays of structs that begin with the tenant_id (int64_t) which they are about: asked for together, found one by one
 */
#ifndef SCHEMA_TENANT_ROWS_H
#define SCHEMA_TENANT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db_array.h"

/** Put them in the order of tenant_id, and their ids behind what is in `ids` (DB_BIGINT). ERR_NOMEM, ERR_RANGE. */
MUST_CHECK bool tenant_rows_sort(void *all, size_t count, size_t element_bytes, DbArray *ids, Err *err);
/** The one of a tenant, once they are sorted. NULL: there is none. */
void *tenant_rows_find(const void *all, size_t count, size_t element_bytes, int64_t tenant_id);

#endif
