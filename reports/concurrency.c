#include "reports/concurrency.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/progress.h"
#include "reports/sweep.h"

enum { LEVELS_FIRST = 64 };

struct Concurrency {
    int64_t start_us;
    int64_t end_us;
    int64_t executions;
    Sweep *sweep;
};

/* What runs at an instant, and the sums up to it. */
typedef struct Count {
    ConcurrencyReport *report;
    uint64_t now; /* from the beginning of the period */
    int64_t running;
    int64_t memory_mb;
    int64_t used_mb;
    Progress progress;
} Count;

MUST_CHECK Concurrency *
concurrency_new(int64_t start_us, int64_t end_us, Err *err)
{
    assert(start_us < end_us && end_us - start_us <= CONCURRENCY_PERIOD_US_MAX);
    Concurrency *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to count executions at a time");
        return NULL;
    }
    self->start_us = start_us;
    self->end_us = end_us;
    self->sweep = sweep_new((uint64_t) (end_us - start_us), (uint64_t) UTC_HOUR_US, err);
    if (self->sweep == NULL)
        concurrency_free(&self);
    return self;
}

void
concurrency_free(Concurrency **self)
{
    Concurrency *concurrency = *self;
    *self = NULL;
    if (concurrency == NULL)
        return;
    sweep_free(&concurrency->sweep);
    free(concurrency);
}

MUST_CHECK bool
concurrency_add(Concurrency *self, int64_t start_us, int64_t duration_us, int64_t memory_mb, int64_t used_mb, Err *err)
{
    int64_t from_us = start_us > self->start_us ? start_us : self->start_us;
    int64_t length_us = start_us + duration_us - from_us;
    if (from_us >= self->end_us || length_us <= 0)
        return true;
    self->executions++;
    return sweep_add(self->sweep, (uint64_t) (from_us - self->start_us), (uint64_t) length_us, (uint32_t) memory_mb,
                     (uint32_t) used_mb, err);
}

void
concurrency_report_clear(ConcurrencyReport *report)
{
    free(report->hours);
    free(report->level_us);
    *report = (ConcurrencyReport){0};
}

static bool
grow_levels(ConcurrencyReport *report, size_t level, Err *err)
{
    size_t count = report->level_count == 0 ? LEVELS_FIRST : report->level_count;
    while (count <= level)
        count *= 2;
    int64_t *grown = realloc(report->level_us, count * sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu levels of concurrency", count);
    for (size_t i = report->level_count; i < count; i++)
        grown[i] = 0;
    report->level_us = grown;
    report->level_count = count;
    return true;
}

static void
raise_peak(Peak *peak, int64_t value, int64_t at_us)
{
    if (value > peak->value)
        *peak = (Peak){value, at_us};
}

static int64_t
greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What runs goes on running for `us`, within one hour. */
static void
add_to_hour(const Count *self, uint64_t us)
{
    ConcurrencyHour *hour = &self->report->hours[self->now / (uint64_t) UTC_HOUR_US];
    hour->peak = greater(hour->peak, self->running);
    hour->peak_memory_mb = greater(hour->peak_memory_mb, self->memory_mb);
    hour->peak_used_mb = greater(hour->peak_used_mb, self->used_mb);
    hour->busy_us += (unsigned __int128) self->running * us;
    hour->memory_mb_us += (unsigned __int128) self->memory_mb * us;
    hour->used_mb_us += (unsigned __int128) self->used_mb * us;
}

/* Time goes on to `until`. What started or ended at one instant is all counted before, so that no peak is seen that did not
 * last at least a microsecond. */
static bool
advance(Count *self, uint64_t until, Err *err)
{
    if (self->now >= until)
        return true;
    ConcurrencyReport *report = self->report;
    int64_t at_us = report->start_us + (int64_t) self->now;
    raise_peak(&report->peak, self->running, at_us);
    raise_peak(&report->memory_mb, self->memory_mb, at_us);
    raise_peak(&report->used_mb, self->used_mb, at_us);
    size_t level = self->running < CONCURRENCY_LEVELS_MAX ? (size_t) self->running : CONCURRENCY_LEVELS_MAX - 1;
    if (level >= report->level_count && !grow_levels(report, level, err))
        return false;
    report->level_us[level] += (int64_t) (until - self->now);
    while (self->now < until) {
        uint64_t hour_end = (self->now / (uint64_t) UTC_HOUR_US + 1) * (uint64_t) UTC_HOUR_US;
        uint64_t step = (hour_end < until ? hour_end : until) - self->now;
        add_to_hour(self, step);
        self->now += step;
    }
    return true;
}

static bool
count_piece(void *context, const SweepPiece *piece, Err *err)
{
    Count *self = context;
    progress_show(&self->progress, (int64_t) piece->start, self->report->end_us - self->report->start_us);
    for (size_t i = 0; i < piece->edge_count; i++) {
        SweepEdge edge = piece->edges[i];
        const SweepEntry *entry = &piece->entries[(uint32_t) edge >> 1];
        if (!advance(self, piece->start + (edge >> 32), err))
            return false;
        int64_t sign = (edge & SWEEP_IS_START) != 0 ? 1 : -1;
        self->running += sign;
        self->memory_mb += sign * (int64_t) entry->memory_mb;
        self->used_mb += sign * (int64_t) entry->used_mb;
    }
    return true;
}

MUST_CHECK bool
concurrency_sweep(Concurrency *self, ConcurrencyReport *report, Err *err)
{
    *report = (ConcurrencyReport){.start_us = self->start_us, .end_us = self->end_us, .executions = self->executions};
    uint64_t width = (uint64_t) (self->end_us - self->start_us);
    report->hour_count = (size_t) ((width + (uint64_t) UTC_HOUR_US - 1) / (uint64_t) UTC_HOUR_US);
    report->hours = calloc(report->hour_count, sizeof(*report->hours));
    if (report->hours == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu hours", report->hour_count);
    Count count = {.report = report, .progress = progress_start("what ran at a time")};
    bool done = sweep_walk(self->sweep, true, count_piece, &count, err) && advance(&count, width, err);
    progress_end(&count.progress);
    if (!done)
        return false;
    report->level_count =
        report->peak.value < CONCURRENCY_LEVELS_MAX ? (size_t) report->peak.value + 1 : (size_t) CONCURRENCY_LEVELS_MAX;
    return true;
}

typedef struct Visiting {
    int64_t start_us;
    ExecutionVisit visit;
    void *context;
} Visiting;

static bool
visit_starts(void *context, const SweepPiece *piece, Err *err)
{
    const Visiting *visiting = context;
    for (size_t i = 0; i < piece->edge_count; i++) {
        SweepEdge edge = piece->edges[i];
        const SweepEntry *entry = &piece->entries[(uint32_t) edge >> 1];
        const Execution execution = {visiting->start_us + (int64_t) (piece->start + (edge >> 32)),
                                     (int64_t) sweep_length(entry), entry->memory_mb, entry->used_mb};
        if (!visiting->visit(visiting->context, &execution, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
concurrency_visit(Concurrency *self, ExecutionVisit visit, void *context, Err *err)
{
    Visiting visiting = {self->start_us, visit, context};
    return sweep_walk(self->sweep, false, visit_starts, &visiting, err);
}
