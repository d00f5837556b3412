#include "reports/fleet_fit.h"

static void
give_back(FleetPool *pool, const FleetRun *run)
{
    FleetRoom room = fleet_pool_room(pool, run->instance);
    fleet_pool_set(pool, run->instance,
                   (FleetRoom){room.memory_mb + run->need.memory_mb, room.share_mb + run->need.share_mb});
}

static size_t
find_or_add(FleetFit *self, FleetRoom need, Err *err)
{
    size_t instance = self->pool.leaves == 0 ? FLEET_NONE : fleet_pool_find(&self->pool, need);
    if (instance != FLEET_NONE)
        return instance;
    if (!fleet_pool_grow(&self->pool, self->instances + 1, err))
        return FLEET_NONE;
    fleet_pool_set(&self->pool, self->instances, self->size);
    return self->instances++;
}

MUST_CHECK bool
fleet_fit_add(FleetFit *self, int64_t start_us, int64_t duration_us, FleetRoom need, Err *err)
{
    if (self->instances == FLEET_FIT_MAX)
        return true;
    while (self->runs.count > 0 && self->runs.runs[0].end_us <= start_us) {
        FleetRun ended = fleet_runs_pop(&self->runs);
        give_back(&self->pool, &ended);
    }
    if (need.memory_mb > self->size.memory_mb)
        need.memory_mb = self->size.memory_mb;
    if (need.share_mb > self->size.share_mb)
        need.share_mb = self->size.share_mb;
    size_t instance = find_or_add(self, need, err);
    if (instance == FLEET_NONE)
        return false;
    FleetRoom room = fleet_pool_room(&self->pool, instance);
    fleet_pool_set(&self->pool, instance, (FleetRoom){room.memory_mb - need.memory_mb, room.share_mb - need.share_mb});
    const FleetRun run = {start_us + duration_us, need, instance};
    return fleet_runs_push(&self->runs, &run, err);
}

void
fleet_fit_clear(FleetFit *self)
{
    fleet_pool_clear(&self->pool);
    fleet_runs_clear(&self->runs);
}
