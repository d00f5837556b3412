#include "rater/rate_month.h"

#include <stdlib.h>
#include <string.h>

#include "rater/deliver.h"
#include "rater/rate_adjust.h"
#include "rater/rate_books.h"
#include "rater/rate_duplicates.h"
#include "rater/rate_evidence.h"
#include "rater/rate_month_parts.h"
#include "rater/rate_report.h"
#include "rater/rate_seals.h"
#include "rater/rate_settle.h"
#include "rater/tally.h"
#include "schema/invoice_store.h"
#include "schema/rollup_store.h"

/* ---- reading ---- */

static bool
take_row(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
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
    return rating_rows_add(self->rows, &names, &row, err);
}

/* What was read may be of tenants with another period. */
static bool
take_row_at_hand(void *context, const RollupRow *from, Err *err)
{
    RateMonth *self = context;
    const RateTenant *tenant = rate_tenants_find_text(&self->tenants, from->tenant);
    return (tenant != NULL && !rate_is_at_hand(self, tenant)) || take_row(self, from, err);
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

static bool
settle_all_unused(RateMonth *self, Err *err)
{
    for (size_t i = 0; i < self->tenants.count; i++) {
        const RateTenant *tenant = &self->tenants.all[i];
        const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
        bool asked = rate_is_at_hand(self, tenant) &&
                     (self->request->tenant == NULL || strcmp(self->request->tenant, tenant->name) == 0);
        bool billed =
            contract != NULL && contract->contract != NULL && contract_bills_without_usage(contract->contract);
        if (asked && !self->seen[i] && (billed || rate_adjust_waits(self, tenant)) &&
            !rate_settle_unused(self, tenant, contract, billed, err))
            return false;
    }
    return true;
}

static bool
is_held(const RateRequest *request, const char *account)
{
    for (size_t i = 0; i < request->held_count; i++)
        if (strcmp(request->held[i], account) == 0)
            return true;
    return false;
}

static bool
settle_all(RateMonth *self, Err *err)
{
    const RatingRow *rows = rating_rows_all(self->rows);
    size_t count = rating_rows_count(self->rows);
    for (size_t start = 0, end = 0; start < count; start = end) {
        while (end < count && strcmp(rows[end].account, rows[start].account) == 0)
            end++;
        if (!is_held(self->request, rows[start].account) && !rate_settle_account(self, rows + start, end - start, err))
            return false;
    }
    if (!settle_all_unused(self, err))
        return false;
    const RateRequest *request = self->request;
    return invoice_batch_flush(&self->batch, self->db, err) &&
           (self->run_id == 0 || rating_runs_tidy(self->db, self->run_id, err)) &&
           (self->run_id == 0 || !request->final || deliver_queue_run(self->db, request->config, self->run_id, err));
}

/* ---- one try ---- */

static bool
read_watermark(RateMonth *self, Err *err)
{
    self->watermark = self->request->as_of_receipt;
    return self->watermark != 0 || receipt_watermark(self->db, &self->watermark, err);
}

/* A contract that is assumed bills the tenants' own periods: the same usage, under other terms. */
static bool
read_contracts(RateMonth *self, Err *err)
{
    const RateRequest *request = self->request;
    return rate_contracts_read(&self->contracts, self->db, request->month, err) &&
           rate_periods_find(&self->periods, &self->tenants, &self->contracts, self->db, err) &&
           rate_books_assign(self, err) &&
           (request->contract == NULL ||
            rate_contracts_assume(&self->contracts, &self->tenants, request->tenant, request->contract, err));
}

static bool
report_refused(RateMonth *self, Err *err)
{
    for (size_t i = 0; i < self->periods.refused_count; i++)
        if (!rate_skip_add(self, self->periods.refused[i].account, &self->periods.refused[i].reason, err))
            return false;
    return true;
}

/* The period at hand, price book after price book. */
static bool
rate_period(RateMonth *self, size_t *runs, Err *err)
{
    bool more = true;
    bool done = true;
    self->book_name = NULL;
    while (done && more) {
        done = rate_books_next(self, &more, err);
        if (!done || !more)
            break;
        self->run_id = 0;
        ++*runs;
        rating_rows_clear(self->rows);
        done = read_rows(self, err) && suppose_rows(self, err) && settle_all(self, err);
    }
    self->book_name = NULL;
    return done;
}

static bool
rate_periods(RateMonth *self, Err *err)
{
    size_t runs = 0;
    bool done = report_refused(self, err);
    memset(self->seen, 0, self->tenants.count * sizeof *self->seen);
    for (size_t i = 0; done && i < self->periods.count; i++) {
        self->period = self->periods.all[i];
        done = rate_period(self, &runs, err);
    }
    if (runs > 1)
        rate_report_sort(self->report);
    return done;
}

static bool
rate_once(RateMonth *self, Err *err)
{
    rate_report_free(self->report);
    adjust_bases_free(&self->changed);
    adjust_members_free(&self->members);
    invoice_batch_clear(&self->batch);
    const RateRequest *request = self->request;
    bool done = (request->inside || db_begin(self->db, true, err)) &&
                (request->dry_run || rating_run_lock(self->db, err)) && read_watermark(self, err) &&
                read_contracts(self, err) && rate_adjust_read(self, err) && rate_periods(self, err) &&
                (request->inside || db_commit(self->db, err));
    if (!request->inside)
        db_rollback(self->db);
    self->report->receipt_watermark = self->watermark;
    return done;
}

/* Whatever a final invoice bills is sealed before. */
static bool
seal_and_rate(RateMonth *self, Db *compactor, Err *err)
{
    const RateRequest *request = self->request;
    if (request->final && !request->dry_run &&
        !rate_seal_month(compactor, request->config, request->month, request->held_count > 0, NULL, err))
        return false;
    return rate_once(self, err);
}

bool
rate_month(Db *db, Db *compactor, const RateRequest *request, RateReport *report, Err *err)
{
    RateMonth self = {
        .db = db,
        .request = request,
        .report = report,
        .batch = invoice_batch_new(),
    };
    *report = (RateReport){0};
    bool done = rate_tenants_read(&self.tenants, db, request->tenant, request->month, err);
    rate_tenants_leave_out(&self.tenants, request->held, request->held_count);
    done = done && (compactor == NULL ||
                    (read_contracts(&self, err) && rate_exclude_duplicates(compactor, &self.tenants, report, err)));
    self.rows = done ? rating_rows_new(err) : NULL;
    self.seen = calloc(self.tenants.count + 1, sizeof *self.seen);
    done = done && self.rows != NULL && (self.seen != NULL || rate_report_no_memory(err));
    for (int attempt = 1; done && !seal_and_rate(&self, compactor, err); attempt++)
        done = !request->inside && rate_recover(db, attempt, err) &&
               (compactor == NULL || db_is_connected(compactor) || db_reconnect(compactor, err));
    if (done && request->final && !request->dry_run)
        rate_seal_invoices(compactor, request->config);
    rate_contracts_free(&self.contracts);
    rate_periods_free(&self.periods);
    adjust_bases_free(&self.changed);
    adjust_members_free(&self.members);
    invoice_batch_free(&self.batch);
    free(self.seen);
    rating_rows_free(&self.rows);
    rate_tenants_free(&self.tenants);
    return done;
}
