#include "agent/source_ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ring_kept.h"
#include "agent/ring_producer.h"
#include "agent/ring_request.h"
#include "agent/source_ring_internal.h"
#include "agent/unix_socket.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    POLL_BUSY_US = 5000,
    POLL_IDLE_US = 50000,
    BUSY_US = 1000000,  /* a ring that had a record within this time is busy */
    REST_US = 5000000,  /* after so long its pages are given back */
    ASK_US = 10000000,  /* how long a connection may wait with its request */
    STORE_US = 1000000, /* how long a ring waits for a keeper that is busy, before it is handed out all the same */
};

static void connection_ready(LoopWatch *watch, uint32_t events);
static void process_ready(LoopWatch *watch, uint32_t events);

static const RingProducerEvents EVENTS = {connection_ready, process_ready};

void
source_ring_add(SourceRing *self, RingProducer *producer)
{
    RingReader *reader = &producer->reader;
    (void) binding_find(self->bindings, self->path, reader->read.uid, &reader->tenant);
    producer->next = self->producers;
    producer->since_us = producer->touched_us = utc_monotonic_us();
    if (producer->state == RING_OPEN) /* of the agent before: how long ago it was touched is not known */
        producer->touched_us -= UTC_DAY_US;
    self->producers = producer;
    self->producer_count++;
    self->due_us = 0;
}

void
source_ring_remove(SourceRing *self, RingProducer *producer)
{
    for (RingProducer **at = &self->producers; *at != NULL; at = &(*at)->next) {
        if (*at == producer) {
            *at = producer->next;
            break;
        }
    }
    ring_producer_free(&producer);
    self->producer_count--;
    source_ring_listen(self, true);
}

/* A closed connection alone does not end a producer that can say so itself: its process does, or its word. */
static void
disconnected(SourceRing *self, RingProducer *producer)
{
    ring_producer_hang_up(producer);
    if (producer->state == RING_ASKING)
        source_ring_remove(self, producer);
    else if (producer->state == RING_OPENING || !ring_can_close(producer->ring))
        ring_reader_end(&producer->reader);
}

static void
connection_ready(LoopWatch *watch, uint32_t events)
{
    RingProducer *producer = (RingProducer *) watch;
    SourceRing *self = producer->owner;
    (void) events;
    Err err = {0};
    RingRequest request;
    int memfd;
    ssize_t length = ring_receive_request(watch->fd, &request, &memfd);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    self->due_us = 0;
    if (length == (ssize_t) sizeof(request)) {
        if (!source_ring_answer(self, producer, &request, memfd, &err))
            loop_fail(self->loop, &err);
        return;
    }
    if (memfd >= 0)
        (void) close(memfd);
    disconnected(self, producer);
}

static void
process_ready(LoopWatch *watch, uint32_t events)
{
    RingProducer *producer = ring_producer_of_process(watch);
    SourceRing *self = producer->owner;
    (void) events;
    self->due_us = 0;
    ring_producer_bury(producer);
    if (producer->state == RING_ASKING)
        source_ring_remove(self, producer);
}

/* Durable and kept (or the keeper takes too long): the worker may have it. */
static void
open_if_ready(SourceRing *self, RingProducer *producer, int64_t now_us)
{
    if (producer->store_waits)
        (void) ring_producer_store(producer, self->keeper);
    if (producer->state != RING_OPENING || !producer->durable)
        return;
    if (producer->store_waits && now_us - producer->since_us < STORE_US)
        return;
    ring_producer_enter(producer, RING_OPEN);
    if (producer->connection.fd >= 0)
        ring_reply(producer->connection.fd, RING_GRANTED, ring_memfd(producer->ring));
}

/* The spool forgets rings that nobody read for days: an idle one is still somebody's. */
static bool
touch(SourceRing *self, RingProducer *producer, int64_t now_us, Err *err)
{
    if (producer->forgotten || now_us - producer->touched_us < UTC_DAY_US)
        return true;
    producer->touched_us = now_us;
    return spool_ring_set(self->spool, ring_id(producer->ring), producer->reader.staged, utc_now_us(), err);
}

static bool
poll_open(SourceRing *self, RingProducer *producer, int64_t now_us, Err *err)
{
    RingReader *reader = &producer->reader;
    if (ring_is_closed(producer->ring))
        ring_reader_end(reader);
    if (!ring_reader_poll(reader, self->packer, now_us, err))
        return false;
    if (ring_reader_is_done(reader) && !producer->forgotten) {
        if (!spool_ring_forget(self->spool, ring_id(producer->ring), err))
            return false;
        producer->forgotten = true;
    }
    if (ring_reader_is_pressing(reader) && !packer_flush(self->packer, err))
        return false;
    if (now_us - reader->last_us < REST_US) {
        producer->rested = false;
    } else if (!producer->rested) {
        ring_rest(producer->ring);
        producer->rested = true;
    }
    return touch(self, producer, now_us, err);
}

static bool
poll_producer(SourceRing *self, RingProducer *producer, int64_t now_us, Err *err)
{
    open_if_ready(self, producer, now_us);
    if (producer->state == RING_OPEN)
        return poll_open(self, producer, now_us, err);
    bool silent = producer->state == RING_ASKING && now_us - producer->since_us > ASK_US;
    if (silent || (producer->state == RING_ENDED && ring_producer_unstore(producer, self->keeper)))
        source_ring_remove(self, producer);
    return true;
}

bool
source_ring_poll(SourceRing *self, int64_t now_us, Err *err)
{
    Err outside = {0};
    if (!source_ring_look_outside(self, now_us, &outside) && outside.code != ERR_FULL) {
        *err = outside;
        return false;
    }
    if (now_us < self->due_us || self->producers == NULL)
        return true;
    bool busy = false;
    RingProducer *next;
    for (RingProducer *producer = self->producers; producer != NULL; producer = next) {
        next = producer->next;
        Err full = {0};
        busy = busy || producer->reader.gone || producer->store_waits || producer->state == RING_ENDED ||
               now_us - producer->reader.last_us < BUSY_US;
        if (!poll_producer(self, producer, now_us, &full) && full.code != ERR_FULL) {
            *err = full;
            return false;
        }
    }
    self->due_us = now_us + (busy ? POLL_BUSY_US : POLL_IDLE_US);
    return true;
}

int64_t
source_ring_due_us(const SourceRing *self)
{
    int64_t due_us = self->producers == NULL ? INT64_MAX : self->due_us;
    return due_us < self->resume_us ? due_us : self->resume_us;
}

/* Called by the packer: what it just staged holds everything read so far. */
static bool
batch_staged(void *context, Err *err)
{
    const SourceRing *self = context;
    int64_t now_us = utc_now_us();
    for (RingProducer *producer = self->producers; producer != NULL; producer = producer->next) {
        RingReader *reader = &producer->reader;
        if (producer->ring == NULL || !ring_reader_is_ahead(reader))
            continue;
        if (!spool_ring_set(self->spool, ring_id(producer->ring), reader->read, now_us, err))
            return false;
        reader->staged = reader->read;
    }
    return true;
}

void
source_ring_committed(SourceRing *self)
{
    int64_t now_us = utc_monotonic_us();
    for (RingProducer *producer = self->producers; producer != NULL; producer = producer->next) {
        if (producer->ring == NULL)
            continue;
        producer->durable = true;
        if (producer->forgotten && producer->state != RING_ENDED) {
            ring_producer_bury(producer);
            ring_producer_enter(producer, RING_ENDED);
            self->due_us = 0;
            continue;
        }
        open_if_ready(self, producer, now_us);
        ring_reader_committed(&producer->reader);
    }
}

/* Go on with the rings of the agent before. */
static bool
take_kept(SourceRing *self, Err *err)
{
    RingKept kept = {0};
    size_t place = 0;
    while (ring_kept_next(self->keeper, &place, &kept)) {
        RingProducer *producer = ring_kept_open(&kept, self->spool, self->packer, self->loop, EVENTS, self, err);
        if (producer == NULL)
            return false;
        source_ring_add(self, producer);
    }
    return true;
}

SourceRing *
source_ring_open(const char *path, SourceRingParts parts, Err *err)
{
    SourceRing *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the ring source");
        return NULL;
    }
    self->resume_us = INT64_MAX;
    self->events = EVENTS;
    self->loop = parts.loop;
    self->packer = parts.packer;
    self->spool = parts.spool;
    self->keeper = parts.keeper;
    self->bindings = parts.bindings;
    self->watch = (LoopWatch){.fd = unix_listen(path, SOCK_SEQPACKET, err), .ready = source_ring_newcomers};
    self->path = strdup(path);
    if (self->watch.fd < 0 || self->path == NULL || !take_kept(self, err) ||
        !loop_add(self->loop, &self->watch, EPOLLIN, err)) {
        err_set(err, ERR_NOMEM, "no memory for the ring source");
        source_ring_free(&self);
        return NULL;
    }
    self->watched = true;
    packer_on_staged(self->packer, batch_staged, self);
    return self;
}

void
source_ring_free(SourceRing **self)
{
    SourceRing *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    while (source->producers != NULL) {
        RingProducer *producer = source->producers;
        source->producers = producer->next;
        ring_producer_free(&producer);
    }
    if (source->watched)
        loop_remove(source->loop, &source->watch);
    if (source->watch.fd >= 0) {
        (void) close(source->watch.fd);
        if (source->path != NULL)
            (void) unlink(source->path);
    }
    free(source->path);
    free(source);
}
