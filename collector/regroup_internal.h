/**
 * regroup_internal - what regroup.c (who may be billed) and regroup_bill.c (segments and sums) share
 */
#ifndef COLLECTOR_REGROUP_INTERNAL_H
#define COLLECTOR_REGROUP_INTERNAL_H

#include "collector/name_table.h"
#include "collector/regroup.h"
#include "lib/arena.h"

enum { NOT_SEEN = UINT32_MAX - 1 };

/** Where a record that is billed stands: sorted by tenant and hour, else in the order of acceptance. */
typedef struct Place {
    int64_t hour_us;
    uint32_t tenant;
    uint32_t input;
    uint32_t record;
} Place;

/** What is known of one configuration of one batch. */
typedef struct BatchConfig {
    uint32_t tenant; /* index in the name table */
    uint32_t config; /* index in the config table; NOT_SEEN: not asked for */
} BatchConfig;

typedef struct Input {
    RegroupInput public;
    BatchConfig *configs; /* in the arena, one for each of the batch */
} Input;

struct Regroup {
    ConfigTable *configs;
    Arena *arena;
    UsageBatchBuilder *builder;
    UsageBatchBuilder *single; /* for records that go to quarantine */
    Buffer single_bytes;
    NameTable tenants;
    Input *inputs;
    size_t input_count, input_capacity;
    Place *places;
    size_t place_count, place_capacity;
    size_t *last_rollup; /* for each configuration: index + 1 of its newest rollup */
    size_t last_rollup_count, last_rollup_capacity;
    size_t segment_capacity, rollup_capacity, quarantine_capacity, loss_capacity, period_capacity;
    const int64_t *tenant_ids;
    RegroupOutput out;
};

/** A record that cannot be billed after all. */
MUST_CHECK bool regroup_quarantine(Regroup *self, Input *input, const UsageRecord *record, const UsageFault *fault,
                                   int64_t tenant_id, Err *err);

/** One tenant and hour, from places[from]; `*next` is the first place behind it. */
MUST_CHECK bool regroup_bill_run(Regroup *self, size_t from, size_t *next, Err *err);

#endif
