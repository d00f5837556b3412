#include "collector/service.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "collector/commit_thread.h"
#include "collector/gate.h"
#include "collector/health.h"
#include "collector/http.h"
#include "collector/intake.h"
#include "collector/metrics.h"
#include "collector/sealer.h"
#include "collector/settle.h"
#include "collector/status_page.h"
#include "collector/work.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/migrate.h"

enum { COMMITS_MAX = 1024, SETTLES_MAX = 256, OPEN_FILES = 65536, OPEN_FILES_OURS = 128, SETTLE_TRIES = 5 };
#define COMMITS_BYTES_MAX ((size_t) 64 << 20)
#define SETTLES_BYTES_MAX ((size_t) 1 << 20)
#define IDLE_US INT64_C(250000)

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
    Metrics *metrics;
    Health *health;
    StatusPage page;
    Http *http;
    int64_t connections_max;
} Service;

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

/** Raise the limit of descriptors; returns how many connections fit, at most those that are wanted. */
static int64_t
raise_limits(int64_t connections)
{
    struct rlimit files;
    const struct rlimit no_core = {0, 0}; /* memory holds the secret key */
    setrlimit(RLIMIT_CORE, &no_core);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return connections;
    if (files.rlim_cur < OPEN_FILES) {
        files.rlim_cur = files.rlim_max < OPEN_FILES ? files.rlim_max : OPEN_FILES;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int64_t room = (int64_t) files.rlim_cur - OPEN_FILES_OURS;
    if (room >= connections)
        return connections;
    log_warn("event=connections_limited connections=%lld hint=\"raise LimitNOFILE\"",
             (long long) (room < 1 ? 1 : room));
    return room < 1 ? 1 : room;
}

/** Metrics first: an operator sees a collector that waits for its database, too. */
static bool
observe(Service *self, Err *err)
{
    self->metrics = metrics_new(err);
    self->health = self->metrics == NULL ? NULL : health_new(err);
    if (self->health == NULL)
        return false;
    self->page = (StatusPage){self->metrics, self->health};
    if (self->config->metrics_listen[0] == '\0')
        return true;
    self->http = http_open(self->config->metrics_listen, status_page_answer, &self->page, err);
    return self->http != NULL;
}

static bool
service_open(Service *self, Err *err)
{
    if (!observe(self, err))
        return false;
    self->settle_db =
        connect_patiently(self->config, "millibill_compactor", "millibill-collector settle", self->stop, err);
    if (self->settle_db != NULL) /* it looks whole months through */
        db_be_patient(self->settle_db, self->config->database_patience_s * 60 * 1000);
    if (self->settle_db == NULL || !installation_is_durable(self->settle_db, err) ||
        !migrate_check(self->settle_db, err))
        return false;
    self->committer = committer_new(self->config, self->stop, &self->away, self->metrics, self->health, err);
    if (self->committer == NULL || !committer_partitions(self->committer, err))
        return false;
    self->commits = work_queue_new(COMMITS_MAX, COMMITS_BYTES_MAX, err);
    self->settles = work_queue_new(SETTLES_MAX, SETTLES_BYTES_MAX, err);
    self->replies = reply_queue_new(err);
    if (self->commits == NULL || self->settles == NULL || self->replies == NULL)
        return false;
    self->zmq_context = gate_context_new(err);
    if (self->zmq_context != NULL)
        self->gate = gate_open(self->zmq_context, self->config, self->metrics, self->health, err);
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
    http_free(&self->http);
    health_free(&self->health);
    metrics_free(&self->metrics);
}

static bool
run_threads(Service *self, CommitThread *committing, Err *err)
{
    pthread_t commit;
    pthread_t settle;
    const IntakeParts parts = {.zmq_context = self->zmq_context,
                               .config = self->config,
                               .connections_max = self->connections_max,
                               .gate = self->gate,
                               .metrics = self->metrics,
                               .health = self->health,
                               .commits = self->commits,
                               .settles = self->settles,
                               .replies = committing->replies,
                               .stop = self->stop,
                               .away = &self->away};
    if (pthread_create(&commit, NULL, commit_thread_run, committing) != 0)
        return err_set(err, ERR_NOMEM, "cannot start the commit thread");
    bool settling = pthread_create(&settle, NULL, settle_thread, self) == 0;
    Sealer *sealer = sealer_start(self->config, self->stop, err);
    bool done = settling ? !err_is_set(err) && intake_run(&parts, err)
                         : err_set(err, ERR_NOMEM, "cannot start the settle thread");
    atomic_store(self->stop, true);
    work_queue_close(self->commits);
    work_queue_close(self->settles);
    pthread_join(commit, NULL);
    if (settling)
        pthread_join(settle, NULL);
    sealer_join(&sealer);
    return done;
}

static bool
serve(Service *self, Err *err)
{
    CommitThread committing = {.config = self->config,
                               .stop = self->stop,
                               .away = &self->away,
                               .committer = self->committer,
                               .commits = self->commits,
                               .replies = {self->replies, self->metrics},
                               .metrics = self->metrics,
                               .health = self->health};
    bool done = run_threads(self, &committing, err);
    return done && (!atomic_load(&committing.failed) || err_set(err, ERR_NOMEM, "no memory for the commit thread"));
}

MUST_CHECK bool
service_run(const Config *config, atomic_bool *stop, Err *err)
{
    Service self = {.config = config, .stop = stop};
    self.connections_max = raise_limits(config->connections_max);
    bool done = service_open(&self, err) && serve(&self, err);
    service_close(&self);
    return done;
}
