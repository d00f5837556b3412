/**
 * savings_break_even - the load at which functions and an alternative cost the same
 *
 * The serverless cost at k times the load is a sum of terms max(0, k x quantity - free) x unit price, one for each line,
 * plus what grows with requests, plus what does not. It is convex, so that the one k is found exactly. What is left of a
 * free tier is shared among the lines that it covers in proportion to their quantities.
 */
#ifndef REPORTS_SAVINGS_BREAK_EVEN_H
#define REPORTS_SAVINGS_BREAK_EVEN_H

#include "reports/savings.h"

/** Fill comparison->break_even, has_break_even, rate_now and curve from its complete reading. ERR_NOMEM, ERR_INPUT (a line without its
 *  figures). */
MUST_CHECK bool savings_break_even(const SavingsReport *report, SavingsComparison *comparison, Err *err);

#endif
