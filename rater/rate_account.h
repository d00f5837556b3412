/**
 * rate_account - one account on its way through a rating run: rated, and its documents made, where that needs no database
 */
#ifndef RATER_RATE_ACCOUNT_H
#define RATER_RATE_ACCOUNT_H

#include "rater/rate_draft.h"
#include "rater/rate_month_parts.h"

typedef struct RateAccount {
    const RatingRow *rows; /* borrowed; at least one */
    size_t count;
    bool is_rated;     /* false: whoever settles it does it */
    Rated *rated;      /* NULL: it could not be, see `reason` */
    Err *reason;       /* NULL: none */
    RateDraft *drafts; /* one for each tenant, in the order of rated_next_tenant(); NULL: none were made */
    size_t draft_count;
} RateAccount;

/** Rate it, and make documents (`drafts`) of those that are `known`. That it cannot be rated is no error. ERR_NOMEM. */
MUST_CHECK bool
rate_account_make(RateAccount *self, const RateMonth *run, const RateKnown *known, bool drafts, Err *err);
/** Release what was made. */
void rate_account_clear(RateAccount *self);

#endif
