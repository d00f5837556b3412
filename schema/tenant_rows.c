#include "schema/tenant_rows.h"

#include <stdlib.h>
#include <string.h>

static int64_t
id_of(const void *row)
{
    int64_t tenant_id;
    memcpy(&tenant_id, row, sizeof tenant_id);
    return tenant_id;
}

static int
compare(const void *left, const void *right)
{
    return (id_of(left) > id_of(right)) - (id_of(left) < id_of(right));
}

bool
tenant_rows_sort(void *all, size_t count, size_t element_bytes, DbArray *ids, Err *err)
{
    bool done = true;
    if (count > 0)
        qsort(all, count, element_bytes, compare);
    for (size_t i = 0; done && i < count; i++)
        done = db_array_add_i64(ids, id_of((const char *) all + i * element_bytes), err);
    return done;
}

void *
tenant_rows_find(const void *all, size_t count, size_t element_bytes, int64_t tenant_id)
{
    return count == 0 ? NULL : bsearch(&tenant_id, all, count, element_bytes, compare);
}
