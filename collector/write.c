#include "collector/write.h"

#include <stdlib.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "schema/segment_store.h"

/* ---- months ---- */

static int64_t
month_of(int64_t time_us)
{
    return utc_month_start_us(utc_month_of(time_us));
}

static bool
is_known(const Months *self, int64_t month_us)
{
    for (size_t i = self->count; i-- > 0;)
        if (self->starts_us[i] == month_us)
            return true;
    return false;
}

void
months_free(Months *self)
{
    free(self->starts_us);
    *self = (Months){0};
}

bool
months_known(const Months *self, const RegroupOutput *output)
{
    int64_t last_us = INT64_MIN; /* most segments are of the same month as the one before */
    for (size_t i = 0; i < output->segment_count; i++) {
        int64_t month_us = month_of(output->segments[i].hour_us);
        if (month_us != last_us && !is_known(self, month_us))
            return false;
        last_us = month_us;
    }
    return true;
}

MUST_CHECK bool
months_make(Months *self, Db *db, const RegroupOutput *output, Err *err)
{
    for (size_t i = 0; i < output->segment_count; i++) {
        int64_t month_us = month_of(output->segments[i].hour_us);
        if (is_known(self, month_us))
            continue;
        if (!partitions_ensure(db, month_us, err) ||
            !array_grow(&self->starts_us, &self->capacity, self->count, sizeof *self->starts_us, err))
            return false;
        self->starts_us[self->count++] = month_us;
    }
    return true;
}

/* ---- usage ---- */

static bool
write_segments(Db *db, const RegroupOutput *output, int64_t commit_id, Err *err)
{
    SegmentItem *items = calloc(output->segment_count + 1, sizeof *items);
    if (items == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu segments", output->segment_count);
    for (size_t i = 0; i < output->segment_count; i++) {
        const RegroupSegment *segment = &output->segments[i];
        items[i] = (SegmentItem){.tenant_id = segment->tenant_id,
                                 .hour_us = segment->hour_us,
                                 .records = segment->records,
                                 .payload = buffer_text(&segment->payload),
                                 .sources = buffer_text(&segment->sources)};
    }
    bool done = segments_insert(db, commit_id, items, output->segment_count, err);
    free(items);
    return done;
}

static int
entry_compare(const void *left, const void *right)
{
    const RollupEntry *a = left;
    const RollupEntry *b = right;
    return rollup_key_compare(&a->key, &b->key);
}

static bool
write_rollups(Db *db, ConfigTable *configs, const RegroupOutput *output, Err *err)
{
    if (!config_table_ensure_ids(configs, db, err))
        return false;
    RollupEntry *entries = calloc(output->rollup_count + 1, sizeof *entries);
    if (entries == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu rollups", output->rollup_count);
    size_t count = 0;
    for (size_t i = 0; i < output->rollup_count; i++) {
        const RegroupRollup *rollup = &output->rollups[i];
        if (rollup->sums.invocations == 0 && rollup->sums.capacity_records == 0)
            continue;
        entries[count++] =
            (RollupEntry){.key = {rollup->tenant_id, rollup->hour_us, config_table_id(configs, rollup->config)},
                          .sums = rollup->sums};
    }
    qsort(entries, count, sizeof *entries, entry_compare);
    bool done = rollup_add(db, entries, count, err);
    free(entries);
    return done;
}

MUST_CHECK bool
usage_write(Db *db, ConfigTable *configs, const RegroupOutput *output, int64_t commit_id, Err *err)
{
    return write_segments(db, output, commit_id, err) && write_rollups(db, configs, output, err) &&
           quarantine_insert(db, commit_id, output->quarantine, output->quarantine_count, err) &&
           losses_insert(db, commit_id, output->losses, output->loss_count, err) &&
           import_periods_insert(db, output->periods, output->period_count, err);
}
