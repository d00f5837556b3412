#include "reports/fleet_burst.h"

#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/progress.h"
#include "reports/fleet_size.h"

enum { PROGRESS_EXECUTIONS = 4096, WAYS = 2 /* with headroom, without */ };

/* One number of instances of one option. */
typedef struct Pot {
    FleetCredits credits;
    FleetShort *outcome;
    int64_t instances;
    int64_t most_mb; /* that one execution takes: the whole of an instance's vCPU */
    int64_t load_mb;
} Pot;

typedef struct Pots {
    Pot *pots;
    size_t count;
    FleetRuns runs; /* their need is as configured */
    Progress progress;
    int64_t done;
    int64_t whole;
} Pots;

int64_t
fleet_burst_earn(const FleetOption *option, const FleetRules *rules)
{
    if (option->burst != BURST_STANDARD && option->burst != BURST_UNLIMITED)
        return 0;
    mpq_t share;
    mpq_t parts;
    mpq_inits(share, parts, NULL);
    fleet_baseline_share(option, rules, 0, share);
    mpq_set_ui(parts, FLEET_CREDIT_PARTS, 1);
    mpq_mul(share, share, parts);
    int64_t earn = fleet_floor(share);
    mpq_clears(share, parts, NULL);
    return earn;
}

static void
add_pot(Pots *self, const FleetPlan *plan, FleetOption *option, int64_t instances, FleetShort *outcome)
{
    self->pots[self->count++] =
        (Pot){fleet_credits_begin(option->burst == BURST_UNLIMITED, fleet_burst_earn(option, &plan->rules),
                                  utc_month_start_us(plan->month)),
              outcome, instances, fleet_room(option, &plan->rules).share_mb, 0};
}

static void
change_load(Pots *self, int64_t at_us, int64_t memory_mb, int sign)
{
    for (size_t i = 0; i < self->count; i++) {
        Pot *pot = &self->pots[i];
        fleet_credits_pass(&pot->credits, at_us, pot->load_mb, pot->instances);
        pot->load_mb += sign * (memory_mb < pot->most_mb ? memory_mb : pot->most_mb);
    }
}

static void
end_runs(Pots *self, int64_t until_us)
{
    while (self->runs.count > 0 && self->runs.runs[0].end_us <= until_us) {
        FleetRun run = fleet_runs_pop(&self->runs);
        change_load(self, run.end_us, run.need.share_mb, -1);
    }
}

static bool
take_execution(void *context, const Execution *execution, Err *err)
{
    Pots *self = context;
    const FleetRun run = {execution->start_us + execution->duration_us, {0, execution->memory_mb}, 0};
    end_runs(self, execution->start_us);
    change_load(self, execution->start_us, execution->memory_mb, 1);
    if (++self->done % PROGRESS_EXECUTIONS == 0)
        progress_show(&self->progress, self->done, self->whole);
    return fleet_runs_push(&self->runs, &run, err);
}

static bool
pass_over(Pots *self, const FleetPlan *plan, SavingsUsage *usage, Err *err)
{
    int64_t end_us = utc_month_end_us(plan->month);
    self->whole = usage->timeline.executions;
    self->progress = progress_start("CPU credits");
    bool done = concurrency_visit(usage->executions, take_execution, self, err);
    progress_end(&self->progress);
    end_runs(self, end_us);
    change_load(self, end_us, 0, 1);
    for (size_t i = 0; i < self->count; i++)
        *self->pots[i].outcome = fleet_credits_end(&self->pots[i].credits);
    return done;
}

MUST_CHECK bool
fleet_burst_replay(FleetPlan *plan, SavingsUsage *usage, Err *err)
{
    Pots pots = {.pots = calloc(WAYS * plan->count + 1, sizeof(Pot))};
    if (pots.pots == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu fleets", plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        FleetOption *option = &plan->options[i];
        if (!option->fits || fleet_burst_earn(option, &plan->rules) == 0)
            continue;
        add_pot(&pots, plan, option, option->instances, &option->burst_fixed);
        add_pot(&pots, plan, option, option->instances_least, &option->burst_least);
    }
    bool done = pots.count == 0 || pass_over(&pots, plan, usage, err);
    fleet_runs_clear(&pots.runs);
    free(pots.pots);
    return done;
}
