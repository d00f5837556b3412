/* Usage to be rated, from segments less exclusions. See verify_parts.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "rater/tally.h"
#include "rater/verify_parts.h"
#include "schema/config_table.h"

/** The month of one configuration; `sums` goes over into `row` before it can overflow. */
typedef struct MonthSums {
    RatingRow row;
    RollupSums sums;
    UsageSum *tallies; /* of the book; NULL: hourly sums do */
} MonthSums;

typedef struct Derived {
    const PriceBook *book;
    const RateTenant *tenant;
    RatingRows *rows;
    int64_t start_us; /* of the billing period */
    int64_t from_us;  /* of what is read … */
    int64_t end_us;
    const EvidenceView *view;
    int64_t hour_us; /* of the segments that are being read */
    bool by_tallies;
    bool by_hours;
    ConfigTable *configs;
    MonthSums *months; /* by configuration */
    size_t count, capacity;
} Derived;

static UsageSum
carried(UsageSum sum, int64_t more)
{
    return sum + (uint64_t) more;
}

static void
carry_over(MonthSums *month)
{
    month->row.invocations = carried(month->row.invocations, month->sums.invocations);
    month->row.errors = carried(month->row.errors, month->sums.errors);
    month->row.timeouts = carried(month->row.timeouts, month->sums.timeouts);
    month->row.duration_1ms = carried(month->row.duration_1ms, month->sums.duration_1ms);
    month->row.duration_100ms = carried(month->row.duration_100ms, month->sums.duration_100ms);
    month->row.with_init_1ms = carried(month->row.with_init_1ms, month->sums.with_init_1ms);
    month->row.with_init_100ms = carried(month->row.with_init_100ms, month->sums.with_init_100ms);
    month->row.cpu_us = carried(month->row.cpu_us, month->sums.cpu_us);
    month->row.streamed_bytes = carried(month->row.streamed_bytes, month->sums.streamed_bytes);
    month->row.capacity_records = carried(month->row.capacity_records, month->sums.capacity_records);
    month->row.capacity_1s = carried(month->row.capacity_1s, month->sums.capacity_1s);
    month->row.capacity_300s = carried(month->row.capacity_300s, month->sums.capacity_300s);
    month->sums = (RollupSums){0};
}

static bool
derive_record(Derived *self, int64_t tenant_id, const UsageRecord *record, Err *err)
{
    uint32_t config = 0;
    const ConfigKey key = config_key_of(tenant_id, record);
    if (!config_table_index(self->configs, &key, &config, err))
        return false;
    while (self->count <= config) {
        if (!array_grow(&self->months, &self->capacity, self->count, sizeof *self->months, err))
            return false;
        MonthSums *added = &self->months[self->count];
        *added = (MonthSums){.tallies = self->by_tallies ? calloc(self->book->tally_count, sizeof(UsageSum)) : NULL};
        if (self->by_tallies && added->tallies == NULL)
            return err_set(err, ERR_NOMEM, "no memory for the tallies of a price book");
        self->count++;
    }
    MonthSums *month = &self->months[config];
    if (self->by_tallies)
        tally_add(self->book, record, self->start_us, month->tallies);
    if (rollup_sums_add(&month->sums, record))
        return true;
    carry_over(month);
    return rollup_sums_add(&month->sums, record) || err_set(err, ERR_CORRUPT, "a record's duration is out of range");
}

EvidenceView
evidence_view_at(int64_t watermark)
{
    return (EvidenceView){watermark, watermark, watermark, watermark, NULL, 0};
}

static int64_t
greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The last receipt that a view may look at. */
static int64_t
view_end(const EvidenceView *view)
{
    return greater(greater(view->records_to, view->copies_to), greater(view->conflicts_to, view->reversals_to));
}

static bool
view_counts(const EvidenceView *view, int64_t receipt, const VerifyExclusion *exclusion)
{
    for (size_t i = 0; i < view->left_out_count; i++)
        if (receipt > view->left_out[i].from_receipt && receipt <= view->left_out[i].to_receipt)
            return false;
    if (receipt > view->records_to)
        return false;
    if (exclusion == NULL)
        return true;
    int64_t until = strcmp(exclusion->reason, "copy") == 0       ? view->copies_to
                    : strcmp(exclusion->reason, "conflict") == 0 ? view->conflicts_to
                                                                 : view->reversals_to;
    return exclusion->receipt > until;
}

static bool
derive_segment(Derived *self, int64_t tenant_id, Evidence *evidence, Err *err)
{
    Err reason = {0};
    UsageBatch *batch = usage_batch_unpack(evidence->segment.payload.data, evidence->segment.payload.length, &reason);
    if (batch == NULL)
        return err_set(err, reason.code == ERR_NOMEM ? ERR_NOMEM : ERR_CORRUPT, "segment %" PRId64 ": %s",
                       evidence->segment.key.segment_id, reason.message);
    bool good = true;
    for (size_t i = 0; good && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        bool excluded = false;
        int64_t receipt = 0;
        usage_batch_record(batch, i, &record);
        good = evidence_excludes(evidence, i, &excluded, err) && evidence_receipt(evidence, i, &receipt, err) &&
               (record.started_at_us < self->from_us || record.started_at_us >= self->end_us ||
                !view_counts(self->view, receipt, excluded ? &evidence->exclusion : NULL) ||
                derive_record(self, tenant_id, &record, err));
    }
    usage_batch_free(&batch);
    return good;
}

static bool
derive_row(Derived *self, MonthSums *month, const ConfigKey *key, Err *err)
{
    RatingRow *row = &month->row;
    row->architecture = key->architecture;
    row->mode = key->mode;
    row->package = key->package;
    row->memory_mb = key->memory_mb;
    row->ephemeral_mb = key->ephemeral_mb;
    row->hour_us = self->by_hours ? self->hour_us : 0;
    if (self->by_tallies) {
        row->tallies = rating_rows_keep(self->rows, month->tallies, self->book->tally_count, err);
        if (row->tallies == NULL)
            return false;
        memset(month->tallies, 0, self->book->tally_count * sizeof(UsageSum));
    }
    const RatingNames names = {text_of(self->tenant->account), text_of(self->tenant->name), key->function, key->region};
    bool done = rating_rows_add(self->rows, &names, row, err);
    *row = (RatingRow){0};
    return done;
}

/* What was summed so far becomes rows. */
static bool
derive_rows(Derived *self, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        const ConfigKey key = config_table_key(self->configs, (uint32_t) i);
        carry_over(&self->months[i]);
        const RatingRow *row = &self->months[i].row;
        if ((row->invocations > 0 || row->capacity_records > 0) && !derive_row(self, &self->months[i], &key, err))
            return false;
    }
    return true;
}

/* Segments come in the order of hours. */
static bool
derive_next(Derived *self, Evidence *evidence, bool *more, Err *err)
{
    if (!evidence_next(evidence, more, err) || !*more)
        return !err_is_set(err);
    int64_t hour_us = evidence->segment.key.hour_us;
    if (self->by_hours && hour_us != self->hour_us && !derive_rows(self, err))
        return false;
    self->hour_us = hour_us;
    return derive_segment(self, self->tenant->tenant_id, evidence, err);
}

MUST_CHECK bool
verify_derive(Db *db, const RateTenant *tenant, const VerifyPeriod *period, int64_t watermark, const PriceBook *book,
              RatingRows *rows, Err *err)
{
    const EvidenceView view = evidence_view_at(watermark);
    return verify_derive_view(db, tenant, period, &view, book, rows, err);
}

/* The hours of `period` by one book; `start_us` is the start of the billing period that they belong to. */
static bool
derive_hours(Db *db, const RateTenant *tenant, const VerifyPeriod *period, int64_t start_us, const EvidenceView *view,
             const PriceBook *book, RatingRows *rows, Err *err)
{
    Derived self = {.book = book,
                    .tenant = tenant,
                    .rows = rows,
                    .start_us = start_us,
                    .from_us = period->start_us,
                    .end_us = period->end_us,
                    .view = view,
                    .by_tallies = tally_beyond_rollups(book) != NULL,
                    .by_hours = tally_needs_hours(book),
                    .configs = config_table_new(err)};
    const VerifyPeriod hours = {utc_hour_floor_us(period->start_us), period->end_us};
    Evidence evidence = {0};
    bool more = true;
    bool good = self.configs != NULL && evidence_open(&evidence, db, tenant->tenant_id, &hours, view_end(view), err);
    while (good && more)
        good = derive_next(&self, &evidence, &more, err);
    good = good && derive_rows(&self, err);
    evidence_close(&evidence);
    config_table_free(&self.configs);
    for (size_t i = 0; i < self.count; i++)
        free(self.months[i].tallies);
    free(self.months);
    return good;
}

MUST_CHECK bool
verify_derive_view(Db *db, const RateTenant *tenant, const VerifyPeriod *period, const EvidenceView *view,
                   const PriceBook *book, RatingRows *rows, Err *err)
{
    if (book->part_count == 0)
        return derive_hours(db, tenant, period, period->start_us, view, book, rows, err);
    for (size_t i = 0; i < book->part_count; i++) {
        const BookPart *part = &book->parts[i];
        const VerifyPeriod hours = {greater(part->start_us, period->start_us), lesser(part->end_us, period->end_us)};
        const size_t first = rating_rows_count(rows);
        if (hours.start_us < hours.end_us &&
            !derive_hours(db, tenant, &hours, period->start_us, view, part->book, rows, err))
            return false;
        rating_rows_set_part(rows, first, i);
    }
    return true;
}
