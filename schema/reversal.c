#include "schema/reversal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "schema/duplicates_write.h"
#include "schema/exclusion_set.h"
#include "schema/segment_store.h"

typedef struct Reverser {
    Db *db;
    int64_t tenant_id;
    ReversalItem *items; /* sorted */
    size_t count;
    const HashKey *key;
    ExclusionSet excluded;
    Exclusion *exclusions; /* that are made */
    size_t made, room;
} Reverser;

static int
item_compare(const void *left, const void *right)
{
    const ReversalItem *a = left;
    const ReversalItem *b = right;
    if (a->started_at_us != b->started_at_us)
        return a->started_at_us < b->started_at_us ? -1 : 1;
    return memcmp(a->identity, b->identity, sizeof a->identity);
}

/** The hours that items are in, each once. Caller frees. */
static int64_t *
item_hours(const Reverser *self, size_t *count, Err *err)
{
    int64_t *hours_us = calloc(self->count + 1, sizeof *hours_us);
    if (hours_us == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu hours", self->count);
    *count = 0;
    for (size_t i = 0; hours_us != NULL && i < self->count; i++) {
        int64_t hour_us = utc_hour_floor_us(self->items[i].started_at_us);
        if (*count == 0 || hours_us[*count - 1] != hour_us)
            hours_us[(*count)++] = hour_us;
    }
    return hours_us;
}

static ReversalState
better(ReversalState one, ReversalState other)
{
    return one > other ? one : other;
}

/** Items that say the same lie beside one another: each gets the answer. */
static void
answer(const Reverser *self, ReversalItem *found, ReversalState state)
{
    while (found > self->items && item_compare(found - 1, found) == 0)
        found--;
    const ReversalItem wanted = *found;
    for (; found < self->items + self->count && item_compare(found, &wanted) == 0; found++)
        found->state = better(found->state, state);
}

static bool
exclude(Reverser *self, const SegmentKey *key, size_t ordinal, Err *err)
{
    if (!array_grow(&self->exclusions, &self->room, self->made, sizeof *self->exclusions, err))
        return false;
    self->exclusions[self->made++] = (Exclusion){.key = *key,
                                                 .kept_key = *key,
                                                 .ordinal = (uint32_t) ordinal,
                                                 .kept_ordinal = (uint32_t) ordinal,
                                                 .verdict = DUPLICATE_REVERSED};
    return true;
}

static bool
look_at(Reverser *self, const SegmentKey *key, size_t ordinal, const UsageRecord *record, Err *err)
{
    ReversalItem wanted = {.started_at_us = record->started_at_us};
    duplicates_identity(record, self->key, wanted.identity);
    ReversalItem *found = bsearch(&wanted, self->items, self->count, sizeof wanted, item_compare);
    if (found == NULL)
        return true;
    const ExclusionPlace *excluded = exclusion_set_find(&self->excluded, key, ordinal);
    answer(self, found,
           excluded == NULL     ? REVERSAL_DONE
           : excluded->reversed ? REVERSAL_ALREADY
                                : REVERSAL_NOT_COUNTED);
    return excluded != NULL || exclude(self, key, ordinal, err);
}

static bool
look_through(void *context, const SegmentRow *row, Err *err)
{
    Reverser *self = context;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) row->key.segment_id);
    bool good = true;
    for (size_t i = 0; good && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        good = look_at(self, &row->key, i, &record, err);
    }
    usage_batch_free(&batch);
    return good;
}

static bool
find(Reverser *self, Err *err)
{
    size_t hours = 0;
    int64_t *hours_us = item_hours(self, &hours, err);
    if (hours_us == NULL)
        return false;
    bool good =
        hours == 0 || (exclusion_set_load(self->db, self->tenant_id, hours_us[0], hours_us[hours - 1] + UTC_HOUR_US,
                                          &self->excluded, err) &&
                       segment_stream_hours(self->db, self->tenant_id, hours_us, hours, look_through, self, err));
    free(hours_us);
    return good;
}

MUST_CHECK bool
reversal_write(Db *db, int64_t tenant_id, ReversalItem *items, size_t count, const HashKey *key,
               const ReversalNote *note, Err *err)
{
    Reverser self = {.db = db, .tenant_id = tenant_id, .items = items, .count = count, .key = key};
    for (size_t i = 0; i < count; i++)
        items[i].state = REVERSAL_UNKNOWN;
    if (count > 1)
        qsort(items, count, sizeof *items, item_compare);
    bool done =
        db_begin(db, false, err) && duplicates_lock(db, tenant_id, err) && find(&self, err) &&
        (self.made == 0 || note == NULL || duplicates_write(db, tenant_id, self.exclusions, self.made, note, err)) &&
        db_commit(db, err);
    db_rollback(db);
    exclusion_set_free(&self.excluded);
    free(self.exclusions);
    return done || err_prefix(err, "reversing: ");
}
