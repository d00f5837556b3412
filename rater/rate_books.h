/**
 * rate_books - the price book of each tenant in a rating run: the one that its contract names, else that of the run
 *
 * Tenants of one account share free tiers and tiers: their contracts must name one book.
 */
#ifndef RATER_RATE_BOOKS_H
#define RATER_RATE_BOOKS_H

#include "rater/rate_month_parts.h"

/** Set `price_book` of every tenant. Members of accounts that cannot be rated get has_period = false, and the report says why. ERR_NOMEM. */
MUST_CHECK bool rate_books_assign(RateMonth *self, Err *err);

/** Step to the next book of the tenants that have the period at hand: sets `book_name` (NULL at first) and `book`. `*more` false: there is none.
 *  Whose book is not there is reported and passed over. */
MUST_CHECK bool rate_books_next(RateMonth *self, bool *more, Err *err);

/** The book that a tenant goes by under a contract (NULL: it has none), in a run by `name`. Borrowed. */
const char *rate_books_name(const RateContract *contract, const char *name);

#endif
