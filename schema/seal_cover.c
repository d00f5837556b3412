#include "schema/seal_cover.h"

#include <stdlib.h>

#include "lib/array.h"
#include "schema/evidence_newer.h"
#include "schema/seal_store.h"
#include "schema/tenant_rows.h"

static const char SQL_WAITS[] = "SELECT DISTINCT tenant_id FROM seal_queue WHERE tenant_id = ANY ($1::bigint[])"
                                " AND hour >= $2::timestamptz AND hour < $3::timestamptz";

static TenantCover *
find(const SealCover *self, int64_t tenant_id)
{
    return tenant_rows_find(self->all, self->count, sizeof *self->all, tenant_id);
}

bool
seal_cover_want(SealCover *self, int64_t tenant_id, Err *err)
{
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = (TenantCover){.tenant_id = tenant_id};
    return true;
}

static bool
take_root(void *context, const SealRoot *root, Err *err)
{
    (void) err;
    TenantCover *cover = find(context, root->tenant_id);
    if (cover == NULL)
        return true;
    cover->root = *root;
    cover->root.tenant = (Text){0}; /* the result goes */
    return true;
}

static bool
read_waiting(SealCover *self, Db *db, const SealCoverHours *hours, DbArray *tenants, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[3] = {db_null(), db_string(utc_format(hours->start_us, start)),
                         db_string(utc_format(hours->end_us, end))};
    DbResult *rows = db_array_param(tenants, &params[0], err) ? db_query(db, SQL_WAITS, params, 3, err) : NULL;
    bool done = rows != NULL;
    for (int row = 0; done && row < db_rows(rows); row++) {
        TenantCover *cover = find(self, db_i64(rows, row, 0));
        if (cover != NULL)
            cover->waits = true;
    }
    db_result_free(&rows);
    return done;
}

static bool
take_grown(void *context, int64_t tenant_id, Err *err)
{
    (void) err;
    TenantCover *cover = find(context, tenant_id);
    if (cover != NULL)
        cover->grew = true;
    return true;
}

/* Asking segments is most of what this costs: only those are asked for of whom something may have come in. Who has no root is asked for
 * anything at all. */
static bool
read_grown(SealCover *self, Db *db, const SealCoverHours *hours, int64_t last_receipt, Err *err)
{
    DbArray tenants = db_array_of(DB_BIGINT);
    DbArray receipts = db_array_of(DB_BIGINT);
    bool done = true;
    for (size_t i = 0; done && i < self->count; i++)
        if (self->all[i].root.receipt_to < last_receipt)
            done = db_array_add_i64(&tenants, self->all[i].tenant_id, err) &&
                   db_array_add_i64(&receipts, self->all[i].root.receipt_to, err);
    done = done && evidence_newer(db, &tenants, &receipts, hours->start_us, hours->end_us, take_grown, self, err);
    db_array_free(&tenants);
    db_array_free(&receipts);
    return done;
}

bool
seal_cover_read(SealCover *self, Db *db, const SealCoverHours *hours, int64_t last_receipt, Err *err)
{
    if (self->count == 0)
        return true;
    DbArray tenants = db_array_of(DB_BIGINT);
    bool done = tenant_rows_sort(self->all, self->count, sizeof *self->all, &tenants, err) &&
                seal_roots_of_tenants(db, &tenants, hours->month, take_root, self, err) &&
                read_waiting(self, db, hours, &tenants, err) && read_grown(self, db, hours, last_receipt, err);
    db_array_free(&tenants);
    return done || err_prefix(err, "reading how far the seals of a month go: ");
}

const TenantCover *
seal_cover_find(const SealCover *self, int64_t tenant_id)
{
    return find(self, tenant_id);
}

void
seal_cover_clear(SealCover *self)
{
    self->count = 0;
}

void
seal_cover_free(SealCover *self)
{
    free(self->all);
    *self = (SealCover){0};
}
