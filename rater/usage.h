/**
 * usage - the rows that are rated: sums of invocations of one function configuration
 *
 * A row comes from rollups (a month of one configuration), from segments or from a quote. It holds facts: counts and sums
 * of durations, each rounded up per invocation as its name says. A set of rows owns their texts. Not thread-safe.
 */
#ifndef RATER_USAGE_H
#define RATER_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

/** Sums never overflow: 10^18 invocations of 24 hours each are 10^26 ms. */
typedef unsigned __int128 UsageSum;

/** What each invocation of a row was like, where that is known: quotes know it, hourly sums do not. */
typedef struct UsageFacts {
    int64_t duration_us;
    int64_t init_us;            /* 0: none */
    int64_t cpu_us;             /* 0: none, or not said */
    int64_t max_memory_used_mb; /* or USAGE_ABSENT */
    int64_t response_bytes;     /* 0: none, or not said */
    bool streamed;
    int64_t capacity_units; /* above 0: no invocation, units kept ready for ready_us */
    int64_t ready_us;
} UsageFacts;

typedef struct RatingRow {
    const char *account; /* tenants of one account share free tiers and tier ladders */
    const char *tenant;
    const char *function;
    const char *region; /* "": the book's default region */
    UsageArchitecture architecture;
    UsageMode mode;
    UsagePackage package;
    int64_t memory_mb;
    int64_t ephemeral_mb;
    int64_t number; /* row or line in the source, for messages; 0: none */
    UsageSum invocations;
    UsageSum errors;
    UsageSum timeouts;
    UsageSum duration_1ms;   /* sums in milliseconds, each duration rounded up to 1 ms */
    UsageSum duration_100ms; /* … to 100 ms */
    UsageSum with_init_1ms;  /* duration + initialization, the sum of both rounded up once */
    UsageSum with_init_100ms;
    UsageSum cpu_us;
    UsageSum streamed_bytes; /* above 6 MB of each streamed response */
    UsageSum capacity_records;
    UsageSum capacity_1s;   /* units x seconds that they were ready, each record's time rounded up to 1 s */
    UsageSum capacity_300s; /* … to 300 s */
    size_t part;            /* which of several books was in force: see rate_parts.h; 0 with one */
    int64_t hour_us;        /* when the usage was, for free tiers in usage order; 0: not known, before all */
    /* Where hourly sums do not do for a book. The first of them that is set is what counts; both unset: the sums above. */
    const UsageSum *tallies; /* of one book, book->tally_count: see tally.h; borrowed */
    const UsageFacts *each;  /* borrowed from the set of rows */
} RatingRow;

typedef struct RatingRows RatingRows;

/** An empty set; caller frees. NULL: ERR_NOMEM. */
MUST_CHECK RatingRows *rating_rows_new(Err *err);
void rating_rows_free(RatingRows **self);

/** The texts of a row, borrowed. */
typedef struct RatingNames {
    Text account;
    Text tenant;
    Text function;
    Text region;
} RatingNames;

/** Add a copy of `row` with copies of `names` as its texts (those of `row` are not looked at) and of what `row->each` points
 *  to; `row->tallies` stays the caller's. ERR_NOMEM leaves the set as it was. */
MUST_CHECK bool rating_rows_add(RatingRows *self, const RatingNames *names, const RatingRow *row, Err *err);

/** A copy of the tallies of one row that lives as long as the set's rows. NULL: ERR_NOMEM. */
MUST_CHECK const UsageSum *rating_rows_keep(RatingRows *self, const UsageSum *tallies, size_t count, Err *err);

/** Forget all rows and texts, keep the memory of the row array. */
void rating_rows_clear(RatingRows *self);

size_t rating_rows_count(const RatingRows *self);
/** The rows, in the order added; borrowed until the next change. */
const RatingRow *rating_rows_all(const RatingRows *self);

/** Put every row under one account. */
MUST_CHECK bool rating_rows_set_account(RatingRows *self, const char *account, Err *err);

/** Set `part` of the rows from `first` on. */
void rating_rows_set_part(RatingRows *self, size_t first, size_t part);

/** Bring rows that were added part by part into the order of accounts and tenants, each tenant's by part. */
void rating_rows_sort(RatingRows *self);

/** Set `part` of every row to the number of `changes_us` (ascending) that are not after its hour. */
void rating_rows_place(RatingRows *self, const int64_t *changes_us, size_t count);

/** Round a duration of one invocation up to whole milliseconds of a granularity. */
int64_t usage_round_up_ms(int64_t duration_us, int64_t granularity_ms);

#endif
