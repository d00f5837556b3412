/**
 * rate_month_parts - what the files of a rating run share: the run that is under way
 */
#ifndef RATER_RATE_MONTH_PARTS_H
#define RATER_RATE_MONTH_PARTS_H

#include <string.h>

#include "rater/adjust_rating.h"
#include "rater/rate.h"
#include "rater/rate_contracts.h"
#include "rater/rate_known.h"
#include "rater/rate_month.h"
#include "rater/rate_periods.h"
#include "rater/rate_tenants.h"
#include "rater/usage.h"
#include "schema/invoice_batch.h"

typedef struct RateMonth {
    Db *db; /* in the snapshot's transaction */
    const RateRequest *request;
    RateReport *report;
    RateTenants tenants;
    bool *seen; /* of each tenant: it has usage */
    RateContracts contracts;
    AdjustMembers members; /* of the earlier period that is looked at */
    AdjustBases changed;   /* earlier final periods of which something changed */
    RatePeriods periods;   /* that the tenants have: they are rated one after the other */
    int64_t watermark;
    BillingPeriod period;  /* the one at hand: that of the tenants of rate_is_at_hand() */
    const char *book_name; /* the one at hand, among those of the tenants with this period */
    const PriceBook *book;
    RatingRows *rows;
    const RateKnown *known; /* of the tenants that are settled now; borrowed */
    RateKnown alone;        /* of those that no other thread asked for */
    InvoiceBatch batch;     /* invoices on their way to the database */
    int64_t next_number;    /* of the next final invoice; 0: not asked yet */
    int64_t run_id;         /* of this period and book; 0: not recorded yet */
} RateMonth;

/** How an account of the period at hand is rated. */
static inline RateOptions
rate_month_options(const RateMonth *self, const RateTenant *tenant)
{
    return rate_options_of(tenant, self->period.start_us, self->period.end_us, self->request->free_tier);
}

/** Has this tenant the period at hand? */
static inline bool
rate_has_period(const RateMonth *self, const RateTenant *tenant)
{
    return tenant->has_period && tenant->period.start_us == self->period.start_us &&
           tenant->period.end_us == self->period.end_us;
}

/** … and the price book at hand? Before there is one: the period is enough. */
static inline bool
rate_is_at_hand(const RateMonth *self, const RateTenant *tenant)
{
    return rate_has_period(self, tenant) &&
           (self->book_name == NULL || strcmp(tenant->price_book, self->book_name) == 0);
}

#endif
