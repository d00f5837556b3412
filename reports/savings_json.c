#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings.h"
#include "reports/timeline.h"

enum { PERCENT_SCALE = 1, UTILIZATION_SCALE = 2, HOURS_SCALE = 2, RATE_SCALE = 6 };

static const char *const READING_NAMES[SAVINGS_READINGS] = {"instances", "infrastructure", "with_operations"};

static bool
add_amount(Json *object, const char *key, const char *exact_key, const Amount *amount, int scale, Err *err)
{
    return figure_add(object, key, amount->printed, scale, err) &&
           figure_add_exact(object, exact_key, amount->exact, err);
}

static bool
add_optional(Json *object, const char *key, bool present, const mpq_t value, int scale, Err *err)
{
    return present ? figure_add(object, key, value, scale, err) : json_add_text(object, key, NULL, err);
}

static bool
add_items(Json *object, const char *key, const SavingsItem *items, size_t count, int scale, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < count; i++) {
        Json *entry = json_new_object(err);
        bool made = entry != NULL && json_add_text(entry, "what", items[i].item->what, err) &&
                    figure_add_exact(entry, "quantity", items[i].quantity, err) &&
                    json_add_text(entry, "unit", items[i].item->unit, err) &&
                    figure_add_exact(entry, "unit_price", items[i].item->unit_price, err) &&
                    add_amount(entry, "amount", "amount_exact", &items[i].amount, scale, err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, key, array, done, err);
}

static bool
add_saving(Json *object, const SavingsReading *reading, int scale, Err *err)
{
    bool priced = mpq_sgn(reading->alternative.exact) != 0;
    return figure_add(object, "saving", reading->saving, scale, err) &&
           add_optional(object, "saving_percent", priced, reading->saving_percent, PERCENT_SCALE, err) &&
           json_add_text(object, "cheaper", savings_side_name(reading->cheaper), err);
}

static bool
add_readings(Json *object, const SavingsComparison *comparison, int scale, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < SAVINGS_READINGS; i++) {
        const SavingsReading *reading = &comparison->readings[i];
        Json *entry = json_new_object(err);
        bool made = entry != NULL && json_add_text(entry, "reading", READING_NAMES[i], err) &&
                    figure_add(entry, "serverless", reading->serverless.printed, scale, err) &&
                    figure_add(entry, "alternative", reading->alternative.printed, scale, err) &&
                    add_saving(entry, reading, scale, err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, "readings", array, done, err);
}

/* The same over the alternative's months. */
static bool
add_horizon(Json *object, const SavingsComparison *comparison, int scale, Err *err)
{
    Json *entry = json_new_object(err);
    mpq_t saving;
    mpq_init(saving);
    mpq_sub(saving, comparison->horizon_alternative, comparison->horizon_serverless);
    bool made = entry != NULL && json_add_int(entry, "months", comparison->alternative->months, err) &&
                figure_add(entry, "serverless", comparison->horizon_serverless, scale, err) &&
                figure_add(entry, "alternative", comparison->horizon_alternative, scale, err) &&
                figure_add(entry, "saving", saving, scale, err);
    mpq_clear(saving);
    return json_adopt(object, "horizon", entry, made, err);
}

/* Hours in which the instances would have been too small; null when it is not known what ran at a time. */
static bool
add_small_hours(Json *object, const SavingsReport *self, const SavingsComparison *comparison, Err *err)
{
    if (!comparison->has_small_hours)
        return json_add_text(object, "hours_too_small", NULL, err);
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < comparison->small_hour_count; i++) {
        char time[UTC_TEXT_BYTES];
        utc_format(self->timeline->start_us + (int64_t) comparison->small_hours[i] * UTC_HOUR_US, time);
        Json *hour = json_object_new_string(time);
        done = json_adopt_item(array, hour, hour != NULL || err_set(err, ERR_NOMEM, "no memory for JSON"), err);
    }
    return json_adopt(object, "hours_too_small", array, done, err);
}

static bool
add_comparison(Json *array, const SavingsReport *self, const SavingsComparison *comparison, int scale, Err *err)
{
    const SavingsReading *reading = savings_reading(comparison);
    bool busy = comparison->has_utilization;
    Json *entry = json_new_object(err);
    bool made =
        entry != NULL && json_add_text(entry, "name", comparison->alternative->name, err) &&
        add_items(entry, "items", comparison->items, comparison->item_count, scale, err) &&
        add_amount(entry, "total", "total_exact", &reading->alternative, scale, err) &&
        add_saving(entry, reading, scale, err) &&
        add_optional(entry, "utilization_percent", busy, comparison->utilization_percent, UTILIZATION_SCALE, err) &&
        add_optional(entry, "idle_hours", busy, comparison->idle_hours, HOURS_SCALE, err) &&
        add_optional(entry, "idle_amount", busy, comparison->idle_amount, scale, err) &&
        add_optional(entry, "break_even_requests_per_second", comparison->has_break_even, comparison->break_even,
                     RATE_SCALE, err) &&
        add_readings(entry, comparison, scale, err) && add_horizon(entry, comparison, scale, err) &&
        add_small_hours(entry, self, comparison, err);
    return json_adopt_item(array, entry, made, err);
}

static bool
add_serverless(Json *object, const SavingsReport *self, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add(entry, "lines", json_object_get(self->lines), err) &&
                add_items(entry, "extras", self->extras, self->extra_count, self->currency_scale, err) &&
                add_amount(entry, "total", "total_exact", &self->total, self->currency_scale, err);
    return json_adopt(object, "serverless", entry, made, err);
}

static bool
add_alternatives(Json *object, const SavingsReport *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < self->comparison_count; i++)
        done = add_comparison(array, self, &self->comparisons[i], self->currency_scale, err);
    return json_adopt(object, "alternatives", array, done, err);
}

static bool
add_concurrency(Json *object, const SavingsReport *self, Err *err)
{
    Json *entry = json_new_object(err);
    const ConcurrencyReport *timeline = self->timeline;
    bool made = entry != NULL &&
                (timeline == NULL ? json_add_text(entry, "peak", NULL, err)
                                  : json_add_int(entry, "peak", timeline->peak.value, err)) &&
                add_optional(entry, "mean", self->has_usage, self->concurrency_mean, RATE_SCALE, err) &&
                (timeline == NULL || timeline_json(timeline, entry, err));
    return json_adopt(object, "concurrency", entry, made, err);
}

static bool
add_reasons(Json *object, const SavingsVerdict *verdict, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < verdict->reason_count; i++) {
        Json *text = json_object_new_string(verdict->reasons[i]);
        done = json_adopt_item(array, text, text != NULL || err_set(err, ERR_NOMEM, "no memory for JSON"), err);
    }
    return json_adopt(object, "reasons", array, done, err);
}

static bool
add_verdicts(Json *object, const SavingsReport *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < self->verdict_count; i++) {
        Json *entry = json_new_object(err);
        bool made = entry != NULL && json_add_text(entry, "function", self->verdicts[i].function, err) &&
                    json_add_text(entry, "verdict", savings_side_name(self->verdicts[i].side), err) &&
                    add_reasons(entry, &self->verdicts[i], err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, "verdicts", array, done, err);
}

Json *
savings_json(const SavingsReport *self, Err *err)
{
    char period[UTC_TEXT_BYTES];
    Json *root = json_new_object(err);
    if (root == NULL)
        return NULL;
    if (json_add_text(root, "currency", self->currency, err) &&
        json_add_text(root, "period", utc_month_format(self->month, period), err) && add_serverless(root, self, err) &&
        add_alternatives(root, self, err) && add_concurrency(root, self, err) && add_verdicts(root, self, err))
        return root;
    json_object_put(root);
    return NULL;
}
