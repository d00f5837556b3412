/**
 * alert_forecast - alerts on what periods that are under way are forecast to come to
 *
 * Off unless the setting alert_forecast_percent names percentages. The month is rated as forecast (rate_forecast.h), and what its documents say of
 * contracts' limits and of free tiers is raised once, beside the alerts on use.
 */
#ifndef RATER_ALERT_FORECAST_H
#define RATER_ALERT_FORECAST_H

#include "rater/rate_month.h"
#include "schema/db_array.h"

/** As alerts_raise(), after the previews of `preview` were made. Errors of rate_month() too. */
MUST_CHECK bool
alert_forecasts_raise(Db *db, const Config *config, const RateRequest *preview, DbArray *raised, Err *err);

#endif
