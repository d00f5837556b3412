#include "collector/peers.h"

#include <stdlib.h>
#include <string.h>

typedef struct Peer {
    Route route;
    uint8_t spool[SPOOL_ID_BYTES];
    int64_t agent_id;
    uint64_t used; /* turn of the last message */
} Peer;

struct Peers {
    Peer *items;
    size_t count;
    size_t last; /* most messages come from the peer of the one before */
    uint64_t turn;
};

MUST_CHECK Peers *
peers_new(Err *err)
{
    Peers *self = calloc(1, sizeof *self);
    if (self != NULL)
        self->items = calloc(PEERS_MAX, sizeof *self->items);
    if (self != NULL && self->items != NULL)
        return self;
    peers_free(&self);
    err_set(err, ERR_NOMEM, "no memory for the table of peers");
    return NULL;
}

void
peers_free(Peers **self)
{
    if (*self == NULL)
        return;
    free((*self)->items);
    free(*self);
    *self = NULL;
}

static bool
same_route(const Route *a, const Route *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static Peer *
find(Peers *self, const Route *route)
{
    if (self->last < self->count && same_route(&self->items[self->last].route, route))
        return &self->items[self->last];
    for (size_t i = 0; i < self->count; i++) {
        if (same_route(&self->items[i].route, route)) {
            self->last = i;
            return &self->items[i];
        }
    }
    return NULL;
}

static Peer *
place_for_new(Peers *self)
{
    if (self->count < PEERS_MAX)
        return &self->items[self->count++];
    size_t oldest = 0;
    for (size_t i = 1; i < self->count; i++)
        if (self->items[i].used < self->items[oldest].used)
            oldest = i;
    return &self->items[oldest];
}

void
peers_greet(Peers *self, const Route *route, int64_t agent_id, const uint8_t spool[SPOOL_ID_BYTES])
{
    Peer *peer = find(self, route);
    if (peer == NULL)
        peer = place_for_new(self);
    peer->route = *route;
    peer->agent_id = agent_id;
    peer->used = ++self->turn;
    memcpy(peer->spool, spool, SPOOL_ID_BYTES);
}

bool
peers_is_greeted(Peers *self, const Route *route, int64_t agent_id, const uint8_t *spool)
{
    Peer *peer = find(self, route);
    if (peer == NULL || peer->agent_id != agent_id || memcmp(peer->spool, spool, SPOOL_ID_BYTES) != 0)
        return false;
    peer->used = ++self->turn;
    return true;
}
