/**
 * ring - the agent's end of the memory that it shares with one emitting thread
 *
 * The other end is not trusted: the size is sealed, indexes are masked here, every slot is copied once and checked in the
 * copy, a configuration is copied and checked once and then never looked at again. Which slot comes next is the caller's to
 * know (and to keep in the spool), so that another process with memfd and spool can go on. Not thread-safe.
 */
#ifndef AGENT_RING_H
#define AGENT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/emitter/ring_layout.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

typedef struct Ring Ring;

typedef enum RingResult {
    RING_EMPTY,  /* nothing there yet */
    RING_RECORD, /* a checked record; request_id may be empty */
    RING_BAD,    /* a slot that is no record: the fault says why */
    RING_BROKEN  /* the producer does not keep to the protocol: read no further */
} RingResult;

/** Make a ring with a new id. Caller frees. NULL: ERR_IO, ERR_NOMEM. */
MUST_CHECK Ring *ring_create(Err *err);
/** Take over a ring that another agent made; `memfd` becomes the ring's on success only. NULL: ERR_DENIED (no memfd of this
 *  layout whose size is sealed), ERR_IO, ERR_NOMEM. */
MUST_CHECK Ring *ring_adopt(int memfd, Err *err);
/** Unmap and close; the producer's mapping stays. */
void ring_free(Ring **self);

int ring_memfd(const Ring *self);         /* to hand out; stays the ring's */
const uint8_t *ring_id(const Ring *self); /* RING_ID_BYTES, a private copy */

/** Look at slot `position`. The texts of `out` live until the next call. */
RingResult ring_read(Ring *self, uint64_t position, UsageRecord *out, UsageFault *fault);
/** The bytes of the slot that ring_read saw last, for quarantine. */
Text ring_slot_bytes(const Ring *self);

/** What the producer counted as lost. */
uint64_t ring_lost(const Ring *self);
/** All slots before `position` are durable: the producer may use them again. */
void ring_publish(Ring *self, uint64_t position);
/** Give back the pages that were looked at (their content stays); for a ring that is idle. */
void ring_rest(Ring *self);

#endif
