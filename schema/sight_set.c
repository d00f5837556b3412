#include "schema/sight_set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

enum { PARTITIONS = 1024, PARTITION_BITS = 10, TABLE_LEAST = 16 };

typedef struct SightList {
    Sight *sights;
    size_t count, capacity;
} SightList;

/** One identity of a partition: where it was seen first. */
typedef struct Slot {
    uint32_t first; /* index + 1; 0: free */
    bool taken;     /* the first one is among the shared already */
} Slot;

struct SightSet {
    SightList partitions[PARTITIONS];
    size_t count;
};

SightSet *
sight_set_new(Err *err)
{
    SightSet *self = calloc(1, sizeof *self);
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for a search for duplicates");
    return self;
}

static bool
list_add(SightList *self, const Sight *sight, Err *err)
{
    if (!array_grow(&self->sights, &self->capacity, self->count, sizeof *sight, err))
        return false;
    self->sights[self->count++] = *sight;
    return true;
}

static void
list_clear(SightList *self)
{
    free(self->sights);
    *self = (SightList){0};
}

void
sight_set_free(SightSet **self)
{
    for (size_t i = 0; *self != NULL && i < PARTITIONS; i++)
        list_clear(&(*self)->partitions[i]);
    free(*self);
    *self = NULL;
}

/** The hash is random in every bit: the first ones choose the partition, others the place in its table. */
static uint64_t
bits_of(const Sight *sight)
{
    uint64_t bits;
    memcpy(&bits, sight->identity, sizeof bits);
    return bits;
}

bool
sight_set_add(SightSet *self, const Sight *sight, Err *err)
{
    if (!list_add(&self->partitions[bits_of(sight) % PARTITIONS], sight, err))
        return false;
    self->count++;
    return true;
}

size_t
sight_set_count(const SightSet *self)
{
    return self->count;
}

/** The slot of this identity, or the free one where it belongs. */
static Slot *
find_slot(const SightList *partition, Slot *table, size_t mask, const Sight *sight)
{
    size_t at = (size_t) (bits_of(sight) >> PARTITION_BITS) & mask;
    while (table[at].first != 0 &&
           memcmp(partition->sights[table[at].first - 1].identity, sight->identity, sizeof sight->identity) != 0)
        at = (at + 1) & mask;
    return &table[at];
}

/** Move what is shared within one partition to `shared`. The first mask + 1 slots of `table`, more than twice the
 *  sights, are zero. */
static bool
search_partition(const SightList *partition, Slot *table, size_t mask, SightList *shared, Err *err)
{
    for (size_t i = 0; i < partition->count; i++) {
        const Sight *sight = &partition->sights[i];
        Slot *slot = find_slot(partition, table, mask, sight);
        if (slot->first == 0) {
            slot->first = (uint32_t) (i + 1);
            continue;
        }
        if ((!slot->taken && !list_add(shared, &partition->sights[slot->first - 1], err)) ||
            !list_add(shared, sight, err))
            return false;
        slot->taken = true;
    }
    return true;
}

/** A power of two, so that the table is at most half full. */
static size_t
table_size(size_t count)
{
    size_t size = TABLE_LEAST;
    while (size <= 2 * count)
        size *= 2;
    return size;
}

static Slot *
table_new(const SightSet *self, Err *err)
{
    size_t greatest = 0;
    for (size_t i = 0; i < PARTITIONS; i++)
        if (self->partitions[i].count > greatest)
            greatest = self->partitions[i].count;
    Slot *table = calloc(table_size(greatest), sizeof *table);
    if (table == NULL)
        err_set(err, ERR_NOMEM, "no memory for a search among %zu records", self->count);
    return table;
}

bool
sight_set_take_shared(SightSet *self, Sight **shared, size_t *count, Err *err)
{
    SightList found = {0};
    Slot *table = table_new(self, err);
    bool good = table != NULL;
    for (size_t i = 0; good && i < PARTITIONS; i++) {
        SightList *partition = &self->partitions[i];
        size_t size = table_size(partition->count);
        memset(table, 0, size * sizeof *table);
        good = search_partition(partition, table, size - 1, &found, err);
        list_clear(partition);
    }
    free(table);
    self->count = 0;
    if (!good)
        list_clear(&found);
    *shared = found.sights;
    *count = found.count;
    return good;
}
