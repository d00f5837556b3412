#include "rater/backfill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "rater/counted.h"
#include "rater/rate_book.h"
#include "rater/rate_books.h"
#include "rater/rate_periods.h"
#include "rater/rate_tenants.h"
#include "rater/reconcile_spill.h"
#include "schema/duplicates.h"
#include "schema/tenant_store.h"
#include "schema/verify_store.h"

enum { MB_MS_PER_GB_S = 1024000, THOUSANDTHS = 1000, BILL_TEXT_BYTES = 64 };

/** A tenant that the files name. */
typedef struct BackfillTenant {
    char *name;
    int64_t tenant_id; /* 0: it is new */
    int64_t first_us;  /* starts of its records in the files */
    int64_t last_us;
} BackfillTenant;

typedef struct Backfill {
    Db *db;
    const BackfillRequest *request;
    BookCalendar *calendar;
    Spill *spill;
    HashKey key;
    BackfillTenant *tenants;
    size_t tenant_count, tenant_room;
    BackfillMonth *months;
    size_t month_count, month_room;
    LineReader *reader;
    uint64_t order;
    uint64_t unreadable;
    Json *files;
} Backfill;

/* ---- the files ---- */

static bool
tenant_number(Backfill *self, Text name, uint32_t *number, Err *err)
{
    for (*number = 0; *number < self->tenant_count; ++*number)
        if (text_is(name, self->tenants[*number].name))
            return true;
    if (!array_grow(&self->tenants, &self->tenant_room, self->tenant_count, sizeof *self->tenants, err))
        return false;
    BackfillTenant *tenant = &self->tenants[self->tenant_count];
    *tenant = (BackfillTenant){.name = text_duplicate(name), .first_us = INT64_MAX, .last_us = INT64_MIN};
    if (tenant->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a tenant");
    self->tenant_count++;
    return tenant_ids(self->db, &name, 1, &tenant->tenant_id, err);
}

/** What has the same identity, of the same tenant, lies in the same partition. */
static bool
spread(Backfill *self, ReconcileEntry *entry, Err *err)
{
    duplicates_identity(&entry->record, &self->key, entry->key);
    for (size_t i = 0; i < sizeof entry->tenant; i++)
        entry->key[i] ^= (uint8_t) (entry->tenant >> (8 * i));
    entry->order = self->order++;
    return spill_add(self->spill, entry, err);
}

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    Backfill *self = caller;
    ReconcileEntry entry = {.side = RECONCILE_FILE, .record = *record};
    if (!tenant_number(self, record->tenant, &entry.tenant, err))
        return false;
    BackfillTenant *tenant = &self->tenants[entry.tenant];
    tenant->first_us = record->started_at_us < tenant->first_us ? record->started_at_us : tenant->first_us;
    tenant->last_us = record->started_at_us > tenant->last_us ? record->started_at_us : tenant->last_us;
    return spread(self, &entry, err);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    (void) rejected;
    (void) err;
    ((Backfill *) caller)->unreadable++;
    return true;
}

static bool
read_files(Backfill *self, Err *err)
{
    const BackfillRequest *request = self->request;
    const ImportSink sink = {take_record, take_rejected, self};
    bool done = true;
    for (size_t i = 0; done && i < request->path_count; i++) {
        ImportFormat format;
        ImportCounts counts;
        Json *file = json_new_object(err);
        done = file != NULL && json_append(self->files, file, err) &&
               log_file_read(request->paths[i], &request->reading, &sink, &self->reader, &format, &counts, err) &&
               json_add_text(file, "file", request->paths[i], err) &&
               json_add_text(file, "format", import_format_name(format), err) &&
               json_add_int(file, "lines", (int64_t) counts.lines, err) &&
               json_add_int(file, "records", (int64_t) counts.records, err) &&
               json_add_int(file, "unreadable", (int64_t) counts.rejected, err);
    }
    return done;
}

/* ---- what is there ---- */

typedef struct Spreading {
    Backfill *backfill;
    uint32_t tenant;
} Spreading;

static bool
spread_counted(void *context, const CountedRecord *counted, Err *err)
{
    const Spreading *spreading = context;
    ReconcileEntry entry = {.side = counted->reversed ? RECONCILE_REVERSED : RECONCILE_BILLED,
                            .tenant = spreading->tenant,
                            .record = counted->record};
    return spread(spreading->backfill, &entry, err);
}

/** The months that the files touch, and the neighbouring days: where the search for duplicates looks. */
static bool
read_evidence(Backfill *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->tenant_count; i++) {
        const BackfillTenant *tenant = &self->tenants[i];
        if (tenant->tenant_id == 0)
            continue;
        Spreading spreading = {self, (uint32_t) i};
        const VerifyPeriod period = {utc_month_start_us(utc_month_of(tenant->first_us)) - UTC_DAY_US,
                                     utc_month_end_us(utc_month_of(tenant->last_us)) + UTC_DAY_US};
        done = counted_and_reversed(self->db, tenant->tenant_id, &period, INT64_MAX, spread_counted, &spreading, err);
    }
    return done;
}

/* ---- which is new ---- */

static bool
open_month(Backfill *self, BackfillMonth *month, Err *err)
{
    RateTenants members = {0};
    RateContracts contracts = {0};
    month->rows = rating_rows_new(err);
    bool done = month->rows != NULL;
    if (done && !month->is_new_tenant) {
        month->calendar = self->calendar;
        month->price_book = self->request->book;
        done = rate_tenants_read(&members, self->db, month->tenant, month->month, err) &&
               rate_contracts_read(&contracts, self->db, month->month, err);
        const RateTenant *tenant = done ? rate_tenants_find(&members, month->tenant) : NULL;
        const RateContract *contract = tenant == NULL ? NULL : rate_contracts_find(&contracts, tenant->tenant_id);
        month->book =
            !done ? NULL
                  : rate_book_of(self->calendar, rate_books_name(contract, month->price_book), &month->period, err);
        done = month->book != NULL;
        month->account = tenant == NULL ? NULL : strdup(tenant->account);
        if (done && month->account == NULL)
            done = err_set(err, ERR_NOMEM, "no memory for the account of tenant '%s'", month->tenant);
    }
    rate_contracts_free(&contracts);
    rate_tenants_free(&members);
    return done;
}

/** The tenant's billing period that holds an instant. It starts in the UTC month of the instant or in one beside it. */
static bool
period_at(Backfill *self, const BackfillTenant *tenant, int64_t at_us, BillingPeriod *period, Err *err)
{
    *period = billing_period_utc(utc_month_of(at_us));
    const UtcMonth months[] = {utc_month_previous(period->month), period->month, utc_month_next(period->month)};
    bool done = true;
    bool found = tenant->tenant_id == 0;
    for (size_t i = 0; done && !found && i < sizeof months / sizeof *months; i++) {
        RateTenants members = {0};
        done = rate_tenants_read(&members, self->db, tenant->name, months[i], err) &&
               rate_periods_set(&members, self->db, err);
        const RateTenant *member = done ? rate_tenants_find(&members, tenant->name) : NULL;
        found = member != NULL && at_us >= member->period.start_us && at_us < member->period.end_us;
        if (found)
            *period = member->period;
        rate_tenants_free(&members);
    }
    return done;
}

static BackfillMonth *
month_of(Backfill *self, uint32_t number, int64_t started_at_us, Err *err)
{
    const BackfillTenant *tenant = &self->tenants[number];
    for (size_t i = 0; i < self->month_count; i++)
        if (self->months[i].tenant == tenant->name && started_at_us >= self->months[i].period.start_us &&
            started_at_us < self->months[i].period.end_us)
            return &self->months[i];
    BillingPeriod period;
    if (!period_at(self, tenant, started_at_us, &period, err) ||
        !array_grow(&self->months, &self->month_room, self->month_count, sizeof *self->months, err))
        return NULL;
    BackfillMonth *made = &self->months[self->month_count++];
    *made = (BackfillMonth){
        .tenant = tenant->name, .is_new_tenant = tenant->tenant_id == 0, .month = period.month, .period = period};
    return open_month(self, made, err) ? made : NULL;
}

static bool
take_decided(Backfill *self, const ReconcileEntry *entry, DuplicateVerdict verdict, const ReconcileEntry *kept,
             Err *err)
{
    BackfillMonth *month = month_of(self, entry->tenant, entry->record.started_at_us, err);
    if (month == NULL)
        return false;
    if (verdict == DUPLICATE_KEPT)
        return backfill_month_add(month, &entry->record, err);
    month->conflicts += verdict == DUPLICATE_CONFLICT;
    if (verdict != DUPLICATE_CONFLICT) {
        month->repeated += kept->side == RECONCILE_FILE;
        month->known += kept->side != RECONCILE_FILE;
        month->reversed += kept->side == RECONCILE_REVERSED;
    }
    return true;
}

/** Records of one identity: what is there first, then the files' in their order. */
static bool
decide(Backfill *self, const ReconcileEntry *entries, size_t count, Err *err)
{
    DuplicateCandidate *candidates = calloc(count, sizeof *candidates);
    DuplicateDecision *decisions = calloc(count, sizeof *decisions);
    bool done = candidates != NULL && decisions != NULL;
    if (!done)
        err_set(err, ERR_NOMEM, "no memory to compare %zu records", count);
    for (size_t i = 0; done && i < count; i++)
        duplicates_describe(&candidates[i], &entries[i].record, &self->key);
    if (done)
        duplicates_decide(candidates, count, decisions);
    for (size_t i = 0; done && i < count; i++)
        if (entries[i].side == RECONCILE_FILE)
            done = take_decided(self, &entries[i], decisions[i].verdict, &entries[decisions[i].kept], err);
    free(candidates);
    free(decisions);
    return done;
}

static int
compare_entries(const void *left, const void *right)
{
    const ReconcileEntry *a = left;
    const ReconcileEntry *b = right;
    int order = memcmp(a->key, b->key, RECONCILE_KEY_BYTES);
    if (order == 0)
        order = (a->side == RECONCILE_FILE) - (b->side == RECONCILE_FILE);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static bool
decide_part(Backfill *self, SpillPart *part, Err *err)
{
    bool done = true;
    if (part->count > 0)
        qsort(part->entries, part->count, sizeof *part->entries, compare_entries);
    for (size_t from = 0, to = 0; done && from < part->count; from = to) {
        while (to < part->count && memcmp(part->entries[from].key, part->entries[to].key, RECONCILE_KEY_BYTES) == 0)
            to++;
        done = decide(self, part->entries + from, to - from, err);
    }
    return done;
}

static bool
decide_all(Backfill *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < SPILL_PARTITIONS; i++) {
        SpillPart part = {0};
        done = spill_load(self->spill, i, &part, err) && decide_part(self, &part, err);
        spill_part_free(&part);
    }
    return done;
}

/* ---- the answer ---- */

static int
compare_months(const void *left, const void *right)
{
    const BackfillMonth *a = left;
    const BackfillMonth *b = right;
    int order = strcmp(a->tenant, b->tenant);
    if (order != 0)
        return order;
    return a->month.year != b->month.year ? a->month.year - b->month.year : a->month.month - b->month.month;
}

/** GB-seconds to three decimals, cut off. */
static bool
tell_quantity(Json *object, UsageSum mb_ms, Err *err)
{
    char text[BILL_TEXT_BYTES];
    const UsageSum thousandths = mb_ms * THOUSANDTHS / MB_MS_PER_GB_S;
    snprintf(text, sizeof text, "%llu.%03u", (unsigned long long) (thousandths / THOUSANDTHS),
             (unsigned) (thousandths % THOUSANDTHS));
    return json_add_text(object, "gb_seconds", text, err);
}

static bool
tell_month(Backfill *self, BackfillMonth *month, Json *months, Err *err)
{
    char text[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    bool done =
        object != NULL && json_append(months, object, err) && json_add_text(object, "tenant", month->tenant, err) &&
        json_add_bool(object, "new_tenant", month->is_new_tenant, err) &&
        json_add_text(object, "month", utc_month_format(month->month, text), err) &&
        json_add_int(object, "new", month->fresh, err) && json_add_int(object, "known", month->known, err) &&
        json_add_int(object, "reversed", month->reversed, err) &&
        json_add_int(object, "conflicts", month->conflicts, err) &&
        json_add_int(object, "repeated_in_files", month->repeated, err) && tell_quantity(object, month->mb_ms, err);
    return done && (month->is_new_tenant || month->fresh == 0 || backfill_bills(self->db, month, object, err));
}

static bool
tell(Backfill *self, Json *answer, Err *err)
{
    Json *months = json_new_array(err);
    bool done = months != NULL && json_add(answer, "months", months, err) &&
                json_add(answer, "files", json_object_get(self->files), err) &&
                json_add_int(answer, "unreadable", (int64_t) self->unreadable, err);
    if (self->month_count > 0)
        qsort(self->months, self->month_count, sizeof *self->months, compare_months);
    for (size_t i = 0; done && i < self->month_count; i++)
        done = tell_month(self, &self->months[i], months, err);
    return done;
}

/* ---- the whole ---- */

static void
backfill_close(Backfill *self)
{
    for (size_t i = 0; i < self->month_count; i++)
        backfill_month_free(&self->months[i]);
    for (size_t i = 0; i < self->tenant_count; i++)
        free(self->tenants[i].name);
    free(self->months);
    free(self->tenants);
    spill_free(&self->spill);
    book_calendar_free(&self->calendar);
    json_object_put(self->files);
}

MUST_CHECK Json *
backfill_try(Db *db, const BackfillRequest *request, Err *err)
{
    Backfill self = {.db = db, .request = request};
    random_bytes(&self.key, sizeof self.key);
    Json *answer = json_new_object(err);
    self.files = json_new_array(err);
    self.spill = spill_new(err);
    self.calendar = self.spill == NULL ? NULL : book_calendar_new(db, err);
    bool done = answer != NULL && self.files != NULL && self.calendar != NULL && verify_begin(db, err) &&
                read_files(&self, err) && read_evidence(&self, err) && decide_all(&self, err) &&
                tell(&self, answer, err);
    db_rollback(db);
    backfill_close(&self);
    if (done)
        return answer;
    json_object_put(answer);
    return NULL;
}
