/**
 * source_ring - usage records from shared-memory rings
 *
 * Hands a ring to each thread of a worker that asks on the ring socket, and reads all rings every few milliseconds (there is
 * no wake-up: emitting makes no system call). How far a ring was read is staged with the batch that holds its records and
 * published to the producer after the commit. When a worker goes away its ring is read to the end and forgotten.
 *
 * A ring's id is in the spool and its memory and its worker's pidfd are with the keeper before anybody gets it. At its start
 * the agent goes on with every ring that the keeper passed and the spool knows, from the place that the spool says, whether
 * its worker lives or not; the worker need not do anything. A kept ring that the spool does not know was never handed out or
 * was read to its end. Where nobody keeps rings, a ring of an earlier agent is taken over when its worker brings it.
 *
 * A worker's tenant is bound by its socket and user (binding.h), asked of the kernel when it connects; the user is kept in
 * the spool with the ring. A slot that names another tenant goes to quarantine.
 *
 * At most RINGS_MAX rings; further threads wait in the socket's queue and count their losses. No user but root and the agent's
 * own may have more than RINGS_USER_MAX of them, so that none keeps the others out: a request above that is refused, and once a
 * minute a notice of loss ("ring_share", its number unknown) says so. Where there is no memory or descriptor for a ring the
 * worker is refused; while none can be accepted at all nobody is for a second. A connection that asks for nothing is closed
 * after some seconds.
 */
#ifndef AGENT_SOURCE_RING_H
#define AGENT_SOURCE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binding.h"
#include "agent/keeper.h"
#include "agent/loop.h"
#include "agent/packer.h"
#include "agent/spool.h"
#include "lib/err.h"

enum { RINGS_MAX = 256, RINGS_USER_MAX = RINGS_MAX / 4 * 3 };

typedef struct SourceRing SourceRing;

/** What the source works with, all borrowed. */
typedef struct SourceRingParts {
    Loop *loop;
    Packer *packer; /* its batches then carry the positions of the rings */
    Spool *spool;
    Keeper *keeper;
    Bindings *bindings;
} SourceRingParts;

/** Listen at `path` and go on with the rings that the keeper was passed. Caller frees. NULL: ERR_IO, ERR_RANGE, ERR_EXISTS,
 *  ERR_NOMEM. */
MUST_CHECK SourceRing *source_ring_open(const char *path, SourceRingParts parts, Err *err);
void source_ring_free(SourceRing **self);

/** Read the rings if it is time. ERR_IO, ERR_NOMEM; a full spool is no error, the rings fill. */
MUST_CHECK bool source_ring_poll(SourceRing *self, int64_t now_us, Err *err);
/** When to poll next; INT64_MAX: nothing to do. */
int64_t source_ring_due_us(const SourceRing *self);
/** The spool committed: producers may use the slots again, new rings are handed out. */
void source_ring_committed(SourceRing *self);

#endif
