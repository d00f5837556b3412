/**
 * ring_kept - rings of the agent before, as the keeper passes them
 *
 * Memory and pidfd of a ring come under one name, which holds the ring's id. The name is the keeper's word and believed; the
 * header in the memory is the worker's to scribble on, and not looked at.
 */
#ifndef AGENT_RING_KEPT_H
#define AGENT_RING_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/keeper.h"
#include "agent/loop.h"
#include "agent/packer.h"
#include "agent/ring_producer.h"
#include "agent/spool.h"
#include "lib/err.h"

typedef struct RingKept {
    const char *name; /* the keeper's */
    int memfd;        /* -1: none under this name */
    int pidfd;        /* -1: none */
} RingKept;

/** The next ring that was passed, from `*place` (0 at first) on; its descriptors become the caller's. False: no more. */
MUST_CHECK bool ring_kept_next(Keeper *keeper, size_t *place, RingKept *out);

/** Go on with it (whose descriptors become the producer's or are closed): open at the place that the spool says, or, when the
 *  spool does not know it, ended, so that the keeper lets go of it. What such a ring holds unread of a worker that is gone is a
 *  loss ("ring_unknown") for `packer`. NULL: ERR_IO, ERR_NOMEM. */
MUST_CHECK RingProducer *ring_kept_open(const RingKept *kept, Spool *spool, Packer *packer, Loop *loop,
                                        RingProducerEvents events, void *owner, Err *err);

#endif
