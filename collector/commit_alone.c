/* What a group fails over: its batches one by one, in rounds, so that the good ones do not wait for the bad one. See commit.h. */
#include <inttypes.h>
#include <stdio.h>

#include "collector/commit_internal.h"
#include "lib/log.h"

static void
later(CommitJob *job, const Err *err)
{
    log_err(LOG_LEVEL_ERROR, "batch_not_committed", err);
    commit_jobs_reset(job, 1);
    commit_refuse(job, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the collector cannot commit this batch now");
}

/** Why, in words for who reads the row of quarantine. */
static void
explain(CommitJob *job, const Err *err)
{
    const char *what = err->code == ERR_BUSY ? "each attempt to commit this batch ended the database connection"
                                             : "the database refused the batch that this came in";
    snprintf(job->message, sizeof job->message, "%s: %.170s", what, err->message);
}

/** One attempt at quarantine. False: it failed as well. */
static bool
set_aside(Committer *self, CommitJob *job, bool whole, Err *err)
{
    job->aside = !whole;
    job->whole = whole;
    err_clear(err);
    return commit_patiently(self, job, 1, 1, err);
}

/** Put a batch that cannot be committed into quarantine: its records one by one, which can be replayed, or else as it came.
 *  That this succeeds shows that the database takes transactions, and that the batch was the cause. */
static void
quarantine(Committer *self, CommitJob *job, Err *err)
{
    const Err cause = *err;
    const bool readable = !job->whole;
    if (readable)
        explain(job, &cause);
    if (!(readable && set_aside(self, job, false, err)) &&
        (err->code == ERR_BUSY || !set_aside(self, job, true, err))) {
        job->aside = job->whole = false;
        later(job, err);
        return;
    }
    if (job->result != COMMIT_DONE)
        return; /* its key was revoked, or another collector was faster */
    log_error("event=batch_to_quarantine agent_id=%" PRId64 " sequence=%" PRIu64 " records=%" PRId64
              " message=\"%s\" hint=\"millibill quarantine list --reason %s\"",
              job->agent_id, job->batch->sequence, job->quarantined, cause.message,
              usage_reason_name(job->whole ? USAGE_REASON_MALFORMED : USAGE_REASON_NOT_COMMITTED));
}

/** One attempt; after the last of them it is decided what becomes of the batch. */
static void
commit_alone(Committer *self, CommitJob *job, bool is_last)
{
    Err err = {0};
    if (commit_patiently(self, job, 1, 1, &err))
        return;
    bool now = err.code != ERR_NOMEM && !atomic_load(self->stop);
    bool busy = err.code == ERR_BUSY;
    if (now && (!busy || (is_last && db_trouble(self->db) == DB_TROUBLE_LOST)))
        quarantine(self, job, &err);
    else if (now && busy && !is_last)
        commit_jobs_reset(job, 1);
    else
        later(job, &err); /* a lock, a broken disk: it may pass, and the agent keeps the batch */
}

void
commit_one_by_one(Committer *self, CommitJob *jobs, size_t count)
{
    commit_jobs_reset(jobs, count);
    for (int round = 1; round <= COMMIT_STRIKES_MAX; round++)
        for (size_t i = 0; i < count; i++)
            if (jobs[i].result == COMMIT_PENDING)
                commit_alone(self, &jobs[i], round == COMMIT_STRIKES_MAX);
}
