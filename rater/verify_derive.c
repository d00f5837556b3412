/* Usage to be rated, from segments less exclusions. See verify_parts.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/array.h"
#include "rater/verify_parts.h"
#include "schema/config_table.h"

/** The month of one configuration; `sums` goes over into `row` before it can overflow. */
typedef struct MonthSums {
    RatingRow row;
    RollupSums sums;
} MonthSums;

typedef struct Derived {
    ConfigTable *configs;
    MonthSums *months; /* by configuration */
    size_t count, capacity;
} Derived;

static UsageSum
carried(UsageSum sum, int64_t more)
{
    return sum + (uint64_t) more;
}

static void
carry_over(MonthSums *month)
{
    month->row.invocations = carried(month->row.invocations, month->sums.invocations);
    month->row.errors = carried(month->row.errors, month->sums.errors);
    month->row.timeouts = carried(month->row.timeouts, month->sums.timeouts);
    month->row.duration_1ms = carried(month->row.duration_1ms, month->sums.duration_1ms);
    month->row.duration_100ms = carried(month->row.duration_100ms, month->sums.duration_100ms);
    month->row.with_init_1ms = carried(month->row.with_init_1ms, month->sums.with_init_1ms);
    month->row.with_init_100ms = carried(month->row.with_init_100ms, month->sums.with_init_100ms);
    month->row.cpu_us = carried(month->row.cpu_us, month->sums.cpu_us);
    month->row.streamed_bytes = carried(month->row.streamed_bytes, month->sums.streamed_bytes);
    month->sums = (RollupSums){0};
}

static bool
derive_record(Derived *self, int64_t tenant_id, const UsageRecord *record, Err *err)
{
    uint32_t config = 0;
    const ConfigKey key = config_key_of(tenant_id, record);
    if (!config_table_index(self->configs, &key, &config, err))
        return false;
    while (self->count <= config) {
        if (!array_grow(&self->months, &self->capacity, self->count, sizeof *self->months, err))
            return false;
        self->months[self->count++] = (MonthSums){0};
    }
    MonthSums *month = &self->months[config];
    if (rollup_sums_add(&month->sums, record))
        return true;
    carry_over(month);
    return rollup_sums_add(&month->sums, record) || err_set(err, ERR_CORRUPT, "a record's duration is out of range");
}

static bool
derive_segment(Derived *self, int64_t tenant_id, Evidence *evidence, Err *err)
{
    Err reason = {0};
    UsageBatch *batch = usage_batch_unpack(evidence->segment.payload.data, evidence->segment.payload.length, &reason);
    if (batch == NULL)
        return err_set(err, reason.code == ERR_NOMEM ? ERR_NOMEM : ERR_CORRUPT, "segment %" PRId64 ": %s",
                       evidence->segment.key.segment_id, reason.message);
    bool good = true;
    for (size_t i = 0; good && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        bool excluded = false;
        usage_batch_record(batch, i, &record);
        good = evidence_excludes(evidence, i, &excluded, err) &&
               (excluded || derive_record(self, tenant_id, &record, err));
    }
    usage_batch_free(&batch);
    return good;
}

static bool
derive_rows(Derived *self, const RateTenant *tenant, RatingRows *rows, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        const ConfigKey key = config_table_key(self->configs, (uint32_t) i);
        MonthSums *month = &self->months[i];
        carry_over(month);
        month->row.architecture = key.architecture;
        month->row.mode = key.mode;
        month->row.package = key.package;
        month->row.memory_mb = key.memory_mb;
        month->row.ephemeral_mb = key.ephemeral_mb;
        const RatingNames names = {text_of(tenant->account), text_of(tenant->name), key.function, key.region};
        if (!rating_rows_add(rows, &names, &month->row, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
verify_derive(Db *db, const RateTenant *tenant, const VerifyPeriod *period, int64_t watermark, RatingRows *rows,
              Err *err)
{
    Derived self = {.configs = config_table_new(err)};
    Evidence evidence = {0};
    bool more = true;
    bool good = self.configs != NULL && evidence_open(&evidence, db, tenant->tenant_id, period, watermark, err);
    while (good && more) {
        good = evidence_next(&evidence, &more, err);
        if (good && more)
            good = derive_segment(&self, tenant->tenant_id, &evidence, err);
    }
    good = good && derive_rows(&self, tenant, rows, err);
    evidence_close(&evidence);
    config_table_free(&self.configs);
    free(self.months);
    return good;
}
