#include <inttypes.h>

#include "schema/db_array.h"
#include "schema/duplicates_write.h"

enum { EXCLUSIONS_AT_ONCE = 10000, EXCLUSION_ARRAYS = 9 };

static const char SQL_EXCLUDE[] = /* no COPY: it does not go with row-level security */
    "INSERT INTO exclusions (tenant_id, commit_id, hour, segment_id, ordinal, reason, kept_hour, kept_segment_id,"
    " kept_ordinal, stream_id, sequence, reversed_because, reversed_by) SELECT $1::bigint, $2::bigint, u.*, $12, $13"
    " FROM unnest($3::timestamptz[], $4::bigint[], $5::integer[], $6::text[], $7::timestamptz[], $8::bigint[],"
    " $9::integer[], $10::bigint[], $11::bigint[]) AS u";

static bool
exclusion_add(DbArray *a, const Exclusion *exclusion, Err *err)
{
    const Text reason = text_of(exclusion->verdict == DUPLICATE_REVERSED   ? "reversed"
                                : exclusion->verdict == DUPLICATE_CONFLICT ? "conflict"
                                                                           : "copy");
    return db_array_add_time(&a[0], exclusion->key.hour_us, err) &&
           db_array_add_i64(&a[1], exclusion->key.segment_id, err) &&
           db_array_add_i64(&a[2], exclusion->ordinal, err) && db_array_add_text(&a[3], reason, err) &&
           db_array_add_time(&a[4], exclusion->kept_key.hour_us, err) &&
           db_array_add_i64(&a[5], exclusion->kept_key.segment_id, err) &&
           db_array_add_i64(&a[6], exclusion->kept_ordinal, err) &&
           db_array_add_i64(&a[7], exclusion->stream_id, err) && db_array_add_i64(&a[8], exclusion->sequence, err);
}

static bool
insert_some(Db *db, int64_t tenant_id, int64_t commit_id, const Exclusion *exclusions, size_t count,
            const ReversalNote *note, Err *err)
{
    static const DbElement elements[EXCLUSION_ARRAYS] = {
        DB_TIMESTAMPTZ, DB_BIGINT, DB_INTEGER, DB_TEXT, DB_TIMESTAMPTZ, DB_BIGINT, DB_INTEGER, DB_BIGINT, DB_BIGINT};
    DbArray arrays[EXCLUSION_ARRAYS];
    DbParam params[2 + EXCLUSION_ARRAYS + 2];
    for (size_t i = 0; i < EXCLUSION_ARRAYS; i++)
        arrays[i] = db_array_of(elements[i]);
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], commit_id);
    params[2 + EXCLUSION_ARRAYS] = db_string(note == NULL ? NULL : note->because);
    params[2 + EXCLUSION_ARRAYS + 1] = db_string(note == NULL ? NULL : note->by);
    bool good = true;
    int64_t rows = 0;
    for (size_t i = 0; good && i < count; i++)
        good = exclusion_add(arrays, &exclusions[i], err);
    good = good && db_array_params(arrays, EXCLUSION_ARRAYS, params + 2, err) &&
           db_run(db, SQL_EXCLUDE, params, 2 + EXCLUSION_ARRAYS + 2, &rows, err) &&
           (rows == (int64_t) count || err_set(err, ERR_INTERNAL, "%zu exclusions, %" PRId64 " written", count, rows));
    db_array_free_all(arrays, EXCLUSION_ARRAYS);
    return good;
}

MUST_CHECK bool
exclusions_insert(Db *db, int64_t tenant_id, int64_t commit_id, const Exclusion *exclusions, size_t count,
                  const ReversalNote *note, Err *err)
{
    bool good = true;
    for (size_t from = 0; good && from < count; from += EXCLUSIONS_AT_ONCE) {
        size_t left = count - from;
        good = insert_some(db, tenant_id, commit_id, exclusions + from,
                           left < EXCLUSIONS_AT_ONCE ? left : EXCLUSIONS_AT_ONCE, note, err);
    }
    return good;
}
