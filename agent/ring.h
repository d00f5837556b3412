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

/** Make a ring with a new id for a producer that speaks `version` (RING_VERSION_OLDEST..RING_VERSION). Caller frees. NULL:
 *  ERR_IO, ERR_NOMEM. */
MUST_CHECK Ring *ring_create(uint32_t version, Err *err);
/** Take over a ring that an earlier agent made; `memfd` becomes the ring's on success only. NULL: ERR_DENIED (no memfd of this
 *  layout whose size is sealed), ERR_IO, ERR_NOMEM. */
MUST_CHECK Ring *ring_adopt(int memfd, Err *err);
/** Take over the ring `id` from whoever kept it: the header, which its producer can write to, is not asked. As ring_adopt. */
MUST_CHECK Ring *ring_reopen(int memfd, const uint8_t id[RING_ID_BYTES], Err *err);
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
/** How many slots the producer began to write; 0 from a producer of version 1. A claim like all that it writes. */
uint64_t ring_begun(const Ring *self);
/** Did the producer say that it writes no more? All that it wrote is visible then. */
bool ring_is_closed(const Ring *self);
/** Can the producer say so (version 2)? Else only its connection tells. */
bool ring_can_close(const Ring *self);
/** The tenant, when all slots read so far name the same one; else empty. Lives as long as the ring. */
Text ring_tenant(const Ring *self);
/** How many slots were durable when an agent last said so; the producer can write this word too. */
uint64_t ring_published(const Ring *self);
/** All slots before `position` are durable: the producer may use them again. `lost` of its losses are. */
void ring_publish(Ring *self, uint64_t position, uint64_t lost);
/** Give back the pages that were looked at (their content stays); for a ring that is idle. */
void ring_rest(Ring *self);

#endif
