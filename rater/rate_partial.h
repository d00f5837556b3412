/**
 * rate_partial - parts of a billing period: with service, and with a price book in force
 *
 * Pure. doc/price-books.md, "Partial months", has the rules. Every part is exact, from 0 to 1; `out` is initialised by the caller.
 */
#ifndef RATER_RATE_PARTIAL_H
#define RATER_RATE_PARTIAL_H

#include <gmp.h>

#include "rater/rate.h"

/** First instant behind the period, µs since 1970. */
int64_t rate_period_end_us(const RateOptions *self);

/** The part of the period in which the account's service was, by a rule of the book; 1 for a whole one. */
void rate_period_part(const RateOptions *self, PartialMonth rule, mpq_t out);
/** The same of a flat fee, within the time for which the book is in force. */
void rate_fee_part(const RateOptions *self, PartialMonth rule, mpq_t out);
/** The part of the period for which the book is in force, 1 where it is in force for all of it. */
void rate_book_part(const RateOptions *self, mpq_t out);

#endif
