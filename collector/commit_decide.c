/* Which batches of a group are taken, and what becomes of a sequence that comes again. See commit.h. */
#include <stdio.h>
#include <string.h>

#include "collector/commit_internal.h"
#include "schema/quarantine_store.h"

enum { REUSED_ROWS_MAX = 64 }; /* of one agent: an abuser fills no table */

void
commit_refuse(CommitJob *job, Millibill__RefusalReason reason, const char *message)
{
    job->result = COMMIT_REFUSED;
    job->reason = reason;
    snprintf(job->message, sizeof job->message, "%s", message);
}

static bool
same_stream(const StreamKey *a, const StreamKey *b)
{
    return a->agent_id == b->agent_id && memcmp(a->spool, b->spool, SPOOL_ID_BYTES) == 0;
}

static bool
same_digest(const Millibill__Batch *batch, const uint8_t *digest)
{
    return memcmp(batch->digest.data, digest, DIGEST_BYTES) == 0;
}

/** The digest with which a batch at or below the watermark was committed, earlier or by a job before it in this group. */
static bool
committed_digest(const Attempt *attempt, size_t i, bool *found, Digest *digest, Err *err)
{
    CommitJob *job = &attempt->jobs[i];
    for (size_t j = 0; j < i; j++) {
        const Millibill__Batch *other = attempt->jobs[j].batch;
        *found = attempt->jobs[j].input != COMMIT_NOT_TAKEN && same_stream(&attempt->keys[i], &attempt->keys[j]) &&
                 other->sequence == job->batch->sequence;
        if (*found) {
            memcpy(digest->bytes, other->digest.data, DIGEST_BYTES);
            return true;
        }
    }
    LedgerRow row;
    if (!ledger_find(attempt->committer->db, attempt->rows[i].stream_id, (int64_t) job->batch->sequence, &row, found,
                     err))
        return false;
    *digest = row.digest;
    job->billed = row.billed;
    job->quarantined = row.quarantined;
    return true;
}

/* ---- a sequence with other bytes ---- */

static bool
kept_before(const Attempt *attempt, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (attempt->jobs[j].keep && same_stream(&attempt->keys[i], &attempt->keys[j]) &&
            attempt->jobs[j].batch->sequence == attempt->jobs[i].batch->sequence &&
            same_digest(attempt->jobs[j].batch, attempt->jobs[i].batch->digest.data))
            return true;
    return false;
}

/** No bill and no acknowledgement, but the bytes are kept, once, as evidence that two spools tell two stories. */
static bool
decide_reused(Attempt *attempt, size_t i, Err *err)
{
    CommitJob *job = &attempt->jobs[i];
    QuarantineReused seen = {0};
    commit_refuse(job, MILLIBILL__REFUSAL_REASON__SEQUENCE_REUSED,
                  "this sequence was committed before with other bytes");
    if (kept_before(attempt, i))
        return true;
    if (!quarantine_reused(attempt->committer->db, attempt->rows[i].stream_id, (int64_t) job->batch->sequence,
                           (Text){(const char *) job->batch->digest.data, DIGEST_BYTES}, &seen, err))
        return false;
    job->keep = !seen.known && seen.of_agent + (int64_t) attempt->kept < REUSED_ROWS_MAX;
    attempt->kept += job->keep;
    return true;
}

MUST_CHECK bool
commit_write_reused(const Attempt *attempt, int64_t commit_id, Err *err)
{
    for (size_t i = 0; i < attempt->count; i++) {
        const CommitJob *job = &attempt->jobs[i];
        if (!job->keep)
            continue;
        const QuarantineItem item = {.stream_id = attempt->rows[i].stream_id,
                                     .sequence = (int64_t) job->batch->sequence,
                                     .reason = text_of(QUARANTINE_REUSED),
                                     .message = text_of(job->message),
                                     .format = TEXT_LITERAL("batch"),
                                     .payload = {(const char *) job->batch->payload.data, job->batch->payload.len},
                                     .digest = {(const char *) job->batch->digest.data, DIGEST_BYTES},
                                     .other_digest = {(const char *) job->committed.bytes, DIGEST_BYTES}};
        if (!quarantine_insert(attempt->committer->db, commit_id, &item, 1, err))
            return false;
    }
    return true;
}

/* ---- deciding ---- */

/** A batch at or below the watermark. One that is older than the ledger is kept: its word is taken. */
static bool
decide_known(Attempt *attempt, size_t i, Err *err)
{
    CommitJob *job = &attempt->jobs[i];
    bool found = false;
    if (!committed_digest(attempt, i, &found, &job->committed, err))
        return false;
    if (found && !same_digest(job->batch, job->committed.bytes))
        return decide_reused(attempt, i, err);
    job->result = COMMIT_DUPLICATE;
    return true;
}

/** Move the watermark in every row of the stream. */
static void
advance(const Attempt *attempt, size_t i)
{
    for (size_t j = 0; j < attempt->count; j++)
        if (same_stream(&attempt->keys[i], &attempt->keys[j]))
            attempt->rows[j].last_sequence = (int64_t) attempt->jobs[i].batch->sequence;
}

MUST_CHECK bool
commit_decide(Attempt *attempt, size_t i, Err *err)
{
    CommitJob *job = &attempt->jobs[i];
    const StreamRow *row = &attempt->rows[i];
    uint64_t expected = (uint64_t) row->last_sequence + 1;
    if (job->result == COMMIT_REFUSED)
        return true;
    if (row->revoked) {
        commit_refuse(job, MILLIBILL__REFUSAL_REASON__FORBIDDEN, "the agent's key was revoked");
    } else if (job->batch->sequence < expected) {
        return decide_known(attempt, i, err);
    } else if (job->batch->sequence > expected) {
        commit_refuse(job, MILLIBILL__REFUSAL_REASON__GAP, "an earlier batch is missing");
        job->expected_sequence = (int64_t) expected;
    } else {
        job->input = attempt->taken++;
        advance(attempt, i);
    }
    return true;
}
