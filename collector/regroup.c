#include "collector/regroup_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"

#define ARENA_BYTES_MAX ((size_t) 2 << 30)

MUST_CHECK Regroup *
regroup_new(ConfigTable *configs, Err *err)
{
    Regroup *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->configs = configs;
        self->arena = arena_new(ARENA_BYTES_MAX);
        self->builder = usage_batch_builder_new(err);
        self->single = usage_batch_builder_new(err);
    }
    if (self != NULL && self->arena != NULL && self->builder != NULL && self->single != NULL)
        return self;
    regroup_free(&self);
    err_set(err, ERR_NOMEM, "no memory for regrouping batches");
    return NULL;
}

/** Forget the segments, whose bytes are the only output outside the arena. */
static void
segments_free(Regroup *self)
{
    for (size_t i = 0; i < self->out.segment_count; i++) {
        buffer_free(&self->out.segments[i].payload);
        buffer_free(&self->out.segments[i].sources);
    }
    self->out.segment_count = 0;
}

void
regroup_free(Regroup **self)
{
    if (*self == NULL)
        return;
    segments_free(*self);
    arena_free(&(*self)->arena);
    usage_batch_builder_free(&(*self)->builder);
    usage_batch_builder_free(&(*self)->single);
    buffer_free(&(*self)->single_bytes);
    name_table_free(&(*self)->tenants);
    free((*self)->inputs);
    free((*self)->places);
    free((*self)->last_rollup);
    free((*self)->out.segments);
    free((*self)->out.rollups);
    free((*self)->out.quarantine);
    free((*self)->out.losses);
    free((*self)->out.periods);
    free(*self);
    *self = NULL;
}

/** A builder that a failed run may have left with records. */
static void
builders_empty(Regroup *self)
{
    Buffer rest = {0};
    Err ignored = {0};
    if (usage_batch_builder_entries(self->builder) > 0 && !usage_batch_builder_pack(self->builder, &rest, &ignored))
        err_clear(&ignored);
    if (usage_batch_builder_entries(self->single) > 0 && !usage_batch_builder_pack(self->single, &rest, &ignored))
        err_clear(&ignored);
    buffer_free(&rest);
}

void
regroup_start(Regroup *self)
{
    segments_free(self);
    builders_empty(self);
    arena_reset(self->arena);
    name_table_clear(&self->tenants);
    self->input_count = 0;
    self->place_count = 0;
    self->last_rollup_count = 0;
    self->out.rollup_count = 0;
    self->out.quarantine_count = 0;
    self->out.loss_count = 0;
    self->out.period_count = 0;
}

/* ---- taking batches ---- */

/** A tenant's name as it may be looked up and stored; a hostile one becomes the empty one, which nobody has. */
static Text
tenant_name(Text name)
{
    bool usable = name.length <= USAGE_NAME_BYTES_MAX && text_is_clean_utf8(name);
    return usable ? name : (Text){"", 0};
}

/** Name the tenant of every configuration that a record has. */
static bool
name_tenants(Regroup *self, Input *input, Err *err)
{
    const UsageBatch *batch = input->public.batch;
    for (size_t i = 0; i < usage_batch_configs(batch); i++)
        input->configs[i] = (BatchConfig){NOT_SEEN, NOT_SEEN};
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        BatchConfig *config = &input->configs[usage_batch_config_of(batch, i)];
        if (config->tenant != NOT_SEEN)
            continue;
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        if (!name_table_index(&self->tenants, tenant_name(record.tenant), &config->tenant, err))
            return false;
    }
    for (size_t i = 0; i < usage_batch_rejected(batch); i++) {
        UsageRejected rejected;
        uint32_t ignored;
        usage_batch_rejected_at(batch, i, &rejected);
        if (!text_is_empty(rejected.tenant) && !name_table_index(&self->tenants, rejected.tenant, &ignored, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
regroup_add(Regroup *self, const RegroupInput *given, Err *err)
{
    if (!array_grow(&self->inputs, &self->input_capacity, self->input_count, sizeof *self->inputs, err))
        return false;
    Input *input = &self->inputs[self->input_count];
    *input = (Input){.public = *given};
    input->public.billed = input->public.quarantined = input->public.lost = 0;
    input->configs = arena_alloc(self->arena, (usage_batch_configs(given->batch) + 1) * sizeof *input->configs);
    if (input->configs == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu configurations", usage_batch_configs(given->batch));
    if (!name_tenants(self, input, err))
        return false;
    self->input_count++;
    return true;
}

RegroupInput *
regroup_input(Regroup *self, size_t i)
{
    return &self->inputs[i].public;
}

const Text *
regroup_tenants(const Regroup *self, size_t *count)
{
    *count = self->tenants.count;
    return self->tenants.names;
}

/* ---- quarantine ---- */

static bool
quarantine_add(Regroup *self, const QuarantineItem *item, Err *err)
{
    if (!array_grow(&self->out.quarantine, &self->quarantine_capacity, self->out.quarantine_count,
                    sizeof *self->out.quarantine, err))
        return false;
    self->out.quarantine[self->out.quarantine_count++] = *item;
    return true;
}

static Text
arena_text(Regroup *self, Text text)
{
    const char *copy = arena_copy(self->arena, text);
    return (Text){copy, copy == NULL ? 0 : text.length};
}

/** `format`: "record" can be shown and replayed; "batch" is a batch of one record that breaks the limits of records. */
static bool
record_to_quarantine(Regroup *self, Input *input, const UsageRecord *record, const UsageFault *fault, int64_t tenant_id,
                     Text format, Err *err)
{
    if (!usage_batch_builder_add(self->single, record, err) ||
        !usage_batch_builder_pack(self->single, &self->single_bytes, err))
        return false;
    const QuarantineItem item = {.tenant_id = tenant_id,
                                 .stream_id = input->public.stream_id,
                                 .sequence = input->public.sequence,
                                 .tenant_name = tenant_name(record->tenant),
                                 .import_id = input->public.import_id,
                                 .reason = text_of(usage_reason_name(fault->reason)),
                                 .field = text_of(fault->field),
                                 .message = arena_text(self, text_of(fault->message)),
                                 .format = format,
                                 .payload = arena_text(self, buffer_text(&self->single_bytes))};
    if (item.payload.data == NULL || item.message.data == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a record in quarantine");
    input->public.quarantined++;
    return quarantine_add(self, &item, err);
}

MUST_CHECK bool
regroup_quarantine(Regroup *self, Input *input, const UsageRecord *record, const UsageFault *fault, int64_t tenant_id,
                   Err *err)
{
    return record_to_quarantine(self, input, record, fault, tenant_id, TEXT_LITERAL("record"), err);
}

static bool
rejected_to_quarantine(Regroup *self, Input *input, const UsageRejected *rejected, Err *err)
{
    int64_t tenant_id = 0;
    uint32_t tenant = 0;
    if (!text_is_empty(rejected->tenant)) {
        if (!name_table_index(&self->tenants, rejected->tenant, &tenant, err))
            return false;
        tenant_id = self->tenant_ids[tenant];
    }
    const QuarantineItem item = {.tenant_id = tenant_id,
                                 .stream_id = input->public.stream_id,
                                 .sequence = input->public.sequence,
                                 .line = rejected->line,
                                 .tenant_name = rejected->tenant,
                                 .import_id = input->public.import_id,
                                 .source = rejected->source,
                                 .reason = rejected->reason,
                                 .field = rejected->field,
                                 .message = rejected->message,
                                 .format = rejected->format,
                                 .payload = rejected->raw};
    input->public.quarantined++;
    return quarantine_add(self, &item, err);
}

/* ---- deciding about each record ---- */

static bool
check_tenant(const Input *input, const UsageRecord *record, uint32_t tenant, int64_t tenant_id, UsageFault *fault)
{
    if (tenant_id == 0)
        return usage_fault_set(fault, USAGE_REASON_UNKNOWN_TENANT, "tenant",
                               "is not registered: `millibill tenant add NAME`, then `millibill quarantine replay`");
    if (input->public.allowed != NULL && !input->public.allowed[tenant])
        return usage_fault_set(fault, USAGE_REASON_FORGED_TENANT, "tenant",
                               "the agent's key may not speak for tenant '%.*s'", TEXT_ARG(record->tenant));
    return true;
}

static bool
check_time(const Input *input, const UsageRecord *record, const RegroupPolicy *policy, UsageFault *fault)
{
    char started[UTC_TEXT_BYTES];
    int64_t future_us = input->public.history ? policy->history_future_us : policy->live_future_us;
    if (record->started_at_us > policy->now_us + future_us)
        return usage_fault_set(fault, USAGE_REASON_IN_FUTURE, "started_at",
                               "is %s, more than %" PRId64 " s ahead of the collector's clock; set the host's clock",
                               utc_format(record->started_at_us, started), future_us / UTC_SECOND_US);
    if (!input->public.history && record->started_at_us < policy->now_us - policy->live_past_us)
        return usage_fault_set(fault, USAGE_REASON_TOO_OLD, "started_at",
                               "is %s, more than %" PRId64 " days back; bring history with `millibill import`",
                               utc_format(record->started_at_us, started), policy->live_past_us / UTC_DAY_US);
    return true;
}

static bool
check_aside(const Input *input, UsageFault *fault)
{
    return input->public.aside == NULL ||
           usage_fault_set(fault, USAGE_REASON_NOT_COMMITTED, "", "%s", input->public.aside);
}

static bool
place_record(Regroup *self, size_t input_index, size_t i, const RegroupPolicy *policy, Err *err)
{
    Input *input = &self->inputs[input_index];
    uint32_t tenant = input->configs[usage_batch_config_of(input->public.batch, i)].tenant;
    UsageRecord record;
    UsageFault fault;
    usage_batch_record(input->public.batch, i, &record);
    if (!usage_record_check(&record, true, true, &fault)) /* the others of its batch are billed */
        return record_to_quarantine(self, input, &record, &fault, self->tenant_ids[tenant], TEXT_LITERAL("batch"), err);
    if (!check_tenant(input, &record, tenant, self->tenant_ids[tenant], &fault) ||
        !check_time(input, &record, policy, &fault) || !check_aside(input, &fault))
        return regroup_quarantine(self, input, &record, &fault, self->tenant_ids[tenant], err);
    if (!array_grow(&self->places, &self->place_capacity, self->place_count, sizeof *self->places, err))
        return false;
    self->places[self->place_count++] = (Place){.hour_us = utc_hour_floor_us(record.started_at_us),
                                                .tenant = tenant,
                                                .input = (uint32_t) input_index,
                                                .record = (uint32_t) i};
    return true;
}

/** A time that the database can hold, else 0 (not stated). */
static int64_t
plausible_time(int64_t time_us)
{
    return time_us > 0 && time_us < INT64_C(253402300800000000) ? time_us : 0;
}

static bool
take_losses(Regroup *self, Input *input, Err *err)
{
    const UsageBatch *batch = input->public.batch;
    for (size_t i = 0; i < usage_batch_losses(batch); i++) {
        UsageLoss loss;
        usage_batch_loss_at(batch, i, &loss);
        if (!array_grow(&self->out.losses, &self->loss_capacity, self->out.loss_count, sizeof *self->out.losses, err))
            return false;
        self->out.losses[self->out.loss_count++] = (LossRow){.stream_id = input->public.stream_id,
                                                             .sequence = input->public.sequence,
                                                             .ordinal = (int64_t) i,
                                                             .records = (int64_t) loss.records,
                                                             .noticed_at_us = plausible_time(loss.noticed_at_us),
                                                             .source = loss.source,
                                                             .reason = loss.reason,
                                                             .tenant_name = loss.tenant};
        if (__builtin_add_overflow(input->public.lost, (int64_t) loss.records, &input->public.lost))
            input->public.lost = INT64_MAX;
    }
    return true;
}

static bool
place_all(Regroup *self, const RegroupPolicy *policy, Err *err)
{
    for (size_t n = 0; n < self->input_count; n++) {
        const UsageBatch *batch = self->inputs[n].public.batch;
        for (size_t i = 0; i < usage_batch_records(batch); i++)
            if (!place_record(self, n, i, policy, err))
                return false;
        for (size_t i = 0; i < usage_batch_rejected(batch); i++) {
            UsageRejected rejected;
            usage_batch_rejected_at(batch, i, &rejected);
            if (!rejected_to_quarantine(self, &self->inputs[n], &rejected, err))
                return false;
        }
        if (!take_losses(self, &self->inputs[n], err))
            return false;
    }
    return true;
}

static int
place_compare(const void *left, const void *right)
{
    const Place *a = left;
    const Place *b = right;
    if (a->tenant != b->tenant)
        return a->tenant < b->tenant ? -1 : 1;
    if (a->hour_us != b->hour_us)
        return a->hour_us < b->hour_us ? -1 : 1;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    return (a->record > b->record) - (a->record < b->record);
}

/** Most groups come in order: look before sorting. */
static void
sort_places(Regroup *self)
{
    for (size_t i = 1; i < self->place_count; i++) {
        if (place_compare(&self->places[i - 1], &self->places[i]) > 0) {
            qsort(self->places, self->place_count, sizeof *self->places, place_compare);
            return;
        }
    }
}

MUST_CHECK bool
regroup_run(Regroup *self, const int64_t *tenant_ids, const RegroupPolicy *policy, Err *err)
{
    self->tenant_ids = tenant_ids;
    if (!place_all(self, policy, err))
        return false;
    sort_places(self);
    for (size_t at = 0; at < self->place_count;)
        if (!regroup_bill_run(self, at, &at, err))
            return false;
    return true;
}

const RegroupOutput *
regroup_output(const Regroup *self)
{
    return &self->out;
}
