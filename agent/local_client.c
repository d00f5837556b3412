#include "agent/local_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/wire.h"

struct LocalClient {
    int socket;
    uint64_t sent;
    uint64_t spooled;
    uint64_t committed;
    void (*report)(void *caller, const LocalClient *client);
    void *caller;
};

MUST_CHECK int
agent_connect(const char *path, Err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        err_set(err, ERR_RANGE, "socket path '%s' has %zu bytes, at most %zu allowed", path, length,
                sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        err_set(err, ERR_IO, "no socket: %s", strerror(errno));
        return -1;
    }
    if (connect(descriptor, (const struct sockaddr *) &address, sizeof address) == 0)
        return descriptor;
    bool absent = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;
    err_set(err, absent ? ERR_NOT_FOUND : ERR_IO, "no agent listens on '%s'%s%s", path, absent ? "" : ": ",
            absent ? "" : strerror(errno));
    err_hint(err, "start the stack with 'millibill up', or name its directory with --data DIR");
    close(descriptor);
    return -1;
}

static bool
agent_failed(const Millibill__Failed *failed, Err *err)
{
    bool has_message = failed->message != NULL && failed->message[0] != '\0';
    err_set(err, ERR_BUSY, "the agent refused: %s", has_message ? failed->message : "it did not say why");
    if (failed->hint != NULL && failed->hint[0] != '\0')
        err_hint(err, "%s", failed->hint);
    return false;
}

/* Receive until a message of `wanted` comes; progress reports on the way are noted. Caller frees. NULL on failure. */
static Millibill__Local *
receive(LocalClient *self, Millibill__Local__KindCase wanted, Err *err)
{
    for (;;) {
        Millibill__Local *message = local_receive(self->socket, err);
        if (message == NULL)
            return NULL;
        if (message->kind_case == MILLIBILL__LOCAL__KIND_SPOOLED) {
            self->spooled = message->spooled->batches;
            self->committed = message->spooled->committed;
            if (self->report != NULL)
                self->report(self->caller, self);
        }
        if (message->kind_case == wanted)
            return message;
        bool expected = message->kind_case == MILLIBILL__LOCAL__KIND_SPOOLED;
        if (message->kind_case == MILLIBILL__LOCAL__KIND_FAILED)
            agent_failed(message->failed, err);
        else if (!expected)
            err_set(err, ERR_PROTOCOL, "the agent sent message %d where %d was expected", (int) message->kind_case,
                    (int) wanted);
        millibill__local__free_unpacked(message, NULL);
        if (!expected)
            return NULL;
    }
}

static bool
greet(LocalClient *self, const LocalBegin *begin, Err *err)
{
    /* protobuf-c takes char *, and does not write to it. */
    union {
        const char *in;
        char *out;
    } source = {begin->source}, label = {begin->label}, tenant = {begin->tenant};
    char *tenants[] = {tenant.out};
    Millibill__Begin body;
    millibill__begin__init(&body);
    body.source = source.out;
    body.label = label.out;
    body.history = begin->history;
    body.n_introduce_tenants = begin->tenant != NULL ? 1 : 0;
    body.introduce_tenants = tenants;
    Millibill__Local message;
    millibill__local__init(&message);
    message.kind_case = MILLIBILL__LOCAL__KIND_BEGIN;
    message.begin = &body;
    if (!local_send(self->socket, &message, err))
        return false;
    Millibill__Local *begun = receive(self, MILLIBILL__LOCAL__KIND_BEGUN, err);
    if (begun == NULL)
        return false;
    millibill__local__free_unpacked(begun, NULL);
    return true;
}

MUST_CHECK LocalClient *
local_client_open(const char *path, const LocalBegin *begin, Err *err)
{
    int descriptor = agent_connect(path, err);
    if (descriptor < 0)
        return NULL;
    LocalClient *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to talk to the agent");
        close(descriptor);
        return NULL;
    }
    self->socket = descriptor;
    struct timeval patience = {.tv_sec = begin->patience_s};
    (void) setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void) setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!greet(self, begin, err))
        local_client_free(&self);
    return self;
}

void
local_client_free(LocalClient **self)
{
    if (*self == NULL)
        return;
    close((*self)->socket);
    free(*self);
    *self = NULL;
}

/* Sending failed: the agent may have said why before it hung up. */
static bool
explain_hang_up(LocalClient *self, Err *err)
{
    Err reason;
    err_clear(&reason);
    Millibill__Local *message = receive(self, MILLIBILL__LOCAL__KIND_FAILED, &reason);
    if (message != NULL && message->failed != NULL) {
        err_clear(err);
        agent_failed(message->failed, err);
    }
    if (message != NULL)
        millibill__local__free_unpacked(message, NULL);
    return false;
}

/* Wait until fewer than `limit` batches are under way to the spool. */
static bool
await_spool(LocalClient *self, uint64_t limit, Err *err)
{
    while (self->sent - self->spooled >= limit) {
        Millibill__Local *spooled = receive(self, MILLIBILL__LOCAL__KIND_SPOOLED, err);
        if (spooled == NULL)
            return false;
        millibill__local__free_unpacked(spooled, NULL);
    }
    return true;
}

static bool
send_put(LocalClient *self, Text payload, Millibill__FileMark **files, size_t count, Err *err)
{
    Millibill__Put body;
    millibill__put__init(&body);
    memcpy(&body.payload.data, &payload.data, sizeof(payload.data));
    body.payload.len = payload.length;
    body.files = files;
    body.n_files = count;
    Millibill__Local message;
    millibill__local__init(&message);
    message.kind_case = MILLIBILL__LOCAL__KIND_PUT;
    message.put = &body;
    return local_send(self->socket, &message, err) || explain_hang_up(self, err);
}

MUST_CHECK bool
local_client_put(LocalClient *self, Text payload, const FileMark *marks, size_t mark_count, Err *err)
{
    if (!await_spool(self, LOCAL_IN_FLIGHT, err))
        return false;
    Millibill__FileMark *messages = calloc(mark_count + 1, sizeof(*messages));
    Millibill__FileMark **files = calloc(mark_count + 1, sizeof(Millibill__FileMark *));
    bool done = messages != NULL && files != NULL;
    for (size_t i = 0; done && i < mark_count; i++) {
        file_mark_to_message(&marks[i], &messages[i]);
        files[i] = &messages[i];
    }
    done =
        done ? send_put(self, payload, files, mark_count, err) : err_set(err, ERR_NOMEM, "no memory to send a batch");
    free(messages);
    free(files);
    self->sent += done && payload.length > 0;
    return done;
}

MUST_CHECK bool
local_client_sync(LocalClient *self, Err *err)
{
    return await_spool(self, 1, err);
}

static bool
visit_found(const Millibill__Found *found, FollowVisit visit, void *context, Err *err)
{
    for (size_t i = 0; i < found->n_files; i++) {
        FileMark mark;
        if (!file_mark_from_message(found->files[i], &mark, err) || !visit(context, &mark, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
local_client_find(LocalClient *self, uint64_t device, uint64_t inode, const char *pattern, FollowVisit visit,
                  void *context, Err *err)
{
    Millibill__Find body;
    millibill__find__init(&body);
    body.device = device;
    body.inode = inode;
    if (pattern != NULL)
        memcpy(&body.pattern, &pattern, sizeof(pattern)); /* protobuf-c takes char *, and does not write to it */
    Millibill__Local message;
    millibill__local__init(&message);
    message.kind_case = MILLIBILL__LOCAL__KIND_FIND;
    message.find = &body;
    if (!local_send(self->socket, &message, err))
        return explain_hang_up(self, err);
    Millibill__Local *answer = receive(self, MILLIBILL__LOCAL__KIND_FOUND, err);
    if (answer == NULL)
        return false;
    bool done = visit_found(answer->found, visit, context, err);
    millibill__local__free_unpacked(answer, NULL);
    return done;
}

static void
note_registered(const Millibill__Finished *finished, LocalOutcome *outcome)
{
    outcome->registered[0] = '\0';
    if (finished->n_registered_tenants > 0)
        snprintf(outcome->registered, sizeof outcome->registered, "%s", finished->registered_tenants[0]);
}

MUST_CHECK bool
local_client_finish(LocalClient *self, bool wait, LocalOutcome *outcome, Err *err)
{
    Millibill__Finish body;
    millibill__finish__init(&body);
    body.wait = wait;
    Millibill__Local message;
    millibill__local__init(&message);
    message.kind_case = MILLIBILL__LOCAL__KIND_FINISH;
    message.finish = &body;
    if (!local_send(self->socket, &message, err))
        return explain_hang_up(self, err);
    Millibill__Local *answer = receive(self, MILLIBILL__LOCAL__KIND_FINISHED, err);
    if (answer == NULL)
        return false;
    const Millibill__Finished *finished = answer->finished;
    *outcome = (LocalOutcome){.accepted = finished->accepted,
                              .known = finished->known,
                              .conflicts = finished->conflicts,
                              .quarantined = finished->quarantined,
                              .settled = finished->settled};
    note_registered(finished, outcome);
    millibill__local__free_unpacked(answer, NULL);
    return true;
}

uint64_t
local_client_sent(const LocalClient *self)
{
    return self->sent;
}

uint64_t
local_client_committed(const LocalClient *self)
{
    return self->committed;
}

void
local_client_on_report(LocalClient *self, void (*report)(void *caller, const LocalClient *client), void *caller)
{
    self->report = report;
    self->caller = caller;
}
