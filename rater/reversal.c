#include "rater/reversal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "rater/rate_duplicates.h"
#include "rater/rate_periods.h"
#include "schema/document_store.h"
#include "schema/segment_store.h"
#include "schema/tenant_store.h"

static const char *const STATE_NAMES[] = {[REVERSAL_UNKNOWN] = "unknown",
                                          [REVERSAL_NOT_COUNTED] = "not_counted",
                                          [REVERSAL_ALREADY] = "already_reversed",
                                          [REVERSAL_DONE] = "reversed"};
enum { STATE_COUNT = sizeof(STATE_NAMES) / sizeof(STATE_NAMES[0]), LINE_BITS = 40, LAST_YEAR = 9999 };

#define LINE_MASK ((UINT64_C(1) << LINE_BITS) - 1)

/** One tenant's records that are meant. */
typedef struct Reversal {
    Db *db;
    const ReversalRequest *request;
    int64_t tenant_id;
    HashKey key;
    ReversalItem *items;
    size_t count, room;
    LineReader *reader; /* the log that is read, number `path` */
    size_t path;
    int64_t other_tenants, unreadable;
} Reversal;

/* ---- finding ---- */

static bool
is_meant(const ReversalRequest *request, const UsageRecord *record)
{
    return record->attempt == request->attempt && text_is(record->request_id, request->request_id) &&
           (request->started_at_us == USAGE_ABSENT || request->started_at_us == record->started_at_us);
}

static bool
append_item(Reversal *self, const UsageRecord *record, uint64_t number, Err *err)
{
    if (!array_grow(&self->items, &self->room, self->count, sizeof *self->items, err))
        return false;
    ReversalItem *item = &self->items[self->count++];
    *item = (ReversalItem){.started_at_us = record->started_at_us, .number = number};
    duplicates_identity(record, &self->key, item->identity);
    return true;
}

static bool
add_item(Reversal *self, const UsageRecord *record, Err *err)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].started_at_us == record->started_at_us)
            return true;
    return append_item(self, record, 0, err);
}

static bool
search_segment(void *context, const SegmentRow *segment, Err *err)
{
    Reversal *self = context;
    UsageBatch *batch = usage_batch_unpack(segment->payload.data, segment->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) segment->key.segment_id);
    bool done = true;
    for (size_t i = 0; done && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        done = !is_meant(self->request, &record) || add_item(self, &record, err);
    }
    usage_batch_free(&batch);
    return done;
}

/* Where to look: everywhere, or around the tenant's billing period of a month. */
static bool
find_span(const Reversal *self, int64_t *start_us, int64_t *end_us, Err *err)
{
    const ReversalRequest *request = self->request;
    const UtcMonth last = {LAST_YEAR, 12};
    RateTenants tenants = {0};
    *start_us = 0;
    *end_us = utc_month_start_us(last);
    if (request->month == NULL)
        return true;
    bool done = rate_tenants_read(&tenants, self->db, request->tenant, *request->month, err) &&
                rate_periods_set(&tenants, self->db, err);
    if (done) {
        rate_periods_hull(&tenants, NULL, start_us, end_us);
        *start_us = *start_us < UTC_DAY_US ? 0 : *start_us - UTC_DAY_US;
        *end_us += UTC_DAY_US;
    }
    rate_tenants_free(&tenants);
    return done;
}

static bool
find(Reversal *self, Err *err)
{
    const ReversalRequest *request = self->request;
    int64_t start_us = 0;
    int64_t end_us = 0;
    Buffer pattern = {0};
    bool done =
        find_span(self, &start_us, &end_us, err) && usage_id_pattern(text_of(request->request_id), &pattern, err) &&
        segment_search(self->db, self->tenant_id, start_us, end_us, buffer_text(&pattern), search_segment, self, err);
    buffer_free(&pattern);
    if (!done || self->count > 0)
        return done;
    err_set(err, ERR_NOT_FOUND, "tenant '%s' has no record with the request id '%s' and attempt %" PRIu32 "%s",
            request->tenant, request->request_id, request->attempt,
            request->started_at_us == USAGE_ABSENT ? "" : " that started then");
    return err_hint(err, "what became of an id, in quarantine too: millibill explain --record '%s'",
                    request->request_id);
}

/* ---- logs ---- */

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    Reversal *self = caller;
    if (!text_is(record->tenant, self->request->tenant)) {
        self->other_tenants++;
        return true;
    }
    return append_item(self, record, (uint64_t) self->path << LINE_BITS | line_reader_number(self->reader), err);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    (void) rejected;
    (void) err;
    ((Reversal *) caller)->unreadable++;
    return true;
}

static bool
read_logs(Reversal *self, Err *err)
{
    const ImportSink sink = {take_record, take_rejected, self};
    bool done = true;
    for (self->path = 0; done && self->path < self->request->path_count; self->path++) {
        ImportFormat format;
        ImportCounts counts;
        done = log_file_read(self->request->paths[self->path], &self->request->reading, &sink, &self->reader, &format,
                             &counts, err);
    }
    return done;
}

/* ---- deciding ---- */

static int
by_start(const void *left, const void *right)
{
    const ReversalItem *a = left;
    const ReversalItem *b = right;
    return (a->started_at_us > b->started_at_us) - (a->started_at_us < b->started_at_us);
}

/** Copies that nobody has looked for yet would stay behind. */
static bool
exclude_duplicates(Reversal *self, Err *err)
{
    int64_t done_until_us = INT64_MIN;
    if (self->count > 0)
        qsort(self->items, self->count, sizeof *self->items, by_start);
    for (size_t i = 0; i < self->count; i++) {
        const UtcMonth month = utc_month_of(self->items[i].started_at_us);
        if (self->items[i].started_at_us < done_until_us)
            continue;
        done_until_us = utc_month_end_us(month);
        if (!rate_exclude_of_tenant(self->db, self->tenant_id, utc_month_start_us(month), done_until_us, NULL, err))
            return false;
    }
    return true;
}

static bool
write_items(Reversal *self, const ReversalNote *note, Err *err)
{
    for (int attempt = 1; !reversal_write(self->db, self->tenant_id, self->items, self->count, &self->key, note, err);
         attempt++)
        if (!rate_recover(self->db, attempt, err))
            return false;
    return true;
}

static size_t
count_of(const Reversal *self, ReversalState state)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->items[i].state == state;
    return count;
}

/** Retries of one request are billed each: which one is meant has to be said. */
static bool
check_choice(const Reversal *self, Err *err)
{
    size_t count = count_of(self, REVERSAL_DONE);
    if (count < 2 || self->request->all || self->request->path_count > 0)
        return true;
    err_set(err, ERR_USAGE, "%zu records with this request id and attempt are billed: retries of one request", count);
    return err_hint(err, "say which one with --started-at (millibill explain --record '%s' lists them), or --all",
                    self->request->request_id);
}

/* ---- the answer ---- */

static bool
tell_records(const Reversal *self, Json *answer, Err *err)
{
    char time[UTC_TEXT_BYTES];
    Json *records = json_new_array(err);
    const ReversalRequest *request = self->request;
    bool logs = request->path_count > 0;
    size_t told = 0;
    bool done = records != NULL && json_add(answer, "records", records, err);
    for (size_t i = 0; done && i < self->count && told < REVERSAL_RECORDS_TOLD; i++) {
        const ReversalItem *item = &self->items[i];
        if (logs && item->state == REVERSAL_DONE)
            continue;
        told++;
        Json *record = json_new_object(err);
        done = record != NULL && json_append(records, record, err) &&
               json_add_text(record, "started_at", utc_format(item->started_at_us, time), err) &&
               json_add_text(record, "state", STATE_NAMES[item->state], err) &&
               (!logs || (json_add_text(record, "file", request->paths[item->number >> LINE_BITS], err) &&
                          json_add_int(record, "line", (int64_t) (item->number & LINE_MASK), err)));
    }
    return done;
}

typedef struct Finals {
    const Reversal *reversal;
    Json *numbers;
} Finals;

static bool
take_final(void *context, const DocumentRow *row, Err *err)
{
    const Finals *finals = context;
    for (size_t i = 0; i < finals->reversal->count; i++) {
        const ReversalItem *item = &finals->reversal->items[i];
        if (item->state == REVERSAL_DONE && item->started_at_us >= row->period_start_us &&
            item->started_at_us < row->period_end_us)
            return json_append(finals->numbers, json_object_new_string(row->number), err);
    }
    return true;
}

static bool
tell_finals(const Reversal *self, Json *answer, Err *err)
{
    const DocumentFilter filter = {.tenant = self->request->tenant, .state = "final"};
    Finals finals = {self, json_new_array(err)};
    return finals.numbers != NULL && json_add(answer, "final_invoices", finals.numbers, err) &&
           document_visit(self->db, &filter, take_final, &finals, err);
}

static bool
tell(const Reversal *self, Json *answer, Err *err)
{
    const ReversalRequest *request = self->request;
    bool done = json_add_text(answer, "tenant", request->tenant, err) &&
                json_add_text(answer, "request_id", request->request_id, err) &&
                json_add_int(answer, "attempt", request->attempt, err) &&
                json_add_int(answer, "other_tenants", self->other_tenants, err) &&
                json_add_int(answer, "unreadable", self->unreadable, err) &&
                json_add_bool(answer, "dry_run", request->dry_run, err) &&
                json_add_text(answer, "because", request->note.because, err) &&
                json_add_text(answer, "by", request->note.by, err);
    for (int state = 0; done && state < STATE_COUNT; state++)
        done = json_add_int(answer, STATE_NAMES[state], (int64_t) count_of(self, (ReversalState) state), err);
    return done && tell_records(self, answer, err) && tell_finals(self, answer, err);
}

MUST_CHECK Json *
reversal_make(Db *db, const ReversalRequest *request, Err *err)
{
    Reversal self = {.db = db, .request = request};
    random_bytes(&self.key, sizeof self.key);
    Json *answer = json_new_object(err);
    bool done = answer != NULL && tenant_id_of(db, request->tenant, &self.tenant_id, err) &&
                (request->path_count > 0 ? read_logs(&self, err) : find(&self, err)) &&
                exclude_duplicates(&self, err) && write_items(&self, NULL, err) && check_choice(&self, err) &&
                (request->dry_run || write_items(&self, &request->note, err)) && tell(&self, answer, err);
    free(self.items);
    if (done)
        return answer;
    json_object_put(answer);
    return NULL;
}
