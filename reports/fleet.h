/**
 * fleet - what servers of each type of a catalogue would have done the work of a month, and at what cost
 *
 * For each type, two fleets: one of a fixed number of instances, the least that would have held everything that ran
 * (fleet_fit.h), filled no further than the headroom allows; and one that scales itself, replayed over every execution
 * (fleet_replay.h). An execution takes the memory that it used (as configured where that was not measured) and vCPU in
 * proportion to its configured memory (fleet_rules.h). Of those that start at one instant the shorter, then the smaller come
 * first, so that the order in which records arrived does not matter.
 *
 * A burstable type stands there in three modes. By its baseline: as many instances as hold the peak with the baselines of their
 * vCPU alone. Standard and unlimited: sized by all of its vCPU, and its CPU credits are replayed (fleet_credits.h). In standard mode
 * they may run out, which is told; in unlimited mode what is spent beyond them is paid for.
 *
 * Money: fixed = instances x the catalogue's hours x the hourly price; scaled = the instance-hours that were paid for in the
 * replay, brought from the month's hours to the catalogue's (730 / 744 in a long month), x the price; amounts printed half up
 * to the currency's minor unit. Ranges: the lower end is the cheapest way to buy with no headroom at all, the
 * upper end the dearest with the headroom that was asked for. Infrastructure alone: what stands around servers is not in it.
 */
#ifndef REPORTS_FLEET_H
#define REPORTS_FLEET_H

#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "reports/amount.h"
#include "reports/catalogue.h"
#include "reports/fleet_replay.h"
#include "reports/fleet_rules.h"
#include "reports/savings_usage.h"

typedef enum FleetBurst { BURST_NONE, BURST_BASELINE, BURST_STANDARD, BURST_UNLIMITED } FleetBurst;
enum { FLEET_BURSTS = 4 };
extern const char *const FLEET_BURST_NAMES[FLEET_BURSTS]; /* NULL, "baseline", "standard", "unlimited" */

/** One type in one mode. */
typedef struct FleetOption {
    const CatalogueType *type; /* borrowed from the catalogue */
    FleetBurst burst;
    bool
        fits; /* one instance holds the largest execution, and no more than FLEET_FIT_MAX are needed; else the rest is 0 */
    char reason[96]; /* why it does not */
    /* fixed */
    int64_t instances;
    int64_t instances_least; /* without headroom */
    Amount fixed[PURCHASES]; /* for `instances`; where type->prices[].known */
    FleetShort burst_fixed;  /* of `instances`, and of `instances_least`, where burst is standard or unlimited */
    FleetShort burst_least;
    Amount fixed_low;
    Amount fixed_high;
    /* scaled */
    FleetOutcome outcome;
    mpq_t scaled_hours; /* instance-hours that are priced */
    Amount scaled;      /* on demand */
    Amount scaled_low;
    Amount scaled_high;
} FleetOption;

typedef struct FleetPlan {
    const Catalogue *catalogue; /* borrowed */
    FleetRules rules;
    UtcMonth month;
    int currency_scale;
    int64_t executions;
    int64_t peak; /* executions at a time */
    int64_t peak_used_mb;
    int64_t peak_share_mb; /* configured memory at a time: / rules.mb_per_vcpu are vCPU */
    int64_t largest_used_mb;
    FleetOption *options; /* by the price of the fixed fleet on demand, then by name; those that do not fit come last */
    size_t count;
    bool has_burstable; /* among the options */
} FleetPlan;

/** Size and replay for `month`. `only`: one type by its name, NULL all. `usage` knows every execution (else ERR_INPUT, which
 *  says so) and is borrowed for the call; the catalogue for the plan's life. Caller frees. NULL: ERR_INPUT, ERR_NOT_FOUND (no
 *  such type; the types are named), ERR_NOMEM, ERR_IO. Shows progress on a terminal. */
MUST_CHECK FleetPlan *fleet_plan_make(const Catalogue *catalogue, const FleetRules *rules, SavingsUsage *usage,
                                      UtcMonth month, const char *only, Err *err);
void fleet_plan_free(FleetPlan **self);

/** What the option's fleet that scales itself had of credits. */
const FleetShort *fleet_option_scaled_short(const FleetOption *self);

/** The first option that fits and never runs out of credits, for the least that is to be paid on demand: the cheapest fixed fleet; if all
 *  do, the first that fits; NULL. */
const FleetOption *fleet_plan_cheapest(const FleetPlan *self);
/** The option whose fleet that scales itself costs least on demand, first among those that refuse at most one request in
 *  FLEET_REFUSED_ONE_IN and never run out of credits; NULL. */
enum { FLEET_REFUSED_ONE_IN = 100 };
const FleetOption *fleet_plan_cheapest_scaled(const FleetPlan *self);

/** The plan as the member "fleet" of a savings report (doc/fleets.md). Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *fleet_json(const FleetPlan *self, Err *err);

/** The plan for a person, appended to `out`: fixed fleets, then scaled ones, each by cost. ERR_NOMEM. */
MUST_CHECK bool fleet_text(const FleetPlan *self, Buffer *out, Err *err);

#endif
