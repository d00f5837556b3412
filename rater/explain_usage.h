/**
 * explain_usage - the quantity of a line: its functions, the hours of one, the invocations of an hour
 *
 * Hours and invocations come from the evidence at a watermark, less exclusions, as verify_derive() takes it; rollups are set beside
 * the hours. Memory: one row for each hour and configuration of a function; invocations are told as they are read.
 */
#ifndef RATER_EXPLAIN_USAGE_H
#define RATER_EXPLAIN_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/price_book.h"
#include "rater/rate.h"
#include "rater/rate_tenants.h"
#include "schema/db.h"
#include "schema/verify_store.h"

/** What is asked: one item of a bill. */
typedef struct LineUsage {
    Db *db;
    const RateTenant *tenant;
    const PriceBook *book; /* that prices the line */
    const RatedLine *line; /* region, architecture, mode, meter */
    size_t part;           /* of the bill's price books */
    UtcMonth month;        /* of the bill's period */
    VerifyPeriod period;   /* in which it is in force */
    int64_t start_us;      /* of the bill's period */
    int64_t watermark;
    size_t most; /* entries in a list; SIZE_MAX: all */
} LineUsage;

/** Is it on the line? */
bool line_usage_wants(const LineUsage *usage, const char *function, const UsageRecord *record);
/** Say that a function has nothing on the line there. Returns false. */
bool line_usage_missing(const LineUsage *usage, const char *function, Err *err);

/** `functions`: function, memory_mb, ephemeral_mb, package, invocations, formula, quantity, those with most first; and
 *  `left_out` {entries, quantity}. `rows`: the month of the account, as it was rated. ERR_NOMEM. */
MUST_CHECK bool explain_functions(const LineUsage *usage, const RatingRows *rows, Json *answer, Err *err);

/** `hours` of a function: hour, memory_mb, …, as above, and rollup_invocations (null: no such row). ERR_NOT_FOUND: none. */
MUST_CHECK bool explain_hours(const LineUsage *usage, const char *function, Json *answer, Err *err);

/** Does the line count capacity, and no invocations? */
bool line_usage_is_capacity(const LineUsage *usage);

/** `segments` (segment, receipt, records) and `invocations` (request_id, attempt, started_at, duration, billed_ms, formula, quantity,
 *  segment, ordinal) of a function in one hour, `quantity` of them all, and `left_out`. ERR_NOT_FOUND: none. */
MUST_CHECK bool
explain_invocations(const LineUsage *usage, const char *function, int64_t hour_us, Json *answer, Err *err);

#endif
