/**
 * intake_watch - which connections are open, and which of them must go
 *
 * libzmq closes a connection whose handshake takes too long or whose heartbeat stops, but it cannot be told to close one: this
 * keeps the descriptors of a socket's connections from its events and shuts those down that say no Hello in time, that
 * go on sending what is refused, that send a message without end, or that are too many. Descriptors are given out again, and messages
 * of a connection that has ended may still wait to be read: so an entry also knows the kernel's cookie of its socket, without
 * which nothing is shut down, and the number that the ROUTER gave its peer, without which nothing is charged.
 * Owned by the socket's thread.
 */
#ifndef COLLECTOR_INTAKE_WATCH_H
#define COLLECTOR_INTAKE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "collector/metrics.h"
#include "lib/err.h"

/** Why a connection was closed, in the order of METRIC_CLOSED_NO_HELLO and the following. */
typedef enum WatchReason {
    WATCH_NO_HELLO,  /* connected, but no valid Hello within WATCH_HELLO_MS */
    WATCH_LIMIT,     /* more connections than are allowed */
    WATCH_BROKEN,    /* too many messages that cannot be read */
    WATCH_FORBIDDEN, /* goes on with a key that was revoked */
    WATCH_OVERSIZE   /* received far more than any message may have, and no message came of it */
} WatchReason;

enum {
    WATCH_HELLO_MS = 15000,             /* the handshake's 5 s included */
    WATCH_OFFENCES_MAX = 8,             /* broken or forbidden messages before the connection is closed */
    WATCH_UNDELIVERED_BYTES = 64 << 20, /* of one connection; several messages may wait, none is larger than 1.1 MB */
    WATCH_SWEEP_MS = 250
};

typedef struct Watch Watch;

/** Follow a socket that is not bound yet. `connections_max` >= 1. NULL: ERR_NOMEM, ERR_IO. Free it before the socket. */
MUST_CHECK Watch *watch_new(void *zmq_context, void *socket, int64_t connections_max, Metrics *metrics, Err *err);
void watch_free(Watch **self);

/** The socket of its events, for zmq_poll. */
void *watch_socket(const Watch *self);
/** Take what happened since, and close what has to go. To be called in every turn of the loop. */
void watch_turn(Watch *self, int64_t now_us);

/** Where a message came from: the descriptor that it says (-1: not known), and the routing id in front of it (borrowed). */
typedef struct WatchOrigin {
    int descriptor;
    const uint8_t *route;
    size_t route_bytes;
} WatchOrigin;

/** A message came whole over a connection. Comes before the two below. */
void watch_message(Watch *self, WatchOrigin origin, int64_t now_us);
/** It said a valid Hello. */
void watch_greeted(Watch *self, WatchOrigin origin);
/** It sent what is refused; after WATCH_OFFENCES_MAX it is closed, if it is still there (an empty frame is sent to know). */
void watch_offence(Watch *self, WatchOrigin origin, WatchReason reason);

#endif
