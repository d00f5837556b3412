/**
 * rate_forecast - the bills of a period that is under way, as they will be if use goes on like this
 *
 * Usage is drawn on to the period's end (lib/forecast.h) and rated by the function that makes every bill: free tiers,
 * tiers, minimums, credits and taxes are those of a whole period. A dry run; no document holds a forecast.
 */
#ifndef RATER_RATE_FORECAST_H
#define RATER_RATE_FORECAST_H

#include "lib/forecast.h"
#include "lib/json.h"
#include "rater/rate_month.h"
#include "rater/usage.h"

/** The row as it will be: every sum. `tallies` (of `tally_count`, may be NULL) are changed in place. */
void rate_forecast_row(const Forecast *forecast, RatingRow *row, UsageSum *tallies, size_t tally_count);

/** Rate the month of a preview as of `at_us` (now), with documents if it asks for them. `report` is empty when no period of the month is under way; freed with rate_report_free()
 *  in any case. Errors of rate_month(). */
MUST_CHECK bool rate_forecast(Db *db, const RateRequest *preview, int64_t at_us, RateReport *report, Err *err);

/** What is forecast for a tenant; NULL: nothing. `*cursor` (from 0) remembers where the last search ended. */
const RateOutcome *rate_forecast_of(const RateReport *report, const char *tenant, size_t *cursor);

/** Add `forecast`: {as_of, methods, tenants: [{tenant, account, currency, total, alert, method, weeks}]}, or null for an empty report; `weeks` goes with
 *  the method `weekday`. */
MUST_CHECK bool rate_forecast_add(Json *object, const RateReport *report, int64_t at_us, Err *err);

#endif
