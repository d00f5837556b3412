/* Groups of batches, again and again until they are committed. See commit.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/commit_internal.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/segment_store.h"

enum { CONFIGS_MAX = 200000, BACKOFF_FIRST_MS = 20, BACKOFF_MAX_MS = 2000 };
#define ASK_EVERY_US (INT64_C(4) * UTC_SECOND_US)

void
commit_job_clear(CommitJob *job)
{
    usage_batch_free(&job->usage);
    for (size_t i = 0; i < job->registered_count; i++)
        free(job->registered[i]);
    free(job->registered);
    job->registered = NULL;
    job->registered_count = 0;
}

MUST_CHECK Committer *
committer_new(const Config *config, const atomic_bool *stop, atomic_bool *away, Metrics *metrics, Health *health,
              Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    Committer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the committer");
        return NULL;
    }
    self->config = config;
    self->stop = stop;
    self->away = away;
    self->metrics = metrics;
    self->health = health;
    self->configs = config_table_new(err);
    if (self->configs != NULL)
        self->regroup = regroup_new(self->configs, err);
    if (self->regroup != NULL && config_conninfo(config, "millibill_collector", conninfo, err))
        self->db = db_connect(conninfo, "millibill-collector", err);
    if (self->db != NULL)
        db_be_patient(self->db, config->database_patience_s * 1000);
    if (self->db == NULL || !installation_is_durable(self->db, err))
        committer_free(&self);
    else
        self->trusted = true;
    return self;
}

void
committer_free(Committer **self)
{
    if (*self == NULL)
        return;
    db_free(&(*self)->db);
    regroup_free(&(*self)->regroup);
    config_table_free(&(*self)->configs);
    months_free(&(*self)->months);
    free(*self);
    *self = NULL;
}

/* ---- before the transaction ---- */

/** Check the digest and unpack. What cannot be unpacked though it arrived as it was sent goes to quarantine whole, so that
 *  its stream goes on. */
static void
prepare(CommitJob *job)
{
    const ProtobufCBinaryData *payload = &job->batch->payload;
    const Digest digest = digest_of(payload->data, payload->len);
    if (memcmp(digest.bytes, job->batch->digest.data, DIGEST_BYTES) != 0) {
        commit_refuse(job, MILLIBILL__REFUSAL_REASON__BROKEN, "the batch's bytes do not have its digest");
        return;
    }
    Err err = {0};
    job->usage = usage_batch_unpack_unchecked(payload->data, payload->len, &err);
    if (job->usage != NULL)
        return;
    if (err.code == ERR_NOMEM) {
        commit_refuse(job, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the collector has no memory for this batch now");
        return;
    }
    job->whole = true;
    snprintf(job->message, sizeof job->message, "%.250s", err.message);
}

/* ---- until it is done ---- */

/** Wait a random time up to `most_ms`, so that several collectors do not meet again. */
static void
wait_about(int64_t most_ms)
{
    uint32_t random;
    random_bytes(&random, sizeof random);
    int64_t ms = most_ms / 2 + random % (most_ms / 2 + 1);
    const struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

/** Add the time of the outage so far. */
static void
count_away(Committer *self)
{
    int64_t now_us = utc_monotonic_us();
    if (self->away_since_us != 0)
        metrics_add(self->metrics, METRIC_DATABASE_AWAY_US, now_us - self->away_since_us);
    self->away_since_us = now_us;
}

static void
say_away(Committer *self, const Err *err)
{
    health_stuck(self->health, err->message);
    if (db_is_connected(self->db) && self->trusted)
        return;
    count_away(self);
    metrics_set(self->metrics, METRIC_DATABASE_AWAY, 1);
    if (!atomic_exchange(self->away, true))
        log_err(LOG_LEVEL_WARN, "database_away", err);
}

/** The database answered, and did what it was asked. */
static void
say_here(Committer *self)
{
    self->answered_us = utc_monotonic_us();
    health_beat(self->health, HEALTH_COMMITS, self->answered_us);
    metrics_set(self->metrics, METRIC_DATABASE_ROUND_TRIP_AT_US, utc_now_us());
    if (self->away_since_us != 0)
        count_away(self);
    self->away_since_us = 0;
    metrics_set(self->metrics, METRIC_DATABASE_AWAY, 0);
    if (atomic_exchange(self->away, false))
        log_info("event=database_back");
}

/** A connection to a server that keeps what it commits: another one may have taken over, or its settings changed. */
static bool
connection_ready(Committer *self, Err *err)
{
    if (db_is_connected(self->db) && self->trusted)
        return true;
    self->trusted = false;
    if (!db_reconnect(self->db, err))
        return false;
    Err refused = {0};
    self->trusted = installation_is_durable(self->db, &refused);
    return self->trusted || err_set(err, ERR_BUSY, "%s", refused.message);
}

/** One attempt, with its time. */
static bool
commit_once(Committer *self, CommitJob *jobs, size_t count, Err *err)
{
    int64_t started_us = utc_monotonic_us();
    if (!commit_attempt(self, jobs, count, err))
        return false;
    metrics_commit_took(self->metrics, utc_monotonic_us() - started_us);
    say_here(self);
    return true;
}

/** Was it these batches over which the attempt failed? The connection was there, and it ended inside of the transaction, or a
 *  statement was refused for now. A database that is away or has no room left says nothing about them. */
static bool
is_strike(const Committer *self)
{
    DbTrouble trouble = db_trouble(self->db);
    return trouble == DB_TROUBLE_LOST || trouble == DB_TROUBLE_STATEMENT;
}

MUST_CHECK bool
commit_patiently(Committer *self, CommitJob *jobs, size_t count, int strikes_max, Err *err)
{
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    int strikes = 0;
    while (!atomic_load(self->stop)) {
        err_clear(err);
        bool connected = connection_ready(self, err);
        if (connected && commit_once(self, jobs, count, err))
            return true;
        if (err->code != ERR_BUSY && connected)
            return false;
        metrics_add(self->metrics, METRIC_COMMIT_RETRIES, 1);
        say_away(self, err);
        log_debug("event=commit_again message=\"%s\"", err->message);
        if (connected && is_strike(self) && ++strikes == strikes_max)
            return false;
        wait_about(backoff_ms);
        backoff_ms = backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms * 2;
    }
    return err_set(err, ERR_BUSY, "the collector is stopping");
}

void
commit_group(Committer *self, CommitJob *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i].input = COMMIT_NOT_TAKEN;
        prepare(&jobs[i]);
    }
    Err err = {0};
    if (config_table_count(self->configs) > CONFIGS_MAX)
        config_table_forget(self->configs);
    if (count > 1 && commit_patiently(self, jobs, count, COMMIT_STRIKES_MAX, &err))
        return;
    if (count > 1)
        log_err(LOG_LEVEL_WARN, "group_refused", &err);
    commit_one_by_one(self, jobs, count);
}

static bool
greet(Committer *self, const StreamKey *key, int64_t *last_sequence, uint8_t incarnation[INCARNATION_BYTES], Err *err)
{
    StreamRow row = {0};
    if (!connection_ready(self, err))
        return false;
    if (!streams_open(self->db, key, 1, false, &row, err) || !installation_incarnation(self->db, incarnation, err))
        return false;
    *last_sequence = row.last_sequence;
    return !row.revoked || err_set(err, ERR_DENIED, "the agent's key was revoked");
}

MUST_CHECK bool
committer_greet(Committer *self, const StreamKey *key, int64_t *last_sequence, uint8_t incarnation[INCARNATION_BYTES],
                Err *err)
{
    bool greeted = greet(self, key, last_sequence, incarnation, err);
    if (greeted || err->code == ERR_DENIED)
        say_here(self);
    else
        say_away(self, err);
    return greeted;
}

void
committer_revive(Committer *self)
{
    Err err = {0};
    if (!atomic_load(self->away))
        return;
    if (connection_ready(self, &err))
        say_here(self);
    else
        say_away(self, &err);
}

void
committer_ask(Committer *self, int64_t now_us)
{
    Err err = {0};
    int64_t receipt = 0;
    if (atomic_load(self->away) || now_us - self->answered_us < ASK_EVERY_US)
        return;
    if (installation_last_receipt(self->db, &receipt, &err)) {
        metrics_set(self->metrics, METRIC_LAST_RECEIPT, receipt);
        say_here(self);
    } else {
        say_away(self, &err);
    }
}

MUST_CHECK bool
committer_partitions(Committer *self, Err *err)
{
    if (!partitions_ahead(self->db, err))
        return false;
    metrics_set(self->metrics, METRIC_PARTITIONS_CHECKED_AT_US, utc_now_us());
    return true;
}
