#include "schema/duplicates_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "schema/batch_store.h"
#include "schema/config_table.h"
#include "schema/exclusion_set.h"
#include "schema/quarantine_store.h"
#include "schema/rollup_store.h"

enum { CONFLICTS_AT_ONCE = 1000 };

static const char SQL_LOCK[] = "SELECT pg_advisory_xact_lock(hashtextextended('millibill.duplicates', $1))";
/** What one (hour, configuration) loses. */
typedef struct Loss {
    RollupEntry entry;
    uint32_t config;
    bool greatest; /* its greatest values may have been those of an excluded record */
} Loss;

/** A record that goes to quarantine. */
typedef struct Conflict {
    size_t exclusion; /* index */
    Digest digest;
    Digest kept_digest; /* of the record that is billed */
    Buffer payload;     /* a packed batch of one record */
} Conflict;

typedef struct Writer {
    Db *db;
    int64_t tenant_id;
    int64_t commit_id;
    Exclusion *exclusions; /* sorted by (hour, segment, ordinal) */
    size_t count;
    size_t at; /* next exclusion while segments are read */
    ConfigTable *configs;
    Loss *losses;
    size_t loss_count, loss_capacity;
    size_t *last_loss; /* for each configuration: index + 1 of its newest loss */
    size_t last_loss_count, last_loss_capacity;
    Conflict *conflicts;
    size_t conflict_count, conflict_capacity;
    size_t kept_at; /* next conflict while the kept records are read */
    Buffer tenant_name;
    UsageBatchBuilder *builder;
} Writer;

MUST_CHECK bool
duplicates_lock(Db *db, int64_t tenant_id, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], tenant_id);
    return db_run(db, SQL_LOCK, params, 1, NULL, err);
}

static int
key_compare(const SegmentKey *a, const SegmentKey *b)
{
    if (a->hour_us != b->hour_us)
        return a->hour_us < b->hour_us ? -1 : 1;
    return (a->segment_id > b->segment_id) - (a->segment_id < b->segment_id);
}

static int
exclusion_compare(const void *left, const void *right)
{
    const Exclusion *a = left;
    const Exclusion *b = right;
    int order = key_compare(&a->key, &b->key);
    return order != 0 ? order : (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* ---- reading the excluded records ---- */

/** The place in last_loss of a configuration, which may be new. */
static bool
last_loss_reach(Writer *self, uint32_t config, Err *err)
{
    while (self->last_loss_count <= config) {
        if (!array_grow(&self->last_loss, &self->last_loss_capacity, self->last_loss_count, sizeof *self->last_loss,
                        err))
            return false;
        self->last_loss[self->last_loss_count++] = 0;
    }
    return true;
}

/** The loss of a configuration in the hour that is being read, made when new. */
static Loss *
loss_of(Writer *self, int64_t hour_us, uint32_t config, Err *err)
{
    if (!last_loss_reach(self, config, err))
        return NULL;
    size_t last = self->last_loss[config];
    if (last != 0 && self->losses[last - 1].entry.key.hour_us == hour_us)
        return &self->losses[last - 1];
    if (!array_grow(&self->losses, &self->loss_capacity, self->loss_count, sizeof *self->losses, err))
        return NULL;
    Loss *loss = &self->losses[self->loss_count++];
    *loss = (Loss){.config = config, .entry.key = {self->tenant_id, hour_us, 0}};
    self->last_loss[config] = self->loss_count;
    return loss;
}

/** Keep a conflicting record for quarantine: nothing can be written while segments are being read. */
static bool
remember_conflict(Writer *self, const UsageRecord *record, Err *err)
{
    if (!array_grow(&self->conflicts, &self->conflict_capacity, self->conflict_count, sizeof *self->conflicts, err))
        return false;
    Conflict *conflict = &self->conflicts[self->conflict_count];
    *conflict = (Conflict){.exclusion = self->at - 1, .digest = usage_record_digest(record, false)};
    if (self->tenant_name.length == 0 &&
        !buffer_append(&self->tenant_name, record->tenant.data, record->tenant.length, err))
        return false;
    if (!usage_batch_builder_add(self->builder, record, err) ||
        !usage_batch_builder_pack(self->builder, &conflict->payload, err))
        return false;
    self->conflict_count++;
    return true;
}

static bool
take_out(Writer *self, Exclusion *exclusion, const SegmentRow *row, const UsageRecord *record, Err *err)
{
    SegmentRun run;
    if (!segment_run_of(row->sources, exclusion->ordinal, &run))
        return segment_sources_damaged(&row->key, err);
    exclusion->stream_id = run.stream_id;
    exclusion->sequence = run.sequence;
    const ConfigKey key = config_key_of(self->tenant_id, record);
    uint32_t config = 0;
    if (!config_table_index(self->configs, &key, &config, err))
        return false;
    Loss *loss = loss_of(self, row->key.hour_us, config, err);
    if (loss == NULL)
        return false;
    /* the twin in the same row has the same values, if it counts */
    loss->greatest |= exclusion->verdict != DUPLICATE_SAME || exclusion->kept_reversed;
    return rollup_sums_add(&loss->entry.sums, record) ||
           err_set(err, ERR_RANGE, "a sum of excluded records is out of range");
}

static bool
read_excluded(void *context, const SegmentRow *row, Err *err)
{
    Writer *self = context;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %" PRId64 ": ", row->key.segment_id);
    bool good = true;
    while (good && self->at < self->count && key_compare(&self->exclusions[self->at].key, &row->key) == 0) {
        Exclusion *exclusion = &self->exclusions[self->at++];
        UsageRecord record;
        usage_batch_record(batch, exclusion->ordinal, &record);
        good = take_out(self, exclusion, row, &record, err) &&
               (exclusion->verdict != DUPLICATE_CONFLICT || remember_conflict(self, &record, err));
    }
    usage_batch_free(&batch);
    return good;
}

/** Each segment that has an exclusion, once. Caller frees. */
static SegmentKey *
touched_segments(const Writer *self, size_t *count, Err *err)
{
    SegmentKey *keys = calloc(self->count + 1, sizeof *keys);
    if (keys == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu exclusions", self->count);
    *count = 0;
    for (size_t i = 0; keys != NULL && i < self->count; i++)
        if (i == 0 || key_compare(&self->exclusions[i - 1].key, &self->exclusions[i].key) != 0)
            keys[(*count)++] = self->exclusions[i].key;
    return keys;
}

static bool
read_all_excluded(Writer *self, Err *err)
{
    size_t count = 0;
    SegmentKey *keys = touched_segments(self, &count, err);
    bool good = keys != NULL && segment_fetch(self->db, self->tenant_id, keys, count, read_excluded, self, err);
    if (good && self->at != self->count)
        good = err_set(err, ERR_CORRUPT, "a segment went away while it was read");
    free(keys);
    return good;
}

/* ---- conflicts to quarantine ---- */

static int
conflict_by_kept(const void *left, const void *right, void *context)
{
    const Writer *self = context;
    const Exclusion *a = &self->exclusions[((const Conflict *) left)->exclusion];
    const Exclusion *b = &self->exclusions[((const Conflict *) right)->exclusion];
    return key_compare(&a->kept_key, &b->kept_key);
}

static bool
read_kept(void *context, const SegmentRow *row, Err *err)
{
    Writer *self = context;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %" PRId64 ": ", row->key.segment_id);
    for (; self->kept_at < self->conflict_count; self->kept_at++) {
        Conflict *conflict = &self->conflicts[self->kept_at];
        const Exclusion *exclusion = &self->exclusions[conflict->exclusion];
        if (key_compare(&exclusion->kept_key, &row->key) != 0)
            break;
        UsageRecord record;
        usage_batch_record(batch, exclusion->kept_ordinal, &record);
        conflict->kept_digest = usage_record_digest(&record, false);
    }
    usage_batch_free(&batch);
    return true;
}

/** The digests of the records that conflicts are in conflict with. */
static bool
read_all_kept(Writer *self, Err *err)
{
    if (self->conflict_count == 0)
        return true;
    qsort_r(self->conflicts, self->conflict_count, sizeof *self->conflicts, conflict_by_kept, self);
    SegmentKey *keys = calloc(self->conflict_count, sizeof *keys);
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu conflicts", self->conflict_count);
    size_t count = 0;
    for (size_t i = 0; i < self->conflict_count; i++) {
        const SegmentKey *key = &self->exclusions[self->conflicts[i].exclusion].kept_key;
        if (count == 0 || key_compare(&keys[count - 1], key) != 0)
            keys[count++] = *key;
    }
    bool good =
        segment_fetch(self->db, self->tenant_id, keys, count, read_kept, self, err) &&
        (self->kept_at == self->conflict_count || err_set(err, ERR_CORRUPT, "a segment went away while it was read"));
    free(keys);
    return good;
}

static const Text IN_CONFLICT =
    TEXT_LITERAL("a record with this request id and attempt but other content was received before: that one is "
                 "billed, this one is not; find out which is right and give the other a new id");
static const Text AFTER_REVERSAL =
    TEXT_LITERAL("a record with this request id and attempt was reversed: neither is billed; what is to count instead "
                 "needs an id or an attempt of its own");

static QuarantineItem
conflict_item(const Writer *self, const Conflict *conflict)
{
    const Exclusion *exclusion = &self->exclusions[conflict->exclusion];
    return (QuarantineItem){.tenant_id = self->tenant_id,
                            .stream_id = exclusion->stream_id,
                            .sequence = exclusion->sequence,
                            .tenant_name = buffer_text(&self->tenant_name),
                            .reason = text_of(usage_reason_name(USAGE_REASON_CONFLICT)),
                            .field = TEXT_LITERAL("request_id"),
                            .message = exclusion->kept_reversed ? AFTER_REVERSAL : IN_CONFLICT,
                            .format = TEXT_LITERAL("record"),
                            .payload = buffer_text(&conflict->payload),
                            .digest = {(const char *) conflict->digest.bytes, DIGEST_BYTES},
                            .other_digest = {(const char *) conflict->kept_digest.bytes, DIGEST_BYTES}};
}

static bool
write_conflicts(Writer *self, Err *err)
{
    QuarantineItem *items = calloc(CONFLICTS_AT_ONCE, sizeof *items);
    if (items == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %d conflicts", CONFLICTS_AT_ONCE);
    bool good = true;
    for (size_t from = 0; good && from < self->conflict_count; from += CONFLICTS_AT_ONCE) {
        size_t some = 0;
        while (some < CONFLICTS_AT_ONCE && from + some < self->conflict_count) {
            items[some] = conflict_item(self, &self->conflicts[from + some]);
            some++;
        }
        good = quarantine_insert(self->db, self->commit_id, items, some, err);
    }
    free(items);
    return good;
}

/* ---- rollups ---- */

static int
loss_compare(const void *left, const void *right)
{
    const Loss *a = left;
    const Loss *b = right;
    return rollup_key_compare(&a->entry.key, &b->entry.key);
}

/** The entries of the losses (only those whose greatest values are in doubt), in key order. Caller frees. */
static RollupEntry *
loss_entries(const Writer *self, bool greatest_only, size_t *count, Err *err)
{
    RollupEntry *entries = calloc(self->loss_count + 1, sizeof *entries);
    if (entries == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu corrections", self->loss_count);
    *count = 0;
    for (size_t i = 0; entries != NULL && i < self->loss_count; i++)
        if (!greatest_only || self->losses[i].greatest)
            entries[(*count)++] = self->losses[i].entry;
    return entries;
}

static bool
correct_sums(Writer *self, Err *err)
{
    if (!config_table_ensure_ids(self->configs, self->db, err))
        return false;
    for (size_t i = 0; i < self->loss_count; i++)
        self->losses[i].entry.key.config_id = config_table_id(self->configs, self->losses[i].config);
    qsort(self->losses, self->loss_count, sizeof *self->losses, loss_compare);
    size_t count = 0;
    RollupEntry *entries = loss_entries(self, false, &count, err);
    bool good = entries != NULL && rollup_subtract(self->db, entries, count, err);
    free(entries);
    return good;
}

static bool
correct_greatest(Writer *self, Err *err)
{
    size_t count = 0;
    RollupEntry *entries = loss_entries(self, true, &count, err);
    bool good = entries != NULL && duplicates_greatest(self->db, self->tenant_id, self->configs, entries, count, err);
    free(entries);
    return good;
}

/* ---- the whole ---- */

static void
writer_free(Writer *self)
{
    for (size_t i = 0; i < self->conflict_count; i++)
        buffer_free(&self->conflicts[i].payload);
    free(self->conflicts);
    free(self->losses);
    free(self->last_loss);
    buffer_free(&self->tenant_name);
    config_table_free(&self->configs);
    usage_batch_builder_free(&self->builder);
}

MUST_CHECK bool
duplicates_write(Db *db, int64_t tenant_id, Exclusion *exclusions, size_t count, const ReversalNote *note, Err *err)
{
    Writer self = {.db = db, .tenant_id = tenant_id, .exclusions = exclusions, .count = count};
    qsort(exclusions, count, sizeof *exclusions, exclusion_compare);
    self.configs = config_table_new(err);
    self.builder = usage_batch_builder_new(err);
    int64_t receipt = 0;
    bool done = self.configs != NULL && self.builder != NULL && commit_new(db, &self.commit_id, err) &&
                read_all_excluded(&self, err) && read_all_kept(&self, err) && write_conflicts(&self, err) &&
                exclusions_insert(db, tenant_id, self.commit_id, exclusions, count, note, err) &&
                correct_sums(&self, err) && correct_greatest(&self, err) &&
                commit_take_receipt(db, self.commit_id, &receipt, err);
    writer_free(&self);
    return done;
}
