/**
 * rate_month_parts - what the files of a rating run share: the run that is under way
 */
#ifndef RATER_RATE_MONTH_PARTS_H
#define RATER_RATE_MONTH_PARTS_H

#include "rater/adjust_rating.h"
#include "rater/rate_contracts.h"
#include "rater/rate_month.h"
#include "rater/rate_tenants.h"
#include "rater/usage.h"

typedef struct RateMonth {
    Db *db; /* in the snapshot's transaction */
    const RateRequest *request;
    RateReport *report;
    RateTenants tenants;
    bool *seen; /* of each tenant: it has usage */
    RateContracts contracts;
    AdjustMembers members; /* of the earlier period that is looked at */
    AdjustBases changed;   /* earlier final periods of which something changed */
    RatingRows *rows;
    int64_t start_us;
    int64_t end_us;
    int64_t watermark;
    int64_t run_id; /* 0: not recorded yet */
} RateMonth;

#endif
