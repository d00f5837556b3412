/**
 * regroup - batches of many agents to what is written: segments by tenant and hour, rollup sums, quarantine, losses
 *
 * Pure: no clock, no database. Use: regroup_start; regroup_add for each batch; resolve the names of regroup_tenants;
 * regroup_run; read the output. Batches are borrowed until the next regroup_start, which forgets everything.
 * Not thread-safe.
 */
#ifndef COLLECTOR_REGROUP_H
#define COLLECTOR_REGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_batch.h"
#include "schema/batch_store.h"
#include "schema/config_table.h"
#include "schema/quarantine_store.h"
#include "schema/rollup_store.h"

/** What of a record's start is believed. Records from files (history) may be of any age. */
typedef struct RegroupPolicy {
    int64_t now_us;
    int64_t live_past_us;      /* older live records go to quarantine */
    int64_t live_future_us;    /* so do live records that are farther ahead */
    int64_t history_future_us; /* records from files may be this far ahead (workloads that describe a month) */
} RegroupPolicy;

typedef struct RegroupInput {
    const UsageBatch *batch; /* its records may break their limits: those go to quarantine one by one */
    int64_t stream_id;
    int64_t sequence;
    bool history;
    Text import_id;      /* empty: none */
    const char *aside;   /* not NULL: none of its records is billed, each goes to quarantine, and this is why */
    const bool *allowed; /* for each tenant of regroup_tenants: may this batch speak for it? NULL: for all */
    /* output */
    int64_t billed;
    int64_t quarantined;
    int64_t lost;
} RegroupInput;

typedef struct RegroupSegment {
    int64_t tenant_id;
    int64_t hour_us;
    int64_t records;
    Buffer payload; /* a packed UsageBatch */
    Buffer sources;
} RegroupSegment;

/** One hour of one configuration; the id is asked for later. */
typedef struct RegroupRollup {
    int64_t tenant_id;
    int64_t hour_us;
    uint32_t config; /* index in the ConfigTable */
    RollupSums sums;
} RegroupRollup;

typedef struct RegroupOutput {
    RegroupSegment *segments;
    size_t segment_count;
    RegroupRollup *rollups;
    size_t rollup_count;
    QuarantineItem *quarantine;
    size_t quarantine_count;
    LossRow *losses;
    size_t loss_count;
    ImportPeriod *periods;
    size_t period_count;
} RegroupOutput;

typedef struct Regroup Regroup;

/** `configs` is borrowed and grows. Caller frees with regroup_free(). NULL: ERR_NOMEM. */
MUST_CHECK Regroup *regroup_new(ConfigTable *configs, Err *err);
void regroup_free(Regroup **self);

void regroup_start(Regroup *self);
/** Take a batch; its input is found by the order of adding. */
MUST_CHECK bool regroup_add(Regroup *self, const RegroupInput *input, Err *err);
RegroupInput *regroup_input(Regroup *self, size_t i);

/** Every tenant that is named, each once. Borrowed until regroup_start. */
const Text *regroup_tenants(const Regroup *self, size_t *count);

/** `tenant_ids[i]` is the id of tenant i, 0 when it is not registered. ERR_NOMEM. */
MUST_CHECK bool regroup_run(Regroup *self, const int64_t *tenant_ids, const RegroupPolicy *policy, Err *err);
/** Borrowed until regroup_start. Rollups have each (tenant, hour, configuration) once, in no stated order. */
const RegroupOutput *regroup_output(const Regroup *self);

#endif
