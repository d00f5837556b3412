#include "schema/config_table.h"

#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/array.h"

enum { SLOTS_FIRST = 256 };
#define ARENA_BYTES_MAX ((size_t) 1 << 30)

typedef struct Entry {
    ConfigKey key; /* texts in the arena */
    uint64_t hash;
    int64_t id; /* 0: not asked for */
} Entry;

struct ConfigTable {
    Arena *arena;
    Entry *entries;
    size_t count, capacity;
    uint32_t *slots; /* index + 1; 0: free. Open addressing, at most half full */
    size_t slot_count;
    size_t known; /* entries below have ids */
    HashKey hash_key;
};

MUST_CHECK ConfigTable *
config_table_new(Err *err)
{
    ConfigTable *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->arena = arena_new(ARENA_BYTES_MAX);
        self->slots = calloc(SLOTS_FIRST, sizeof *self->slots);
        self->slot_count = SLOTS_FIRST;
        random_bytes(&self->hash_key, sizeof self->hash_key);
    }
    if (self != NULL && self->arena != NULL && self->slots != NULL)
        return self;
    config_table_free(&self);
    err_set(err, ERR_NOMEM, "no memory for a table of configurations");
    return NULL;
}

void
config_table_free(ConfigTable **self)
{
    if (*self == NULL)
        return;
    arena_free(&(*self)->arena);
    free((*self)->entries);
    free((*self)->slots);
    free(*self);
    *self = NULL;
}

size_t
config_table_count(const ConfigTable *self)
{
    return self->count;
}

ConfigKey
config_key_of(int64_t tenant_id, const UsageRecord *record)
{
    return (ConfigKey){.tenant_id = tenant_id,
                       .function = record->function,
                       .region = record->region,
                       .architecture = record->architecture,
                       .mode = record->mode,
                       .package = record->package,
                       .memory_mb = record->memory_mb,
                       .ephemeral_mb = record->ephemeral_mb};
}

/* ---- lookup ---- */

static uint64_t
key_hash(const HashKey *hash_key, const ConfigKey *key)
{
    const int64_t numbers[] = {key->tenant_id,      (int64_t) key->architecture,
                               (int64_t) key->mode, (int64_t) key->package,
                               key->memory_mb,      key->ephemeral_mb};
    const uint64_t parts[] = {hash_keyed(hash_key, numbers, sizeof numbers),
                              hash_keyed(hash_key, key->function.data, key->function.length),
                              hash_keyed(hash_key, key->region.data, key->region.length)};
    return hash_keyed(hash_key, parts, sizeof parts);
}

static bool
key_equal(const ConfigKey *a, const ConfigKey *b)
{
    return a->tenant_id == b->tenant_id && a->architecture == b->architecture && a->mode == b->mode &&
           a->package == b->package && a->memory_mb == b->memory_mb && a->ephemeral_mb == b->ephemeral_mb &&
           text_equal(a->function, b->function) && text_equal(a->region, b->region);
}

/** The slot that holds the key, or the free one where it belongs. */
static size_t
find_slot(const ConfigTable *self, const ConfigKey *key, uint64_t hash)
{
    size_t at = hash & (self->slot_count - 1);
    while (self->slots[at] != 0) {
        const Entry *entry = &self->entries[self->slots[at] - 1];
        if (entry->hash == hash && key_equal(&entry->key, key))
            break;
        at = (at + 1) & (self->slot_count - 1);
    }
    return at;
}

static bool
grow_slots(ConfigTable *self, Err *err)
{
    if (self->count * 2 < self->slot_count)
        return true;
    size_t next = self->slot_count * 2;
    uint32_t *slots = calloc(next, sizeof *slots);
    if (slots == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu configurations", next);
    free(self->slots);
    self->slots = slots;
    self->slot_count = next;
    for (size_t i = 0; i < self->count; i++)
        self->slots[find_slot(self, &self->entries[i].key, self->entries[i].hash)] = (uint32_t) i + 1;
    return true;
}

static bool
add_entry(ConfigTable *self, const ConfigKey *key, uint64_t hash, Err *err)
{
    if (!array_grow(&self->entries, &self->capacity, self->count, sizeof *self->entries, err))
        return false;
    Entry entry = {.key = *key, .hash = hash};
    entry.key.function.data = arena_copy(self->arena, key->function);
    entry.key.region.data = arena_copy(self->arena, key->region);
    if (entry.key.function.data == NULL || entry.key.region.data == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the names of configurations");
    self->entries[self->count++] = entry;
    return true;
}

MUST_CHECK bool
config_table_index(ConfigTable *self, const ConfigKey *key, uint32_t *index, Err *err)
{
    uint64_t hash = key_hash(&self->hash_key, key);
    if (!grow_slots(self, err))
        return false;
    size_t slot = find_slot(self, key, hash);
    if (self->slots[slot] == 0) {
        if (!add_entry(self, key, hash, err))
            return false;
        self->slots[slot] = (uint32_t) self->count;
    }
    *index = self->slots[slot] - 1;
    return true;
}

/* ---- ids ---- */

/** Ask for the ids of the entries from `known` on; `keys` and `ids` have room for them. */
static bool
ask_ids(ConfigTable *self, Db *db, ConfigKey *keys, int64_t *ids, Err *err)
{
    size_t missing = self->count - self->known;
    for (size_t i = 0; i < missing; i++)
        keys[i] = self->entries[self->known + i].key;
    if (!config_ids_ensure(db, keys, missing, ids, err))
        return false;
    for (size_t i = 0; i < missing; i++)
        self->entries[self->known++].id = ids[i];
    return true;
}

MUST_CHECK bool
config_table_ensure_ids(ConfigTable *self, Db *db, Err *err)
{
    size_t missing = self->count - self->known;
    if (missing == 0)
        return true;
    ConfigKey *keys = calloc(missing, sizeof *keys);
    int64_t *ids = calloc(missing, sizeof *ids);
    bool good = false;
    if (keys == NULL || ids == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu configurations", missing);
    else
        good = ask_ids(self, db, keys, ids, err);
    free(keys);
    free(ids);
    return good;
}

int64_t
config_table_id(const ConfigTable *self, uint32_t index)
{
    return self->entries[index].id;
}

int64_t
config_table_tenant(const ConfigTable *self, uint32_t index)
{
    return self->entries[index].key.tenant_id;
}

ConfigKey
config_table_key(const ConfigTable *self, uint32_t index)
{
    return self->entries[index].key;
}

void
config_table_forget(ConfigTable *self)
{
    arena_reset(self->arena);
    memset(self->slots, 0, self->slot_count * sizeof *self->slots);
    self->count = 0;
    self->known = 0;
}
