#include "agent/source_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/listener.h"
#include "agent/socket_line.h"
#include "lib/utc.h"

enum { READ_BYTES = 64 << 10, ANSWER_BYTES = 40, ACK_WAIT_US = 10000 };

typedef struct Connection {
    Peer peer;
    SourceSocket *owner;
    Buffer pending; /* read but not taken: part of a line, or lines that found the spool full */
    bool skipping;  /* inside a line that is too long */
    bool ended;     /* the other side sends no more */
    bool stalled;   /* waits for room in the spool */
    SocketControl control;
    uint64_t line;         /* number of the line, for messages */
    uint64_t taken;        /* lines that count for the acknowledgement */
    uint64_t taken_before; /* of them, those that need an earlier generation than the one below */
    uint64_t durable;      /* of them, those that were durable at the last commit, or when they came */
    uint64_t generation;   /* of the packer, whose commit makes the last of them durable */
    uint64_t answered;
    char answer[ANSWER_BYTES];
    size_t answer_length;
    size_t answer_sent;
} Connection;

struct SourceSocket {
    Listener *listener;
    Loop *loop;
    LineIntake intake;
    uint64_t durable; /* generations of the packer that are committed */
    char read[READ_BYTES];
};

/* Generations that are staged count for nothing before their commit. */
static uint64_t
durable_lines(const Connection *self)
{
    return self->generation <= self->owner->durable ? self->taken : self->durable;
}

static bool
is_answering(const Connection *self)
{
    return self->answer_sent < self->answer_length;
}

/* Send the acknowledgement that is due; false when the other side is gone. */
static bool
answer(Connection *self)
{
    for (;;) {
        uint64_t durable = durable_lines(self);
        if (!is_answering(self)) {
            if (!self->control.wants_ack || durable <= self->answered)
                return true;
            int length = snprintf(self->answer, sizeof(self->answer), "{\"ack\":%" PRIu64 "}\n", durable);
            self->answer_length = (size_t) length;
            self->answer_sent = 0;
            self->answered = durable;
        }
        ssize_t sent = send(self->peer.watch.fd, self->answer + self->answer_sent,
                            self->answer_length - self->answer_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        self->answer_sent += (size_t) sent;
        peer_active(&self->peer, utc_monotonic_us());
    }
}

/* Answer, then watch for what is still to come, or close when nothing is. */
static void
settle(Connection *self)
{
    bool alive = answer(self);
    bool all_said = !self->control.wants_ack || (self->answered == self->taken && !is_answering(self));
    bool gone = !alive && !self->stalled && self->pending.length == 0;
    if (gone || (self->ended && !self->stalled && all_said)) {
        peer_close(&self->peer);
        return;
    }
    uint32_t events = self->stalled || self->ended ? 0 : EPOLLIN;
    if (alive && is_answering(self))
        events |= EPOLLOUT;
    peer_watch(&self->peer, events);
}

/* The next line is taken; the packer's `generation` makes it durable. */
static void
count_line(Connection *self, uint64_t generation, int64_t now_us)
{
    if (generation > self->generation) {
        self->durable = durable_lines(self);
        self->taken_before = self->taken;
        self->generation = generation;
    }
    self->taken++;
    peer_active(&self->peer, now_us);
}

/* The outcome of handing a line over: false when the connection has to wait for room. */
static bool
took(Connection *self, bool taken, uint64_t generation, int64_t now_us, const Err *err)
{
    if (taken) {
        count_line(self, generation, now_us);
        return true;
    }
    self->line--; /* it comes again */
    self->stalled = true;
    if (err->code != ERR_FULL)
        loop_fail(self->owner->loop, err);
    return false;
}

static LineOrigin
origin_of(const Connection *self)
{
    return (LineOrigin){.path = self->peer.path,
                        .who = &self->peer.who,
                        .session = self->control.session,
                        .session_line = self->control.from + self->taken + 1,
                        .line = self->line};
}

static bool
take_line(Connection *self, Text line, int64_t now_us)
{
    Err err = {0};
    self->line++;
    if (self->line == 1 && socket_control_parse(line, &self->control))
        return true;
    if (text_is_empty(text_trim(line))) {
        count_line(self, self->generation, now_us);
        return true;
    }
    const LineOrigin origin = origin_of(self);
    uint64_t generation = 0;
    bool taken = line_take(&self->owner->intake, &origin, line, now_us, &generation, &err);
    return took(self, taken, generation, now_us, &err);
}

static bool
take_long_line(Connection *self, Text start, int64_t now_us)
{
    Err err = {0};
    self->line++;
    const LineOrigin origin = origin_of(self);
    uint64_t generation = 0;
    bool taken =
        line_refuse_long(&self->owner->intake, &origin, start, SOCKET_LINE_BYTES_MAX, now_us, &generation, &err);
    self->skipping = took(self, taken, generation, now_us, &err);
    return self->skipping;
}

/* Take the lines in `data`; returns how many bytes are done with. */
static size_t
consume(Connection *self, const char *data, size_t length, int64_t now_us)
{
    size_t at = 0;
    while (at < length && !self->stalled) {
        const char *newline = memchr(data + at, '\n', length - at);
        size_t line_length = newline == NULL ? length - at : (size_t) (newline - (data + at));
        Text line = {data + at, line_length};
        if (!self->skipping && line_length > SOCKET_LINE_BYTES_MAX && !take_long_line(self, line, now_us))
            break;
        if (newline == NULL && !self->skipping && !self->ended)
            break;
        if (!self->skipping && !take_line(self, line, now_us))
            break;
        self->skipping = self->skipping && newline == NULL;
        at += line_length + (newline == NULL ? 0 : 1);
    }
    return at;
}

static void
consume_pending(Connection *self, int64_t now_us)
{
    size_t done = consume(self, self->pending.data, self->pending.length, now_us);
    self->pending.length -= done;
    if (self->pending.length == 0)
        buffer_free(&self->pending);
    else if (done > 0)
        memmove(self->pending.data, self->pending.data + done, self->pending.length);
}

/* Bytes in `owner->read` that just came. */
static void
take_bytes(Connection *self, size_t length)
{
    SourceSocket *owner = self->owner;
    int64_t now_us = utc_monotonic_us();
    Err err = {0};
    size_t done = self->pending.length == 0 ? consume(self, owner->read, length, now_us) : 0;
    if (done < length && !buffer_append(&self->pending, owner->read + done, length - done, &err))
        loop_fail(owner->loop, &err);
    if (done == 0 || self->ended)
        consume_pending(self, now_us);
    if (self->control.wants_ack && durable_lines(self) < self->taken)
        packer_hasten(owner->intake.packer, now_us, ACK_WAIT_US);
}

static void
connection_read(Connection *self)
{
    ssize_t length = recv(self->peer.watch.fd, self->owner->read, sizeof(self->owner->read), MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    self->ended = length <= 0;
    take_bytes(self, length > 0 ? (size_t) length : 0);
}

static void
connection_ready(LoopWatch *watch, uint32_t events)
{
    Connection *self = (Connection *) watch;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !self->stalled && !self->ended)
        connection_read(self);
    settle(self);
}

static void
connection_refused(int fd, const char *message)
{
    char line[128];
    int length = snprintf(line, sizeof(line), "{\"error\":\"%s\"}\n", message);
    (void) send(fd, line, (size_t) length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
connection_opened(Peer *peer, void *owner)
{
    ((Connection *) peer)->owner = owner;
}

/* Part of a line, and answers that it does not take, are its own business; lines that are not durable are ours. */
static bool
connection_owes_nothing(const Peer *peer)
{
    const Connection *self = (const Connection *) peer;
    return !self->stalled && durable_lines(self) == self->taken;
}

static void
connection_closed(Peer *peer)
{
    buffer_free(&((Connection *) peer)->pending);
}

static const PeerKind KIND = {.bytes = sizeof(Connection),
                              .peers_max = SOCKET_CONNECTIONS_MAX,
                              .refused = connection_refused,
                              .opened = connection_opened,
                              .ready = connection_ready,
                              .owes_nothing = connection_owes_nothing,
                              .closed = connection_closed};

static bool
listen_at_all(SourceSocket *self, const Config *config, Bindings *bindings, Err *err)
{
    if (!listener_add(self->listener, config->agent_socket, err))
        return false;
    size_t at = 0;
    const char *path;
    while ((path = binding_next_socket(bindings, &at)) != NULL)
        if (!listener_add(self->listener, path, err))
            return err_prefix(err, "bindings: ");
    return true;
}

SourceSocket *
source_socket_open(const Config *config, const SourceSocketParts *parts, Err *err)
{
    SourceSocket *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the socket source");
        return NULL;
    }
    self->loop = parts->loop;
    self->intake = (LineIntake){.packer = parts->packer, .window = parts->window, .scratch = decode_scratch_new(err)};
    self->durable = packer_generation(parts->packer);
    self->listener = self->intake.scratch == NULL
                         ? NULL
                         : listener_new(&KIND, self, parts->loop, parts->bindings, config->idle_close_s * 1000000, err);
    if (self->listener == NULL || !listen_at_all(self, config, parts->bindings, err))
        source_socket_free(&self);
    return self;
}

void
source_socket_free(SourceSocket **self)
{
    SourceSocket *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    listener_free(&source->listener);
    decode_scratch_free(&source->intake.scratch);
    free(source);
}

void
source_socket_committed(SourceSocket *self)
{
    self->durable = packer_generation(self->intake.packer);
    Peer *next;
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = next) {
        Connection *connection = (Connection *) peer;
        next = peer->next;
        /* Whatever was staged is committed: only what the packer still holds is not. */
        connection->durable = connection->generation <= self->durable ? connection->taken : connection->taken_before;
        if (connection->stalled) {
            connection->stalled = false;
            consume_pending(connection, utc_monotonic_us());
        }
        settle(connection);
    }
}

void
source_socket_service(SourceSocket *self, int64_t now_us)
{
    listener_service(self->listener, now_us);
}

int64_t
source_socket_due_us(const SourceSocket *self)
{
    return listener_due_us(self->listener);
}

void
source_socket_drain(SourceSocket *self)
{
    enum { READS_MAX = 64 }; /* a writer that never stops must not keep the daemon */
    listener_accept(self->listener);
    for (Peer *peer = listener_peers(self->listener); peer != NULL; peer = peer->next) {
        Connection *connection = (Connection *) peer;
        for (int i = 0; i < READS_MAX && !connection->stalled && !connection->ended; i++) {
            ssize_t length = recv(peer->watch.fd, self->read, sizeof(self->read), MSG_DONTWAIT);
            if (length <= 0)
                break;
            take_bytes(connection, (size_t) length);
        }
    }
}
