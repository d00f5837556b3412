#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings.h"
#include "reports/timeline.h"

enum { PERCENT_SCALE = 1, UTILIZATION_SCALE = 2, HOURS_SCALE = 2 };

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
add_rate(Json *object, const char *key, bool present, const mpq_t value, Err *err)
{
    return present ? figure_add_rate(object, key, value, err) : json_add_text(object, key, NULL, err);
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
add_texts(Json *object, const char *key, const Said *texts, size_t count, const Words *words, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    Buffer said = {0};
    for (size_t i = 0; done && i < count; i++) {
        buffer_clear(&said);
        done = said_append(&texts[i], words, &said, err);
        Json *text = done ? json_object_new_string_len(said.data, (int) said.length) : NULL;
        done = json_adopt_item(array, text, text != NULL || err_set(err, ERR_NOMEM, "no memory for JSON"), err);
    }
    buffer_free(&said);
    return json_adopt(object, key, array, done, err);
}

static bool
add_range(Json *object, const SavingsRange *range, int scale, const Words *words, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && figure_add(entry, "serverless_low", range->serverless_low, scale, err) &&
                figure_add(entry, "serverless_high", range->serverless_high, scale, err) &&
                figure_add(entry, "alternative_low", range->alternative_low, scale, err) &&
                figure_add(entry, "alternative_high", range->alternative_high, scale, err) &&
                figure_add(entry, "saving_low", range->saving_low, scale, err) &&
                figure_add(entry, "saving_high", range->saving_high, scale, err) &&
                add_texts(entry, "assumptions", range->assumptions, range->assumption_count, words, err);
    return json_adopt(object, "range", entry, made, err);
}

/* What both sides cost by load, for a chart; null when nothing grows with the requests, or both sides do. */
static bool
add_curve(Json *object, const SavingsComparison *comparison, int scale, Err *err)
{
    if (comparison->curve == NULL)
        return json_add_text(object, "cost_by_load", NULL, err);
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < SAVINGS_CURVE_POINTS; i++) {
        const SavingsPoint *point = &comparison->curve[i];
        Json *entry = json_new_object(err);
        bool made = entry != NULL && figure_add_rate(entry, "requests_per_second", point->rate, err) &&
                    figure_add(entry, "serverless", point->serverless, scale, err) &&
                    figure_add(entry, "alternative", savings_reading(comparison)->alternative.exact, scale, err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, "cost_by_load", array, done, err);
}

static bool
add_comparison(Json *array, const SavingsReport *self, const SavingsComparison *comparison, const Words *words,
               Err *err)
{
    const SavingsReading *reading = savings_reading(comparison);
    const int scale = self->currency_scale;
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
        add_rate(entry, "break_even_requests_per_second", comparison->has_break_even, comparison->break_even, err) &&
        add_readings(entry, comparison, scale, err) && add_horizon(entry, comparison, scale, err) &&
        add_small_hours(entry, self, comparison, err) && add_range(entry, &comparison->range, scale, words, err) &&
        add_rate(entry, "requests_per_second", comparison->curve != NULL, comparison->rate_now, err) &&
        add_curve(entry, comparison, scale, err);
    return json_adopt_item(array, entry, made, err);
}

static bool
add_serverless(Json *object, const SavingsReport *self, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add(entry, "lines", json_object_get(self->lines), err) &&
                json_add(entry, "terms", json_object_get(self->terms), err) &&
                add_items(entry, "extras", self->extras, self->extra_count, self->currency_scale, err) &&
                add_amount(entry, "total", "total_exact", &self->total, self->currency_scale, err);
    return json_adopt(object, "serverless", entry, made, err);
}

static bool
add_alternatives(Json *object, const SavingsReport *self, const Words *words, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < self->comparison_count; i++)
        done = add_comparison(array, self, &self->comparisons[i], words, err);
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
                add_rate(entry, "mean", self->has_usage, self->concurrency_mean, err) &&
                (timeline == NULL || timeline_json(timeline, entry, err));
    return json_adopt(object, "concurrency", entry, made, err);
}

static bool
add_known(Json *object, const char *key, bool known, int64_t value, Err *err)
{
    return known ? json_add_int(object, key, value, err) : json_add_text(object, key, NULL, err);
}

/* What single records say of a function. */
static bool
add_facts(Json *object, const SavingsVerdict *verdict, int scale, Err *err)
{
    bool cold = verdict->cold_starts > 0;
    bool smaller = verdict->right_size_mb >= 0;
    mpq_t figure;
    mpq_init(figure);
    bool done = add_known(object, "memory_mb", verdict->memory_mb >= 0, verdict->memory_mb, err) &&
                add_known(object, "memory_used_mb", verdict->used_mb >= 0, verdict->used_mb, err) &&
                add_known(object, "right_size_mb", smaller, verdict->right_size_mb, err) &&
                add_optional(object, "right_size_saving", verdict->records > 0, verdict->right_size_saving, scale, err);
    if (verdict->records > 0)
        mpq_set_si(figure, verdict->cold_starts * 100, (unsigned long) verdict->records);
    mpq_canonicalize(figure);
    done = done && add_optional(object, "cold_start_percent", verdict->records > 0, figure, UTILIZATION_SCALE, err);
    mpq_set_si(figure, verdict->init_us_mean, 1000);
    mpq_canonicalize(figure);
    done = done && (cold ? figure_add_exact(object, "init_ms_mean", figure, err)
                         : json_add_text(object, "init_ms_mean", NULL, err));
    mpq_set_si(figure, verdict->init_us_max, 1000);
    mpq_canonicalize(figure);
    done = done && (cold ? figure_add_exact(object, "init_ms_max", figure, err)
                         : json_add_text(object, "init_ms_max", NULL, err));
    mpq_clear(figure);
    return done;
}

static bool
add_verdicts(Json *object, const SavingsReport *self, const Words *words, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < self->verdict_count; i++) {
        Json *entry = json_new_object(err);
        bool made =
            entry != NULL && json_add_text(entry, "function", self->verdicts[i].function, err) &&
            json_add_text(entry, "verdict", savings_side_name(self->verdicts[i].side), err) &&
            add_texts(entry, "reasons", self->verdicts[i].reasons, self->verdicts[i].reason_count, words, err) &&
            json_add_text(entry, "tenant", self->verdicts[i].tenant, err) &&
            figure_add_exact(entry, "cost_exact", self->verdicts[i].cost, err) &&
            add_facts(entry, &self->verdicts[i], self->currency_scale, err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, "verdicts", array, done, err);
}

/* Was it taken off, what is it worth, who shares it. */
static bool
add_free_tier(Json *object, const SavingsReport *self, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add_bool(entry, "taken_off", self->has_free_tier, err) &&
                add_amount(entry, "value", "value_exact", &self->free_value, self->currency_scale, err) &&
                json_add(entry, "tiers", json_object_get(self->free_tiers), err);
    return json_adopt(object, "free_tier", entry, made, err);
}

static bool
add_fleet(Json *object, const SavingsReport *self, Err *err)
{
    if (self->fleet == NULL)
        return json_add_text(object, "fleet", NULL, err);
    Json *fleet = fleet_json(self->fleet, err);
    return json_adopt(object, "fleet", fleet, fleet != NULL, err);
}

Json *
savings_json(const SavingsReport *self, const Words *words, Err *err)
{
    char period[UTC_TEXT_BYTES];
    Json *root = json_new_object(err);
    if (root == NULL)
        return NULL;
    if (json_add_text(root, "currency", self->currency, err) &&
        json_add_text(root, "period", utc_month_format(self->month, period), err) && add_serverless(root, self, err) &&
        add_alternatives(root, self, words, err) && add_concurrency(root, self, err) &&
        add_verdicts(root, self, words, err) && add_free_tier(root, self, err) && add_fleet(root, self, err))
        return root;
    json_object_put(root);
    return NULL;
}
