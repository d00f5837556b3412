/* One tenant's month of a backfill: its fresh usage, and what it does to the bills. See backfill.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "rater/backfill.h"
#include "rater/bill_changes.h"
#include "rater/book_binding.h"
#include "rater/rate_contracts.h"
#include "rater/rate_month.h"
#include "rater/rate_tenants.h"
#include "rater/record_row.h"
#include "rater/tally.h"
#include "schema/bill_store.h"

/** The sums of one configuration. */
typedef struct BackfillSum {
    RatingRow row;
    char *function;
    char *region;
} BackfillSum;

/* ---- usage ---- */

static bool
is_same(const BackfillSum *sum, const RatingRow *row, const UsageRecord *record)
{
    return sum->row.part == row->part && sum->row.architecture == row->architecture && sum->row.mode == row->mode &&
           sum->row.package == row->package && sum->row.memory_mb == row->memory_mb &&
           sum->row.ephemeral_mb == row->ephemeral_mb && text_is(record->function, sum->function) &&
           text_is(record->region, sum->region);
}

static void
sum_add(RatingRow *to, const RatingRow *row)
{
    to->invocations += row->invocations;
    to->errors += row->errors;
    to->timeouts += row->timeouts;
    to->duration_1ms += row->duration_1ms;
    to->duration_100ms += row->duration_100ms;
    to->with_init_1ms += row->with_init_1ms;
    to->with_init_100ms += row->with_init_100ms;
    to->cpu_us += row->cpu_us;
    to->streamed_bytes += row->streamed_bytes;
    to->capacity_records += row->capacity_records;
    to->capacity_1s += row->capacity_1s;
    to->capacity_300s += row->capacity_300s;
}

/** The sum of a configuration, made when new; what came last is looked at first. */
static BackfillSum *
sum_of(BackfillMonth *self, const RatingRow *row, const UsageRecord *record, Err *err)
{
    if (self->sum_last < self->sum_count && is_same(&self->sums[self->sum_last], row, record))
        return &self->sums[self->sum_last];
    for (size_t i = 0; i < self->sum_count; i++) {
        if (is_same(&self->sums[i], row, record)) {
            self->sum_last = i;
            return &self->sums[i];
        }
    }
    if (!array_grow(&self->sums, &self->sum_room, self->sum_count, sizeof *self->sums, err))
        return NULL;
    BackfillSum *sum = &self->sums[self->sum_count];
    *sum = (BackfillSum){.function = text_duplicate(record->function), .region = text_duplicate(record->region)};
    self->sum_last = self->sum_count++;
    if (sum->function == NULL || sum->region == NULL) {
        err_set(err, ERR_NOMEM, "no memory for usage");
        return NULL;
    }
    sum->row = (RatingRow){.part = row->part,
                           .architecture = row->architecture,
                           .mode = row->mode,
                           .package = row->package,
                           .memory_mb = row->memory_mb,
                           .ephemeral_mb = row->ephemeral_mb};
    return sum;
}

MUST_CHECK bool
backfill_month_add(BackfillMonth *self, const UsageRecord *record, Err *err)
{
    RatingRow row;
    if (!record_row(record, &row, err))
        return false;
    self->fresh++;
    const UsageSum memory_mb = (uint64_t) row.memory_mb;
    self->mb_ms += row.duration_1ms * memory_mb;
    if (self->is_new_tenant)
        return true;
    row.part = price_book_part_at(self->book, record->started_at_us);
    if (tally_beyond_rollups(self->book) != NULL) {
        const size_t place = rating_rows_count(self->rows);
        bool done = record_row_add(self->rows, self->account, self->tenant, record, err);
        rating_rows_set_part(self->rows, place, row.part);
        return done;
    }
    BackfillSum *sum = sum_of(self, &row, record, err);
    if (sum != NULL)
        sum_add(&sum->row, &row);
    return sum != NULL;
}

MUST_CHECK bool
backfill_month_rows(BackfillMonth *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->sum_count; i++) {
        const BackfillSum *sum = &self->sums[i];
        const RatingNames names = {text_of(self->account), text_of(self->tenant), text_of(sum->function),
                                   text_of(sum->region)};
        done = rating_rows_add(self->rows, &names, &sum->row, err);
    }
    return done;
}

void
backfill_month_free(BackfillMonth *self)
{
    for (size_t i = 0; i < self->sum_count; i++) {
        free(self->sums[i].function);
        free(self->sums[i].region);
    }
    free(self->sums);
    rating_rows_free(&self->rows);
    free(self->account);
}

/* ---- bills ---- */

typedef struct Billed {
    const char *tenant;
    Json *object;
    bool is_final;
} Billed;

static bool
take_final(void *context, const BillRow *row, Err *err)
{
    Billed *billed = context;
    if (strcmp(row->tenant, billed->tenant) != 0)
        return true;
    billed->is_final = true;
    return json_add_text(billed->object, "final_invoice", row->number, err) &&
           json_add_text(billed->object, "billed", row->total, err);
}

/** Rate one member of the account, with or without what is fresh, into a side of its change. */
static bool
rate_member(Db *db, const BackfillMonth *month, const RateTenant *member, bool with_fresh, BillChanges *changes,
            Err *err)
{
    RateReport report = {0};
    const RateRequest request = {.month = month->month,
                                 .tenant = member->name,
                                 .dry_run = true,
                                 .free_tier = true,
                                 .calendar = month->calendar,
                                 .price_book = month->price_book,
                                 .inside = true,
                                 .more = with_fresh ? month->rows : NULL};
    BillChange *change = bill_changes_of(changes, member->name, member->account, err);
    bool done = change != NULL && rate_month(db, NULL, &request, &report, err);
    for (size_t i = 0; done && i < report.outcome_count; i++)
        done = strcmp(report.outcomes[i].tenant, member->name) != 0 ||
               bill_side_set(with_fresh ? &change->after : &change->before, NULL, NULL, report.outcomes[i].currency,
                             report.outcomes[i].total, err);
    for (size_t i = 0; done && i < report.skip_count; i++)
        done = bill_changes_skip(changes, report.skips[i].account, report.skips[i].message, err);
    rate_report_free(&report);
    return done;
}

enum { MONTHS_OF_A_YEAR = 12 };

static int64_t
months_apart(UtcMonth earlier, UtcMonth later)
{
    return (int64_t) (later.year - earlier.year) * MONTHS_OF_A_YEAR + later.month - earlier.month;
}

/** The first month after `month` that the tenant has no final invoice for: what would be billed next. */
static bool
next_billed(Db *db, const char *tenant, UtcMonth month, UtcMonth *next, Err *err)
{
    bool done = true;
    bool is_final = true;
    for (*next = month; done && is_final;) {
        Json *unused = json_new_object(err);
        Billed billed = {tenant, unused, false};
        *next = utc_month_next(*next);
        done = unused != NULL && bill_visit(db, *next, tenant, "final", take_final, &billed, err);
        is_final = billed.is_final;
        json_object_put(unused);
    }
    return done;
}

/** Is late usage of a month too old for the contract by which the tenant is billed next? */
static bool
is_too_old(Db *db, const BackfillMonth *month, const RateTenant *member, bool *too_old, Err *err)
{
    UtcMonth next;
    RateContracts contracts = {0};
    bool done =
        next_billed(db, member->name, month->month, &next, err) && rate_contracts_read(&contracts, db, next, err);
    const RateContract *contract = done ? rate_contracts_find(&contracts, member->tenant_id) : NULL;
    *too_old = contract != NULL && contract->contract != NULL && contract->contract->late_months >= 0 &&
               months_apart(month->month, next) > contract->contract->late_months;
    rate_contracts_free(&contracts);
    return done;
}

static const char *
leads_to(const BillChange *change, bool is_final, bool too_old)
{
    if (change->difference == NULL || strcmp(change->difference, "0") == 0 ||
        strspn(change->difference, "-+0.") == strlen(change->difference))
        return "no_difference";
    if (!is_final)
        return "draft";
    if (change->difference[0] == '-')
        return "credit_note";
    return too_old ? "written_off" : "adjustment";
}

static bool
tell_bill(Db *db, const BackfillMonth *month, const RateTenants *members, const BillChange *change, Json *bills,
          Err *err)
{
    const RateTenant *member = rate_tenants_find(members, change->tenant);
    bool too_old = false;
    Json *object = json_new_object(err);
    Billed billed = {change->tenant, object, false};
    bool done = object != NULL && json_append(bills, object, err) &&
                json_add_text(object, "tenant", change->tenant, err) &&
                bill_visit(db, month->month, change->tenant, "final", take_final, &billed, err) &&
                (!billed.is_final || member == NULL || is_too_old(db, month, member, &too_old, err));
    return done && json_add_text(object, "as_it_stands", change->before.total, err) &&
           json_add_text(object, "would_be", change->after.total, err) &&
           json_add_text(object, "difference", change->difference, err) &&
           json_add_text(object, "currency", change->after.currency, err) &&
           json_add_text(object, "reason", change->reason, err) &&
           json_add_text(object, "leads_to", leads_to(change, billed.is_final, too_old), err);
}

/** A tenant without usage of its own in the month had no bill: the difference is the whole one. */
static bool
nothing_before(BillChange *change, Err *err)
{
    return change->before.total != NULL || change->after.total == NULL ||
           bill_side_set(&change->before, NULL, NULL, change->after.currency, "0", err);
}

MUST_CHECK bool
backfill_bills(Db *db, BackfillMonth *month, Json *object, Err *err)
{
    RateTenants members = {0};
    BillChanges changes = {0};
    Json *bills = json_new_array(err);
    bool done = bills != NULL && json_add(object, "bills", bills, err) && backfill_month_rows(month, err) &&
                rate_tenants_read(&members, db, month->tenant, month->month, err);
    for (size_t i = 0; done && i < members.count; i++)
        done = rate_member(db, month, &members.all[i], false, &changes, err) &&
               rate_member(db, month, &members.all[i], true, &changes, err);
    for (size_t i = 0; done && i < changes.count; i++)
        done = nothing_before(&changes.all[i], err);
    done = done && bill_changes_finish(&changes, err);
    for (size_t i = 0; done && i < changes.count; i++)
        if (bill_change_is_one(&changes.all[i]) || strcmp(changes.all[i].tenant, month->tenant) == 0)
            done = tell_bill(db, month, &members, &changes.all[i], bills, err);
    bill_changes_free(&changes);
    rate_tenants_free(&members);
    return done;
}
