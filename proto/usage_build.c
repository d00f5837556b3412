/* Records to columns: the packing half of usage_batch.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/array.h"
#include "proto/usage.pb-c.h"
#include "proto/usage_batch.h"
#include "proto/usage_dictionary.h"

enum {
    ENVELOPE_BYTES = 512,          /* field tags and lengths of a whole batch */
    BUILDER_ARENA_BYTES = 16 << 20 /* names, ids and rejected lines of one batch */
};

struct UsageBatchBuilder {
    Arena *arena;
    UsageDictionary dictionary;

    size_t count, room; /* records, and room of every column below */
    uint32_t *config;
    int64_t *started_delta;
    uint64_t *duration;
    Millibill__IdKind *id_kind;
    uint32_t *attempt;
    Millibill__Status *status;
    uint64_t *init, *memory_used, *cpu, *response, *reported;
    uint32_t *capacity;
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
    self->dictionary.arena = self->arena;
    random_bytes(&self->dictionary.hash_key, sizeof self->dictionary.hash_key);
    return self;
}

void
usage_batch_builder_free(UsageBatchBuilder **self)
{
    UsageBatchBuilder *it = *self;
    if (it == NULL)
        return;
    void *owned[] = {it->config,   it->started_delta, it->duration,    it->id_kind,  it->attempt,
                     it->status,   it->init,          it->memory_used, it->cpu,      it->response,
                     it->reported, it->capacity,      it->text_ids,    it->rejected, it->losses};
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        free(owned[i]);
    usage_dictionary_free(&it->dictionary);
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
        !grow_column(&self->reported, sizeof(uint64_t), room, err) ||
        !grow_column(&self->capacity, sizeof(uint32_t), room, err))
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

/* 0: an invocation. Out of range stays so: the check that follows says it. */
static uint32_t
units_of(const UsageRecord *record)
{
    if (record->capacity_units == USAGE_ABSENT)
        return 0;
    return record->capacity_units > UINT32_MAX || record->capacity_units < 0 ? UINT32_MAX
                                                                             : (uint32_t) record->capacity_units;
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
           varint_bytes(plus_one(record->reported_billed_ms)) + varint_bytes(units_of(record));
}

static bool
has_room(const UsageBatchBuilder *self, size_t bytes, Err *err)
{
    size_t entries = self->count + self->rejected_count + self->loss_count;
    if (entries < USAGE_BATCH_RECORDS_MAX && self->bytes + self->dictionary.bytes + bytes <= USAGE_BATCH_BYTES_MAX)
        return true;
    return err_set(err, ERR_FULL, "the batch is full (%zu entries, about %zu bytes)", entries,
                   self->bytes + self->dictionary.bytes);
}

static bool
add_id(UsageBatchBuilder *self, Text id, Err *err)
{
    uint8_t uuid[16];
    if (usage_id_to_uuid(id, uuid)) {
        self->id_kind[self->count] = MILLIBILL__ID_KIND__UUID;
        return buffer_append(&self->uuids, uuid, sizeof(uuid), err);
    }
    if (!array_grow(&self->text_ids, &self->text_id_room, self->text_id_count, sizeof(char *), err))
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
        !usage_dictionary_intern(&self->dictionary, record, &config, err) || !add_id(self, record->request_id, err))
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
    self->capacity[i] = units_of(record);
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
        !array_grow(&self->rejected, &self->rejected_room, self->rejected_count, sizeof(self->rejected[0]), err))
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
        !array_grow(&self->losses, &self->loss_room, self->loss_count, sizeof(self->losses[0]), err))
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
        if (self->capacity[i] != 0)
            message->n_capacity_units = self->count;
    }
    message->attempt = self->attempt;
    message->status = self->status;
    message->capacity_units = self->capacity;
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
empty(UsageBatchBuilder *self)
{
    self->count = self->text_id_count = self->rejected_count = self->loss_count = 0;
    self->last_started_us = 0;
    self->bytes = ENVELOPE_BYTES;
    usage_dictionary_empty(&self->dictionary);
    buffer_clear(&self->uuids);
    arena_reset(self->arena);
}

bool
usage_batch_builder_pack(UsageBatchBuilder *self, Buffer *out, Err *err)
{
    Millibill__UsageBatch message = MILLIBILL__USAGE_BATCH__INIT;
    message.tenants = self->dictionary.tenants;
    message.n_tenants = self->dictionary.tenant_count;
    message.regions = self->dictionary.regions;
    message.n_regions = self->dictionary.region_count;
    message.configs = self->dictionary.configs;
    message.n_configs = self->dictionary.config_count;
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

/* ---- searching ---- */

/* An id that is no UUID stands behind its field's tag (text_ids, length-delimited) and its length. */
enum { TEXT_IDS_TAG = 8 << 3 | 2, VARINT_BITS = 7, VARINT_MORE = 0x80 };

MUST_CHECK bool
usage_id_pattern(Text id, Buffer *out, Err *err)
{
    uint8_t uuid[16];
    if (usage_id_to_uuid(id, uuid))
        return buffer_append(out, uuid, sizeof(uuid), err);
    uint8_t head[1 + sizeof(size_t) * 2] = {TEXT_IDS_TAG};
    size_t used = 1;
    size_t length = id.length;
    for (; length >= VARINT_MORE; length >>= VARINT_BITS)
        head[used++] = (uint8_t) (length | VARINT_MORE);
    head[used++] = (uint8_t) length;
    return buffer_append(out, head, used, err) && buffer_append(out, id.data, id.length, err);
}
