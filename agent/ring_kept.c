#include "agent/ring_kept.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/utc.h"

static const char PREFIX[] = "ring-";

static void
take(RingKept *out, int fd)
{
    int *room = fcntl(fd, F_GET_SEALS) >= 0 ? &out->memfd : &out->pidfd; /* only memory can be sealed */
    if (*room >= 0)
        (void) close(*room);
    *room = fd;
}

bool
ring_kept_next(Keeper *keeper, size_t *place, RingKept *out)
{
    size_t count;
    KeptDescriptor *passed = keeper_passed(keeper, &count);
    while (*place < count && (passed[*place].fd < 0 || strncmp(passed[*place].name, PREFIX, sizeof(PREFIX) - 1) != 0))
        ++*place;
    if (*place == count)
        return false;
    *out = (RingKept){passed[*place].name, -1, -1};
    for (size_t i = *place; i < count; i++) {
        if (passed[i].fd < 0 || strcmp(passed[i].name, out->name) != 0)
            continue;
        take(out, passed[i].fd);
        passed[i].fd = -1;
    }
    return true;
}

static bool
nibble(char digit, uint8_t *out)
{
    if (digit >= '0' && digit <= '9')
        *out = (uint8_t) (digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *out = (uint8_t) (digit - 'a' + 10);
    else
        return false;
    return true;
}

static bool
id_of_name(const char *name, uint8_t id[RING_ID_BYTES])
{
    const char *digits = name + sizeof(PREFIX) - 1;
    if (strlen(digits) != (size_t) 2 * RING_ID_BYTES)
        return false;
    for (size_t i = 0; i < RING_ID_BYTES; i++) {
        uint8_t high;
        uint8_t low;
        if (!nibble(digits[2 * i], &high) || !nibble(digits[2 * i + 1], &low))
            return false;
        id[i] = (uint8_t) (high << 4 | low);
    }
    return true;
}

static bool
has_ended(int pidfd)
{
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};
    return pidfd < 0 || poll(&polled, 1, 0) > 0;
}

/* Its worker, if it lives, counts what was not taken itself when it brings the ring. Both words are the worker's claims. */
static bool
report_unknown(const RingKept *kept, const Ring *ring, Packer *packer, Err *err)
{
    uint64_t begun = ring_begun(ring);
    uint64_t published = ring_published(ring);
    if (begun <= published || begun - published > RING_SLOTS || !has_ended(kept->pidfd))
        return true;
    const UsageLoss loss = {.source = text_of(kept->name),
                            .reason = TEXT_LITERAL("ring_unknown"),
                            .records = begun - published,
                            .noticed_at_us = utc_now_us()};
    log_warn("event=loss producer=%s reason=ring_unknown records=%" PRIu64, kept->name, loss.records);
    return packer_lose(packer, &loss, utc_monotonic_us(), err);
}

static RingProducer *
let_go(const RingKept *kept, Ring *ring, Packer *packer, Loop *loop, RingProducerEvents events, void *owner, Err *err)
{
    bool reported = ring == NULL || report_unknown(kept, ring, packer, err);
    ring_free(&ring);
    if (kept->pidfd >= 0)
        (void) close(kept->pidfd);
    return reported ? ring_producer_ended(kept->name, loop, events, owner, err) : NULL;
}

RingProducer *
ring_kept_open(const RingKept *kept, Spool *spool, Packer *packer, Loop *loop, RingProducerEvents events, void *owner,
               Err *err)
{
    Err refusal = {0};
    uint8_t id[RING_ID_BYTES];
    SpoolRing place = {0};
    bool known = false;
    Ring *ring = NULL;
    if (kept->memfd >= 0 && id_of_name(kept->name, id))
        ring = ring_reopen(kept->memfd, id, &refusal);
    if (ring == NULL && kept->memfd >= 0)
        (void) close(kept->memfd);
    if (ring == NULL)
        log_warn("event=kept_ring_unusable name=%s reason=\"%s\"", kept->name, refusal.message);
    if (ring != NULL && !spool_ring_get(spool, id, &place, &known, err)) {
        ring_free(&ring);
        if (kept->pidfd >= 0)
            (void) close(kept->pidfd);
        return NULL;
    }
    if (!known)
        return let_go(kept, ring, packer, loop, events, owner, err);
    RingProducer *producer = ring_producer_kept(ring, kept->pidfd, place, loop, events, owner, err);
    if (producer != NULL)
        log_info("event=ring_kept producer=%s position=%" PRIu64 " worker=%s", producer->reader.name, place.position,
                 has_ended(kept->pidfd) ? "gone" : "running");
    return producer;
}
