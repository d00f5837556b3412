#include "agent/source_local.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/import_job.h"
#include "agent/listener.h"
#include "agent/local_connection.h"
#include "agent/local_frame.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    RETRY_US = 100000, /* how often a batch that the spool was too full for is tried again */
    ORPHANS_MAX = 128  /* imports without a connection that wait for their last word */
};

/* A job has a connection, or is on the list of orphans. */
typedef struct Orphan {
    ImportJob *job;
    struct Orphan *next;
} Orphan;

struct SourceLocal {
    LocalShared shared; /* first: a connection finds its source by it */
    Listener *listener;
    Orphan *orphans;
    size_t orphan_count;
    int64_t retry_us; /* when stalled connections are looked at again; INT64_MAX: none is stalled */
};

static void
connection_ready(LoopWatch *watch, uint32_t events)
{
    LocalConnection *self = (LocalConnection *) watch;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        local_connection_read(self); /* the rest follows in source_local_settle */
}

/* Keep a job whose connection needs it no longer until the collector has settled it; or forget it. */
static void
orphan_job(SourceLocal *self, ImportJob *job)
{
    Orphan *orphan =
        job->finishing && job->history && self->orphan_count < ORPHANS_MAX ? calloc(1, sizeof(*orphan)) : NULL;
    if (orphan == NULL) {
        import_job_free(&job);
        return;
    }
    *orphan = (Orphan){job, self->orphans};
    self->orphans = orphan;
    self->orphan_count++;
}

static void
connection_refused(int fd, const char *message)
{
    Err refusal = {0};
    Err err = {0};
    Buffer out = {0};
    err_set(&refusal, ERR_DENIED, "%s", message);
    if (local_answer_failed(&out, &refusal, &err))
        (void) send(fd, out.data, out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    buffer_free(&out);
}

static void
connection_opened(Peer *peer, void *owner)
{
    SourceLocal *self = owner;
    ((LocalConnection *) peer)->shared = &self->shared;
}

/* It may be asked to begin again when nothing of it waits for us or the collector. */
static bool
connection_owes_nothing(const Peer *peer)
{
    const LocalConnection *self = (const LocalConnection *) peer;
    const ImportJob *job = self->job;
    return !self->stalled &&
           (job == NULL || (!job->finishing && job->durable == job->staged && local_connection_may_read(self)));
}

static void
connection_closed(Peer *peer)
{
    LocalConnection *self = (LocalConnection *) peer;
    if (self->job != NULL)
        orphan_job((SourceLocal *) self->shared, self->job);
    local_connection_release(self);
}

static const PeerKind KIND = {.bytes = sizeof(LocalConnection),
                              .peers_max = LOCAL_CONNECTIONS_MAX,
                              .refused = connection_refused,
                              .opened = connection_opened,
                              .ready = connection_ready,
                              .owes_nothing = connection_owes_nothing,
                              .closed = connection_closed};

/* Ask for the final word once the collector has all. */
static void
settle_job(SourceLocal *self, ImportJob *job)
{
    if (job->settling || !job->finishing || job->committed < job->staged)
        return;
    Err err = {0};
    job->settling =
        uplink_settle(self->shared.uplink, job->id, &err); /* when too many are under way: in a later turn */
}

/* Say what there is to say about the job. */
static void
answer_job(SourceLocal *self, LocalConnection *connection)
{
    ImportJob *job = connection->job;
    if (job == NULL || connection->failing)
        return;
    bool news = job->durable > connection->told_durable || job->committed > connection->told_committed;
    if (news && connection->out.length == 0) /* a slow reader gets the newest numbers, not a queue of old ones */
        local_connection_say_spooled(connection);
    if (!job->finishing || job->durable < job->staged)
        return;
    if (job->staged == 0 || !connection->wait) {
        local_connection_say_finished(connection, job->staged == 0, NULL);
        connection->job = NULL;
        if (job->staged == 0)
            import_job_free(&job);
        else
            orphan_job(self, job);
        return;
    }
    settle_job(self, job);
}

void
source_local_settle(SourceLocal *self)
{
    Peer *next;
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = next) {
        LocalConnection *connection = (LocalConnection *) peer;
        next = peer->next;
        answer_job(self, connection);
        if (connection->stalled && self->retry_us == INT64_MAX)
            self->retry_us = utc_monotonic_us() + RETRY_US;
        local_connection_send(connection);
        bool answering = connection->out.length > 0;
        if ((connection->ended && !connection->stalled) || (connection->failing && !answering)) {
            peer_close(peer);
            continue;
        }
        peer_watch(peer, (local_connection_may_read(connection) ? EPOLLIN : 0) | (answering ? EPOLLOUT : 0));
    }
    for (Orphan *orphan = self->orphans; orphan != NULL; orphan = orphan->next)
        settle_job(self, orphan->job);
}

void
source_local_spooled(SourceLocal *self)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        LocalConnection *connection = (LocalConnection *) peer;
        if (connection->job != NULL)
            connection->job->durable = connection->job->staged;
        local_connection_retry(connection);
    }
}

void
source_local_committed(SourceLocal *self, uint64_t key)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        LocalConnection *connection = (LocalConnection *) peer;
        if (connection->job != NULL)
            import_job_committed(connection->job, key);
    }
    for (Orphan *orphan = self->orphans; orphan != NULL; orphan = orphan->next)
        import_job_committed(orphan->job, key);
}

void
source_local_registered(SourceLocal *self, const char *tenant)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        LocalConnection *connection = (LocalConnection *) peer;
        if (connection->job != NULL)
            import_job_registered(connection->job, tenant);
    }
}

static bool
settled_orphan(SourceLocal *self, const uint8_t *id)
{
    for (Orphan **at = &self->orphans; *at != NULL; at = &(*at)->next) {
        Orphan *orphan = *at;
        if (memcmp(orphan->job->id, id, WIRE_ID_BYTES) != 0)
            continue;
        *at = orphan->next;
        import_job_free(&orphan->job);
        free(orphan);
        self->orphan_count--;
        return true;
    }
    return false;
}

void
source_local_settled(SourceLocal *self, const Millibill__Settled *settled)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        LocalConnection *connection = (LocalConnection *) peer;
        if (connection->job == NULL || memcmp(connection->job->id, settled->import_id.data, WIRE_ID_BYTES) != 0)
            continue;
        local_connection_say_finished(connection, true, settled);
        import_job_free(&connection->job);
        return;
    }
    if (settled_orphan(self, settled->import_id.data))
        log_info("event=import_settled accepted=%" PRIu64 " known=%" PRIu64 " conflicts=%" PRIu64
                 " quarantined=%" PRIu64,
                 settled->accepted, settled->known, settled->conflicts, settled->quarantined);
}

SourceLocal *
source_local_open(const Config *config, Loop *loop, Spool *spool, Bindings *bindings, Err *err)
{
    SourceLocal *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the import source");
        return NULL;
    }
    self->shared = (LocalShared){.loop = loop, .spool = spool};
    self->retry_us = INT64_MAX;
    self->listener = listener_new(&KIND, self, loop, bindings, config->idle_close_s * 1000000, err);
    if (self->listener == NULL || !listener_add(self->listener, config->import_socket, err))
        source_local_free(&self);
    return self;
}

void
source_local_set_uplink(SourceLocal *self, Uplink *uplink)
{
    self->shared.uplink = uplink;
}

void
source_local_service(SourceLocal *self, int64_t now_us)
{
    listener_service(self->listener, now_us);
    if (now_us < self->retry_us)
        return;
    self->retry_us = INT64_MAX;
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next)
        local_connection_retry((LocalConnection *) peer);
}

int64_t
source_local_due_us(const SourceLocal *self)
{
    int64_t due_us = listener_due_us(self->listener);
    return due_us < self->retry_us ? due_us : self->retry_us;
}

void
source_local_free(SourceLocal **self)
{
    SourceLocal *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    listener_free(&source->listener);
    while (source->orphans != NULL)
        (void) settled_orphan(source, source->orphans->job->id);
    buffer_free(&source->shared.value);
    free(source);
}
