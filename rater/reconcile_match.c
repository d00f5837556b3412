#include "rater/reconcile_match.h"

#include <stdlib.h>
#include <string.h>

#include "schema/duplicates.h"

/* A log with very many records of one id: each looks so far for its like among those of the bill. */
enum { LOOK_MAX = 1000 };

const char *const RECONCILE_STATUS_NAMES[RECONCILE_STATUS_COUNT] = {
    "matched", "differs", "missing_on_bill", "missing_in_file", "repeated_in_file", "contradiction_in_file"};
const char *const RECONCILE_FIELD_NAMES[RECONCILE_FIELD_COUNT] = {
    "started_at", "duration_ms",    "init_duration_ms", "memory_mb", "ephemeral_mb",      "architecture",
    "region",     "mode",           "package",          "function",  "version",           "status",
    "cpu_ms",     "response_bytes", "capacity_units",   "streamed",  "max_memory_used_mb"};

/* ---- fields ---- */

static bool
start_differs(const UsageRecord *file, const UsageRecord *bill)
{
    int64_t apart_us = file->started_at_us - bill->started_at_us;
    bool lambda = file->reported_billed_ms != USAGE_ABSENT || bill->reported_billed_ms != USAGE_ABSENT;
    return lambda ? llabs(apart_us) > DUPLICATES_SAME_START_US : apart_us != 0;
}

static int64_t
none_is_zero(int64_t value)
{
    return value == USAGE_ABSENT ? 0 : value;
}

static bool
stated_differs(int64_t file, int64_t bill)
{
    return file != USAGE_ABSENT && file != bill;
}

static bool
text_differs(Text file, Text bill)
{
    return file.length > 0 && !text_equal(file, bill);
}

static bool
field_differs(ReconcileField field, const UsageRecord *file, const UsageRecord *bill)
{
    switch (field) {
    case FIELD_STARTED_AT:
        return start_differs(file, bill);
    case FIELD_DURATION:
        return file->duration_us != bill->duration_us;
    case FIELD_INIT_DURATION:
        return none_is_zero(file->init_duration_us) != none_is_zero(bill->init_duration_us);
    case FIELD_MEMORY:
        return file->memory_mb != bill->memory_mb;
    case FIELD_EPHEMERAL:
        return file->ephemeral_mb != bill->ephemeral_mb;
    case FIELD_ARCHITECTURE:
        return file->architecture != bill->architecture;
    case FIELD_REGION:
        return text_differs(file->region, bill->region);
    case FIELD_MODE:
        return file->mode != bill->mode;
    case FIELD_PACKAGE:
        return file->package != bill->package;
    case FIELD_FUNCTION:
        return text_differs(file->function, bill->function);
    case FIELD_VERSION:
        return text_differs(file->version, bill->version);
    case FIELD_STATUS:
        return file->status != bill->status;
    case FIELD_CPU:
        return stated_differs(file->cpu_us, bill->cpu_us);
    case FIELD_RESPONSE_BYTES:
        return stated_differs(file->response_bytes, bill->response_bytes);
    case FIELD_CAPACITY_UNITS:
        return file->capacity_units != bill->capacity_units;
    case FIELD_STREAMED:
        return file->response_bytes != USAGE_ABSENT && file->streamed != bill->streamed;
    case FIELD_MAX_MEMORY:
        return stated_differs(file->max_memory_used_mb, bill->max_memory_used_mb);
    case RECONCILE_FIELD_COUNT:
        break;
    }
    return false;
}

uint32_t
reconcile_compare(const UsageRecord *file, const UsageRecord *bill, uint32_t fields)
{
    uint32_t differs = 0;
    for (int i = 0; i < RECONCILE_FIELD_COUNT; i++)
        if ((fields & UINT32_C(1) << i) != 0 && field_differs((ReconcileField) i, file, bill))
            differs |= UINT32_C(1) << i;
    return differs;
}

UsageRecord
reconcile_as_in_file(const UsageRecord *file, const UsageRecord *bill, uint32_t differs)
{
    UsageRecord record = *bill;
#define TAKE(field, member) record.member = (differs & UINT32_C(1) << (field)) != 0 ? file->member : bill->member
    TAKE(FIELD_STARTED_AT, started_at_us);
    TAKE(FIELD_DURATION, duration_us);
    TAKE(FIELD_INIT_DURATION, init_duration_us);
    TAKE(FIELD_MEMORY, memory_mb);
    TAKE(FIELD_EPHEMERAL, ephemeral_mb);
    TAKE(FIELD_ARCHITECTURE, architecture);
    TAKE(FIELD_REGION, region);
    TAKE(FIELD_MODE, mode);
    TAKE(FIELD_PACKAGE, package);
    TAKE(FIELD_FUNCTION, function);
    TAKE(FIELD_STATUS, status);
    TAKE(FIELD_CPU, cpu_us);
    TAKE(FIELD_RESPONSE_BYTES, response_bytes);
    TAKE(FIELD_CAPACITY_UNITS, capacity_units);
    TAKE(FIELD_STREAMED, streamed);
    TAKE(FIELD_MAX_MEMORY, max_memory_used_mb);
#undef TAKE
    return record;
}

/* ---- one identity ---- */

/** The records of one identity: [0, files) of the log, then the bill's, late and quarantined ones. */
typedef struct Group {
    ReconcileEntry *entries;
    size_t files, billed, late, count; /* where each kind ends */
    bool *taken;                       /* has found its other side, or needs none */
    uint32_t fields;
    ReconcileVisit visit;
    void *context;
} Group;

static bool
tell(const Group *self, ReconcileStatus status, const ReconcileEntry *file, const ReconcileEntry *bill,
     const ReconcileEntry *other, uint32_t differs, Err *err)
{
    bool inside = (file != NULL && file->inside) || (bill != NULL && bill->inside);
    const ReconcileMatch match = {status, file, bill, other, differs};
    return !inside || self->visit(self->context, &match, err);
}

/** Copies and contradictions within the files: told, and taken. */
static bool
decide_copies(Group *self, Err *err)
{
    HashKey key = {{0}}; /* one group: there is nothing to gain from a collision */
    DuplicateCandidate *candidates = calloc(self->files + 1, sizeof(*candidates));
    DuplicateDecision *decisions = calloc(self->files + 1, sizeof(*decisions));
    bool done = candidates != NULL && decisions != NULL;
    if (!done)
        err_set(err, ERR_NOMEM, "no memory to compare %zu records", self->files);
    for (size_t from = 0, to = 0; done && from < self->files; from = to) {
        Text id = self->entries[from].record.request_id; /* content ids differ by their ordinals */
        for (; to < self->files && text_equal(id, self->entries[to].record.request_id); to++)
            duplicates_describe(&candidates[to], &self->entries[to].record, &key);
        duplicates_decide(candidates + from, to - from, decisions + from);
        for (size_t i = from; done && i < to; i++) {
            if (decisions[i].verdict == DUPLICATE_KEPT)
                continue;
            ReconcileStatus status =
                decisions[i].verdict == DUPLICATE_CONFLICT ? RECONCILE_CONTRADICTS : RECONCILE_REPEATED;
            self->taken[i] = true;
            done = tell(self, status, &self->entries[i], NULL, &self->entries[from + decisions[i].kept], 0, err);
        }
    }
    free(candidates);
    free(decisions);
    return done;
}

/** Put together what agrees in everything. */
static bool
pair_equal(Group *self, Err *err)
{
    size_t first = self->files; /* all before are taken */
    bool done = true;
    for (size_t i = 0; done && i < self->files; i++) {
        while (first < self->billed && self->taken[first])
            first++;
        for (size_t j = first; done && !self->taken[i] && j < self->billed && j - first < LOOK_MAX; j++) {
            if (self->taken[j] ||
                reconcile_compare(&self->entries[i].record, &self->entries[j].record, self->fields) != 0)
                continue;
            self->taken[i] = self->taken[j] = true;
            done = tell(self, RECONCILE_MATCHED, &self->entries[i], &self->entries[j], NULL, 0, err);
        }
    }
    return done;
}

static size_t
next_free(const Group *self, size_t from, size_t end)
{
    while (from < end && self->taken[from])
        from++;
    return from;
}

/** What is left: side by side in order, then what has no other side. */
static bool
pair_rest(Group *self, Err *err)
{
    size_t bill = self->files, late = self->billed, other = self->late;
    bool done = true;
    for (size_t i = 0; done && i < self->files; i++) {
        if (self->taken[i])
            continue;
        const ReconcileEntry *file = &self->entries[i];
        bill = next_free(self, bill, self->billed);
        if (bill < self->billed) {
            const ReconcileEntry *billed = &self->entries[bill++];
            uint32_t differs = reconcile_compare(&file->record, &billed->record, self->fields);
            done = tell(self, RECONCILE_DIFFERS, file, billed, NULL, differs, err);
            continue;
        }
        const ReconcileEntry *why = late < self->late     ? &self->entries[late++]
                                    : other < self->count ? &self->entries[other++]
                                                          : NULL;
        done = tell(self, RECONCILE_NOT_BILLED, file, NULL, why, 0, err);
    }
    for (; done && (bill = next_free(self, bill, self->billed)) < self->billed; bill++)
        done = tell(self, RECONCILE_NOT_IN_FILE, NULL, &self->entries[bill], NULL, 0, err);
    return done;
}

static size_t
side_end(const ReconcileEntry *entries, size_t from, size_t count, ReconcileSide side)
{
    while (from < count && entries[from].side == side)
        from++;
    return from;
}

static bool
match_group(Group *self, Err *err)
{
    self->files = side_end(self->entries, 0, self->count, RECONCILE_FILE);
    self->billed = side_end(self->entries, self->files, self->count, RECONCILE_BILLED);
    self->late = side_end(self->entries, self->billed, self->count, RECONCILE_LATE);
    return decide_copies(self, err) && pair_equal(self, err) && pair_rest(self, err);
}

/* ---- a partition ---- */

static int
compare_entries(const void *left, const void *right)
{
    const ReconcileEntry *a = left;
    const ReconcileEntry *b = right;
    int order = memcmp(a->key, b->key, RECONCILE_KEY_BYTES);
    if (order == 0)
        order = (int) a->side - (int) b->side;
    if (order == 0 && a->side != RECONCILE_FILE) /* a file's own order decides which of its copies is the first */
        order =
            (a->record.started_at_us > b->record.started_at_us) - (a->record.started_at_us < b->record.started_at_us);
    if (order == 0 && a->side == RECONCILE_FILE) {
        size_t length = a->record.request_id.length < b->record.request_id.length ? a->record.request_id.length
                                                                                  : b->record.request_id.length;
        order = memcmp(a->record.request_id.data, b->record.request_id.data, length);
        if (order == 0)
            order = (a->record.request_id.length > b->record.request_id.length) -
                    (a->record.request_id.length < b->record.request_id.length);
    }
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

MUST_CHECK bool
reconcile_match(ReconcileEntry *entries, size_t count, uint32_t fields, ReconcileVisit visit, void *context, Err *err)
{
    if (count == 0)
        return true;
    bool *taken = calloc(count, sizeof(*taken));
    if (taken == NULL)
        return err_set(err, ERR_NOMEM, "no memory to compare %zu records", count);
    bool done = true;
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (size_t from = 0, to = 0; done && from < count; from = to) {
        while (to < count && memcmp(entries[from].key, entries[to].key, RECONCILE_KEY_BYTES) == 0)
            to++;
        Group group = {.entries = entries + from,
                       .count = to - from,
                       .taken = taken + from,
                       .fields = fields,
                       .visit = visit,
                       .context = context};
        done = match_group(&group, err);
    }
    free(taken);
    return done;
}
