/**
 * rate_round - the one rounding of a bill: every line, or the invoice with lines that add up to it
 */
#ifndef RATER_RATE_ROUND_H
#define RATER_RATE_ROUND_H

#include "rater/rate.h"

/** Set `amount` of every line from its `amount_exact`. Lines of one (account, tenant) are one invoice. ERR_NOMEM. */
MUST_CHECK bool rate_round(Rated *rated, const PriceBook *book, Err *err);

#endif
