/* Records to columns: the packing half of usage_batch.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "proto/usage.pb-c.h"
#include "proto/usage_batch.h"

enum {
    DICTIONARY_SLOTS_MIN = 64,
    ENVELOPE_BYTES = 512,          /* field tags and lengths of a whole batch */
    BUILDER_ARENA_BYTES = 16 << 20 /* names, ids and rejected lines of one batch */
};

/* Open addressing over the indices of a growing list; slot 0 means empty, else index + 1. */
typedef struct Dictionary {
    uint32_t *slots;
    size_t slot_count; /* a power of two, at least twice the entries */
} Dictionary;

struct UsageBatchBuilder {
    Arena *arena;
    char **tenants;
    char **regions;
    Millibill__FunctionConfig **configs;
    size_t tenant_count, region_count, config_count;
    size_t tenant_room, region_room, config_room;
    Dictionary tenant_index, region_index, config_index;

    size_t count, room; /* records, and room of every column below */
    uint32_t *config;
    int64_t *started_delta;
    uint64_t *duration;
    Millibill__IdKind *id_kind;
    uint32_t *attempt;
    Millibill__Status *status;
    uint64_t *init, *memory_used, *cpu, *response, *reported;
    Buffer uuids;
    char **text_ids;
    size_t text_id_count, text_id_room;
    int64_t last_started_us;

    Millibill__Rejected **rejected;
    size_t rejected_count, rejected_room;
    Millibill__Loss **losses;
    size_t loss_count, loss_room;
    size_t bytes; /* upper estimate of the packed size */
};

UsageBatchBuilder *
usage_batch_builder_new(Err *err)
{
    UsageBatchBuilder *self = calloc(1, sizeof(*self));
    if (self != NULL)
        self->arena = arena_new(BUILDER_ARENA_BYTES);
    if (self == NULL || self->arena == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a batch");
        usage_batch_builder_free(&self);
        return NULL;
    }
    self->bytes = ENVELOPE_BYTES;
    return self;
}

void
usage_batch_builder_free(UsageBatchBuilder **self)
{
    UsageBatchBuilder *it = *self;
    if (it == NULL)
        return;
    void *owned[] = {it->tenants,
                     it->regions,
                     it->configs,
                     it->tenant_index.slots,
                     it->region_index.slots,
                     it->config_index.slots,
                     it->config,
                     it->started_delta,
                     it->duration,
                     it->id_kind,
                     it->attempt,
                     it->status,
                     it->init,
                     it->memory_used,
                     it->cpu,
                     it->response,
                     it->reported,
                     it->text_ids,
                     it->rejected,
                     it->losses};
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        free(owned[i]);
    buffer_free(&it->uuids);
    arena_free(&it->arena);
    free(it);
    *self = NULL;
}

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a batch");
}

/* Make room for one more element of `size` bytes behind `count`. */
static bool
grow(void *array, size_t size, size_t count, size_t *room, Err *err)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *old = NULL;
    memcpy(&old, array, sizeof(old));
    void *grown = realloc(old, wanted * size);
    if (grown == NULL)
        return no_memory(err);
    memcpy(array, &grown, sizeof(grown));
    *room = wanted;
    return true;
}

static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return hash;
}

static uint64_t
hash_text(Text text)
{
    return hash_bytes(UINT64_C(14695981039346656037), text.data, text.length);
}

/* Twice the slots; `hash_of` gives the hash of entry i. */
static bool
dictionary_grow(Dictionary *self, size_t entries, uint64_t (*hash_of)(const void *owner, size_t i), const void *owner,
                Err *err)
{
    if ((entries + 1) * 2 <= self->slot_count)
        return true;
    size_t wanted = self->slot_count == 0 ? DICTIONARY_SLOTS_MIN : self->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof(slots[0]));
    if (slots == NULL)
        return no_memory(err);
    for (size_t i = 0; i < entries; i++) {
        size_t at = hash_of(owner, i) & (wanted - 1);
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
hash_of_name(const void *owner, size_t i)
{
    char *const *names = owner;
    return hash_text(text_of(names[i]));
}

/* Index of a name, added when it is new. */
static bool
intern_name(UsageBatchBuilder *self, Dictionary *dictionary, char ***names, size_t *count, size_t *room, Text name,
            uint32_t *index, Err *err)
{
    if (!dictionary_grow(dictionary, *count, hash_of_name, *names, err))
        return false;
    size_t at = hash_text(name) & (dictionary->slot_count - 1);
    for (; dictionary->slots[at] != 0; at = (at + 1) & (dictionary->slot_count - 1)) {
        *index = dictionary->slots[at] - 1;
        if (text_is(name, (*names)[*index]))
            return true;
    }
    if (!grow(names, sizeof(char *), *count, room, err))
        return false;
    char *copy = arena_copy(self->arena, name);
    if (copy == NULL)
        return no_memory(err);
    (*names)[*count] = copy;
    *index = (uint32_t) (*count)++;
    dictionary->slots[at] = *index + 1;
    self->bytes += name.length + 4;
    return true;
}

static uint64_t
hash_config(const Millibill__FunctionConfig *config)
{
    const uint64_t numbers[] = {config->tenant,
                                config->region,
                                config->memory_mb,
                                config->ephemeral_mb,
                                (uint64_t) config->architecture,
                                (uint64_t) config->mode,
                                (uint64_t) config->trigger * 8 + (uint64_t) config->package * 2 +
                                    (config->streamed ? 1 : 0)};
    uint64_t hash = hash_text(text_of(config->function));
    hash = hash_bytes(hash, config->version, strlen(config->version));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        hash = (hash ^ numbers[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

static uint64_t
hash_of_config(const void *owner, size_t i)
{
    const UsageBatchBuilder *self = owner;
    return hash_config(self->configs[i]);
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
add_config(UsageBatchBuilder *self, const Millibill__FunctionConfig *wanted, uint32_t *index, Err *err)
{
    if (!grow(&self->configs, sizeof(self->configs[0]), self->config_count, &self->config_room, err))
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

/* Index of the record's configuration, added when it is new. */
static bool
intern_config(UsageBatchBuilder *self, const UsageRecord *record, uint32_t *index, Err *err)
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
        !dictionary_grow(&self->config_index, self->config_count, hash_of_config, self, err))
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
    size_t at = hash_config(&wanted) & mask;
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

static bool
grow_column(void *column, size_t size, size_t room, Err *err)
{
    void *old = NULL;
    memcpy(&old, column, sizeof(old));
    void *grown = realloc(old, room * size);
    if (grown == NULL)
        return no_memory(err);
    memcpy(column, &grown, sizeof(grown));
    return true;
}

static bool
grow_columns(UsageBatchBuilder *self, Err *err)
{
    if (self->count < self->room)
        return true;
    size_t room = self->room == 0 ? 256 : self->room * 2;
    if (!grow_column(&self->config, sizeof(uint32_t), room, err) ||
        !grow_column(&self->started_delta, sizeof(int64_t), room, err) ||
        !grow_column(&self->duration, sizeof(uint64_t), room, err) ||
        !grow_column(&self->id_kind, sizeof(self->id_kind[0]), room, err) ||
        !grow_column(&self->attempt, sizeof(uint32_t), room, err) ||
        !grow_column(&self->status, sizeof(self->status[0]), room, err) ||
        !grow_column(&self->init, sizeof(uint64_t), room, err) ||
        !grow_column(&self->memory_used, sizeof(uint64_t), room, err) ||
        !grow_column(&self->cpu, sizeof(uint64_t), room, err) ||
        !grow_column(&self->response, sizeof(uint64_t), room, err) ||
        !grow_column(&self->reported, sizeof(uint64_t), room, err))
        return false;
    self->room = room;
    return true;
}

static size_t
varint_bytes(uint64_t value)
{
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7)
        bytes++;
    return bytes;
}

static uint64_t
zigzag(int64_t value)
{
    return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static uint64_t
plus_one(int64_t optional)
{
    return optional == USAGE_ABSENT ? 0 : (uint64_t) optional + 1;
}

/* Bytes that this record adds, its dictionary entries aside. */
static size_t
record_bytes(const UsageBatchBuilder *self, const UsageRecord *record)
{
    return 3 + varint_bytes(zigzag(record->started_at_us - self->last_started_us)) +
           varint_bytes((uint64_t) record->duration_us) +
           (record->request_id.length == 36 ? 40 : record->request_id.length + 4) + varint_bytes(record->attempt) + 1 +
           varint_bytes(plus_one(record->init_duration_us)) + varint_bytes(plus_one(record->max_memory_used_mb)) +
           varint_bytes(plus_one(record->cpu_us)) + varint_bytes(plus_one(record->response_bytes)) +
           varint_bytes(plus_one(record->reported_billed_ms));
}

static bool
has_room(const UsageBatchBuilder *self, size_t bytes, Err *err)
{
    size_t entries = self->count + self->rejected_count + self->loss_count;
    if (entries < USAGE_BATCH_RECORDS_MAX && self->bytes + bytes <= USAGE_BATCH_BYTES_MAX)
        return true;
    return err_set(err, ERR_FULL, "the batch is full (%zu entries, about %zu bytes)", entries, self->bytes);
}

static bool
add_id(UsageBatchBuilder *self, Text id, Err *err)
{
    uint8_t uuid[16];
    if (usage_id_to_uuid(id, uuid)) {
        self->id_kind[self->count] = MILLIBILL__ID_KIND__UUID;
        return buffer_append(&self->uuids, uuid, sizeof(uuid), err);
    }
    if (!grow(&self->text_ids, sizeof(char *), self->text_id_count, &self->text_id_room, err))
        return false;
    char *copy = arena_copy(self->arena, id);
    if (copy == NULL)
        return no_memory(err);
    self->id_kind[self->count] = MILLIBILL__ID_KIND__TEXT;
    self->text_ids[self->text_id_count++] = copy;
    return true;
}

bool
usage_batch_builder_add(UsageBatchBuilder *self, const UsageRecord *record, Err *err)
{
    size_t bytes = record_bytes(self, record);
    size_t names = record->tenant.length + record->function.length + record->version.length + record->region.length;
    uint32_t config = 0;
    if (!has_room(self, bytes + names + 64, err) || !grow_columns(self, err) ||
        !intern_config(self, record, &config, err) || !add_id(self, record->request_id, err))
        return false;
    size_t i = self->count++;
    self->config[i] = config;
    self->started_delta[i] = record->started_at_us - self->last_started_us;
    self->last_started_us = record->started_at_us;
    self->duration[i] = (uint64_t) record->duration_us;
    self->attempt[i] = record->attempt;
    self->status[i] = (Millibill__Status) record->status;
    self->init[i] = plus_one(record->init_duration_us);
    self->memory_used[i] = plus_one(record->max_memory_used_mb);
    self->cpu[i] = plus_one(record->cpu_us);
    self->response[i] = plus_one(record->response_bytes);
    self->reported[i] = plus_one(record->reported_billed_ms);
    self->bytes += bytes;
    return true;
}

bool
usage_batch_builder_reject(UsageBatchBuilder *self, const UsageRejected *rejected, Err *err)
{
    Text raw = rejected->raw;
    if (raw.length > USAGE_REJECTED_RAW_BYTES_MAX)
        raw.length = USAGE_REJECTED_RAW_BYTES_MAX;
    size_t bytes = raw.length + rejected->format.length + rejected->reason.length + rejected->field.length +
                   rejected->message.length + rejected->source.length + rejected->tenant.length + 64;
    if (!has_room(self, bytes, err) ||
        !grow(&self->rejected, sizeof(self->rejected[0]), self->rejected_count, &self->rejected_room, err))
        return false;
    Millibill__Rejected *entry = arena_alloc(self->arena, sizeof(*entry));
    if (entry == NULL)
        return no_memory(err);
    millibill__rejected__init(entry);
    entry->raw.data = (uint8_t *) arena_copy(self->arena, raw);
    entry->raw.len = raw.length;
    entry->format = arena_copy(self->arena, rejected->format);
    entry->reason = arena_copy(self->arena, rejected->reason);
    entry->field = arena_copy(self->arena, rejected->field);
    entry->message = arena_copy(self->arena, rejected->message);
    entry->source = arena_copy(self->arena, rejected->source);
    entry->line = rejected->line;
    entry->tenant = arena_copy(self->arena, rejected->tenant);
    if (entry->raw.data == NULL || entry->format == NULL || entry->reason == NULL || entry->field == NULL ||
        entry->message == NULL || entry->source == NULL || entry->tenant == NULL)
        return no_memory(err);
    self->rejected[self->rejected_count++] = entry;
    self->bytes += bytes;
    return true;
}

bool
usage_batch_builder_lose(UsageBatchBuilder *self, const UsageLoss *loss, Err *err)
{
    size_t bytes = loss->source.length + loss->reason.length + loss->tenant.length + 64;
    if (!has_room(self, bytes, err) ||
        !grow(&self->losses, sizeof(self->losses[0]), self->loss_count, &self->loss_room, err))
        return false;
    Millibill__Loss *entry = arena_alloc(self->arena, sizeof(*entry));
    if (entry == NULL)
        return no_memory(err);
    millibill__loss__init(entry);
    entry->source = arena_copy(self->arena, loss->source);
    entry->reason = arena_copy(self->arena, loss->reason);
    entry->records = loss->records;
    entry->noticed_at_us = loss->noticed_at_us;
    entry->tenant = arena_copy(self->arena, loss->tenant);
    if (entry->source == NULL || entry->reason == NULL || entry->tenant == NULL)
        return no_memory(err);
    self->losses[self->loss_count++] = entry;
    self->bytes += bytes;
    return true;
}

size_t
usage_batch_builder_records(const UsageBatchBuilder *self)
{
    return self->count;
}

size_t
usage_batch_builder_entries(const UsageBatchBuilder *self)
{
    return self->count + self->rejected_count + self->loss_count;
}

/* Entries of an optional column, or 0 when all are `nothing`: then the column is left out. */
static size_t
column_count(const uint64_t *column, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (column[i] != 0)
            return count;
    }
    return 0;
}

static void
set_optional_columns(const UsageBatchBuilder *self, Millibill__UsageBatch *message)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->attempt[i] != 1)
            message->n_attempt = self->count;
        if (self->status[i] != MILLIBILL__STATUS__OK)
            message->n_status = self->count;
    }
    message->attempt = self->attempt;
    message->status = self->status;
    message->id_kind = self->id_kind;
    message->n_id_kind = self->text_id_count == 0 ? 0 : self->count;
    message->init_duration_us_plus1 = self->init;
    message->n_init_duration_us_plus1 = column_count(self->init, self->count);
    message->max_memory_used_mb_plus1 = self->memory_used;
    message->n_max_memory_used_mb_plus1 = column_count(self->memory_used, self->count);
    message->cpu_us_plus1 = self->cpu;
    message->n_cpu_us_plus1 = column_count(self->cpu, self->count);
    message->response_bytes_plus1 = self->response;
    message->n_response_bytes_plus1 = column_count(self->response, self->count);
    message->reported_billed_ms_plus1 = self->reported;
    message->n_reported_billed_ms_plus1 = column_count(self->reported, self->count);
}

static void
empty_dictionary(Dictionary *dictionary)
{
    if (dictionary->slots != NULL)
        memset(dictionary->slots, 0, dictionary->slot_count * sizeof(dictionary->slots[0]));
}

static void
empty(UsageBatchBuilder *self)
{
    self->tenant_count = self->region_count = self->config_count = 0;
    self->count = self->text_id_count = self->rejected_count = self->loss_count = 0;
    self->last_started_us = 0;
    self->bytes = ENVELOPE_BYTES;
    empty_dictionary(&self->tenant_index);
    empty_dictionary(&self->region_index);
    empty_dictionary(&self->config_index);
    buffer_clear(&self->uuids);
    arena_reset(self->arena);
}

bool
usage_batch_builder_pack(UsageBatchBuilder *self, Buffer *out, Err *err)
{
    Millibill__UsageBatch message = MILLIBILL__USAGE_BATCH__INIT;
    message.tenants = self->tenants;
    message.n_tenants = self->tenant_count;
    message.regions = self->regions;
    message.n_regions = self->region_count;
    message.configs = self->configs;
    message.n_configs = self->config_count;
    message.config = self->config;
    message.n_config = self->count;
    message.started_at_delta_us = self->started_delta;
    message.n_started_at_delta_us = self->count;
    message.duration_us = self->duration;
    message.n_duration_us = self->count;
    message.uuid_ids = (ProtobufCBinaryData){self->uuids.length, (uint8_t *) self->uuids.data};
    message.text_ids = self->text_ids;
    message.n_text_ids = self->text_id_count;
    message.rejected = self->rejected;
    message.n_rejected = self->rejected_count;
    message.losses = self->losses;
    message.n_losses = self->loss_count;
    set_optional_columns(self, &message);
    size_t length = millibill__usage_batch__get_packed_size(&message);
    buffer_clear(out);
    char *at = buffer_reserve(out, length, err);
    if (at == NULL)
        return false;
    millibill__usage_batch__pack(&message, (uint8_t *) at);
    out->length = length;
    out->data[length] = '\0';
    empty(self);
    return true;
}
