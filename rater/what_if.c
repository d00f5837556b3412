#include "rater/what_if.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/bill_store.h"
#include "schema/verify_store.h"

/** A final invoice that usage has come after. */
typedef struct Behind {
    char *tenant;
    int64_t watermark;
} Behind;

typedef struct Asking {
    Db *db; /* in the snapshot */
    const WhatIf *request;
    BillChanges *changes;
    Behind *behind;
    size_t behind_count, behind_capacity;
} Asking;

static bool
take_final(void *context, const BillRow *row, Err *err)
{
    Asking *self = context;
    if (self->request->tenant != NULL && strcmp(self->request->tenant, row->tenant) != 0)
        return true;
    BillChange *change = bill_changes_of(self->changes, row->tenant, row->account, err);
    if (change == NULL || !bill_side_set(&change->before, row->number, row->price_book, row->currency, row->total, err))
        return false;
    if (!row->late)
        return true;
    if (!array_grow(&self->behind, &self->behind_capacity, self->behind_count, sizeof *self->behind, err))
        return false;
    self->behind[self->behind_count] = (Behind){strdup(row->tenant), row->receipt_watermark};
    return self->behind[self->behind_count++].tenant != NULL ||
           err_set(err, ERR_NOMEM, "no memory for a comparison of bills");
}

static const Behind *
behind_find(const Asking *self, const char *tenant)
{
    for (size_t i = 0; self->behind != NULL && i < self->behind_count; i++)
        if (strcmp(self->behind[i].tenant, tenant) == 0)
            return &self->behind[i];
    return NULL;
}

static RateRequest
request_of(const Asking *self, const char *book)
{
    return (RateRequest){
        .month = self->request->month,
        .tenant = self->request->tenant,
        .dry_run = true,
        .free_tier = self->request->free_tier,
        .calendar = self->request->calendar,
        .price_book = book,
        .inside = true,
    };
}

static bool
account_is_known(const Asking *self, const char *account)
{
    for (size_t i = 0; i < self->changes->count; i++)
        if (strcmp(self->changes->all[i].account, account) == 0)
            return true;
    return false;
}

/* `unknown_only`: what the book in force cannot price may have been billed by another all the same. */
static bool
take_skips(Asking *self, const RateReport *report, bool unknown_only, Err *err)
{
    for (size_t i = 0; i < report->skip_count; i++) {
        const RateSkip *skip = &report->skips[i];
        if (!(unknown_only && account_is_known(self, skip->account)) &&
            !bill_changes_skip(self->changes, skip->account, skip->message, err))
            return false;
    }
    return true;
}

/* ---- what was billed ---- */

/* A tenant without a final invoice: what the book in force makes of its month. */
static bool
take_before(Asking *self, const RateReport *report, Err *err)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        BillChange *change = bill_changes_of(self->changes, outcome->tenant, outcome->account, err);
        if (change == NULL ||
            (change->before.total == NULL &&
             !bill_side_set(&change->before, "not final", outcome->price_book, outcome->currency, outcome->total, err)))
            return false;
    }
    return take_skips(self, report, true, err);
}

static bool
read_before(Asking *self, int64_t *watermark, Err *err)
{
    RateReport report = {0};
    const WhatIf *request = self->request;
    RateRequest asked = request_of(self, request->in_force);
    asked.free_tier = true;
    bool done = bill_visit(self->db, request->month, request->tenant, "final", take_final, self, err) &&
                rate_month(self->db, NULL, &asked, &report, err) && take_before(self, &report, err);
    *watermark = report.receipt_watermark;
    rate_report_free(&report);
    return done;
}

/* ---- what would be ---- */

/* `only_behind`: outcomes of a run up to the watermark of one tenant's invoice; else that tenant's turn comes later. */
static bool
take_after(Asking *self, const RateReport *report, bool only_behind, Err *err)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        if (!only_behind && behind_find(self, outcome->tenant) != NULL)
            continue;
        BillChange *change = bill_changes_of(self->changes, outcome->tenant, outcome->account, err);
        if (change == NULL ||
            !bill_side_set(&change->after, NULL, outcome->price_book, outcome->currency, outcome->total, err))
            return false;
    }
    return take_skips(self, report, false, err);
}

static bool
rate_after(Asking *self, const Behind *behind, Err *err)
{
    RateReport report = {0};
    RateRequest asked = request_of(self, self->request->price_book);
    asked.any_book = self->request->any_book;
    asked.contract = self->request->contract;
    if (behind != NULL) {
        asked.tenant = behind->tenant;
        asked.as_of_receipt = behind->watermark;
    }
    bool done = rate_month(self->db, NULL, &asked, &report, err) && take_after(self, &report, behind != NULL, err);
    rate_report_free(&report);
    return done;
}

static bool
read_after(Asking *self, Err *err)
{
    bool done = rate_after(self, NULL, err);
    for (size_t i = 0; done && i < self->behind_count; i++)
        done = rate_after(self, &self->behind[i], err);
    return done;
}

bool
what_if(Db *db, const WhatIf *request, BillChanges *changes, int64_t *receipt_watermark, Err *err)
{
    Asking self = {.db = db, .request = request, .changes = changes};
    *changes = (BillChanges){0};
    bool done = verify_begin(db, err) && read_before(&self, receipt_watermark, err) && read_after(&self, err) &&
                bill_changes_finish(changes, err);
    db_rollback(db);
    for (size_t i = 0; i < self.behind_count; i++)
        free(self.behind[i].tenant);
    free(self.behind);
    return done;
}
