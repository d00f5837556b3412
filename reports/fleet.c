#include "reports/fleet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/progress.h"
#include "reports/fleet_burst.h"
#include "reports/fleet_cost.h"
#include "reports/fleet_fit.h"
#include "reports/fleet_size.h"

enum { PROGRESS_EXECUTIONS = 4096 };

const char *const FLEET_BURST_NAMES[FLEET_BURSTS] = {NULL, "baseline", "standard", "unlimited"};

/* Options whose instances are of one size share the work. */
typedef struct Work {
    FleetFit *fits;
    size_t fit_count;
    FleetSize *sizes; /* of the replays */
    FleetReplay **replays;
    FleetOutcome *outcomes;
    size_t replay_count;
    size_t *fit_of[2]; /* by option: with headroom, without */
    size_t *replay_of;
    Execution *together; /* executions that start at one instant: in what order they come must not matter */
    size_t together_count;
    size_t together_capacity;
    Progress progress;
    int64_t done;
    int64_t whole;
} Work;

/* ---- what is shared ---- */

static size_t
share_fit(Work *work, FleetRoom size)
{
    for (size_t i = 0; i < work->fit_count; i++)
        if (work->fits[i].size.memory_mb == size.memory_mb && work->fits[i].size.share_mb == size.share_mb)
            return i;
    work->fits[work->fit_count] = (FleetFit){.size = size};
    return work->fit_count++;
}

static bool
same_room(FleetRoom a, FleetRoom b)
{
    return a.memory_mb == b.memory_mb && a.share_mb == b.share_mb;
}

static size_t
share_replay(Work *work, const FleetSize *size)
{
    for (size_t i = 0; i < work->replay_count; i++)
        if (same_room(work->sizes[i].place, size->place) && same_room(work->sizes[i].plan, size->plan) &&
            work->sizes[i].earn_parts == size->earn_parts)
            return i;
    work->sizes[work->replay_count] = *size;
    return work->replay_count++;
}

/* ---- the pass over all executions ---- */

static void
work_clear(Work *self)
{
    for (size_t i = 0; i < self->fit_count; i++)
        fleet_fit_clear(&self->fits[i]);
    for (size_t i = 0; self->replays != NULL && i < self->replay_count; i++)
        fleet_replay_free(&self->replays[i]);
    free(self->fits);
    free(self->sizes);
    free(self->replays);
    free(self->outcomes);
    free(self->fit_of[0]);
    free(self->fit_of[1]);
    free(self->replay_of);
    free(self->together);
}

static bool
work_make(Work *self, size_t options, Err *err)
{
    self->fits = calloc(2 * options + 1, sizeof(*self->fits));
    self->sizes = calloc(options + 1, sizeof(*self->sizes));
    self->replays = calloc(options + 1, sizeof(FleetReplay *));
    self->outcomes = calloc(options + 1, sizeof(*self->outcomes));
    self->fit_of[0] = calloc(options + 1, sizeof(size_t));
    self->fit_of[1] = calloc(options + 1, sizeof(size_t));
    self->replay_of = calloc(options + 1, sizeof(size_t));
    bool done = self->fits != NULL && self->sizes != NULL && self->replays != NULL && self->outcomes != NULL &&
                self->fit_of[0] != NULL && self->fit_of[1] != NULL && self->replay_of != NULL;
    return done || err_set(err, ERR_NOMEM, "no memory for %zu fleets", options);
}

static bool
start_replays(Work *self, const FleetPlan *plan, Err *err)
{
    int64_t minimum_us = plan->catalogue->minimum_s * UTC_SECOND_US;
    for (size_t i = 0; i < self->replay_count; i++) {
        self->replays[i] = fleet_replay_new(utc_month_start_us(plan->month), utc_month_end_us(plan->month),
                                            &self->sizes[i], &plan->rules, minimum_us, err);
        if (self->replays[i] == NULL)
            return false;
    }
    return true;
}

static bool
place(Work *self, const Execution *execution, Err *err)
{
    const FleetRoom need = {execution->used_mb, execution->memory_mb};
    for (size_t i = 0; i < self->fit_count; i++)
        if (!fleet_fit_add(&self->fits[i], execution->start_us, execution->duration_us, need, err))
            return false;
    for (size_t i = 0; i < self->replay_count; i++)
        if (!fleet_replay_add(self->replays[i], execution->start_us, execution->duration_us, need, err))
            return false;
    if (++self->done % PROGRESS_EXECUTIONS == 0)
        progress_show(&self->progress, self->done, self->whole);
    return true;
}

/* The shorter, the smaller first. */
static int
compare_executions(const void *a, const void *b)
{
    const Execution *left = a;
    const Execution *right = b;
    if (left->duration_us != right->duration_us)
        return left->duration_us < right->duration_us ? -1 : 1;
    if (left->memory_mb != right->memory_mb)
        return left->memory_mb < right->memory_mb ? -1 : 1;
    return (left->used_mb > right->used_mb) - (left->used_mb < right->used_mb);
}

static bool
place_together(Work *self, Err *err)
{
    if (self->together_count > 1)
        qsort(self->together, self->together_count, sizeof(*self->together), compare_executions);
    for (size_t i = 0; i < self->together_count; i++)
        if (!place(self, &self->together[i], err))
            return false;
    self->together_count = 0;
    return true;
}

static bool
take_execution(void *context, const Execution *execution, Err *err)
{
    Work *self = context;
    if (self->together_count > 0 && self->together[0].start_us != execution->start_us && !place_together(self, err))
        return false;
    if (!array_grow(&self->together, &self->together_capacity, self->together_count, sizeof(*self->together), err))
        return false;
    self->together[self->together_count++] = *execution;
    return true;
}

static bool
pass_over(Work *self, SavingsUsage *usage, Err *err)
{
    self->whole = usage->timeline.executions;
    self->progress = progress_start("fleets");
    bool done = concurrency_visit(usage->executions, take_execution, self, err) && place_together(self, err);
    progress_end(&self->progress);
    for (size_t i = 0; done && i < self->replay_count; i++)
        done = fleet_replay_end(self->replays[i], &self->outcomes[i], err);
    return done;
}

/* ---- options ---- */

static void
add_option(FleetPlan *plan, const CatalogueType *type, FleetBurst burst)
{
    FleetOption *option = &plan->options[plan->count++];
    option->type = type;
    option->burst = burst;
    for (size_t i = 0; i < PURCHASES; i++)
        amount_init(&option->fixed[i]);
    Amount *const amounts[] = {&option->fixed_low, &option->fixed_high, &option->scaled, &option->scaled_low,
                               &option->scaled_high};
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
        amount_init(amounts[i]);
    mpq_init(option->scaled_hours);
}

static bool
add_options(FleetPlan *plan, const char *only, Err *err)
{
    const Catalogue *catalogue = plan->catalogue;
    plan->options = calloc(3 * catalogue->type_count, sizeof(*plan->options));
    if (plan->options == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu types", catalogue->type_count);
    for (size_t i = 0; i < catalogue->type_count; i++) {
        const CatalogueType *type = &catalogue->types[i];
        if (only != NULL && strcmp(only, type->name) != 0)
            continue;
        add_option(plan, type, type->burstable ? BURST_BASELINE : BURST_NONE);
        plan->has_burstable = plan->has_burstable || type->burstable;
        if (type->burstable)
            add_option(plan, type, BURST_STANDARD);
        if (type->burstable && mpq_sgn(type->unlimited) > 0)
            add_option(plan, type, BURST_UNLIMITED);
    }
    if (plan->count > 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "catalogue '%s' has no type '%s'", catalogue->name, only);
    return err_hint(err, "its first type is '%s'; `millibill savings --fleet` lists all of them",
                    catalogue->types[0].name);
}

/* Which work tells what of this option. */
static void
plan_work(FleetPlan *plan, Work *work)
{
    const FleetRules *rules = &plan->rules;
    for (size_t i = 0; i < plan->count; i++) {
        FleetOption *option = &plan->options[i];
        FleetRoom room = fleet_room(option, rules);
        option->fits = plan->largest_used_mb <= room.memory_mb;
        if (!option->fits) {
            (void) snprintf(option->reason, sizeof(option->reason),
                            "the largest execution uses %" PRId64 " MB, an instance has %" PRId64,
                            plan->largest_used_mb, room.memory_mb);
            continue;
        }
        work->fit_of[0][i] = share_fit(work, fleet_room_less(room, rules->headroom_percent));
        work->fit_of[1][i] = share_fit(work, room);
        FleetSize size = {room, fleet_room_less(room, rules->headroom_percent), fleet_burst_earn(option, rules)};
        if (option->burst == BURST_BASELINE) {
            mpq_t share;
            mpq_init(share);
            fleet_baseline_share(option, rules, rules->headroom_percent, share);
            size.plan.share_mb = fleet_floor(share);
            mpq_clear(share);
        }
        work->replay_of[i] = share_replay(work, &size);
    }
}

/* As many as hold the peak with their baselines. */
static int64_t
count_by_baseline(const FleetPlan *plan, const FleetOption *option, int64_t percent)
{
    mpq_t share;
    mpq_t peak;
    mpz_t count;
    mpq_inits(share, peak, NULL);
    mpz_init(count);
    fleet_baseline_share(option, &plan->rules, percent, share);
    decimal_set_i64(peak, plan->peak_share_mb);
    mpq_div(peak, peak, share);
    mpz_cdiv_q(count, mpq_numref(peak), mpq_denref(peak));
    int64_t out = mpz_cmp_ui(count, FLEET_FIT_MAX) < 0 ? (int64_t) mpz_get_ui(count) : FLEET_FIT_MAX;
    mpz_clear(count);
    mpq_clears(share, peak, NULL);
    return out;
}

static int64_t
count_of(const FleetPlan *plan, const FleetOption *option, const FleetFit *fit, int64_t percent)
{
    int64_t count = fit->instances > 0 ? (int64_t) fit->instances : 1;
    int64_t by_baseline = option->burst == BURST_BASELINE ? count_by_baseline(plan, option, percent) : 0;
    return count > by_baseline ? count : by_baseline;
}

static void
take_results(FleetPlan *plan, const Work *work)
{
    for (size_t i = 0; i < plan->count; i++) {
        FleetOption *option = &plan->options[i];
        if (!option->fits)
            continue;
        option->instances = count_of(plan, option, &work->fits[work->fit_of[0][i]], plan->rules.headroom_percent);
        option->instances_least = count_of(plan, option, &work->fits[work->fit_of[1][i]], 0);
        option->outcome = work->outcomes[work->replay_of[i]];
        option->fits = option->instances < FLEET_FIT_MAX;
        if (!option->fits)
            (void) snprintf(option->reason, sizeof(option->reason), "more than %d instances would be needed",
                            FLEET_FIT_MAX - 1);
    }
}

static int
by_cost(const void *a, const void *b)
{
    const FleetOption *left = a;
    const FleetOption *right = b;
    if (left->fits != right->fits)
        return left->fits ? -1 : 1;
    int order = mpq_cmp(left->fixed[ON_DEMAND].exact, right->fixed[ON_DEMAND].exact);
    order = order != 0 ? order : strcmp(left->type->name, right->type->name);
    return order != 0 ? order : (int) left->burst - (int) right->burst;
}

static bool
plan_run(FleetPlan *self, SavingsUsage *usage, Err *err)
{
    Work work = {.fits = NULL};
    bool done = work_make(&work, self->count, err);
    if (done) {
        plan_work(self, &work);
        done = start_replays(&work, self, err) && pass_over(&work, usage, err);
    }
    if (done) {
        take_results(self, &work);
        done = fleet_burst_replay(self, usage, err);
    }
    if (done) {
        for (size_t i = 0; i < self->count; i++)
            if (self->options[i].fits)
                fleet_cost(self, &self->options[i]);
        qsort(self->options, self->count, sizeof(*self->options), by_cost);
    }
    work_clear(&work);
    return done;
}

MUST_CHECK FleetPlan *
fleet_plan_make(const Catalogue *catalogue, const FleetRules *rules, SavingsUsage *usage, UtcMonth month,
                const char *only, Err *err)
{
    if (usage->executions == NULL) {
        err_set(err, ERR_INPUT, "a fleet is sized by what ran at a time, which sums do not tell");
        err_hint(err, "give usage records (with started_at) instead of quote rows, or leave --usage out");
        return NULL;
    }
    FleetPlan *self = fleet_rules_check(rules, err) ? calloc(1, sizeof(*self)) : NULL;
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a fleet");
        return NULL;
    }
    *self = (FleetPlan){.catalogue = catalogue,
                        .rules = *rules,
                        .month = month,
                        .currency_scale = currency_scale(catalogue->currency),
                        .executions = usage->timeline.executions,
                        .peak = usage->timeline.peak.value,
                        .peak_used_mb = usage->timeline.used_mb.value,
                        .peak_share_mb = usage->timeline.memory_mb.value,
                        .largest_used_mb = usage->largest_used_mb};
    if (!add_options(self, only, err) || !plan_run(self, usage, err))
        fleet_plan_free(&self);
    return self;
}

void
fleet_plan_free(FleetPlan **self)
{
    FleetPlan *plan = *self;
    *self = NULL;
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++) {
        FleetOption *option = &plan->options[i];
        for (size_t p = 0; p < PURCHASES; p++)
            amount_clear(&option->fixed[p]);
        Amount *const amounts[] = {&option->fixed_low, &option->fixed_high, &option->scaled, &option->scaled_low,
                                   &option->scaled_high};
        for (size_t a = 0; a < sizeof(amounts) / sizeof(amounts[0]); a++)
            amount_clear(amounts[a]);
        mpq_clear(option->scaled_hours);
    }
    free(plan->options);
    free(plan);
}
