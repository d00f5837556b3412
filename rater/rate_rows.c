#include "rater/rate_rows.h"

#include <stdlib.h>
#include <string.h>

#include "rater/rate_evidence.h"
#include "rater/rate_forecast.h"
#include "rater/rate_habit.h"
#include "rater/tally.h"

/* Is the period at hand to be drawn on to its end? */
static bool
is_forecast(const RateMonth *self, Forecast *forecast)
{
    return self->request->forecast_at_us != 0 &&
           forecast_at(self->period.start_us, self->period.end_us, self->request->forecast_at_us, forecast);
}

bool
rate_rows_take(const RateMonth *self, RatingRows *rows, const RollupRow *from, Err *err)
{
    Forecast forecast;
    const RatingNames names = {from->account, from->tenant, from->function, from->region};
    RatingRow row = {
        .architecture = from->architecture,
        .mode = from->mode,
        .package = from->package,
        .memory_mb = from->memory_mb,
        .ephemeral_mb = from->ephemeral_mb,
        .invocations = from->invocations,
        .errors = from->errors,
        .timeouts = from->timeouts,
        .duration_1ms = from->duration_1ms,
        .duration_100ms = from->duration_100ms,
        .with_init_1ms = from->with_init_1ms,
        .with_init_100ms = from->with_init_100ms,
        .cpu_us = from->cpu_us,
        .streamed_bytes = from->streamed_bytes,
        .capacity_records = from->capacity_records,
        .capacity_1s = from->capacity_1s,
        .capacity_300s = from->capacity_300s,
    };
    if (from->weeks == 0 && is_forecast(self, &forecast))
        rate_forecast_row(&forecast, &row, NULL, 0);
    return rating_rows_add(rows, &names, &row, err);
}

static int
compare_tenants(const void *left, const void *right)
{
    const RateTenant *a = *(const RateTenant *const *) left;
    const RateTenant *b = *(const RateTenant *const *) right;
    int order = strcmp(a->account, b->account);
    return order != 0 ? order : strcmp(a->name, b->name);
}

bool
rate_rows_order(const RateMonth *self, const RateTenant ***tenants, size_t *count, Err *err)
{
    const RateTenants *known = &self->tenants;
    const RateTenant **order = calloc(known->count + 1, sizeof(const RateTenant *));
    *count = 0;
    *tenants = order;
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", known->count);
    for (size_t i = 0; i < known->count; i++)
        if (rate_is_at_hand(self, &known->all[i]))
            order[(*count)++] = &known->all[i];
    qsort(order, *count, sizeof(const RateTenant *), compare_tenants);
    return true;
}

/* What was read may be of tenants with another period. */
static bool
is_of_other(const RateMonth *self, const RollupRow *from)
{
    const RateTenant *tenant = rate_tenants_find_text(&self->tenants, from->tenant);
    return tenant != NULL && !rate_is_at_hand(self, tenant);
}

static bool
take_row(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
    return rate_rows_take(self, self->rows, from, err);
}

static bool
take_row_at_hand(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
    return is_of_other(self, from) || take_row(self, from, err);
}

/* Most of all tenants are at hand, or a few that go by another book. */
static bool
most_are_at_hand(const RateMonth *self)
{
    enum { SHARE = 16 };
    size_t count = 0;
    for (size_t i = 0; i < self->tenants.count; i++)
        count += rate_is_at_hand(self, &self->tenants.all[i]) ? 1 : 0;
    return count * SHARE >= self->tenants.count;
}

/* The tenants at hand with what their habits add to whole hours, or that alone. */
static bool
read_going_on(RateMonth *self, const RollupSpan *span, bool only_left, Err *err)
{
    size_t count = 0;
    const RateTenant **tenants = NULL;
    bool done = rate_rows_order(self, &tenants, &count, err) &&
                rate_habit_stream(self, self->db, tenants, count, span, only_left, take_row, self, err);
    free(tenants);
    return done;
}

/* All tenants in one stream; a few, or for one tenant every member of its account, one by one. */
static bool
read_whole_hours(RateMonth *self, int64_t start_us, int64_t end_us, Err *err)
{
    const RollupSpan span = {self->period.month, start_us, end_us};
    if (rate_habit_counts(self))
        return read_going_on(self, &span, false, err);
    if (self->request->tenant == NULL && most_are_at_hand(self))
        return rollup_stream(self->db, NULL, &span, take_row_at_hand, self, err);
    for (size_t i = 0; i < self->tenants.count; i++) {
        if (rate_is_at_hand(self, &self->tenants.all[i]) &&
            !rollup_stream(self->db, self->tenants.all[i].name, &span, take_row, self, err))
            return false;
    }
    return true;
}

/* The hours of one book after those of another; then each account's rows stand together again. */
static bool
read_parts(RateMonth *self, const PriceBook *book, Err *err)
{
    for (size_t i = 0; i < book->part_count; i++) {
        const size_t first = rating_rows_count(self->rows);
        const int64_t start_us = book->parts[i].start_us;
        const int64_t end_us = book->parts[i].end_us;
        if (!read_whole_hours(self, start_us > self->period.start_us ? start_us : self->period.start_us,
                              end_us < self->period.end_us ? end_us : self->period.end_us, err))
            return false;
        rating_rows_set_part(self->rows, first, i);
    }
    rating_rows_sort(self->rows);
    return true;
}

/* A book that counts what hourly sums do not hold is rated from the evidence itself. So is what is drawn on to the end of a period with
 * parts of hours: all of it, or the hours in part would stay as they are. */
static bool
is_from_evidence(const RateMonth *self)
{
    const RateRequest *request = self->request;
    return request->as_of_receipt != 0 || tally_beyond_rollups(self->book) != NULL ||
           (request->forecast_at_us != 0 && rate_rows_have_edges(&self->period));
}

static bool
read_rows_there(RateMonth *self, Err *err)
{
    const PriceBook *book = self->book;
    const BillingPeriod *period = &self->period;
    const RollupSpan span = {period->month, period->start_us, period->end_us};
    if (is_from_evidence(self)) {
        if (!rate_rows_from_evidence(self, err))
            return false;
        if (!rate_habit_counts(self))
            return true;
        bool done = read_going_on(self, &span, true, err);
        rating_rows_sort(self->rows);
        return done;
    }
    bool done = book->part_count > 0 ? read_parts(self, book, err)
                                     : read_whole_hours(self, period->start_us, period->end_us, err);
    return done && rate_rows_of_edges(self, err);
}

bool
rate_rows_stream(const RateMonth *self)
{
    const RateRequest *request = self->request;
    return !request->inside && request->tenant == NULL && request->as_of_receipt == 0 && request->more == NULL &&
           request->suppose == NULL && self->book->part_count == 0 && tally_beyond_rollups(self->book) == NULL &&
           !rate_rows_have_edges(&self->period) && most_are_at_hand(self);
}

bool
rate_rows_stream_of(const RateMonth *self, Db *db, const RateTenant *const *tenants, size_t count, RollupVisit visit,
                    void *context, Err *err)
{
    const RollupSpan span = {self->period.month, self->period.start_us, self->period.end_us};
    if (rate_habit_counts(self))
        return rate_habit_stream(self, db, tenants, count, &span, false, visit, context, err);
    int64_t *ids = calloc(count + 1, sizeof *ids);
    if (ids == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", count);
    for (size_t i = 0; i < count; i++)
        ids[i] = tenants[i]->tenant_id;
    bool done = rollup_stream_of(db, ids, count, &span, visit, context, err);
    free(ids);
    return done;
}

/* What a question adds belongs to the one account that is rated. */
static bool
read_rows(RateMonth *self, Err *err)
{
    const RatingRows *more = self->request->more;
    bool done = read_rows_there(self, err);
    for (size_t i = 0; done && more != NULL && i < rating_rows_count(more); i++) {
        const RatingRow *row = &rating_rows_all(more)[i];
        const RatingNames names = {text_of(row->account), text_of(row->tenant), text_of(row->function),
                                   text_of(row->region)};
        done = rating_rows_add(self->rows, &names, row, err);
    }
    return done;
}

/* What of a question was not done when the rows were taken. */
typedef struct RowsQuestion {
    const RateSuppose *suppose; /* NULL: none */
    bool draws_on;              /* rows from the evidence */
    Forecast forecast;
    UsageSum *tallies; /* scratch */
} RowsQuestion;

static bool
add_as_asked(const RateMonth *self, const RowsQuestion *question, RatingRow row, RatingRows *out, Err *err)
{
    const size_t tally_count = self->book->tally_count;
    const RatingNames names = {text_of(row.account), text_of(row.tenant), text_of(row.function), text_of(row.region)};
    if (question->suppose != NULL)
        rate_suppose_change(question->suppose, &names, &row);
    UsageSum *tallies = row.tallies == NULL ? NULL : question->tallies;
    if (tallies != NULL)
        memcpy(tallies, row.tallies, tally_count * sizeof *tallies);
    if (question->draws_on && rate_habit_weeks(self, rate_tenants_find(&self->tenants, row.tenant)) == 0)
        rate_forecast_row(&question->forecast, &row, tallies, tally_count);
    if (tallies != NULL) {
        row.tallies = rating_rows_keep(out, tallies, tally_count, err);
        if (row.tallies == NULL)
            return false;
    }
    return rating_rows_add(out, &names, &row, err);
}

/* The rows as they would be, in a set of their own. */
static bool
suppose_rows(RateMonth *self, Err *err)
{
    RowsQuestion question = {.suppose = self->request->suppose};
    question.draws_on = is_from_evidence(self) && is_forecast(self, &question.forecast);
    if (question.suppose == NULL && !question.draws_on)
        return true;
    RatingRows *supposed = rating_rows_new(err);
    question.tallies = calloc(self->book->tally_count + 1, sizeof *question.tallies);
    bool done = supposed != NULL &&
                (question.tallies != NULL || err_set(err, ERR_NOMEM, "no memory for rows as they would be"));
    for (size_t i = 0; done && i < rating_rows_count(self->rows); i++)
        done = add_as_asked(self, &question, rating_rows_all(self->rows)[i], supposed, err);
    free(question.tallies);
    if (!done) {
        rating_rows_free(&supposed);
        return false;
    }
    rating_rows_free(&self->rows);
    self->rows = supposed;
    return true;
}

bool
rate_rows_read(RateMonth *self, Err *err)
{
    return read_rows(self, err) && suppose_rows(self, err);
}
