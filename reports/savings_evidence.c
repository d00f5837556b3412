#include "reports/savings_evidence.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/progress.h"
#include "proto/usage_batch.h"
#include "schema/exclusion_set.h"
#include "schema/rollup_store.h"
#include "schema/tenant_store.h"

/* ---- sums ---- */

/* sum += total / divisor x factor */
static void
add_total(mpq_t sum, RollupTotal total, unsigned long divisor, const mpq_t factor)
{
    mpq_t value;
    mpq_t scale;
    mpq_inits(value, scale, NULL);
    decimal_set_u128(mpq_numref(value), total);
    mpq_set_ui(scale, divisor, 1);
    mpq_div(value, value, scale);
    mpq_mul(value, value, factor);
    mpq_add(sum, sum, value);
    mpq_clears(value, scale, NULL);
}

static bool
add_rollup(void *context, const RollupRow *row, Err *err)
{
    SavingsUsage *usage = context;
    if (row->invocations == 0) { /* capacity alone: it is paid for, and nothing ran */
        usage->rows++;
        return true;
    }
    UsageFunction *function = savings_usage_function(usage, row->tenant, row->function, err);
    if (function == NULL)
        return false;
    mpq_t factor;
    mpq_t longest;
    mpq_inits(factor, longest, NULL);
    mpq_set_ui(factor, 1, 1);
    add_total(function->invocations, row->invocations, 1, factor);
    add_total(function->busy_s, row->duration_us, UTC_SECOND_US, factor);
    mpq_set_si(factor, row->memory_mb, 1024);
    mpq_canonicalize(factor);
    add_total(function->memory_gb_s, row->duration_us, UTC_SECOND_US, factor);
    mpq_set_si(longest, row->max_duration_us, UTC_SECOND_US);
    mpq_canonicalize(longest);
    if (mpq_cmp(longest, function->longest_s) > 0)
        mpq_set(function->longest_s, longest);
    mpq_clears(factor, longest, NULL);
    usage->rows++;
    return true;
}

/* ---- single executions ---- */

typedef struct Tenant {
    int64_t id;
    char *name;
} Tenant;

typedef struct Reading {
    Db *db;
    SavingsUsage *usage;
    UtcMonth month;
    const SavingsTenants *only; /* NULL: every tenant */
    Tenant *tenants;
    size_t tenant_count;
    size_t tenant_capacity;
    const Tenant *tenant; /* the present one */
    ExclusionSet excluded;
    size_t *functions; /* position + 1 of each configuration's function; 0: not looked for yet */
    size_t function_capacity;
    Progress progress;
    int64_t records;
    int64_t whole; /* that the month has by its sums */
} Reading;

static bool
is_asked_for(const SavingsTenants *only, const char *name)
{
    for (size_t i = 0; only != NULL && i < only->count; i++)
        if (strcmp(only->names[i], name) == 0)
            return true;
    return only == NULL;
}

static bool
remember_tenant(void *context, const TenantRow *row, Err *err)
{
    Reading *self = context;
    if (!is_asked_for(self->only, row->name))
        return true;
    if (!array_grow(&self->tenants, &self->tenant_capacity, self->tenant_count, sizeof(*self->tenants), err))
        return false;
    Tenant tenant = {row->tenant_id, text_duplicate(text_of(row->name))};
    if (tenant.name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", self->tenant_count + 1);
    self->tenants[self->tenant_count++] = tenant;
    return true;
}

/* Room to remember the function of each of a segment's configurations, all forgotten. */
static bool
begin_configurations(Reading *self, size_t count, Err *err)
{
    if (count > self->function_capacity) {
        free(self->functions);
        self->functions = malloc(count * sizeof(*self->functions));
        self->function_capacity = self->functions == NULL ? 0 : count;
        if (self->functions == NULL)
            return err_set(err, ERR_NOMEM, "no memory for %zu configurations", count);
    }
    for (size_t i = 0; i < count; i++)
        self->functions[i] = 0;
    return true;
}

static UsageFunction *
function_of(Reading *self, const UsageBatch *batch, size_t i, const UsageRecord *record, Err *err)
{
    size_t *known = &self->functions[usage_batch_config_of(batch, i)];
    if (*known == 0) {
        UsageFunction *function =
            savings_usage_function(self->usage, text_of(self->tenant->name), record->function, err);
        if (function == NULL)
            return NULL;
        *known = (size_t) (function - self->usage->functions) + 1;
    }
    return &self->usage->functions[*known - 1];
}

static bool
take_record(Reading *self, const UsageBatch *batch, size_t i, Err *err)
{
    UsageRecord record;
    usage_batch_record(batch, i, &record);
    if (usage_record_is_capacity(&record))
        return true;
    const Execution execution = {record.started_at_us, record.duration_us, record.memory_mb, record.max_memory_used_mb};
    if (!savings_usage_execution(self->usage, self->month, &execution, err))
        return false;
    if (record.started_at_us < utc_month_start_us(self->month))
        return true;
    UsageFunction *function = function_of(self, batch, i, &record, err);
    const UsageFacts facts = {record.memory_mb, record.max_memory_used_mb, record.init_duration_us, record.ephemeral_mb,
                              record.trigger == USAGE_TRIGGER_HTTP};
    return function != NULL && usage_function_record(function, &facts, err);
}

static bool
take_segment(void *context, const SegmentRow *row, Err *err)
{
    Reading *self = context;
    UsageBatch *batch = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (batch == NULL)
        return err_prefix(err, "segment %" PRId64 ": ", row->key.segment_id);
    bool touched = exclusion_set_touches(&self->excluded, &row->key);
    bool done = begin_configurations(self, usage_batch_configs(batch), err);
    for (size_t i = 0; done && i < usage_batch_records(batch); i++)
        if (!touched || !exclusion_set_has(&self->excluded, &row->key, i))
            done = take_record(self, batch, i, err);
    self->records += row->records;
    progress_show(&self->progress, self->records, self->whole);
    usage_batch_free(&batch);
    return done;
}

static bool
take_tenant(Reading *self, const Tenant *tenant, Err *err)
{
    int64_t start_us = utc_month_start_us(self->month) - UTC_DAY_US; /* the longest that anything runs */
    int64_t end_us = utc_month_end_us(self->month);
    self->tenant = tenant;
    bool done = exclusion_set_load(self->db, tenant->id, start_us, end_us, &self->excluded, err) &&
                segment_stream(self->db, tenant->id, start_us, end_us, take_segment, self, err);
    exclusion_set_free(&self->excluded);
    return done || err_prefix(err, "tenant '%s': ", tenant->name);
}

static int64_t
sum_of_invocations(const SavingsUsage *usage)
{
    mpq_t sum;
    mpq_init(sum);
    for (size_t i = 0; i < usage->count; i++)
        mpq_add(sum, sum, usage->functions[i].invocations);
    int64_t out = mpz_fits_slong_p(mpq_numref(sum)) != 0 ? mpz_get_si(mpq_numref(sum)) : INT64_MAX;
    mpq_clear(sum);
    return out;
}

static bool
read_snapshot(Reading *self, Err *err)
{
    UtcMonth month = self->month;
    const RollupSpan span = {month, utc_month_start_us(month), utc_month_end_us(month)};
    size_t streams = self->only == NULL ? 1 : self->only->count;
    bool done = true;
    for (size_t i = 0; done && i < streams; i++)
        done = rollup_stream(self->db, self->only == NULL ? NULL : self->only->names[i], &span, add_rollup, self->usage,
                             err);
    done = done && tenant_list(self->db, remember_tenant, self, err);
    self->whole = done ? sum_of_invocations(self->usage) : 0;
    for (size_t i = 0; done && i < self->tenant_count; i++)
        done = take_tenant(self, &self->tenants[i], err);
    return done;
}

MUST_CHECK bool
savings_evidence_read(Db *db, const SavingsTenants *only, UtcMonth month, SavingsUsage *usage, Err *err)
{
    Reading reading = {.db = db, .usage = usage, .month = month, .only = only};
    if (!db_begin(db, true, err))
        return false;
    reading.progress = progress_start("executions");
    bool done = read_snapshot(&reading, err);
    progress_end(&reading.progress);
    db_rollback(db); /* nothing was written */
    for (size_t i = 0; i < reading.tenant_count; i++)
        free(reading.tenants[i].name);
    free(reading.tenants);
    free(reading.functions);
    return done && savings_usage_sweep(usage, err);
}
