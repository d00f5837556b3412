#include "schema/segment_tenants.h"

#include <stdlib.h>

#include "lib/array.h"
#include "lib/utc.h"

static const char SQL_TENANTS[] =
    "SELECT DISTINCT tenant_id FROM segments WHERE hour >= $1::timestamptz AND hour < $2::timestamptz"
    " ORDER BY tenant_id";

static bool
take(void *context, const DbResult *row, Err *err)
{
    SegmentTenants *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = db_i64(row, 0, 0);
    return true;
}

bool
segment_tenants_read(SegmentTenants *self, Db *db, int64_t start_us, int64_t end_us, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format(start_us, start)), db_string(utc_format(end_us, end))};
    *self = (SegmentTenants){0};
    return db_stream(db, SQL_TENANTS, params, 2, take, self, err) ||
           err_prefix(err, "looking for tenants with usage: ");
}

static int
compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *) left;
    int64_t b = *(const int64_t *) right;
    return (a > b) - (a < b);
}

bool
segment_tenants_have(const SegmentTenants *self, int64_t tenant_id)
{
    return self->count > 0 && bsearch(&tenant_id, self->all, self->count, sizeof *self->all, compare) != NULL;
}

void
segment_tenants_free(SegmentTenants *self)
{
    free(self->all);
    *self = (SegmentTenants){0};
}
