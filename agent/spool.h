/**
 * spool - what waits for the collector, on disk
 *
 * A batch is durable before it is sent: a crash may repeat a batch, never lose one. Changes are staged in one open
 * transaction and become durable together with spool_commit() (one fsync for all that a turn of the event loop took in).
 * Batches, read positions of rings and acknowledgements therefore change together.
 *
 * Acknowledged batches stay for a while (spool_retain), so that a database restored to an earlier point can be filled again:
 * spool_rewind() makes them wait once more. They count as free room, go when new batches need it, oldest first, and take at
 * most half of the file.
 *
 * Every value carries a CRC-32 (zlib). LMDB runs with its durable defaults; one process owns a spool (flock on
 * `owner.lock`). 15 % of the file stay free, and before anything is taken the pages that commit and acknowledgement need are
 * proved to be there: both always find room, and where a file leaves none (its limit was lowered) it becomes larger. Opening looks at the whole
 * structure first, in a child process, because LMDB has no checksums and crashes over damaged pages; where it is damaged, what
 * can still be read moves to a new file under its old keys, a notice of loss takes the place of each batch that cannot, and
 * the damaged file stays beside it for a person.
 * Keys grow by one for ever and never mean another batch; the sequence that the collector knows is key - base, where a
 * base belongs to one spool id. Not thread-safe; one owner thread. After ERR_IO the spool refuses further work and the
 * process has to end: a failed fsync is never tried again.
 */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

enum {
    SPOOL_ID_BYTES = 16,
    SPOOL_VALUE_BYTES_MAX = (1 << 20) + (32 << 10), /* a batch and what is written on it */
    SPOOL_MAX_MB_LEAST = 8,
    SPOOL_RETAINED_PERCENT = 50, /* of the room for batches that acknowledged ones may take */
    SPOOL_RING_DAYS = 7          /* a ring that nobody read for so long is forgotten */
};

typedef struct Spool Spool;

/** How far a ring has been read and how many of its losses were reported. */
typedef struct SpoolRing {
    uint64_t position; /* number of the next slot to read */
    uint64_t lost;     /* of the ring's own counter */
    int32_t pid;       /* of the worker, for messages; 0: not known */
    uint32_t uid;      /* whose worker it is: what its tenant is bound by; UINT32_MAX: not known */
} SpoolRing;

/** Open or create the spool in directory `path` (made 0700), holding at most `max_mb` (>= SPOOL_MAX_MB_LEAST). Caller
 *  frees with spool_free(). NULL: ERR_BUSY (another agent owns it), ERR_RANGE, ERR_IO, ERR_CORRUPT, ERR_NOMEM. */
MUST_CHECK Spool *spool_open(const char *path, int64_t max_mb, int64_t now_us, Err *err);
/** Close and release; `*self` may be NULL and becomes NULL. What was committed stays; what was only staged does not. */
void spool_free(Spool **self);

/** How long batches stay after they came, once acknowledged; 0: not at all. Until it is called none goes for its age. */
void spool_retain(Spool *self, int64_t hours);

/** Is there room for a value of `length` bytes? */
bool spool_has_room(const Spool *self, size_t length);
/** Stage one value (1..SPOOL_VALUE_BYTES_MAX bytes, borrowed) under the next key. On failure nothing was added: ERR_RANGE,
 *  ERR_FULL (again after an acknowledgement), ERR_IO. */
MUST_CHECK bool spool_append(Spool *self, Text value, uint64_t *key, Err *err);
/** The same, with the number of records in it (0: not known), which is what is told should the batch be damaged. */
MUST_CHECK bool spool_append_counted(Spool *self, Text value, uint64_t records, uint64_t *key, Err *err);
/** The same for a notice of loss: it may take a little of the room that batches may not, and what was staged before it becomes
 *  durable with it, not before. */
MUST_CHECK bool spool_append_notice(Spool *self, Text value, uint64_t *key, Err *err);

/** Stage, read and forget a ring's position. `*found` says whether the spool knows the ring. */
MUST_CHECK bool spool_ring_set(Spool *self, const uint8_t id[SPOOL_ID_BYTES], SpoolRing ring, int64_t now_us, Err *err);
MUST_CHECK bool spool_ring_get(Spool *self, const uint8_t id[SPOOL_ID_BYTES], SpoolRing *ring, bool *found, Err *err);
MUST_CHECK bool spool_ring_forget(Spool *self, const uint8_t id[SPOOL_ID_BYTES], Err *err);

/** Every batch up to and including `key` waits no longer: the collector has committed them. Takes effect on disk with a
 *  later commit (should that never come, the batches are sent again, which the collector recognises). */
void spool_acknowledge(Spool *self, uint64_t key);

/** Stage setting the batch `key` aside for a person to look at, with `reason`; `replacement` takes its place under the
 *  same key, because the collector wants sequences without gaps. ERR_FULL: nothing was set aside; the removal of acknowledged
 *  batches is staged instead, try again a few commits later. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool spool_set_aside(Spool *self, uint64_t key, const char *reason, Text replacement, Err *err);

/** Stage that all batches from `key` (at most spool_first()) on wait again, or from the oldest that is still held;
 *  `*reached`: from which. ERR_IO. */
MUST_CHECK bool spool_rewind(Spool *self, uint64_t key, uint64_t *reached, Err *err);
/** Stage a new spool id, under which the oldest waiting batch has sequence 1. */
MUST_CHECK bool spool_renew(Spool *self, Err *err);

/** Make all that is staged durable, and acknowledgements too if `tidy` or enough of them wait. ERR_IO: see above. */
MUST_CHECK bool spool_commit(Spool *self, bool tidy, Err *err);
/** Is something staged that spool_commit(self, false) would write? */
bool spool_is_staged(const Spool *self);
/** Do acknowledgements wait to be written? */
bool spool_is_untidy(const Spool *self);

/** Copy the value of a waiting batch to `out` (replaced). ERR_CORRUPT (damaged or missing), ERR_NOT_FOUND (not between
 *  first and last), ERR_NOMEM, ERR_IO. */
MUST_CHECK bool spool_read(Spool *self, uint64_t key, Buffer *out, Err *err);

/** Records of a held batch, as written on it; 0 when not known. Asked for one that is damaged: what its head still says. */
uint64_t spool_records(Spool *self, uint64_t key);

const uint8_t *spool_id(const Spool *self);        /* SPOOL_ID_BYTES */
uint64_t spool_base(const Spool *self);            /* sequence = key - base */
uint64_t spool_oldest(const Spool *self);          /* oldest key that is still held, acknowledged or not */
uint64_t spool_first(const Spool *self);           /* oldest waiting key; last + 1 when nothing waits */
uint64_t spool_last(const Spool *self);            /* newest durable key; 0 when there never was one */
uint64_t spool_set_aside_count(const Spool *self); /* since it was opened */

#endif
