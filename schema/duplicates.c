/* Finding duplicates: hash every record, gather those that share a hash, examine them, write what is decided. See duplicates.h. */
#include "schema/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "schema/duplicates_write.h"
#include "schema/exclusion_set.h"
#include "schema/segment_store.h"
#include "schema/sight_set.h"

typedef struct Finder {
    Db *db;
    int64_t tenant_id;
    int64_t start_us; /* neighbouring days included */
    int64_t end_us;
    HashKey hash_key;
    SegmentKey *segments;
    size_t segment_count, segment_capacity;
    SightSet *sights;      /* every record that counts so far */
    ExclusionSet excluded; /* by earlier runs */
    DuplicateCandidate *candidates;
    size_t candidate_count;
    size_t fetch_at; /* next candidate while their records are fetched */
} Finder;

/* ---- first pass: hash and gather ---- */

static bool
see_record(Finder *self, const UsageBatch *batch, size_t i, Err *err)
{
    UsageRecord record;
    Sight sight = {.segment = (uint32_t) (self->segment_count - 1), .ordinal = (uint32_t) i};
    usage_batch_record(batch, i, &record);
    duplicates_identity(&record, &self->hash_key, sight.identity);
    return sight_set_add(self->sights, &sight, err);
}

static bool
see_segment(void *context, const SegmentRow *row, Err *err)
{
    Finder *self = context;
    if (!array_grow(&self->segments, &self->segment_capacity, self->segment_count, sizeof *self->segments, err))
        return false;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) row->key.segment_id);
    self->segments[self->segment_count++] = row->key;
    bool some_excluded = exclusion_set_touches(&self->excluded, &row->key);
    bool good = true;
    for (size_t i = 0; good && i < usage_batch_records(batch); i++) {
        const ExclusionPlace *excluded = some_excluded ? exclusion_set_find(&self->excluded, &row->key, i) : NULL;
        if (excluded == NULL || excluded->reversed)
            good = see_record(self, batch, i, err);
    }
    usage_batch_free(&batch);
    return good;
}

static int
place_compare(uint32_t a_segment, uint32_t a_ordinal, uint32_t b_segment, uint32_t b_ordinal)
{
    if (a_segment != b_segment)
        return a_segment < b_segment ? -1 : 1;
    return (a_ordinal > b_ordinal) - (a_ordinal < b_ordinal);
}

/* ---- second pass: the records that share an identity ---- */

/** Turn the shared sights into candidates; the sights' memory is given back. */
static bool
collect_candidates(Finder *self, Err *err)
{
    Sight *shared = NULL;
    size_t count = 0;
    if (!sight_set_take_shared(self->sights, &shared, &count, err))
        return false;
    self->candidates = calloc(count + 1, sizeof *self->candidates);
    for (size_t i = 0; self->candidates != NULL && i < count; i++) {
        DuplicateCandidate *candidate = &self->candidates[self->candidate_count++];
        memcpy(candidate->identity, shared[i].identity, sizeof candidate->identity);
        candidate->segment = shared[i].segment;
        candidate->ordinal = shared[i].ordinal;
    }
    free(shared);
    return self->candidates != NULL || err_set(err, ERR_NOMEM, "no memory for %zu duplicates", count);
}

static int
candidate_by_place(const void *left, const void *right)
{
    const DuplicateCandidate *a = left;
    const DuplicateCandidate *b = right;
    return place_compare(a->segment, a->ordinal, b->segment, b->ordinal);
}

/** Records of an identity in the order in which they were received. */
static int
candidate_by_identity(const void *left, const void *right)
{
    const DuplicateCandidate *a = left;
    const DuplicateCandidate *b = right;
    int order = memcmp(a->identity, b->identity, sizeof a->identity);
    if (order != 0)
        return order;
    return a->receipt != b->receipt ? (a->receipt < b->receipt ? -1 : 1) : candidate_by_place(a, b);
}

static bool
describe_segment(void *context, const SegmentRow *row, Err *err)
{
    Finder *self = context;
    if (self->fetch_at >= self->candidate_count)
        return err_set(err, ERR_INTERNAL, "more segments than asked for");
    uint32_t segment = self->candidates[self->fetch_at].segment;
    if (memcmp(&self->segments[segment], &row->key, sizeof row->key) != 0)
        return err_set(err, ERR_CORRUPT, "a segment went away while it was read");
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) row->key.segment_id);
    SegmentRuns runs;
    segment_runs_start(&runs, row->sources);
    bool good = true;
    while (good && self->fetch_at < self->candidate_count && self->candidates[self->fetch_at].segment == segment) {
        DuplicateCandidate *candidate = &self->candidates[self->fetch_at++];
        UsageRecord record;
        usage_batch_record(batch, candidate->ordinal, &record);
        duplicates_describe(candidate, &record, &self->hash_key);
        candidate->reversed = exclusion_set_has(&self->excluded, &row->key, candidate->ordinal);
        good = segment_runs_reach(&runs, candidate->ordinal) || segment_sources_damaged(&row->key, err);
        candidate->receipt = segment_runs_receipt(&runs, row->receipt);
    }
    usage_batch_free(&batch);
    return good;
}

/** The keys of the segments that hold candidates (sorted by place), each once. Caller frees. */
static SegmentKey *
candidate_segments(const Finder *self, size_t *count, Err *err)
{
    SegmentKey *keys = calloc(self->segment_count + 1, sizeof *keys);
    if (keys == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu segments", self->segment_count);
    *count = 0;
    for (size_t i = 0; keys != NULL && i < self->candidate_count; i++)
        if (i == 0 || self->candidates[i].segment != self->candidates[i - 1].segment)
            keys[(*count)++] = self->segments[self->candidates[i].segment];
    return keys;
}

static bool
describe_candidates(Finder *self, Err *err)
{
    if (self->candidate_count == 0)
        return true;
    qsort(self->candidates, self->candidate_count, sizeof *self->candidates, candidate_by_place);
    size_t count = 0;
    SegmentKey *keys = candidate_segments(self, &count, err);
    if (keys == NULL)
        return false;
    bool good =
        segment_fetch(self->db, self->tenant_id, keys, count, describe_segment, self, err) &&
        (self->fetch_at == self->candidate_count || err_set(err, ERR_CORRUPT, "a segment went away while it was read"));
    free(keys);
    return good;
}

/* ---- decisions ---- */

static size_t
run_length(const Finder *self, size_t from)
{
    size_t to = from + 1;
    while (to < self->candidate_count &&
           memcmp(self->candidates[from].identity, self->candidates[to].identity, DUPLICATES_HASH_BYTES) == 0)
        to++;
    return to - from;
}

static void
add_exclusions(const Finder *self, const DuplicateCandidate *run, const DuplicateDecision *decisions, size_t count,
               Exclusion *exclusions, size_t *made)
{
    for (size_t i = 0; i < count; i++) {
        if (decisions[i].verdict == DUPLICATE_KEPT || run[i].reversed)
            continue;
        const DuplicateCandidate *kept = &run[decisions[i].kept];
        exclusions[(*made)++] = (Exclusion){.key = self->segments[run[i].segment],
                                            .ordinal = run[i].ordinal,
                                            .kept_ordinal = kept->ordinal,
                                            .kept_key = self->segments[kept->segment],
                                            .kept_reversed = kept->reversed,
                                            .verdict = decisions[i].verdict};
    }
}

static Exclusion *
decide(Finder *self, size_t *made, Err *err)
{
    if (self->candidate_count > 0)
        qsort(self->candidates, self->candidate_count, sizeof *self->candidates, candidate_by_identity);
    Exclusion *exclusions = calloc(self->candidate_count + 1, sizeof *exclusions);
    DuplicateDecision *decisions = calloc(self->candidate_count + 1, sizeof *decisions);
    *made = 0;
    if (exclusions == NULL || decisions == NULL) {
        err_set(err, ERR_NOMEM, "no memory for %zu duplicates", self->candidate_count);
        free(exclusions);
        free(decisions);
        return NULL;
    }
    for (size_t from = 0; from < self->candidate_count;) {
        size_t count = run_length(self, from);
        duplicates_decide(&self->candidates[from], count, decisions);
        add_exclusions(self, &self->candidates[from], decisions, count, exclusions, made);
        from += count;
    }
    free(decisions);
    return exclusions;
}

/* ---- the whole ---- */

static void
finder_free(Finder *self)
{
    free(self->segments);
    sight_set_free(&self->sights);
    exclusion_set_free(&self->excluded);
    free(self->candidates);
}

static bool
find(Finder *self, DuplicatesReport *report, Err *err)
{
    self->sights = sight_set_new(err);
    if (self->sights == NULL ||
        !exclusion_set_load(self->db, self->tenant_id, self->start_us, self->end_us, &self->excluded, err) ||
        !segment_stream(self->db, self->tenant_id, self->start_us, self->end_us, see_segment, self, err))
        return false;
    report->records = (int64_t) sight_set_count(self->sights);
    return collect_candidates(self, err) && describe_candidates(self, err);
}

static bool
find_and_write(Finder *self, DuplicatesReport *report, Err *err)
{
    if (!duplicates_lock(self->db, self->tenant_id, err) || !find(self, report, err))
        return false;
    size_t count = 0;
    Exclusion *exclusions = decide(self, &count, err);
    if (exclusions == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        report->conflicts += exclusions[i].verdict == DUPLICATE_CONFLICT;
        report->copies += exclusions[i].verdict != DUPLICATE_CONFLICT;
    }
    bool good = count == 0 || duplicates_write(self->db, self->tenant_id, exclusions, count, NULL, err);
    free(exclusions);
    return good;
}

MUST_CHECK bool
duplicates_exclude(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, DuplicatesReport *report, Err *err)
{
    Finder self = {.db = db, .tenant_id = tenant_id, .start_us = start_us - UTC_DAY_US, .end_us = end_us + UTC_DAY_US};
    *report = (DuplicatesReport){0};
    random_bytes(&self.hash_key, sizeof self.hash_key);
    bool done = db_begin(db, false, err) && find_and_write(&self, report, err) && db_commit(db, err);
    db_rollback(db);
    finder_free(&self);
    return done || err_prefix(err, "looking for duplicates: ");
}
