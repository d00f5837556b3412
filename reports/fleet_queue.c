#include "reports/fleet_queue.h"

#include <stdlib.h>

enum { QUEUE_FIRST = 64 };

MUST_CHECK bool
fleet_queue_push(FleetQueue *self, const FleetRequest *request, Err *err)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? QUEUE_FIRST : self->capacity * 2;
        FleetRequest *grown = malloc(capacity * sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for %zu requests that wait", capacity);
        for (size_t i = 0; i < self->count; i++)
            grown[i] = self->ring[(self->first + i) & (self->capacity - 1)];
        free(self->ring);
        *self = (FleetQueue){grown, capacity, 0, self->count};
    }
    self->ring[(self->first + self->count++) & (self->capacity - 1)] = *request;
    return true;
}

const FleetRequest *
fleet_queue_first(const FleetQueue *self)
{
    return &self->ring[self->first];
}

void
fleet_queue_drop(FleetQueue *self)
{
    self->first = (self->first + 1) & (self->capacity - 1);
    self->count--;
}

void
fleet_queue_clear(FleetQueue *self)
{
    free(self->ring);
    *self = (FleetQueue){NULL, 0, 0, 0};
}
