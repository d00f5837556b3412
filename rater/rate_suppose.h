/**
 * rate_suppose - usage as it would be on another architecture, or with other memory sizes
 *
 * For a dry run that asks what would be: the same invocations with the same run times, as other rows. Read from JSON:
 *   {"any_book": true,                 rate by the book of the run also where a contract names another
 *    "architecture": "arm64",          of every function
 *    "memory": [{"tenant": "acme", "function": "resize", "memory_mb": 1024, "as_mb": 256}]}
 */
#ifndef RATER_RATE_SUPPOSE_H
#define RATER_RATE_SUPPOSE_H

#include "rater/usage.h"

enum { SUPPOSE_BYTES_MAX = 64 << 20 };

typedef struct RateSuppose RateSuppose;

/** Read a file ("-": standard input). Caller frees. NULL: ERR_IO, ERR_INPUT, ERR_NOMEM. */
MUST_CHECK RateSuppose *rate_suppose_open(const char *path, Err *err);
void rate_suppose_free(RateSuppose **self);

bool rate_suppose_any_book(const RateSuppose *self);

/** The row as it would be. */
void rate_suppose_change(const RateSuppose *self, const RatingNames *names, RatingRow *row);

#endif
