#include <inttypes.h>
#include <string.h>

#include "agent/uplink_internal.h"
#include "lib/log.h"

enum {
    SETTLE_RETRY_MS = 2000, /* after an answer that says it failed */
    FORBIDDEN_MS = 10000,
    FORBIDDEN_JITTER = 16, /* failures whose back-off is added */
    REUSED_MAX = 3,
    REFUSALS_MAX = 3
};

static void
pause_for(Uplink *self, int64_t now_us, int64_t milliseconds)
{
    self->failures++;
    uplink_enter(self, UPLINK_PAUSED, uplink_after_ms(now_us, milliseconds));
}

static bool
is_our_spool(const Uplink *self, const ProtobufCBinaryData *id)
{
    return id->len == WIRE_ID_BYTES && memcmp(id->data, spool_id(self->spool), WIRE_ID_BYTES) == 0;
}

static void
committed_up_to(Uplink *self, uint64_t key)
{
    if (key < spool_first(self->spool))
        return;
    for (uint64_t done = spool_first(self->spool); done <= key && done < self->next; done++) {
        size_t *size = &self->sizes[done % UPLINK_WINDOW_MAX];
        self->flight_bytes -= *size < self->flight_bytes ? *size : self->flight_bytes;
    }
    spool_acknowledge(self->spool, key);
    if (self->next < spool_first(self->spool))
        self->next = spool_first(self->spool);
    self->handlers.committed(self->handlers.context, key);
}

static bool
on_welcome(Uplink *self, const Millibill__Welcome *welcome, int64_t now_us, Err *err)
{
    if (self->state != UPLINK_GREETING || !is_our_spool(self, &welcome->spool))
        return true;
    bool agreed;
    if (!uplink_agree(self, welcome, now_us, &agreed, err) || !agreed)
        return !err_is_set(err);
    committed_up_to(self, spool_base(self->spool) + welcome->committed_sequence);
    uplink_rewind_window(self);
    self->window = welcome->window == 0 ? WIRE_WINDOW : welcome->window;
    if (self->window > UPLINK_WINDOW_MAX)
        self->window = UPLINK_WINDOW_MAX;
    self->progress_us = now_us;
    self->told_down = false;
    uplink_enter(self, UPLINK_READY, INT64_MAX);
    for (size_t i = 0; i < self->settle_count; i++)
        self->settles[i].send_at_us = now_us;
    log_info("event=collector_welcomes collector=%s committed=%" PRIu64 " waiting=%" PRIu64, uplink_collector(self),
             welcome->committed_sequence, spool_last(self->spool) + 1 - spool_first(self->spool));
    return true;
}

static void
on_ack(Uplink *self, const Millibill__Ack *ack, int64_t now_us)
{
    if (!is_our_spool(self, &ack->spool))
        return;
    uint64_t key = spool_base(self->spool) + ack->sequence;
    if (key > self->highest_sent) {
        log_warn("event=ack_of_unsent collector=%s sequence=%" PRIu64, uplink_collector(self), ack->sequence);
        return;
    }
    for (size_t i = 0; i < ack->n_registered_tenants; i++)
        self->handlers.registered(self->handlers.context, ack->registered_tenants[i]);
    self->progress_us = now_us;
    self->failures = 0;
    self->reused = 0;
    committed_up_to(self, key);
}

static void
on_settled(Uplink *self, const Millibill__Settled *settled, int64_t now_us)
{
    if (settled->import_id.len != WIRE_ID_BYTES)
        return;
    for (size_t i = 0; i < self->settle_count; i++) {
        if (memcmp(self->settles[i].import_id, settled->import_id.data, WIRE_ID_BYTES) != 0)
            continue;
        if (!settled->done) {
            log_warn("event=settle_failed collector=%s reason=\"%s\"", uplink_collector(self), settled->message);
            self->settles[i].send_at_us = uplink_after_ms(now_us, SETTLE_RETRY_MS);
            return;
        }
        self->settles[i] = self->settles[--self->settle_count];
        self->handlers.settled(self->handlers.context, settled);
        return;
    }
}

/* A refusal of a batch, while batches are being sent. */
static bool
on_batch_refusal(Uplink *self, const Millibill__Refusal *refusal, int64_t now_us, Err *err)
{
    uint64_t key = spool_base(self->spool) + refusal->sequence;
    bool waiting = is_our_spool(self, &refusal->spool) && key >= spool_first(self->spool) && key < self->next;
    if (refusal->reason == MILLIBILL__REFUSAL_REASON__BROKEN && waiting &&
        !uplink_set_aside(self, key, "batch_refused", refusal->message, now_us, err))
        return false;
    if (self->state != UPLINK_READY)
        return true;
    if (refusal->reason == MILLIBILL__REFUSAL_REASON__SEQUENCE_REUSED && waiting &&
        (key == spool_first(self->spool) || ++self->reused > REUSED_MAX))
        return uplink_renew(self, "another spool used the same sequence: this one is a copy", now_us, err);
    if (refusal->reason == MILLIBILL__REFUSAL_REASON__BROKEN || refusal->reason == MILLIBILL__REFUSAL_REASON__GAP ||
        refusal->reason == MILLIBILL__REFUSAL_REASON__SEQUENCE_REUSED ||
        refusal->reason == MILLIBILL__REFUSAL_REASON__NOT_GREETED) {
        if (++self->failures > REFUSALS_MAX) /* a collector that goes on refusing is not asked at full speed */
            pause_for(self, now_us, uplink_backoff_ms(self->failures));
        else
            uplink_greet(self, now_us);
    }
    return true;
}

static bool
on_refusal(Uplink *self, const Millibill__Refusal *refusal, int64_t now_us, Err *err)
{
    bool about_hello = refusal->reason == MILLIBILL__REFUSAL_REASON__TRY_LATER ||
                       refusal->reason == MILLIBILL__REFUSAL_REASON__FORBIDDEN ||
                       refusal->reason == MILLIBILL__REFUSAL_REASON__WRONG_VERSION;
    if (self->state != UPLINK_READY && !(self->state == UPLINK_GREETING && about_hello))
        return true; /* an earlier one was acted upon: this belongs to a batch that was in flight then */
    log_info("event=refused collector=%s sequence=%" PRIu64 " reason=%d message=\"%s\"", uplink_collector(self),
             refusal->sequence, (int) refusal->reason, refusal->message);
    switch (refusal->reason) {
    case MILLIBILL__REFUSAL_REASON__TRY_LATER:
        pause_for(self, now_us, uplink_backoff_ms(self->failures));
        return true;
    case MILLIBILL__REFUSAL_REASON__FORBIDDEN:
    case MILLIBILL__REFUSAL_REASON__WRONG_VERSION:
        log_error("event=collector_refuses collector=%s message=\"%s\"", uplink_collector(self), refusal->message);
        uplink_fail_over(self, now_us, refusal->message);
        self->deadline_us = uplink_after_ms(now_us, FORBIDDEN_MS + uplink_backoff_ms(FORBIDDEN_JITTER));
        return true;
    default:
        return on_batch_refusal(self, refusal, now_us, err);
    }
}

bool
uplink_answer(Uplink *self, const Millibill__Frame *frame, int64_t now_us, Err *err)
{
    switch (frame->kind_case) {
    case MILLIBILL__FRAME__KIND_WELCOME:
        return on_welcome(self, frame->welcome, now_us, err);
    case MILLIBILL__FRAME__KIND_ACK:
        on_ack(self, frame->ack, now_us);
        return true;
    case MILLIBILL__FRAME__KIND_SETTLED:
        on_settled(self, frame->settled, now_us);
        return true;
    case MILLIBILL__FRAME__KIND_REFUSAL:
        return on_refusal(self, frame->refusal, now_us, err);
    default:
        log_warn("event=unexpected_frame collector=%s kind=%d", uplink_collector(self), (int) frame->kind_case);
        return true;
    }
}
