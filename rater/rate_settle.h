/**
 * rate_settle - one account of a rating run: rated as a whole, and every tenant of it settled or none
 */
#ifndef RATER_RATE_SETTLE_H
#define RATER_RATE_SETTLE_H

#include "rater/rate_flow.h"
#include "rater/rate_month_parts.h"

/** Rate one account, unless that is done, and settle its tenants that were asked for. An account that cannot be billed is
 *  a skip in the report, no error. Errors as of rate_write_tenant(). */
MUST_CHECK bool rate_settle_account(RateMonth *self, const RateAccount *account, Err *err);

/** Settle a tenant without usage whose contract may bill something all the same. */
MUST_CHECK bool
rate_settle_unused(RateMonth *self, const RateTenant *tenant, const RateContract *contract, bool billed, Err *err);

#endif
