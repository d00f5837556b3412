/**
 * fleet_size - what one instance holds, in the whole MB of memory and of vCPU shares that fleets are counted in
 */
#ifndef REPORTS_FLEET_SIZE_H
#define REPORTS_FLEET_SIZE_H

#include "reports/fleet.h"

/** The greatest whole number that is not above `value`, at least 1. */
int64_t fleet_floor(const mpq_t value);

/** All of an instance: memory, and the configured memory whose executions its vCPU carry. */
FleetRoom fleet_room(const FleetOption *option, const FleetRules *rules);

/** x 100 / (100 + percent), rounded down, at least 1. */
FleetRoom fleet_room_less(FleetRoom room, int64_t percent);

/** The share that the baselines of a burstable instance carry, x 100 / (100 + percent), exact. */
void fleet_baseline_share(const FleetOption *option, const FleetRules *rules, int64_t percent, mpq_t out);

#endif
