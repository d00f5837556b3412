#include "schema/seal_cover.h"

#include <stdlib.h>

#include "lib/array.h"
#include "schema/seal_store.h"
#include "schema/tenant_rows.h"

static const char SQL_WAITS[] = "SELECT DISTINCT tenant_id FROM seal_queue WHERE tenant_id = ANY ($1::bigint[])"
                                " AND hour >= $2::timestamptz AND hour < $3::timestamptz";

/* Who has no root is asked for anything at all. Only commits that are newer than the oldest of the roots can be newer than any. */
#define CAME_IN(table)                                                                                             \
    "SELECT FROM " table " e JOIN span USING (commit_id) WHERE e.tenant_id = a.tenant_id"                          \
    "  AND e.hour >= $2::timestamptz AND e.hour < $3::timestamptz AND span.receipt > a.receipt_to AND e.commit_id" \
    "  BETWEEN (SELECT least FROM bounds) AND (SELECT greatest FROM bounds)"
#define IS_THERE(table)                                       \
    "SELECT FROM " table " e WHERE e.tenant_id = a.tenant_id" \
    "  AND e.hour >= $2::timestamptz AND e.hour < $3::timestamptz"
static const char SQL_GREW[] =
    "WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $4::bigint[]) AS u(tenant_id, receipt_to)),"
    " span AS MATERIALIZED (SELECT commit_id, receipt FROM commits"
    "  WHERE receipt > (SELECT min(receipt_to) FROM asked WHERE receipt_to > 0)),"
    " bounds AS MATERIALIZED (SELECT min(commit_id) AS least, max(commit_id) AS greatest FROM span)"
    " SELECT a.tenant_id FROM asked a WHERE CASE WHEN a.receipt_to > 0"
    "  THEN EXISTS (" CAME_IN("segments") ") OR EXISTS (" CAME_IN(
        "exclusions") ")"
                      "  ELSE EXISTS (" IS_THERE("segments") ") OR EXISTS (" IS_THERE("exclusions") ") END";

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

/* The tenants that a statement over hours names. */
static DbResult *
ask(Db *db, const char *sql, const SealCoverHours *hours, DbArray *tenants, DbArray *receipts, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4] = {db_null(), db_string(utc_format(hours->start_us, start)),
                         db_string(utc_format(hours->end_us, end)), db_null()};
    bool done =
        db_array_param(tenants, &params[0], err) && (receipts == NULL || db_array_param(receipts, &params[3], err));
    return done ? db_query(db, sql, params, receipts == NULL ? 3 : 4, err) : NULL;
}

static bool
read_waiting(SealCover *self, Db *db, const SealCoverHours *hours, DbArray *tenants, Err *err)
{
    DbResult *rows = ask(db, SQL_WAITS, hours, tenants, NULL, err);
    bool done = rows != NULL;
    for (int row = 0; done && row < db_rows(rows); row++) {
        TenantCover *cover = find(self, db_i64(rows, row, 0));
        if (cover != NULL)
            cover->waits = true;
    }
    db_result_free(&rows);
    return done;
}

/* Asking segments is most of what this costs: only those are asked for of whom something may have come in. */
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
    DbResult *rows = done && tenants.count > 0 ? ask(db, SQL_GREW, hours, &tenants, &receipts, err) : NULL;
    done = done && (tenants.count == 0 || rows != NULL);
    for (int row = 0; rows != NULL && row < db_rows(rows); row++) {
        TenantCover *cover = find(self, db_i64(rows, row, 0));
        if (cover != NULL)
            cover->grew = true;
    }
    db_result_free(&rows);
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
