#include "collector/intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "collector/frame_check.h"
#include "collector/intake_watch.h"
#include "collector/peers.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    MESSAGES_PER_TURN = 64,
    POLL_MS = 250, /* how soon `stop` is seen when no signal wakes us */
    RECEIVE_HWM = 8,
    SEND_HWM = 64,
    HEARTBEAT_MS = 5000,
    HEARTBEAT_TIMEOUT_MS = 15000,
    HANDSHAKE_MS = 5000,
    BACKLOG = 1024
};

typedef struct Intake {
    const IntakeParts *parts;
    void *socket;
    Watch *watch;
    Peers *peers;
} Intake;

/** Where a message came from. */
typedef struct Origin {
    Route route;
    GateAgent agent;
    int descriptor;
} Origin;

static WatchOrigin
watched(const Origin *origin)
{
    return (WatchOrigin){origin->descriptor, origin->route.bytes, origin->route.length};
}

/* ---- opening ---- */

static bool
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool
open_socket(Intake *self, Err *err)
{
    const int64_t largest = WIRE_FRAME_BYTES_MAX;
    self->socket = zmq_socket(self->parts->zmq_context, ZMQ_ROUTER);
    if (self->socket == NULL)
        return err_set(err, ERR_IO, "cannot make the collector's socket: %s", zmq_strerror(errno));
    if (!gate_protect(self->parts->gate, self->socket, err))
        return false;
    bool good = zmq_setsockopt(self->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
                set_int(self->socket, ZMQ_RCVHWM, RECEIVE_HWM) && set_int(self->socket, ZMQ_SNDHWM, SEND_HWM) &&
                set_int(self->socket, ZMQ_ROUTER_MANDATORY, 1) && set_int(self->socket, ZMQ_LINGER, 0) &&
                set_int(self->socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
                set_int(self->socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
                set_int(self->socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS) &&
                set_int(self->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) && set_int(self->socket, ZMQ_BACKLOG, BACKLOG) &&
                set_int(self->socket, ZMQ_TCP_MAXRT, HEARTBEAT_TIMEOUT_MS) && set_int(self->socket, ZMQ_IPV6, 1);
    if (!good)
        return err_set(err, ERR_IO, "cannot set up the collector's socket: %s", zmq_strerror(errno));
    self->watch =
        watch_new(self->parts->zmq_context, self->socket, self->parts->connections_max, self->parts->metrics, err);
    if (self->watch == NULL)
        return false;
    if (zmq_bind(self->socket, self->parts->config->listen) == 0)
        return true;
    err_set(err, ERR_IO, "cannot listen on '%s': %s", self->parts->config->listen, zmq_strerror(errno));
    return err_hint(err, "Is another collector running on this stack? Set `listen` to another endpoint.");
}

/* ---- sending ---- */

static void
send_reply(Intake *self, const Route *route, const Buffer *bytes)
{
    if (zmq_send(self->socket, route->bytes, route->length, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(self->socket, bytes->data, bytes->length, ZMQ_DONTWAIT) < 0)
        log_debug("event=reply_not_sent message=\"%s\"", zmq_strerror(errno));
}

static void
send_replies(Intake *self)
{
    Route route;
    Buffer bytes;
    while (reply_queue_take(self->parts->replies.queue, &route, &bytes)) {
        send_reply(self, &route, &bytes);
        buffer_free(&bytes);
    }
}

static void
refuse(const Intake *self, const Route *route, const Millibill__Frame *frame, Millibill__RefusalReason reason,
       const char *message)
{
    Refused what = {0};
    if (frame != NULL && frame->kind_case == MILLIBILL__FRAME__KIND_BATCH)
        what = (Refused){.spool = frame->batch->spool, .sequence = frame->batch->sequence};
    else if (frame != NULL && frame->kind_case == MILLIBILL__FRAME__KIND_HELLO)
        what.spool = frame->hello->spool;
    reply_refusal(&self->parts->replies, route, &what, reason, message);
}

/* ---- receiving ---- */

/** A message that breaks the protocol. */
static void
refuse_broken(const Intake *self, const Origin *origin, const Millibill__Frame *frame, const char *message)
{
    log_warn("event=message_broken agent=%s message=\"%s\"", origin->agent.name, message);
    refuse(self, &origin->route, frame, MILLIBILL__REFUSAL_REASON__BROKEN, message);
    watch_offence(self->watch, watched(origin), WATCH_BROKEN);
}

static bool
admit_hello(const Intake *self, const Origin *origin, const Millibill__Frame *frame)
{
    Err err = {0};
    if (frame->hello->protocol < WIRE_PROTOCOL_OLDEST || frame->hello->protocol > WIRE_PROTOCOL) {
        char text[96];
        snprintf(text, sizeof text, "this collector speaks protocols %d to %d, not %u: upgrade it, or go on later",
                 WIRE_PROTOCOL_OLDEST, WIRE_PROTOCOL, frame->hello->protocol);
        refuse(self, &origin->route, frame, MILLIBILL__REFUSAL_REASON__WRONG_VERSION, text);
        return false;
    }
    if (!frame_check_hello(frame->hello, &err)) {
        refuse_broken(self, origin, frame, err.message);
        return false;
    }
    watch_greeted(self->watch, watched(origin));
    if (atomic_load(self->parts->away)) {
        refuse(self, &origin->route, frame, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the database is away");
        return false;
    }
    peers_greet(self->peers, &origin->route, origin->agent.agent_id, frame->hello->spool.data);
    return true;
}

static bool
admit_batch(const Intake *self, const Origin *origin, const Millibill__Frame *frame)
{
    Err err = {0};
    if (!frame_check_batch(frame->batch, &err)) {
        refuse_broken(self, origin, frame, err.message);
        return false;
    }
    if (!peers_is_greeted(self->peers, &origin->route, origin->agent.agent_id, frame->batch->spool.data)) {
        refuse(self, &origin->route, frame, MILLIBILL__REFUSAL_REASON__NOT_GREETED, "say Hello for this spool first");
        return false;
    }
    if (atomic_load(self->parts->away)) {
        refuse(self, &origin->route, frame, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the database is away");
        return false;
    }
    return true;
}

static bool
admit_settle(const Intake *self, const Origin *origin, const Millibill__Frame *frame)
{
    Err err = {0};
    if (!frame_check_settle(frame->settle, &err)) {
        refuse_broken(self, origin, frame, err.message);
        return false;
    }
    if (!atomic_load(self->parts->away) && work_queue_has_room(self->parts->settles))
        return true;
    reply_settle_later(&self->parts->replies, &origin->route, frame->settle->import_id,
                       "the collector cannot settle this import now");
    return false;
}

/** Which queue the frame belongs into; NULL when it was answered already. */
static WorkQueue *
admit(const Intake *self, const Origin *origin, const Millibill__Frame *frame)
{
    switch (frame->kind_case) {
    case MILLIBILL__FRAME__KIND_HELLO:
        return admit_hello(self, origin, frame) ? self->parts->commits : NULL;
    case MILLIBILL__FRAME__KIND_BATCH:
        return admit_batch(self, origin, frame) ? self->parts->commits : NULL;
    case MILLIBILL__FRAME__KIND_SETTLE:
        return admit_settle(self, origin, frame) ? self->parts->settles : NULL;
    default:
        refuse_broken(self, origin, frame, "expected Hello, Batch or Settle");
        return NULL;
    }
}

/** Is the sender's key good now? Asked before the message is decoded: who may not speak costs nothing. */
static bool
may_speak(const Intake *self, Origin *origin, zmq_msg_t *body)
{
    const char *key = zmq_msg_gets(body, "User-Id");
    if (gate_agent(self->parts->gate, key, &origin->agent))
        return true;
    log_warn("event=peer_forbidden key=%s", key == NULL ? "none" : key);
    refuse(self, &origin->route, NULL, MILLIBILL__REFUSAL_REASON__FORBIDDEN,
           "the key is not registered or was revoked");
    watch_offence(self->watch, watched(origin), WATCH_FORBIDDEN);
    return false;
}

static void
take_message(const Intake *self, Origin *origin, zmq_msg_t *body)
{
    Err err = {0};
    origin->descriptor = zmq_msg_get(body, ZMQ_SRCFD);
    watch_message(self->watch, watched(origin), utc_monotonic_us());
    if (!may_speak(self, origin, body))
        return;
    Millibill__Frame *frame = wire_frame_unpack(zmq_msg_data(body), zmq_msg_size(body), &err);
    if (frame == NULL && err.code == ERR_NOMEM) {
        log_err(LOG_LEVEL_ERROR, "message_not_taken", &err);
        refuse(self, &origin->route, NULL, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the collector has no memory now");
        return;
    }
    if (frame == NULL) {
        refuse_broken(self, origin, NULL, err.message);
        return;
    }
    WorkQueue *queue = admit(self, origin, frame);
    if (queue == NULL) {
        millibill__frame__free_unpacked(frame, NULL);
        return;
    }
    Work *work = work_new(&origin->route, &origin->agent, frame, zmq_msg_size(body), &err);
    if (work != NULL)
        work_queue_put(queue, work);
}

/** Read the rest of a message that has more parts than it may have. */
static void
drain(void *socket)
{
    int more = 1;
    size_t size = sizeof more;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0)
        if (zmq_msg_recv(&part, socket, 0) < 0)
            break;
    zmq_msg_close(&part);
}

/** One message: route, body. False when none waits. */
static bool
receive_one(const Intake *self)
{
    Origin origin = {.descriptor = -1};
    int length = zmq_recv(self->socket, origin.route.bytes, sizeof origin.route.bytes, ZMQ_DONTWAIT);
    if (length < 0)
        return false;
    origin.route.length = (uint8_t) (length > ROUTE_BYTES_MAX ? ROUTE_BYTES_MAX : length);
    zmq_msg_t body;
    zmq_msg_init(&body);
    bool good = zmq_msg_recv(&body, self->socket, 0) >= 0;
    if (good && zmq_msg_more(&body)) {
        origin.descriptor = zmq_msg_get(&body, ZMQ_SRCFD);
        drain(self->socket);
        log_warn("event=message_dropped reason=too_many_parts");
        watch_message(self->watch, watched(&origin), utc_monotonic_us());
        watch_offence(self->watch, watched(&origin), WATCH_BROKEN);
    } else if (good) {
        take_message(self, &origin, &body);
    }
    zmq_msg_close(&body);
    return good;
}

/** What is done in every turn, whether or not a message came. */
static bool
keep_order(Intake *self, Err *err)
{
    int64_t now_us = utc_monotonic_us();
    WorkLoad load = work_queue_load(self->parts->commits);
    metrics_set(self->parts->metrics, METRIC_QUEUE_BATCHES, (int64_t) load.count);
    metrics_set(self->parts->metrics, METRIC_QUEUE_BYTES, (int64_t) load.bytes);
    watch_turn(self->watch, now_us);
    health_beat(self->parts->health, HEALTH_INTAKE, now_us);
    if (gate_is_alive(self->parts->gate))
        return true;
    err_set(err, ERR_DENIED,
            "the handler that admits agents' keys has ended: stopping, since nobody can be let in safely");
    return err_hint(err, "The log tells why; start the collector again.");
}

static bool
serve(Intake *self, Err *err)
{
    while (!atomic_load(self->parts->stop)) {
        bool room = work_queue_has_room(self->parts->commits);
        zmq_pollitem_t items[3] = {{.fd = reply_queue_descriptor(self->parts->replies.queue), .events = ZMQ_POLLIN},
                                   {.socket = watch_socket(self->watch), .events = ZMQ_POLLIN},
                                   {.socket = self->socket, .events = ZMQ_POLLIN}};
        int ready = zmq_poll(items, room ? 3 : 2, POLL_MS);
        if (ready < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "waiting for agents failed: %s", zmq_strerror(errno));
        if (!keep_order(self, err))
            return false;
        for (int i = 0; room && i < MESSAGES_PER_TURN && work_queue_has_room(self->parts->commits); i++)
            if (!receive_one(self))
                break;
        send_replies(self);
    }
    return true;
}

MUST_CHECK bool
intake_run(const IntakeParts *parts, Err *err)
{
    Intake self = {.parts = parts};
    self.peers = peers_new(err);
    bool done = self.peers != NULL && open_socket(&self, err);
    if (done) {
        log_info("event=listening endpoint=%s", parts->config->listen);
        done = serve(&self, err);
    }
    watch_free(&self.watch);
    if (self.socket != NULL)
        zmq_close(self.socket);
    peers_free(&self.peers);
    return done;
}
