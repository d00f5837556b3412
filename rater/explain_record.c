/* What became of a record: found in evidence and quarantine, then asked after, one by one. See explain.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "proto/usage_batch.h"
#include "rater/explain.h"
#include "rater/explain_bill.h"
#include "rater/rate_periods.h"
#include "rater/rate_tenants.h"
#include "rater/record_row.h"
#include "schema/explain_store.h"
#include "schema/verify_store.h"

/** A record of that id in the evidence. Its usage is the row of the same index. */
typedef struct Hit {
    int64_t tenant_id;
    SegmentKey key;
    uint32_t ordinal;
    int64_t started_at_us;
    int64_t records; /* of its segment */
    int64_t receipt;
    int64_t stream_id;
    int64_t sequence;
    Json *facts;
} Hit;

typedef struct Explainer {
    Db *db;
    const ExplainRecordRequest *request;
    int64_t tenant_id; /* 0: all */
    int64_t start_us;
    int64_t end_us;
    Buffer pattern;
    RateTenants tenants;
    Hit hits[EXPLAIN_RECORDS_MAX];
    size_t hit_count;
    int64_t more; /* records beyond */
    RatingRows *rows;
    Bills bills;
    Json *quarantined;
} Explainer;

/* ---- finding ---- */

static const RateTenant *
tenant_of(const Explainer *self, int64_t tenant_id)
{
    for (size_t i = 0; i < self->tenants.count; i++)
        if (self->tenants.all[i].tenant_id == tenant_id)
            return &self->tenants.all[i];
    return NULL;
}

static Json *
facts_of(const UsageRecord *record, Err *err)
{
    Buffer text = {0};
    Json *facts = usage_record_to_json(record, &text, err) ? json_parse(buffer_text(&text), err) : NULL;
    buffer_free(&text);
    return facts;
}

static bool
add_hit(Explainer *self, const SegmentRow *segment, uint32_t ordinal, const UsageRecord *record, Err *err)
{
    const RateTenant *tenant = tenant_of(self, segment->tenant_id);
    if (tenant == NULL)
        return err_set(err, ERR_CORRUPT, "segment %lld belongs to no tenant", (long long) segment->key.segment_id);
    if (self->hit_count == EXPLAIN_RECORDS_MAX) {
        self->more++;
        return true;
    }
    Hit *hit = &self->hits[self->hit_count];
    *hit = (Hit){.tenant_id = segment->tenant_id,
                 .key = segment->key,
                 .ordinal = ordinal,
                 .started_at_us = record->started_at_us,
                 .records = segment->records,
                 .facts = facts_of(record, err)};
    if (hit->facts == NULL)
        return false;
    self->hit_count++;
    SegmentRun run;
    if (!segment_run_of(segment->sources, ordinal, &run))
        return segment_sources_damaged(&segment->key, err);
    hit->stream_id = run.stream_id;
    hit->sequence = run.sequence;
    hit->receipt = run.receipt == 0 ? segment->receipt : run.receipt;
    return record_row_add(self->rows, tenant->account, tenant->name, record, err);
}

static bool
search_segment(void *context, const SegmentRow *segment, Err *err)
{
    Explainer *self = context;
    UsageBatch *batch = usage_batch_unpack(segment->payload.data, segment->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) segment->key.segment_id);
    bool done = true;
    for (size_t i = 0; done && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        if (text_is(record.request_id, self->request->request_id))
            done = add_hit(self, segment, (uint32_t) i, &record, err);
    }
    usage_batch_free(&batch);
    return done;
}

/* ---- quarantine ---- */

/** Add what the payload says to `row`; `*meant`: is it about the id? */
static bool
read_payload(const Explainer *self, Json *row, Text payload, bool *meant, Err *err)
{
    Text id = text_of(self->request->request_id);
    if (strcmp(explain_member(row, "format"), "record") != 0) {
        *meant = strcmp(explain_member(row, "format"), "batch") == 0 || text_names(payload, id);
        return true;
    }
    Err ignored = {0};
    UsageBatch *batch = usage_batch_unpack_unchecked(payload.data, payload.length, &ignored);
    *meant = batch == NULL || usage_batch_records(batch) == 0;
    bool done = true;
    if (!*meant) {
        UsageRecord record;
        usage_batch_record(batch, 0, &record);
        *meant = text_equal(record.request_id, id);
        Json *facts = *meant ? facts_of(&record, err) : NULL;
        done = !*meant || (facts != NULL && json_add(row, "record", facts, err));
    }
    usage_batch_free(&batch);
    return done;
}

static bool
take_quarantined(void *context, Json *row, Text payload, Err *err)
{
    Explainer *self = context;
    bool meant = false;
    if (!read_payload(self, row, payload, &meant, err) || !meant ||
        json_object_array_length(self->quarantined) >= EXPLAIN_RECORDS_MAX) {
        json_object_put(row);
        return !err_is_set(err);
    }
    return json_append(self->quarantined, row, err);
}

/** The batch that brought each row, now that no stream is open. */
static bool
explain_quarantined(Explainer *self, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(self->quarantined); i++) {
        Json *row = json_object_array_get_idx(self->quarantined, i);
        Json *origin = NULL;
        done = explain_origin(self->db, json_object_get_int64(json_member(row, "stream")),
                              json_object_get_int64(json_member(row, "sequence")), &origin, err) &&
               json_add(row, "batch", origin, err);
    }
    return done;
}

/* ---- fates ---- */

static const Hit *
find_hit(const Explainer *self, int64_t tenant_id, const SegmentKey *key, int64_t ordinal, size_t *number)
{
    for (size_t i = 0; i < self->hit_count; i++) {
        const Hit *hit = &self->hits[i];
        if (hit->tenant_id == tenant_id && hit->key.hour_us == key->hour_us && hit->key.segment_id == key->segment_id &&
            hit->ordinal == ordinal) {
            *number = i + 1;
            return hit;
        }
    }
    return NULL;
}

/** The members in which two records differ. */
static bool
add_differences(Json *object, Json *one, Json *other, Err *err)
{
    Json *list = json_new_array(err);
    bool done = list != NULL && json_add(object, "differs_in", list, err);
    json_object_object_foreach(one, key, value)
    {
        Json *there = json_member(other, key);
        if (done && !json_object_equal(value, there))
            done = json_append(list, json_object_new_string(key), err);
    }
    json_object_object_foreach(other, name, unused)
    {
        (void) unused;
        if (done && json_member(one, name) == NULL)
            done = json_append(list, json_object_new_string(name), err);
    }
    return done;
}

static bool
add_place(Json *object, const SegmentKey *key, int64_t ordinal, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    return json_add_text(object, "hour", utc_format(key->hour_us, hour), err) &&
           json_add_int(object, "segment", key->segment_id, err) && json_add_int(object, "ordinal", ordinal, err);
}

static bool
add_exclusion(const Explainer *self, Json *entry, const Hit *hit, const ExplainExclusion *exclusion, Err *err)
{
    Json *object = json_new_object(err);
    size_t number = 0;
    if (object == NULL || !json_add(entry, "kept_instead", object, err) ||
        !add_place(object, &exclusion->kept, exclusion->kept_ordinal, err) ||
        !json_add_int(object, "excluded_at_receipt", exclusion->receipt, err))
        return false;
    const Hit *kept = find_hit(self, hit->tenant_id, &exclusion->kept, exclusion->kept_ordinal, &number);
    return kept == NULL || (json_add_int(object, "record", (int64_t) number, err) &&
                            add_differences(object, hit->facts, kept->facts, err));
}

/** Bills in force that have the record, with its part; a final one that it came too late for. From receipt `until` on it does not count. */
static bool
add_bills(Explainer *self, Json *entry, const Hit *hit, const RatingRow *row, int64_t until, const char **fate,
          Err *err)
{
    Json *invoices = json_new_array(err);
    bool done = invoices != NULL && json_add(entry, "invoices", invoices, err) &&
                bills_load(&self->bills, self->db, hit->tenant_id, hit->started_at_us, err);
    *fate = "not_rated";
    for (size_t i = 0; done && i < self->bills.count; i++) {
        const Bill *bill = &self->bills.all[i];
        bool costs = false;
        if (!bill->stands || bill->watermark >= until)
            continue;
        if (bill->watermark < hit->receipt) {
            *fate = bill->is_final ? "late" : *fate;
            done = !bill->is_final || json_add(entry, "late_for", json_object_get(bill->head), err);
            continue;
        }
        Json *share = bill_share(bill, row, hit->started_at_us, &costs, err);
        done = share != NULL && json_append(invoices, share, err);
        *fate = !costs ? "free" : bill->is_final ? "billed" : "draft";
    }
    return done && bill_settled(entry, self->db, hit->tenant_id, hit->started_at_us, hit->receipt, fate, err);
}

static bool
add_evidence(Explainer *self, Json *entry, const Hit *hit, Err *err)
{
    Json *evidence = json_new_object(err);
    Json *seal = NULL;
    Json *origin = NULL;
    return evidence != NULL && json_add(entry, "evidence", evidence, err) &&
           add_place(evidence, &hit->key, hit->ordinal, err) && json_add_int(evidence, "records", hit->records, err) &&
           json_add_int(evidence, "receipt", hit->receipt, err) &&
           explain_seal(self->db, hit->tenant_id, hit->key.hour_us, hit->receipt, &seal, err) &&
           json_add(evidence, "seal", seal, err) &&
           explain_origin(self->db, hit->stream_id, hit->sequence, &origin, err) &&
           json_add(entry, "batch", origin, err);
}

static bool
explain_hit(Explainer *self, Json *entry, size_t i, Err *err)
{
    const Hit *hit = &self->hits[i];
    ExplainExclusion exclusion;
    if (!json_add_text(entry, "tenant", tenant_of(self, hit->tenant_id)->name, err) ||
        !explain_exclusion(self->db, hit->tenant_id, &hit->key, hit->ordinal, &exclusion, err))
        return false;
    static const char *const FATES[] = {"copy", "conflict", "reversed"};
    const RatingRow *row = &rating_rows_all(self->rows)[i];
    const char *fate = FATES[exclusion.fate];
    const char *unused = NULL;
    bool done;
    if (exclusion.reversal != NULL)
        done = json_add(entry, "reversal", exclusion.reversal, err) &&
               add_bills(self, entry, hit, row, exclusion.receipt, &unused, err);
    else if (exclusion.exists)
        done = add_exclusion(self, entry, hit, &exclusion, err);
    else
        done = add_bills(self, entry, hit, row, INT64_MAX, &fate, err);
    return done && json_add_text(entry, "fate", fate, err) &&
           json_add(entry, "record", json_object_get(hit->facts), err) && add_evidence(self, entry, hit, err);
}

static bool
explain_hits(Explainer *self, Json *answer, Err *err)
{
    Json *records = json_new_array(err);
    bool done = records != NULL && json_add(answer, "records", records, err);
    for (size_t i = 0; done && i < self->hit_count; i++) {
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(records, entry, err) &&
               json_add_int(entry, "number", (int64_t) (i + 1), err) && explain_hit(self, entry, i, err);
    }
    return done && json_add_int(answer, "more_records", self->more, err);
}

/* ---- the whole ---- */

static bool
explainer_start(Explainer *self, Err *err)
{
    const ExplainRecordRequest *request = self->request;
    const UtcMonth last = {9999, 12};
    self->end_us = utc_month_start_us(last);
    if (!rate_tenants_read(&self->tenants, self->db, request->tenant,
                           request->month != NULL ? *request->month : utc_month_of(utc_now_us()), err) ||
        (request->month != NULL && !rate_periods_set(&self->tenants, self->db, err)))
        return false;
    if (request->month != NULL) {
        rate_periods_hull(&self->tenants, NULL, &self->start_us, &self->end_us);
        self->start_us = self->start_us < UTC_DAY_US ? 0 : self->start_us - UTC_DAY_US;
        self->end_us += UTC_DAY_US;
    }
    if (request->tenant != NULL)
        self->tenant_id = rate_tenants_find(&self->tenants, request->tenant)->tenant_id;
    self->rows = rating_rows_new(err);
    self->quarantined = json_new_array(err);
    return self->rows != NULL && self->quarantined != NULL &&
           usage_id_pattern(text_of(request->request_id), &self->pattern, err);
}

static bool
find_all(Explainer *self, Err *err)
{
    const ExplainRecordRequest *request = self->request;
    return segment_search(self->db, self->tenant_id, self->start_us, self->end_us, buffer_text(&self->pattern),
                          search_segment, self, err) &&
           explain_quarantine(self->db, request->tenant, buffer_text(&self->pattern), text_of(request->request_id),
                              take_quarantined, self, err) &&
           explain_quarantined(self, err);
}

static bool
add_searched(Explainer *self, Json *answer, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const ExplainRecordRequest *request = self->request;
    Json *searched = NULL;
    return explain_extent(self->db, self->tenant_id, request->tenant, self->start_us, self->end_us, &searched, err) &&
           json_add(answer, "searched", searched, err) && json_add_text(searched, "tenant", request->tenant, err) &&
           json_add_text(searched, "month", request->month == NULL ? NULL : utc_month_format(*request->month, month),
                         err);
}

static void
explainer_free(Explainer *self)
{
    for (size_t i = 0; i < self->hit_count; i++)
        json_object_put(self->hits[i].facts);
    json_object_put(self->quarantined);
    bills_free(&self->bills);
    rating_rows_free(&self->rows);
    rate_tenants_free(&self->tenants);
    buffer_free(&self->pattern);
}

MUST_CHECK Json *
explain_record(Db *db, const ExplainRecordRequest *request, Err *err)
{
    Explainer self = {.db = db, .request = request};
    Json *answer = json_new_object(err);
    bool done = answer != NULL && verify_begin(db, err) && explainer_start(&self, err) && find_all(&self, err) &&
                json_add_text(answer, "request_id", request->request_id, err) && explain_hits(&self, answer, err) &&
                json_add(answer, "quarantined", json_object_get(self.quarantined), err) &&
                add_searched(&self, answer, err);
    db_rollback(db);
    explainer_free(&self);
    if (done)
        return answer;
    json_object_put(answer);
    return NULL;
}
