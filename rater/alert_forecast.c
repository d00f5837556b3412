#include "rater/alert_forecast.h"

#include "rater/alert.h"
#include "rater/rate_forecast.h"

/* What alerts look at, of one document. */
static bool
add_document(Json *array, const RateOutcome *outcome, Err *err)
{
    static const char *const HEAD[][2] = {{"tenant", "tenant"}, {"start", "period_start"}, {"end", "period_end"}};
    static const char *const KEYS[] = {"currency", "spending_limit", "statement", "free_tiers"};
    Json *head = json_member(outcome->document, "invoice");
    Json *contract = json_member(outcome->document, "contract");
    Json *entry = json_new_object(err);
    bool done = entry != NULL && json_append(array, entry, err);
    for (size_t i = 0; done && i < sizeof HEAD / sizeof HEAD[0]; i++)
        done = json_add(entry, HEAD[i][0], json_object_get(json_member(head, HEAD[i][1])), err);
    for (size_t i = 0; done && i < sizeof KEYS / sizeof KEYS[0]; i++) {
        Json *value = json_member(outcome->document, KEYS[i]);
        done = value == NULL || json_add(entry, KEYS[i], json_object_get(value), err);
    }
    return done &&
           (contract == NULL || json_add(entry, "contract", json_object_get(json_member(contract, "sha256")), err));
}

static bool
raise_report(Db *db, const Config *config, const RateReport *report, const AlertPercents *percents, DbArray *raised,
             Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < report->outcome_count; i++)
        done = report->outcomes[i].document == NULL || report->outcomes[i].is_credit_note ||
               add_document(array, &report->outcomes[i], err);
    if (done) {
        const AlertForecasts forecasts = {text_of(json_object_to_json_string(array)), report->receipt_watermark,
                                          percents};
        done = alerts_raise_forecasts(db, config, &forecasts, raised, err);
    }
    json_object_put(array);
    return done;
}

bool
alert_forecasts_raise(Db *db, const Config *config, const RateRequest *preview, DbArray *raised, Err *err)
{
    AlertPercents percents;
    RateReport report = {0};
    RateRequest request = *preview;
    request.documents = true;
    bool done = alert_percents_parse("alert_forecast_percent", config->alert_forecast_percent, &percents, err);
    if (done && percents.count > 0)
        done = rate_forecast(db, &request, utc_now_us(), &report, err) &&
               (report.outcome_count == 0 || raise_report(db, config, &report, &percents, raised, err));
    rate_report_free(&report);
    alert_percents_clear(&percents);
    return done;
}
