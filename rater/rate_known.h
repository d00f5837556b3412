/**
 * rate_known - what the database is asked of many tenants at once, before the run settles them
 *
 * What is final already, what earlier invoices used of contracts, and how far seals go. All of it stands in the run's snapshot, and nothing
 * that is asked changes until the next question. Whoever is not asked for is looked up alone where something of him is needed.
 */
#ifndef RATER_RATE_KNOWN_H
#define RATER_RATE_KNOWN_H

#include "rater/rate_flow.h"
#include "rater/rate_month_parts.h"

/** Of the tenants of these accounts. ERR_NOMEM, ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool rate_known_find(RateMonth *self, const RateAccount *accounts, size_t count, Err *err);
/** Of these tenants, whose period is the one at hand. */
MUST_CHECK bool rate_known_find_tenants(RateMonth *self, const RateTenant *const *tenants, size_t count, Err *err);
/** Nobody was asked for; memory is kept. */
void rate_known_forget(RateMonth *self);
void rate_known_free(RateMonth *self);

#endif
