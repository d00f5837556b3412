/**
 * savings_usage - how much functions ran: the facts that a comparison needs besides the rated lines
 *
 * Filled from a file (savings_file.h) or from the stack's evidence (savings_evidence.h). A function is one of a tenant:
 * the same name of another tenant is another function.
 */
#ifndef REPORTS_SAVINGS_USAGE_H
#define REPORTS_SAVINGS_USAGE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "reports/concurrency.h"

#define SAVINGS_TENANT_DEFAULT "default" /* of a quote row or record without a tenant, as the rater has it */

/** What is known of executions with one memory size. */
typedef struct UsageSize {
    int64_t memory_mb;
    int64_t records;
    int64_t measured;    /* of them: those that say what they used */
    int64_t used_mb_max; /* 0 while none does */
} UsageSize;

typedef struct UsageFunction {
    char *tenant;
    char *name;
    mpq_t invocations;
    mpq_t busy_s;      /* wall time, added up */
    mpq_t longest_s;   /* longest run; 0 when unknown */
    mpq_t memory_gb_s; /* memory x wall time */
    /* what single records said; 0 when there were none */
    int64_t records;
    int64_t cold_starts; /* those that had an initialization */
    unsigned __int128 init_us;
    int64_t init_us_max;
    int64_t over_http; /* somebody waited for the answer */
    int64_t ephemeral_mb_max;
    UsageSize *sizes;
    size_t size_count;
} UsageFunction;

typedef struct SavingsUsage {
    UsageFunction *functions; /* in order of first appearance */
    size_t count;
    size_t capacity;
    size_t *index; /* hash table of positions + 1; 0: free */
    size_t index_slots;
    size_t rows;                /* rows, records or rollups that count */
    bool from_records;          /* a file held usage records */
    UtcMonth month;             /* of the records; meaningless when there are none */
    size_t copies;              /* records left out: the same identity with the same content came before */
    size_t outside;             /* records left out: they started outside the month */
    Concurrency *executions;    /* every execution of the month; NULL: only sums are known */
    ConcurrencyReport timeline; /* swept; without hours when `executions` is NULL */
    int64_t largest_mb;         /* greatest memory of one execution, as configured and as used */
    int64_t largest_used_mb;
} SavingsUsage;

/** The function of that tenant and name, made when new. NULL: ERR_NOMEM. Borrowed until the next call. */
MUST_CHECK UsageFunction *savings_usage_function(SavingsUsage *self, Text tenant, Text name, Err *err);

/** The same if it is known already; NULL. */
const UsageFunction *savings_usage_find(const SavingsUsage *self, Text tenant, Text name);

/** What one record says besides what sums hold; -1: it does not say. */
typedef struct UsageFacts {
    int64_t memory_mb;
    int64_t used_mb;
    int64_t init_us;
    int64_t ephemeral_mb;
    bool over_http;
} UsageFacts;

/** Take note of one record. ERR_NOMEM. */
MUST_CHECK bool usage_function_record(UsageFunction *self, const UsageFacts *facts, Err *err);

/** An execution, which the month's sweep counts: made for `month` when it is the first. What the record did not measure
 *  counts as configured. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool savings_usage_execution(SavingsUsage *self, UtcMonth month, const Execution *execution, Err *err);

/** Fill `timeline` from the executions, if there are any. */
MUST_CHECK bool savings_usage_sweep(SavingsUsage *self, Err *err);

void savings_usage_clear(SavingsUsage *self);

#endif
