#include "collector/intake_watch.h"

#include <endian.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "lib/log.h"

enum { MILLISECOND_US = 1000, DESCRIPTORS_FIRST = 64 };
static const char MONITOR[] = "inproc://intake-watch";

/** One connection; its place in the table is its descriptor. */
typedef struct Connection {
    int64_t accepted_us;
    uint64_t cookie; /* of its socket, never given out again; 0: not known */
    uint32_t
        number; /* that the ROUTER names its peer by, a later connection's is higher; 0: not known yet, or the peer's choice */
    uint64_t received_bytes; /* by TCP, when the last message had come */
    int offences;
    bool open;
    bool greeted;
    bool closing;
    bool delivered; /* a message came since the last sweep */
} Connection;

struct Watch {
    void *socket; /* borrowed */
    void *monitor;
    Metrics *metrics;
    Connection *connections;
    size_t capacity;
    int64_t count;
    int64_t closing; /* of them */
    int64_t count_max;
    int64_t next_sweep_us;
};

static const char *const REASONS[] = {"no_hello", "limit", "broken", "forbidden", "oversize"};

/* ---- opening ---- */

MUST_CHECK Watch *
watch_new(void *zmq_context, void *socket, int64_t connections_max, Metrics *metrics, Err *err)
{
    int unbounded = 0; /* libzmq's own thread would block on a full queue of events */
    int linger = 0;
    int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    Watch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the table of connections");
        return NULL;
    }
    self->socket = socket;
    self->metrics = metrics;
    self->count_max = connections_max;
    self->monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (self->monitor == NULL || zmq_setsockopt(self->monitor, ZMQ_RCVHWM, &unbounded, sizeof unbounded) != 0 ||
        zmq_setsockopt(self->monitor, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_socket_monitor(socket, MONITOR, events) != 0 || zmq_connect(self->monitor, MONITOR) != 0) {
        err_set(err, ERR_IO, "cannot follow the collector's connections: %s", zmq_strerror(errno));
        watch_free(&self);
    }
    return self;
}

void
watch_free(Watch **self)
{
    if (*self == NULL)
        return;
    zmq_socket_monitor((*self)->socket, NULL, 0);
    if ((*self)->monitor != NULL)
        zmq_close((*self)->monitor);
    free((*self)->connections);
    free(*self);
    *self = NULL;
}

void *
watch_socket(const Watch *self)
{
    return self->monitor;
}

/* ---- the table ---- */

static Connection *
connection_of(Watch *self, int descriptor)
{
    if (descriptor < 0 || (size_t) descriptor >= self->capacity || !self->connections[descriptor].open)
        return NULL;
    return &self->connections[descriptor];
}

static void
forget(Watch *self, Connection *connection)
{
    self->count--;
    self->closing -= connection->closing;
    connection->open = false;
}

static uint64_t
cookie_of(int descriptor)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    return getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

/** A ROUTER names those that choose no name: a zero, and a number of 32 bits that counts up (and around). */
static uint32_t
number_of(WatchOrigin origin)
{
    uint32_t number;
    if (origin.route_bytes != 1 + sizeof number || origin.route[0] != 0)
        return 0;
    memcpy(&number, origin.route + 1, sizeof number);
    return be32toh(number);
}

/** The connection that a message came over; NULL: it is not known, or it ended and its descriptor is another's now. */
static Connection *
sender(Watch *self, WatchOrigin origin)
{
    Connection *connection = connection_of(self, origin.descriptor);
    uint32_t number = number_of(origin);
    if (connection == NULL || number == 0 || number == connection->number)
        return connection;
    if (connection->number != 0) {
        if ((int32_t) (number - connection->number) < 0)
            return NULL;
        connection->offences = 0; /* they were of one before, whose messages were read late */
        connection->greeted = false;
    }
    connection->number = number;
    return connection;
}

/** No memory: that connection is not watched; the next one may be. */
static void
add(Watch *self, int descriptor, int64_t now_us)
{
    if (descriptor < 0)
        return;
    size_t wanted = self->capacity == 0 ? DESCRIPTORS_FIRST : self->capacity;
    while (wanted <= (size_t) descriptor)
        wanted *= 2;
    if (wanted > self->capacity) {
        Connection *grown = reallocarray(self->connections, wanted, sizeof *grown);
        if (grown == NULL)
            return;
        memset(grown + self->capacity, 0, (wanted - self->capacity) * sizeof *grown);
        self->connections = grown;
        self->capacity = wanted;
    }
    if (self->connections[descriptor].open)
        forget(self, &self->connections[descriptor]);
    self->count++;
    self->connections[descriptor] = (Connection){.open = true, .accepted_us = now_us, .cookie = cookie_of(descriptor)};
}

static void
shut(Watch *self, int descriptor, WatchReason reason)
{
    Connection *connection = connection_of(self, descriptor);
    if (connection == NULL || connection->closing)
        return;
    connection->closing = true;
    self->closing++;
    if (cookie_of(descriptor) != connection->cookie)
        return;                      /* it ended by itself, the news is on its way */
    shutdown(descriptor, SHUT_RDWR); /* libzmq sees the end and cleans up */
    metrics_add(self->metrics, (Metric) (METRIC_CLOSED_NO_HELLO + reason), 1);
    log_line(reason == WATCH_NO_HELLO ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "event=connection_closed reason=%s",
             REASONS[reason]);
}

/** Too many: the oldest of those that said nothing gives way to the new one; when all have, the new one has to go. */
static void
make_room(Watch *self, int newest)
{
    int oldest = newest;
    for (size_t i = 0; i < self->capacity; i++) {
        const Connection *one = &self->connections[i];
        if (one->open && !one->closing && !one->greeted && one->accepted_us < self->connections[oldest].accepted_us)
            oldest = (int) i;
    }
    shut(self, oldest, WATCH_LIMIT);
}

/* ---- events ---- */

static void
take_event(Watch *self, uint16_t event, int32_t value, int64_t now_us)
{
    Connection *connection = connection_of(self, value);
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        metrics_add(self->metrics, METRIC_CONNECTIONS_ACCEPTED, 1);
        add(self, value, now_us);
        if (self->count - self->closing > self->count_max && connection_of(self, value) != NULL)
            make_room(self, value);
        break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        log_warn("event=accept_failed message=\"%s\"", zmq_strerror(value));
        break;
    case ZMQ_EVENT_DISCONNECTED:
    case ZMQ_EVENT_CLOSED:
        if (connection != NULL)
            forget(self, connection);
        break;
    default: /* a handshake failed; the end of the connection has an event of its own */
        metrics_add(self->metrics, METRIC_HANDSHAKES_FAILED, 1);
    }
}

/** An event has two parts: number (16 bits) and value (32 bits), then the endpoint. */
static void
take_events(Watch *self, int64_t now_us)
{
    uint8_t bytes[6];
    while (zmq_recv(self->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT) == (int) sizeof bytes) {
        uint16_t event;
        int32_t value;
        char endpoint[8];
        memcpy(&event, bytes, sizeof event);
        memcpy(&value, bytes + sizeof event, sizeof value);
        if (zmq_recv(self->monitor, endpoint, sizeof endpoint, 0) < 0)
            return;
        take_event(self, event, value, now_us);
    }
    metrics_set(self->metrics, METRIC_CONNECTIONS, self->count);
}

/* ---- the sweep ---- */

/** A message whose parts never end stays inside libzmq, out of reach of every limit of it: TCP tells how much came. */
static bool
is_endless(Connection *connection, int descriptor)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return false; /* not TCP */
    if (connection->delivered)
        connection->received_bytes = info.tcpi_bytes_received;
    connection->delivered = false;
    return info.tcpi_bytes_received > connection->received_bytes + WATCH_UNDELIVERED_BYTES;
}

static void
sweep(Watch *self, int64_t now_us)
{
    for (size_t i = 0; i < self->capacity; i++) {
        Connection *connection = &self->connections[i];
        if (!connection->open || connection->closing)
            continue;
        if (!connection->greeted && now_us - connection->accepted_us > (int64_t) WATCH_HELLO_MS * MILLISECOND_US)
            shut(self, (int) i, WATCH_NO_HELLO);
        else if (is_endless(connection, (int) i))
            shut(self, (int) i, WATCH_OVERSIZE);
    }
}

void
watch_turn(Watch *self, int64_t now_us)
{
    take_events(self, now_us);
    if (now_us < self->next_sweep_us)
        return;
    self->next_sweep_us = now_us + (int64_t) WATCH_SWEEP_MS * MILLISECOND_US;
    sweep(self, now_us);
}

/* ---- what the messages tell ---- */

void
watch_message(Watch *self, WatchOrigin origin, int64_t now_us)
{
    if (connection_of(self, origin.descriptor) == NULL)
        take_events(self, now_us); /* it came faster than the news of its connection */
    Connection *connection = sender(self, origin);
    metrics_add(self->metrics, METRIC_MESSAGES, 1);
    if (connection != NULL)
        connection->delivered = true;
}

void
watch_greeted(Watch *self, WatchOrigin origin)
{
    Connection *connection = sender(self, origin);
    if (connection != NULL)
        connection->greeted = true;
}

/** Is the peer that sent a message still connected? The first message of a connection that ended may be read when its descriptor
 *  has a new owner already, of whom nothing was read yet: only the ROUTER knows then. */
static bool
is_there(Watch *self, WatchOrigin origin)
{
    int events = 0;
    size_t length = sizeof events;
    zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &length); /* the ROUTER hears what ended meanwhile */
    if (zmq_send(self->socket, origin.route, origin.route_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno != EHOSTUNREACH;
    (void) zmq_send(self->socket, "", 0, ZMQ_DONTWAIT);
    return true;
}

void
watch_offence(Watch *self, WatchOrigin origin, WatchReason reason)
{
    Connection *connection = sender(self, origin);
    if (connection != NULL && ++connection->offences > WATCH_OFFENCES_MAX && is_there(self, origin))
        shut(self, origin.descriptor, reason);
}
