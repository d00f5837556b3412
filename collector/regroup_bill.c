/* Records that are billed, to segments and rollup sums: the second half of regroup.h. */
#include "collector/regroup_internal.h"
#include "lib/array.h"
#include "lib/utc.h"
#include "schema/segment_store.h"

/* ---- rollups ---- */

static bool
config_of_record(Regroup *self, BatchConfig *known, int64_t tenant_id, const UsageRecord *record, Err *err)
{
    if (known->config != NOT_SEEN)
        return true;
    const ConfigKey key = config_key_of(tenant_id, record);
    return config_table_index(self->configs, &key, &known->config, err);
}

/** The rollup of a configuration in this hour, made when new. A configuration belongs to one tenant, and hours come one
 *  after the other: only the newest rollup of a configuration can be meant. */
static RegroupRollup *
rollup_of(Regroup *self, int64_t tenant_id, int64_t hour_us, uint32_t config, Err *err)
{
    while (self->last_rollup_count <= config) {
        if (!array_grow(&self->last_rollup, &self->last_rollup_capacity, self->last_rollup_count,
                        sizeof *self->last_rollup, err))
            return NULL;
        self->last_rollup[self->last_rollup_count++] = 0;
    }
    size_t last = self->last_rollup[config];
    if (last != 0 && self->out.rollups[last - 1].hour_us == hour_us)
        return &self->out.rollups[last - 1];
    if (!array_grow(&self->out.rollups, &self->rollup_capacity, self->out.rollup_count, sizeof *self->out.rollups, err))
        return NULL;
    RegroupRollup *rollup = &self->out.rollups[self->out.rollup_count++];
    *rollup = (RegroupRollup){.tenant_id = tenant_id, .hour_us = hour_us, .config = config};
    self->last_rollup[config] = self->out.rollup_count;
    return rollup;
}

/* ---- segments ---- */

static RegroupSegment *
segment_open(Regroup *self, int64_t tenant_id, int64_t hour_us, Err *err)
{
    if (!array_grow(&self->out.segments, &self->segment_capacity, self->out.segment_count, sizeof *self->out.segments,
                    err))
        return NULL;
    RegroupSegment *segment = &self->out.segments[self->out.segment_count++];
    *segment = (RegroupSegment){.tenant_id = tenant_id, .hour_us = hour_us};
    return segment;
}

/** Pack what the builder holds; a segment that got no record is taken back. */
static bool
segment_close(Regroup *self, Err *err)
{
    RegroupSegment *segment = &self->out.segments[self->out.segment_count - 1];
    segment->records = (int64_t) usage_batch_builder_records(self->builder);
    if (segment->records > 0)
        return usage_batch_builder_pack(self->builder, &segment->payload, err);
    buffer_free(&segment->sources);
    self->out.segment_count--;
    return true;
}

/** Add to the open segment; when it is full, close it and go on in another of the same hour. */
static bool
segment_put(Regroup *self, const Input *input, const UsageRecord *record, Err *err)
{
    Err full = {0};
    RegroupSegment *segment = &self->out.segments[self->out.segment_count - 1];
    if (!usage_batch_builder_add(self->builder, record, &full)) {
        if (full.code != ERR_FULL || usage_batch_builder_records(self->builder) == 0)
            return err_set(err, full.code, "%s", full.message);
        int64_t tenant_id = segment->tenant_id;
        int64_t hour_us = segment->hour_us;
        if (!segment_close(self, err))
            return false;
        segment = segment_open(self, tenant_id, hour_us, err);
        if (segment == NULL || !usage_batch_builder_add(self->builder, record, err))
            return false;
    }
    return segment_sources_append(&segment->sources, input->public.stream_id, input->public.sequence, 1, err);
}

static bool
period_note(Regroup *self, const Input *input, int64_t tenant_id, int64_t hour_us, Err *err)
{
    if (text_is_empty(input->public.import_id))
        return true;
    const ImportPeriod period = {tenant_id, utc_month_start_us(utc_month_of(hour_us)), input->public.import_id};
    const ImportPeriod *last = self->out.period_count == 0 ? NULL : &self->out.periods[self->out.period_count - 1];
    if (last != NULL && last->tenant_id == period.tenant_id && last->month_us == period.month_us &&
        text_equal(last->import_id, period.import_id))
        return true;
    if (!array_grow(&self->out.periods, &self->period_capacity, self->out.period_count, sizeof *self->out.periods, err))
        return false;
    self->out.periods[self->out.period_count++] = period;
    return true;
}

static bool
bill_record(Regroup *self, const Place *place, int64_t tenant_id, Err *err)
{
    Input *input = &self->inputs[place->input];
    BatchConfig *config = &input->configs[usage_batch_config_of(input->public.batch, place->record)];
    UsageRecord record;
    usage_batch_record(input->public.batch, place->record, &record);
    if (!config_of_record(self, config, tenant_id, &record, err))
        return false;
    RegroupRollup *rollup = rollup_of(self, tenant_id, place->hour_us, config->config, err);
    if (rollup == NULL)
        return false;
    if (!rollup_sums_add(&rollup->sums, &record)) {
        UsageFault fault;
        if (!usage_fault_set(&fault, USAGE_REASON_OUT_OF_RANGE, "duration", "the sums of this hour would not fit"))
            return regroup_quarantine(self, input, &record, &fault, tenant_id, err);
    }
    input->public.billed++;
    return segment_put(self, input, &record, err);
}

MUST_CHECK bool
regroup_bill_run(Regroup *self, size_t from, size_t *next, Err *err)
{
    const Place *first = &self->places[from];
    int64_t tenant_id = self->tenant_ids[first->tenant];
    if (segment_open(self, tenant_id, first->hour_us, err) == NULL)
        return false;
    size_t at = from;
    uint32_t noted = UINT32_MAX;
    while (at < self->place_count && self->places[at].tenant == first->tenant &&
           self->places[at].hour_us == first->hour_us) {
        const Place *place = &self->places[at++];
        if (noted != place->input && !period_note(self, &self->inputs[place->input], tenant_id, place->hour_us, err))
            return false;
        noted = place->input;
        if (!bill_record(self, place, tenant_id, err))
            return false;
    }
    *next = at;
    return segment_close(self, err);
}
