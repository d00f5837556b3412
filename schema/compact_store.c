#include "schema/compact_store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "lib/utc.h"
#include "schema/db_array.h"

static const char SQL_LOCK[] = "SELECT pg_try_advisory_xact_lock(hashtextextended('millibill.duplicates', $1::bigint))";
static const char SQL_PARTS[] =
    "SELECT s.segment_id, s.commit_id, s.records, octet_length(s.payload) FROM segments s JOIN commits c USING (commit_id)"
    " WHERE s.tenant_id = $1::bigint AND s.hour = $2::timestamptz AND c.receipt >= $3::bigint AND c.receipt <= $4::bigint"
    " AND s.records <= $5::bigint AND octet_length(s.payload) <= $6::bigint"
    " AND NOT EXISTS (SELECT FROM exclusions e WHERE e.tenant_id = $1::bigint AND e.hour = $2::timestamptz"
    "  AND e.segment_id = s.segment_id)"
    " AND NOT EXISTS (SELECT FROM exclusions e WHERE e.tenant_id = $1::bigint AND e.kept_hour = $2::timestamptz"
    "  AND e.kept_segment_id = s.segment_id)"
    " ORDER BY c.receipt, s.segment_id";
static const char SQL_INSERT[] =
    "INSERT INTO segments (tenant_id, hour, commit_id, records, digest, payload, sources)"
    " VALUES ($1::bigint, $2::timestamptz, $3::bigint, $4::integer, $5, $6, $7) RETURNING segment_id";
static const char SQL_REPLACE[] = "SELECT segments_replace($1::bigint, $2::timestamptz, $3::bigint[], $4::bigint[])";

MUST_CHECK bool
compact_lock(Db *db, int64_t tenant_id, bool *locked, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], tenant_id);
    DbResult *result = db_query(db, SQL_LOCK, params, 1, err);
    *locked = result != NULL && strcmp(db_value(result, 0, 0), "t") == 0;
    bool done = result != NULL;
    db_result_free(&result);
    return done;
}

typedef struct Parts {
    CompactPart *all;
    size_t count, capacity;
} Parts;

static bool
take_part(void *context, const DbResult *row, Err *err)
{
    Parts *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = (CompactPart){.segment_id = db_i64(row, 0, 0),
                                             .commit_id = db_i64(row, 0, 1),
                                             .records = db_i64(row, 0, 2),
                                             .bytes = db_i64(row, 0, 3)};
    return true;
}

MUST_CHECK bool
compact_parts(Db *db, const CompactChoice *choice, CompactPart **parts, size_t *count, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    DbParam params[6];
    Parts self = {.count = 0};
    db_set_i64(&params[0], choice->tenant_id);
    params[1] = db_string(utc_format(choice->hour_us, hour));
    db_set_i64(&params[2], choice->receipt_from);
    db_set_i64(&params[3], choice->receipt_to);
    db_set_i64(&params[4], choice->records_max);
    db_set_i64(&params[5], choice->bytes_max);
    bool done = db_stream(db, SQL_PARTS, params, 6, take_part, &self, err);
    *parts = self.all;
    *count = self.count;
    return done;
}

MUST_CHECK bool
compact_insert(Db *db, int64_t tenant_id, int64_t hour_us, const CompactSegment *segment, int64_t *segment_id, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    DbParam params[7];
    const Digest digest = digest_of(segment->payload.data, segment->payload.length);
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(hour_us, hour));
    db_set_i64(&params[2], segment->commit_id);
    db_set_i64(&params[3], segment->records);
    params[4] = db_bytes(digest.bytes, DIGEST_BYTES);
    params[5] = db_bytes(segment->payload.data, segment->payload.length);
    params[6] = db_bytes(segment->sources.data, segment->sources.length);
    DbResult *result = db_query(db, SQL_INSERT, params, 7, err);
    if (result == NULL)
        return false;
    *segment_id = db_i64(result, 0, 0);
    db_result_free(&result);
    return true;
}

MUST_CHECK bool
compact_replace(Db *db, int64_t tenant_id, int64_t hour_us, const CompactPart *parts, size_t part_count,
                const int64_t *made, size_t made_count, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    DbArray arrays[2] = {db_array_of(DB_BIGINT), db_array_of(DB_BIGINT)};
    DbParam params[4];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(hour_us, hour));
    bool good = true;
    for (size_t i = 0; good && i < part_count; i++)
        good = db_array_add_i64(&arrays[0], parts[i].segment_id, err);
    for (size_t i = 0; good && i < made_count; i++)
        good = db_array_add_i64(&arrays[1], made[i], err);
    good = good && db_array_params(arrays, 2, params + 2, err) && db_run(db, SQL_REPLACE, params, 4, NULL, err);
    db_array_free_all(arrays, 2);
    return good;
}
