#include "agent/ring_producer.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/utc.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; not in Debian 12's headers */
#endif

static RingProducer *
producer_new(Loop *loop, RingProducerEvents events, void *owner, Err *err)
{
    RingProducer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a ring's producer");
        return NULL;
    }
    self->connection = (LoopWatch){.fd = -1, .ready = events.connection};
    self->process = (LoopWatch){.fd = -1, .ready = events.process};
    self->loop = loop;
    self->owner = owner;
    return self;
}

/* Watch a descriptor that becomes the watch's on success. */
static bool
watch_open(Loop *loop, LoopWatch *watch, int fd, Err *err)
{
    watch->fd = fd;
    if (loop_add(loop, watch, EPOLLIN, err))
        return true;
    watch->fd = -1;
    return false;
}

static void
watch_close(Loop *loop, LoopWatch *watch)
{
    if (watch->fd < 0)
        return;
    loop_remove(loop, watch);
    (void) close(watch->fd);
    watch->fd = -1;
}

static bool
is_hung_up(int connection)
{
    struct pollfd polled = {.fd = connection, .events = 0};
    return poll(&polled, 1, 0) != 0;
}

/* The process that connected. Where the kernel cannot tell (before 6.5) its number is looked up, and is still its own if the
 * connection still stands afterwards. -1 when the process has ended. */
static int
peer_process(int connection, pid_t pid)
{
    int pidfd = -1;
    socklen_t length = sizeof(pidfd);
    if (getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
        return pidfd;
    if (errno != ENOPROTOOPT || pid <= 0)
        return -1;
    pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && is_hung_up(connection)) {
        (void) close(pidfd);
        pidfd = -1;
    }
    return pidfd;
}

static void
name_reader(RingReader *reader)
{
    (void) snprintf(reader->name, sizeof(reader->name), "pid-%d-uid-%u", (int) reader->read.pid,
                    (unsigned) reader->read.uid);
}

RingProducer *
ring_producer_connected(int connection, Loop *loop, RingProducerEvents events, void *owner, Err *err)
{
    struct ucred peer = {0};
    socklen_t length = sizeof(peer);
    RingProducer *self = producer_new(loop, events, owner, err);
    int pidfd = -1;
    if (self == NULL)
        goto failed;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
        (pidfd = peer_process(connection, peer.pid)) < 0) {
        err_set(err, ERR_DENIED, "a producer whose process cannot be watched: %s", strerror(errno));
        goto failed;
    }
    if (!watch_open(loop, &self->process, pidfd, err))
        goto failed;
    pidfd = -1;
    if (!watch_open(loop, &self->connection, connection, err))
        goto failed;
    self->reader.read.pid = peer.pid;
    self->reader.read.uid = peer.uid;
    name_reader(&self->reader);
    return self;
failed:
    if (pidfd >= 0)
        (void) close(pidfd);
    (void) close(connection);
    ring_producer_free(&self);
    return NULL;
}

RingProducer *
ring_producer_kept(Ring *ring, int pidfd, SpoolRing place, Loop *loop, RingProducerEvents events, void *owner, Err *err)
{
    RingProducer *self = producer_new(loop, events, owner, err);
    if (self == NULL || (pidfd >= 0 && !watch_open(loop, &self->process, pidfd, err))) {
        if (pidfd >= 0)
            (void) close(pidfd);
        ring_free(&ring);
        ring_producer_free(&self);
        return NULL;
    }
    ring_producer_take_ring(self, ring, place);
    name_reader(&self->reader);
    self->state = RING_OPEN;
    self->durable = true;
    if (pidfd < 0)
        ring_reader_end(&self->reader);
    return self;
}

RingProducer *
ring_producer_ended(const char *store_name, Loop *loop, RingProducerEvents events, void *owner, Err *err)
{
    RingProducer *self = producer_new(loop, events, owner, err);
    if (self != NULL) {
        (void) snprintf(self->store_name, sizeof(self->store_name), "%s", store_name);
        self->state = RING_ENDED;
    }
    return self;
}

void
ring_producer_free(RingProducer **self)
{
    RingProducer *producer = *self;
    *self = NULL;
    if (producer == NULL)
        return;
    watch_close(producer->loop, &producer->connection);
    watch_close(producer->loop, &producer->process);
    ring_free(&producer->ring);
    free(producer);
}

RingProducer *
ring_producer_of_process(LoopWatch *process)
{
    void *start = (char *) process - offsetof(RingProducer, process);
    return start;
}

void
ring_producer_take_ring(RingProducer *self, Ring *ring, SpoolRing place)
{
    char *out = self->store_name;
    out += snprintf(out, sizeof(self->store_name), "ring-");
    for (size_t i = 0; i < RING_ID_BYTES; i++)
        out += snprintf(out, 3, "%02x", ring_id(ring)[i]);
    self->ring = ring;
    ring_reader_start(&self->reader, ring, place);
}

void
ring_producer_enter(RingProducer *self, RingState state)
{
    self->state = state;
    self->since_us = utc_monotonic_us();
}

void
ring_producer_hang_up(RingProducer *self)
{
    watch_close(self->loop, &self->connection);
}

void
ring_producer_bury(RingProducer *self)
{
    watch_close(self->loop, &self->process);
    watch_close(self->loop, &self->connection);
    if (self->ring != NULL)
        ring_reader_end(&self->reader);
}

bool
ring_producer_reconnect(RingProducer *self, RingProducer *from, Err *err)
{
    int connection = from->connection.fd;
    loop_remove(from->loop, &from->connection);
    from->connection.fd = -1;
    ring_producer_hang_up(self);
    if (watch_open(self->loop, &self->connection, connection, err))
        return true;
    (void) close(connection);
    return false;
}

bool
ring_producer_store(RingProducer *self, Keeper *keeper)
{
    const int fds[] = {ring_memfd(self->ring), self->process.fd};
    Err err = {0};
    self->store_waits = false;
    if (keeper_store(keeper, self->store_name, fds, self->process.fd >= 0 ? 2 : 1, &err))
        return true;
    self->store_waits = err.code == ERR_BUSY;
    if (!self->store_waits)
        log_err(LOG_LEVEL_WARN, "ring_not_kept", &err);
    return !self->store_waits;
}

bool
ring_producer_unstore(RingProducer *self, Keeper *keeper)
{
    Err err = {0};
    if (keeper_remove(keeper, self->store_name, &err))
        return true;
    if (err.code != ERR_BUSY)
        log_err(LOG_LEVEL_WARN, "ring_not_released", &err);
    return err.code != ERR_BUSY;
}
