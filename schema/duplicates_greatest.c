/* Greatest durations and memory of rollups that lost records: worked out anew from the evidence. */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "schema/duplicates_write.h"
#include "schema/exclusion_set.h"

static int
entry_compare(const void *left, const void *right)
{
    const RollupEntry *a = left;
    const RollupEntry *b = right;
    return rollup_key_compare(&a->key, &b->key);
}

/** Greatest values anew, from the records that still count. The rollup rows are locked since correct_sums: whatever is
 *  committed meanwhile merges its own greatest values after us. */
typedef struct Greatest {
    Db *db;
    int64_t tenant_id;
    ConfigTable *configs;
    ExclusionSet excluded; /* old and new */
    RollupEntry *entries;  /* sorted by key */
    size_t count;
} Greatest;

static RollupEntry *
greatest_entry(const Greatest *self, int64_t hour_us, const UsageRecord *record)
{
    const ConfigKey key = config_key_of(self->tenant_id, record);
    uint32_t config = 0;
    Err ignored = {0};
    size_t known = config_table_count(self->configs);
    if (!config_table_index(self->configs, &key, &config, &ignored) || config >= known)
        return NULL; /* a configuration that lost nothing */
    const RollupEntry wanted = {.key = {self->tenant_id, hour_us, config_table_id(self->configs, config)}};
    return bsearch(&wanted, self->entries, self->count, sizeof wanted, entry_compare);
}

static bool
read_greatest(void *context, const SegmentRow *row, Err *err)
{
    const Greatest *greatest = context;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %" PRId64 ": ", row->key.segment_id);
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        RollupEntry *entry = greatest_entry(greatest, row->key.hour_us, &record);
        if (entry == NULL || usage_record_is_capacity(&record) || exclusion_set_has(&greatest->excluded, &row->key, i))
            continue;
        RollupSums *sums = &entry->sums;
        if (record.duration_us > sums->max_duration_us)
            sums->max_duration_us = record.duration_us;
        if (record.max_memory_used_mb > sums->max_memory_used_mb)
            sums->max_memory_used_mb = record.max_memory_used_mb;
    }
    usage_batch_free(&batch);
    return true;
}

static bool
greatest_find(Greatest *self, Err *err)
{
    int64_t *hours_us = calloc(self->count, sizeof *hours_us);
    if (hours_us == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu hours", self->count);
    size_t hours = 0;
    for (size_t i = 0; i < self->count; i++) {
        RollupEntry *entry = &self->entries[i];
        entry->sums.max_duration_us = 0;
        entry->sums.max_memory_used_mb = 0;
        if (hours == 0 || hours_us[hours - 1] != entry->key.hour_us)
            hours_us[hours++] = entry->key.hour_us;
    }
    bool good = exclusion_set_load(self->db, self->tenant_id, hours_us[0], hours_us[hours - 1] + UTC_HOUR_US,
                                   &self->excluded, err) &&
                segment_stream_hours(self->db, self->tenant_id, hours_us, hours, read_greatest, self, err) &&
                rollup_set_greatest(self->db, self->entries, self->count, err);
    free(hours_us);
    return good;
}

MUST_CHECK bool
duplicates_greatest(Db *db, int64_t tenant_id, ConfigTable *configs, RollupEntry *entries, size_t count, Err *err)
{
    if (count == 0)
        return true;
    Greatest self = {.db = db, .tenant_id = tenant_id, .configs = configs, .entries = entries, .count = count};
    bool done = greatest_find(&self, err);
    exclusion_set_free(&self.excluded);
    return done;
}
