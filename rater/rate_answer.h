/**
 * rate_answer - what `millibill rate` says of a run: warnings, and its result as text or as JSON
 */
#ifndef RATER_RATE_ANSWER_H
#define RATER_RATE_ANSWER_H

#include "rater/price_book.h"
#include "rater/rate_month.h"
#include "rater/unbilled.h"

/** A run and what was found out beside it (all borrowed). */
typedef struct RateAnswer {
    const RateReport *report;
    const RateReport *forecast; /* empty: none */
    const Unbilled *unbilled;   /* of earlier months; of a run for everybody that writes */
    const PriceBook *book;      /* by whose currency and rounding the sum is */
    const char *month_text;
    UtcMonth month;
    int64_t now_us;
    bool final;
    bool dry_run;
    bool for_all; /* no tenant was named */
} RateAnswer;

/** What is to be looked at, on standard error. */
void rate_answer_warn(const RateAnswer *self);
/** The result on standard output. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool rate_answer_text(const RateAnswer *self, Err *err);
MUST_CHECK bool rate_answer_json(const RateAnswer *self, Err *err);

#endif
