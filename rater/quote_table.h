/**
 * quote_table - a rated result as a table for people
 */
#ifndef RATER_QUOTE_TABLE_H
#define RATER_QUOTE_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "rater/rate.h"

/** Print one table of lines with its total. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool
quote_table_print(FILE *out, const Rated *rated, const PriceBook *book, UtcMonth month, bool free_tier, Err *err);

#endif
