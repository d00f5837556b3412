#include "agent/source_ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ring.h"
#include "agent/ring_request.h"
#include "agent/unix_socket.h"
#include "lib/digest.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    POLL_BUSY_US = 5000,
    POLL_IDLE_US = 50000,
    BUSY_US = 1000000, /* a ring that had a record within this time is busy */
    REST_US = 5000000, /* after so long its pages are given back */
    LOSS_EVERY_US = 1000000,
    FLUSH_SLOTS = RING_SLOTS / 4 /* read but not durable: do not let the producer wait for the flush interval */
};

/* More than a thread can lose between two notices: the counter was scribbled over. */
#define LOST_PLAUSIBLE UINT64_C(1000000000000)

typedef enum RingState {
    RING_ASKING,  /* connected, no request yet */
    RING_OPENING, /* its id is staged; handed out after the commit */
    RING_OPEN,
    RING_ENDING /* the producer has gone: read to the end, then forget */
} RingState;

typedef struct Producer Producer;

struct Producer {
    LoopWatch watch;
    bool watched;
    SourceRing *owner;
    Producer *next;
    RingState state;
    Ring *ring;
    char name[64];    /* for messages and loss notices */
    SpoolRing read;   /* taken into the packer */
    SpoolRing staged; /* with a batch in the spool's transaction */
    SpoolRing durable;
    int64_t last_us; /* last record */
    int64_t loss_us; /* last loss notice */
    bool rested;
    bool forgotten; /* removal from the spool is staged */
};

struct SourceRing {
    LoopWatch watch; /* the listener */
    bool watched;
    Loop *loop;
    Packer *packer;
    Spool *spool;
    char *path;
    Producer *producers;
    size_t producer_count;
    int64_t due_us;
};

static void
watch_set(Loop *loop, LoopWatch *watch, bool *watched, bool wanted)
{
    Err err = {0};
    if (wanted == *watched)
        return;
    if (!wanted)
        loop_remove(loop, watch);
    else if (!loop_add(loop, watch, EPOLLIN, &err))
        loop_fail(loop, &err);
    *watched = wanted;
}

static void
producer_free(Producer *self)
{
    SourceRing *owner = self->owner;
    for (Producer **at = &owner->producers; *at != NULL; at = &(*at)->next) {
        if (*at == self) {
            *at = self->next;
            break;
        }
    }
    watch_set(owner->loop, &self->watch, &self->watched, false);
    (void) close(self->watch.fd);
    ring_free(&self->ring);
    free(self);
    owner->producer_count--;
    watch_set(owner->loop, &owner->watch, &owner->watched, true);
}

static bool
is_held(const SourceRing *self, const uint8_t *id)
{
    for (const Producer *producer = self->producers; producer != NULL; producer = producer->next)
        if (producer->ring != NULL && memcmp(ring_id(producer->ring), id, RING_ID_BYTES) == 0)
            return true;
    return false;
}

/* A producer brings the ring that an earlier agent gave it. */
static bool
adopt(Producer *self, int memfd, Err *err)
{
    Err refusal = {0};
    Ring *ring = memfd < 0 ? NULL : ring_adopt(memfd, &refusal);
    if (ring == NULL) {
        if (memfd >= 0)
            (void) close(memfd);
        log_warn("event=ring_refused producer=%s reason=\"%s\"", self->name, refusal.message);
        ring_reply(self->watch.fd, RING_REFUSED, -1);
        return true;
    }
    SpoolRing place;
    bool found = false;
    if (!spool_ring_get(self->owner->spool, ring_id(ring), &place, &found, err)) {
        ring_free(&ring);
        return false;
    }
    if (!found || is_held(self->owner, ring_id(ring))) {
        ring_free(&ring);
        ring_reply(self->watch.fd, RING_UNKNOWN, -1);
        return true;
    }
    self->ring = ring;
    self->read = self->staged = self->durable = place;
    self->state = RING_OPEN;
    ring_publish(ring, place.position);
    ring_reply(self->watch.fd, RING_GRANTED, -1);
    log_info("event=ring_adopted producer=%s position=%" PRIu64, self->name, place.position);
    return true;
}

static bool
take_request(Producer *self, const RingRequest *request, int memfd, Err *err)
{
    if (request->magic != RING_REQUEST_MAGIC || request->version != RING_VERSION || self->state != RING_ASKING) {
        if (memfd >= 0)
            (void) close(memfd);
        ring_reply(self->watch.fd, RING_REFUSED, -1);
        return true;
    }
    if (request->kind == RING_REQUEST_ADOPT)
        return adopt(self, memfd, err);
    if (memfd >= 0)
        (void) close(memfd);
    self->ring = ring_create(err);
    self->state = RING_OPENING;
    return self->ring != NULL && spool_ring_set(self->owner->spool, ring_id(self->ring), self->read, utc_now_us(), err);
}

static void
producer_ready(LoopWatch *watch, uint32_t events)
{
    Producer *self = (Producer *) watch;
    (void) events;
    Err err = {0};
    RingRequest request;
    int memfd;
    ssize_t length = ring_receive_request(self->watch.fd, &request, &memfd);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length == (ssize_t) sizeof(request)) {
        if (!take_request(self, &request, memfd, &err))
            loop_fail(self->owner->loop, &err);
        self->owner->due_us = 0;
        return;
    }
    if (memfd >= 0)
        (void) close(memfd);
    watch_set(self->owner->loop, &self->watch, &self->watched, false);
    self->owner->due_us = 0;
    if (self->ring == NULL)
        producer_free(self);
    else
        self->state = RING_ENDING;
}

static void
name_producer(Producer *self)
{
    struct ucred peer = {0};
    socklen_t length = sizeof(peer);
    (void) getsockopt(self->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    (void) snprintf(self->name, sizeof(self->name), "pid-%d-uid-%u", (int) peer.pid, (unsigned) peer.uid);
}

static void
listener_ready(LoopWatch *watch, uint32_t events)
{
    SourceRing *self = (SourceRing *) watch;
    (void) events;
    int fd;
    while (self->producer_count < RINGS_MAX && (fd = unix_accept(watch->fd)) >= 0) {
        Producer *producer = calloc(1, sizeof(*producer));
        if (producer == NULL) {
            (void) close(fd);
            return;
        }
        producer->watch = (LoopWatch){.fd = fd, .ready = producer_ready};
        producer->owner = self;
        producer->next = self->producers;
        self->producers = producer;
        self->producer_count++;
        name_producer(producer);
        watch_set(self->loop, &producer->watch, &producer->watched, true);
    }
    if (self->producer_count >= RINGS_MAX) {
        log_warn("event=rings_full socket=%s rings=%zu", self->path, self->producer_count);
        watch_set(self->loop, &self->watch, &self->watched, false);
    }
}

static bool
add_record(Producer *self, UsageRecord *record, int64_t now_us, Err *err)
{
    uint8_t uuid[16];
    char id[37];
    if (text_is_empty(record->request_id)) {
        uuid_make(uuid);
        record->request_id = text_of(uuid_format(uuid, id));
    }
    return packer_add(self->owner->packer, record, now_us, err);
}

static bool
add_rejected(const Producer *self, const UsageFault *fault, int64_t now_us, Err *err)
{
    const UsageRejected rejected = {.raw = ring_slot_bytes(self->ring),
                                    .format = TEXT_LITERAL("ring"),
                                    .reason = text_of(usage_reason_name(fault->reason)),
                                    .field = text_of(fault->field),
                                    .message = text_of(fault->message),
                                    .source = text_of(self->name)};
    return packer_reject(self->owner->packer, &rejected, now_us, err);
}

static bool
add_loss(const Producer *self, const char *reason, uint64_t records, int64_t now_us, Err *err)
{
    const UsageLoss loss = {
        .source = text_of(self->name), .reason = text_of(reason), .records = records, .noticed_at_us = utc_now_us()};
    log_warn("event=loss producer=%s reason=%s records=%" PRIu64, self->name, reason, records);
    return packer_lose(self->owner->packer, &loss, now_us, err);
}

/* A producer that does not keep to the protocol is read no further. */
static bool
give_up(Producer *self, int64_t now_us, Err *err)
{
    if (!add_loss(self, "ring_damaged", 0, now_us, err))
        return false;
    self->state = RING_ENDING;
    self->read.lost = UINT64_MAX; /* nor are its counts believed */
    self->read.position = UINT64_MAX;
    watch_set(self->owner->loop, &self->watch, &self->watched, false);
    (void) shutdown(self->watch.fd, SHUT_RDWR);
    return true;
}

/* Take at most one ring full of slots. */
static bool
read_ring(Producer *self, int64_t now_us, Err *err)
{
    for (int i = 0; i < RING_SLOTS && self->read.position != UINT64_MAX; i++) {
        UsageRecord record;
        UsageFault fault = {0};
        RingResult result = ring_read(self->ring, self->read.position, &record, &fault);
        if (result == RING_EMPTY)
            return true;
        if (result == RING_BROKEN)
            return give_up(self, now_us, err);
        bool added =
            result == RING_RECORD ? add_record(self, &record, now_us, err) : add_rejected(self, &fault, now_us, err);
        if (!added)
            return false;
        self->read.position++;
        self->last_us = now_us;
        self->rested = false;
    }
    return true;
}

static bool
report_loss(Producer *self, int64_t now_us, Err *err)
{
    uint64_t lost = ring_lost(self->ring);
    if (lost <= self->read.lost || (self->state != RING_ENDING && now_us - self->loss_us < LOSS_EVERY_US))
        return true;
    if (lost - self->read.lost > LOST_PLAUSIBLE)
        return give_up(self, now_us, err);
    if (!add_loss(self, "ring_full", lost - self->read.lost, now_us, err))
        return false;
    self->read.lost = lost;
    self->loss_us = now_us;
    return true;
}

static bool
equals(SpoolRing a, SpoolRing b)
{
    return a.position == b.position && a.lost == b.lost;
}

/* An ended ring whose last slot is durable leaves the spool too. */
static bool
forget_if_done(Producer *self, Err *err)
{
    if (self->state != RING_ENDING || self->forgotten || !equals(self->read, self->durable))
        return true;
    self->forgotten = true;
    return spool_ring_forget(self->owner->spool, ring_id(self->ring), err);
}

static bool
poll_ring(Producer *self, int64_t now_us, Err *err)
{
    if (!read_ring(self, now_us, err) || !report_loss(self, now_us, err) || !forget_if_done(self, err))
        return false;
    bool far = self->read.position - self->durable.position >= FLUSH_SLOTS;
    if ((far || self->state == RING_ENDING) && !packer_flush(self->owner->packer, err))
        return false;
    if (!self->rested && now_us - self->last_us > REST_US) {
        ring_rest(self->ring);
        self->rested = true;
    }
    return true;
}

bool
source_ring_poll(SourceRing *self, int64_t now_us, Err *err)
{
    if (now_us < self->due_us || self->producers == NULL)
        return true;
    int64_t last_us = INT64_MIN / 2;
    bool ending = false;
    for (Producer *producer = self->producers; producer != NULL; producer = producer->next) {
        Err full = {0};
        if (producer->state != RING_OPEN && producer->state != RING_ENDING)
            continue;
        if (!poll_ring(producer, now_us, &full) && full.code != ERR_FULL) {
            *err = full;
            return false;
        }
        ending = ending || producer->state == RING_ENDING;
        last_us = producer->last_us > last_us ? producer->last_us : last_us;
    }
    self->due_us = now_us + (ending || now_us - last_us < BUSY_US ? POLL_BUSY_US : POLL_IDLE_US);
    return true;
}

int64_t
source_ring_due_us(const SourceRing *self)
{
    return self->producers == NULL ? INT64_MAX : self->due_us;
}

/* Called by the packer: what it just staged holds everything read so far. */
static bool
batch_staged(void *context, Err *err)
{
    const SourceRing *self = context;
    int64_t now_us = utc_now_us();
    for (Producer *producer = self->producers; producer != NULL; producer = producer->next) {
        if (producer->ring == NULL || equals(producer->read, producer->staged))
            continue;
        if (!spool_ring_set(self->spool, ring_id(producer->ring), producer->read, now_us, err))
            return false;
        producer->staged = producer->read;
    }
    return true;
}

void
source_ring_committed(SourceRing *self)
{
    Producer *next;
    for (Producer *producer = self->producers; producer != NULL; producer = next) {
        next = producer->next;
        if (producer->forgotten) {
            producer_free(producer);
            continue;
        }
        if (producer->state == RING_OPENING) {
            producer->state = RING_OPEN;
            ring_reply(producer->watch.fd, RING_GRANTED, ring_memfd(producer->ring));
        }
        if (producer->ring != NULL && !equals(producer->staged, producer->durable)) {
            producer->durable = producer->staged;
            ring_publish(producer->ring, producer->durable.position);
        }
    }
}

SourceRing *
source_ring_open(const char *path, Loop *loop, Packer *packer, Spool *spool, Err *err)
{
    SourceRing *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the ring source");
        return NULL;
    }
    self->loop = loop;
    self->packer = packer;
    self->spool = spool;
    self->watch = (LoopWatch){.fd = unix_listen(path, SOCK_SEQPACKET, err), .ready = listener_ready};
    self->path = strdup(path);
    if (self->watch.fd < 0 || self->path == NULL || !loop_add(loop, &self->watch, EPOLLIN, err)) {
        err_set(err, ERR_NOMEM, "no memory for the ring source");
        source_ring_free(&self);
        return NULL;
    }
    self->watched = true;
    packer_on_staged(packer, batch_staged, self);
    return self;
}

void
source_ring_free(SourceRing **self)
{
    SourceRing *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    Producer *next;
    for (Producer *producer = source->producers; producer != NULL; producer = next) {
        next = producer->next;
        producer_free(producer);
    }
    watch_set(source->loop, &source->watch, &source->watched, false);
    if (source->watch.fd >= 0) {
        (void) close(source->watch.fd);
        if (source->path != NULL)
            (void) unlink(source->path);
    }
    free(source->path);
    free(source);
}
