/* Columns to records: the reading half of usage_batch.h. Everything is checked here before anything uses it. */
#include "proto/usage_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/digest.h"
#include "proto/usage.pb-c.h"

enum { UUID_TEXT_BYTES = 36 };

struct UsageBatch {
    Arena *arena; /* holds the message and everything below */
    Millibill__UsageBatch *message;
    size_t count;
    int64_t *started_at_us;
    Text *ids;
};

static void *
allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void
release(void *arena, void *pointer)
{
    (void) arena;
    (void) pointer; /* the arena gives everything back at once */
}

static bool
wrong_column(Err *err, const char *column, size_t found, size_t expected)
{
    return err_set(err, ERR_PROTOCOL, "batch: column %s has %zu entries, expected %zu", column, found, expected);
}

/* An optional column is empty or has one entry for each record. */
static bool
check_count(const char *column, size_t found, size_t records, Err *err)
{
    return found == 0 || found == records || wrong_column(err, column, found, records);
}

static bool
check_counts(const UsageBatch *self, Err *err)
{
    const Millibill__UsageBatch *m = self->message;
    size_t n = self->count;
    if (n + m->n_rejected + m->n_losses > USAGE_BATCH_RECORDS_MAX)
        return err_set(err, ERR_RANGE, "batch: %zu entries, at most %d allowed", n + m->n_rejected + m->n_losses,
                       USAGE_BATCH_RECORDS_MAX);
    if (m->n_started_at_delta_us != n)
        return wrong_column(err, "started_at_delta_us", m->n_started_at_delta_us, n);
    if (m->n_duration_us != n)
        return wrong_column(err, "duration_us", m->n_duration_us, n);
    return check_count("id_kind", m->n_id_kind, n, err) && check_count("attempt", m->n_attempt, n, err) &&
           check_count("status", m->n_status, n, err) &&
           check_count("init_duration_us", m->n_init_duration_us_plus1, n, err) &&
           check_count("max_memory_used_mb", m->n_max_memory_used_mb_plus1, n, err) &&
           check_count("cpu_us", m->n_cpu_us_plus1, n, err) &&
           check_count("response_bytes", m->n_response_bytes_plus1, n, err) &&
           check_count("reported_billed_ms", m->n_reported_billed_ms_plus1, n, err) &&
           check_count("capacity_units", m->n_capacity_units, n, err);
}

static bool
check_dictionaries(const UsageBatch *self, Err *err)
{
    const Millibill__UsageBatch *m = self->message;
    for (size_t i = 0; i < m->n_configs; i++) {
        const Millibill__FunctionConfig *config = m->configs[i];
        if (config->tenant >= m->n_tenants || config->region >= m->n_regions)
            return err_set(err, ERR_PROTOCOL, "batch: configuration %zu names a tenant or region that is not there", i);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (m->config[i] >= m->n_configs)
            return err_set(err, ERR_PROTOCOL, "batch: record %zu names configuration %u of %zu", i, m->config[i],
                           m->n_configs);
    }
    return true;
}

/* Times from their differences, without overflow. */
static bool
sum_times(UsageBatch *self, Err *err)
{
    int64_t time_us = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (__builtin_add_overflow(time_us, self->message->started_at_delta_us[i], &time_us))
            return err_set(err, ERR_PROTOCOL, "batch: time of record %zu is out of range", i);
        self->started_at_us[i] = time_us;
    }
    return true;
}

static bool
assign_ids(UsageBatch *self, Err *err)
{
    const Millibill__UsageBatch *m = self->message;
    size_t uuids = 0;
    for (size_t i = 0; i < self->count; i++)
        uuids += m->n_id_kind == 0 || m->id_kind[i] == MILLIBILL__ID_KIND__UUID;
    if (m->uuid_ids.len != uuids * 16)
        return wrong_column(err, "uuid_ids (bytes)", m->uuid_ids.len, uuids * 16);
    if (m->n_text_ids != self->count - uuids)
        return wrong_column(err, "text_ids", m->n_text_ids, self->count - uuids);
    char *storage = arena_alloc(self->arena, uuids * (UUID_TEXT_BYTES + 1) + 1);
    if (storage == NULL)
        return err_set(err, ERR_NOMEM, "batch: no memory for %zu ids", uuids);
    size_t uuid = 0;
    size_t text = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (m->n_id_kind == 0 || m->id_kind[i] == MILLIBILL__ID_KIND__UUID) {
            char *at = storage + uuid * (UUID_TEXT_BYTES + 1);
            self->ids[i] = (Text){uuid_format(m->uuid_ids.data + uuid * 16, at), UUID_TEXT_BYTES};
            uuid++;
        } else {
            self->ids[i] = text_of(m->text_ids[text++]);
        }
    }
    return true;
}

bool
usage_batch_check(const UsageBatch *self, size_t i, UsageFault *fault)
{
    UsageRecord record;
    usage_batch_record(self, i, &record);
    return usage_record_check(&record, true, true, fault);
}

static bool
check_records(const UsageBatch *self, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        UsageFault fault;
        if (!usage_batch_check(self, i, &fault))
            return err_set(err, ERR_PROTOCOL, "batch: record %zu: %s %s", i, fault.field, fault.message);
    }
    return true;
}

static bool
check_rejected(const UsageBatch *self, Err *err)
{
    for (size_t i = 0; i < self->message->n_rejected; i++) {
        const Millibill__Rejected *entry = self->message->rejected[i];
        const char *const texts[] = {entry->format,  entry->reason, entry->field,
                                     entry->message, entry->source, entry->tenant};
        for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
            if (strlen(texts[j]) > 4096 || !text_is_clean_utf8(text_of(texts[j])))
                return err_set(err, ERR_PROTOCOL, "batch: rejected line %zu holds text that is too long or not UTF-8",
                               i);
        }
        if (entry->raw.len > USAGE_REJECTED_RAW_BYTES_MAX || entry->line > INT64_MAX)
            return err_set(err, ERR_PROTOCOL, "batch: rejected line %zu is out of range", i);
    }
    for (size_t i = 0; i < self->message->n_losses; i++) {
        const Millibill__Loss *loss = self->message->losses[i];
        const char *const texts[] = {loss->source, loss->reason, loss->tenant};
        for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
            if (strlen(texts[j]) > 4096 || !text_is_clean_utf8(text_of(texts[j])))
                return err_set(err, ERR_PROTOCOL, "batch: loss notice %zu holds text that is too long or not UTF-8", i);
        }
        if (loss->records > INT64_MAX)
            return err_set(err, ERR_PROTOCOL, "batch: loss notice %zu is out of range", i);
    }
    return true;
}

/** Real batches take up to twelve times their bytes (each record with a configuration of its own); hostile ones, made of empty
 *  sub-records, a hundred times. */
static size_t
unpack_limit(size_t length)
{
    size_t limit = (size_t) USAGE_UNPACK_FACTOR * length + USAGE_UNPACK_BASE_BYTES;
    return limit < USAGE_UNPACK_BYTES_MAX ? limit : USAGE_UNPACK_BYTES_MAX;
}

static bool
decode(UsageBatch *self, const void *bytes, size_t length, Err *err)
{
    ProtobufCAllocator allocator = {allocate, release, self->arena};
    self->message = millibill__usage_batch__unpack(&allocator, length, bytes);
    if (self->message == NULL && arena_lacked_memory(self->arena))
        return err_set(err, ERR_NOMEM, "no memory for a batch of %zu bytes", length);
    if (self->message == NULL)
        return err_set(err, ERR_PROTOCOL,
                       "batch: %zu bytes that are not a usage batch (or need over %zu bytes of memory)", length,
                       unpack_limit(length));
    self->count = self->message->n_config;
    if (!check_counts(self, err) || !check_dictionaries(self, err))
        return false;
    self->started_at_us = arena_alloc(self->arena, self->count * sizeof(int64_t) + 1);
    self->ids = arena_alloc(self->arena, self->count * sizeof(Text) + 1);
    if (self->started_at_us == NULL || self->ids == NULL)
        return err_set(err, ERR_NOMEM, "batch: no memory for %zu records", self->count);
    return sum_times(self, err) && assign_ids(self, err) && check_rejected(self, err);
}

UsageBatch *
usage_batch_unpack_unchecked(const void *bytes, size_t length, Err *err)
{
    if (length > USAGE_BATCH_BYTES_MAX) {
        err_set(err, ERR_RANGE, "batch of %zu bytes, at most %d allowed", length, USAGE_BATCH_BYTES_MAX);
        return NULL;
    }
    UsageBatch *self = calloc(1, sizeof(*self));
    if (self != NULL)
        self->arena = arena_new(unpack_limit(length));
    if (self == NULL || self->arena == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a batch");
        usage_batch_free(&self);
        return NULL;
    }
    if (!decode(self, bytes, length, err))
        usage_batch_free(&self);
    return self;
}

UsageBatch *
usage_batch_unpack(const void *bytes, size_t length, Err *err)
{
    UsageBatch *self = usage_batch_unpack_unchecked(bytes, length, err);
    if (self != NULL && !check_records(self, err))
        usage_batch_free(&self);
    return self;
}

bool
usage_batch_is_newer(const UsageBatch *self)
{
    const Millibill__UsageBatch *m = self->message;
    bool newer = m->base.n_unknown_fields > 0;
    for (size_t i = 0; !newer && i < m->n_configs; i++)
        newer = m->configs[i]->base.n_unknown_fields > 0;
    for (size_t i = 0; !newer && i < m->n_rejected; i++)
        newer = m->rejected[i]->base.n_unknown_fields > 0;
    for (size_t i = 0; !newer && i < m->n_losses; i++)
        newer = m->losses[i]->base.n_unknown_fields > 0;
    return newer;
}

void
usage_batch_free(UsageBatch **self)
{
    if (*self == NULL)
        return;
    arena_free(&(*self)->arena);
    free(*self);
    *self = NULL;
}

size_t
usage_batch_records(const UsageBatch *self)
{
    return self->count;
}

size_t
usage_batch_rejected(const UsageBatch *self)
{
    return self->message->n_rejected;
}

size_t
usage_batch_losses(const UsageBatch *self)
{
    return self->message->n_losses;
}

static int64_t
optional_at(const uint64_t *column, size_t count, size_t i)
{
    if (count == 0 || column[i] == 0)
        return USAGE_ABSENT;
    return column[i] > INT64_MAX ? INT64_MAX : (int64_t) (column[i] - 1);
}

/* The facts that stand in columns; the rest comes from the configuration. */
static void
set_columns(const UsageBatch *self, size_t i, UsageRecord *out)
{
    const Millibill__UsageBatch *m = self->message;
    out->request_id = self->ids[i];
    out->attempt = m->n_attempt == 0 ? 1 : m->attempt[i];
    out->status = m->n_status == 0 ? USAGE_OK : (UsageStatus) m->status[i];
    out->started_at_us = self->started_at_us[i];
    out->duration_us = m->duration_us[i] > INT64_MAX ? INT64_MAX : (int64_t) m->duration_us[i];
    out->init_duration_us = optional_at(m->init_duration_us_plus1, m->n_init_duration_us_plus1, i);
    out->max_memory_used_mb = optional_at(m->max_memory_used_mb_plus1, m->n_max_memory_used_mb_plus1, i);
    out->cpu_us = optional_at(m->cpu_us_plus1, m->n_cpu_us_plus1, i);
    out->response_bytes = optional_at(m->response_bytes_plus1, m->n_response_bytes_plus1, i);
    out->reported_billed_ms = optional_at(m->reported_billed_ms_plus1, m->n_reported_billed_ms_plus1, i);
    out->capacity_units =
        m->n_capacity_units == 0 || m->capacity_units[i] == 0 ? USAGE_ABSENT : (int64_t) m->capacity_units[i];
}

void
usage_batch_record(const UsageBatch *self, size_t i, UsageRecord *out)
{
    assert(i < self->count);
    const Millibill__UsageBatch *m = self->message;
    const Millibill__FunctionConfig *config = m->configs[m->config[i]];
    out->tenant = text_of(m->tenants[config->tenant]);
    out->region = text_of(m->regions[config->region]);
    out->function = text_of(config->function);
    out->version = text_of(config->version);
    out->architecture = (UsageArchitecture) config->architecture;
    out->package = (UsagePackage) config->package;
    out->mode = (UsageMode) config->mode;
    out->trigger = (UsageTrigger) config->trigger;
    out->streamed = config->streamed != 0;
    out->memory_mb = config->memory_mb;
    out->ephemeral_mb = config->ephemeral_mb;
    set_columns(self, i, out);
}

void
usage_batch_rejected_at(const UsageBatch *self, size_t i, UsageRejected *out)
{
    assert(i < self->message->n_rejected);
    const Millibill__Rejected *entry = self->message->rejected[i];
    *out = (UsageRejected){.raw = {(const char *) entry->raw.data, entry->raw.len},
                           .format = text_of(entry->format),
                           .reason = text_of(entry->reason),
                           .field = text_of(entry->field),
                           .message = text_of(entry->message),
                           .source = text_of(entry->source),
                           .line = entry->line,
                           .tenant = text_of(entry->tenant)};
}

void
usage_batch_loss_at(const UsageBatch *self, size_t i, UsageLoss *out)
{
    assert(i < self->message->n_losses);
    const Millibill__Loss *loss = self->message->losses[i];
    *out = (UsageLoss){.source = text_of(loss->source),
                       .reason = text_of(loss->reason),
                       .records = loss->records,
                       .noticed_at_us = loss->noticed_at_us,
                       .tenant = text_of(loss->tenant)};
}

size_t
usage_batch_configs(const UsageBatch *self)
{
    return self->message->n_configs;
}

uint32_t
usage_batch_config_of(const UsageBatch *self, size_t i)
{
    assert(i < self->count);
    return self->message->config[i];
}
