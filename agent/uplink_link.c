#include "agent/uplink_link.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#include "agent/uplink.h"
#include "lib/keys.h"

struct UplinkLink {
    Loop *loop;
    char public_key[KEY_TEXT_BYTES];
    char secret_key[KEY_TEXT_BYTES];
    char collector_key[KEY_TEXT_BYTES];
    void *context;
    void *socket; /* NULL while closed */
    void *monitor;
    LoopWatch socket_watch;
    LoopWatch monitor_watch;
    uint64_t socket_number; /* names the monitors */
};

/* The service in every turn does the work; the loop only has to wake up. */
static void
woken(LoopWatch *watch, uint32_t events)
{
    (void) watch;
    (void) events;
}

static bool
watch_socket(UplinkLink *self, void *socket, LoopWatch *watch, Err *err)
{
    size_t length = sizeof(watch->fd);
    watch->ready = woken;
    if (zmq_getsockopt(socket, ZMQ_FD, &watch->fd, &length) != 0) {
        watch->fd = -1;
        return err_set(err, ERR_IO, "uplink: ZMQ_FD: %s", zmq_strerror(errno));
    }
    return loop_add(self->loop, watch, EPOLLIN, err);
}

static void
close_one(UplinkLink *self, void **socket, LoopWatch *watch)
{
    if (watch->fd >= 0)
        loop_remove(self->loop, watch);
    watch->fd = -1;
    if (*socket != NULL)
        (void) zmq_close(*socket);
    *socket = NULL;
}

void
uplink_link_close(UplinkLink *self)
{
    if (self->socket != NULL)
        (void) zmq_socket_monitor(self->socket, NULL, 0);
    close_one(self, &self->monitor, &self->monitor_watch);
    close_one(self, &self->socket, &self->socket_watch);
}

static bool
set_integer(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

static bool
configure(UplinkLink *self)
{
    void *socket = self->socket;
    const int64_t maximum = 1 << 20; /* a collector's answers are short */
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, self->collector_key, KEY_TEXT_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, self->public_key, KEY_TEXT_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->secret_key, KEY_TEXT_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &maximum, sizeof(maximum)) == 0 &&
           set_integer(socket, ZMQ_IMMEDIATE, 1) && set_integer(socket, ZMQ_LINGER, 0) &&
           set_integer(socket, ZMQ_SNDHWM, UPLINK_WINDOW_MAX) &&
           set_integer(socket, ZMQ_RCVHWM, 4 * UPLINK_WINDOW_MAX) && set_integer(socket, ZMQ_HEARTBEAT_IVL, 5000) &&
           set_integer(socket, ZMQ_HEARTBEAT_TIMEOUT, 15000) && set_integer(socket, ZMQ_HEARTBEAT_TTL, 15000) &&
           set_integer(socket, ZMQ_RECONNECT_IVL, 100) && set_integer(socket, ZMQ_RECONNECT_IVL_MAX, 2000) &&
           set_integer(socket, ZMQ_CONNECT_TIMEOUT, 3000) && set_integer(socket, ZMQ_HANDSHAKE_IVL, 5000) &&
           set_integer(socket, ZMQ_IPV6, 1);
}

static bool
open_monitor(UplinkLink *self, Err *err)
{
    char name[64];
    (void) snprintf(name, sizeof(name), "inproc://uplink-%" PRIu64, self->socket_number++);
    self->monitor = zmq_socket(self->context, ZMQ_PAIR);
    if (self->monitor == NULL || !set_integer(self->monitor, ZMQ_LINGER, 0) ||
        zmq_socket_monitor(self->socket, name, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0 ||
        zmq_connect(self->monitor, name) != 0)
        return err_set(err, ERR_IO, "uplink: monitoring: %s", zmq_strerror(errno));
    return watch_socket(self, self->monitor, &self->monitor_watch, err);
}

bool
uplink_link_open(UplinkLink *self, const char *endpoint, Err *err)
{
    self->socket = zmq_socket(self->context, ZMQ_DEALER);
    if (self->socket == NULL || !configure(self))
        return err_set(err, ERR_IO, "uplink: making a socket: %s", zmq_strerror(errno));
    if (!open_monitor(self, err) || !watch_socket(self, self->socket, &self->socket_watch, err))
        return false;
    if (zmq_connect(self->socket, endpoint) != 0) {
        err_set(err, ERR_INPUT, "collector '%s': %s", endpoint, zmq_strerror(errno));
        return err_hint(err, "an endpoint looks like tcp://host:port or ipc:///path");
    }
    return true;
}

LinkEvent
uplink_link_event(UplinkLink *self)
{
    uint8_t head[6] = {0}; /* two frames: the first begins with the event's number, the second is the endpoint */
    char endpoint[256];
    if (self->monitor == NULL || zmq_recv(self->monitor, head, sizeof(head), ZMQ_DONTWAIT) < 0)
        return LINK_QUIET;
    (void) zmq_recv(self->monitor, endpoint, sizeof(endpoint), ZMQ_DONTWAIT);
    uint16_t event;
    memcpy(&event, head, sizeof(event));
    if (event == ZMQ_EVENT_DISCONNECTED)
        return LINK_LOST;
    return event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? LINK_KEY_REFUSED : LINK_OTHER;
}

static bool
has_event(UplinkLink *self, uint32_t event)
{
    uint32_t events = 0;
    size_t length = sizeof(events);
    return self->socket != NULL && zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &length) == 0 &&
           (events & event) != 0;
}

bool
uplink_link_can_receive(UplinkLink *self)
{
    return has_event(self, ZMQ_POLLIN);
}

bool
uplink_link_can_send(UplinkLink *self)
{
    return has_event(self, ZMQ_POLLOUT);
}

bool
uplink_link_send(UplinkLink *self, Text frame)
{
    return self->socket != NULL && zmq_send(self->socket, frame.data, frame.length, ZMQ_DONTWAIT) >= 0;
}

Millibill__Frame *
uplink_link_receive(UplinkLink *self, bool *received, Err *err)
{
    zmq_msg_t message;
    (void) zmq_msg_init(&message);
    Millibill__Frame *frame = NULL;
    *received = self->socket != NULL && zmq_msg_recv(&message, self->socket, ZMQ_DONTWAIT) >= 0;
    if (*received)
        frame = wire_frame_unpack(zmq_msg_data(&message), zmq_msg_size(&message), err);
    (void) zmq_msg_close(&message);
    return frame;
}

UplinkLink *
uplink_link_new(const Config *config, Loop *loop, Err *err)
{
    UplinkLink *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the uplink");
        return NULL;
    }
    self->loop = loop;
    self->socket_watch.fd = -1;
    self->monitor_watch.fd = -1;
    if (!keys_read_pair(config->agent_key, self->public_key, self->secret_key, err) ||
        !keys_read_public(config->collector_public_key, self->collector_key, err)) {
        uplink_link_free(&self);
        return NULL;
    }
    self->context = zmq_ctx_new();
    if (self->context == NULL) {
        err_set(err, ERR_NOMEM, "no memory for ZeroMQ");
        uplink_link_free(&self);
    }
    return self;
}

void
uplink_link_free(UplinkLink **self)
{
    UplinkLink *link = *self;
    *self = NULL;
    if (link == NULL)
        return;
    uplink_link_close(link);
    if (link->context != NULL)
        (void) zmq_ctx_term(link->context);
    sodium_memzero(link->secret_key, sizeof(link->secret_key));
    free(link);
}
