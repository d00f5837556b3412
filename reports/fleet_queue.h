/**
 * fleet_queue - requests that wait for room, first come, first served
 */
#ifndef REPORTS_FLEET_QUEUE_H
#define REPORTS_FLEET_QUEUE_H

#include "reports/fleet_pool.h"

typedef struct FleetRequest {
    int64_t arrived_us;
    int64_t duration_us;
    FleetRoom need;
} FleetRequest;

/* Those who wait, in a ring. */
typedef struct FleetQueue {
    FleetRequest *ring;
    size_t capacity; /* a power of 2 */
    size_t first;
    size_t count;
} FleetQueue;

/** Add one behind the others. ERR_NOMEM leaves the queue as it was. */
MUST_CHECK bool fleet_queue_push(FleetQueue *self, const FleetRequest *request, Err *err);
/** The one that has waited longest; there is one. Borrowed until the next change. */
const FleetRequest *fleet_queue_first(const FleetQueue *self);
void fleet_queue_drop(FleetQueue *self);
void fleet_queue_clear(FleetQueue *self);

#endif
