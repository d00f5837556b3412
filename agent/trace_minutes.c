#include "agent/trace_minutes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mix.h"
#include "lib/array.h"
#include "lib/digest.h"

enum { APP_BYTES = 8, FUNCTION_BYTES = 16, MEMORY_STEP_MB = 128, ENTRIES_MAX = 200000000 };
#define MINUTE_US INT64_C(60000000)

/* A curve and who it is of. */
typedef struct Curve {
    Digest key;
    AzureCurve curve;
} Curve;

typedef struct Curves {
    Curve *all; /* sorted once all are there */
    size_t count;
    size_t capacity;
} Curves;

/* One function on one day. */
typedef struct Row {
    Digest key;
    Digest app;
    char name[TRACE_TEXT_BYTES];
    UsageTrigger trigger;
    int day;
    const AzureCurve *durations; /* NULL: left out */
    const AzureCurve *memory;    /* NULL: not known */
    int64_t total;
} Row;

/* So many invocations of a row in a minute of its day. */
typedef struct Entry {
    uint32_t row;
    uint32_t count;
    uint32_t minute; /* of the trace */
} Entry;

struct TraceMinutes {
    int64_t memory_mb;
    Row *rows;
    size_t row_count;
    size_t row_capacity;
    Entry *entries; /* by minute once finished */
    size_t entry_count;
    size_t entry_capacity;
    Curves durations;
    Curves memory; /* by function and by application: their keys differ */
    uint64_t key[2];
    int64_t total;
    size_t next_entry;
    uint64_t next_index;
    TraceRun *runs; /* of the minute at hand */
    size_t run_count;
    size_t run_capacity;
    size_t next_run;
};

/* ---- rows in ---- */

static Digest
key_of(Text owner, Text app, Text function)
{
    DigestState state;
    const Text texts[] = {owner, app, function};
    digest_start(&state);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const uint64_t length = texts[i].length;
        digest_add(&state, &length, sizeof(length));
        if (length > 0)
            digest_add(&state, texts[i].data, texts[i].length);
    }
    return digest_end(&state);
}

/* The first bytes of a name, whole characters only. */
static size_t
head_of(Text name, size_t most)
{
    size_t length = name.length < most ? name.length : most;
    while (length > 0 && !text_is_utf8((Text){name.data, length}))
        length--;
    return length;
}

void
trace_function_name(const AzureNames *names, char out[TRACE_TEXT_BYTES])
{
    (void) snprintf(out, TRACE_TEXT_BYTES, "%.*s-%.*s", (int) head_of(names->app, APP_BYTES), names->app.data,
                    (int) head_of(names->function, FUNCTION_BYTES), names->function.data);
}

MUST_CHECK TraceMinutes *
trace_minutes_new(int64_t memory_mb, Err *err)
{
    TraceMinutes *self = calloc(1, sizeof *self);
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for a trace");
    else
        self->memory_mb = memory_mb;
    return self;
}

void
trace_minutes_free(TraceMinutes **self)
{
    if (*self == NULL)
        return;
    free((*self)->rows);
    free((*self)->entries);
    free((*self)->durations.all);
    free((*self)->memory.all);
    free((*self)->runs);
    free(*self);
    *self = NULL;
}

MUST_CHECK bool
trace_minutes_add(TraceMinutes *self, int day, const AzureMinutes *from, Err *err)
{
    if (!array_grow(&self->rows, &self->row_capacity, self->row_count, sizeof *self->rows, err))
        return false;
    Row *row = &self->rows[self->row_count];
    const AzureNames *names = &from->names;
    *row = (Row){.key = key_of(names->owner, names->app, names->function),
                 .app = key_of(names->owner, names->app, TEXT_LITERAL("")),
                 .trigger = from->trigger,
                 .day = day,
                 .total = from->total};
    trace_function_name(names, row->name);
    for (uint32_t minute = 0; minute < AZURE_MINUTES; minute++) {
        if (from->counts[minute] == 0)
            continue;
        if (self->entry_count == ENTRIES_MAX)
            return err_set(err, ERR_RANGE, "the trace has more than %d minutes of functions", ENTRIES_MAX);
        if (!array_grow(&self->entries, &self->entry_capacity, self->entry_count, sizeof *self->entries, err))
            return false;
        self->entries[self->entry_count++] =
            (Entry){(uint32_t) self->row_count, from->counts[minute], (uint32_t) day * AZURE_MINUTES + minute};
    }
    self->row_count++;
    return true;
}

MUST_CHECK bool
trace_minutes_curve(TraceMinutes *self, AzureFile kind, const AzureCurve *curve, Err *err)
{
    Curves *curves = kind == AZURE_2019_DURATIONS ? &self->durations : &self->memory;
    if (!array_grow(&curves->all, &curves->capacity, curves->count, sizeof *curves->all, err))
        return false;
    Curve *copy = &curves->all[curves->count++];
    *copy = (Curve){key_of(curve->names.owner, curve->names.app, curve->names.function), *curve};
    copy->curve.names = (AzureNames){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    return true;
}

/* ---- bringing together ---- */

static int
compare_curves(const void *a, const void *b)
{
    return memcmp(&((const Curve *) a)->key, &((const Curve *) b)->key, sizeof(Digest));
}

static const AzureCurve *
find_curve(const Curves *curves, const Digest *key)
{
    if (curves->count == 0)
        return NULL;
    const Curve wanted = {.key = *key};
    const Curve *found = bsearch(&wanted, curves->all, curves->count, sizeof wanted, compare_curves);
    return found == NULL ? NULL : &found->curve;
}

static int
compare_entries(const void *a, const void *b)
{
    const Entry *left = a;
    const Entry *right = b;
    if (left->minute != right->minute)
        return left->minute < right->minute ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static void
join(TraceMinutes *self, int days, TraceNotes *notes)
{
    for (size_t i = 0; i < self->row_count; i++) {
        Row *row = &self->rows[i];
        row->durations = find_curve(&self->durations, &row->key);
        row->memory = find_curve(&self->memory, &row->key);
        if (row->memory == NULL)
            row->memory = find_curve(&self->memory, &row->app);
        if (row->day >= days) {
            notes->outside += row->total;
            row->durations = NULL;
        } else if (row->durations == NULL) {
            notes->without_durations += row->total;
            notes->functions_without++;
        } else {
            self->total += row->total;
        }
    }
}

void
trace_minutes_finish(TraceMinutes *self, int days, const uint64_t key[2], TraceNotes *notes)
{
    memcpy(self->key, key, sizeof self->key);
    if (self->durations.count > 0)
        qsort(self->durations.all, self->durations.count, sizeof *self->durations.all, compare_curves);
    if (self->memory.count > 0)
        qsort(self->memory.all, self->memory.count, sizeof *self->memory.all, compare_curves);
    join(self, days, notes);
    size_t kept = 0;
    for (size_t i = 0; i < self->entry_count; i++)
        if (self->rows[self->entries[i].row].durations != NULL)
            self->entries[kept++] = self->entries[i];
    self->entry_count = kept;
    if (kept > 0)
        qsort(self->entries, kept, sizeof *self->entries, compare_entries);
}

int64_t
trace_minutes_total(const TraceMinutes *self)
{
    return self->total;
}

/* ---- runs out ---- */

static int64_t
memory_of(const TraceMinutes *self, const Row *row)
{
    if (row->memory == NULL)
        return self->memory_mb;
    int64_t most = row->memory->values[row->memory->points - 1];
    int64_t steps = (most + MEMORY_STEP_MB - 1) / MEMORY_STEP_MB;
    return steps > 0 ? steps * MEMORY_STEP_MB : MEMORY_STEP_MB;
}

/* Its place in the minute, its duration and its memory are drawn independently. */
static void
draw_run(TraceMinutes *self, const Entry *entry, TraceRun *run)
{
    const Row *row = &self->rows[entry->row];
    uint64_t index = self->next_index++;
    uint64_t first = mix(self->key[0] + 2 * index);
    uint64_t second = mix(self->key[1] + 2 * index + 1);
    *run = (TraceRun){.function = row->name, .trigger = row->trigger, .index = index};
    run->start_us = (int64_t) entry->minute * MINUTE_US + (int64_t) (first % (uint64_t) MINUTE_US);
    run->duration_us = azure_curve_at(row->durations, (uint32_t) (second >> 32));
    run->memory_mb = memory_of(self, row);
    run->used_mb = row->memory == NULL ? USAGE_ABSENT : azure_curve_at(row->memory, (uint32_t) second);
}

static int
compare_runs(const void *a, const void *b)
{
    const TraceRun *left = a;
    const TraceRun *right = b;
    if (left->start_us != right->start_us)
        return left->start_us < right->start_us ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static bool
draw_minute(TraceMinutes *self, Err *err)
{
    self->run_count = self->next_run = 0;
    uint32_t minute = self->entries[self->next_entry].minute;
    while (self->next_entry < self->entry_count && self->entries[self->next_entry].minute == minute) {
        const Entry *entry = &self->entries[self->next_entry++];
        for (uint32_t i = 0; i < entry->count; i++) {
            if (!array_grow(&self->runs, &self->run_capacity, self->run_count, sizeof *self->runs, err))
                return false;
            draw_run(self, entry, &self->runs[self->run_count++]);
        }
    }
    qsort(self->runs, self->run_count, sizeof *self->runs, compare_runs);
    return true;
}

MUST_CHECK const TraceRun *
trace_minutes_next(TraceMinutes *self, Err *err)
{
    if (self->next_run == self->run_count && (self->next_entry == self->entry_count || !draw_minute(self, err)))
        return NULL;
    return &self->runs[self->next_run++];
}
