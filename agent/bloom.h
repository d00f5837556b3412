/**
 * bloom - "surely not among them", in two bytes an entry
 *
 * Blocks of 32 bytes, one bit of each of its eight words for an entry: one place in memory is looked at, about one in a
 * thousand strangers is taken for an entry. Keys have to be hashes already.
 */
#ifndef AGENT_BLOOM_H
#define AGENT_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { BLOOM_WORDS = 8 };

typedef struct Bloom {
    uint32_t (*blocks)[BLOOM_WORDS];
    size_t block_count;
} Bloom;

/** Room for `entries`. Released with bloom_free(). ERR_NOMEM. */
MUST_CHECK bool bloom_make(Bloom *self, size_t entries, Err *err);
void bloom_free(Bloom *self);
void bloom_add(Bloom *self, uint64_t hash);
bool bloom_may_have(const Bloom *self, uint64_t hash);

#endif
