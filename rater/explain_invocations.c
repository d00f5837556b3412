/* The invocations of a function in one hour: the bottom of a line. See explain_usage.h. */
#include "lib/utc.h"
#include "rater/counted.h"
#include "rater/document.h"
#include "rater/explain_formula.h"
#include "rater/explain_usage.h"
#include "rater/meter.h"
#include "rater/record_row.h"
#include "rater/tally.h"

typedef struct Invocations {
    const LineUsage *usage;
    const char *function;
    Json *list;
    Json *segments;
    int64_t segment_id; /* told last */
    int64_t count;
    int64_t left_out;
    mpq_t quantity;
    mpq_t left_quantity;
} Invocations;

static bool
add_ms(Json *entry, const char *key, int64_t us, Err *err)
{
    mpq_t ms;
    mpq_init(ms);
    mpq_set_si(ms, us, 1000);
    mpq_canonicalize(ms);
    bool done = document_add_exact(entry, key, ms, err);
    mpq_clear(ms);
    return done;
}

/* Of an invocation its duration; of capacity its units, the seconds that they were ready, and what these are rounded up to. */
static bool
add_time(Json *entry, const UsageRecord *record, const PriceBook *book, Err *err)
{
    if (!usage_record_is_capacity(record))
        return add_ms(entry, "duration_ms", record->duration_us, err);
    const int64_t step_us = book->capacity_granularity_s * UTC_SECOND_US;
    const int64_t steps = (record->duration_us + step_us - 1) / step_us;
    mpq_t ready;
    mpq_init(ready);
    mpq_set_si(ready, record->duration_us, (unsigned long) UTC_SECOND_US);
    mpq_canonicalize(ready);
    bool done = json_add_int(entry, "capacity_units", record->capacity_units, err) &&
                document_add_exact(entry, "ready_s", ready, err) &&
                json_add_int(entry, "billed_s", steps * book->capacity_granularity_s, err);
    mpq_clear(ready);
    return done;
}

static bool
tell_segment(Invocations *self, const CountedRecord *counted, Err *err)
{
    if (self->segment_id == counted->place.segment_id)
        return true;
    self->segment_id = counted->place.segment_id;
    Json *entry = json_new_object(err);
    return entry != NULL && json_append(self->segments, entry, err) &&
           json_add_int(entry, "segment", counted->place.segment_id, err) &&
           json_add_int(entry, "receipt", counted->receipt, err) &&
           json_add_int(entry, "records", counted->segment_records, err);
}

static bool
tell_invocation(Invocations *self, const CountedRecord *counted, const RatingRow *row, Err *err)
{
    const UsageRecord *record = &counted->record;
    const LineUsage *usage = self->usage;
    char started[UTC_TEXT_BYTES];
    mpq_t quantity;
    Json *entry = json_new_object(err);
    if (entry == NULL || !json_append(self->list, entry, err))
        return false;
    mpq_init(quantity);
    bool with_init = record->init_duration_us != USAGE_ABSENT &&
                     price_book_bills_init(usage->book, record->package, record->mode, usage->start_us);
    bool done = json_add_slice(entry, "request_id", record->request_id, err) &&
                json_add_int(entry, "attempt", record->attempt, err) &&
                json_add_text(entry, "started_at", utc_format(record->started_at_us, started), err) &&
                add_time(entry, record, usage->book, err) &&
                (record->init_duration_us == USAGE_ABSENT ||
                 add_ms(entry, "init_duration_ms", record->init_duration_us, err)) &&
                json_add_bool(entry, "init_billed", with_init, err) &&
                json_add_int(entry, "memory_mb", record->memory_mb, err) &&
                json_add_int(entry, "ephemeral_mb", record->ephemeral_mb, err) &&
                formula_add_usage(entry, usage->book, usage->line->meter, row, usage->start_us, quantity, err) &&
                json_add_int(entry, "segment", counted->place.segment_id, err) &&
                json_add_int(entry, "ordinal", counted->ordinal, err);
    mpq_clear(quantity);
    return done;
}

static bool
add_invocation(void *context, const CountedRecord *counted, Err *err)
{
    Invocations *self = context;
    RatingRow row;
    mpq_t quantity;
    if (!line_usage_wants(self->usage, self->function, &counted->record))
        return true;
    const UsageFacts each = tally_facts(&counted->record);
    if (!record_row(&counted->record, &row, err) || !tell_segment(self, counted, err))
        return false;
    row.each = &each; /* every book can be answered */
    mpq_init(quantity);
    meter_quantity(self->usage->book, self->usage->line->meter, &row, self->usage->start_us, quantity);
    mpq_add(self->quantity, self->quantity, quantity);
    bool shown = json_object_array_length(self->list) < self->usage->most;
    self->count++;
    self->left_out += shown ? 0 : 1;
    if (!shown)
        mpq_add(self->left_quantity, self->left_quantity, quantity);
    mpq_clear(quantity);
    return !shown || tell_invocation(self, counted, &row, err);
}

static bool
tell_sums(const Invocations *self, Json *answer, Err *err)
{
    Json *left = json_new_object(err);
    return json_add_int(answer, "invocation_count", self->count, err) &&
           document_add_exact(answer, "quantity", self->quantity, err) && left != NULL &&
           json_add(answer, "left_out", left, err) && json_add_int(left, "entries", self->left_out, err) &&
           document_add_exact(left, "quantity", self->left_quantity, err);
}

MUST_CHECK bool
explain_invocations(const LineUsage *usage, const char *function, int64_t hour_us, Json *answer, Err *err)
{
    const VerifyPeriod *period = &usage->period;
    int64_t end_us = hour_us + UTC_HOUR_US;
    const VerifyPeriod hour = {hour_us > period->start_us ? hour_us : period->start_us,
                               end_us < period->end_us ? end_us : period->end_us};
    Invocations self = {
        .usage = usage, .function = function, .list = json_new_array(err), .segments = json_new_array(err)};
    mpq_inits(self.quantity, self.left_quantity, NULL);
    bool done =
        self.list != NULL && self.segments != NULL && json_add(answer, "segments", self.segments, err) &&
        json_add(answer, "invocations", self.list, err) &&
        counted_records(usage->db, usage->tenant->tenant_id, &hour, 0, usage->watermark, add_invocation, &self, err);
    if (done && self.count == 0)
        done = line_usage_missing(usage, function, err);
    done = done && tell_sums(&self, answer, err);
    mpq_clears(self.quantity, self.left_quantity, NULL);
    return done;
}
