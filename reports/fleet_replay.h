/**
 * fleet_replay - a trace of executions on a fleet that scales itself
 *
 * Pure and deterministic, in whole microseconds; fleet_rules.h says what the rules mean. At one instant, in this order:
 * executions end; instances become ready; those who wait are served, first come, first served, as long as the first of
 * them finds room; who has waited long enough is refused; the fleet decides; requests arrive. A request goes whole to the
 * ready instance of the lowest number that has room. The fleet starts with its minimum, ready.
 */
#ifndef REPORTS_FLEET_REPLAY_H
#define REPORTS_FLEET_REPLAY_H

#include "reports/fleet_credits.h"
#include "reports/fleet_pool.h"
#include "reports/fleet_rules.h"

enum { FLEET_DAYS_MAX = 31, FLEET_HOURS_MAX = FLEET_DAYS_MAX * 24 };

typedef struct FleetSize {
    FleetRoom place; /* what one instance has */
    FleetRoom
        plan; /* what is counted on when wanted instances are worked out: less by the headroom, or by a baseline */
    int64_t earn_parts; /* credits (fleet_credits.h); 0: none are counted */
} FleetSize;

/** What became of the trace. */
typedef struct FleetOutcome {
    int64_t instance_us; /* paid for: from the launch to the end, at least minimum_us each, within the period */
    int64_t launches;    /* besides those that were there */
    int64_t most;        /* instances that took work at a time */
    int64_t requests;
    int64_t waited; /* got their turn, but later */
    int64_t refused;
    int64_t waited_us; /* added up; those refused are not among them */
    int64_t longest_us;
    int64_t first_us;    /* when the first arrived that waited or was refused; meaningless when none did */
    int64_t hours;       /* in which such requests arrived */
    FleetShort standard; /* credits of the instances that take or finish work, in each mode */
    FleetShort unlimited;
} FleetOutcome;

typedef struct FleetReplay FleetReplay;

/** For the period from `start_us` to `end_us`, at most FLEET_DAYS_MAX days. `minimum_us`: what a launch costs at least.
 *  Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK FleetReplay *fleet_replay_new(int64_t start_us, int64_t end_us, const FleetSize *size,
                                         const FleetRules *rules, int64_t minimum_us, Err *err);
void fleet_replay_free(FleetReplay **self);

/** A request: not before the one before it, and within the period. Larger than an instance, it takes a whole one. ERR_NOMEM. */
MUST_CHECK bool fleet_replay_add(FleetReplay *self, int64_t start_us, int64_t duration_us, FleetRoom need, Err *err);

/** The rest of the period; then `*outcome`. Who waits at its end has waited until then. ERR_NOMEM. */
MUST_CHECK bool fleet_replay_end(FleetReplay *self, FleetOutcome *outcome, Err *err);

#endif
