/**
 * contract_period - what a contract that is to be given makes of a tenant's billing period, and of its account's
 */
#ifndef RATER_CONTRACT_PERIOD_H
#define RATER_CONTRACT_PERIOD_H

#include "rater/contract.h"
#include "schema/db.h"

/** The tenant's period of the month from which `contract` is to hold: it starts by what holds before. ERR_INPUT: it would end before it
 *  starts, or what holds before cannot be read. */
MUST_CHECK bool contract_first_period(Db *db, const char *tenant, const Contract *contract, UtcMonth from,
                                      BillingPeriod *period, Err *err);

/** Why the account of the tenant cannot be billed in a month, as contracts are now; `reason` stays empty when it can. */
MUST_CHECK bool contract_account_refused(Db *db, const char *tenant, UtcMonth month, Err *reason, Err *err);

#endif
