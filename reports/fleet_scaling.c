#include "lib/array.h"
#include "lib/utc.h"
#include "reports/fleet_replay_parts.h"

/* ---- instances ---- */

void
fleet_instance_pay(FleetReplay *self, int64_t from_us, int64_t to_us)
{
    if (to_us < from_us + self->minimum_us)
        to_us = from_us + self->minimum_us;
    if (to_us > self->end_us)
        to_us = self->end_us;
    if (from_us < to_us)
        self->outcome.instance_us += to_us - from_us;
}

void
fleet_instance_let_go(FleetReplay *self, size_t at, int64_t now_us)
{
    Instance *instance = &self->instances[at];
    if (instance->launch_us < now_us)
        fleet_instance_pay(self, instance->launch_us, now_us);
    if (instance->state != ORDERED) {
        fleet_credits_leave(&self->credits[0], self->members);
        fleet_credits_leave(&self->credits[1], self->members);
        self->members--;
    }
    instance->state = GONE;
    fleet_pool_set(&self->pool, at, FLEET_NO_ROOM);
}

void
fleet_instance_make_ready(FleetReplay *self, size_t at)
{
    self->instances[at].state = READY;
    fleet_pool_set(&self->pool, at, self->size.place);
    self->ready++;
    self->members++;
    self->outcome.most = self->ready > self->outcome.most ? self->ready : self->outcome.most;
}

bool
fleet_instance_launch(FleetReplay *self, int64_t launch_us, int64_t ready_us, size_t *at, Err *err)
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

void
fleet_scaling_watch(FleetReplay *self, int64_t now_us)
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
        if (!fleet_instance_launch(self, launch_us, ready_us, &at, err))
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
                fleet_instance_let_go(self, at, now_us);
            } else {
                instance->state = LEAVING;
                fleet_pool_set(&self->pool, at, FLEET_NO_ROOM);
            }
        }
    }
}

bool
fleet_scaling_decide(FleetReplay *self, int64_t now_us, Err *err)
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
    fleet_scaling_watch(self, now_us);
    return true;
}

int64_t
fleet_scaling_next_us(const FleetReplay *self)
{
    int64_t out_us = decision_us(self, self->above_us, self->rules.alarm_s);
    int64_t in_us = decision_us(self, self->below_us, self->rules.scale_in_s);
    return out_us < in_us ? out_us : in_us;
}
