/**
 * quote_compare - the same usage by several price books, side by side, as a table for people
 *
 * A row for each sku in the order of the books, a column for each book, the totals, and what each differs from the first.
 */
#ifndef RATER_QUOTE_COMPARE_H
#define RATER_QUOTE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/err.h"
#include "rater/rate.h"

/** A book and what it makes of the usage (both borrowed). */
typedef struct QuoteSide {
    const PriceBook *book;
    const Rated *rated;
} QuoteSide;

/** Print the table. Amounts of different currencies stand beside one another, without differences. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool quote_compare_print(FILE *out, const QuoteSide *sides, size_t count, Err *err);

#endif
