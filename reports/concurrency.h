/**
 * concurrency - how many executions ran at a time, and with how much memory: exactly, at every microsecond of a period
 *
 * Executions come in any order; each runs from its start up to, not including, its end. A sweep over all starts and ends
 * in the order of time finds the peaks, the time spent at every level and the sums of every hour. Memory stays below
 * CONCURRENCY_MEMORY_BYTES however many there are: the rest goes to a scratch file (lib/scratch_file.h). What ran into the
 * period, or runs on behind it, counts for the part inside. All whole numbers. Not thread-safe.
 */
#ifndef REPORTS_CONCURRENCY_H
#define REPORTS_CONCURRENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"

#define CONCURRENCY_MEMORY_BYTES ((size_t) 384 << 20) /* of one Concurrency, its sweep included */
#define CONCURRENCY_PERIOD_US_MAX (INT64_C(62) * UTC_DAY_US)
enum { CONCURRENCY_LEVELS_MAX = 1 << 20 }; /* the time above is counted at the last one */

/** A greatest value and when it was first reached. */
typedef struct Peak {
    int64_t value;
    int64_t at_us; /* meaningless when the value is 0 */
} Peak;

/** One hour of the period. Sums are over its microseconds. */
typedef struct ConcurrencyHour {
    int64_t peak;
    int64_t peak_memory_mb;
    int64_t peak_used_mb;
    unsigned __int128 busy_us;
    unsigned __int128 memory_mb_us;
    unsigned __int128 used_mb_us;
} ConcurrencyHour;

typedef struct ConcurrencyReport {
    int64_t start_us;
    int64_t end_us;
    int64_t executions; /* that ran in the period, for longer than no time */
    Peak peak;
    Peak memory_mb;         /* as configured */
    Peak used_mb;           /* as measured, where it was */
    ConcurrencyHour *hours; /* the first begins at start_us */
    size_t hour_count;
    int64_t *level_us; /* time spent with that many at once: 0 .. level_count - 1 */
    size_t level_count;
} ConcurrencyReport;

void concurrency_report_clear(ConcurrencyReport *report);

typedef struct Concurrency Concurrency;

/** For the period from `start_us` up to `end_us`, at most CONCURRENCY_PERIOD_US_MAX. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Concurrency *concurrency_new(int64_t start_us, int64_t end_us, Err *err);
void concurrency_free(Concurrency **self);

/** One execution (duration 0 to 24 hours, memory 0 to 2^32 - 1 MB); outside the period it changes nothing. `used_mb`: what
 *  it used at most. ERR_NOMEM, ERR_IO: give up. */
MUST_CHECK bool
concurrency_add(Concurrency *self, int64_t start_us, int64_t duration_us, int64_t memory_mb, int64_t used_mb, Err *err);

/** Sweep over everything added so far into an empty report; release with concurrency_report_clear() in any case. */
MUST_CHECK bool concurrency_sweep(Concurrency *self, ConcurrencyReport *report, Err *err);

/** An execution as it is visited. What ran into the period starts with it; a duration above 35 minutes is rounded up to the
 *  next 64 us. */
typedef struct Execution {
    int64_t start_us;
    int64_t duration_us;
    int64_t memory_mb;
    int64_t used_mb;
} Execution;

/** Called for each execution; returns false (with err set) to stop. */
typedef bool (*ExecutionVisit)(void *context, const Execution *execution, Err *err);

/** Every execution in the order of its start; those that start at once as they came. May be called again. */
MUST_CHECK bool concurrency_visit(Concurrency *self, ExecutionVisit visit, void *context, Err *err);

#endif
