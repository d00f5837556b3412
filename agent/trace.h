/**
 * trace - the invocations of a public Azure Functions trace, as records of a month
 *
 * The first day of the trace becomes the first day of the month. Deterministic: the same files, tenant, month, seed and
 * memory give the same records to the last bit, ids included; another scale gives a part of them.
 *
 * 2021: each row is an invocation with its own start and duration; it has no memory, so that every function gets the
 * default. 2019: of so many invocations in a minute each lies somewhere in it, runs for a time drawn from the function's
 * percentiles, and uses memory drawn from those of the function, else of its application; it has the least multiple of
 * 128 MB that holds the greatest of them. Records come in the order of time (2019), or in the order of the file (2021).
 * A function is named by the first digits of its application's and its own hash.
 */
#ifndef AGENT_TRACE_H
#define AGENT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "proto/usage_record.h"

enum { TRACE_FILES_MAX = 64, TRACE_MEMORY_MB = 256, TRACE_TEXT_BYTES = 64 };

typedef struct TraceOptions {
    const char *tenant; /* borrowed for the trace's life */
    UtcMonth month;
    int64_t seed;
    int64_t memory_mb; /* of functions whose memory is not known, 1..USAGE_MEMORY_MB_MAX */
} TraceOptions;

/** What is not replayed, and how much there is of it. */
typedef struct TraceNotes {
    int64_t outside;           /* invocations that did not start in the month */
    int64_t without_durations; /* invocations of functions that the files give no durations for */
    size_t functions_without;
} TraceNotes;

typedef struct Trace Trace;

/** Open one file of 2021, or those of 2019 in any order (those of invocations are consecutive days, in the order given). Reads
 *  them once. Caller frees. NULL: ERR_IO, ERR_INPUT "FILE:LINE: …", ERR_NOMEM. */
MUST_CHECK Trace *trace_open(const char *const *paths, size_t count, const TraceOptions *options, Err *err);
void trace_free(Trace **self);

const char *trace_name(const Trace *self); /* "azure-2019" or "azure-2021" */
/** Invocations in the month. */
int64_t trace_total(const Trace *self);
const TraceNotes *trace_notes(const Trace *self);

/** Replay `count` of them (1..trace_total), evenly chosen. Before the first trace_next. */
void trace_thin(Trace *self, int64_t count);

/** The next record, its texts borrowed until the next call; `*more` false: there is none left. ERR_IO, ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool trace_next(Trace *self, UsageRecord *out, bool *more, Err *err);

#endif
