/**
 * rate_parts - one billing period, several books: each part rated by the book that is in force, and joined to one bill
 *
 * Pure. Counters and free tiers go on from part to part (rate_carry.h); doc/price-books.md, "A period with several books", has the
 * rules. With one part it is rate().
 */
#ifndef RATER_RATE_PARTS_H
#define RATER_RATE_PARTS_H

#include "rater/rate.h"

/** A book, and the part [start, end) of a period for which it is in force. */
typedef struct BookPart {
    const PriceBook *book;
    int64_t start_us;
    int64_t end_us;
} BookPart;

/** Rate the rows of one account. `row->part` is the place of its book in `parts` (at least one, in order, without a gap; their books
 *  share a bill). Lines of a tenant come by part; functions and free tiers of several parts are one. The result borrows `parts`
 *  where there are several. Otherwise as rate(). */
MUST_CHECK Rated *rate_parts(const RatingRow *rows, size_t count, const BookPart *parts, size_t part_count,
                             const RateOptions *options, Err *err);

/** May one bill have lines of both: have they one currency and one way of rounding? */
bool books_share_a_bill(const PriceBook *left, const PriceBook *right);

#endif
