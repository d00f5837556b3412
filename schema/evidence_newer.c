#include "schema/evidence_newer.h"

#include "lib/utc.h"

/* Only commits that are newer than the oldest of the receipts can be newer than any: what lies beside their numbers is not looked up. */
#define CAME_IN(table)                                                                                       \
    "SELECT FROM " table " e JOIN commits c USING (commit_id) WHERE e.tenant_id = a.tenant_id"               \
    "  AND e.hour >= $3::timestamptz AND e.hour < $4::timestamptz AND c.receipt > a.receipt AND e.commit_id" \
    "  BETWEEN (SELECT least FROM bounds) AND (SELECT greatest FROM bounds)"
#define IS_THERE(table)                                       \
    "SELECT FROM " table " e WHERE e.tenant_id = a.tenant_id" \
    "  AND e.hour >= $3::timestamptz AND e.hour < $4::timestamptz"
static const char SQL_NEWER[] =
    "WITH asked AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS u(tenant_id, receipt)),"
    " bounds AS MATERIALIZED (SELECT min(commit_id) AS least, max(commit_id) AS greatest FROM commits"
    "  WHERE receipt > (SELECT min(receipt) FROM asked WHERE receipt > 0))"
    " SELECT a.tenant_id FROM asked a WHERE CASE WHEN a.receipt > 0"
    "  THEN EXISTS (" CAME_IN("segments") ") OR EXISTS (" CAME_IN(
        "exclusions") ")"
                      "  ELSE EXISTS (" IS_THERE("segments") ") OR EXISTS (" IS_THERE("exclusions") ") END";

bool
evidence_newer(Db *db, DbArray *tenants, DbArray *receipts, int64_t start_us, int64_t end_us, EvidenceNewerVisit visit,
               void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4] = {db_null(), db_null(), db_string(utc_format(start_us, start)),
                         db_string(utc_format(end_us, end))};
    if (tenants->count == 0)
        return true;
    bool done = db_array_param(tenants, &params[0], err) && db_array_param(receipts, &params[1], err);
    DbResult *rows = done ? db_query(db, SQL_NEWER, params, 4, err) : NULL;
    done = rows != NULL;
    for (int row = 0; done && row < db_rows(rows); row++)
        done = visit(context, db_i64(rows, row, 0), err);
    db_result_free(&rows);
    return done || err_prefix(err, "looking for what came in since: ");
}
