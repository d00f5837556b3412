/**
 * commit_internal - what commit.c (until it is done) and commit_attempt.c (one transaction) share
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
};

#define COMMIT_NOT_TAKEN SIZE_MAX

void commit_refuse(CommitJob *job, Millibill__RefusalReason reason, const char *message);

/** Forget what an attempt said about the jobs, except refusals from before it. */
void commit_jobs_reset(CommitJob *jobs, size_t count);

/** Run the transaction once (again when partitions had to be made first). On failure nothing was written, and the
 *  transaction is closed. */
MUST_CHECK bool commit_attempt(Committer *self, CommitJob *jobs, size_t count, Err *err);

#endif
