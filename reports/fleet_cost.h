/**
 * fleet_cost - what an option of a fleet costs (fleet.h says how it is worked out)
 */
#ifndef REPORTS_FLEET_COST_H
#define REPORTS_FLEET_COST_H

#include "reports/fleet.h"

/** Fill the option's amounts; its numbers of instances and its outcome are ready. */
void fleet_cost(const FleetPlan *plan, FleetOption *option);

/** What credits count (fleet_credits.h) as vCPU-hours, exact. */
void fleet_vcpu_hours(const FleetPlan *plan, unsigned __int128 parts, mpq_t out);

#endif
