#include "reports/savings_usage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

enum { INDEX_SLOTS_FIRST = 64 };

/* ---- functions by name ---- */

static size_t
hash_of(Text tenant, Text name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    const Text texts[] = {tenant, TEXT_LITERAL("/"), name};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
        for (size_t i = 0; i < texts[t].length; i++)
            hash = (hash ^ (unsigned char) texts[t].data[i]) * UINT64_C(1099511628211);
    return (size_t) (hash ^ hash >> 32);
}

/* The slot where this function stands, or the free one where it belongs. */
static size_t *
slot_of(const SavingsUsage *self, Text tenant, Text name)
{
    for (size_t at = hash_of(tenant, name);; at++) {
        size_t *slot = &self->index[at & (self->index_slots - 1)];
        const UsageFunction *function = *slot == 0 ? NULL : &self->functions[*slot - 1];
        if (function == NULL || (text_is(name, function->name) && text_is(tenant, function->tenant)))
            return slot;
    }
}

/* At most half of the slots are taken. */
static bool
grow_index(SavingsUsage *self, Err *err)
{
    if (2 * (self->count + 1) <= self->index_slots)
        return true;
    size_t slots = self->index_slots == 0 ? INDEX_SLOTS_FIRST : self->index_slots * 2;
    size_t *grown = calloc(slots, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu functions", self->count + 1);
    free(self->index);
    self->index = grown;
    self->index_slots = slots;
    for (size_t i = 0; i < self->count; i++)
        *slot_of(self, text_of(self->functions[i].tenant), text_of(self->functions[i].name)) = i + 1;
    return true;
}

static UsageFunction *
add_function(SavingsUsage *self, Text tenant, Text name, Err *err)
{
    if (!array_grow(&self->functions, &self->capacity, self->count, sizeof(*self->functions), err))
        return NULL;
    UsageFunction *function = &self->functions[self->count];
    *function = (UsageFunction){.tenant = text_duplicate(tenant), .name = text_duplicate(name)};
    if (function->tenant == NULL || function->name == NULL) {
        free(function->tenant);
        free(function->name);
        err_set(err, ERR_NOMEM, "no memory for %zu functions", self->count + 1);
        return NULL;
    }
    mpq_inits(function->invocations, function->busy_s, function->longest_s, function->memory_gb_s, NULL);
    self->count++;
    return function;
}

UsageFunction *
savings_usage_function(SavingsUsage *self, Text tenant, Text name, Err *err)
{
    if (!grow_index(self, err))
        return NULL;
    size_t *slot = slot_of(self, tenant, name);
    if (*slot != 0)
        return &self->functions[*slot - 1];
    UsageFunction *function = add_function(self, tenant, name, err);
    if (function != NULL)
        *slot = self->count;
    return function;
}

const UsageFunction *
savings_usage_find(const SavingsUsage *self, Text tenant, Text name)
{
    const size_t *slot = self->index_slots == 0 ? NULL : slot_of(self, tenant, name);
    return slot == NULL || *slot == 0 ? NULL : &self->functions[*slot - 1];
}

void
savings_usage_clear(SavingsUsage *self)
{
    for (size_t i = 0; i < self->count; i++) {
        UsageFunction *function = &self->functions[i];
        free(function->tenant);
        free(function->name);
        free(function->sizes);
        mpq_clears(function->invocations, function->busy_s, function->longest_s, function->memory_gb_s, NULL);
    }
    free(self->functions);
    free(self->index);
    concurrency_free(&self->executions);
    concurrency_report_clear(&self->timeline);
    memset(self, 0, sizeof(*self));
}

/* ---- records ---- */

static int64_t
greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static UsageSize *
size_of(UsageFunction *self, int64_t memory_mb, Err *err)
{
    for (size_t i = 0; i < self->size_count; i++)
        if (self->sizes[i].memory_mb == memory_mb)
            return &self->sizes[i];
    UsageSize *grown = reallocarray(self->sizes, self->size_count + 1, sizeof(*grown));
    if (grown == NULL) {
        err_set(err, ERR_NOMEM, "no memory for memory sizes");
        return NULL;
    }
    self->sizes = grown;
    grown[self->size_count] = (UsageSize){.memory_mb = memory_mb};
    return &grown[self->size_count++];
}

MUST_CHECK bool
usage_function_record(UsageFunction *self, const UsageFacts *facts, Err *err)
{
    UsageSize *size = size_of(self, facts->memory_mb, err);
    if (size == NULL)
        return false;
    size->records++;
    size->measured += facts->used_mb >= 0 ? 1 : 0;
    size->used_mb_max = greater(size->used_mb_max, facts->used_mb);
    self->records++;
    self->over_http += facts->over_http ? 1 : 0;
    self->ephemeral_mb_max = greater(self->ephemeral_mb_max, facts->ephemeral_mb);
    if (facts->init_us < 0)
        return true;
    self->cold_starts++;
    self->init_us += (unsigned __int128) facts->init_us;
    self->init_us_max = greater(self->init_us_max, facts->init_us);
    return true;
}

MUST_CHECK bool
savings_usage_execution(SavingsUsage *self, UtcMonth month, const Execution *execution, Err *err)
{
    if (self->executions == NULL)
        self->executions = concurrency_new(utc_month_start_us(month), utc_month_end_us(month), err);
    if (self->executions == NULL)
        return false;
    int64_t used_mb = execution->used_mb < 0 ? execution->memory_mb : execution->used_mb;
    self->largest_mb = greater(self->largest_mb, execution->memory_mb);
    self->largest_used_mb = greater(self->largest_used_mb, used_mb);
    return concurrency_add(self->executions, execution->start_us, execution->duration_us, execution->memory_mb, used_mb,
                           err);
}

MUST_CHECK bool
savings_usage_sweep(SavingsUsage *self, Err *err)
{
    return self->executions == NULL || concurrency_sweep(self->executions, &self->timeline, err);
}
