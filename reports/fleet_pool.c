#include "reports/fleet_pool.h"

#include <stdlib.h>

#include "lib/array.h"

enum { LEAVES_FIRST = 16 };

static bool
has_room(FleetRoom room, FleetRoom need)
{
    return room.memory_mb >= need.memory_mb && room.share_mb >= need.share_mb;
}

static FleetRoom
greatest(FleetRoom a, FleetRoom b)
{
    return (FleetRoom){a.memory_mb > b.memory_mb ? a.memory_mb : b.memory_mb,
                       a.share_mb > b.share_mb ? a.share_mb : b.share_mb};
}

MUST_CHECK bool
fleet_pool_grow(FleetPool *self, size_t count, Err *err)
{
    size_t leaves = self->leaves == 0 ? LEAVES_FIRST : self->leaves;
    while (leaves < count)
        leaves *= 2;
    if (leaves == self->leaves)
        return true;
    FleetRoom *tree = malloc(2 * leaves * sizeof(*tree));
    if (tree == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a fleet of %zu instances", leaves);
    for (size_t i = 0; i < leaves; i++)
        tree[leaves + i] = i < self->leaves ? self->tree[self->leaves + i] : FLEET_NO_ROOM;
    for (size_t node = leaves; node-- > 1;)
        tree[node] = greatest(tree[2 * node], tree[2 * node + 1]);
    tree[0] = FLEET_NO_ROOM;
    free(self->tree);
    self->tree = tree;
    self->leaves = leaves;
    return true;
}

void
fleet_pool_clear(FleetPool *self)
{
    free(self->tree);
    *self = (FleetPool){NULL, 0};
}

size_t
fleet_pool_find(const FleetPool *self, FleetRoom need)
{
    for (size_t node = 1;;) {
        if (has_room(self->tree[node], need)) {
            if (node >= self->leaves)
                return node - self->leaves;
            node *= 2;
            continue;
        }
        while (node % 2 == 1) { /* the right one of two: nothing is left below the one above */
            if (node == 1)
                return FLEET_NONE;
            node /= 2;
        }
        node++;
    }
}

FleetRoom
fleet_pool_room(const FleetPool *self, size_t instance)
{
    return self->tree[self->leaves + instance];
}

void
fleet_pool_set(FleetPool *self, size_t instance, FleetRoom room)
{
    size_t node = self->leaves + instance;
    self->tree[node] = room;
    while (node > 1) {
        node /= 2;
        FleetRoom above = greatest(self->tree[2 * node], self->tree[2 * node + 1]);
        if (above.memory_mb == self->tree[node].memory_mb && above.share_mb == self->tree[node].share_mb)
            return;
        self->tree[node] = above;
    }
}

/* ---- runs ---- */

MUST_CHECK bool
fleet_runs_push(FleetRuns *self, const FleetRun *run, Err *err)
{
    if (!array_grow(&self->runs, &self->capacity, self->count, sizeof(*self->runs), err))
        return false;
    size_t at = self->count++;
    while (at > 0 && self->runs[(at - 1) / 2].end_us > run->end_us) {
        self->runs[at] = self->runs[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->runs[at] = *run;
    return true;
}

FleetRun
fleet_runs_pop(FleetRuns *self)
{
    FleetRun top = self->runs[0];
    FleetRun last = self->runs[--self->count];
    size_t at = 0;
    for (size_t child = 1; child < self->count; child = 2 * at + 1) {
        if (child + 1 < self->count && self->runs[child + 1].end_us < self->runs[child].end_us)
            child++;
        if (self->runs[child].end_us >= last.end_us)
            break;
        self->runs[at] = self->runs[child];
        at = child;
    }
    self->runs[at] = last;
    return top;
}

void
fleet_runs_clear(FleetRuns *self)
{
    free(self->runs);
    *self = (FleetRuns){NULL, 0, 0};
}
