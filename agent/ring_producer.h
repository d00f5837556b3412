/**
 * ring_producer - a worker's thread as the agent knows it: its connection, its process, its ring
 *
 * A producer is gone when its process has ended (a pidfd tells; process numbers are used again), when it said so in its ring,
 * or, for a producer of version 1, when its connection closes. A connection alone is no proof of life or death: a child may
 * have inherited it, and it ends with every restart of the agent. Memory and pidfd lie with the keeper under the ring's id, so
 * that the next agent goes on where the spool says, with the worker doing nothing.
 */
#ifndef AGENT_RING_PRODUCER_H
#define AGENT_RING_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/keeper.h"
#include "agent/loop.h"
#include "agent/ring.h"
#include "agent/ring_reader.h"
#include "lib/err.h"

typedef enum RingState {
    RING_ASKING,  /* connected, no request yet */
    RING_OPENING, /* its id is staged; handed out when it is durable and the memory is kept */
    RING_OPEN,    /* read until the reader is done */
    RING_ENDED    /* forgotten; goes when the keeper let go of it */
} RingState;

typedef struct RingProducer RingProducer;

struct RingProducer {
    LoopWatch connection; /* fd -1: none now */
    LoopWatch process;    /* its pidfd; -1 when it has ended */
    Loop *loop;
    void *owner;
    RingProducer *next;
    RingState state;
    Ring *ring;
    RingReader reader;
    char store_name[KEEPER_NAME_BYTES]; /* "ring-" and the id in hexadecimal; empty: not with the keeper */
    bool store_waits;                   /* the keeper was busy: to be stored still */
    bool durable;                       /* its id is in the spool */
    bool forgotten;                     /* its removal from the spool is staged */
    bool rested;
    int64_t since_us;   /* in this state (monotonic) */
    int64_t touched_us; /* when the spool heard of it at the latest (monotonic) */
};

/** What happens to a producer; they set `owner`'s plans, the producer stays. */
typedef struct RingProducerEvents {
    void (*connection)(LoopWatch *watch, uint32_t events); /* `watch` is the RingProducer's first member */
    void (*process)(LoopWatch *watch, uint32_t events);    /* ring_producer_of_process() */
} RingProducerEvents;

/** The worker behind a fresh connection, which becomes the producer's. Caller frees. NULL, with the connection closed:
 *  ERR_NOMEM, ERR_IO, ERR_DENIED (its process cannot be watched, or has ended already). */
MUST_CHECK RingProducer *
ring_producer_connected(int connection, Loop *loop, RingProducerEvents events, void *owner, Err *err);
/** A ring that an earlier agent handed out and `pidfd` of its worker (-1: not known, taken for ended); both become the
 *  producer's. Caller frees. NULL, with both released: ERR_NOMEM, ERR_IO. */
MUST_CHECK RingProducer *ring_producer_kept(Ring *ring, int pidfd, SpoolRing place, Loop *loop,
                                            RingProducerEvents events, void *owner, Err *err);
/** What the keeper still holds as `store_name` and is to let go of. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK RingProducer *
ring_producer_ended(const char *store_name, Loop *loop, RingProducerEvents events, void *owner, Err *err);
/** Ends connection, watch and mapping. What the keeper holds stays there. */
void ring_producer_free(RingProducer **self);

RingProducer *ring_producer_of_process(LoopWatch *process);
/** Give it a ring, to be read from `place` on. `ring` becomes the producer's. */
void ring_producer_take_ring(RingProducer *self, Ring *ring, SpoolRing place);
/** Note that it is in this state from now on. */
void ring_producer_enter(RingProducer *self, RingState state);
/** Close the connection; the ring stays. */
void ring_producer_hang_up(RingProducer *self);
/** The process has ended: nobody writes any more. */
void ring_producer_bury(RingProducer *self);
/** Let the connection of `from` (left without) stand for `self`. ERR_IO. */
MUST_CHECK bool ring_producer_reconnect(RingProducer *self, RingProducer *from, Err *err);

/** Hand memory and pidfd to the keeper, now or (it was busy) later by calling again. True when that is settled. */
bool ring_producer_store(RingProducer *self, Keeper *keeper);
/** Let the keeper forget them. True when it heard. */
bool ring_producer_unstore(RingProducer *self, Keeper *keeper);

#endif
