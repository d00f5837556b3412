#include "schema/segment_store.h"

#include <inttypes.h>
#include <string.h>

#include "lib/utc.h"
#include "schema/db_array.h"

enum { FETCH_KEYS_MAX = 512 };
#define INSERT_BYTES_MAX ((size_t) 64 << 20) /* of payload in one statement */

static const char SQL_INSERT[] = "INSERT INTO segments (commit_id, tenant_id, hour, records, digest, payload, sources)"
                                 " SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::timestamptz[], $4::integer[], "
                                 "$5::bytea[], $6::bytea[], $7::bytea[])"
                                 " AS u";
#define COLUMNS                                                                                                     \
    "s.tenant_id, (extract(epoch FROM s.hour) * 1000000)::bigint, s.segment_id, coalesce(c.receipt, 0), s.records," \
    " s.payload, s.sources, s.digest"
static const char SQL_STREAM[] = "SELECT " COLUMNS " FROM segments s LEFT JOIN commits c USING (commit_id)"
                                 " WHERE s.tenant_id = $1 AND s.hour >= $2::timestamptz AND s.hour < $3::timestamptz"
                                 " ORDER BY s.hour, s.segment_id";
static const char SQL_FETCH[] =
    "SELECT " COLUMNS " FROM unnest($2::timestamptz[], $3::bigint[]) WITH ORDINALITY AS u(hour, segment_id, position)"
    " JOIN segments s ON s.tenant_id = $1 AND s.hour = u.hour AND s.segment_id = u.segment_id"
    " AND s.hour >= $4::timestamptz AND s.hour <= $5::timestamptz"
    " LEFT JOIN commits c USING (commit_id) ORDER BY u.position";
static const char SQL_HOURS[] = "SELECT " COLUMNS " FROM segments s LEFT JOIN commits c USING (commit_id)"
                                " WHERE s.tenant_id = $1 AND s.hour = ANY ($2::timestamptz[])";
static const char SQL_SEARCH[] = "SELECT " COLUMNS " FROM segments s LEFT JOIN commits c USING (commit_id)"
                                 " WHERE ($1::bigint = 0 OR s.tenant_id = $1::bigint) AND s.hour >= $2::timestamptz"
                                 " AND s.hour < $3::timestamptz AND position($4::bytea IN s.payload) > 0"
                                 " ORDER BY s.tenant_id, s.hour, s.segment_id";

/* ---- writing ---- */

enum { SEGMENT_ARRAYS = 6 };

static bool
item_add(DbArray *a, const SegmentItem *item, Err *err)
{
    Digest digest = digest_of(item->payload.data, item->payload.length);
    return db_array_add_i64(&a[0], item->tenant_id, err) && db_array_add_time(&a[1], item->hour_us, err) &&
           db_array_add_i64(&a[2], item->records, err) &&
           db_array_add_text(&a[3], (Text){(const char *) digest.bytes, DIGEST_BYTES}, err) &&
           db_array_add_text(&a[4], item->payload, err) && db_array_add_text(&a[5], item->sources, err);
}

static bool
insert_some(Db *db, int64_t commit_id, const SegmentItem *items, size_t count, Err *err)
{
    static const DbElement elements[SEGMENT_ARRAYS] = {DB_BIGINT, DB_TIMESTAMPTZ, DB_INTEGER,
                                                       DB_BYTEA,  DB_BYTEA,       DB_BYTEA};
    DbArray arrays[SEGMENT_ARRAYS];
    DbParam params[1 + SEGMENT_ARRAYS];
    for (size_t i = 0; i < SEGMENT_ARRAYS; i++)
        arrays[i] = db_array_of(elements[i]);
    db_set_i64(&params[0], commit_id);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = item_add(arrays, &items[i], err);
    good = good && db_array_params(arrays, SEGMENT_ARRAYS, params + 1, err) &&
           db_run(db, SQL_INSERT, params, 1 + SEGMENT_ARRAYS, NULL, err);
    db_array_free_all(arrays, SEGMENT_ARRAYS);
    return good;
}

MUST_CHECK bool
segments_insert(Db *db, int64_t commit_id, const SegmentItem *items, size_t count, Err *err)
{
    size_t from = 0;
    while (from < count) {
        size_t to = from;
        size_t bytes = 0;
        while (to < count && (to == from || bytes + items[to].payload.length <= INSERT_BYTES_MAX))
            bytes += items[to++].payload.length;
        if (!insert_some(db, commit_id, items + from, to - from, err))
            return false;
        from = to;
    }
    return true;
}

MUST_CHECK bool
partitions_ensure(Db *db, int64_t time_us, Err *err)
{
    char day[UTC_TEXT_BYTES];
    const DbParam params[1] = {db_string(utc_format_day(time_us, day))};
    return db_run(db, "SELECT partitions_ensure($1::date)", params, 1, NULL, err);
}

MUST_CHECK bool
partitions_ahead(Db *db, Err *err)
{
    return db_run(db, "SELECT partitions_ahead()", NULL, 0, NULL, err);
}

/* ---- reading ---- */

bool
segment_sources_damaged(const SegmentKey *key, Err *err)
{
    return err_set(err, ERR_CORRUPT, "segment %" PRId64 " does not tell where its records came from", key->segment_id);
}

typedef struct Reading {
    SegmentVisit visit;
    void *context;
    Buffer payload;
    Buffer sources;
    Buffer digest;
} Reading;

static bool
read_row(void *context, const DbResult *result, Err *err)
{
    Reading *reading = context;
    buffer_clear(&reading->payload);
    buffer_clear(&reading->sources);
    buffer_clear(&reading->digest);
    if (!db_bytea(result, 0, 5, &reading->payload, err) || !db_bytea(result, 0, 6, &reading->sources, err) ||
        !db_bytea(result, 0, 7, &reading->digest, err))
        return false;
    const SegmentRow row = {.tenant_id = db_i64(result, 0, 0),
                            .key = {db_i64(result, 0, 1), db_i64(result, 0, 2)},
                            .receipt = db_i64(result, 0, 3),
                            .records = db_i64(result, 0, 4),
                            .payload = buffer_text(&reading->payload),
                            .sources = buffer_text(&reading->sources),
                            .digest = buffer_text(&reading->digest)};
    return reading->visit(reading->context, &row, err);
}

static bool
stream(Db *db, const char *sql, const DbParam *params, int count, SegmentVisit visit, void *context, Err *err)
{
    Reading reading = {.visit = visit, .context = context};
    bool good = db_stream(db, sql, params, count, read_row, &reading, err);
    buffer_free(&reading.payload);
    buffer_free(&reading.sources);
    buffer_free(&reading.digest);
    return good;
}

MUST_CHECK bool
segment_stream(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, SegmentVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[3];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(start_us, start));
    params[2] = db_string(utc_format(end_us, end));
    return stream(db, SQL_STREAM, params, 3, visit, context, err);
}

static bool
fetch_some(Db *db, int64_t tenant_id, const SegmentKey *keys, size_t count, SegmentVisit visit, void *context, Err *err)
{
    DbArray arrays[2] = {db_array_of(DB_TIMESTAMPTZ), db_array_of(DB_BIGINT)};
    DbParam params[5];
    int64_t least_us = keys[0].hour_us;
    int64_t greatest_us = keys[0].hour_us;
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        least_us = keys[i].hour_us < least_us ? keys[i].hour_us : least_us;
        greatest_us = keys[i].hour_us > greatest_us ? keys[i].hour_us : greatest_us;
        good = db_array_add_time(&arrays[0], keys[i].hour_us, err) &&
               db_array_add_i64(&arrays[1], keys[i].segment_id, err);
    }
    char least[UTC_TEXT_BYTES];
    char greatest[UTC_TEXT_BYTES];
    db_set_i64(&params[0], tenant_id);
    params[3] = db_string(utc_format(least_us, least));
    params[4] = db_string(utc_format(greatest_us, greatest));
    good = good && db_array_params(arrays, 2, params + 1, err) && stream(db, SQL_FETCH, params, 5, visit, context, err);
    db_array_free_all(arrays, 2);
    return good;
}

MUST_CHECK bool
segment_fetch(Db *db, int64_t tenant_id, const SegmentKey *keys, size_t count, SegmentVisit visit, void *context,
              Err *err)
{
    for (size_t from = 0; from < count; from += FETCH_KEYS_MAX) {
        size_t some = count - from < FETCH_KEYS_MAX ? count - from : FETCH_KEYS_MAX;
        if (!fetch_some(db, tenant_id, keys + from, some, visit, context, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
segment_stream_hours(Db *db, int64_t tenant_id, const int64_t *hours_us, size_t count, SegmentVisit visit,
                     void *context, Err *err)
{
    if (count == 0)
        return true;
    DbArray array = db_array_of(DB_TIMESTAMPTZ);
    DbParam params[2];
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_time(&array, hours_us[i], err);
    db_set_i64(&params[0], tenant_id);
    good = good && db_array_param(&array, &params[1], err) && stream(db, SQL_HOURS, params, 2, visit, context, err);
    db_array_free(&array);
    return good;
}

MUST_CHECK bool
segment_search(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, Text pattern, SegmentVisit visit,
               void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(start_us, start));
    params[2] = db_string(utc_format(end_us, end));
    params[3] = db_bytes(pattern.data, pattern.length);
    return stream(db, SQL_SEARCH, params, 4, visit, context, err);
}
