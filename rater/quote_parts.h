/**
 * quote_parts - the books of a quote whose book changes inside the period
 */
#ifndef RATER_QUOTE_PARTS_H
#define RATER_QUOTE_PARTS_H

#include "lib/options.h"
#include "rater/rate_parts.h"

typedef struct QuoteParts {
    PriceBook *books[OPTION_LIST_MAX + 1];
    BookPart all[OPTION_LIST_MAX + 1];
    size_t count;
} QuoteParts;

/** `book` from the start of the period, and each of `changes` ("2026-11-16=FILE|NAME") from its instant on. Freed with
 *  quote_parts_free() in any case. ERR_USAGE: a change that is no such text, not on a full hour, not in the period or not after the
 *  one before; ERR_CONFLICT: books that cannot share a bill; and as price_book_find(). */
MUST_CHECK bool quote_parts_open(QuoteParts *self, const char *book, const OptionList *changes, int64_t start_us,
                                 int64_t end_us, Err *err);
void quote_parts_free(QuoteParts *self);

/** Say of each row in which part its hour is; a row without a time is in the first. */
void quote_parts_place(const QuoteParts *self, RatingRows *rows);

#endif
