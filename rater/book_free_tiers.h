/**
 * book_free_tiers - the part of a price book's file that says what is free
 */
#ifndef RATER_BOOK_FREE_TIERS_H
#define RATER_BOOK_FREE_TIERS_H

#include "rater/book_reader.h"
#include "rater/price_book.h"

/** Read the list `free_tiers` (may be absent) into `book`, whose meters are read. What was read is freed with
 *  book_free_free_tiers(). */
MUST_CHECK bool book_read_free_tiers(const Place *list, PriceBook *book, Err *err);
void book_free_free_tiers(PriceBook *book);

#endif
