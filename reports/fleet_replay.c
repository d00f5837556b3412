#include "reports/fleet_replay.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "reports/fleet_replay_parts.h"

/* ---- requests ---- */

static void
change_demand(FleetReplay *self, FleetRoom need, int sign)
{
    self->demand.memory_mb += sign * need.memory_mb;
    self->demand.share_mb += sign * need.share_mb;
}

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
    fleet_scaling_watch(self, now_us);
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
            fleet_instance_let_go(self, run.instance, now_us);
        }
        change_demand(self, run.need, -1);
    }
    fleet_scaling_watch(self, now_us);
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
            fleet_instance_make_ready(self, at);
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
    return earlier(at_us, fleet_scaling_next_us(self));
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
        if (!fleet_scaling_decide(self, now_us, err))
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
        done = fleet_instance_launch(self, start_us, start_us, &at, err);
        if (done)
            fleet_instance_make_ready(self, at);
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
    fleet_scaling_watch(self, start_us);
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
            fleet_instance_pay(self, self->instances[at].launch_us, self->end_us);
    pass_credits(self, self->end_us);
    self->outcome.standard = fleet_credits_end(&self->credits[0]);
    self->outcome.unlimited = fleet_credits_end(&self->credits[1]);
    *outcome = self->outcome;
    return true;
}
