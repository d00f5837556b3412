#include "rater/reconcile_bill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "rater/counted.h"
#include "rater/document.h"
#include "rater/rate_book.h"
#include "rater/rate_books.h"
#include "rater/rate_periods.h"
#include "rater/verify_parts.h"
#include "schema/document_store.h"
#include "schema/invoice_store.h"
#include "schema/quarantine_store.h"

/* ---- the bill ---- */

static bool
has_free_tier(const BilledSide *self)
{
    return self->bill == NULL || json_object_get_boolean(json_member(self->bill->document, "free_tier"));
}

static const PriceBook *
book_of(const BilledSide *self)
{
    return self->bill == NULL ? self->default_book : self->bill->book;
}

typedef struct PeriodFound {
    bool found;
    int64_t start_us, end_us;
} PeriodFound;

static bool
take_period(void *context, const DocumentRow *row, Err *err)
{
    (void) err;
    *(PeriodFound *) context = (PeriodFound){true, row->period_start_us, row->period_end_us};
    return true;
}

/** Without a bill: the book that the tenant's contract names, else `book`, as it is in force for the period. */
static bool
choose_book(BilledSide *self, Db *db, UtcMonth month, const char *book, Err *err)
{
    RateContracts contracts = {0};
    self->calendar = book_calendar_new(db, err);
    if (self->calendar != NULL && rate_contracts_of_tenant(&contracts, db, self->name, month, err)) {
        const char *name = rate_books_name(rate_contracts_find(&contracts, self->tenant->tenant_id), book);
        const BillingPeriod period = {month, self->start_us, self->end_us};
        self->default_book = rate_book_of(self->calendar, name, &period, err);
    }
    rate_contracts_free(&contracts);
    return self->default_book != NULL;
}

/** The final invoice stands first among those of one period. */
static bool
choose_bill(BilledSide *self, Db *db, UtcMonth month, const char *book, Err *err)
{
    PeriodFound period = {false, self->tenant->period.start_us, self->tenant->period.end_us};
    const DocumentFilter filter = {.tenant = self->name, .month = &month, .standing = true};
    if (!document_visit(db, &filter, take_period, &period, err) ||
        (period.found && !bills_load(&self->bills, db, self->tenant->tenant_id, period.start_us, err)))
        return false;
    self->start_us = period.start_us;
    self->end_us = period.end_us;
    for (size_t i = 0; self->bill == NULL && i < self->bills.count; i++)
        if (self->bills.all[i].stands && self->bills.all[i].period_start_us == self->start_us)
            self->bill = &self->bills.all[i];
    if (self->bill != NULL) {
        self->watermark = self->bill->watermark;
        return true;
    }
    return choose_book(self, db, month, book, err) && receipt_watermark(db, &self->watermark, err);
}

MUST_CHECK bool
billed_side_open(BilledSide *self, Db *db, Err *err)
{
    const VerifyPeriod period = {self->start_us, self->end_us};
    const RateOptions options = rate_options_of(self->tenant, self->start_us, self->end_us, has_free_tier(self));
    self->rows = rating_rows_new(err);
    bool done = self->rows != NULL;
    for (size_t i = 0; done && i < self->account.count; i++)
        done = verify_derive(db, &self->account.all[i], &period, self->watermark, book_of(self), self->rows, err);
    if (done)
        self->worth = worth_new(self->rows, book_of(self), &options, self->tenant->account, self->tenant->name, err);
    return self->worth != NULL;
}

MUST_CHECK bool
billed_side_find(BilledSide *self, Db *db, const char *name, UtcMonth month, const char *book, Err *err)
{
    *self = (BilledSide){.name = strdup(name)};
    if (self->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a tenant");
    if (!rate_tenants_read(&self->account, db, name, month, err) || !rate_periods_set(&self->account, db, err))
        return false;
    self->tenant = rate_tenants_find(&self->account, name);
    return choose_bill(self, db, month, book, err);
}

void
billed_side_free(BilledSide *self)
{
    worth_free(&self->worth);
    rating_rows_free(&self->rows);
    book_calendar_free(&self->calendar);
    bills_free(&self->bills);
    rate_tenants_free(&self->account);
    free(self->name);
}

MUST_CHECK bool
billed_side_tell(const BilledSide *self, Json *object, Err *err)
{
    Json *book = document_price_book(book_of(self), err);
    return book != NULL &&
           json_add(object, "invoice", self->bill == NULL ? NULL : json_object_get(self->bill->head), err) &&
           json_add_int(object, "receipt_watermark", self->watermark, err) &&
           json_add(object, "price_book", book, err) && json_add_bool(object, "free_tier", has_free_tier(self), err);
}

/* ---- its records ---- */

typedef struct Spreading {
    const BilledSide *side;
    uint32_t number;
    Spill *spill;
    uint64_t order;
    ReconcileSide kind;
} Spreading;

static bool
spread_record(Spreading *self, ReconcileEntry *entry, Err *err)
{
    entry->tenant = self->number;
    entry->order = self->order++;
    entry->inside =
        entry->record.started_at_us >= self->side->start_us && entry->record.started_at_us < self->side->end_us;
    reconcile_key(entry);
    return spill_add(self->spill, entry, err);
}

static bool
spread_counted(void *context, const CountedRecord *counted, Err *err)
{
    Spreading *self = context;
    ReconcileEntry entry = {.side = counted->reversed ? RECONCILE_REVERSED : self->kind,
                            .place = counted->place,
                            .ordinal = counted->ordinal,
                            .record = counted->record};
    return spread_record(self, &entry, err);
}

/** Evidence up to the watermark, or what came after it. */
static bool
spread_evidence(Spreading *self, Db *db, ReconcileSide kind, Err *err)
{
    const BilledSide *from = self->side;
    const VerifyPeriod period = {from->start_us - UTC_DAY_US, from->end_us + UTC_DAY_US};
    bool billed = kind == RECONCILE_BILLED;
    self->kind = kind;
    if (billed)
        return counted_and_reversed(db, from->tenant->tenant_id, &period, from->watermark, spread_counted, self, err);
    return counted_records(db, from->tenant->tenant_id, &period, from->watermark, INT64_MAX, spread_counted, self, err);
}

static bool
spread_quarantined(void *context, const QuarantineRow *row, Err *err)
{
    Spreading *self = context;
    Err unreadable = {0};
    UsageBatch *batch = usage_batch_unpack_unchecked(row->payload.data, row->payload.length, &unreadable);
    bool done = true;
    if (batch != NULL && usage_batch_records(batch) > 0 && row->replayed_at[0] == '\0') {
        ReconcileEntry entry = {.side = RECONCILE_QUARANTINED, .number = (uint64_t) row->id};
        snprintf(entry.reason, sizeof(entry.reason), "%s", row->reason);
        usage_batch_record(batch, 0, &entry.record);
        done = spread_record(self, &entry, err);
    }
    usage_batch_free(&batch);
    return done;
}

MUST_CHECK bool
billed_side_spread(const BilledSide *self, Db *db, uint32_t number, Spill *spill, Err *err)
{
    Spreading spreading = {.side = self, .number = number, .spill = spill};
    const QuarantineFilter waiting = {.tenant = self->name, .format = "record", .open_only = true};
    const VerifyPeriod period = {self->start_us, self->end_us};
    int64_t late = 0;
    return spread_evidence(&spreading, db, RECONCILE_BILLED, err) &&
           counted_late(db, self->tenant->tenant_id, &period, self->watermark, &late, err) &&
           (late == 0 || spread_evidence(&spreading, db, RECONCILE_LATE, err)) &&
           quarantine_stream(db, &waiting, spread_quarantined, &spreading, err);
}
