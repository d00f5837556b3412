/**
 * book_basis - the part of a price book that says how one invocation counts: `duration`, `memory`, `clock`, `capacity`
 * and `initialization`
 */
#ifndef RATER_BOOK_BASIS_H
#define RATER_BOOK_BASIS_H

#include "rater/book_reader.h"
#include "rater/price_book.h"

/** Read all of it from the book's root. What was read is in `book` and freed with it. */
MUST_CHECK bool book_read_basis(const Place *root, PriceBook *book, Err *err);

/** "2025-08-01" (the start of that day, UTC) or an RFC 3339 time; absent: `*time_us` is INT64_MIN. */
MUST_CHECK bool book_read_date(const Place *place, int64_t *time_us, Err *err);

#endif
