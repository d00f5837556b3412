#include "rater/counted.h"

#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "rater/verify_parts.h"
#include "schema/invoice_store.h"

/** What is asked for, and who takes it. */
typedef struct Counting {
    const VerifyPeriod *period;
    int64_t after;
    int64_t watermark;
    bool with_reversed;
    CountedVisit visit;
    void *context;
} Counting;

static bool
is_wanted(const Counting *self, const CountedRecord *counted)
{
    int64_t at_us = counted->record.started_at_us;
    return (self->after == 0 || counted->receipt > self->after) && counted->receipt <= self->watermark &&
           at_us >= self->period->start_us && at_us < self->period->end_us;
}

static bool
visit_segment(const Counting *self, Evidence *evidence, Err *err)
{
    const VerifySegment *segment = &evidence->segment;
    UsageBatch *batch = usage_batch_unpack(segment->payload.data, segment->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %lld: ", (long long) segment->key.segment_id);
    bool done = true;
    for (size_t i = 0; done && i < usage_batch_records(batch); i++) {
        bool excluded = false;
        CountedRecord counted = {.place = segment->key, .ordinal = (int64_t) i, .segment_records = segment->records};
        usage_batch_record(batch, i, &counted.record);
        done = evidence_excludes(evidence, i, &excluded, err) && evidence_receipt(evidence, i, &counted.receipt, err);
        counted.reversed = excluded && evidence->exclusion.reversed;
        done = done && ((excluded && !(counted.reversed && self->with_reversed)) || !is_wanted(self, &counted) ||
                        self->visit(self->context, &counted, err));
    }
    usage_batch_free(&batch);
    return done;
}

static bool
visit_all(const Counting *self, Db *db, int64_t tenant_id, Err *err)
{
    Evidence evidence = {0};
    bool more = true;
    const VerifyPeriod hours = {utc_hour_floor_us(self->period->start_us), self->period->end_us};
    bool done = evidence_open(&evidence, db, tenant_id, &hours, self->watermark, err);
    while (done && more) {
        done = evidence_next(&evidence, &more, err);
        if (done && more && (self->after == 0 || evidence.segment.receipt > self->after))
            done = visit_segment(self, &evidence, err);
    }
    evidence_close(&evidence);
    return done;
}

MUST_CHECK bool
counted_records(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t after, int64_t watermark,
                CountedVisit visit, void *context, Err *err)
{
    const Counting self = {period, after, watermark, false, visit, context};
    return visit_all(&self, db, tenant_id, err);
}

MUST_CHECK bool
counted_and_reversed(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, CountedVisit visit,
                     void *context, Err *err)
{
    const Counting self = {period, 0, watermark, true, visit, context};
    return visit_all(&self, db, tenant_id, err);
}

static bool
count_one(void *context, const CountedRecord *counted, Err *err)
{
    (void) counted;
    (void) err;
    ++*(int64_t *) context;
    return true;
}

MUST_CHECK bool
counted_late(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, int64_t *records, Err *err)
{
    const int64_t first_us = utc_hour_ceiling_us(period->start_us);
    const int64_t after_us = utc_hour_floor_us(period->end_us);
    *records = 0;
    if (first_us > after_us)
        return counted_records(db, tenant_id, period, watermark, INT64_MAX, count_one, records, err);
    const VerifyPeriod edges[] = {{period->start_us, first_us}, {after_us, period->end_us}};
    bool done = invoice_late_records(db, tenant_id, first_us, after_us, watermark, records, err);
    for (size_t i = 0; done && i < 2; i++)
        done = edges[i].start_us == edges[i].end_us ||
               counted_records(db, tenant_id, &edges[i], watermark, INT64_MAX, count_one, records, err);
    return done;
}
