#include "collector/intake.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "collector/frame_check.h"
#include "collector/peers.h"
#include "lib/log.h"

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
    Peers *peers;
} Intake;

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
    while (reply_queue_take(self->parts->replies, &route, &bytes)) {
        send_reply(self, &route, &bytes);
        buffer_free(&bytes);
    }
}

void
reply_refusal(ReplyQueue *replies, const Route *route, ProtobufCBinaryData spool, uint64_t sequence,
              Millibill__RefusalReason reason, uint64_t expected_sequence, const char *message)
{
    char text[256];
    Millibill__Refusal refusal;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    strncpy(text, message, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    millibill__refusal__init(&refusal);
    refusal.spool = spool;
    refusal.sequence = sequence;
    refusal.reason = reason;
    refusal.expected_sequence = expected_sequence;
    refusal.message = text;
    frame.kind_case = MILLIBILL__FRAME__KIND_REFUSAL;
    frame.refusal = &refusal;
    reply_queue_put(replies, route, &frame);
}

static void
refuse(const Intake *self, const Route *route, const Millibill__Frame *frame, Millibill__RefusalReason reason,
       const char *message)
{
    const ProtobufCBinaryData none = {0, NULL};
    if (frame != NULL && frame->kind_case == MILLIBILL__FRAME__KIND_BATCH)
        reply_refusal(self->parts->replies, route, frame->batch->spool, frame->batch->sequence, reason, 0, message);
    else if (frame != NULL && frame->kind_case == MILLIBILL__FRAME__KIND_HELLO)
        reply_refusal(self->parts->replies, route, frame->hello->spool, 0, reason, 0, message);
    else
        reply_refusal(self->parts->replies, route, none, 0, reason, 0, message);
}

static void
settle_later(const Intake *self, const Route *route, const Millibill__Settle *settle, const char *message)
{
    char text[128];
    Millibill__Settled settled;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    strncpy(text, message, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    millibill__settled__init(&settled);
    settled.import_id = settle->import_id;
    settled.message = text;
    frame.kind_case = MILLIBILL__FRAME__KIND_SETTLED;
    frame.settled = &settled;
    reply_queue_put(self->parts->replies, route, &frame);
}

/* ---- receiving ---- */

static bool
admit_hello(const Intake *self, const Route *route, const GateAgent *agent, const Millibill__Frame *frame)
{
    Err err = {0};
    if (frame->hello->protocol != WIRE_PROTOCOL) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__WRONG_VERSION, "this collector speaks protocol 1");
        return false;
    }
    if (!frame_check_hello(frame->hello, &err)) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__BROKEN, err.message);
        return false;
    }
    if (atomic_load(self->parts->away)) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the database is away");
        return false;
    }
    peers_greet(self->peers, route, agent->agent_id, frame->hello->spool.data);
    return true;
}

static bool
admit_batch(const Intake *self, const Route *route, const GateAgent *agent, const Millibill__Frame *frame)
{
    Err err = {0};
    if (!frame_check_batch(frame->batch, &err)) {
        log_warn("event=batch_broken agent=%s message=\"%s\"", agent->name, err.message);
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__BROKEN, err.message);
        return false;
    }
    if (!peers_is_greeted(self->peers, route, agent->agent_id, frame->batch->spool.data)) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__NOT_GREETED, "say Hello for this spool first");
        return false;
    }
    if (atomic_load(self->parts->away)) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__TRY_LATER, "the database is away");
        return false;
    }
    return true;
}

static bool
admit_settle(const Intake *self, const Route *route, const Millibill__Frame *frame)
{
    Err err = {0};
    if (!frame_check_settle(frame->settle, &err)) {
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__BROKEN, err.message);
        return false;
    }
    if (!atomic_load(self->parts->away) && work_queue_has_room(self->parts->settles))
        return true;
    settle_later(self, route, frame->settle, "the collector cannot settle this import now");
    return false;
}

/** Which queue the frame belongs into; NULL when it was answered already. */
static WorkQueue *
admit(const Intake *self, const Route *route, const GateAgent *agent, const Millibill__Frame *frame)
{
    switch (frame->kind_case) {
    case MILLIBILL__FRAME__KIND_HELLO:
        return admit_hello(self, route, agent, frame) ? self->parts->commits : NULL;
    case MILLIBILL__FRAME__KIND_BATCH:
        return admit_batch(self, route, agent, frame) ? self->parts->commits : NULL;
    case MILLIBILL__FRAME__KIND_SETTLE:
        return admit_settle(self, route, frame) ? self->parts->settles : NULL;
    default:
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__BROKEN, "expected Hello, Batch or Settle");
        return NULL;
    }
}

static void
take_message(const Intake *self, const Route *route, zmq_msg_t *body)
{
    Err err = {0};
    GateAgent agent;
    const char *key = zmq_msg_gets(body, "User-Id");
    Millibill__Frame *frame = wire_frame_unpack(zmq_msg_data(body), zmq_msg_size(body), &err);
    if (!gate_agent(self->parts->gate, key, &agent)) {
        log_warn("event=peer_forbidden key=%s", key == NULL ? "none" : key);
        refuse(self, route, frame, MILLIBILL__REFUSAL_REASON__FORBIDDEN, "the key is not registered or was revoked");
    } else if (frame == NULL) {
        log_warn("event=frame_broken agent=%s message=\"%s\"", agent.name, err.message);
        refuse(self, route, NULL, MILLIBILL__REFUSAL_REASON__BROKEN, err.message);
    } else {
        WorkQueue *queue = admit(self, route, &agent, frame);
        if (queue != NULL) {
            Work *work = work_new(route, &agent, frame, zmq_msg_size(body), &err);
            frame = NULL;
            if (work != NULL)
                work_queue_put(queue, work);
        }
    }
    if (frame != NULL)
        millibill__frame__free_unpacked(frame, NULL);
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
    Route route;
    int length = zmq_recv(self->socket, route.bytes, sizeof route.bytes, ZMQ_DONTWAIT);
    if (length < 0)
        return false;
    route.length = (uint8_t) (length > ROUTE_BYTES_MAX ? ROUTE_BYTES_MAX : length);
    zmq_msg_t body;
    zmq_msg_init(&body);
    bool good = zmq_msg_recv(&body, self->socket, 0) >= 0;
    if (good && zmq_msg_more(&body)) {
        drain(self->socket);
        log_warn("event=message_dropped reason=too_many_parts");
    } else if (good) {
        take_message(self, &route, &body);
    }
    zmq_msg_close(&body);
    return good;
}

static bool
serve(Intake *self, Err *err)
{
    while (!atomic_load(self->parts->stop)) {
        bool room = work_queue_has_room(self->parts->commits);
        zmq_pollitem_t items[2] = {{.fd = reply_queue_descriptor(self->parts->replies), .events = ZMQ_POLLIN},
                                   {.socket = self->socket, .events = ZMQ_POLLIN}};
        int ready = zmq_poll(items, room ? 2 : 1, POLL_MS);
        if (ready < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "waiting for agents failed: %s", zmq_strerror(errno));
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
    if (self.socket != NULL)
        zmq_close(self.socket);
    peers_free(&self.peers);
    return done;
}
