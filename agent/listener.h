/**
 * listener - accepts the connections of one kind of source, on one path or several, and decides who may stay
 *
 * A source embeds a Peer as the first member of what it keeps for a connection. Everyone is asked for by the kernel's
 * credentials (binding.h) before anything is read; who may not be served is closed at once.
 *
 * At most `peers_max` connections, and three quarters of them for one user (root and the agent's own user are not held to
 * that), so that no user keeps the others out. While there is room nobody is closed for being silent. When there is none,
 * who got nothing done for the longest time, at least `idle_us`, makes room: a silent peer, one that never ends its line,
 * one that does not take its answers; never one that waits for the agent. When all are busy, newcomers wait in the kernel's
 * queue, and a user at its share is refused. Not thread-safe.
 */
#ifndef AGENT_LISTENER_H
#define AGENT_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/binding.h"
#include "agent/loop.h"
#include "lib/err.h"

typedef struct Listener Listener;
typedef struct Peer Peer;

struct Peer {
    LoopWatch watch;
    bool watched;
    Listener *listener;
    Peer *next;
    const char *path; /* of the socket it came through; as long as the listener */
    BindingPeer who;
    int64_t active_us; /* monotonic: when it last got something done (peer_active) */
};

/** What a kind of source does with its connections. */
typedef struct PeerKind {
    size_t bytes; /* of the struct that begins with the Peer; comes zeroed */
    size_t peers_max;
    void (*refused)(int fd, const char *message); /* say in the source's own words why it is closed; must not wait */
    void (*opened)(Peer *self, void *owner);      /* after the accept; it is watched for input then */
    void (*ready)(LoopWatch *watch, uint32_t events);
    bool (*owes_nothing)(const Peer *self); /* may it be closed without harm to an honest peer? */
    void (*closed)(Peer *self); /* release what it holds; the Peer itself and its descriptor are not its own */
} PeerKind;

/** No sockets yet. `kind`, `loop` and `bindings` are borrowed. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Listener *
listener_new(const PeerKind *kind, void *owner, Loop *loop, Bindings *bindings, int64_t idle_us, Err *err);
/** Closes all connections and removes the sockets. */
void listener_free(Listener **self);

/** Listen at `path` too (SOCK_STREAM), and give the socket to the group that the bindings say. ERR_IO, ERR_RANGE, ERR_EXISTS,
 *  ERR_NOMEM. */
MUST_CHECK bool listener_add(Listener *self, const char *path, Err *err);

/** Take who waits. Called by the loop; and once more before the end of the daemon. */
void listener_accept(Listener *self);

/** While newcomers wait outside: look again whether somebody makes room. `due_us` is INT64_MAX when nobody waits. */
void listener_service(Listener *self, int64_t now_us);
int64_t listener_due_us(const Listener *self);

/** All connections, newest first; follow Peer.next. Closing one leaves the others in place. */
Peer *listener_peers(const Listener *self);

/** Watch for `events`. Without events the descriptor leaves the loop: a hang-up would be reported again and again. */
void peer_watch(Peer *self, uint32_t events);
/** It got something done. */
void peer_active(Peer *self, int64_t now_us);
/** Close and release. */
void peer_close(Peer *self);

#endif
