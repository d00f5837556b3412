/* Collector and spool remember different pasts: who was restored, and what is sent again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/envelope.h"
#include "agent/spool_notes.h"
#include "agent/uplink_internal.h"
#include "lib/log.h"
#include "lib/utc.h"

static const Text INCARNATION = {"incarnation", 11}; /* of the database that was last met */

void
uplink_rewind_window(Uplink *self)
{
    self->next = spool_first(self->spool);
    self->flight_bytes = 0;
}

bool
uplink_renew(Uplink *self, const char *reason, int64_t now_us, Err *err)
{
    log_error("event=spool_renewed collector=%s reason=\"%s\" waiting=%" PRIu64, uplink_collector(self), reason,
              spool_last(self->spool) + 1 - spool_first(self->spool));
    if (!spool_renew(self->spool, err) || !spool_commit(self->spool, true, err))
        return false;
    self->reused = 0;
    uplink_rewind_window(self);
    uplink_greet(self, now_us);
    return true;
}

/* A notice that earlier batches are missing over there. A full spool has no room for it: then the log has to do. */
static bool
note_gap(Uplink *self, uint64_t from, uint64_t to, Err *err)
{
    uint64_t key;
    Err full = {0};
    char what[96];
    (void) snprintf(what, sizeof(what), "agent, sequences %" PRIu64 " to %" PRIu64, from, to);
    log_error("event=batches_no_longer_held collector=%s from=%" PRIu64 " to=%" PRIu64
              " hint=\"spool_retain_hours and spool_max_mb say how many stay\"",
              uplink_collector(self), from, to);
    if (!envelope_pack_loss("collector_restored", what, 0, utc_now_us(), &self->value, err))
        return false;
    if (spool_append_notice(self->spool, buffer_text(&self->value), &key, &full) || full.code == ERR_FULL)
        return true;
    *err = full;
    return false;
}

/* A database, by what it says of itself: nothing, or that it is the first, the same or another one than was met last. */
typedef enum Meeting { MET_UNNAMED, MET_FIRST, MET_SAME, MET_ANOTHER } Meeting;

static bool
recognise(Uplink *self, Text incarnation, Meeting *meeting, Err *err)
{
    Buffer before = {0};
    bool known;
    *meeting = MET_UNNAMED;
    if (incarnation.length == 0 || incarnation.length > SPOOL_NOTE_KEY_BYTES_MAX)
        return true;
    bool done = spool_note_get(self->spool, SPOOL_LINK, INCARNATION, &before, &known, err);
    if (done && !known)
        *meeting = MET_FIRST;
    else if (done)
        *meeting = text_equal(buffer_text(&before), incarnation) ? MET_SAME : MET_ANOTHER;
    buffer_free(&before);
    return done;
}

static Text
incarnation_of(const Millibill__Welcome *welcome)
{
    return (Text){(const char *) welcome->incarnation.data, welcome->incarnation.len};
}

/* Stage which database was met. What it makes necessary is staged in the same transaction: after a crash between the two,
 * nobody would know any more that something is to be sent again. */
static bool
remember(Uplink *self, Text incarnation, Err *err)
{
    Meeting meeting;
    if (!recognise(self, incarnation, &meeting, err))
        return false;
    if (meeting == MET_UNNAMED || meeting == MET_SAME)
        return true;
    Err full = {0}; /* a note that finds no room is written at a later Welcome */
    if (!spool_note_set(self->spool, SPOOL_LINK, INCARNATION, incarnation, &full) && full.code != ERR_FULL) {
        *err = full;
        return false;
    }
    return true;
}

/* The database lost batches that it had acknowledged: send what is held of them, from `wanted` on. `all`: also what went under
 * an earlier id. */
static bool
replay(Uplink *self, const Millibill__Welcome *welcome, uint64_t wanted, bool all, int64_t now_us, bool *agreed,
       Err *err)
{
    uint64_t reached;
    uint64_t base = spool_base(self->spool);
    uint64_t acknowledged = spool_first(self->spool) - 1;
    if (acknowledged > self->replay_until)
        self->replay_until = acknowledged;
    if (!spool_rewind(self->spool, all ? 0 : wanted, &reached, err) ||
        (reached > wanted && !note_gap(self, wanted - base, reached - 1 - base, err)) ||
        !remember(self, incarnation_of(welcome), err))
        return false;
    log_error("event=database_restored collector=%s from=%" PRIu64 " to=%" PRIu64 " batches=%" PRIu64,
              uplink_collector(self), wanted - base, acknowledged - base, acknowledged + 1 - reached);
    *agreed = reached == wanted;
    if (!*agreed)
        return uplink_renew(self, "the collector's database was restored or is another one", now_us, err);
    uplink_rewind_window(self);
    return spool_commit(self->spool, true, err);
}

bool
uplink_agree(Uplink *self, const Millibill__Welcome *welcome, int64_t now_us, bool *agreed, Err *err)
{
    Meeting meeting;
    uint64_t base = spool_base(self->spool);
    *agreed = false;
    if (welcome->committed_sequence > spool_last(self->spool) - base)
        return uplink_renew(self, "the collector knows later batches: the spool was restored from a copy", now_us, err);
    if (!recognise(self, incarnation_of(welcome), &meeting, err))
        return false;
    uint64_t wanted = base + welcome->committed_sequence + 1;
    bool is_behind = wanted < self->greeted_first;
    bool all =
        welcome->committed_sequence == 0 && spool_oldest(self->spool) <= base && (meeting == MET_ANOTHER || is_behind);
    *agreed = !is_behind && !all;
    if (!*agreed)
        return replay(self, welcome, wanted, all, now_us, agreed, err);
    return remember(self, incarnation_of(welcome), err) && spool_commit(self->spool, false, err);
}
