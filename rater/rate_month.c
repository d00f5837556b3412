#include "rater/rate_month.h"

#include <stdlib.h>
#include <string.h>

#include "lib/progress.h"
#include "rater/deliver.h"
#include "rater/rate_adjust.h"
#include "rater/rate_books.h"
#include "rater/rate_duplicates.h"
#include "rater/rate_flow.h"
#include "rater/rate_habit.h"
#include "rater/rate_month_parts.h"
#include "rater/rate_report.h"
#include "rater/rate_rows.h"
#include "rater/rate_seals.h"
#include "rater/rate_settle.h"
#include "schema/invoice_store.h"
#include "schema/statistics_store.h"

enum { TOGETHER = 256 }; /* accounts, or tenants without usage, that are asked for at once */

static bool
bills_without_usage(const RateMonth *self, const RateTenant *tenant)
{
    const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
    return contract != NULL && contract->contract != NULL && contract_bills_without_usage(contract->contract);
}

static bool
is_settled_unused(const RateMonth *self, size_t i)
{
    const RateTenant *tenant = &self->tenants.all[i];
    return rate_is_at_hand(self, tenant) && !self->seen[i] &&
           (self->request->tenant == NULL || strcmp(self->request->tenant, tenant->name) == 0) &&
           (bills_without_usage(self, tenant) || rate_adjust_waits(self, tenant));
}

static bool
settle_unused(RateMonth *self, const RateTenant *const *tenants, size_t count, Err *err)
{
    bool done = rate_known_find(&self->alone, self, self->db, tenants, count, err);
    for (size_t i = 0; done && i < count; i++)
        done = rate_settle_unused(self, tenants[i], rate_contracts_find(&self->contracts, tenants[i]->tenant_id),
                                  bills_without_usage(self, tenants[i]), err);
    return done;
}

static bool
settle_all_unused(RateMonth *self, Err *err)
{
    const RateTenant *tenants[TOGETHER];
    size_t count = 0;
    bool done = true;
    for (size_t i = 0; done && i < self->tenants.count; i++) {
        if (is_settled_unused(self, i))
            tenants[count++] = &self->tenants.all[i];
        if (count < TOGETHER)
            continue;
        done = settle_unused(self, tenants, count, err);
        count = 0;
    }
    done = done && (count == 0 || settle_unused(self, tenants, count, err));
    rate_known_begin(&self->alone, self);
    return done;
}

static bool
is_among(const char *account, const char *const *accounts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(accounts[i], account) == 0)
            return true;
    return false;
}

static bool
is_held(const RateRequest *request, const char *account)
{
    return is_among(account, request->held, request->held_count) ||
           (request->only_count > 0 && !is_among(account, request->only, request->only_count));
}

static bool
is_stopped(const RateMonth *self, Err *err)
{
    const atomic_bool *stop = self->request->stop;
    return stop != NULL && atomic_load(stop) && !err_set(err, ERR_INTERRUPTED, "interrupted");
}

static bool
settle_account(RateMonth *self, const RateAccount *account, Progress *progress, Err *err)
{
    if (is_stopped(self, err))
        return false;
    progress_show(progress, (int64_t) self->report->outcome_count, (int64_t) self->tenants.count);
    return is_held(self->request, account->rows[0].account) || rate_settle_account(self, account, err);
}

static bool
settle_accounts(RateMonth *self, const RateAccounts *accounts, Progress *progress, Err *err)
{
    bool done = true;
    self->known = accounts->known;
    for (size_t i = 0; done && i < accounts->count; i++)
        done = settle_account(self, &accounts->all[i], progress, err);
    self->known = &self->alone;
    return done;
}

/* What is known of the tenants of an account whose rows are held. */
static bool
want_account(RateMonth *self, const RateAccount *account, Err *err)
{
    bool done = true;
    for (size_t r = 0; done && r < account->count; r++) {
        const char *name = account->rows[r].tenant;
        if (r > 0 && strcmp(account->rows[r - 1].tenant, name) == 0)
            continue;
        const RateTenant *tenant = rate_tenants_find(&self->tenants, name);
        done = tenant == NULL || rate_known_want(&self->alone, self, tenant, err);
    }
    return done;
}

static bool
settle_held(RateMonth *self, Progress *progress, Err *err)
{
    RateAccount all[TOGETHER];
    RateAccounts accounts = {.all = all, .known = &self->alone};
    const RatingRow *rows = rating_rows_all(self->rows);
    const size_t count = rating_rows_count(self->rows);
    bool done = true;
    rate_known_begin(&self->alone, self);
    for (size_t start = 0, end = 0; done && start < count; start = end) {
        while (end < count && strcmp(rows[end].account, rows[start].account) == 0)
            end++;
        all[accounts.count] = (RateAccount){.rows = rows + start, .count = end - start};
        done = want_account(self, &all[accounts.count++], err);
        if (!done || (accounts.count < TOGETHER && end < count))
            continue;
        done = rate_known_read(&self->alone, self, self->db, err) && settle_accounts(self, &accounts, progress, err);
        accounts.count = 0;
        rate_known_begin(&self->alone, self);
    }
    return done;
}

static bool
settle_flow(RateMonth *self, Progress *progress, Err *err)
{
    RateAccounts accounts;
    RateFlow *flow = rate_flow_start(self, err);
    bool done = flow != NULL;
    rate_known_begin(&self->alone, self);
    while (done && (done = rate_flow_next(flow, &accounts, err)) && accounts.count > 0)
        done = settle_accounts(self, &accounts, progress, err);
    rate_flow_free(&flow);
    return done;
}

static bool
settle_used(RateMonth *self, Err *err)
{
    Progress progress = progress_start("Rating");
    rating_rows_clear(self->rows);
    bool done = rate_rows_stream(self) ? settle_flow(self, &progress, err)
                                       : rate_rows_read(self, err) && settle_held(self, &progress, err);
    progress_end(&progress);
    rate_known_begin(&self->alone, self);
    return done;
}

static bool
settle_all(RateMonth *self, Err *err)
{
    if (!settle_used(self, err))
        return false;
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
        done = settle_all(self, err);
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
    self->next_number = 0;
    const RateRequest *request = self->request;
    bool done = (request->inside || db_begin(self->db, true, err)) &&
                (request->dry_run || rating_run_lock(self->db, err)) && read_watermark(self, err) &&
                read_contracts(self, err) && rate_habit_find(self, err) && rate_adjust_read(self, err) &&
                rate_periods(self, err) && (request->inside || db_commit(self->db, err));
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
    int64_t start_us = 0;
    int64_t end_us = 0;
    if (!request->inside && !statistics_keep(self->db, err))
        return false;
    if (request->final && !rate_periods_span(&self->periods, utc_now_us(), &start_us, &end_us))
        return rate_periods_not_over(request->month, end_us, err);
    if (request->final && !request->dry_run &&
        !rate_seal_periods(compactor, request->config, request->month, &self->periods, request->held_count > 0, NULL,
                           err))
        return false;
    return rate_once(self, err);
}

static void
watch_for_stop(Db *db, Db *compactor, const atomic_bool *stop)
{
    db_stop_when(db, stop);
    if (compactor != NULL)
        db_stop_when(compactor, stop);
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
    self.known = &self.alone;
    *report = (RateReport){0};
    if (request->stop != NULL)
        watch_for_stop(db, compactor, request->stop);
    bool done = rate_tenants_read(&self.tenants, db, request->tenant, request->month, err);
    rate_tenants_leave_out(&self.tenants, request->held, request->held_count);
    if (request->only_count > 0)
        rate_tenants_keep(&self.tenants, request->only, request->only_count);
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
    if (request->stop != NULL)
        watch_for_stop(db, compactor, NULL);
    rate_contracts_free(&self.contracts);
    rate_periods_free(&self.periods);
    adjust_bases_free(&self.changed);
    adjust_members_free(&self.members);
    rate_known_free(&self.alone);
    invoice_batch_free(&self.batch);
    free(self.seen);
    rating_rows_free(&self.rows);
    rate_tenants_free(&self.tenants);
    return done;
}
