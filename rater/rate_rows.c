#include "rater/rate_rows.h"

#include "rater/rate_evidence.h"
#include "rater/tally.h"

bool
rate_rows_take(RatingRows *rows, const RollupRow *from, Err *err)
{
    const RatingNames names = {from->account, from->tenant, from->function, from->region};
    const RatingRow row = {
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
    };
    return rating_rows_add(rows, &names, &row, err);
}

bool
rate_rows_at_hand(const RateMonth *self, const RollupRow *from)
{
    const RateTenant *tenant = rate_tenants_find_text(&self->tenants, from->tenant);
    return tenant == NULL || rate_is_at_hand(self, tenant);
}

static bool
take_row(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
    return rate_rows_take(self->rows, from, err);
}

/* What was read may be of tenants with another period. */
static bool
take_row_at_hand(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
    return !rate_rows_at_hand(self, from) || take_row(self, from, err);
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

/* All tenants in one stream; a few, or for one tenant every member of its account, one by one. */
static bool
read_whole_hours(RateMonth *self, int64_t start_us, int64_t end_us, Err *err)
{
    if (self->request->tenant == NULL && most_are_at_hand(self))
        return rollup_stream(self->db, NULL, start_us, end_us, take_row_at_hand, self, err);
    for (size_t i = 0; i < self->tenants.count; i++) {
        if (rate_is_at_hand(self, &self->tenants.all[i]) &&
            !rollup_stream(self->db, self->tenants.all[i].name, start_us, end_us, take_row, self, err))
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
        if (!read_whole_hours(self, book->parts[i].start_us, book->parts[i].end_us, err))
            return false;
        rating_rows_set_part(self->rows, first, i);
    }
    rating_rows_sort(self->rows);
    return true;
}

/* A book that counts what hourly sums do not hold is rated from the evidence itself. */
static bool
read_rows_there(RateMonth *self, Err *err)
{
    const PriceBook *book = self->book;
    if (self->request->as_of_receipt != 0 || tally_beyond_rollups(book) != NULL)
        return rate_rows_from_evidence(self, err);
    return book->part_count > 0 ? read_parts(self, book, err)
                                : read_whole_hours(self, self->period.start_us, self->period.end_us, err);
}

bool
rate_rows_stream(const RateMonth *self)
{
    const RateRequest *request = self->request;
    return !request->inside && request->tenant == NULL && request->as_of_receipt == 0 && request->more == NULL &&
           request->suppose == NULL && self->book->part_count == 0 && tally_beyond_rollups(self->book) == NULL &&
           most_are_at_hand(self);
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

/* The rows as they would be, in a set of their own. */
static bool
suppose_rows(RateMonth *self, Err *err)
{
    const RateSuppose *suppose = self->request->suppose;
    RatingRows *there = self->rows;
    RatingRows *supposed = suppose == NULL ? NULL : rating_rows_new(err);
    bool done = suppose == NULL || supposed != NULL;
    for (size_t i = 0; supposed != NULL && done && i < rating_rows_count(there); i++) {
        RatingRow row = rating_rows_all(there)[i];
        const RatingNames names = {text_of(row.account), text_of(row.tenant), text_of(row.function),
                                   text_of(row.region)};
        rate_suppose_change(suppose, &names, &row);
        if (row.tallies != NULL) {
            row.tallies = rating_rows_keep(supposed, row.tallies, self->book->tally_count, err);
            done = row.tallies != NULL;
        }
        done = done && rating_rows_add(supposed, &names, &row, err);
    }
    if (!done || supposed == NULL) {
        rating_rows_free(&supposed);
        return done;
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
