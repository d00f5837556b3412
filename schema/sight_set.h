/**
 * sight_set - which of many millions of records share an identity
 *
 * Every record leaves 24 bytes: the 128-bit keyed hash of its identity and its place. They are spread over partitions by
 * the first bits of the hash while they come in; then each partition, small enough for a processor's cache, goes through a
 * hash table of its own. No order is needed, so nothing is sorted. Memory: 24 bytes a record, and up to as much again for
 * growing. Pure: no database, no clock. Not thread-safe.
 */
#ifndef SCHEMA_SIGHT_SET_H
#define SCHEMA_SIGHT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/duplicates.h"

typedef struct Sight {
    uint8_t identity[DUPLICATES_HASH_BYTES];
    uint32_t segment;
    uint32_t ordinal;
} Sight;

typedef struct SightSet SightSet;

/** Nothing seen. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK SightSet *sight_set_new(Err *err);
void sight_set_free(SightSet **self);

/** Take one record's sight (copied). ERR_NOMEM. */
MUST_CHECK bool sight_set_add(SightSet *self, const Sight *sight, Err *err);
size_t sight_set_count(const SightSet *self);

/** Find every sight whose identity another one has too, in no stated order; the set is empty afterwards. `*shared` becomes
 *  the caller's to free() and has `*count` members (NULL when none). ERR_NOMEM. */
MUST_CHECK bool sight_set_take_shared(SightSet *self, Sight **shared, size_t *count, Err *err);

#endif
