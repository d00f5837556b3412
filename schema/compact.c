#include "schema/compact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/log.h"
#include "schema/compact_store.h"
#include "schema/segment_store.h"

/** Some small segments of an hour on their way into one (or more, where the packed form does not fit). */
typedef struct Merge {
    const SealHour *hour;
    const CompactPart *parts;
    size_t count;
    size_t at;         /* next part */
    int64_t commit_id; /* of the present one: the last of what is in the builder */
    bool unfit;        /* a part is not as it should be: all stay as they are */
    UsageBatchBuilder *builder;
    SegmentSourcesBuilder sources;
    DigestState records; /* over the digests of all records that were read */
    CompactSegment *made;
    size_t made_count, made_capacity;
} Merge;

/* ---- reading parts ---- */

/** Pack what the builder holds into the next merged segment. */
static bool
finish_segment(Merge *self, Err *err)
{
    if (!array_grow(&self->made, &self->made_capacity, self->made_count, sizeof *self->made, err))
        return false;
    CompactSegment *segment = &self->made[self->made_count++];
    *segment =
        (CompactSegment){.commit_id = self->commit_id, .records = (int64_t) usage_batch_builder_records(self->builder)};
    if (!segment_sources_finish(&self->sources, err))
        return false;
    segment->sources = self->sources.bytes;
    self->sources = (SegmentSourcesBuilder){0};
    return usage_batch_builder_pack(self->builder, &segment->payload, err);
}

static void
add_digest(DigestState *state, const UsageRecord *record)
{
    const Digest digest = usage_record_digest(record, false);
    digest_add(state, digest.bytes, DIGEST_BYTES);
}

static bool
add_record(Merge *self, const UsageRecord *record, const SegmentRun *run, int64_t commit_id, Err *err)
{
    Err full = {0};
    if (!usage_batch_builder_add(self->builder, record, &full)) {
        if (full.code != ERR_FULL || usage_batch_builder_records(self->builder) == 0)
            return err_set(err, full.code, "%s", full.message);
        if (!finish_segment(self, err) || !usage_batch_builder_add(self->builder, record, err))
            return false;
    }
    self->commit_id = commit_id;
    add_digest(&self->records, record);
    return segment_sources_add(&self->sources, run, err);
}

static bool
add_records(Merge *self, const SegmentRow *row, const UsageBatch *batch, int64_t commit_id, Err *err)
{
    SegmentRuns runs;
    segment_runs_start(&runs, row->sources);
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        if (!segment_runs_reach(&runs, (int64_t) i))
            return segment_sources_damaged(&row->key, err);
        const SegmentRun run = {runs.run.stream_id, runs.run.sequence, segment_runs_receipt(&runs, row->receipt), 1};
        if (!add_record(self, &record, &run, commit_id, err))
            return false;
    }
    return true;
}

/** Is it whole, and nothing in it that packing would lose? */
static bool
is_fit(const SegmentRow *row, const UsageBatch *batch)
{
    const Digest digest = digest_of(row->payload.data, row->payload.length);
    return batch != NULL && text_equal(row->digest, (Text){(const char *) digest.bytes, DIGEST_BYTES}) &&
           (int64_t) usage_batch_records(batch) == row->records &&
           segment_sources_records(row->sources) == row->records && usage_batch_rejected(batch) == 0 &&
           usage_batch_losses(batch) == 0 && !usage_batch_is_newer(batch);
}

static bool
read_part(void *context, const SegmentRow *row, Err *err)
{
    Merge *self = context;
    if (self->at == self->count || self->parts[self->at].segment_id != row->key.segment_id)
        return err_set(err, ERR_CORRUPT, "segment %" PRId64 " was not asked for", row->key.segment_id);
    const CompactPart *part = &self->parts[self->at++];
    if (self->unfit)
        return true;
    Err reason = {0};
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, &reason);
    if (batch == NULL && reason.code == ERR_NOMEM)
        return err_set(err, reason.code, "%s", reason.message);
    self->unfit = !is_fit(row, batch);
    bool good = self->unfit || add_records(self, row, batch, part->commit_id, err);
    usage_batch_free(&batch);
    return good;
}

static bool
read_parts(Merge *self, Db *db, Err *err)
{
    const Seal *seal = &self->hour->seal;
    SegmentKey *keys = calloc(self->count, sizeof *keys);
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu segments", self->count);
    for (size_t i = 0; i < self->count; i++)
        keys[i] = (SegmentKey){seal->hour_us, self->parts[i].segment_id};
    bool good = segment_fetch(db, seal->tenant_id, keys, self->count, read_part, self, err) &&
                (self->at == self->count || err_set(err, ERR_CORRUPT, "a segment went away while it was read"));
    free(keys);
    return good && (self->unfit || finish_segment(self, err));
}

/* ---- writing ---- */

/** The merged segments, unpacked again, hold the records that were read, one after the other. */
static bool
check_made(const Merge *self, Err *err)
{
    DigestState read = self->records;
    DigestState packed;
    digest_start(&packed);
    for (size_t i = 0; i < self->made_count; i++) {
        UsageBatch *batch = usage_batch_unpack(self->made[i].payload.data, self->made[i].payload.length, err);
        if (batch == NULL)
            return false;
        for (size_t j = 0; j < usage_batch_records(batch); j++) {
            UsageRecord record;
            usage_batch_record(batch, j, &record);
            add_digest(&packed, &record);
        }
        usage_batch_free(&batch);
    }
    const Digest expected = digest_end(&read);
    const Digest found = digest_end(&packed);
    return memcmp(&expected, &found, sizeof found) == 0 ||
           err_set(err, ERR_INTERNAL, "merged segments do not hold the records of their parts");
}

static bool
write_made(const Merge *self, Db *db, Err *err)
{
    const Seal *seal = &self->hour->seal;
    int64_t *ids = calloc(self->made_count, sizeof *ids);
    bool good = ids != NULL || err_set(err, ERR_NOMEM, "no memory for %zu segments", self->made_count);
    for (size_t i = 0; good && i < self->made_count; i++)
        good = compact_insert(db, seal->tenant_id, seal->hour_us, &self->made[i], &ids[i], err);
    good = good &&
           compact_replace(db, seal->tenant_id, seal->hour_us, self->parts, self->count, ids, self->made_count, err);
    free(ids);
    return good;
}

static void
merge_free(Merge *self)
{
    for (size_t i = 0; i < self->made_count; i++) {
        buffer_free(&self->made[i].payload);
        buffer_free(&self->made[i].sources);
    }
    free(self->made);
    buffer_free(&self->sources.bytes);
    usage_batch_builder_free(&self->builder);
}

static bool
merge(Db *db, const SealHour *hour, const CompactPart *parts, size_t count, CompactReport *report, Err *err)
{
    Merge self = {.hour = hour, .parts = parts, .count = count, .builder = usage_batch_builder_new(err)};
    digest_start(&self.records);
    bool good = self.builder != NULL && read_parts(&self, db, err);
    if (good && self.unfit)
        log_warn("event=segments_not_merged tenant=\"%s\" hour_us=%" PRId64
                 " reason=\"one of them is not what its digest says, or is of a newer version\"",
                 hour->name, hour->seal.hour_us);
    else if (good && self.made_count < count) {
        good = check_made(&self, err) && write_made(&self, db, err);
        report->merged += good ? (int64_t) count : 0;
        report->made += good ? (int64_t) self.made_count : 0;
    }
    merge_free(&self);
    return good;
}

/* ---- which ---- */

/** How many of the parts go into one segment. */
static size_t
group_count(const CompactPart *parts, size_t count)
{
    int64_t records = 0;
    int64_t bytes = 0;
    size_t taken = 0;
    while (taken < count && records + parts[taken].records <= COMPACT_RECORDS_MAX &&
           bytes + parts[taken].bytes <= COMPACT_BYTES_MAX) {
        records += parts[taken].records;
        bytes += parts[taken++].bytes;
    }
    return taken;
}

/** Merge one hour; `*bytes` grows by what was read. */
static bool
compact_hour(Db *db, const SealHour *hour, int64_t receipt, CompactReport *report, int64_t *bytes, Err *err)
{
    const CompactChoice choice = {.tenant_id = hour->seal.tenant_id,
                                  .hour_us = hour->seal.hour_us,
                                  .receipt_from = hour->seal.receipt_from,
                                  .receipt_to = receipt,
                                  .records_max = COMPACT_RECORDS_MAX / 2,
                                  .bytes_max = COMPACT_BYTES_MAX / 2};
    CompactPart *parts = NULL;
    size_t count = 0;
    bool good = compact_parts(db, &choice, &parts, &count, err);
    for (size_t from = 0; good && from < count;) {
        size_t group = group_count(parts + from, count - from);
        if (group > 1)
            good = merge(db, hour, parts + from, group, report, err);
        for (size_t i = from; group > 1 && i < from + group; i++)
            *bytes += parts[i].bytes;
        from += group;
    }
    free(parts);
    return good || err_prefix(err, "merging segments of tenant '%s': ", hour->name);
}

MUST_CHECK bool
compact_hours(Db *db, SealHours *hours, int64_t receipt, CompactReport *report, bool *cut, Err *err)
{
    int64_t bytes = 0;
    bool locked = false;
    *report = (CompactReport){0};
    *cut = false;
    for (size_t i = 0; i < hours->count; i++) {
        const SealHour *hour = &hours->all[i];
        if (bytes > COMPACT_ROUND_BYTES_MAX) {
            seal_hours_cut(hours, i);
            *cut = true;
            return true;
        }
        if ((i == 0 || hours->all[i - 1].seal.tenant_id != hour->seal.tenant_id) &&
            !compact_lock(db, hour->seal.tenant_id, &locked, err))
            return false;
        if (locked && !compact_hour(db, hour, receipt, report, &bytes, err))
            return false;
    }
    return true;
}
