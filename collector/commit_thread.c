#include "collector/commit_thread.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/utc.h"

enum { GROUP_MAX = 1024 };
#define GROUP_BYTES_MAX ((size_t) 16 << 20)
#define IDLE_US INT64_C(250000)
#define PARTITIONS_EVERY_US (INT64_C(3600) * UTC_SECOND_US)

static void
reply_welcome(CommitThread *self, const Work *work)
{
    Err err = {0};
    StreamKey key = {.agent_id = work->agent.agent_id, .public_key = work->agent.key};
    int64_t last = 0;
    uint8_t incarnation[INCARNATION_BYTES];
    const Millibill__Hello *hello = work->frame->hello;
    memcpy(key.spool, hello->spool.data, SPOOL_ID_BYTES);
    if (!committer_greet(self->committer, &key, &last, incarnation, &err)) {
        bool denied = err.code == ERR_DENIED;
        const Refused what = {.spool = hello->spool};
        reply_refusal(&self->replies, &work->route, &what,
                      denied ? MILLIBILL__REFUSAL_REASON__FORBIDDEN : MILLIBILL__REFUSAL_REASON__TRY_LATER,
                      err.message);
        return;
    }
    Millibill__Welcome welcome = MILLIBILL__WELCOME__INIT;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    welcome.protocol = WIRE_PROTOCOL;
    welcome.spool = hello->spool;
    welcome.committed_sequence = (uint64_t) last;
    welcome.incarnation = (ProtobufCBinaryData){INCARNATION_BYTES, incarnation};
    welcome.window = WIRE_WINDOW;
    frame.kind_case = MILLIBILL__FRAME__KIND_WELCOME;
    frame.welcome = &welcome;
    reply_queue_put(self->replies.queue, &work->route, &frame);
    metrics_add(self->metrics, METRIC_HELLOS, 1);
    log_info("event=agent_connected agent=%s committed_sequence=%lld", work->agent.name, (long long) last);
}

static void
reply_job(CommitThread *self, const Work *work, const CommitJob *job)
{
    const Millibill__Batch *batch = job->batch;
    if (job->result == COMMIT_REFUSED || job->result == COMMIT_PENDING) {
        if (job->keep)
            log_error(
                "event=sequence_reused agent=%s sequence=%llu hint=\"two spools use one key, or a spool was restored: "
                "millibill quarantine list --reason sequence_reused\"",
                work->agent.name, (unsigned long long) batch->sequence);
        log_info("event=batch_refused agent=%s sequence=%llu reason=%d message=\"%s\"", work->agent.name,
                 (unsigned long long) batch->sequence, (int) job->reason, job->message);
        const Refused what = {batch->spool, batch->sequence, (uint64_t) job->expected_sequence};
        reply_refusal(&self->replies, &work->route, &what, job->reason, job->message);
        return;
    }
    metrics_add(self->metrics, job->result == COMMIT_DONE ? METRIC_BATCHES_COMMITTED : METRIC_BATCHES_DUPLICATE, 1);
    Millibill__Ack ack = MILLIBILL__ACK__INIT;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    ack.spool = batch->spool;
    ack.sequence = batch->sequence;
    ack.duplicate = job->result == COMMIT_DUPLICATE;
    ack.billed = (uint32_t) job->billed;
    ack.quarantined = (uint32_t) job->quarantined;
    ack.registered_tenants = job->registered;
    ack.n_registered_tenants = job->registered_count;
    frame.kind_case = MILLIBILL__FRAME__KIND_ACK;
    frame.ack = &ack;
    reply_queue_put(self->replies.queue, &work->route, &frame);
}

/** Batches that wait, and those that come within the group's time, up to its size. */
static size_t
gather(CommitThread *self, Work *first, Work **group, size_t group_max)
{
    int64_t deadline_us = utc_monotonic_us() + self->config->group_commit_ms * 1000;
    size_t count = 1;
    size_t bytes = first->bytes;
    group[0] = first;
    while (count < group_max && bytes < GROUP_BYTES_MAX) {
        Work *work = work_queue_take(self->commits, deadline_us, true);
        if (work == NULL)
            break;
        bytes += work->bytes;
        group[count++] = work;
    }
    return count;
}

static void
commit_gathered(CommitThread *self, Work **group, size_t count, CommitJob *jobs)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = (CommitJob){
            .agent_id = group[i]->agent.agent_id, .public_key = group[i]->agent.key, .batch = group[i]->frame->batch};
    commit_group(self->committer, jobs, count);
    for (size_t i = 0; i < count; i++) {
        reply_job(self, group[i], &jobs[i]);
        commit_job_clear(&jobs[i]);
        work_free(&group[i]);
    }
}

/** When nothing comes: look after the database. */
static void
commit_idle(CommitThread *self)
{
    Err err = {0};
    int64_t now_us = utc_monotonic_us();
    committer_revive(self->committer);
    committer_ask(self->committer, now_us);
    if (now_us < self->partitions_at_us || atomic_load(self->away))
        return;
    self->partitions_at_us = now_us + PARTITIONS_EVERY_US;
    if (!committer_partitions(self->committer, &err))
        log_err(LOG_LEVEL_WARN, "partitions_not_made", &err);
}

static void
commit_loop(CommitThread *self, Work **group, CommitJob *jobs, size_t group_max)
{
    while (!atomic_load(self->stop)) {
        Work *work = work_queue_take(self->commits, utc_monotonic_us() + IDLE_US, false);
        if (work == NULL) {
            commit_idle(self);
        } else if (work->frame->kind_case == MILLIBILL__FRAME__KIND_HELLO) {
            reply_welcome(self, work);
            work_free(&work);
        } else {
            commit_gathered(self, group, gather(self, work, group, group_max), jobs);
        }
    }
}

void *
commit_thread_run(void *context)
{
    CommitThread *self = context;
    int64_t wanted = self->config->group_commit_batches;
    size_t group_max = wanted < 1 ? 1 : wanted > GROUP_MAX ? GROUP_MAX : (size_t) wanted;
    Work **group = calloc(group_max, sizeof(Work *));
    CommitJob *jobs = calloc(group_max, sizeof *jobs);
    self->partitions_at_us = utc_monotonic_us() + PARTITIONS_EVERY_US;
    if (group != NULL && jobs != NULL) {
        commit_loop(self, group, jobs, group_max);
    } else {
        log_error("event=commit_thread_failed reason=no_memory");
        health_ended(self->health, HEALTH_COMMITS);
        atomic_store(&self->failed, true);
        atomic_store(self->stop, true); /* a collector that commits nothing must not run on */
    }
    free(group);
    free(jobs);
    return NULL;
}
