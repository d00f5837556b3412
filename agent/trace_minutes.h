/**
 * trace_minutes - a trace that counts invocations by minute: the days of 2019
 *
 * Rows go in, with the curves of durations and memory; trace_minutes_finish() brings them together. Then minute after
 * minute its invocations come out, in the order of their start. Memory grows with the minutes in which a function ran.
 */
#ifndef AGENT_TRACE_MINUTES_H
#define AGENT_TRACE_MINUTES_H

#include "agent/trace.h"
#include "formats/azure_trace.h"

typedef struct TraceMinutes TraceMinutes;

typedef struct TraceRun {
    const char *function; /* borrowed for the trace's life */
    UsageTrigger trigger;
    int64_t start_us; /* from the beginning of the trace */
    int64_t duration_us;
    int64_t memory_mb;
    int64_t used_mb; /* USAGE_ABSENT: not known */
    uint64_t index;  /* its number among all of the trace */
} TraceRun;

/** `memory_mb`: of functions without a curve. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK TraceMinutes *trace_minutes_new(int64_t memory_mb, Err *err);
void trace_minutes_free(TraceMinutes **self);

/** Texts are copied. ERR_NOMEM, ERR_RANGE (too much). */
MUST_CHECK bool trace_minutes_add(TraceMinutes *self, int day, const AzureMinutes *row, Err *err);
MUST_CHECK bool trace_minutes_curve(TraceMinutes *self, AzureFile kind, const AzureCurve *curve, Err *err);

/** Bring rows and curves together and sort by minute; days from `days` on are left out. Counts what is left out. */
void trace_minutes_finish(TraceMinutes *self, int days, const uint64_t key[2], TraceNotes *notes);
int64_t trace_minutes_total(const TraceMinutes *self);

/** The next run; NULL: there is none left, or (err is set) ERR_NOMEM. Borrowed until the next call. */
MUST_CHECK const TraceRun *trace_minutes_next(TraceMinutes *self, Err *err);

/** "1a2b3c4d-0123456789abcdef": what a function is called. */
void trace_function_name(const AzureNames *names, char out[TRACE_TEXT_BYTES]);

#endif
