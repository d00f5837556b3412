/**
 * source_ring - usage records from shared-memory rings
 *
 * Hands a ring to each thread of a worker that asks on the ring socket, and reads all rings every few milliseconds (there is
 * no wake-up: emitting makes no system call). How far a ring was read is staged with the batch that holds its records and
 * published to the producer after the commit. When a worker goes away its ring is read to the end and forgotten. A ring
 * that an earlier agent made is taken over when its producer brings it and the spool knows it; its place in the spool
 * decides what is still to be read.
 *
 * What found a ring full is reported as a loss, at most once a second for each ring. A producer that breaks the protocol
 * loses its ring ("ring_damaged"). At most RINGS_MAX rings; further threads are refused, and count their losses.
 */
#ifndef AGENT_SOURCE_RING_H
#define AGENT_SOURCE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/loop.h"
#include "agent/packer.h"
#include "agent/spool.h"
#include "lib/err.h"

enum { RINGS_MAX = 256 };

typedef struct SourceRing SourceRing;

/** Listen at `path`; `loop`, `packer` (whose batches then carry the positions) and `spool` are borrowed. Caller frees.
 *  NULL: ERR_IO, ERR_RANGE, ERR_EXISTS, ERR_NOMEM. */
MUST_CHECK SourceRing *source_ring_open(const char *path, Loop *loop, Packer *packer, Spool *spool, Err *err);
void source_ring_free(SourceRing **self);

/** Read the rings if it is time. ERR_IO, ERR_NOMEM; a full spool is no error, the rings fill. */
MUST_CHECK bool source_ring_poll(SourceRing *self, int64_t now_us, Err *err);
/** When to poll next; INT64_MAX without rings. */
int64_t source_ring_due_us(const SourceRing *self);
/** The spool committed: producers may use the slots again, new rings are handed out. */
void source_ring_committed(SourceRing *self);

#endif
