/**
 * rate_book - the price book that a month is rated by
 */
#ifndef RATER_RATE_BOOK_H
#define RATER_RATE_BOOK_H

#include "lib/err.h"
#include "lib/utc.h"
#include "rater/book_calendar.h"
#include "rater/period.h"

/** What `name_or_path` stands for in the hours of the month, borrowed from the calendar; where it changes inside the month, the binding of its
 *  books. NULL: errors as of book_calendar_parts(). */
MUST_CHECK const PriceBook *rate_book(BookCalendar *calendar, const char *name_or_path, UtcMonth month, Err *err);
/** The same for the hours of a billing period. */
MUST_CHECK const PriceBook *
rate_book_of(BookCalendar *calendar, const char *name_or_path, const BillingPeriod *period, Err *err);

#endif
