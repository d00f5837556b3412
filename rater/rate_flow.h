/**
 * rate_flow - the accounts of a period on their way: one thread reads them, others rate them, the caller settles them in order
 *
 * The reader has a connection of its own that sees what the run's transaction sees, and asks on it what is known of tenants before it reads
 * their usage. Accounts travel in chunks, of which so many are under
 * way and no more: memory does not grow with the number of accounts (one account is never divided). The threads look at the run and
 * change nothing of it.
 */
#ifndef RATER_RATE_FLOW_H
#define RATER_RATE_FLOW_H

#include "rater/rate_account.h"

typedef struct RateFlow RateFlow;

/** Begin with the period at hand. The run's transaction has its snapshot. Caller frees with rate_flow_free(), before anything of the run
 *  changes. NULL: ERR_NOMEM, ERR_BUSY, ERR_DATABASE, ERR_IO (no thread). */
MUST_CHECK RateFlow *rate_flow_start(RateMonth *run, Err *err);
/** Accounts that follow each other, with what is known of their tenants (all borrowed until the next call). */
typedef struct RateAccounts {
    RateAccount *all;
    size_t count;
    const RateKnown *known;
} RateAccounts;

/** The next accounts, in order; none: there are no more. What was given before is gone. Errors of the reader. */
MUST_CHECK bool rate_flow_next(RateFlow *self, RateAccounts *accounts, Err *err);
/** Stop the threads wherever they are, and release. */
void rate_flow_free(RateFlow **self);

#endif
