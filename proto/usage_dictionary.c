#include "proto/usage_dictionary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

enum { INDEX_SLOTS_MIN = 64 };

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a batch");
}

static uint64_t
hash_text(const UsageDictionary *self, Text text)
{
    return hash_keyed(&self->hash_key, text.data, text.length);
}

/* Hash of entry i of one of the dictionary's lists. */
typedef uint64_t HashOf(const UsageDictionary *self, const void *list, size_t i);

/* Twice the slots. */
static bool
index_grow(UsageIndex *self, size_t entries, HashOf *hash_of, const UsageDictionary *owner, const void *list, Err *err)
{
    if ((entries + 1) * 2 <= self->slot_count)
        return true;
    size_t wanted = self->slot_count == 0 ? INDEX_SLOTS_MIN : self->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof(slots[0]));
    if (slots == NULL)
        return no_memory(err);
    for (size_t i = 0; i < entries; i++) {
        size_t at = hash_of(owner, list, i) & (wanted - 1);
        while (slots[at] != 0)
            at = (at + 1) & (wanted - 1);
        slots[at] = (uint32_t) i + 1;
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = wanted;
    return true;
}

static uint64_t
hash_of_name(const UsageDictionary *self, const void *list, size_t i)
{
    char *const *names = list;
    return hash_text(self, text_of(names[i]));
}

/* Index of a name, added when it is new. */
static bool
intern_name(UsageDictionary *self, UsageIndex *slots_of, char ***names, size_t *count, size_t *room, Text name,
            uint32_t *index, Err *err)
{
    if (!index_grow(slots_of, *count, hash_of_name, self, *names, err))
        return false;
    size_t at = hash_text(self, name) & (slots_of->slot_count - 1);
    for (; slots_of->slots[at] != 0; at = (at + 1) & (slots_of->slot_count - 1)) {
        *index = slots_of->slots[at] - 1;
        if (text_is(name, (*names)[*index]))
            return true;
    }
    if (!array_grow(names, room, *count, sizeof(char *), err))
        return false;
    char *copy = arena_copy(self->arena, name);
    if (copy == NULL)
        return no_memory(err);
    (*names)[*count] = copy;
    *index = (uint32_t) (*count)++;
    slots_of->slots[at] = *index + 1;
    self->bytes += name.length + 4;
    return true;
}

static uint64_t
hash_config(const UsageDictionary *self, const Millibill__FunctionConfig *config)
{
    const uint64_t parts[] = {hash_text(self, text_of(config->function)),
                              hash_text(self, text_of(config->version)),
                              config->tenant,
                              config->region,
                              config->memory_mb,
                              config->ephemeral_mb,
                              (uint64_t) config->architecture,
                              (uint64_t) config->mode,
                              (uint64_t) config->trigger,
                              (uint64_t) config->package,
                              config->streamed ? 1 : 0};
    return hash_keyed(&self->hash_key, parts, sizeof(parts));
}

static uint64_t
hash_of_config(const UsageDictionary *self, const void *list, size_t i)
{
    Millibill__FunctionConfig *const *configs = list;
    return hash_config(self, configs[i]);
}

static bool
same_config(const Millibill__FunctionConfig *a, const Millibill__FunctionConfig *b)
{
    return a->tenant == b->tenant && a->region == b->region && a->memory_mb == b->memory_mb &&
           a->ephemeral_mb == b->ephemeral_mb && a->architecture == b->architecture && a->mode == b->mode &&
           a->trigger == b->trigger && a->package == b->package && a->streamed == b->streamed &&
           strcmp(a->function, b->function) == 0 && strcmp(a->version, b->version) == 0;
}

static bool
add_config(UsageDictionary *self, const Millibill__FunctionConfig *wanted, uint32_t *index, Err *err)
{
    if (!array_grow(&self->configs, &self->config_room, self->config_count, sizeof(self->configs[0]), err))
        return false;
    Millibill__FunctionConfig *config = arena_alloc(self->arena, sizeof(*config));
    if (config == NULL)
        return no_memory(err);
    *config = *wanted;
    config->function = arena_copy(self->arena, text_of(wanted->function));
    config->version = arena_copy(self->arena, text_of(wanted->version));
    if (config->function == NULL || config->version == NULL)
        return no_memory(err);
    self->configs[self->config_count] = config;
    *index = (uint32_t) self->config_count++;
    self->bytes += strlen(config->function) + strlen(config->version) + 40;
    return true;
}

bool
usage_dictionary_intern(UsageDictionary *self, const UsageRecord *record, uint32_t *index, Err *err)
{
    char function[USAGE_NAME_BYTES_MAX + 1];
    char version[USAGE_NAME_BYTES_MAX + 1] = "";
    assert(record->function.length <= USAGE_NAME_BYTES_MAX && record->version.length <= USAGE_NAME_BYTES_MAX);
    memcpy(function, record->function.data, record->function.length);
    function[record->function.length] = '\0';
    if (record->version.length > 0)
        memcpy(version, record->version.data, record->version.length);
    version[record->version.length] = '\0';
    Millibill__FunctionConfig wanted;
    millibill__function_config__init(&wanted);
    if (!intern_name(self, &self->tenant_index, &self->tenants, &self->tenant_count, &self->tenant_room, record->tenant,
                     &wanted.tenant, err) ||
        !intern_name(self, &self->region_index, &self->regions, &self->region_count, &self->region_room, record->region,
                     &wanted.region, err) ||
        !index_grow(&self->config_index, self->config_count, hash_of_config, self, self->configs, err))
        return false;
    wanted.function = function;
    wanted.version = version;
    wanted.architecture = (Millibill__Architecture) record->architecture;
    wanted.package = (Millibill__Package) record->package;
    wanted.mode = (Millibill__Mode) record->mode;
    wanted.trigger = (Millibill__Trigger) record->trigger;
    wanted.streamed = record->streamed;
    wanted.memory_mb = (uint32_t) record->memory_mb;
    wanted.ephemeral_mb = (uint32_t) record->ephemeral_mb;
    size_t mask = self->config_index.slot_count - 1;
    size_t at = hash_config(self, &wanted) & mask;
    for (; self->config_index.slots[at] != 0; at = (at + 1) & mask) {
        *index = self->config_index.slots[at] - 1;
        if (same_config(self->configs[*index], &wanted))
            return true;
    }
    if (!add_config(self, &wanted, index, err))
        return false;
    self->config_index.slots[at] = *index + 1;
    return true;
}

static void
index_empty(UsageIndex *self)
{
    if (self->slots != NULL)
        memset(self->slots, 0, self->slot_count * sizeof(self->slots[0]));
}

void
usage_dictionary_empty(UsageDictionary *self)
{
    self->tenant_count = self->region_count = self->config_count = 0;
    self->bytes = 0;
    index_empty(&self->tenant_index);
    index_empty(&self->region_index);
    index_empty(&self->config_index);
}

void
usage_dictionary_free(UsageDictionary *self)
{
    free(self->tenants);
    free(self->regions);
    free(self->configs);
    free(self->tenant_index.slots);
    free(self->region_index.slots);
    free(self->config_index.slots);
    *self = (UsageDictionary){0};
}
