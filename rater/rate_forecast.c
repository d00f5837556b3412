#include "rater/rate_forecast.h"

#include <string.h>

#include "schema/alert_store.h"

void
rate_forecast_row(const Forecast *forecast, RatingRow *row, UsageSum *tallies, size_t tally_count)
{
    UsageSum *const sums[] = {&row->invocations,    &row->errors,           &row->timeouts,        &row->duration_1ms,
                              &row->duration_100ms, &row->with_init_1ms,    &row->with_init_100ms, &row->cpu_us,
                              &row->streamed_bytes, &row->capacity_records, &row->capacity_1s,     &row->capacity_300s};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        *sums[i] = forecast_sum(forecast, *sums[i]);
    for (size_t i = 0; tallies != NULL && i < tally_count; i++)
        tallies[i] = forecast_sum(forecast, tallies[i]);
}

bool
rate_forecast(Db *db, const RateRequest *preview, int64_t at_us, RateReport *report, Err *err)
{
    bool open = false;
    RateRequest request = *preview;
    request.dry_run = true;
    request.forecast_at_us = at_us;
    *report = (RateReport){0};
    return alert_month_is_open(db, preview->month, &open, err) &&
           (!open || rate_month(db, NULL, &request, report, err) || err_prefix(err, "forecast: "));
}

const RateOutcome *
rate_forecast_of(const RateReport *report, const char *tenant, size_t *cursor)
{
    for (size_t step = 0; step < report->outcome_count; step++) {
        const size_t at = (*cursor + step) % report->outcome_count;
        if (report->outcomes[at].is_credit_note || strcmp(report->outcomes[at].tenant, tenant) != 0)
            continue;
        *cursor = at + 1;
        return &report->outcomes[at];
    }
    return NULL;
}

static bool
add_tenant(Json *array, const RateOutcome *outcome, Err *err)
{
    Json *entry = json_new_object(err);
    return entry != NULL && json_append(array, entry, err) && json_add_text(entry, "tenant", outcome->tenant, err) &&
           json_add_text(entry, "account", outcome->account, err) &&
           json_add_text(entry, "currency", outcome->currency, err) &&
           json_add_text(entry, "total", outcome->total, err) && json_add_text(entry, "alert", outcome->alert, err) &&
           json_add_text(entry, "method", outcome->habit_weeks > 0 ? "weekday" : "line", err) &&
           (outcome->habit_weeks == 0 || json_add_int(entry, "weeks", outcome->habit_weeks, err));
}

static bool
add_methods(Json *forecast, Err *err)
{
    Json *methods = json_new_object(err);
    return methods != NULL && json_add(forecast, "methods", methods, err) &&
           json_add_text(methods, "weekday", FORECAST_METHOD_WEEKDAY, err) &&
           json_add_text(methods, "line", FORECAST_METHOD_LINE, err);
}

bool
rate_forecast_add(Json *object, const RateReport *report, int64_t at_us, Err *err)
{
    char as_of[UTC_TEXT_BYTES];
    if (report->outcome_count == 0)
        return json_add_text(object, "forecast", NULL, err);
    Json *forecast = json_new_object(err);
    bool done = forecast != NULL && json_add(object, "forecast", forecast, err) &&
                json_add_text(forecast, "as_of", utc_format(at_us, as_of), err) && add_methods(forecast, err);
    Json *tenants = done ? json_new_array(err) : NULL;
    done = tenants != NULL && json_add(forecast, "tenants", tenants, err);
    for (size_t i = 0; done && i < report->outcome_count; i++)
        done = report->outcomes[i].is_credit_note || add_tenant(tenants, &report->outcomes[i], err);
    return done;
}
