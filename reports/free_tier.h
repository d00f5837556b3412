/**
 * free_tier - how far an account's free tier goes
 *
 * Pure: what was used day by day, the allowance and the time in; out comes when it ran out, or when it will. The forecast goes by weekday
 * where the habit of the week is known, else by a straight line: use so far in the period, divided by the time since its start, goes on.
 */
#ifndef REPORTS_FREE_TIER_H
#define REPORTS_FREE_TIER_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/utc.h"

typedef enum FreeTierOutlook {
    FREE_TIER_RAN_OUT,  /* on day_us */
    FREE_TIER_RUNS_OUT, /* on day_us, if use goes on like this */
    FREE_TIER_LASTS,    /* beyond the end of the period, or the period is over */
    FREE_TIER_UNUSED    /* nothing to forecast from */
} FreeTierOutlook;

typedef struct FreeTierUse {
    mpq_t allowance;
    mpq_t used;              /* by the whole account, at most the allowance */
    const int64_t *days_us;  /* ascending, 00:00 UTC */
    const mpq_t *quantities; /* what was used on each of them of what the free tier covers */
    size_t day_count;
    int64_t start_us, end_us; /* of the billing period */
    const mpq_t
        *week; /* FORECAST_SLOTS of lib/forecast.h: what an hour of each uses by habit; NULL: not known, a line */
} FreeTierUse;

/** `as_of_us`: up to when the use was counted. `*day_us` is set for the first two outlooks: 00:00 UTC of the day. */
FreeTierOutlook free_tier_outlook(const FreeTierUse *use, int64_t as_of_us, int64_t *day_us);

#endif
