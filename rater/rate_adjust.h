/**
 * rate_adjust - what a rating run does about earlier final periods: between the run and adjust_plan
 */
#ifndef RATER_RATE_ADJUST_H
#define RATER_RATE_ADJUST_H

#include "rater/adjust_plan.h"
#include "rater/rate_month_parts.h"

/** Find what changed, once for the whole run. A question about what would be (request->inside) asks for no changes. */
MUST_CHECK bool rate_adjust_read(RateMonth *self, Err *err);

/** The plan of one tenant, or of the invoice that a dry run makes again. Freed with adjust_plan_free() in any case. False with
 *  ERR_INPUT: an earlier period cannot be rated again. */
MUST_CHECK bool rate_adjust_plan(RateMonth *self, const RateTenant *tenant, AdjustPlan *plan, Err *err);

/** Does anything of this tenant's earlier periods wait? */
bool rate_adjust_waits(const RateMonth *self, const RateTenant *tenant);

/** Write credit notes: after the invoice's document is made, and before it is written. Nothing in a preview. */
MUST_CHECK bool rate_adjust_notes(RateMonth *self, AdjustPlan *plan, Err *err);
/** The report says which credit notes there are; a preview's too. */
MUST_CHECK bool rate_adjust_report(RateMonth *self, const RateTenant *tenant, const AdjustPlan *plan, Err *err);
/** Write adjustments and write-offs, after the invoice (NULL: there is none). Nothing in a preview. */
MUST_CHECK bool rate_adjust_write(RateMonth *self, const AdjustPlan *plan, const char *number, Err *err);

#endif
