/**
 * book_calendar - which version of a price book is in force in which hours
 *
 * A name stands for the book that ships under it, and from the hour on that `price-book add` said for the stored one; a path
 * stands for its file, at all times. A book that was read stays read: books are borrowed from the calendar.
 */
#ifndef RATER_BOOK_CALENDAR_H
#define RATER_BOOK_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "rater/rate_parts.h"
#include "schema/db.h"

/** The parts of a period, in order; at least one. */
typedef struct BookParts {
    BookPart *all;
    size_t count;
    size_t capacity;
} BookParts;

typedef struct BookCalendar BookCalendar;

/** An empty calendar that reads from `db` (borrowed). Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK BookCalendar *book_calendar_new(Db *db, Err *err);
void book_calendar_free(BookCalendar **self);

/** What `name_or_path` stands for in [start, end), hours. `out` is empty, and freed with book_parts_free() in any case. ERR_NOT_FOUND: no
 *  such book, or none before the first stored one; ERR_CORRUPT: a stored book is not what was stored; ERR_CONFLICT: two books of
 *  the period have other currencies or ways of rounding, which one bill cannot have. */
MUST_CHECK bool book_calendar_parts(BookCalendar *self, const char *name_or_path, int64_t start_us, int64_t end_us,
                                    BookParts *out, Err *err);
void book_parts_free(BookParts *self);

/** The same as one book, borrowed from the calendar: where several are in force in [start, end), their binding (book_binding.h). NULL: errors
 *  as above. */
MUST_CHECK const PriceBook *
book_calendar_book(BookCalendar *self, const char *name_or_path, int64_t start_us, int64_t end_us, Err *err);

#endif
