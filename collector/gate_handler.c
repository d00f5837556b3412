/* The ZAP handler: libzmq asks it about every connection's key. See gate.h. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <zmq.h>

#include "collector/gate_internal.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    ZAP_FRAMES = 7, /* version, request, domain, address, identity, mechanism, key */
    ZAP_FRAME_BYTES = 256,
    CURVE_KEY_BYTES = 32,
    RELOAD_MS = 1000,
    RELOAD_LEAST_MS = 100 /* unknown keys cannot make us read the table more often */
};
static const char ZAP_ENDPOINT[] = "inproc://zeromq.zap.01";

typedef struct ZapRequest {
    uint8_t frames[ZAP_FRAMES][ZAP_FRAME_BYTES];
    int lengths[ZAP_FRAMES]; /* -1: not sent; above ZAP_FRAME_BYTES: cut */
    int count;
} ZapRequest;

/** Receive one request whole. False when the context ends. */
static bool
zap_receive(void *socket, ZapRequest *request)
{
    request->count = 0;
    int more = 1;
    while (more != 0) {
        uint8_t frame[ZAP_FRAME_BYTES];
        int length = zmq_recv(socket, frame, sizeof frame, 0);
        if (length < 0)
            return false;
        if (request->count < ZAP_FRAMES) {
            memcpy(request->frames[request->count], frame,
                   (size_t) (length < ZAP_FRAME_BYTES ? length : ZAP_FRAME_BYTES));
            request->lengths[request->count] = length;
        }
        request->count++;
        size_t size = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            return false;
    }
    return true;
}

static bool
frame_is(const ZapRequest *request, int frame, const char *text)
{
    size_t length = strlen(text);
    return request->lengths[frame] == (int) length && memcmp(request->frames[frame], text, length) == 0;
}

/** Z85 of the client's key when it is registered; false otherwise. */
static bool
zap_admits(Gate *self, const ZapRequest *request, char key[KEY_TEXT_BYTES])
{
    GateAgent agent;
    if (request->count != ZAP_FRAMES || !frame_is(request, 0, "1.0") || !frame_is(request, 2, GATE_DOMAIN) ||
        !frame_is(request, 5, "CURVE") || request->lengths[6] != CURVE_KEY_BYTES)
        return false;
    if (zmq_z85_encode(key, request->frames[6], CURVE_KEY_BYTES) == NULL)
        return false;
    if (gate_agent(self, key, &agent))
        return true;
    gate_table_reload(self, RELOAD_LEAST_MS);
    return gate_agent(self, key, &agent);
}

static bool
zap_answer(void *socket, const ZapRequest *request, bool admitted, const char *user_id)
{
    int length = request->count > 1 && request->lengths[1] <= ZAP_FRAME_BYTES ? request->lengths[1] : 0;
    return zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, request->frames[1], (size_t) length, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, admitted ? "200" : "400", 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, admitted ? "OK" : "NO", 2, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, user_id, strlen(user_id), ZMQ_SNDMORE) >= 0 && zmq_send(socket, "", 0, 0) >= 0;
}

static bool
zap_serve(Gate *self)
{
    ZapRequest request = {.count = 0};
    char key[KEY_TEXT_BYTES] = "";
    if (!zap_receive(self->zap, &request))
        return false;
    bool admitted = zap_admits(self, &request, key);
    bool news = !admitted && atomic_load(&self->proven);
    metrics_add(self->metrics, METRIC_KEYS_REFUSED, news);
    if (news)
        log_warn("event=peer_refused key=%s address=%.*s hint=\"register the key: millibill agent add\"",
                 key[0] == '\0' ? "none" : key,
                 request.count > 3 && request.lengths[3] < ZAP_FRAME_BYTES ? request.lengths[3] : 0,
                 (const char *) request.frames[3]);
    return zap_answer(self->zap, &request, admitted, admitted ? key : "");
}

/** However the thread ends: from now on nobody is let in. */
static void
handler_ended(void *context)
{
    Gate *self = context;
    atomic_store(&self->alive, false);
    metrics_set(self->metrics, METRIC_HANDLER_ALIVE, 0);
    health_ended(self->health, HEALTH_KEYS);
    zmq_close(self->zap);
}

static void
handler_loop(Gate *self)
{
    zmq_pollitem_t item = {.socket = self->zap, .events = ZMQ_POLLIN};
    bool open = true;
    while (open) {
        int ready = zmq_poll(&item, 1, RELOAD_MS);
        if (ready < 0 && errno != EINTR)
            break; /* the context was shut down */
        gate_table_reload(self, RELOAD_MS);
        health_beat(self->health, HEALTH_KEYS, utc_monotonic_us());
        if (ready > 0)
            open = zap_serve(self);
    }
}

static void *
handler_run(void *context)
{
    pthread_cleanup_push(handler_ended, context);
    handler_loop(context);
    pthread_cleanup_pop(1);
    return NULL;
}

MUST_CHECK bool
gate_handler_start(Gate *self, void *zmq_context, Err *err)
{
    int linger = 0;
    self->zap = zmq_socket(zmq_context, ZMQ_REP);
    if (self->zap == NULL || zmq_setsockopt(self->zap, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_bind(self->zap, ZAP_ENDPOINT) != 0)
        return err_set(err, ERR_IO, "cannot open the handler of peers' keys: %s", zmq_strerror(errno));
    atomic_store(&self->alive, true);
    metrics_set(self->metrics, METRIC_HANDLER_ALIVE, 1);
    if (pthread_create(&self->thread, NULL, handler_run, self) != 0) {
        atomic_store(&self->alive, false);
        metrics_set(self->metrics, METRIC_HANDLER_ALIVE, 0);
        return err_set(err, ERR_NOMEM, "cannot start the thread that checks peers' keys");
    }
    self->running = true;
    return true;
}
