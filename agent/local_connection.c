#include "agent/local_connection.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "agent/envelope.h"
#include "agent/local_check.h"
#include "agent/local_frame.h"
#include "agent/local_marks.h"
#include "agent/source_local.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    FRAMES_A_TURN = 8,           /* of one connection */
    BYTES_A_TURN = 2 << 20,      /* so that one turn's transaction stays small */
    UNREAD_BYTES_MAX = 64 << 10, /* of answers; above, nothing more is taken until they are read */
    LABEL_ROOM_BYTES = 24 << 10  /* what an envelope adds at most: label and introduced tenants */
};

/* Queue an answer that was packed, unless nobody reads it. */
static void
said(LocalConnection *self, bool packed, const Err *err)
{
    if (!packed)
        loop_fail(self->shared->loop, err);
    if (self->mute)
        buffer_clear(&self->out);
}

static void
say_failed(LocalConnection *self, const Err *failure)
{
    Err err = {0};
    uint64_t left_out;
    if (log_limit_pass(&self->shared->failed_log, utc_monotonic_us(), &left_out))
        log_warn("event=import_failed socket=%s left_out=%" PRIu64 " message=\"%s\"", self->peer.path, left_out,
                 failure->message);
    said(self, local_answer_failed(&self->out, failure, &err), &err);
    self->failing = true;
}

void
local_connection_say_spooled(LocalConnection *self)
{
    Err err = {0};
    self->told_durable = self->job->durable;
    self->told_committed = self->job->committed;
    said(self, local_answer_spooled(&self->out, self->job, &err), &err);
}

void
local_connection_say_finished(LocalConnection *self, bool known, const Millibill__Settled *settled)
{
    Err err = {0};
    said(self, local_answer_finished(&self->out, self->job, known, settled, &err), &err);
}

static void
begin_job(LocalConnection *self, const Millibill__Begin *begin)
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
put_batch(LocalConnection *self, const Millibill__Put *put, Err *err)
{
    LocalShared *shared = self->shared;
    ImportJob *job = self->job;
    if (!spool_has_room(shared->spool, put->payload.len + LABEL_ROOM_BYTES))
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
        !envelope_pack(&envelope, (Text){(const char *) put->payload.data, put->payload.len}, &shared->value, err) ||
        !spool_append_counted(shared->spool, buffer_text(&shared->value), records, &key, err))
        return false;
    import_job_put(job, key, shared->value.length);
    return true;
}

static bool
put_marks(LocalConnection *self, const Millibill__Put *put, Err *err)
{
    size_t refused;
    uint64_t left_out;
    if (!local_marks_put(self->shared->spool, put, self->peer.who.uid, &refused, err))
        return false;
    if (refused > 0 && log_limit_pass(&self->shared->marks_log, utc_monotonic_us(), &left_out))
        log_warn(
            "event=file_mark_refused uid=%lu files=%zu left_out=%" PRIu64
            " reason=\"somebody else follows them: only they, root and the agent's user say how far they were read\"",
            (unsigned long) self->peer.who.uid, refused, left_out);
    return true;
}

/* A batch, and how far files have been read with it. Who is bound to a tenant has no say about files: they may be another
 * one's. */
static bool
take_put(LocalConnection *self, const Millibill__Put *put, Err *err)
{
    Spool *spool = self->shared->spool;
    bool marks = put->n_files > 0 && !self->peer.who.bound;
    if (self->job == NULL || self->job->finishing)
        return err_set(err, ERR_PROTOCOL, "a batch came without an import being open");
    return (!marks || local_marks_check(spool, put, err)) &&
           ((put->payload.len == 0 && put->n_files > 0) || put_batch(self, put, err)) &&
           (!marks || put_marks(self, put, err));
}

static void
answer_find(LocalConnection *self, const Millibill__Find *find)
{
    Err err = {0};
    said(self, local_marks_answer(&self->out, self->shared->spool, find, !self->peer.who.bound, &err), &err);
}

static void
finish_job(LocalConnection *self, const Millibill__Finish *finish)
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

static void
tell_full(LocalConnection *self, const Err *full)
{
    uint64_t left_out;
    if (!self->told_full && log_limit_pass(&self->shared->full_log, utc_monotonic_us(), &left_out))
        log_warn("event=spool_full import=\"%s\" left_out=%" PRIu64 " message=\"%s\"", self->job->label, left_out,
                 full->message);
    self->told_full = true;
}

/* False when the frame has to wait for room in the spool. */
static bool
take_message(LocalConnection *self, const Millibill__Local *message)
{
    Err err = {0};
    switch (message->kind_case) {
    case MILLIBILL__LOCAL__KIND_BEGIN:
        begin_job(self, message->begin);
        return true;
    case MILLIBILL__LOCAL__KIND_PUT:
        if (take_put(self, message->put, &err)) {
            self->told_full = false;
            return true;
        }
        if (err.code == ERR_FULL) {
            tell_full(self, &err);
            return false;
        }
        if (err.code == ERR_IO)
            loop_fail(self->shared->loop, &err);
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
take_frame(LocalConnection *self)
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

bool
local_connection_may_read(const LocalConnection *self)
{
    if (self->stalled || self->ended || self->failing || self->out.length > UNREAD_BYTES_MAX)
        return false;
    const ImportJob *job = self->job;
    return job == NULL || !uplink_is_ready(self->shared->uplink) ||
           (import_job_waiting(job) < LOCAL_AHEAD_BATCHES && job->waiting_bytes < LOCAL_AHEAD_BYTES);
}

void
local_connection_read(LocalConnection *self)
{
    size_t bytes = 0;
    for (int frames = 0; frames < FRAMES_A_TURN && bytes < BYTES_A_TURN && local_connection_may_read(self);) {
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
                loop_fail(self->shared->loop, &err);
            say_failed(self, &err);
            return;
        }
    }
}

/* False when the other side is gone. */
static bool
send_answers(LocalConnection *self)
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

void
local_connection_send(LocalConnection *self)
{
    if (send_answers(self))
        return;
    self->mute = true;
    buffer_clear(&self->out);
}

void
local_connection_retry(LocalConnection *self)
{
    if (self->stalled)
        take_frame(self);
}

void
local_connection_release(LocalConnection *self)
{
    buffer_free(&self->in);
    buffer_free(&self->out);
}
