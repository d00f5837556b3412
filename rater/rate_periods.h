/**
 * rate_periods - the billing period of each tenant in a month, and who can be rated together
 *
 * A month's period starts where the one before ends: at the regular start under the contract of the month before. It ends at the
 * regular start of the next month under the month's own contract (doc/contracts.md, "Billing periods"). Tenants of one account share
 * free tiers and tiers over one span of time: an account whose members' periods differ is refused.
 */
#ifndef RATER_RATE_PERIODS_H
#define RATER_RATE_PERIODS_H

#include "rater/rate_contracts.h"
#include "rater/rate_tenants.h"

/** An account that has no period to be rated over. */
typedef struct RefusedAccount {
    char *account;
    Err reason;
} RefusedAccount;

/** The periods that occur, each once, in the order of their starts and ends; no tenants: the UTC month alone. */
typedef struct RatePeriods {
    BillingPeriod *all;
    size_t count, capacity;
    RefusedAccount *refused;
    size_t refused_count, refused_capacity;
} RatePeriods;

/** Set the period of every tenant, by `contracts`: those of tenants->month. Members of refused accounts get has_period = false. Freed with
 *  rate_periods_free() in any case. ERR_NOMEM, ERR_DATABASE, ERR_BUSY. */
MUST_CHECK bool
rate_periods_find(RatePeriods *self, RateTenants *tenants, const RateContracts *contracts, Db *db, Err *err);
void rate_periods_free(RatePeriods *self);

/** In whole hours, from the first to the last of the UTC month and the periods of tenants (of `tenant` alone when that is not NULL). */
void rate_periods_hull(const RateTenants *tenants, const RateTenant *tenant, int64_t *start_us, int64_t *end_us);

/** Is it over? Its evidence is, with its last UTC hour: not before can it be sealed. */
bool rate_period_is_over(const BillingPeriod *period, int64_t now_us);

/** From the first start to the last end of those that are over; false: none is, and `end_us` is when the first will be. */
bool rate_periods_span(const RatePeriods *self, int64_t now_us, int64_t *start_us, int64_t *end_us);
/** Say of a month that no period of it is over before `end_us`. Returns false: ERR_CONFLICT. */
bool rate_periods_not_over(UtcMonth month, int64_t end_us, Err *err);

/** The same with the contracts in force, for who needs the tenants' periods alone: accounts are not looked at. */
MUST_CHECK bool rate_periods_set(RateTenants *tenants, Db *db, Err *err);
/** Both: periods and groups by the contracts in force. */
MUST_CHECK bool rate_periods_read(RatePeriods *self, RateTenants *tenants, Db *db, Err *err);

#endif
