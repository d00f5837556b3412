#include "reports/fleet_replay.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "reports/fleet_queue.h"

enum { NEVER_SINCE = -1 };
#define NEVER INT64_MAX

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

/* ---- instances ---- */

static void
pay(FleetReplay *self, int64_t from_us, int64_t to_us)
{
    if (to_us < from_us + self->minimum_us)
        to_us = from_us + self->minimum_us;
    if (to_us > self->end_us)
        to_us = self->end_us;
    if (from_us < to_us)
        self->outcome.instance_us += to_us - from_us;
}

static void
let_go(FleetReplay *self, size_t at, int64_t now_us)
{
    Instance *instance = &self->instances[at];
    if (instance->launch_us < now_us)
        pay(self, instance->launch_us, now_us);
    if (instance->state != ORDERED) {
        fleet_credits_leave(&self->credits[0], self->members);
        fleet_credits_leave(&self->credits[1], self->members);
        self->members--;
    }
    instance->state = GONE;
    fleet_pool_set(&self->pool, at, FLEET_NO_ROOM);
}

static void
make_ready(FleetReplay *self, size_t at)
{
    self->instances[at].state = READY;
    fleet_pool_set(&self->pool, at, self->size.place);
    self->ready++;
    self->members++;
    self->outcome.most = self->ready > self->outcome.most ? self->ready : self->outcome.most;
}

static bool
launch(FleetReplay *self, int64_t launch_us, int64_t ready_us, size_t *at, Err *err)
{
    *at = 0;
    while (*at < self->instance_count && self->instances[*at].state != GONE)
        (*at)++;
    if (*at == self->instance_count) {
        if (!array_grow(&self->instances, &self->instance_capacity, self->instance_count, sizeof(*self->instances),
                        err) ||
            !fleet_pool_grow(&self->pool, self->instance_count + 1, err))
            return false;
        self->instance_count++;
    }
    self->instances[*at] = (Instance){ORDERED, launch_us, ready_us, 0};
    return true;
}

/* ---- what is wanted ---- */

static int64_t
quotient_up(int64_t value, int64_t by)
{
    return value / by + (value % by > 0 ? 1 : 0);
}

static int64_t
wanted(const FleetReplay *self)
{
    int64_t by_memory = quotient_up(self->demand.memory_mb, self->size.plan.memory_mb);
    int64_t by_share = quotient_up(self->demand.share_mb, self->size.plan.share_mb);
    int64_t want = by_memory > by_share ? by_memory : by_share;
    if (want < self->rules.minimum)
        return self->rules.minimum;
    return want < self->rules.maximum ? want : self->rules.maximum;
}

/* Demand or supply changed: since when are more or fewer wanted? */
static void
watch(FleetReplay *self, int64_t now_us)
{
    int64_t want = wanted(self);
    int64_t have = self->ready + self->ordered;
    if (want <= have)
        self->above_us = NEVER_SINCE;
    else if (self->above_us == NEVER_SINCE)
        self->above_us = now_us;
    if (want >= have) {
        self->below_us = NEVER_SINCE;
    } else if (self->below_us == NEVER_SINCE) {
        self->below_us = now_us;
        self->below_most = want;
    } else if (want > self->below_most) {
        self->below_most = want;
    }
}

static void
change_demand(FleetReplay *self, FleetRoom need, int sign)
{
    self->demand.memory_mb += sign * need.memory_mb;
    self->demand.share_mb += sign * need.share_mb;
}

/* When a decision falls that something has to stand for since then. */
static int64_t
decision_us(const FleetReplay *self, int64_t since_us, int64_t stand_s)
{
    if (since_us == NEVER_SINCE)
        return NEVER;
    int64_t at_us = since_us + stand_s * UTC_SECOND_US;
    return at_us > self->cooldown_us ? at_us : self->cooldown_us;
}

static bool
scale_out(FleetReplay *self, int64_t now_us, Err *err)
{
    int64_t launch_us = now_us + self->rules.scale_out_delay_s * UTC_SECOND_US;
    int64_t ready_us = launch_us + self->rules.boot_s * UTC_SECOND_US;
    for (int64_t count = wanted(self) - self->ready - self->ordered; count > 0; count--) {
        size_t at = 0;
        if (!launch(self, launch_us, ready_us, &at, err))
            return false;
        self->ordered++;
        self->outcome.launches++;
    }
    if (ready_us < self->next_ready_us)
        self->next_ready_us = ready_us;
    return true;
}

/* Those with the highest numbers go, those that are still on their way first. */
static void
scale_in(FleetReplay *self, int64_t now_us)
{
    int64_t count = self->ready + self->ordered - self->below_most;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t at = self->instance_count; count > 0 && at-- > 0;) {
            Instance *instance = &self->instances[at];
            if (instance->state != (pass == 0 ? ORDERED : READY))
                continue;
            count--;
            *(pass == 0 ? &self->ordered : &self->ready) -= 1;
            if (instance->running == 0) {
                let_go(self, at, now_us);
            } else {
                instance->state = LEAVING;
                fleet_pool_set(&self->pool, at, FLEET_NO_ROOM);
            }
        }
    }
}

static bool
decide(FleetReplay *self, int64_t now_us, Err *err)
{
    bool out = decision_us(self, self->above_us, self->rules.alarm_s) <= now_us;
    bool in = !out && decision_us(self, self->below_us, self->rules.scale_in_s) <= now_us;
    if (!out && !in)
        return true;
    if (out && !scale_out(self, now_us, err))
        return false;
    if (in)
        scale_in(self, now_us);
    self->below_us = NEVER_SINCE;
    self->cooldown_us = now_us + self->rules.cooldown_s * UTC_SECOND_US;
    watch(self, now_us);
    return true;
}

/* ---- requests ---- */

static bool
start_run(FleetReplay *self, size_t at, const FleetRequest *request, int64_t now_us, Err *err)
{
    FleetRoom room = fleet_pool_room(&self->pool, at);
    const FleetRun run = {now_us + request->duration_us, request->need, at};
    if (!fleet_runs_push(&self->runs, &run, err))
        return false;
    fleet_pool_set(&self->pool, at,
                   (FleetRoom){room.memory_mb - request->need.memory_mb, room.share_mb - request->need.share_mb});
    self->instances[at].running++;
    self->running_mb += request->need.share_mb;
    return true;
}

static void
note_trouble(FleetReplay *self, const FleetRequest *request)
{
    FleetOutcome *outcome = &self->outcome;
    bool *hour = &self->hours[(request->arrived_us - self->start_us) / UTC_HOUR_US];
    if (outcome->waited + outcome->refused == 0 || request->arrived_us < outcome->first_us)
        outcome->first_us = request->arrived_us;
    outcome->hours += *hour ? 0 : 1;
    *hour = true;
}

static void
note_wait(FleetReplay *self, const FleetRequest *request, int64_t now_us)
{
    int64_t waited_us = now_us - request->arrived_us;
    if (waited_us == 0)
        return;
    note_trouble(self, request);
    self->outcome.waited++;
    self->outcome.waited_us += waited_us;
    if (waited_us > self->outcome.longest_us)
        self->outcome.longest_us = waited_us;
}

static void
refuse(FleetReplay *self, const FleetRequest *request, int64_t now_us)
{
    note_trouble(self, request);
    self->outcome.refused++;
    change_demand(self, request->need, -1);
    watch(self, now_us);
}

static bool
serve_queue(FleetReplay *self, int64_t now_us, Err *err)
{
    while (self->queue.count > 0) {
        FleetRequest request = *fleet_queue_first(&self->queue);
        size_t at = fleet_pool_find(&self->pool, request.need);
        if (at == FLEET_NONE)
            return true;
        if (!start_run(self, at, &request, now_us, err))
            return false;
        note_wait(self, &request, now_us);
        fleet_queue_drop(&self->queue);
    }
    return true;
}

/* ---- time ---- */

/* What is wanted is looked at when all that end at one instant have: no demand is seen that lasted no time. */
static void
end_runs(FleetReplay *self, int64_t now_us)
{
    while (self->runs.count > 0 && self->runs.runs[0].end_us <= now_us) {
        FleetRun run = fleet_runs_pop(&self->runs);
        Instance *instance = &self->instances[run.instance];
        instance->running--;
        self->running_mb -= run.need.share_mb;
        if (instance->state == READY) {
            FleetRoom room = fleet_pool_room(&self->pool, run.instance);
            fleet_pool_set(&self->pool, run.instance,
                           (FleetRoom){room.memory_mb + run.need.memory_mb, room.share_mb + run.need.share_mb});
        } else if (instance->running == 0) {
            let_go(self, run.instance, now_us);
        }
        change_demand(self, run.need, -1);
    }
    watch(self, now_us);
}

static void
boot_instances(FleetReplay *self, int64_t now_us)
{
    if (self->next_ready_us > now_us)
        return;
    self->next_ready_us = NEVER;
    for (size_t at = 0; at < self->instance_count; at++) {
        Instance *instance = &self->instances[at];
        if (instance->state != ORDERED)
            continue;
        if (instance->ready_us <= now_us) {
            self->ordered--;
            make_ready(self, at);
        } else if (instance->ready_us < self->next_ready_us) {
            self->next_ready_us = instance->ready_us;
        }
    }
}

static int64_t
refusal_us(const FleetReplay *self)
{
    return self->queue.count == 0 ? NEVER
                                  : fleet_queue_first(&self->queue)->arrived_us + self->rules.wait_s * UTC_SECOND_US;
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
next_event_us(const FleetReplay *self)
{
    int64_t at_us = self->runs.count > 0 ? self->runs.runs[0].end_us : NEVER;
    at_us = earlier(at_us, self->next_ready_us);
    at_us = earlier(at_us, refusal_us(self));
    at_us = earlier(at_us, decision_us(self, self->above_us, self->rules.alarm_s));
    return earlier(at_us, decision_us(self, self->below_us, self->rules.scale_in_s));
}

static void
pass_credits(FleetReplay *self, int64_t now_us)
{
    for (size_t i = 0; i < 2; i++)
        fleet_credits_pass(&self->credits[i], now_us, self->running_mb, self->members);
}

static bool
pass_time(FleetReplay *self, int64_t until_us, Err *err)
{
    for (int64_t now_us = next_event_us(self); now_us <= until_us; now_us = next_event_us(self)) {
        pass_credits(self, now_us);
        end_runs(self, now_us);
        boot_instances(self, now_us);
        if (!serve_queue(self, now_us, err))
            return false;
        while (refusal_us(self) <= now_us) {
            FleetRequest request = *fleet_queue_first(&self->queue);
            fleet_queue_drop(&self->queue);
            refuse(self, &request, now_us);
            if (!serve_queue(self, now_us, err)) /* the next one may be smaller */
                return false;
        }
        if (!decide(self, now_us, err))
            return false;
    }
    return true;
}

/* ---- interface ---- */

MUST_CHECK FleetReplay *
fleet_replay_new(int64_t start_us, int64_t end_us, const FleetSize *size, const FleetRules *rules, int64_t minimum_us,
                 Err *err)
{
    assert(end_us - start_us <= FLEET_DAYS_MAX * UTC_DAY_US);
    FleetReplay *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a fleet");
        return NULL;
    }
    self->start_us = start_us;
    self->end_us = end_us;
    self->size = *size;
    self->rules = *rules;
    self->minimum_us = minimum_us;
    self->next_ready_us = NEVER;
    self->above_us = self->below_us = NEVER_SINCE;
    self->cooldown_us = start_us;
    self->credits[0] = fleet_credits_begin(false, size->earn_parts, start_us);
    self->credits[1] = fleet_credits_begin(true, size->earn_parts, start_us);
    bool done = fleet_pool_grow(&self->pool, 1, err);
    for (int64_t i = 0; done && i < rules->minimum; i++) {
        size_t at = 0;
        done = launch(self, start_us, start_us, &at, err);
        if (done)
            make_ready(self, at);
    }
    if (!done)
        fleet_replay_free(&self);
    return self;
}

void
fleet_replay_free(FleetReplay **self)
{
    FleetReplay *replay = *self;
    *self = NULL;
    if (replay == NULL)
        return;
    free(replay->instances);
    fleet_pool_clear(&replay->pool);
    fleet_runs_clear(&replay->runs);
    fleet_queue_clear(&replay->queue);
    free(replay);
}

MUST_CHECK bool
fleet_replay_add(FleetReplay *self, int64_t start_us, int64_t duration_us, FleetRoom need, Err *err)
{
    if (!pass_time(self, start_us, err))
        return false;
    if (need.memory_mb > self->size.place.memory_mb)
        need.memory_mb = self->size.place.memory_mb;
    if (need.share_mb > self->size.place.share_mb)
        need.share_mb = self->size.place.share_mb;
    const FleetRequest request = {start_us, duration_us, need};
    pass_credits(self, start_us);
    self->outcome.requests++;
    size_t at = self->queue.count > 0 ? FLEET_NONE : fleet_pool_find(&self->pool, need);
    if (at == FLEET_NONE ? !fleet_queue_push(&self->queue, &request, err)
                         : !start_run(self, at, &request, start_us, err))
        return false;
    change_demand(self, need, 1);
    watch(self, start_us);
    return true;
}

MUST_CHECK bool
fleet_replay_end(FleetReplay *self, FleetOutcome *outcome, Err *err)
{
    if (!pass_time(self, self->end_us - 1, err))
        return false;
    while (self->queue.count > 0) {
        note_wait(self, fleet_queue_first(&self->queue), self->end_us);
        fleet_queue_drop(&self->queue);
    }
    for (size_t at = 0; at < self->instance_count; at++)
        if (self->instances[at].state != GONE && self->instances[at].launch_us < self->end_us)
            pay(self, self->instances[at].launch_us, self->end_us);
    pass_credits(self, self->end_us);
    self->outcome.standard = fleet_credits_end(&self->credits[0]);
    self->outcome.unlimited = fleet_credits_end(&self->credits[1]);
    *outcome = self->outcome;
    return true;
}
