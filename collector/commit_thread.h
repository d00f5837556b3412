/**
 * commit_thread - takes Hello and Batch from the queue, commits in groups, and answers
 *
 * Owns the committer while it runs. Between groups it asks the database for a sign of life and makes the partitions of the
 * months ahead.
 */
#ifndef COLLECTOR_COMMIT_THREAD_H
#define COLLECTOR_COMMIT_THREAD_H

#include <stdatomic.h>

#include "collector/commit.h"
#include "collector/reply.h"
#include "collector/work.h"
#include "lib/config.h"

typedef struct CommitThread {
    const Config *config; /* all borrowed for as long as the thread runs */
    atomic_bool *stop;
    const atomic_bool *away;
    Committer *committer;
    WorkQueue *commits;
    Replies replies;
    Metrics *metrics;
    Health *health;
    atomic_bool failed; /* it could not start, and has set `stop` */
    int64_t partitions_at_us;
} CommitThread;

/** For pthread_create, with a CommitThread; returns NULL when `stop` is set. */
void *commit_thread_run(void *context);

#endif
