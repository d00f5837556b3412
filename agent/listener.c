#include "agent/listener.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/unix_socket.h"
#include "lib/log.h"
#include "lib/utc.h"

enum { LOOK_AGAIN_US = 1000000, COMPLAIN_EVERY_US = 10000000 };

typedef struct Door Door;

/* One listening socket. */
struct Door {
    LoopWatch watch;
    Door *next;
    Listener *listener;
    bool watched;
    char path[CONFIG_SOCKET_BYTES];
};

struct Listener {
    const PeerKind *kind;
    void *owner;
    Loop *loop;
    Bindings *bindings;
    int64_t idle_us;
    Door *doors;
    Peer *peers;
    size_t peer_count;
    int64_t look_again_us; /* INT64_MAX while the doors are open */
    int64_t complained_us;
};

Listener *
listener_new(const PeerKind *kind, void *owner, Loop *loop, Bindings *bindings, int64_t idle_us, Err *err)
{
    Listener *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a listener");
        return NULL;
    }
    *self = (Listener){.kind = kind,
                       .owner = owner,
                       .loop = loop,
                       .bindings = bindings,
                       .idle_us = idle_us,
                       .look_again_us = INT64_MAX,
                       .complained_us = INT64_MIN / 2};
    return self;
}

static void
door_watch(Door *self, bool wanted)
{
    Err err = {0};
    if (self->watched == wanted)
        return;
    if (!wanted)
        loop_remove(self->listener->loop, &self->watch);
    else if (!loop_add(self->listener->loop, &self->watch, EPOLLIN, &err))
        loop_fail(self->listener->loop, &err);
    self->watched = wanted;
}

static void
doors_watch(Listener *self, bool wanted, int64_t now_us)
{
    self->look_again_us = wanted ? INT64_MAX : now_us + LOOK_AGAIN_US;
    for (Door *door = self->doors; door != NULL; door = door->next)
        door_watch(door, wanted);
}

void
listener_free(Listener **self)
{
    Listener *listener = *self;
    *self = NULL;
    if (listener == NULL)
        return;
    while (listener->peers != NULL)
        peer_close(listener->peers);
    while (listener->doors != NULL) {
        Door *door = listener->doors;
        listener->doors = door->next;
        door_watch(door, false);
        (void) close(door->watch.fd);
        (void) unlink(door->path);
        free(door);
    }
    free(listener);
}

Peer *
listener_peers(const Listener *self)
{
    return self->peers;
}

void
peer_watch(Peer *self, uint32_t events)
{
    Loop *loop = self->listener->loop;
    Err err = {0};
    if (events == 0 && self->watched)
        loop_remove(loop, &self->watch);
    else if (events != 0 && self->watched)
        loop_change(loop, &self->watch, events);
    else if (events != 0 && !loop_add(loop, &self->watch, events, &err))
        loop_fail(loop, &err);
    self->watched = events != 0;
}

void
peer_active(Peer *self, int64_t now_us)
{
    self->active_us = now_us;
}

void
peer_close(Peer *self)
{
    Listener *listener = self->listener;
    peer_watch(self, 0);
    (void) close(self->watch.fd);
    Peer **at = &listener->peers;
    while (*at != self) {
        assert(*at != NULL); /* every peer is on the list */
        at = &(*at)->next;
    }
    *at = self->next;
    listener->peer_count--;
    listener->kind->closed(self);
    free(self);
    doors_watch(listener, true, 0);
}

/* Close who got nothing done for the longest time; of one user, or of all (`uid` NULL). False when nobody may go. */
static bool
make_room(Listener *self, const uid_t *uid, int64_t now_us)
{
    Peer *longest = NULL;
    for (Peer *peer = self->peers; peer != NULL; peer = peer->next) {
        bool candidate = (uid == NULL || peer->who.uid == *uid) && self->kind->owes_nothing(peer);
        if (candidate && (longest == NULL || peer->active_us < longest->active_us))
            longest = peer;
    }
    if (longest == NULL || now_us - longest->active_us < self->idle_us)
        return false;
    log_info("event=idle_closed socket=%s uid=%lu idle_s=%lld", longest->path, (unsigned long) longest->who.uid,
             (long long) ((now_us - longest->active_us) / 1000000));
    peer_close(longest);
    return true;
}

/* Said once in a while: who knocks on a full house may knock often. */
static void
complain(Listener *self, const char *event, const Door *door, unsigned long uid, int64_t now_us)
{
    if (now_us - self->complained_us < COMPLAIN_EVERY_US)
        return;
    self->complained_us = now_us;
    log_warn("event=%s socket=%s uid=%lu connections=%zu", event, door->path, uid, self->peer_count);
}

static bool
has_share(const Listener *self, uid_t uid)
{
    size_t count = 0;
    if (uid == 0 || uid == geteuid())
        return true;
    for (const Peer *peer = self->peers; peer != NULL; peer = peer->next)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): closed ones are off the list */
        count += peer->who.uid == uid ? 1 : 0;
    return count < self->kind->peers_max / 4 * 3;
}

/* Who it is, if it may be served; else why not. */
static const char *
check_peer(Door *door, int fd, int64_t now_us, BindingPeer *who)
{
    Listener *self = door->listener;
    if (!binding_peer(self->bindings, door->path, fd, who))
        return "this user is not among allow_users of the agent";
    if (has_share(self, who->uid) || make_room(self, &who->uid, now_us))
        return NULL;
    complain(self, "user_has_too_many_connections", door, (unsigned long) who->uid, now_us);
    return "this user has too many connections";
}

/* The descriptor is taken over or closed. */
static void
admit(Door *door, int fd, int64_t now_us)
{
    Listener *self = door->listener;
    BindingPeer who;
    const char *objection = check_peer(door, fd, now_us, &who);
    if (objection != NULL)
        self->kind->refused(fd, objection);
    Peer *peer = objection == NULL ? calloc(1, self->kind->bytes) : NULL;
    if (peer == NULL) {
        (void) close(fd);
        return;
    }
    *peer = (Peer){.watch = {.fd = fd, .ready = self->kind->ready},
                   .listener = self,
                   .next = self->peers,
                   .path = door->path,
                   .who = who,
                   .active_us = now_us};
    self->peers = peer;
    self->peer_count++;
    self->kind->opened(peer, self->owner);
    peer_watch(peer, EPOLLIN);
}

static bool
somebody_waits(const Door *door)
{
    struct pollfd waiting = {.fd = door->watch.fd, .events = POLLIN};
    return poll(&waiting, 1, 0) > 0;
}

/* False when the house is full. */
static bool
accept_at(Door *door, int64_t now_us)
{
    Listener *self = door->listener;
    while (somebody_waits(door)) {
        if (self->peer_count >= self->kind->peers_max && !make_room(self, NULL, now_us)) {
            complain(self, "connections_full", door, 0, now_us);
            doors_watch(self, false, now_us);
            return false;
        }
        int fd = unix_accept(door->watch.fd);
        if (fd < 0 && unix_is_exhausted(errno)) { /* the kernel would wake us for ever: look again a little later */
            complain(self, "connections_wait_for_descriptors", door, 0, now_us);
            doors_watch(self, false, now_us);
            return false;
        }
        if (fd < 0)
            break;
        admit(door, fd, now_us);
    }
    return true;
}

void
listener_accept(Listener *self)
{
    int64_t now_us = utc_monotonic_us();
    for (Door *door = self->doors; door != NULL; door = door->next)
        if (!accept_at(door, now_us))
            return;
}

static void
door_ready(LoopWatch *watch, uint32_t events)
{
    (void) events;
    (void) accept_at((Door *) watch, utc_monotonic_us());
}

void
listener_service(Listener *self, int64_t now_us)
{
    if (now_us < self->look_again_us)
        return;
    doors_watch(self, true, now_us);
    listener_accept(self);
}

int64_t
listener_due_us(const Listener *self)
{
    return self->look_again_us;
}

/* A socket that is there without its group would look open and be closed to those it is for. */
static bool
give_to_group(const Listener *self, const char *path, Err *err)
{
    gid_t group;
    if (!binding_group(self->bindings, path, &group) || chown(path, (uid_t) -1, group) == 0)
        return true;
    err_set(err, ERR_IO, "giving %s to group %lu: %s", path, (unsigned long) group, strerror(errno));
    return err_hint(err, "the agent's user has to belong to that group");
}

bool
listener_add(Listener *self, const char *path, Err *err)
{
    Door *door = calloc(1, sizeof(*door));
    if (door == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a listener");
    door->listener = self;
    door->watch = (LoopWatch){.fd = unix_listen(path, SOCK_STREAM, err), .ready = door_ready};
    if (door->watch.fd < 0) {
        free(door);
        return false;
    }
    memcpy(door->path, path, strlen(path) + 1); /* unix_listen refuses what is longer */
    door->next = self->doors;
    self->doors = door;
    if (!give_to_group(self, path, err) || !loop_add(self->loop, &door->watch, EPOLLIN, err))
        return false;
    door->watched = true;
    return true;
}
