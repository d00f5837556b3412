/**
 * usage - the rows that are rated: sums of invocations of one function configuration
 *
 * A row comes from rollups (a month of one configuration) or from a quote. It holds facts: counts and sums of
 * durations, each rounded up per invocation as its name says. Rows own their texts. Not thread-safe.
 */
#ifndef RATER_USAGE_H
#define RATER_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

/** Sums never overflow: 10^18 invocations of 24 hours each are 10^26 ms. */
typedef unsigned __int128 UsageSum;

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

/** Add a copy of `row` with copies of `names` as its texts (those of `row` are not looked at). ERR_NOMEM leaves the set as
 *  it was. */
MUST_CHECK bool rating_rows_add(RatingRows *self, const RatingNames *names, const RatingRow *row, Err *err);

/** Forget all rows and texts, keep the memory of the row array. */
void rating_rows_clear(RatingRows *self);

size_t rating_rows_count(const RatingRows *self);
/** The rows, in the order added; borrowed until the next change. */
const RatingRow *rating_rows_all(const RatingRows *self);

/** Put every row under one account. */
MUST_CHECK bool rating_rows_set_account(RatingRows *self, const char *account, Err *err);

/** Round a duration of one invocation up to whole milliseconds of a granularity (1 or 100). */
int64_t usage_round_up_ms(int64_t duration_us, int64_t granularity_ms);

#endif
