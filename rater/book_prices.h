/**
 * book_prices - the part of a price book's file that says what units cost: `meters`, their `prices` and `tiers`
 */
#ifndef RATER_BOOK_PRICES_H
#define RATER_BOOK_PRICES_H

#include "rater/book_reader.h"
#include "rater/price_book.h"

extern const char *const ARCHITECTURE_NAMES[]; /* in the order of UsageArchitecture, NULL at the end */
extern const char *const MODE_NAMES[];
extern const char *const PACKAGE_NAMES[];

/** Read the list `meters` into `book`. On failure what was read is in `book` and freed with it. */
MUST_CHECK bool book_read_meters(const Place *meters, PriceBook *book, Err *err);

void book_free_meters(PriceBook *book);

#endif
