#include "rater/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/reconcile_bill.h"
#include "rater/reconcile_row.h"
#include "schema/verify_store.h"

/** What became of one tenant's rows. */
typedef struct TenantResult {
    BilledSide side;
    int64_t counts[RECONCILE_STATUS_COUNT];
    int64_t late; /* of those that are not billed */
    int64_t reversed;
    int64_t quarantined;
    int64_t worthless; /* rows that could not be rated */
    mpq_t worth;       /* sum over the rows */
} TenantResult;

typedef struct Reconciler {
    Db *db;
    const ReconcileRequest *request;
    Spill *spill;
    TenantResult tenants[RECONCILE_TENANTS_MAX];
    uint32_t tenant_count;
    /* the file that is read */
    LineReader *reader;
    uint32_t file;
    uint64_t order;
    int64_t outside, strangers, unreadable;
    Json *files;
    /* the answer */
    ReconcileRow row;
    void *context;
    int64_t differences;
} Reconciler;

/* ---- the files ---- */

/** The tenant's number; one that is new has its bill found. */
static bool
tenant_number(Reconciler *self, Text name, uint32_t *number, Err *err)
{
    for (*number = 0; *number < self->tenant_count; ++*number)
        if (text_is(name, self->tenants[*number].side.name))
            return true;
    if (self->tenant_count == RECONCILE_TENANTS_MAX) {
        err_set(err, ERR_RANGE, "the files name more than %d tenants", RECONCILE_TENANTS_MAX);
        return err_hint(err, "say which one with --tenant");
    }
    char *copy = text_duplicate(name);
    bool done = copy != NULL || err_set(err, ERR_NOMEM, "no memory for a tenant");
    done = done && billed_side_find(&self->tenants[self->tenant_count++].side, self->db, copy, self->request->month,
                                    self->request->book, err);
    free(copy);
    return done;
}

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    Reconciler *self = caller;
    if (self->request->tenant != NULL && !text_is(record->tenant, self->request->tenant)) {
        self->strangers++;
        return true;
    }
    ReconcileEntry entry = {.side = RECONCILE_FILE,
                            .file = self->file,
                            .number = line_reader_number(self->reader),
                            .order = self->order++,
                            .record = *record};
    if (!tenant_number(self, record->tenant, &entry.tenant, err))
        return false;
    const BilledSide *side = &self->tenants[entry.tenant].side;
    entry.inside = record->started_at_us >= side->start_us && record->started_at_us < side->end_us;
    self->outside += entry.inside ? 0 : 1;
    if (record->started_at_us < side->start_us - UTC_DAY_US || record->started_at_us >= side->end_us + UTC_DAY_US)
        return true;
    reconcile_key(&entry);
    return spill_add(self->spill, &entry, err);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    Reconciler *self = caller;
    self->unreadable++;
    self->differences++;
    Json *row = reconcile_row_unreadable(rejected, self->request->paths[self->file], err);
    bool done = row != NULL && self->row(self->context, row, err);
    json_object_put(row);
    return done;
}

static bool
tell_file(Reconciler *self, const char *path, ImportFormat format, const ImportCounts *counts, Err *err)
{
    Json *file = json_new_object(err);
    return file != NULL && json_append(self->files, file, err) && json_add_text(file, "file", path, err) &&
           json_add_text(file, "format", import_format_name(format), err) &&
           json_add_int(file, "lines", (int64_t) counts->lines, err) &&
           json_add_int(file, "records", (int64_t) counts->records, err) &&
           json_add_int(file, "skipped", (int64_t) counts->skipped, err) &&
           json_add_int(file, "unreadable", (int64_t) counts->rejected, err) &&
           json_add_int(file, "outside_month", self->outside, err) &&
           json_add_int(file, "other_tenants", self->strangers, err);
}

static bool
read_file(Reconciler *self, const char *path, Err *err)
{
    const ImportSink sink = {take_record, take_rejected, self};
    ImportFormat format;
    ImportCounts counts;
    self->outside = self->strangers = 0;
    return log_file_read(path, &self->request->reading, &sink, &self->reader, &format, &counts, err) &&
           tell_file(self, path, format, &counts, err);
}

static bool
read_files(Reconciler *self, Err *err)
{
    uint32_t number = 0;
    bool done = true;
    if (self->request->tenant != NULL) /* its bill counts even when the files say nothing of it */
        done = tenant_number(self, text_of(self->request->tenant), &number, err);
    for (; done && self->file < self->request->path_count; self->file++)
        done = read_file(self, self->request->paths[self->file], err);
    return done;
}

/* ---- the bills ---- */

static bool
read_bills(Reconciler *self, Err *err)
{
    bool done = true;
    for (uint32_t i = 0; done && i < self->tenant_count; i++) {
        TenantResult *tenant = &self->tenants[i];
        done = billed_side_open(&tenant->side, self->db, err) &&
               billed_side_spread(&tenant->side, self->db, i, self->spill, err);
    }
    return done;
}

/* ---- the comparison ---- */

/** The worth of a row; `*known` false: there is no price for what the file says. */
static bool
rate_match(TenantResult *tenant, const ReconcileMatch *match, mpq_t worth, bool *known, Err *err)
{
    UsageRecord more;
    const UsageRecord *less = match->bill != NULL && match->bill->inside ? &match->bill->record : NULL;
    bool adds = match->file != NULL && match->file->inside;
    *known = true;
    if (adds)
        more = match->bill == NULL ? match->file->record
                                   : reconcile_as_in_file(&match->file->record, &match->bill->record, match->differs);
    Err reason = {0};
    if (worth_of(tenant->side.worth, less, adds ? &more : NULL, worth, &reason))
        return true;
    *known = false;
    tenant->worthless++;
    return reason.code == ERR_INPUT || err_set(err, reason.code, "%s", reason.message);
}

static bool
take_match(void *context, const ReconcileMatch *match, Err *err)
{
    Reconciler *self = context;
    TenantResult *tenant = &self->tenants[(match->file != NULL ? match->file : match->bill)->tenant];
    bool counts_once = match->status == RECONCILE_REPEATED || match->status == RECONCILE_CONTRADICTS;
    bool rated = match->status != RECONCILE_MATCHED && !counts_once;
    bool known = false;
    tenant->counts[match->status]++;
    tenant->late += !counts_once && match->other != NULL && match->other->side == RECONCILE_LATE;
    tenant->reversed += !counts_once && match->other != NULL && match->other->side == RECONCILE_REVERSED;
    tenant->quarantined += !counts_once && match->other != NULL && match->other->side == RECONCILE_QUARANTINED;
    self->differences += match->status != RECONCILE_MATCHED && match->status != RECONCILE_REPEATED;
    if (match->status == RECONCILE_MATCHED && !self->request->all)
        return true;
    mpq_t worth;
    mpq_init(worth);
    bool done = !rated || rate_match(tenant, match, worth, &known, err);
    mpq_add(tenant->worth, tenant->worth, worth);
    const ReconcileTold told = {.tenant = tenant->side.name,
                                .paths = self->request->paths,
                                .currency = worth_book(tenant->side.worth)->currency,
                                .worth = known ? worth : NULL};
    Json *row = done ? reconcile_row(match, &told, err) : NULL;
    done = row != NULL && self->row(self->context, row, err);
    json_object_put(row);
    mpq_clear(worth);
    return done;
}

static bool
compare_all(Reconciler *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < SPILL_PARTITIONS; i++) {
        SpillPart part = {0};
        done = spill_load(self->spill, i, &part, err) &&
               reconcile_match(part.entries, part.count, self->request->fields, take_match, self, err);
        spill_part_free(&part);
    }
    return done;
}

/* ---- the summary ---- */

static bool
tell_total(Json *object, const char *key, const WorthTotal *total, const PriceBook *book, Err *err)
{
    Json *entry = json_new_object(err);
    return entry != NULL && json_add(object, key, entry, err) &&
           document_add_money(entry, "amount", total->amount, book, err) &&
           document_add_exact(entry, "amount_exact", total->exact, err);
}

static bool
tell_worth(const TenantResult *tenant, Json *object, Err *err)
{
    WorthTotal billed, in_files;
    mpq_inits(billed.exact, billed.amount, in_files.exact, in_files.amount, NULL);
    const PriceBook *book = worth_book(tenant->side.worth);
    bool done = worth_total(tenant->side.worth, &billed, &in_files, err) &&
                json_add_text(object, "currency", book->currency, err) &&
                document_add_exact(object, "worth_exact", tenant->worth, err) &&
                json_add_int(object, "rows_without_price", tenant->worthless, err) &&
                tell_total(object, "as_billed", &billed, book, err) &&
                tell_total(object, "as_in_files", &in_files, book, err);
    mpq_clears(billed.exact, billed.amount, in_files.exact, in_files.amount, NULL);
    return done;
}

static bool
tell_tenant(const TenantResult *tenant, Json *object, Err *err)
{
    Json *counts = json_new_object(err);
    bool done = json_add_text(object, "tenant", tenant->side.name, err) &&
                billed_side_tell(&tenant->side, object, err) && counts != NULL &&
                json_add(object, "counts", counts, err);
    for (size_t i = 0; done && i < RECONCILE_STATUS_COUNT; i++)
        done = json_add_int(counts, RECONCILE_STATUS_NAMES[i], tenant->counts[i], err);
    return done && json_add_int(counts, "late", tenant->late, err) &&
           json_add_int(counts, "reversed", tenant->reversed, err) &&
           json_add_int(counts, "quarantined", tenant->quarantined, err) && tell_worth(tenant, object, err);
}

static bool
tell_summary(Reconciler *self, Json *summary, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *tenants = json_new_array(err);
    bool done = json_add_text(summary, "month", utc_month_format(self->request->month, month), err) &&
                tenants != NULL && json_add(summary, "tenants", tenants, err);
    for (uint32_t i = 0; done && i < self->tenant_count; i++) {
        Json *object = json_new_object(err);
        done = object != NULL && json_append(tenants, object, err) && tell_tenant(&self->tenants[i], object, err);
    }
    return done && json_add(summary, "files", json_object_get(self->files), err) &&
           json_add_int(summary, "unreadable", self->unreadable, err) &&
           json_add_int(summary, "differences", self->differences, err);
}

/* ---- the whole ---- */

static void
reconciler_free(Reconciler *self)
{
    for (uint32_t i = 0; i < RECONCILE_TENANTS_MAX; i++) {
        billed_side_free(&self->tenants[i].side);
        mpq_clear(self->tenants[i].worth);
    }
    spill_free(&self->spill);
    json_object_put(self->files);
    free(self);
}

MUST_CHECK Json *
reconcile(Db *db, const ReconcileRequest *request, ReconcileRow row, void *context, int64_t *differences, Err *err)
{
    Reconciler *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to compare");
        return NULL;
    }
    self->db = db;
    self->request = request;
    self->row = row;
    self->context = context;
    for (uint32_t i = 0; i < RECONCILE_TENANTS_MAX; i++)
        mpq_init(self->tenants[i].worth);
    self->spill = spill_new(err);
    self->files = json_new_array(err);
    Json *summary = json_new_object(err);
    bool done = self->spill != NULL && self->files != NULL && summary != NULL && verify_begin(db, err) &&
                read_files(self, err) && read_bills(self, err) && compare_all(self, err) &&
                tell_summary(self, summary, err);
    db_rollback(db);
    *differences = self->differences;
    reconciler_free(self);
    if (done)
        return summary;
    json_object_put(summary);
    return NULL;
}
