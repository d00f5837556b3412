/**
 * commit_internal - what commit.c (until it is done), commit_alone.c (what a group fails over), commit_attempt.c (one
 * transaction) and commit_decide.c (which batches it takes) share
 */
#ifndef COLLECTOR_COMMIT_INTERNAL_H
#define COLLECTOR_COMMIT_INTERNAL_H

#include "collector/commit.h"
#include "collector/regroup.h"
#include "collector/write.h"
#include "schema/db.h"

struct Committer {
    const Config *config;
    const atomic_bool *stop;
    atomic_bool *away;
    Db *db;
    ConfigTable *configs;
    Regroup *regroup;
    Months months;
    Metrics *metrics;
    Health *health;
    bool trusted;          /* this connection's server keeps what it commits */
    int64_t away_since_us; /* monotonic; what was not counted yet of an outage; 0: none */
    int64_t answered_us;   /* monotonic */
};

#define COMMIT_NOT_TAKEN SIZE_MAX

/** Failures of the same group, or of the same batch alone, before it is taken for the cause. */
enum { COMMIT_STRIKES_MAX = 3 };

/** One attempt at one transaction. */
typedef struct Attempt {
    Committer *committer;
    CommitJob *jobs;
    size_t count;
    StreamKey *keys; /* one for each job */
    StreamRow *rows; /* one for each job; rows of the same stream are kept equal */
    bool **allowed;  /* one for each job, NULL: all tenants */
    int64_t *tenant_ids;
    size_t taken;
    size_t kept; /* jobs whose batch goes to quarantine because it reuses a sequence */
    int64_t receipt;
    bool months_missing;
} Attempt;

void commit_refuse(CommitJob *job, Millibill__RefusalReason reason, const char *message);

/** Decide about job `i`, after the streams' rows were locked and the jobs before it were decided: taken, known, reused or
 *  refused. False: the database failed. */
MUST_CHECK bool commit_decide(Attempt *attempt, size_t i, Err *err);

/** Put the batches that reuse a sequence into quarantine, once each. */
MUST_CHECK bool commit_write_reused(const Attempt *attempt, int64_t commit_id, Err *err);

/** Commit, waiting for the database as long as it takes. False: it refused (ERR_DATABASE and others: `err` tells), the collector is
 *  to stop, or it failed `strikes_max` times over what it was given (both ERR_BUSY). */
MUST_CHECK bool commit_patiently(Committer *self, CommitJob *jobs, size_t count, int strikes_max, Err *err);

/** A group that cannot be committed together: each of its batches alone. Sets every result. */
void commit_one_by_one(Committer *self, CommitJob *jobs, size_t count);

/** Forget what an attempt said about the jobs, except refusals from before it. */
void commit_jobs_reset(CommitJob *jobs, size_t count);

/** Run the transaction once (again when partitions had to be made first). On failure nothing was written, and the
 *  transaction is closed. */
MUST_CHECK bool commit_attempt(Committer *self, CommitJob *jobs, size_t count, Err *err);

#endif
