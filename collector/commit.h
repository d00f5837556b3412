/**
 * commit - many batches in one transaction, and what becomes of each
 *
 * Exactly once: the stream's row is locked, a batch at or below its watermark is a duplicate, the next one is written, and
 * ledger, evidence, sums and watermark commit together. A known sequence with other bytes is refused and goes to quarantine. A batch may be acknowledged only after commit_group returned.
 * When the database is away the same group is run again until it commits or the collector is to stop. A group that the
 * database refuses, or over which the connection ends again and again, is taken apart: each batch is tried alone, and one that
 * fails alone as well goes to quarantine, so that the others are not held up (commit_alone.c).
 * One owner thread.
 */
#ifndef COLLECTOR_COMMIT_H
#define COLLECTOR_COMMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/health.h"
#include "collector/metrics.h"
#include "lib/config.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "proto/usage_batch.h"
#include "proto/wire.h"
#include "schema/batch_store.h"

typedef enum CommitResult {
    COMMIT_PENDING,
    COMMIT_DONE,      /* committed now */
    COMMIT_DUPLICATE, /* was committed before, with the same bytes */
    COMMIT_REFUSED
} CommitResult;

/** One batch and its fate. `batch` is borrowed; release the rest with commit_job_clear. */
typedef struct CommitJob {
    int64_t agent_id;
    const char *public_key;        /* borrowed: of the connection that it came through */
    const Millibill__Batch *batch; /* spool and digest have their right lengths */
    /* filled in by commit_group */
    UsageBatch *usage;
    bool aside; /* to quarantine record by record; `message` is why */
    bool whole; /* to quarantine as it came */
    CommitResult result;
    Millibill__RefusalReason reason;
    int64_t expected_sequence;
    int64_t billed;
    int64_t quarantined;
    char message[256]; /* why it was refused or goes to quarantine */
    char **registered; /* tenants that were introduced by it and are new */
    size_t registered_count;
    Digest committed; /* SEQUENCE_REUSED: the bytes that were committed under this sequence */
    bool keep;        /* SEQUENCE_REUSED: these bytes are new and went to quarantine */
    size_t input;     /* index in the regrouping; SIZE_MAX: not taken */
} CommitJob;

void commit_job_clear(CommitJob *job);

typedef struct Committer Committer;

/** Connects. A server that does not keep what it commits counts as one that is away, at every new connection.
 *  `config`, the flags and the observers are borrowed: `stop` ends waiting for the database, `away` tells others that it is
 *  waited for. NULL: ERR_BUSY, ERR_DATABASE, ERR_NOMEM. Caller frees with committer_free(). */
MUST_CHECK Committer *committer_new(const Config *config, const atomic_bool *stop, atomic_bool *away, Metrics *metrics,
                                    Health *health, Err *err);
void committer_free(Committer **self);

/** Decide and commit a group; sets the result of every job, and never fails: what cannot be decided is refused with
 *  TRY_LATER. */
void commit_group(Committer *self, CommitJob *jobs, size_t count);

/** The last committed batch of a spool (the stream is made when new), and which database this is. False with TRY_LATER in
 *  mind: err tells. */
MUST_CHECK bool committer_greet(Committer *self, const StreamKey *key, int64_t *last_sequence,
                                uint8_t incarnation[INCARNATION_BYTES], Err *err);

/** When nothing was asked of the database for a while: ask, so that its end is noticed. */
void committer_ask(Committer *self, int64_t now_us);
/** When the database was away: try to reach it again. Clears the flag on success. */
void committer_revive(Committer *self);
/** Make the partitions of this month and the next three. */
MUST_CHECK bool committer_partitions(Committer *self, Err *err);

#endif
