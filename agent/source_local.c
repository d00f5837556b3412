#include "agent/source_local.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/envelope.h"
#include "agent/import_job.h"
#include "agent/listener.h"
#include "agent/local_check.h"
#include "agent/local_frame.h"
#include "agent/local_marks.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    FRAMES_A_TURN = 8,           /* of one connection */
    BYTES_A_TURN = 2 << 20,      /* so that one turn's transaction stays small */
    LABEL_ROOM_BYTES = 24 << 10, /* what an envelope adds at most: label and introduced tenants */
    ORPHANS_MAX = 128            /* imports without a connection that wait for their last word */
};

/* A job has a connection, or is on the list of orphans. */
typedef struct Orphan {
    ImportJob *job;
    struct Orphan *next;
} Orphan;

typedef struct Connection {
    Peer peer;
    SourceLocal *owner;
    ImportJob *job;
    Buffer in; /* one frame being read, with its length */
    Buffer out;
    size_t out_sent;
    uint64_t told_durable;
    uint64_t told_committed;
    bool wait;    /* Finish asked for the collector's word */
    bool stalled; /* a whole Put in `in` found the spool full */
    bool ended;   /* the other side sends no more */
    bool mute;    /* the other side reads no more: what it sent is taken all the same */
    bool failing; /* close once the answer is sent */
} Connection;

struct SourceLocal {
    Listener *listener;
    Loop *loop;
    Spool *spool;
    Uplink *uplink;
    Orphan *orphans;
    size_t orphan_count;
    Buffer value; /* an envelope being packed */
};

/* Queue an answer that was packed, unless nobody reads it. */
static void
said(Connection *self, bool packed, const Err *err)
{
    if (!packed)
        loop_fail(self->owner->loop, err);
    if (self->mute)
        buffer_clear(&self->out);
}

static void
say_failed(Connection *self, const Err *failure)
{
    Err err = {0};
    log_warn("event=import_failed socket=%s message=\"%s\"", self->peer.path, failure->message);
    said(self, local_answer_failed(&self->out, failure, &err), &err);
    self->failing = true;
}

static void
say_spooled(Connection *self)
{
    Err err = {0};
    self->told_durable = self->job->durable;
    self->told_committed = self->job->committed;
    said(self, local_answer_spooled(&self->out, self->job, &err), &err);
}

static void
say_finished(Connection *self, bool known, const Millibill__Settled *settled)
{
    Err err = {0};
    said(self, local_answer_finished(&self->out, self->job, known, settled, &err), &err);
}

static void
begin_job(Connection *self, const Millibill__Begin *begin)
{
    Err err = {0};
    if (self->job != NULL)
        err_set(&err, ERR_PROTOCOL, "an import begins before the one before has finished");
    else if (local_check_begin(&self->peer.who, begin, &err))
        self->job = import_job_new(begin, &err);
    if (err_is_set(&err)) {
        say_failed(self, &err);
        return;
    }
    self->told_durable = 0;
    self->told_committed = 0;
    said(self, local_answer_begun(&self->out, self->job, &err), &err);
}

/* Stage one batch; ERR_FULL when the spool has no room. */
static bool
put_batch(Connection *self, const Millibill__Put *put, Err *err)
{
    SourceLocal *owner = self->owner;
    ImportJob *job = self->job;
    if (!spool_has_room(owner->spool, put->payload.len + LABEL_ROOM_BYTES))
        return err_set(err, ERR_FULL, "the spool is full");
    const Envelope envelope = {.source = job->source,
                               .label = job->label,
                               .import_id = job->id,
                               .introduce_tenants = job->introduce,
                               .introduce_count = job->introduce_count,
                               .history = job->history,
                               .accepted_at_us = utc_now_us()};
    uint64_t key;
    uint64_t records = 0;
    if (!local_check_batch(&self->peer.who, &put->payload, &records, err) || !import_job_reserve(job, err) ||
        !envelope_pack(&envelope, (Text){(const char *) put->payload.data, put->payload.len}, &owner->value, err) ||
        !spool_append_counted(owner->spool, buffer_text(&owner->value), records, &key, err))
        return false;
    import_job_put(job, key, owner->value.length);
    return true;
}

/* A batch, and how far files have been read with it. Who is bound to a tenant has no say about files: they may be another
 * one's. */
static bool
take_put(Connection *self, const Millibill__Put *put, Err *err)
{
    Spool *spool = self->owner->spool;
    bool marks = put->n_files > 0 && !self->peer.who.bound;
    if (self->job == NULL || self->job->finishing)
        return err_set(err, ERR_PROTOCOL, "a batch came without an import being open");
    return (!marks || local_marks_check(spool, put, err)) &&
           ((put->payload.len == 0 && put->n_files > 0) || put_batch(self, put, err)) &&
           (!marks || local_marks_put(spool, put, err));
}

static void
answer_find(Connection *self, const Millibill__Find *find)
{
    Err err = {0};
    said(self, local_marks_answer(&self->out, self->owner->spool, find, !self->peer.who.bound, &err), &err);
}

static void
finish_job(Connection *self, const Millibill__Finish *finish)
{
    Err err = {0};
    if (self->job == NULL || self->job->finishing) {
        err_set(&err, ERR_PROTOCOL, "Finish came without an import being open");
        say_failed(self, &err);
        return;
    }
    self->job->finishing = true;
    self->wait = finish->wait;
}

/* False when the frame has to wait for room in the spool. */
static bool
take_message(Connection *self, const Millibill__Local *message)
{
    Err err = {0};
    switch (message->kind_case) {
    case MILLIBILL__LOCAL__KIND_BEGIN:
        begin_job(self, message->begin);
        return true;
    case MILLIBILL__LOCAL__KIND_PUT:
        if (take_put(self, message->put, &err))
            return true;
        if (err.code == ERR_FULL)
            return false;
        if (err.code == ERR_IO)
            loop_fail(self->owner->loop, &err);
        break;
    case MILLIBILL__LOCAL__KIND_FIND:
        answer_find(self, message->find);
        return true;
    case MILLIBILL__LOCAL__KIND_FINISH:
        finish_job(self, message->finish);
        return true;
    default:
        err_set(&err, ERR_PROTOCOL, "message of kind %d, which only the agent sends", (int) message->kind_case);
    }
    say_failed(self, &err);
    return true;
}

/* A whole frame is in `in`. */
static void
take_frame(Connection *self)
{
    Err err = {0};
    Millibill__Local *message = local_frame_unpack(&self->in, &err);
    self->stalled = false;
    if (message == NULL)
        say_failed(self, &err);
    else
        self->stalled = !take_message(self, message);
    if (message != NULL)
        millibill__local__free_unpacked(message, NULL);
    if (!self->stalled)
        buffer_clear(&self->in);
}

static bool
may_read(const Connection *self)
{
    if (self->stalled || self->ended || self->failing)
        return false;
    const ImportJob *job = self->job;
    return job == NULL || !uplink_is_ready(self->owner->uplink) ||
           (import_job_waiting(job) < LOCAL_AHEAD_BATCHES && job->waiting_bytes < LOCAL_AHEAD_BYTES);
}

static void
connection_read(Connection *self)
{
    size_t bytes = 0;
    for (int frames = 0; frames < FRAMES_A_TURN && bytes < BYTES_A_TURN && may_read(self);) {
        Err err = {0};
        switch (local_frame_read(self->peer.watch.fd, &self->in, &err)) {
        case LOCAL_FRAME_WHOLE:
            bytes += self->in.length;
            frames++;
            peer_active(&self->peer, utc_monotonic_us());
            take_frame(self);
            break;
        case LOCAL_FRAME_WAIT:
            return;
        case LOCAL_FRAME_END:
            self->ended = true;
            return;
        case LOCAL_FRAME_BAD:
            if (err.code == ERR_NOMEM)
                loop_fail(self->owner->loop, &err);
            say_failed(self, &err);
            return;
        }
    }
}

static bool
send_answers(Connection *self)
{
    while (self->out_sent < self->out.length) {
        ssize_t sent = send(self->peer.watch.fd, self->out.data + self->out_sent, self->out.length - self->out_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        self->out_sent += (size_t) sent;
        peer_active(&self->peer, utc_monotonic_us());
    }
    buffer_clear(&self->out);
    self->out_sent = 0;
    return true;
}

static void
connection_ready(LoopWatch *watch, uint32_t events)
{
    Connection *self = (Connection *) watch;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        connection_read(self); /* the rest follows in source_local_settle */
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
    ((Connection *) peer)->owner = owner;
}

/* It may be asked to begin again when nothing of it waits for us or the collector. */
static bool
connection_owes_nothing(const Peer *peer)
{
    const Connection *self = (const Connection *) peer;
    const ImportJob *job = self->job;
    return !self->stalled && (job == NULL || (!job->finishing && job->durable == job->staged && may_read(self)));
}

static void
connection_closed(Peer *peer)
{
    Connection *self = (Connection *) peer;
    if (self->job != NULL)
        orphan_job(self->owner, self->job);
    buffer_free(&self->in);
    buffer_free(&self->out);
}

static const PeerKind KIND = {.bytes = sizeof(Connection),
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
    job->settling = uplink_settle(self->uplink, job->id, &err); /* when too many are under way: in a later turn */
}

/* Say what there is to say about the job. */
static void
answer_job(Connection *self)
{
    ImportJob *job = self->job;
    if (job == NULL || self->failing)
        return;
    bool news = job->durable > self->told_durable || job->committed > self->told_committed;
    if (news && self->out.length == 0) /* a slow reader gets the newest numbers, not a queue of old ones */
        say_spooled(self);
    if (!job->finishing || job->durable < job->staged)
        return;
    if (job->staged == 0 || !self->wait) {
        say_finished(self, job->staged == 0, NULL);
        self->job = NULL;
        if (job->staged == 0)
            import_job_free(&job);
        else
            orphan_job(self->owner, job);
        return;
    }
    settle_job(self->owner, job);
}

void
source_local_settle(SourceLocal *self)
{
    Peer *next;
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = next) {
        Connection *connection = (Connection *) peer;
        next = peer->next;
        answer_job(connection);
        if (!send_answers(connection)) {
            connection->mute = true;
            buffer_clear(&connection->out);
        }
        bool answering = connection->out.length > 0;
        if ((connection->ended && !connection->stalled) || (connection->failing && !answering)) {
            peer_close(peer);
            continue;
        }
        peer_watch(peer, (may_read(connection) ? EPOLLIN : 0) | (answering ? EPOLLOUT : 0));
    }
    for (Orphan *orphan = self->orphans; orphan != NULL; orphan = orphan->next)
        settle_job(self, orphan->job);
}

void
source_local_spooled(SourceLocal *self)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        Connection *connection = (Connection *) peer;
        if (connection->job != NULL)
            connection->job->durable = connection->job->staged;
        if (connection->stalled)
            take_frame(connection);
    }
}

void
source_local_committed(SourceLocal *self, uint64_t key)
{
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        Connection *connection = (Connection *) peer;
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
        Connection *connection = (Connection *) peer;
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
        Connection *connection = (Connection *) peer;
        if (connection->job == NULL || memcmp(connection->job->id, settled->import_id.data, WIRE_ID_BYTES) != 0)
            continue;
        say_finished(connection, true, settled);
        import_job_free(&connection->job);
        return;
    }
    if (settled_orphan(self, settled->import_id.data))
        log_info("event=import_settled accepted=%" PRIu64 " known=%" PRIu64 " conflicts=%" PRIu64
                 " quarantined=%" PRIu64,
                 settled->accepted, settled->known, settled->conflicts, settled->quarantined);
}

SourceLocal *
source_local_open(const Config *config, Loop *loop, Spool *spool, const Bindings *bindings, Err *err)
{
    SourceLocal *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the import source");
        return NULL;
    }
    self->loop = loop;
    self->spool = spool;
    self->listener = listener_new(&KIND, self, loop, bindings, config->idle_close_s * 1000000, err);
    if (self->listener == NULL || !listener_add(self->listener, config->import_socket, err))
        source_local_free(&self);
    return self;
}

void
source_local_set_uplink(SourceLocal *self, Uplink *uplink)
{
    self->uplink = uplink;
}

void
source_local_service(SourceLocal *self, int64_t now_us)
{
    listener_service(self->listener, now_us);
}

int64_t
source_local_due_us(const SourceLocal *self)
{
    return listener_due_us(self->listener);
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
    buffer_free(&source->value);
    free(source);
}
