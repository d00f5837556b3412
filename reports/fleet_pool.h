/**
 * fleet_pool - instances with room for executions, and the executions that run on them
 *
 * Pure. Room has two dimensions: memory in MB, and vCPU as a share of configured memory in MB (fleet_rules.h). An execution
 * goes whole to the first instance that has room in both. Finding it takes the logarithm of the number of instances, unless
 * memory and vCPU are short on different ones.
 */
#ifndef REPORTS_FLEET_POOL_H
#define REPORTS_FLEET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

typedef struct FleetRoom {
    int64_t memory_mb;
    int64_t share_mb;
} FleetRoom;

/** The room of an instance that takes no work. */
#define FLEET_NO_ROOM ((FleetRoom){-1, -1})
#define FLEET_NONE SIZE_MAX

typedef struct FleetPool {
    FleetRoom *tree; /* a heap-shaped tree of greatest rooms; the leaves are the instances */
    size_t leaves;   /* a power of 2 */
} FleetPool;

/** Room for at least `count` instances, those that are new without room. ERR_NOMEM leaves it as it was. */
MUST_CHECK bool fleet_pool_grow(FleetPool *self, size_t count, Err *err);
void fleet_pool_clear(FleetPool *self);

/** The first instance with that much room; FLEET_NONE. */
size_t fleet_pool_find(const FleetPool *self, FleetRoom need);
FleetRoom fleet_pool_room(const FleetPool *self, size_t instance);
void fleet_pool_set(FleetPool *self, size_t instance, FleetRoom room);

/** An execution that runs on an instance. */
typedef struct FleetRun {
    int64_t end_us;
    FleetRoom need;
    size_t instance;
} FleetRun;

/** A heap of runs, the one that ends first on top. */
typedef struct FleetRuns {
    FleetRun *runs;
    size_t count;
    size_t capacity;
} FleetRuns;

MUST_CHECK bool fleet_runs_push(FleetRuns *self, const FleetRun *run, Err *err);
/** Take the one that ends first; there is one. */
FleetRun fleet_runs_pop(FleetRuns *self);
void fleet_runs_clear(FleetRuns *self);

#endif
