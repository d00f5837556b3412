/**
 * fleet_fit - how many instances of a size would have held everything that ran
 *
 * Pure. Executions come in the order of their start; each goes whole to the first instance that has room, and one more
 * instance is there when none has. The number of instances is that of this placement: with executions that are small against an
 * instance it is the least that any could do.
 */
#ifndef REPORTS_FLEET_FIT_H
#define REPORTS_FLEET_FIT_H

#include "reports/fleet_pool.h"

enum { FLEET_FIT_MAX = 1 << 20 };

typedef struct FleetFit {
    FleetRoom size; /* of an empty instance */
    FleetPool pool;
    FleetRuns runs;
    size_t instances; /* FLEET_FIT_MAX: that many or more */
} FleetFit;

/** One more execution: not before the one before it. What is larger than an instance takes one of its own. ERR_NOMEM. */
MUST_CHECK bool fleet_fit_add(FleetFit *self, int64_t start_us, int64_t duration_us, FleetRoom need, Err *err);
void fleet_fit_clear(FleetFit *self);

#endif
