/**
 * explain_again - a bill that was rated again, to tell how one of its lines came about
 */
#ifndef RATER_EXPLAIN_AGAIN_H
#define RATER_EXPLAIN_AGAIN_H

#include "rater/rate.h"

/** What a line is explained from; all borrowed. */
typedef struct ExplainAgain {
    const Rated *rated; /* of the whole account */
    const RatingRow *rows;
    size_t row_count;
    const PriceBook *book;      /* that prices the line */
    const RateOptions *options; /* of the line's part of the period: see rate_part_options() */
} ExplainAgain;

#endif
