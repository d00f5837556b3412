/**
 * packer - records of one source into batches in the spool
 *
 * Gathers records until the batch is full or the first of them has waited for the flush interval, then stages the batch in
 * the spool. Nothing here is durable before spool_commit(). Each staged batch ends a generation: what was added during
 * generation g is in the spool once packer_generation() > g. Holds one batch in memory. Not thread-safe.
 */
#ifndef AGENT_PACKER_H
#define AGENT_PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/spool.h"
#include "lib/err.h"
#include "proto/usage_batch.h"
#include "proto/usage_record.h"

typedef struct Packer Packer;

/** Stages what has to change together with the batch (read positions); called right after the batch was staged. */
typedef bool (*PackerStaged)(void *context, Err *err);

/** A packer for `source` (both texts copied) that writes to `spool` (borrowed). `records_max` 1..USAGE_BATCH_RECORDS_MAX.
 *  Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Packer *packer_new(Spool *spool, const char *source, const char *label, size_t records_max,
                              int64_t flush_interval_us, Err *err);
/** Releases memory; what was not flushed is dropped. */
void packer_free(Packer **self);
/** The records are history: any age is accepted. */
void packer_set_history(Packer *self);
void packer_on_staged(Packer *self, PackerStaged staged, void *context);

/** Add one entry at `now_us` (monotonic). ERR_FULL: the spool has no room for the batch that waits, stop reading and try
 *  again; nothing was added. Others: ERR_NOMEM, ERR_IO. */
MUST_CHECK bool packer_add(Packer *self, const UsageRecord *record, int64_t now_us, Err *err);
/** Text in a note that is not clean UTF-8 goes in with '?' in the place of what is not printable ASCII. */
MUST_CHECK bool packer_reject(Packer *self, const UsageRejected *rejected, int64_t now_us, Err *err);
MUST_CHECK bool packer_lose(Packer *self, const UsageLoss *loss, int64_t now_us, Err *err);

/** Somebody waits for the answer: flush within `wait_us` of `now_us`. Nothing happens to an empty packer. */
void packer_hasten(Packer *self, int64_t now_us, int64_t wait_us);
/** When it has to be flushed (monotonic), INT64_MAX when empty. */
int64_t packer_due_us(const Packer *self);
/** Stage what it holds, if anything. ERR_FULL keeps it for the next try. */
MUST_CHECK bool packer_flush(Packer *self, Err *err);

size_t packer_entries(const Packer *self);
uint64_t packer_generation(const Packer *self);
/** Does nothing wait to be staged, a batch that the spool had no room for included? */
bool packer_is_empty(const Packer *self);

#endif
