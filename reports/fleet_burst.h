/**
 * fleet_burst - the CPU credits of fixed fleets of burstable instances, replayed over every execution
 */
#ifndef REPORTS_FLEET_BURST_H
#define REPORTS_FLEET_BURST_H

#include "reports/fleet.h"

/** What one instance earns: parts of a MB of configured memory (fleet_credits.h), rounded down; 0: it is not burstable, or sized by its
 *  baselines alone. */
int64_t fleet_burst_earn(const FleetOption *option, const FleetRules *rules);

/** Fill burst_fixed and burst_least of the options that fit. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool fleet_burst_replay(FleetPlan *plan, SavingsUsage *usage, Err *err);

#endif
