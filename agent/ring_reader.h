/**
 * ring_reader - one ring and how far it was read: from slots to entries of a batch
 *
 * Three places in a ring: `read` (handed to the packer), `staged` (with a batch in the spool's transaction) and `durable`
 * (committed, and published to the producer). A reader never goes further than one ring beyond what is durable, because an
 * honest producer cannot either. Once the producer is known to be gone, what it finished is read to the end; a slot that it
 * began and never finished is skipped and counted as lost ("ring_uncommitted"). What found the ring full is counted as
 * "ring_full", at most once a second. A producer that breaks the protocol is read no further ("ring_damaged").
 *
 * A ring bound to a tenant speaks for that tenant only: a slot that names another one goes to quarantine as
 * "forged_tenant". Not thread-safe.
 */
#ifndef AGENT_RING_READER_H
#define AGENT_RING_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/packer.h"
#include "agent/ring.h"
#include "agent/spool.h"
#include "lib/err.h"
#include "lib/text.h"

enum { RING_READER_NAME_BYTES = 64 };

typedef struct RingReader {
    Ring *ring;                        /* owned by the reader's owner */
    char name[RING_READER_NAME_BYTES]; /* for messages, quarantine and loss notices */
    Text tenant;                       /* the one it is bound to (borrowed); empty: not bound */
    SpoolRing read;
    SpoolRing staged;
    SpoolRing durable;
    uint64_t end;    /* where reading ends; UINT64_MAX while the producer lives */
    bool gone;       /* the producer has gone */
    bool settled;    /* and all that it left was looked at: what is written there now is nobody's */
    bool damaged;    /* it broke the protocol */
    int64_t last_us; /* last record (monotonic) */
    int64_t loss_us; /* last notice of losses */
} RingReader;

/** Start at `place`, with `ring` (borrowed). */
void ring_reader_start(RingReader *self, Ring *ring, SpoolRing place);
/** The producer writes no more (nor will what still scribbles there be believed). Read to the end. */
void ring_reader_end(RingReader *self);

/** Take at most one ring of slots, and losses, into `packer`. ERR_FULL: the spool has no room, nothing is lost; ERR_IO,
 *  ERR_NOMEM. */
MUST_CHECK bool ring_reader_poll(RingReader *self, Packer *packer, int64_t now_us, Err *err);
/** Has it read more than is staged? */
bool ring_reader_is_ahead(const RingReader *self);
/** Should the batch go out now, because the producer may be waiting for room or has gone? */
bool ring_reader_is_pressing(const RingReader *self);
/** Is all that the producer ever wrote durable? */
bool ring_reader_is_done(const RingReader *self);
/** What was staged is committed: the producer may use its slots again. */
void ring_reader_committed(RingReader *self);

#endif
