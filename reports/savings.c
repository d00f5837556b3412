#include "reports/savings_parts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings_break_even.h"
#include "reports/savings_verdict.h"

/* ---- amounts ---- */

/* quantity x unit price, the quantity taken from the invocations where the item says so. */
static void
item_make(SavingsItem *out, const CostItem *item, const SavingsReport *report)
{
    out->item = item;
    mpq_init(out->quantity);
    amount_init(&out->amount);
    mpq_set(out->quantity, item->quantity);
    if (item->per_invocations) {
        mpq_set_ui(out->quantity, 1000000, 1);
        mpq_div(out->quantity, report->invocations, out->quantity);
    }
    mpq_mul(out->amount.exact, out->quantity, item->unit_price);
    if (item->rated) {
        mpq_set(out->amount.printed, item->printed);
        return;
    }
    mpq_set(out->amount.printed, out->amount.exact);
    decimal_round(out->amount.printed, report->currency_scale, ROUND_HALF_UP);
}

bool
savings_items_make(const CostItems *from, const SavingsReport *report, SavingsItem **items, size_t *count, Err *err)
{
    *items = calloc(from->count + 1, sizeof(**items));
    if (*items == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < from->count; i++)
        item_make(&(*items)[i], &from->items[i], report);
    *count = from->count;
    return true;
}

static void
items_free(SavingsItem *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mpq_clear(items[i].quantity);
        amount_clear(&items[i].amount);
    }
    free(items);
}

/* ---- one comparison ---- */

static void
reading_finish(SavingsReading *reading)
{
    mpq_sub(reading->saving, reading->alternative.printed, reading->serverless.printed);
    mpq_t exact;
    mpq_init(exact);
    mpq_sub(exact, reading->alternative.exact, reading->serverless.exact);
    int sign = mpq_sgn(reading->saving) != 0 ? mpq_sgn(reading->saving) : mpq_sgn(exact);
    reading->cheaper = sign >= 0 ? SIDE_SERVERLESS : SIDE_ALTERNATIVE;
    if (mpq_sgn(reading->alternative.exact) != 0) {
        mpq_set_ui(reading->saving_percent, 100, 1);
        mpq_mul(exact, exact, reading->saving_percent);
        mpq_div(reading->saving_percent, exact, reading->alternative.exact);
    }
    mpq_clear(exact);
}

/* Each reading adds a kind of cost to both sides: machines, what stands around them, people. */
static void
make_readings(SavingsComparison *self, const SavingsReport *report)
{
    for (size_t kind = 0; kind < SAVINGS_READINGS; kind++) {
        SavingsReading *reading = &self->readings[kind];
        amount_add(&reading->serverless, &report->lines_total);
        for (size_t i = 0; i < report->extra_count; i++)
            if (report->extras[i].item->kind <= kind || report->extras[i].item->kind == COST_AROUND)
                amount_add(&reading->serverless, &report->extras[i].amount);
        for (size_t i = 0; i < self->item_count; i++)
            if (self->items[i].item->kind <= kind)
                amount_add(&reading->alternative, &self->items[i].amount);
        reading_finish(reading);
    }
}

static void
make_utilization(SavingsComparison *self, const SavingsReport *report)
{
    mpq_t places;
    mpq_t cost;
    mpq_inits(places, cost, NULL);
    for (size_t i = 0; i < self->item_count; i++) {
        const SavingsItem *item = &self->items[i];
        if (item->item->kind != COST_INSTANCES)
            continue;
        mpq_add(self->hours, self->hours, item->item->hours);
        mpq_add(places, places, item->item->places);
        mpq_add(cost, cost, item->amount.exact);
    }
    self->has_utilization = mpq_sgn(places) > 0 && report->has_usage;
    if (self->has_utilization) {
        mpq_t used;
        mpq_t idle;
        mpq_inits(used, idle, NULL);
        mpq_div(used, report->busy_hours, places);
        mpq_set_ui(idle, 1, 1);
        mpq_sub(idle, idle, used);
        if (mpq_sgn(idle) < 0)
            mpq_set_ui(idle, 0, 1);
        mpq_mul(self->idle_hours, idle, self->hours);
        mpq_mul(self->idle_amount, idle, cost);
        mpq_set_ui(self->utilization_percent, 100, 1);
        mpq_mul(self->utilization_percent, self->utilization_percent, used);
        mpq_clears(used, idle, NULL);
    }
    mpq_clears(places, cost, NULL);
}

/* sum += amount x months, rounded as printed */
static void
add_over(mpq_t sum, const mpq_t amount, const mpq_t months, int scale)
{
    mpq_t product;
    mpq_init(product);
    mpq_mul(product, amount, months);
    decimal_round(product, scale, ROUND_HALF_UP);
    mpq_add(sum, sum, product);
    mpq_clear(product);
}

/* Over one month a book's own rounding is in the printed total; over several, each line is multiplied, then rounded. */
static bool
lines_over(mpq_t sum, const SavingsReport *report, const mpq_t months, Err *err)
{
    mpq_t amount;
    mpq_t rest; /* what a book that rounds the sum made of it */
    mpq_inits(amount, rest, NULL);
    mpq_set(rest, report->lines_total.exact);
    bool done = true;
    Json *const lists[] = {report->lines, report->terms};
    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; done && i < json_object_array_length(lists[list]); i++) {
            Json *entry = json_object_array_get_idx(lists[list], i);
            if (list == 1 && !json_object_get_boolean(json_member(entry, "compared")))
                continue;
            done = figure_read(entry, "amount_exact", amount, err);
            add_over(sum, amount, months, report->currency_scale);
            mpq_sub(rest, rest, amount);
        }
    }
    add_over(sum, rest, months, report->currency_scale);
    mpq_clears(amount, rest, NULL);
    return done;
}

static bool
make_horizon(SavingsComparison *self, const SavingsReport *report, Err *err)
{
    if (self->alternative->months == 1) {
        mpq_set(self->horizon_serverless, savings_reading(self)->serverless.printed);
        mpq_set(self->horizon_alternative, savings_reading(self)->alternative.printed);
        return true;
    }
    mpq_t months;
    mpq_init(months);
    decimal_set_i64(months, self->alternative->months);
    bool done = lines_over(self->horizon_serverless, report, months, err);
    for (size_t i = 0; i < report->extra_count; i++)
        add_over(self->horizon_serverless, report->extras[i].amount.exact, months, report->currency_scale);
    for (size_t i = 0; i < self->item_count; i++)
        add_over(self->horizon_alternative, self->items[i].amount.exact, months, report->currency_scale);
    mpq_clear(months);
    return done;
}

static void
comparison_init(SavingsComparison *self, const Alternative *alternative)
{
    self->alternative = alternative;
    for (size_t i = 0; i < SAVINGS_READINGS; i++) {
        amount_init(&self->readings[i].serverless);
        amount_init(&self->readings[i].alternative);
        mpq_inits(self->readings[i].saving, self->readings[i].saving_percent, NULL);
    }
    mpq_inits(self->hours, self->utilization_percent, self->idle_hours, self->idle_amount, self->break_even,
              self->horizon_serverless, self->horizon_alternative, self->slots, self->memory_gb, self->rate_now, NULL);
    SavingsRange *range = &self->range;
    mpq_inits(range->serverless_low, range->serverless_high, range->alternative_low, range->alternative_high,
              range->saving_low, range->saving_high, NULL);
}

static bool
make_comparisons(SavingsReport *report, const SavingsInput *input, Err *err)
{
    report->comparisons = calloc(input->alternative_count, sizeof(*report->comparisons));
    if (report->comparisons == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < input->alternative_count; i++) {
        SavingsComparison *self = &report->comparisons[i];
        comparison_init(self, input->alternatives[i]);
        report->comparison_count++;
        if (!savings_items_make(&input->alternatives[i]->items, report, &self->items, &self->item_count, err))
            return false;
        make_readings(self, report);
        make_utilization(self, report);
        if (!make_horizon(self, report, err) || !savings_break_even(report, self, err) ||
            !savings_small_hours(self, report, err) || !savings_range(self, report, err))
            return false;
    }
    return true;
}

SavingsReport *
savings_make(const SavingsInput *input, Err *err)
{
    SavingsReport *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a savings report");
        return NULL;
    }
    self->month = input->month;
    amount_init(&self->lines_total);
    amount_init(&self->total);
    amount_init(&self->free_value);
    self->fleet = input->fleet;
    mpq_inits(self->invocations, self->busy_hours, self->concurrency_mean, NULL);
    savings_take_usage(self, input);
    if (!savings_take_documents(self, input, err) || !savings_take_extras(self, input, err) ||
        !make_comparisons(self, input, err) || !savings_verdicts(self, input, err))
        savings_free(&self);
    return self;
}

static void
comparison_clear(SavingsComparison *self)
{
    items_free(self->items, self->item_count);
    for (size_t i = 0; i < SAVINGS_READINGS; i++) {
        amount_clear(&self->readings[i].serverless);
        amount_clear(&self->readings[i].alternative);
        mpq_clears(self->readings[i].saving, self->readings[i].saving_percent, NULL);
    }
    mpq_clears(self->hours, self->utilization_percent, self->idle_hours, self->idle_amount, self->break_even,
               self->horizon_serverless, self->horizon_alternative, self->slots, self->memory_gb, self->rate_now, NULL);
    SavingsRange *range = &self->range;
    mpq_clears(range->serverless_low, range->serverless_high, range->alternative_low, range->alternative_high,
               range->saving_low, range->saving_high, NULL);
    for (size_t i = 0; self->curve != NULL && i < SAVINGS_CURVE_POINTS; i++)
        mpq_clears(self->curve[i].rate, self->curve[i].serverless, NULL);
    free(self->curve);
    free(self->small_hours);
}

void
savings_free(SavingsReport **self)
{
    SavingsReport *report = *self;
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->comparison_count; i++)
        comparison_clear(&report->comparisons[i]);
    free(report->comparisons);
    for (size_t i = 0; i < report->verdict_count; i++)
        mpq_clears(report->verdicts[i].cost, report->verdicts[i].right_size_saving, NULL);
    free(report->verdicts);
    items_free(report->extras, report->extra_count);
    amount_clear(&report->lines_total);
    amount_clear(&report->total);
    amount_clear(&report->free_value);
    mpq_clears(report->invocations, report->busy_hours, report->concurrency_mean, NULL);
    json_object_put(report->lines);
    json_object_put(report->terms);
    json_object_put(report->free_tiers);
    free(report);
    *self = NULL;
}

const SavingsReading *
savings_reading(const SavingsComparison *comparison)
{
    return &comparison->readings[SAVINGS_READINGS - 1];
}

const char *
savings_side_name(SavingsSide side)
{
    return side == SIDE_SERVERLESS ? "serverless" : "alternative";
}
