/**
 * alternative_fleet - an alternative whose servers are counted from what ran
 */
#ifndef REPORTS_ALTERNATIVE_FLEET_H
#define REPORTS_ALTERNATIVE_FLEET_H

#include "reports/alternative.h"

/** Read `fleet:` if it is there. ERR_INPUT "FILE:LINE: …", ERR_NOMEM. */
MUST_CHECK bool alternative_fleet_read(const YamlNode *root, Alternative *self, Err *err);
void alternative_fleet_free(AlternativeFleet **self);

/** Add the servers of an option of a plan (it fits) as a cost: `purchase` for a fixed fleet; one that scales itself is on
 *  demand, or on spot for SPOT_LOW and SPOT_HIGH. Executions at a time on all of them: the month's peak. ERR_NOMEM. */
MUST_CHECK bool alternative_fleet_add(Alternative *self, const FleetPlan *plan, const FleetOption *option,
                                      Purchase purchase, bool scaled, Err *err);

/** Size the fleet that the file describes by what ran in `month`, and add it as a cost. ERR_INPUT (the type does not fit, or
 *  has no such mode or price), and what catalogue_open() and fleet_plan_make() say. */
MUST_CHECK bool alternative_fleet_size(Alternative *self, SavingsUsage *usage, UtcMonth month, Err *err);

/** An alternative that is nothing but this option, named after it. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Alternative *alternative_of_option(const FleetPlan *plan, const FleetOption *option, bool scaled, Err *err);

#endif
