/**
 * exclusion_set - which records of a tenant do not count, in memory
 */
#ifndef SCHEMA_EXCLUSION_SET_H
#define SCHEMA_EXCLUSION_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"
#include "schema/segment_store.h"

typedef struct ExclusionPlace {
    SegmentKey key;
    int64_t ordinal;
    bool reversed; /* taken back: nothing counts instead */
} ExclusionPlace;

typedef struct ExclusionSet {
    ExclusionPlace *places; /* sorted by (hour, segment, ordinal) */
    size_t count;
    size_t capacity;
} ExclusionSet;

/** Every exclusion of a tenant with start_us <= hour < end_us, into an empty set. Release with exclusion_set_free. */
MUST_CHECK bool
exclusion_set_load(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, ExclusionSet *set, Err *err);
void exclusion_set_free(ExclusionSet *set);

bool exclusion_set_has(const ExclusionSet *set, const SegmentKey *key, size_t ordinal);
/** The exclusion of a record; NULL: it counts. Borrowed. */
const ExclusionPlace *exclusion_set_find(const ExclusionSet *set, const SegmentKey *key, size_t ordinal);
/** Does the segment have any exclusion? */
bool exclusion_set_touches(const ExclusionSet *set, const SegmentKey *key);

#endif
