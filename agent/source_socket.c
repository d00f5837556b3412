#include "agent/source_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/decode.h"
#include "agent/unix_socket.h"
#include "lib/digest.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/utc.h"

enum { READ_BYTES = 64 << 10, ANSWER_BYTES = 40, ACK_WAIT_US = 10000 };

typedef struct Connection Connection;

struct Connection {
    LoopWatch watch;
    bool watched;
    SourceSocket *owner;
    Connection *next;
    Buffer pending; /* read but not taken: part of a line, or lines that found the spool full */
    bool skipping;  /* inside a line that is too long */
    bool wants_ack;
    bool ended;            /* the other side sends no more */
    bool stalled;          /* waits for room in the spool */
    uint64_t line;         /* number of the line, for messages */
    uint64_t taken;        /* lines that count for the acknowledgement */
    uint64_t taken_before; /* of them, those before the generation below */
    uint64_t generation;   /* of the packer, when the last one was added */
    uint64_t answered;
    char answer[ANSWER_BYTES];
    size_t answer_length;
    size_t answer_sent;
};

struct SourceSocket {
    LoopWatch watch; /* the listener */
    bool watched;
    Loop *loop;
    Packer *packer;
    char *path;
    DecodeScratch *scratch;
    Connection *connections;
    size_t connection_count;
    char read[READ_BYTES];
};

static void
listener_set(SourceSocket *self, bool wanted)
{
    if (self->watched == wanted)
        return;
    Err err = {0};
    if (!wanted)
        loop_remove(self->loop, &self->watch);
    else if (!loop_add(self->loop, &self->watch, EPOLLIN, &err))
        loop_fail(self->loop, &err);
    self->watched = wanted;
}

/* Without events the descriptor leaves the loop: a hang-up would be reported again and again. */
static void
connection_watch(Connection *self, uint32_t events)
{
    Loop *loop = self->owner->loop;
    Err err = {0};
    if (events == 0 && self->watched)
        loop_remove(loop, &self->watch);
    else if (events != 0 && self->watched)
        loop_change(loop, &self->watch, events);
    else if (events != 0 && !loop_add(loop, &self->watch, events, &err))
        loop_fail(loop, &err);
    self->watched = events != 0;
}

static void
connection_close(Connection *self)
{
    SourceSocket *owner = self->owner;
    connection_watch(self, 0);
    (void) close(self->watch.fd);
    for (Connection **at = &owner->connections; *at != NULL; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    owner->connection_count--;
    buffer_free(&self->pending);
    free(self);
    listener_set(owner, true);
}

static uint64_t
durable_lines(const Connection *self)
{
    return self->generation < packer_generation(self->owner->packer) ? self->taken : self->taken_before;
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
            if (!self->wants_ack || durable <= self->answered)
                return true;
            int length = snprintf(self->answer, sizeof(self->answer), "{\"ack\":%" PRIu64 "}\n", durable);
            self->answer_length = (size_t) length;
            self->answer_sent = 0;
            self->answered = durable;
        }
        ssize_t sent = send(self->watch.fd, self->answer + self->answer_sent, self->answer_length - self->answer_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        self->answer_sent += (size_t) sent;
    }
}

/* Answer, then watch for what is still to come, or close when nothing is. */
static void
settle(Connection *self)
{
    bool alive = answer(self);
    bool all_said = !self->wants_ack || (self->answered == self->taken && !is_answering(self));
    if (!alive && !self->stalled && self->pending.length == 0) {
        connection_close(self);
        return;
    }
    if (self->ended && !self->stalled && all_said) {
        connection_close(self);
        return;
    }
    uint32_t events = self->stalled || self->ended ? 0 : EPOLLIN;
    if (alive && is_answering(self))
        events |= EPOLLOUT;
    connection_watch(self, events);
}

/* Is this the line that asks for acknowledgement? */
static bool
take_control(Connection *self, Text line)
{
    if (self->line != 1 || memmem(line.data, line.length, "\"millibill\"", 11) == NULL)
        return false;
    Json *document = json_parse(line, NULL);
    Json *control = document == NULL ? NULL : json_member(document, "millibill");
    bool is_control = control != NULL && json_object_is_type(control, json_type_object);
    if (is_control)
        self->wants_ack = json_object_get_boolean(json_member(control, "ack")) != 0;
    json_object_put(document);
    return is_control;
}

static bool
reject_line(const Connection *self, Text line, const UsageFault *fault, Text tenant, int64_t now_us, Err *err)
{
    const UsageRejected rejected = {
        .raw = {line.data, line.length < USAGE_REJECTED_RAW_BYTES_MAX ? line.length : USAGE_REJECTED_RAW_BYTES_MAX},
        .format = TEXT_LITERAL("ndjson"),
        .reason = text_of(usage_reason_name(fault->reason)),
        .field = text_of(fault->field),
        .message = text_of(fault->message),
        .source = text_of(self->owner->path),
        .line = self->line,
        .tenant = tenant,
    };
    return packer_reject(self->owner->packer, &rejected, now_us, err);
}

static bool
add_line(const Connection *self, Text line, int64_t now_us, Err *err)
{
    static const DecodeDefaults defaults = {.at_us = USAGE_ABSENT};
    UsageRecord record = usage_record_empty();
    UsageFault fault = {0};
    if (!decode_ndjson(self->owner->scratch, line, &defaults, &record, &fault)) {
        bool named = record.tenant.length <= USAGE_NAME_BYTES_MAX && text_is_clean_utf8(record.tenant);
        return reject_line(self, line, &fault, named ? record.tenant : (Text){NULL, 0}, now_us, err);
    }
    uint8_t uuid[16];
    char id[37];
    if (text_is_empty(record.request_id)) {
        uuid_make(uuid);
        record.request_id = text_of(uuid_format(uuid, id));
    }
    return packer_add(self->owner->packer, &record, now_us, err);
}

static void
count_line(Connection *self, uint64_t generation)
{
    if (self->generation != generation) {
        self->taken_before = self->taken;
        self->generation = generation;
    }
    self->taken++;
}

/* The outcome of handing an entry to the packer: false when the connection has to wait for room. */
static bool
took(Connection *self, bool added, const Err *err)
{
    if (added) {
        count_line(self, packer_generation(self->owner->packer));
        return true;
    }
    self->line--; /* it comes again */
    self->stalled = true;
    if (err->code != ERR_FULL)
        loop_fail(self->owner->loop, err);
    return false;
}

static bool
take_line(Connection *self, Text line, int64_t now_us)
{
    Err err = {0};
    self->line++;
    if (take_control(self, line))
        return true;
    if (text_is_empty(text_trim(line))) {
        bool all_durable = durable_lines(self) == self->taken;
        self->taken++;
        if (all_durable)
            self->taken_before = self->taken;
        return true;
    }
    return took(self, add_line(self, line, now_us, &err), &err);
}

static bool
take_long_line(Connection *self, Text start, int64_t now_us)
{
    Err err = {0};
    UsageFault fault = {0};
    (void) usage_fault_set(&fault, USAGE_REASON_MALFORMED, "",
                           "line longer than %d bytes (cut here to %d): one record has to fit", SOCKET_LINE_BYTES_MAX,
                           USAGE_REJECTED_RAW_BYTES_MAX);
    self->line++;
    self->skipping = took(self, reject_line(self, start, &fault, (Text){NULL, 0}, now_us, &err), &err);
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
    if (self->wants_ack && durable_lines(self) < self->taken)
        packer_hasten(owner->packer, now_us, ACK_WAIT_US);
}

static void
connection_read(Connection *self)
{
    ssize_t length = recv(self->watch.fd, self->owner->read, sizeof(self->owner->read), MSG_DONTWAIT);
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
listener_ready(LoopWatch *watch, uint32_t events)
{
    SourceSocket *self = (SourceSocket *) watch;
    (void) events;
    int fd;
    while (self->connection_count < SOCKET_CONNECTIONS_MAX && (fd = unix_accept(watch->fd)) >= 0) {
        Connection *connection = calloc(1, sizeof(*connection));
        if (connection == NULL) {
            (void) close(fd);
            return;
        }
        connection->watch = (LoopWatch){.fd = fd, .ready = connection_ready};
        connection->owner = self;
        connection->next = self->connections;
        connection->generation = packer_generation(self->packer);
        self->connections = connection;
        self->connection_count++;
        connection_watch(connection, EPOLLIN);
    }
    if (self->connection_count >= SOCKET_CONNECTIONS_MAX) {
        log_warn("event=connections_full socket=%s connections=%zu", self->path, self->connection_count);
        listener_set(self, false);
    }
}

SourceSocket *
source_socket_open(const char *path, Loop *loop, Packer *packer, Err *err)
{
    SourceSocket *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the socket source");
        return NULL;
    }
    self->loop = loop;
    self->packer = packer;
    self->watch = (LoopWatch){.fd = unix_listen(path, SOCK_STREAM, err), .ready = listener_ready};
    self->path = strdup(path);
    self->scratch = self->watch.fd < 0 ? NULL : decode_scratch_new(err);
    if (self->path == NULL || self->scratch == NULL || !loop_add(loop, &self->watch, EPOLLIN, err)) {
        err_set(err, ERR_NOMEM, "no memory for the socket source");
        source_socket_free(&self);
        return NULL;
    }
    self->watched = true;
    return self;
}

void
source_socket_free(SourceSocket **self)
{
    SourceSocket *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    Connection *next;
    for (Connection *connection = source->connections; connection != NULL; connection = next) {
        next = connection->next;
        connection_close(connection);
    }
    listener_set(source, false);
    if (source->watch.fd >= 0) {
        (void) close(source->watch.fd);
        if (source->path != NULL)
            (void) unlink(source->path);
    }
    decode_scratch_free(&source->scratch);
    free(source->path);
    free(source);
}

void
source_socket_committed(SourceSocket *self)
{
    Connection *next;
    for (Connection *connection = self->connections; connection != NULL; connection = next) {
        next = connection->next;
        if (connection->stalled) {
            connection->stalled = false;
            consume_pending(connection, utc_monotonic_us());
        }
        settle(connection);
    }
}

void
source_socket_drain(SourceSocket *self)
{
    enum { READS_MAX = 64 }; /* a writer that never stops must not keep the daemon */
    listener_ready(&self->watch, EPOLLIN);
    for (Connection *connection = self->connections; connection != NULL; connection = connection->next)
        for (int i = 0; i < READS_MAX && !connection->stalled && !connection->ended; i++) {
            ssize_t length = recv(connection->watch.fd, self->read, sizeof(self->read), MSG_DONTWAIT);
            if (length <= 0)
                break;
            take_bytes(connection, (size_t) length);
        }
}
