#include "agent/bloom.h"

#include <stdlib.h>

enum { ENTRIES_A_BLOCK = 16 };

/* Odd numbers that spread the lower half of a hash, differently for each word (those of Apache Parquet's filters). */
static const uint32_t SALTS[BLOOM_WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                            0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

bool
bloom_make(Bloom *self, size_t entries, Err *err)
{
    self->block_count = entries / ENTRIES_A_BLOCK + 1;
    self->blocks = calloc(self->block_count, sizeof(*self->blocks));
    return self->blocks != NULL || err_set(err, ERR_NOMEM, "no memory for %zu identities", entries);
}

void
bloom_free(Bloom *self)
{
    free(self->blocks);
    *self = (Bloom){0};
}

static size_t
block_of(const Bloom *self, uint64_t hash)
{
    return (size_t) ((hash >> 32) * self->block_count >> 32);
}

static uint32_t
bit_of(uint64_t hash, size_t word)
{
    return UINT32_C(1) << ((uint32_t) hash * SALTS[word] >> 27);
}

void
bloom_add(Bloom *self, uint64_t hash)
{
    uint32_t *block = self->blocks[block_of(self, hash)];
    for (size_t i = 0; i < BLOOM_WORDS; i++)
        block[i] |= bit_of(hash, i);
}

bool
bloom_may_have(const Bloom *self, uint64_t hash)
{
    const uint32_t *block = self->blocks[block_of(self, hash)];
    for (size_t i = 0; i < BLOOM_WORDS; i++)
        if ((block[i] & bit_of(hash, i)) == 0)
            return false;
    return true;
}
