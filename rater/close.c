#include "rater/close.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/text.h"
#include "rater/alert.h"
#include "rater/close_parts.h"
#include "rater/deliver.h"
#include "rater/rate_duplicates.h"
#include "rater/rate_periods.h"
#include "rater/rate_seals.h"
#include "rater/rate_tenants.h"
#include "schema/bill_store.h"

const char *const CLOSE_STEP_NAMES[CLOSE_STEP_COUNT] = {
    "wait", "verify", "duplicates", "late", "rate", "compare", "final", "seal", "export", "deliver",
};

void
close_free(Close *self)
{
    for (size_t i = 0; i < self->agent_count; i++)
        free(self->agents[i].name);
    for (size_t i = 0; i < self->hold_count; i++) {
        free(self->holds[i].account);
        free(self->holds[i].message);
        free(self->holds[i].hint);
    }
    rate_tenants_free(&self->tenants);
    rate_periods_free(&self->periods);
    free(self->agents);
    free(self->holds);
    rate_report_free(&self->rated);
    rate_report_free(&self->final);
    for (size_t i = 0; i < self->late_count; i++)
        rate_report_free(&self->late[i].report);
    free(self->late);
    unbilled_free(&self->unbilled);
    bill_changes_free(&self->changes);
}

/* ---- who is held back ---- */

bool
close_is_held(const Close *self, const char *account)
{
    for (size_t i = 0; i < self->hold_count; i++)
        if (strcmp(self->holds[i].account, account) == 0)
            return true;
    return false;
}

bool
close_hold(Close *self, CloseStepId step, const char *account, const char *message, const char *hint, Err *err)
{
    if (close_is_held(self, account))
        return true;
    if (!array_grow(&self->holds, &self->hold_capacity, self->hold_count, sizeof *self->holds, err))
        return false;
    CloseHold *hold = &self->holds[self->hold_count++];
    *hold = (CloseHold){strdup(account), strdup(message), strdup(hint), step};
    return (hold->account != NULL && hold->message != NULL && hold->hint != NULL) ||
           err_set(err, ERR_NOMEM, "no memory for an account that is held back");
}

static bool
hold_skips(Close *self, CloseStepId step, const RateReport *report, Err *err)
{
    for (size_t i = 0; i < report->skip_count; i++)
        if (!close_hold(self, step, report->skips[i].account, report->skips[i].message, report->skips[i].hint, err))
            return false;
    return true;
}

/* ---- steps ---- */

/* Evidence that cannot be read holds its account back. */
static bool
find_duplicates(Close *self, const RateTenant *tenant, DuplicatesReport *found, Err *err)
{
    Err reason = {0};
    if (close_is_held(self, tenant->account) || rate_exclude_of(self->compactor, tenant, found, &reason))
        return true;
    db_rollback(self->compactor);
    if (reason.code != ERR_CORRUPT && reason.code != ERR_INPUT)
        return err_set(err, reason.code, "%s", reason.message);
    return close_hold(self, CLOSE_DUPLICATES, tenant->account, reason.message, "millibill verify names the segments",
                      err);
}

static bool
close_duplicates(Close *self, CloseStep *step, Err *err)
{
    DuplicatesReport found = {0};
    SegmentTenants with = {0};
    bool done = rate_duplicates_where(&with, self->compactor, &self->tenants, err);
    for (size_t i = 0; done && i < self->tenants.count; i++)
        done = !segment_tenants_have(&with, self->tenants.all[i].tenant_id) ||
               find_duplicates(self, &self->tenants.all[i], &found, err);
    segment_tenants_free(&with);
    if (done)
        snprintf(step->detail, sizeof step->detail,
                 "%zu tenant%s: %" PRId64 " cop%s excluded, %" PRId64 " conflict%s put in quarantine",
                 self->tenants.count, text_plural((int64_t) self->tenants.count), found.copies,
                 found.copies == 1 ? "y" : "ies", found.conflicts, text_plural(found.conflicts));
    return done;
}

/* The accounts that are held back now; the caller frees the array. */
static const char **
held_accounts(const Close *self, Err *err)
{
    const char **held = calloc(self->hold_count + 1, sizeof(const char *));
    if (held == NULL)
        err_set(err, ERR_NOMEM, "no memory for %zu accounts", self->hold_count);
    for (size_t i = 0; held != NULL && i < self->hold_count; i++)
        held[i] = self->holds[i].account;
    return held;
}

static bool
rate_all(Close *self, bool final, RateReport *report, Err *err)
{
    const char **held = held_accounts(self, err);
    const RateRequest request = {
        .month = self->request->month,
        .final = final,
        .dry_run = !final,
        .free_tier = self->request->free_tier,
        .calendar = self->request->calendar,
        .price_book = self->request->price_book,
        .config = self->request->config,
        .closing = self->request->month,
        .held = held,
        .held_count = self->hold_count,
        .stop = self->request->stop,
    };
    bool done = held != NULL && rate_month(self->db, final ? self->compactor : NULL, &request, report, err);
    free(held);
    if (!done)
        rate_report_free(report); /* nothing of it was committed */
    return done;
}

/* "aws-lambda 2026-11 and others" */
static void
tell_books(const RateReport *report, char *out, size_t room)
{
    const char *first = NULL;
    bool others = false;
    for (size_t i = 0; i < report->outcome_count; i++) {
        const char *book = report->outcomes[i].price_book;
        others = others || (book != NULL && first != NULL && strcmp(book, first) != 0);
        first = first == NULL ? book : first;
    }
    snprintf(out, room, "%s%s", first == NULL ? "no price book" : first, others ? " and others" : "");
}

/* Rate without writing: what is wrong with a tenant shows before anybody has a number. */
static bool
close_rate(Close *self, CloseStep *step, Err *err)
{
    char books[192];
    if (!rate_all(self, false, &self->rated, err) || !hold_skips(self, CLOSE_RATE, &self->rated, err))
        return false;
    tell_books(&self->rated, books, sizeof books);
    snprintf(step->detail, sizeof step->detail,
             "%zu tenant%s by %s, up to receipt %" PRId64 "; %zu account%s held back", self->rated.outcome_count,
             text_plural((int64_t) self->rated.outcome_count), books, self->rated.receipt_watermark, self->hold_count,
             self->hold_count == 1 ? " is" : "s are");
    return true;
}

static bool
take_preview(void *context, const BillRow *row, Err *err)
{
    BillChange *change = bill_changes_of(context, row->tenant, row->account, err);
    return change != NULL && bill_side_set(&change->before, "preview", row->price_book, row->currency, row->total, err);
}

static bool
take_final(void *context, const BillRow *row, Err *err)
{
    BillChange *change = bill_changes_of(context, row->tenant, row->account, err);
    return change != NULL &&
           bill_side_set(&change->before, row->number, row->price_book, row->currency, row->total, err) &&
           bill_side_set(&change->after, row->number, row->price_book, row->currency, row->total, err);
}

static bool
take_rated(Close *self, Err *err)
{
    for (size_t i = 0; i < self->rated.outcome_count; i++) {
        const RateOutcome *outcome = &self->rated.outcomes[i];
        BillChange *change = bill_changes_of(&self->changes, outcome->tenant, outcome->account, err);
        if (change == NULL || (change->after.total == NULL &&
                               !bill_side_set(&change->after, "rated", NULL, outcome->currency, outcome->total, err)))
            return false;
    }
    for (size_t i = 0; i < self->hold_count; i++)
        if (!bill_changes_skip(&self->changes, self->holds[i].account, "held back", err))
            return false;
    return true;
}

/* Against the last preview, which stays until the final invoice is there: a run that goes on after a kill says the same. */
static bool
close_compare(Close *self, CloseStep *step, Err *err)
{
    const UtcMonth month = self->request->month;
    if (!bill_visit(self->db, month, NULL, "preview", take_preview, &self->changes, err) ||
        !bill_visit(self->db, month, NULL, "final", take_final, &self->changes, err) || !take_rated(self, err) ||
        !bill_changes_finish(&self->changes, err))
        return false;
    size_t final = 0, same = 0, differ = 0, new = 0;
    for (size_t i = 0; i < self->changes.count; i++) {
        const BillChange *change = &self->changes.all[i];
        bool is_final = change->before.what != NULL && strcmp(change->before.what, "preview") != 0;
        bool is_same = !bill_change_is_one(change);
        final += is_final;
        new += change->before.total == NULL;
        same += !is_final && change->before.total != NULL && is_same;
        differ += !is_final && change->before.total != NULL && !is_same;
    }
    snprintf(step->detail, sizeof step->detail,
             "with the last preview: %zu the same, %zu different, %zu without a preview, %zu final already", same,
             differ, new, final);
    return true;
}

/* Who could not be billed for an earlier month gets the invoice of this one. */
static bool
hold_late(Close *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->late_count; i++)
        done = hold_skips(self, CLOSE_LATE, &self->late[i].report, err);
    return done;
}

static bool
close_final(Close *self, CloseStep *step, Err *err)
{
    if (!rate_all(self, true, &self->final, err) || !hold_skips(self, CLOSE_FINAL, &self->final, err) ||
        !hold_late(self, err))
        return false;
    const char *first = NULL;
    const char *last = NULL;
    int64_t made = 0, kept = 0, late = 0;
    for (size_t i = 0; i < self->final.outcome_count; i++) {
        const RateOutcome *outcome = &self->final.outcomes[i];
        late += outcome->late_records;
        made += outcome->was_final ? 0 : 1;
        kept += outcome->was_final ? 1 : 0;
        if (outcome->was_final)
            continue;
        first = first == NULL || strcmp(outcome->number, first) < 0 ? outcome->number : first;
        last = last == NULL || strcmp(outcome->number, last) > 0 ? outcome->number : last;
    }
    int length = snprintf(step->detail, sizeof step->detail, "%" PRId64 " invoice%s%s%s%s%s, %" PRId64 " final before",
                          made, text_plural(made), first == NULL ? "" : ", ", first == NULL ? "" : first,
                          made > 1 ? " to " : "", made > 1 ? last : "", kept);
    if (late > 0 && length > 0 && (size_t) length < sizeof step->detail)
        snprintf(step->detail + length, sizeof step->detail - (size_t) length,
                 "; %" PRId64 " record%s came after their invoice", late, text_plural(late));
    return unbilled_find(&self->unbilled, self->db, self->request->month, self->final.receipt_watermark, err);
}

static bool
close_seal(Close *self, CloseStep *step, Err *err)
{
    SealReport report = {0};
    if (!rate_seal_periods(self->compactor, self->request->config, self->request->month, &self->periods,
                           self->hold_count > 0, &report, err))
        return false;
    snprintf(step->detail, sizeof step->detail,
             "%" PRId64 " hour%s, %" PRId64 " month root%s and %" PRId64 " invoice%s sealed; last head %" PRId64,
             report.seals, text_plural(report.seals), report.roots, text_plural(report.roots), report.invoices,
             text_plural(report.invoices), report.last_head);
    return true;
}

static bool
close_deliver(Close *self, CloseStep *step, Err *err)
{
    DeliverReport report = {0};
    DbArray raised = db_array_of(DB_BIGINT);
    bool done = alerts_raise(self->db, self->request->config, self->request->month, &raised, err);
    const uint32_t alerts = raised.count;
    db_array_free(&raised);
    if (!done || !deliver_open(self->db, self->request->config, &report, err))
        return false;
    snprintf(step->detail, sizeof step->detail, "%u new alert%s; %" PRId64 " delivered, %" PRId64 " open%s", alerts,
             text_plural(alerts), report.delivered, report.open, report.open == 0 ? "" : ": millibill deliver --list");
    return true;
}

/* ---- the whole ---- */

/* Who else is not over waits for the next time. */
static bool
read_periods(Close *self, Err *err)
{
    const UtcMonth month = self->request->month;
    return rate_tenants_read(&self->tenants, self->db, NULL, month, err) &&
           rate_periods_read(&self->periods, &self->tenants, self->db, err) &&
           (rate_periods_span(&self->periods, utc_now_us(), &self->start_us, &self->end_us) ||
            rate_periods_not_over(month, self->end_us, err));
}

bool
close_is_stopped(const Close *self)
{
    return self->request->stop != NULL && atomic_load(self->request->stop);
}

/* Where it stopped and what stands, in the place of what the step said of being stopped. */
static void
explain_stop(int at, Err *err)
{
    err_clear(err);
    err_set(err, ERR_INTERRUPTED, "interrupted in step %d of %d, '%s'; %s", at + 1, CLOSE_STEP_COUNT,
            CLOSE_STEP_NAMES[at],
            at > CLOSE_FINAL ? "the invoices are final" : "no invoice of the month was made final");
    err_hint(err, "the same command goes on from here: what is done stays done");
}

/* One step. A run inside it takes its watch off the connections. */
static bool
do_step(Close *self, int at, bool (*step)(Close *, CloseStep *, Err *), Err *err)
{
    db_stop_when(self->db, self->request->stop);
    db_stop_when(self->compactor, self->request->stop);
    bool done = !close_is_stopped(self) && step(self, &self->steps[at], err);
    if (!done && close_is_stopped(self) && err->code != ERR_BUSY)
        explain_stop(at, err);
    return done;
}

bool
close_month(Close *self, Err *err)
{
    static bool (*const steps[CLOSE_STEP_COUNT])(Close *, CloseStep *, Err *) = {
        close_wait,    close_verify, close_duplicates, close_late,   close_rate,
        close_compare, close_final,  close_seal,       close_export, close_deliver};
    if (!read_periods(self, err))
        return false;
    for (int i = 0; i < CLOSE_STEP_COUNT && !err_is_set(err); i++) {
        CloseStep *step = &self->steps[i];
        int64_t started_us = utc_monotonic_us();
        step->run = true;
        step->failed = !do_step(self, i, steps[i], err);
        step->took_us = utc_monotonic_us() - started_us;
        if (step->failed && step->detail[0] == '\0')
            snprintf(step->detail, sizeof step->detail, "%.400s", err->message);
        if (self->step_done != NULL)
            self->step_done(self, (CloseStepId) i);
    }
    return !err_is_set(err);
}
