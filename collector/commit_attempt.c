/* One transaction of a group: what is taken, and what is written. See commit.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/commit_internal.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/tenant_store.h"

enum { HISTORY_FUTURE_DAYS = 366, INTRODUCE_MAX = 64 };

/* ---- tenants ---- */

/** Register the tenants that a batch introduces, where this stack allows it. */
static bool
introduce(const Attempt *attempt, CommitJob *job, const StreamRow *row, Err *err)
{
    Text names[INTRODUCE_MAX];
    bool is_new[INTRODUCE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < job->batch->n_introduce_tenants && count < INTRODUCE_MAX; i++) {
        Text name = text_of(job->batch->introduce_tenants[i]);
        if (name.length >= 1 && name.length <= USAGE_NAME_BYTES_MAX && text_is_clean_utf8(name))
            names[count++] = name;
    }
    if (count == 0 || !attempt->committer->config->embedded || !row->all_tenants)
        return true;
    if (!tenant_introduce(attempt->committer->db, names, count, is_new, err))
        return false;
    job->registered = calloc(count, sizeof *job->registered);
    for (size_t i = 0; job->registered != NULL && i < count; i++) {
        char *copy = is_new[i] ? text_duplicate(names[i]) : NULL;
        if (copy != NULL)
            job->registered[job->registered_count++] = copy;
    }
    return true;
}

/** Which tenants a batch may speak for, when its agent may not speak for all. */
static bool
ask_allowed(Attempt *attempt, size_t i, size_t tenants, Err *err)
{
    if (attempt->rows[i].all_tenants)
        return true;
    attempt->allowed[i] = calloc(tenants + 1, sizeof *attempt->allowed[i]);
    if (attempt->allowed[i] == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants);
    regroup_input(attempt->committer->regroup, attempt->jobs[i].input)->allowed = attempt->allowed[i];
    return stream_allows(attempt->committer->db, attempt->rows[i].stream_id, attempt->tenant_ids, tenants,
                         attempt->allowed[i], err);
}

static bool
resolve_tenants(Attempt *attempt, Err *err)
{
    size_t tenants = 0;
    const Text *names = regroup_tenants(attempt->committer->regroup, &tenants);
    attempt->tenant_ids = calloc(tenants + 1, sizeof *attempt->tenant_ids);
    if (attempt->tenant_ids == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants);
    if (!tenant_ids(attempt->committer->db, names, tenants, attempt->tenant_ids, err))
        return false;
    for (size_t i = 0; i < attempt->count; i++)
        if (attempt->jobs[i].input != COMMIT_NOT_TAKEN && !ask_allowed(attempt, i, tenants, err))
            return false;
    return true;
}

/* ---- regrouping ---- */

static Text
import_of(const Millibill__Batch *batch)
{
    bool given = batch->import_id.len == IMPORT_ID_BYTES;
    return given ? (Text){(const char *) batch->import_id.data, IMPORT_ID_BYTES} : (Text){"", 0};
}

/** A batch of nothing stands for one that goes to quarantine whole. */
static UsageBatch *
empty_usage(Err *err)
{
    return usage_batch_unpack("", 0, err);
}

static bool
regroup_taken(Attempt *attempt, Err *err)
{
    Regroup *regroup = attempt->committer->regroup;
    regroup_start(regroup);
    for (size_t i = 0; i < attempt->count; i++) {
        CommitJob *job = &attempt->jobs[i];
        if (job->input == COMMIT_NOT_TAKEN)
            continue;
        if (job->whole) {
            usage_batch_free(&job->usage);
            job->usage = empty_usage(err);
        }
        if (job->usage == NULL || !introduce(attempt, job, &attempt->rows[i], err))
            return false;
        const RegroupInput input = {.batch = job->usage,
                                    .stream_id = attempt->rows[i].stream_id,
                                    .sequence = (int64_t) job->batch->sequence,
                                    .history = job->batch->history != 0,
                                    .import_id = import_of(job->batch),
                                    .aside = job->aside ? job->message : NULL};
        if (!regroup_add(regroup, &input, err))
            return false;
    }
    const Config *config = attempt->committer->config;
    const RegroupPolicy policy = {.now_us = utc_now_us(),
                                  .live_past_us = config->live_past_days * UTC_DAY_US,
                                  .live_future_us = config->live_future_s * UTC_SECOND_US,
                                  .history_future_us = HISTORY_FUTURE_DAYS * UTC_DAY_US};
    return resolve_tenants(attempt, err) && regroup_run(regroup, attempt->tenant_ids, &policy, err);
}

/* ---- writing ---- */

static LedgerRow
ledger_row(const Attempt *attempt, size_t i)
{
    const CommitJob *job = &attempt->jobs[i];
    const RegroupInput *input = regroup_input(attempt->committer->regroup, job->input);
    LedgerRow row = {.stream_id = attempt->rows[i].stream_id,
                     .sequence = (int64_t) job->batch->sequence,
                     .accepted_at_us = job->batch->accepted_at_us,
                     .source = text_of(job->batch->source),
                     .label = text_of(job->batch->label),
                     .import_id = import_of(job->batch),
                     .billed = input->billed,
                     .quarantined = job->whole ? 1 : input->quarantined,
                     .lost = input->lost,
                     .bytes = (int64_t) job->batch->payload.len};
    row.records = row.billed + row.quarantined;
    memcpy(row.digest.bytes, job->batch->digest.data, DIGEST_BYTES);
    return row;
}

static bool
write_ledger(const Attempt *attempt, int64_t commit_id, Err *err)
{
    LedgerRow *rows = calloc(attempt->count, sizeof *rows);
    if (rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu ledger rows", attempt->count);
    size_t count = 0;
    for (size_t i = 0; i < attempt->count; i++) {
        CommitJob *job = &attempt->jobs[i];
        if (job->input == COMMIT_NOT_TAKEN)
            continue;
        rows[count] = ledger_row(attempt, i);
        job->billed = rows[count].billed;
        job->quarantined = rows[count].quarantined;
        count++;
    }
    bool done = ledger_insert(attempt->committer->db, commit_id, rows, count, err);
    free(rows);
    return done;
}

/** A batch that goes to quarantine whole, or is kept as it came beside what was billed of it: segments are packed anew, and
 *  would forget the fields of a newer version. */
static bool
write_batch(const Attempt *attempt, size_t i, int64_t commit_id, Text reason, const char *message, Err *err)
{
    const CommitJob *job = &attempt->jobs[i];
    const QuarantineItem item = {.stream_id = attempt->rows[i].stream_id,
                                 .sequence = (int64_t) job->batch->sequence,
                                 .reason = reason,
                                 .message = text_of(message),
                                 .format = TEXT_LITERAL("batch"),
                                 .payload = {(const char *) job->batch->payload.data, job->batch->payload.len}};
    return quarantine_insert(attempt->committer->db, commit_id, &item, 1, err);
}

static bool
write_whole(const Attempt *attempt, int64_t commit_id, Err *err)
{
    const Text malformed = text_of(usage_reason_name(USAGE_REASON_MALFORMED));
    bool done = true;
    for (size_t i = 0; done && i < attempt->count; i++) {
        const CommitJob *job = &attempt->jobs[i];
        if (job->input == COMMIT_NOT_TAKEN)
            continue;
        if (job->whole)
            done = write_batch(attempt, i, commit_id, malformed, job->message, err);
        else if (usage_batch_is_newer(job->usage))
            done = write_batch(attempt, i, commit_id, text_of(QUARANTINE_NEWER),
                               "billed, but it also holds fields that this collector does not know: upgrade it", err);
    }
    return done;
}

static bool
write_group(Attempt *attempt, Err *err)
{
    Committer *self = attempt->committer;
    int64_t commit_id = 0;
    bool taken = attempt->taken > 0;
    return commit_new(self->db, &commit_id, err) &&
           (!taken ||
            (write_ledger(attempt, commit_id, err) &&
             usage_write(self->db, self->configs, regroup_output(self->regroup), commit_id, err) &&
             write_whole(attempt, commit_id, err) && streams_advance(self->db, attempt->rows, attempt->count, err))) &&
           commit_write_reused(attempt, commit_id, err) &&
           commit_take_receipt(self->db, commit_id, &attempt->receipt, err);
}

/* ---- one attempt ---- */

static bool
attempt_transaction(Attempt *attempt, Err *err)
{
    Committer *self = attempt->committer;
    if (!db_begin_short(self->db, err) ||
        !streams_open(self->db, attempt->keys, attempt->count, true, attempt->rows, err))
        return false;
    for (size_t i = 0; i < attempt->count; i++)
        if (!commit_decide(attempt, i, err))
            return false;
    if (attempt->taken > 0) {
        if (!regroup_taken(attempt, err))
            return false;
        attempt->months_missing = !months_known(&self->months, regroup_output(self->regroup));
        if (attempt->months_missing)
            return true;
    }
    if (attempt->taken + attempt->kept > 0 && !write_group(attempt, err))
        return false;
    return db_commit(self->db, err);
}

/** Forget what an attempt said about the jobs, except refusals from before it. */
void
commit_jobs_reset(CommitJob *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CommitJob *job = &jobs[i];
        for (size_t j = 0; j < job->registered_count; j++)
            free(job->registered[j]);
        free(job->registered);
        job->registered = NULL;
        job->registered_count = 0;
        job->input = COMMIT_NOT_TAKEN;
        job->keep = false;
        job->billed = job->quarantined = 0;
        bool keep = job->result == COMMIT_REFUSED && (job->reason == MILLIBILL__REFUSAL_REASON__BROKEN ||
                                                      job->reason == MILLIBILL__REFUSAL_REASON__TRY_LATER);
        if (!keep)
            job->result = COMMIT_PENDING;
    }
}

static void
attempt_free(Attempt *attempt)
{
    for (size_t i = 0; attempt->allowed != NULL && i < attempt->count; i++)
        free(attempt->allowed[i]);
    free(attempt->allowed);
    free(attempt->keys);
    free(attempt->rows);
    free(attempt->tenant_ids);
}

static bool
attempt_run(Attempt *attempt, Err *err)
{
    size_t count = attempt->count;
    attempt->keys = calloc(count, sizeof *attempt->keys);
    attempt->rows = calloc(count, sizeof *attempt->rows);
    attempt->allowed = calloc(count, sizeof *attempt->allowed);
    if (attempt->keys == NULL || attempt->rows == NULL || attempt->allowed == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a group of %zu batches", count);
    for (size_t i = 0; i < count; i++) {
        attempt->keys[i].agent_id = attempt->jobs[i].agent_id;
        attempt->keys[i].public_key = attempt->jobs[i].public_key;
        memcpy(attempt->keys[i].spool, attempt->jobs[i].batch->spool.data, SPOOL_ID_BYTES);
    }
    return attempt_transaction(attempt, err);
}

/** What was committed, for the operator. */
static void
count_committed(const Attempt *attempt)
{
    const Committer *self = attempt->committer;
    const RegroupOutput *output = regroup_output(self->regroup);
    metrics_add(self->metrics, METRIC_COMMITS, attempt->taken + attempt->kept > 0);
    metrics_add(self->metrics, METRIC_SEQUENCES_REUSED, (int64_t) attempt->kept);
    if (attempt->taken == 0)
        return;
    metrics_set(self->metrics, METRIC_LAST_COMMIT_AT_US, utc_now_us());
    metrics_set(self->metrics, METRIC_LAST_RECEIPT, attempt->receipt);
    for (size_t i = 0; i < output->quarantine_count; i++)
        metrics_quarantined(self->metrics, output->quarantine[i].reason, 1);
    for (size_t i = 0; i < output->loss_count; i++)
        metrics_lost(self->metrics, output->losses[i].reason, output->losses[i].records);
}

/** The transaction committed: what was taken is done. */
static void
conclude(const Attempt *attempt)
{
    int64_t billed = 0;
    int64_t quarantined = 0;
    Metrics *metrics = attempt->committer->metrics;
    count_committed(attempt);
    for (size_t i = 0; i < attempt->count; i++) {
        CommitJob *job = &attempt->jobs[i];
        if (job->input == COMMIT_NOT_TAKEN)
            continue;
        job->result = COMMIT_DONE;
        billed += job->billed;
        quarantined += job->quarantined;
        metrics_add(metrics, METRIC_BYTES_COMMITTED, (int64_t) job->batch->payload.len);
        if (job->whole)
            metrics_quarantined(metrics, text_of(usage_reason_name(USAGE_REASON_MALFORMED)), 1);
    }
    metrics_add(metrics, METRIC_RECORDS_BILLED, billed);
    log_debug("event=commit batches=%zu billed=%" PRId64 " quarantined=%" PRId64, attempt->taken, billed, quarantined);
}

/** Run the transaction once; partitions that it lacks are made, and then it is run again. */
MUST_CHECK bool
commit_attempt(Committer *self, CommitJob *jobs, size_t count, Err *err)
{
    for (int round = 0; round < 2; round++) {
        Attempt attempt = {.committer = self, .jobs = jobs, .count = count};
        commit_jobs_reset(jobs, count);
        bool done = attempt_run(&attempt, err);
        bool again = done && attempt.months_missing;
        if (!done || again) {
            db_rollback(self->db);
            config_table_forget(self->configs);
        } else {
            conclude(&attempt);
        }
        attempt_free(&attempt);
        if (again)
            done = months_make(&self->months, self->db, regroup_output(self->regroup), err);
        if (!done || !again)
            return done;
    }
    return err_set(err, ERR_INTERNAL, "partitions are missing after they were made");
}
