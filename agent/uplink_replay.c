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

/* Is this another database than before? */
static bool
is_another(Uplink *self, const ProtobufCBinaryData *incarnation, bool *another, Err *err)
{
    Buffer before = {0};
    bool known;
    Text now = {(const char *) incarnation->data, incarnation->len};
    *another = false;
    if (now.length == 0 || now.length > SPOOL_NOTE_KEY_BYTES_MAX)
        return true;
    bool done = spool_note_get(self->spool, SPOOL_LINK, INCARNATION, &before, &known, err);
    *another = done && known && !text_equal(buffer_text(&before), now);
    buffer_free(&before);
    return done;
}

/* Stage which database was met. What it makes necessary is staged in the same transaction: after a crash between the two,
 * nobody would know any more that something is to be sent again. */
static bool
remember(Uplink *self, const ProtobufCBinaryData *incarnation, Err *err)
{
    Buffer before = {0};
    bool known;
    Text now = {(const char *) incarnation->data, incarnation->len};
    if (now.length == 0 || now.length > SPOOL_NOTE_KEY_BYTES_MAX)
        return true;
    bool done = spool_note_get(self->spool, SPOOL_LINK, INCARNATION, &before, &known, err);
    bool same = known && text_equal(buffer_text(&before), now);
    buffer_free(&before);
    if (!done || same)
        return done;
    Err full = {0}; /* a note that finds no room is written at a later Welcome */
    if (!spool_note_set(self->spool, SPOOL_LINK, INCARNATION, now, &full) && full.code != ERR_FULL) {
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
        !remember(self, &welcome->incarnation, err))
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
    bool another;
    uint64_t base = spool_base(self->spool);
    *agreed = false;
    if (welcome->committed_sequence > spool_last(self->spool) - base)
        return uplink_renew(self, "the collector knows later batches: the spool was restored from a copy", now_us, err);
    if (!is_another(self, &welcome->incarnation, &another, err))
        return false;
    uint64_t wanted = base + welcome->committed_sequence + 1;
    bool is_behind = wanted < self->greeted_first;
    bool all = welcome->committed_sequence == 0 && spool_oldest(self->spool) <= base && (another || is_behind);
    *agreed = !is_behind && !all;
    if (!*agreed)
        return replay(self, welcome, wanted, all, now_us, agreed, err);
    return remember(self, &welcome->incarnation, err) && spool_commit(self->spool, false, err);
}
