/**
 * rate_known - what the database is asked of many tenants at once, before the run settles them
 *
 * What is final already, what earlier invoices used of contracts, and how far seals go. All of it stands in the run's snapshot, and nothing of it
 * changes by what the run writes: each tenant is settled once. Whoever is not asked for is looked up alone where something of him is
 * needed. Once it is read any thread may look at it.
 */
#ifndef RATER_RATE_KNOWN_H
#define RATER_RATE_KNOWN_H

#include "rater/rate_seals.h"
#include "rater/rate_tenants.h"
#include "schema/contract_store.h"
#include "schema/invoice_finals.h"

struct RateMonth;

/** Of the tenants that were asked for. All zero: nobody was. */
typedef struct RateKnown {
    InvoiceFinals finals;
    ContractUsed used; /* by earlier invoices, of those who have a contract */
    RateSeals seals;   /* of those whose invoices become final */
} RateKnown;

/** Begin anew, with tenants of the run's period at hand; memory is kept. */
void rate_known_begin(RateKnown *self, const struct RateMonth *run);
/** Ask for another tenant. ERR_NOMEM. */
MUST_CHECK bool rate_known_want(RateKnown *self, const struct RateMonth *run, const RateTenant *tenant, Err *err);
/** Read, on a connection that sees the run's snapshot. ERR_NOMEM, ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool rate_known_read(RateKnown *self, const struct RateMonth *run, Db *db, Err *err);
/** All three, of these tenants. */
MUST_CHECK bool rate_known_find(RateKnown *self, const struct RateMonth *run, Db *db, const RateTenant *const *tenants,
                                size_t count, Err *err);
void rate_known_free(RateKnown *self);

#endif
