#include "schema/exclusion_set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"

static const char SQL_READ[] =
    "SELECT (extract(epoch FROM hour) * 1000000)::bigint, segment_id, ordinal, reason = 'reversed'"
    " FROM exclusions"
    " WHERE tenant_id = $1 AND hour >= $2::timestamptz AND hour < $3::timestamptz ORDER BY hour, segment_id, ordinal";

static bool
remember(void *context, const DbResult *row, Err *err)
{
    ExclusionSet *set = context;
    if (!array_grow(&set->places, &set->capacity, set->count, sizeof *set->places, err))
        return false;
    set->places[set->count++] =
        (ExclusionPlace){{db_i64(row, 0, 0), db_i64(row, 0, 1)}, db_i64(row, 0, 2), text_is(db_slice(row, 0, 3), "t")};
    return true;
}

MUST_CHECK bool
exclusion_set_load(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, ExclusionSet *set, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[3];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(start_us, start));
    params[2] = db_string(utc_format(end_us, end));
    return db_stream(db, SQL_READ, params, 3, remember, set, err);
}

void
exclusion_set_free(ExclusionSet *set)
{
    free(set->places);
    *set = (ExclusionSet){0};
}

static int
compare(const ExclusionPlace *a, const ExclusionPlace *b)
{
    if (a->key.hour_us != b->key.hour_us)
        return a->key.hour_us < b->key.hour_us ? -1 : 1;
    if (a->key.segment_id != b->key.segment_id)
        return a->key.segment_id < b->key.segment_id ? -1 : 1;
    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/** The first place that is not before `wanted`; NULL at the end. */
static const ExclusionPlace *
first_from(const ExclusionSet *set, const ExclusionPlace *wanted)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&set->places[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count ? &set->places[low] : NULL;
}

const ExclusionPlace *
exclusion_set_find(const ExclusionSet *set, const SegmentKey *key, size_t ordinal)
{
    const ExclusionPlace wanted = {*key, (int64_t) ordinal, false};
    const ExclusionPlace *found = first_from(set, &wanted);
    return found != NULL && compare(found, &wanted) == 0 ? found : NULL;
}

bool
exclusion_set_has(const ExclusionSet *set, const SegmentKey *key, size_t ordinal)
{
    return exclusion_set_find(set, key, ordinal) != NULL;
}

bool
exclusion_set_touches(const ExclusionSet *set, const SegmentKey *key)
{
    const ExclusionPlace wanted = {*key, 0, false};
    const ExclusionPlace *found = first_from(set, &wanted);
    return found != NULL && found->key.hour_us == key->hour_us && found->key.segment_id == key->segment_id;
}
