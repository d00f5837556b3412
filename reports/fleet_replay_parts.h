/**
 * fleet_replay_parts - what the files that replay a trace on a fleet share: fleet_replay.c has requests and time, fleet_scaling.c the
 * instances and who decides how many there are
 */
#ifndef REPORTS_FLEET_REPLAY_PARTS_H
#define REPORTS_FLEET_REPLAY_PARTS_H

#include "reports/fleet_queue.h"
#include "reports/fleet_replay.h"

enum { NEVER_SINCE = -1 };
#define NEVER INT64_MAX

/* Gone: its place is free. Ordered: on its way. Leaving: takes no more work. */
typedef enum State { GONE, ORDERED, READY, LEAVING } State;

typedef struct Instance {
    State state;
    int64_t launch_us; /* paid for from then on */
    int64_t ready_us;
    int64_t running; /* executions */
} Instance;

struct FleetReplay {
    int64_t start_us;
    int64_t end_us;
    FleetSize size;
    FleetRules rules;
    int64_t minimum_us;
    Instance *instances;
    size_t instance_count;
    size_t instance_capacity;
    FleetPool pool;
    FleetRuns runs;
    FleetQueue queue;
    FleetRoom demand;        /* of what runs and waits */
    int64_t ready;           /* instances that take work */
    int64_t ordered;         /* on their way */
    int64_t members;         /* that have credits: those that take or finish work */
    int64_t running_mb;      /* configured, of what runs */
    FleetCredits credits[2]; /* standard, unlimited */
    int64_t next_ready_us;
    int64_t above_us;   /* since when more are wanted; NEVER_SINCE */
    int64_t below_us;   /* since when fewer are */
    int64_t below_most; /* the most that were wanted meanwhile */
    int64_t cooldown_us;
    bool hours[FLEET_HOURS_MAX]; /* in which somebody waited */
    FleetOutcome outcome;
};

/** An instance is paid for from `from_us` to `to_us`: at least the minimum of the plan, and not beyond the trace's end. */
void fleet_instance_pay(FleetReplay *self, int64_t from_us, int64_t to_us);

/** An instance goes: what it costs is known, its credits go with it, and its place is free. */
void fleet_instance_let_go(FleetReplay *self, size_t at, int64_t now_us);

/** An instance takes work from now on. */
void fleet_instance_make_ready(FleetReplay *self, size_t at);

/** Order an instance: paid for from `launch_us` on, ready at `ready_us`. `*at`: its place. ERR_NOMEM. */
MUST_CHECK bool fleet_instance_launch(FleetReplay *self, int64_t launch_us, int64_t ready_us, size_t *at, Err *err);

/** Demand or supply changed: since when are more or fewer instances wanted? */
void fleet_scaling_watch(FleetReplay *self, int64_t now_us);

/** Order or dismiss instances if more or fewer have been wanted for long enough by now. ERR_NOMEM. */
MUST_CHECK bool fleet_scaling_decide(FleetReplay *self, int64_t now_us, Err *err);

/** When the next decision falls, should nothing change until then; NEVER. */
int64_t fleet_scaling_next_us(const FleetReplay *self);

#endif
