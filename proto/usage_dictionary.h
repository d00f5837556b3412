/**
 * usage_dictionary - the tenants, regions and configurations of a batch, each once
 *
 * Part of usage_batch's builder. Texts are copied into the builder's arena; emptying the dictionary goes with resetting it.
 */
#ifndef PROTO_USAGE_DICTIONARY_H
#define PROTO_USAGE_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "proto/usage.pb-c.h"
#include "proto/usage_record.h"

/** Open addressing over the places of a growing list; slot 0 means empty, else place + 1. */
typedef struct UsageIndex {
    uint32_t *slots;
    size_t slot_count; /* a power of two, at least twice the entries */
} UsageIndex;

typedef struct UsageDictionary {
    Arena *arena;     /* borrowed */
    HashKey hash_key; /* random: names come from outside */
    char **tenants;
    char **regions;
    Millibill__FunctionConfig **configs;
    size_t tenant_count, region_count, config_count;
    size_t tenant_room, region_room, config_room;
    UsageIndex tenant_index, region_index, config_index;
    size_t bytes; /* upper estimate of the packed size */
} UsageDictionary;

/** Place of the record's configuration among `configs`, added (with its tenant and region) when it is new. ERR_NOMEM. */
MUST_CHECK bool usage_dictionary_intern(UsageDictionary *self, const UsageRecord *record, uint32_t *index, Err *err);

/** Forget all entries, keep the memory; the arena is the caller's to reset. */
void usage_dictionary_empty(UsageDictionary *self);
/** Release everything but the arena. */
void usage_dictionary_free(UsageDictionary *self);

#endif
