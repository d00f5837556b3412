/* Who is let in: as many as there are rings, no user more than its share, and nobody while descriptors are short. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/ring_request.h"
#include "agent/source_ring_internal.h"
#include "agent/unix_socket.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    ASKING_MAX = 16, /* connections of a user beside those that have rings */
    PAUSE_US = 1000000,
    TELL_US = 60000000
};

void
source_ring_listen(SourceRing *self, bool wanted)
{
    Err err = {0};
    if (wanted)
        self->resume_us = INT64_MAX;
    if (wanted == self->watched)
        return;
    if (!wanted)
        loop_remove(self->loop, &self->watch);
    else if (!loop_add(self->loop, &self->watch, EPOLLIN, &err))
        loop_fail(self->loop, &err);
    self->watched = wanted;
}

/* Connections of a user that stand for a ring, or all of them. */
static size_t
count_of(const SourceRing *self, uid_t uid, bool rings)
{
    size_t count = 0;
    for (const RingProducer *producer = self->producers; producer != NULL; producer = producer->next)
        count += producer->reader.read.uid == uid && (!rings || producer->ring != NULL) ? 1 : 0;
    return count;
}

static bool
has_share(SourceRing *self, uid_t uid, size_t share, bool rings)
{
    if (uid == 0 || uid == geteuid() || count_of(self, uid, rings) < share)
        return true;
    self->over_share++;
    self->over_share_uid = uid;
    return false;
}

bool
source_ring_has_share(SourceRing *self, uid_t uid)
{
    return has_share(self, uid, RINGS_USER_MAX, true);
}

void
source_ring_say_share(SourceRing *self, uid_t uid, const char *name)
{
    char reason[128];
    (void) snprintf(reason, sizeof(reason),
                    "user %lu has %d of the %d rings, its share; its other threads count their records as lost",
                    (unsigned long) uid, RINGS_USER_MAX, RINGS_MAX);
    source_ring_refused(self, name, reason);
}

static void
admit(SourceRing *self, int fd)
{
    Err err = {0};
    BindingPeer peer;
    if (!binding_peer(self->bindings, self->path, fd, &peer)) {
        (void) close(fd);
        return;
    }
    if (!has_share(self, peer.uid, RINGS_USER_MAX + ASKING_MAX, false)) {
        source_ring_say_share(self, peer.uid, "newcomer");
        ring_reply(fd, RING_REFUSED, -1);
        (void) close(fd);
        return;
    }
    RingProducer *producer = ring_producer_connected(fd, self->loop, self->events, self, &err);
    if (producer == NULL)
        source_ring_refused(self, "newcomer", err.message);
    else
        source_ring_add(self, producer);
}

/* The kernel would wake us for ever about a connection that cannot be taken: look again a little later. */
static void
pause_listening(SourceRing *self, int failed)
{
    uint64_t left_out;
    int64_t now_us = utc_monotonic_us();
    if (log_limit_pass(&self->full_log, now_us, &left_out))
        log_warn("event=rings_wait socket=%s left_out=%" PRIu64 " error=\"%s\" hint=\"raise LimitNOFILE of the agent\"",
                 self->path, left_out, strerror(failed));
    source_ring_listen(self, false);
    self->resume_us = now_us + PAUSE_US;
}

void
source_ring_newcomers(LoopWatch *watch, uint32_t events)
{
    SourceRing *self = (SourceRing *) watch;
    (void) events;
    while (self->producer_count < RINGS_MAX) {
        int fd = unix_accept(watch->fd);
        if (fd < 0 && unix_is_exhausted(errno))
            pause_listening(self, errno);
        if (fd < 0)
            return;
        admit(self, fd);
    }
    uint64_t left_out;
    if (log_limit_pass(&self->full_log, utc_monotonic_us(), &left_out))
        log_warn("event=rings_full socket=%s rings=%zu left_out=%" PRIu64, self->path, self->producer_count, left_out);
    source_ring_listen(self, false);
}

/* A notice of loss, which metrics count by its reason. How many records those threads had nobody knows yet: they tell it with
 * the first ring that they get. */
static bool
tell_refused(SourceRing *self, int64_t now_us, Err *err)
{
    char source[96];
    if (self->over_share == 0 || now_us < self->tell_us)
        return true;
    int length = snprintf(source, sizeof(source), "ring, user %lu: %" PRIu64 " requests above its share",
                          (unsigned long) self->over_share_uid, self->over_share);
    const UsageLoss loss = {
        .source = {source, (size_t) length}, .reason = TEXT_LITERAL("ring_share"), .noticed_at_us = utc_now_us()};
    if (!packer_lose(self->packer, &loss, now_us, err))
        return false;
    self->over_share = 0;
    self->tell_us = now_us + TELL_US;
    return true;
}

bool
source_ring_look_outside(SourceRing *self, int64_t now_us, Err *err)
{
    if (now_us >= self->resume_us)
        source_ring_listen(self, true);
    return tell_refused(self, now_us, err);
}
