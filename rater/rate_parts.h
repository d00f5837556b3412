/**
 * rate_parts - one billing period, several books: each part rated by the book that is in force, and joined to one bill
 *
 * Pure. Counters and free tiers go on from part to part (rate_carry.h); doc/price-books.md, "A period with several books", has the
 * rules. With one part it is rate().
 */
#ifndef RATER_RATE_PARTS_H
#define RATER_RATE_PARTS_H

#include "rater/book_binding.h"
#include "rater/rate.h"

/** Rate the rows of one account. `row->part` is the place of its book in `parts` (at least one, in order, without a gap; their books
 *  share a bill). Lines of a tenant come by part; functions and free tiers of several parts are one. The result borrows `parts`
 *  where there are several. Otherwise as rate(). */
MUST_CHECK Rated *rate_parts(const RatingRow *rows, size_t count, const BookPart *parts, size_t part_count,
                             const RateOptions *options, Err *err);

/** The options of one part of a period: those of the whole, bounded by when its book is in force. `carry` is as it was. */
RateOptions rate_part_options(const RateOptions *options, const BookPart *part);

#endif
