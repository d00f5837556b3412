#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "agent/ring_request.h"
#include "agent/source_ring_internal.h"
#include "lib/log.h"
#include "lib/utc.h"

static RingProducer *
find_ring(const SourceRing *self, const uint8_t *id)
{
    for (RingProducer *producer = self->producers; producer != NULL; producer = producer->next)
        if (producer->ring != NULL && memcmp(ring_id(producer->ring), id, RING_ID_BYTES) == 0)
            return producer;
    return NULL;
}

void
source_ring_refused(SourceRing *self, const char *name, const char *reason)
{
    uint64_t left_out;
    if (log_limit_pass(&self->refused_log, utc_monotonic_us(), &left_out))
        log_warn("event=ring_refused producer=%s left_out=%" PRIu64 " reason=\"%s\"", name, left_out, reason);
}

static void
refuse(SourceRing *self, RingProducer *producer, const char *reason)
{
    source_ring_refused(self, producer->reader.name, reason);
    ring_reply(producer->connection.fd, RING_REFUSED, -1);
    source_ring_remove(self, producer);
}

/* The worker's ring is read already: the new connection stands for it from now on. A ring that is being read to its end is
 * not answered for: the worker asks again when it can be told what was not taken. */
static void
rejoin(SourceRing *self, RingProducer *producer, RingProducer *held)
{
    bool same_user = held->reader.read.uid == producer->reader.read.uid;
    if (!same_user) {
        refuse(self, producer, "the ring of another user's worker");
        return;
    }
    Err failure = {0};
    if (!held->reader.gone && ring_producer_reconnect(held, producer, &failure))
        ring_reply(held->connection.fd, RING_GRANTED, -1);
    else if (err_is_set(&failure))
        source_ring_refused(self, held->reader.name, failure.message);
    source_ring_remove(self, producer);
}

/* A producer brings the ring that an earlier agent gave it. */
static bool
adopt(SourceRing *self, RingProducer *producer, int memfd, Err *err)
{
    Err refusal = {0};
    Ring *ring = memfd < 0 ? NULL : ring_adopt(memfd, &refusal);
    if (ring == NULL) {
        if (memfd >= 0)
            (void) close(memfd);
        refuse(self, producer, memfd < 0 ? "no descriptor" : refusal.message);
        return true;
    }
    RingProducer *held = find_ring(self, ring_id(ring));
    SpoolRing place = {0};
    bool found = false;
    if (held != NULL) {
        ring_free(&ring);
        rejoin(self, producer, held);
        return true;
    }
    if (!spool_ring_get(self->spool, ring_id(ring), &place, &found, err)) {
        ring_free(&ring);
        return false;
    }
    if (!found) {
        ring_free(&ring);
        ring_reply(producer->connection.fd, RING_UNKNOWN, -1);
        source_ring_remove(self, producer);
        return true;
    }
    if (place.uid != UINT32_MAX && place.uid != producer->reader.read.uid) {
        ring_free(&ring);
        refuse(self, producer, "the ring of another user's worker");
        return true;
    }
    place.pid = producer->reader.read.pid;
    place.uid = producer->reader.read.uid;
    ring_producer_take_ring(producer, ring, place);
    (void) ring_producer_store(producer, self->keeper);
    producer->durable = true;
    ring_producer_enter(producer, RING_OPEN);
    ring_reply(producer->connection.fd, RING_GRANTED, -1);
    log_info("event=ring_adopted producer=%s position=%" PRIu64, producer->reader.name, place.position);
    return true;
}

/* A fresh ring: handed out once its id is durable and its memory kept. That one worker cannot have one is no reason to end: the
 * others have theirs. */
static bool
give_ring(SourceRing *self, RingProducer *producer, uint32_t version, Err *err)
{
    Err full = {0};
    if (!source_ring_has_share(self, producer->reader.read.uid)) {
        source_ring_say_share(self, producer->reader.read.uid, producer->reader.name);
        ring_reply(producer->connection.fd, RING_REFUSED, -1);
        source_ring_remove(self, producer);
        return true;
    }
    Ring *ring = ring_create(version, &full);
    if (ring == NULL) {
        refuse(self, producer, full.message);
        return true;
    }
    if (!spool_ring_set(self->spool, ring_id(ring), producer->reader.read, utc_now_us(), &full)) {
        ring_free(&ring);
        if (full.code != ERR_FULL)
            return err_set(err, full.code, "%s", full.message);
        refuse(self, producer, full.message);
        return true;
    }
    ring_producer_take_ring(producer, ring, producer->reader.read);
    (void) ring_producer_store(producer, self->keeper);
    ring_producer_enter(producer, RING_OPENING);
    return true;
}

bool
source_ring_answer(SourceRing *self, RingProducer *producer, const RingRequest *request, int memfd, Err *err)
{
    bool known = request->magic == RING_REQUEST_MAGIC && request->version >= RING_VERSION_OLDEST &&
                 request->version <= RING_VERSION && producer->state == RING_ASKING;
    if (known && request->kind == RING_REQUEST_ADOPT)
        return adopt(self, producer, memfd, err);
    if (memfd >= 0)
        (void) close(memfd);
    if (!known || request->kind != RING_REQUEST_NEW) {
        ring_reply(producer->connection.fd, RING_REFUSED, -1);
        return true;
    }
    return give_ring(self, producer, request->version, err);
}
