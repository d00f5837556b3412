#include "rater/reconcile_worth.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "rater/book_binding.h"
#include "rater/record_row.h"
#include "rater/tally.h"

/** A set of rows that own their function, region and tallies. */
typedef struct Usage {
    RatingRow *rows;
    size_t count, capacity;
} Usage;

struct Worth {
    const PriceBook *book;
    RateOptions options;
    const char *account;
    const char *tenant;
    Usage billed;
    Usage changed; /* with every change */
    mpq_t exact;   /* of billed */
};

/* ---- rows ---- */

/** The tallies that a row needs when others of the usage have them; NULL where rollup sums do. */
static UsageSum *
tallies_copy(const PriceBook *whole, const RatingRow *row, Err *err)
{
    const PriceBook *book = price_book_of_part(whole, row->part);
    UsageSum *tallies = calloc(book->tally_count + 1, sizeof(*tallies));
    if (tallies == NULL)
        err_set(err, ERR_NOMEM, "no memory for usage");
    else if (row->tallies != NULL)
        memcpy(tallies, row->tallies, book->tally_count * sizeof(*tallies));
    return tallies;
}

static void
row_free(RatingRow *row)
{
    free((char *) (uintptr_t) row->function); /* our own copies */
    free((char *) (uintptr_t) row->region);
    free((UsageSum *) (uintptr_t) row->tallies);
}

static bool
usage_add(Usage *self, const PriceBook *book, const RatingRow *row, Err *err)
{
    if (!array_grow(&self->rows, &self->capacity, self->count, sizeof(*self->rows), err))
        return false;
    RatingRow *copy = &self->rows[self->count];
    *copy = *row;
    copy->function = strdup(row->function);
    copy->region = strdup(row->region);
    copy->tallies = row->tallies == NULL ? NULL : tallies_copy(book, row, err);
    copy->each = NULL;
    if (copy->function == NULL || copy->region == NULL || (row->tallies != NULL && copy->tallies == NULL)) {
        row_free(copy);
        return err_set(err, ERR_NOMEM, "no memory for usage");
    }
    self->count++;
    return true;
}

static void
usage_drop_last(Usage *self)
{
    row_free(&self->rows[--self->count]);
}

static void
usage_free(Usage *self)
{
    while (self->count > 0)
        usage_drop_last(self);
    free(self->rows);
}

static RatingRow *
usage_find(const Usage *self, const RatingRow *like)
{
    for (size_t i = 0; i < self->count; i++) {
        RatingRow *row = &self->rows[i];
        if (row->part == like->part && row->hour_us == like->hour_us && row->memory_mb == like->memory_mb &&
            row->architecture == like->architecture && row->mode == like->mode && row->package == like->package &&
            row->ephemeral_mb == like->ephemeral_mb && strcmp(row->function, like->function) == 0 &&
            strcmp(row->region, like->region) == 0 && strcmp(row->tenant, like->tenant) == 0)
            return row;
    }
    return NULL;
}

/** Add a record's sums `sign` times (1 or -1). */
static void
row_shift(const PriceBook *whole, RatingRow *row, const RatingRow *by, int sign)
{
    const PriceBook *book = price_book_of_part(whole, row->part);
    const UsageSum times = (UsageSum) sign; /* unsigned arithmetic wraps: -1 takes away */
    row->invocations += times * by->invocations;
    row->errors += times * by->errors;
    row->timeouts += times * by->timeouts;
    row->duration_1ms += times * by->duration_1ms;
    row->duration_100ms += times * by->duration_100ms;
    row->with_init_1ms += times * by->with_init_1ms;
    row->with_init_100ms += times * by->with_init_100ms;
    row->cpu_us += times * by->cpu_us;
    row->streamed_bytes += times * by->streamed_bytes;
    row->capacity_records += times * by->capacity_records;
    row->capacity_1s += times * by->capacity_1s;
    row->capacity_300s += times * by->capacity_300s;
    UsageSum *tallies = (UsageSum *) (uintptr_t) row->tallies; /* our own copy */
    for (size_t i = 0; tallies != NULL && by->tallies != NULL && i < book->tally_count; i++)
        tallies[i] += times * by->tallies[i];
}

/** A record as a row whose names are terminated in `function` and `region`. */
typedef struct Change {
    RatingRow row;
    UsageSum *tallies; /* NULL: the usage has none */
    char function[USAGE_NAME_BYTES_MAX + 1];
    char region[USAGE_REGION_BYTES_MAX + 1];
} Change;

static bool
change_fill(const Worth *self, const UsageRecord *record, Change *change, Err *err)
{
    const size_t part = price_book_part_at(self->book, record->started_at_us);
    const PriceBook *book = price_book_of_part(self->book, part);
    change->tallies = NULL;
    if (!record_row(record, &change->row, err))
        return false;
    change->row.part = part;
    if (tally_beyond_rollups(book) != NULL) {
        change->tallies = calloc(book->tally_count + 1, sizeof(*change->tallies));
        if (change->tallies == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a change");
        tally_add(book, record, self->options.month_start_us, change->tallies);
        change->row.tallies = change->tallies;
    }
    memcpy(change->function, record->function.data, record->function.length);
    change->function[record->function.length] = '\0';
    if (record->region.length > 0)
        memcpy(change->region, record->region.data, record->region.length);
    change->region[record->region.length] = '\0';
    change->row.hour_us = tally_needs_hours(book) ? utc_hour_floor_us(record->started_at_us) : 0;
    change->row.account = self->account;
    change->row.tenant = self->tenant;
    change->row.function = change->function;
    change->row.region = change->region;
    return true;
}

static bool
is_empty(const RatingRow *row)
{
    return row->invocations == 0 && row->capacity_records == 0;
}

static bool
take_away(const PriceBook *book, Usage *usage, const Change *less, Err *err)
{
    RatingRow *row = usage_find(usage, &less->row);
    if (row == NULL || is_empty(row))
        return err_set(err, ERR_CORRUPT, "a billed record is not in the usage that was billed");
    row_shift(book, row, &less->row, -1);
    return true;
}

/** `*added`: a row was appended for it. */
static bool
put_in(const PriceBook *book, Usage *usage, const Change *more, bool *added, Err *err)
{
    RatingRow *row = usage_find(usage, &more->row);
    *added = row == NULL;
    if (row == NULL)
        return usage_add(usage, book, &more->row, err);
    row_shift(book, row, &more->row, 1);
    return true;
}

/* ---- rating ---- */

/** A configuration whose last record was taken away is no usage: it would have a part in fees. */
static Rated *
rate_present(const Worth *self, const Usage *usage, Err *err)
{
    RatingRow *present = calloc(usage->count + 1, sizeof(*present));
    size_t count = 0;
    if (present == NULL) {
        err_set(err, ERR_NOMEM, "no memory to rate");
        return NULL;
    }
    for (size_t i = 0; i < usage->count; i++)
        if (!is_empty(&usage->rows[i]))
            present[count++] = usage->rows[i];
    Rated *rated = rate(present, count, self->book, &self->options, err);
    free(present);
    return rated;
}

static bool
rate_usage(const Worth *self, const Usage *usage, WorthTotal *out, Err *err)
{
    Rated *rated = rate_present(self, usage, err);
    if (rated == NULL)
        return false;
    mpq_set_ui(out->exact, 0, 1);
    mpq_set_ui(out->amount, 0, 1);
    for (size_t i = 0; i < rated->line_count; i++) {
        if (strcmp(rated->lines[i].tenant, self->tenant) != 0)
            continue;
        mpq_add(out->exact, out->exact, rated->lines[i].amount_exact);
        mpq_add(out->amount, out->amount, rated->lines[i].amount);
    }
    rated_free(&rated);
    return true;
}

MUST_CHECK Worth *
worth_new(const RatingRows *rows, const PriceBook *book, const RateOptions *options, const char *account,
          const char *tenant, Err *err)
{
    Worth *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to rate");
        return NULL;
    }
    *self = (Worth){.book = book, .options = *options, .account = account, .tenant = tenant};
    mpq_init(self->exact);
    bool done = true;
    for (size_t i = 0; done && i < rating_rows_count(rows); i++)
        done = usage_add(&self->billed, book, &rating_rows_all(rows)[i], err) &&
               usage_add(&self->changed, book, &rating_rows_all(rows)[i], err);
    WorthTotal total;
    mpq_inits(total.exact, total.amount, NULL);
    done = done && rate_usage(self, &self->billed, &total, err);
    mpq_set(self->exact, total.exact);
    mpq_clears(total.exact, total.amount, NULL);
    if (!done)
        worth_free(&self);
    return self;
}

void
worth_free(Worth **self)
{
    if (*self == NULL)
        return;
    usage_free(&(*self)->billed);
    usage_free(&(*self)->changed);
    mpq_clear((*self)->exact);
    free(*self);
    *self = NULL;
}

const PriceBook *
worth_book(const Worth *self)
{
    return self->book;
}

/** Rate the billed usage with the change in it, and take it out again. */
static bool
rate_changed(Worth *self, const Change *less, const Change *more, mpq_t out, Err *err)
{
    bool added = false;
    WorthTotal total;
    if (less != NULL && !take_away(self->book, &self->billed, less, err))
        return false;
    mpq_inits(total.exact, total.amount, NULL);
    bool put = more == NULL || put_in(self->book, &self->billed, more, &added, err);
    bool done = put && rate_usage(self, &self->billed, &total, err);
    mpq_sub(out, total.exact, self->exact);
    mpq_clears(total.exact, total.amount, NULL);
    if (put && more != NULL && added)
        usage_drop_last(&self->billed);
    else if (put && more != NULL)
        row_shift(self->book, usage_find(&self->billed, &more->row), &more->row, -1);
    if (less != NULL)
        row_shift(self->book, usage_find(&self->billed, &less->row), &less->row, 1);
    return done;
}

MUST_CHECK bool
worth_of(Worth *self, const UsageRecord *less, const UsageRecord *more, mpq_t out, Err *err)
{
    Change taken = {.tallies = NULL}, put = {.tallies = NULL};
    bool added = false;
    bool done = (less == NULL || change_fill(self, less, &taken, err)) &&
                (more == NULL || change_fill(self, more, &put, err)) &&
                rate_changed(self, less == NULL ? NULL : &taken, more == NULL ? NULL : &put, out, err) &&
                (less == NULL || take_away(self->book, &self->changed, &taken, err)) &&
                (more == NULL || put_in(self->book, &self->changed, &put, &added, err));
    free(taken.tallies);
    free(put.tallies);
    return done;
}

MUST_CHECK bool
worth_total(const Worth *self, WorthTotal *as_billed, WorthTotal *as_in_files, Err *err)
{
    return rate_usage(self, &self->billed, as_billed, err) && rate_usage(self, &self->changed, as_in_files, err);
}
