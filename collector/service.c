#include "collector/service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "collector/commit.h"
#include "collector/gate.h"
#include "collector/intake.h"
#include "collector/settle.h"
#include "collector/work.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/migrate.h"

enum { COMMITS_MAX = 1024, SETTLES_MAX = 256, GROUP_MAX = 1024, OPEN_FILES = 65536, SETTLE_TRIES = 5 };
#define COMMITS_BYTES_MAX ((size_t) 64 << 20)
#define SETTLES_BYTES_MAX ((size_t) 1 << 20)
#define GROUP_BYTES_MAX ((size_t) 16 << 20)
#define IDLE_US INT64_C(250000)
#define PARTITIONS_EVERY_US (INT64_C(3600) * UTC_SECOND_US)

typedef struct Service {
    const Config *config;
    atomic_bool *stop;
    atomic_bool away; /* set and cleared by the commit thread, read by intake */
    void *zmq_context;
    Gate *gate;
    Committer *committer; /* the commit thread's own once it runs */
    Db *settle_db;        /* the settle thread's own once it runs */
    WorkQueue *commits;
    WorkQueue *settles;
    ReplyQueue *replies;
    int64_t partitions_at_us;
} Service;

/* ---- commit thread ---- */

static void
reply_welcome(Service *self, const Work *work)
{
    Err err = {0};
    StreamKey key = {.agent_id = work->agent.agent_id};
    int64_t last = 0;
    uint8_t incarnation[INCARNATION_BYTES];
    const Millibill__Hello *hello = work->frame->hello;
    memcpy(key.spool, hello->spool.data, SPOOL_ID_BYTES);
    if (!committer_greet(self->committer, &key, &last, incarnation, &err)) {
        bool denied = err.code == ERR_DENIED;
        reply_refusal(self->replies, &work->route, hello->spool, 0,
                      denied ? MILLIBILL__REFUSAL_REASON__FORBIDDEN : MILLIBILL__REFUSAL_REASON__TRY_LATER, 0,
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
    reply_queue_put(self->replies, &work->route, &frame);
    log_info("event=agent_connected agent=%s committed_sequence=%lld", work->agent.name, (long long) last);
}

static void
reply_job(Service *self, const Work *work, const CommitJob *job)
{
    const Millibill__Batch *batch = job->batch;
    if (job->result == COMMIT_REFUSED || job->result == COMMIT_PENDING) {
        log_info("event=batch_refused agent=%s sequence=%llu reason=%d message=\"%s\"", work->agent.name,
                 (unsigned long long) batch->sequence, (int) job->reason, job->message);
        reply_refusal(self->replies, &work->route, batch->spool, batch->sequence, job->reason,
                      (uint64_t) job->expected_sequence, job->message);
        return;
    }
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
    reply_queue_put(self->replies, &work->route, &frame);
}

/** Batches that wait, and those that come within the group's time, up to its size. */
static size_t
gather(Service *self, Work *first, Work **group, size_t group_max)
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
commit_gathered(Service *self, Work **group, size_t count, CommitJob *jobs)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = (CommitJob){.agent_id = group[i]->agent.agent_id, .batch = group[i]->frame->batch};
    commit_group(self->committer, jobs, count);
    for (size_t i = 0; i < count; i++) {
        reply_job(self, group[i], &jobs[i]);
        commit_job_clear(&jobs[i]);
        work_free(&group[i]);
    }
}

/** What the commit thread does when nothing comes. */
static void
commit_idle(Service *self)
{
    Err err = {0};
    committer_revive(self->committer);
    if (utc_monotonic_us() < self->partitions_at_us || atomic_load(&self->away))
        return;
    self->partitions_at_us = utc_monotonic_us() + PARTITIONS_EVERY_US;
    if (!committer_partitions(self->committer, &err))
        log_err(LOG_LEVEL_WARN, "partitions_not_made", &err);
}

static void
commit_loop(Service *self, Work **group, CommitJob *jobs, size_t group_max)
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

static void *
commit_thread(void *context)
{
    Service *self = context;
    int64_t wanted = self->config->group_commit_batches;
    size_t group_max = wanted < 1 ? 1 : wanted > GROUP_MAX ? GROUP_MAX : (size_t) wanted;
    Work **group = calloc(group_max, sizeof(Work *));
    CommitJob *jobs = calloc(group_max, sizeof *jobs);
    if (group != NULL && jobs != NULL)
        commit_loop(self, group, jobs, group_max);
    else
        log_error("event=commit_thread_failed reason=no_memory");
    free(group);
    free(jobs);
    return NULL;
}

/* ---- settle thread ---- */

/** Several tries: a deadlock or a lost connection is no answer. */
static bool
settle_patiently(Service *self, Text import_id, ImportCounts *counts, Err *err)
{
    for (int i = 0; i < SETTLE_TRIES && !atomic_load(self->stop); i++) {
        err_clear(err);
        bool connected = db_is_connected(self->settle_db) || db_reconnect(self->settle_db, err);
        if (connected && settle_import(self->settle_db, import_id, counts, err))
            return true;
        if (err->code != ERR_BUSY)
            return false;
        const struct timespec pause = {0, 200000000};
        nanosleep(&pause, NULL);
    }
    return err_set(err, ERR_BUSY, "the collector is stopping");
}

static void
reply_settled(Service *self, const Work *work)
{
    Err err = {0};
    ImportCounts counts = {0};
    Millibill__Settled settled;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    millibill__settled__init(&settled);
    settled.import_id = work->frame->settle->import_id;
    const Text import_id = {(const char *) settled.import_id.data, settled.import_id.len};
    settled.done = settle_patiently(self, import_id, &counts, &err);
    if (!settled.done)
        log_err(LOG_LEVEL_ERROR, "import_not_settled", &err);
    settled.accepted = (uint64_t) counts.accepted;
    settled.known = (uint64_t) counts.known;
    settled.conflicts = (uint64_t) counts.conflicts;
    settled.quarantined = (uint64_t) counts.quarantined;
    settled.message = err.message;
    frame.kind_case = MILLIBILL__FRAME__KIND_SETTLED;
    frame.settled = &settled;
    reply_queue_put(self->replies, &work->route, &frame);
}

static void *
settle_thread(void *context)
{
    Service *self = context;
    while (!atomic_load(self->stop)) {
        Work *work = work_queue_take(self->settles, utc_monotonic_us() + IDLE_US, false);
        if (work != NULL)
            reply_settled(self, work);
        work_free(&work);
    }
    return NULL;
}

/* ---- the database at start ---- */

static Db *
connect_patiently(const Config *config, const char *role, const char *name, const atomic_bool *stop, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_conninfo(config, role, conninfo, err))
        return NULL;
    for (int tries = 0; !atomic_load(stop); tries++) {
        err_clear(err);
        Db *db = db_connect(conninfo, name, err);
        if (db != NULL || !err_is_retryable(err))
            return db;
        if (tries % 10 == 0)
            log_err(LOG_LEVEL_WARN, "waiting_for_database", err);
        const struct timespec pause = {1, 0};
        nanosleep(&pause, NULL);
    }
    err_set(err, ERR_BUSY, "stopped while waiting for the database");
    return NULL;
}

/* ---- the whole ---- */

static void
raise_limits(void)
{
    struct rlimit files;
    const struct rlimit no_core = {0, 0}; /* memory holds the secret key */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < OPEN_FILES) {
        files.rlim_cur = files.rlim_max < OPEN_FILES ? files.rlim_max : OPEN_FILES;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setrlimit(RLIMIT_CORE, &no_core);
}

static bool
service_open(Service *self, Err *err)
{
    self->settle_db =
        connect_patiently(self->config, "millibill_compactor", "millibill-collector settle", self->stop, err);
    if (self->settle_db == NULL || !installation_is_durable(self->settle_db, err) ||
        !migrate_check(self->settle_db, err))
        return false;
    self->committer = committer_new(self->config, self->stop, &self->away, err);
    if (self->committer == NULL || !committer_partitions(self->committer, err))
        return false;
    self->partitions_at_us = utc_monotonic_us() + PARTITIONS_EVERY_US;
    self->commits = work_queue_new(COMMITS_MAX, COMMITS_BYTES_MAX, err);
    self->settles = work_queue_new(SETTLES_MAX, SETTLES_BYTES_MAX, err);
    self->replies = reply_queue_new(err);
    if (self->commits == NULL || self->settles == NULL || self->replies == NULL)
        return false;
    self->zmq_context = gate_context_new(err);
    if (self->zmq_context != NULL)
        self->gate = gate_open(self->zmq_context, self->config, err);
    return self->gate != NULL && gate_prove(self->gate, self->zmq_context, self->config, err);
}

static void
service_close(Service *self)
{
    if (self->zmq_context != NULL)
        gate_context_shutdown(self->zmq_context);
    gate_free(&self->gate);
    if (self->zmq_context != NULL)
        gate_context_free(self->zmq_context);
    committer_free(&self->committer);
    db_free(&self->settle_db);
    work_queue_free(&self->commits);
    work_queue_free(&self->settles);
    reply_queue_free(&self->replies);
}

static bool
serve(Service *self, Err *err)
{
    pthread_t commit;
    pthread_t settle;
    const IntakeParts parts = {.zmq_context = self->zmq_context,
                               .config = self->config,
                               .gate = self->gate,
                               .commits = self->commits,
                               .settles = self->settles,
                               .replies = self->replies,
                               .stop = self->stop,
                               .away = &self->away};
    if (pthread_create(&commit, NULL, commit_thread, self) != 0)
        return err_set(err, ERR_NOMEM, "cannot start the commit thread");
    bool settling = pthread_create(&settle, NULL, settle_thread, self) == 0;
    bool done = settling ? intake_run(&parts, err) : err_set(err, ERR_NOMEM, "cannot start the settle thread");
    atomic_store(self->stop, true);
    work_queue_close(self->commits);
    work_queue_close(self->settles);
    pthread_join(commit, NULL);
    if (settling)
        pthread_join(settle, NULL);
    return done;
}

MUST_CHECK bool
service_run(const Config *config, atomic_bool *stop, Err *err)
{
    Service self = {.config = config, .stop = stop};
    raise_limits();
    bool done = service_open(&self, err) && serve(&self, err);
    service_close(&self);
    return done;
}
