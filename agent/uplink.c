#include "agent/uplink.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/envelope.h"
#include "agent/uplink_internal.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/utc.h"

enum {
    ATTEMPT_MS = 10000,      /* from connecting to Welcome with one collector */
    ATTEMPT_SHORT_MS = 3000, /* with several */
    SETTLE_AGAIN_MS = 60000, /* an answer that got lost without a disconnection */
    BACKOFF_FIRST_MS = 100,
    MILLISECOND_US = 1000
};

int64_t
uplink_after_ms(int64_t now_us, int64_t milliseconds)
{
    return now_us + milliseconds * MILLISECOND_US;
}

/* 100 ms, 200 ms, ... up to the maximum, each between half and whole. */
int64_t
uplink_backoff_ms(int failures)
{
    int64_t whole = BACKOFF_FIRST_MS;
    for (int i = 0; i < failures && whole < UPLINK_BACKOFF_MAX_MS; i++)
        whole *= 2;
    if (whole > UPLINK_BACKOFF_MAX_MS)
        whole = UPLINK_BACKOFF_MAX_MS;
    return whole / 2 + randombytes_uniform((uint32_t) (whole / 2) + 1);
}

const char *
uplink_collector(const Uplink *self)
{
    return self->config->collectors[self->collector];
}

void
uplink_enter(Uplink *self, UplinkState state, int64_t deadline_us)
{
    if (self->state == UPLINK_READY && state != UPLINK_READY) {
        log_info("event=collector_left collector=%s waiting=%" PRIu64, uplink_collector(self),
                 spool_last(self->spool) + 1 - spool_first(self->spool));
        self->told_down = true;
    }
    self->state = state;
    self->deadline_us = deadline_us;
}

static int64_t
attempt_deadline(const Uplink *self, int64_t now_us)
{
    return uplink_after_ms(now_us, self->config->collector_count > 1 ? ATTEMPT_SHORT_MS : ATTEMPT_MS);
}

/* Give this connection up and try the next collector after a while. */
void
uplink_fail_over(Uplink *self, int64_t now_us, const char *why)
{
    if (!self->told_down)
        log_warn("event=collector_unreachable collector=%s reason=\"%s\"", uplink_collector(self), why);
    self->told_down = true;
    uplink_link_close(self->link);
    self->collector = (self->collector + 1) % (int) self->config->collector_count;
    int rounds = self->failures++ / (int) self->config->collector_count;
    uplink_enter(self, UPLINK_CLOSED, uplink_after_ms(now_us, uplink_backoff_ms(rounds)));
}

/* Say Hello on the connection that is there. */
void
uplink_greet(Uplink *self, int64_t now_us)
{
    uplink_enter(self, UPLINK_CONNECTING, attempt_deadline(self, now_us));
}

/* Send self->frame; false when it has to wait. */
static bool
send_frame(Uplink *self)
{
    return uplink_link_send(self->link, buffer_text(&self->frame));
}

static bool
send_hello(Uplink *self, Err *err)
{
    char agent[sizeof(self->config->agent_name)];
    char software[64];
    uint8_t id[WIRE_ID_BYTES];
    memcpy(agent, self->config->agent_name, sizeof(agent));
    memcpy(id, spool_id(self->spool), sizeof(id));
    (void) snprintf(software, sizeof(software), "millibill %s", MILLIBILL_VERSION);
    Millibill__Hello hello;
    millibill__hello__init(&hello);
    hello.protocol = WIRE_PROTOCOL;
    hello.agent = agent;
    hello.spool = (ProtobufCBinaryData){sizeof(id), id};
    hello.software = software;
    Millibill__Frame frame;
    millibill__frame__init(&frame);
    frame.kind_case = MILLIBILL__FRAME__KIND_HELLO;
    frame.hello = &hello;
    self->greeted_first = spool_first(self->spool);
    return wire_frame_pack(&frame, &self->frame, err) && send_frame(self);
}

/* The batch keeps its place: a loss notice for it would have to be stored first. Acknowledgements go on making room. */
static bool
wait_for_room(Uplink *self, uint64_t sequence, const Err *full, int64_t now_us, Err *err)
{
    if (!self->told_full)
        log_error("event=batch_waits_to_be_set_aside sequence=%" PRIu64 " reason=\"%s\" hint=\"it is tried again every "
                  "%d s; should that not end, raise spool_max_mb and start the agent again\"",
                  sequence, full->message, UPLINK_BACKOFF_MAX_MS / 1000);
    self->told_full = true;
    uplink_enter(self, UPLINK_PAUSED, uplink_after_ms(now_us, UPLINK_BACKOFF_MAX_MS));
    return spool_commit(self->spool, false, err);
}

bool
uplink_set_aside(Uplink *self, uint64_t key, const char *loss_reason, const char *why, int64_t now_us, Err *err)
{
    uint64_t records = spool_records(self->spool, key);
    uint64_t sequence = key - spool_base(self->spool);
    char what[64];
    (void) snprintf(what, sizeof(what), "agent, sequence %" PRIu64, sequence);
    Buffer replacement = {0};
    Err problem = {0};
    bool done = envelope_pack_loss(loss_reason, what, records, utc_now_us(), &replacement, &problem) &&
                spool_set_aside(self->spool, key, why, buffer_text(&replacement), &problem);
    buffer_free(&replacement);
    if (!done && problem.code == ERR_FULL)
        return wait_for_room(self, sequence, &problem, now_us, err);
    if (!done) {
        *err = problem;
        return false;
    }
    log_error("event=batch_set_aside sequence=%" PRIu64 " records=%" PRIu64 " loss=%s reason=\"%s\"", sequence, records,
              loss_reason, why);
    self->told_full = false;
    return spool_commit(self->spool, false, err);
}

/* One message if there is one; `*received` says so. */
static bool
receive_one(Uplink *self, int64_t now_us, bool *received, Err *err)
{
    Err decoding = {0};
    Millibill__Frame *frame = uplink_link_receive(self->link, received, &decoding);
    if (err_is_set(&decoding))
        log_err(LOG_LEVEL_WARN, "bad_frame", &decoding);
    if (frame == NULL)
        return true;
    bool done = uplink_answer(self, frame, now_us, err);
    millibill__frame__free_unpacked(frame, NULL);
    return done;
}

static void
look_at_link(Uplink *self, int64_t now_us)
{
    for (;;) {
        switch (uplink_link_event(self->link)) {
        case LINK_QUIET:
            return;
        case LINK_LOST:
            if (self->state != UPLINK_CONNECTING)
                uplink_greet(self, now_us);
            break;
        case LINK_KEY_REFUSED:
            if (!self->told_down)
                log_error(
                    "event=key_refused collector=%s hint=\"add this agent's public key there: millibill agent add\"",
                    uplink_collector(self));
            self->told_down = true;
            break;
        default:
            break;
        }
    }
}

/* The next batch, ready in self->frame. A damaged one is replaced first; where that has to wait, the state is no longer READY. */
static bool
prepare_batch(Uplink *self, int64_t now_us, Err *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        Err reading = {0};
        if (spool_read(self->spool, self->next, &self->value, &reading) &&
            envelope_frame(buffer_text(&self->value), spool_id(self->spool), self->next - spool_base(self->spool),
                           &self->frame, &reading))
            return true;
        if (reading.code != ERR_CORRUPT) {
            *err = reading;
            return false;
        }
        if (!uplink_set_aside(self, self->next, "spool_damaged", reading.message, now_us, err))
            return false;
        if (self->state != UPLINK_READY)
            return true;
    }
    return err_set(err, ERR_CORRUPT, "spool: batch %" PRIu64 " cannot be replaced", self->next);
}

static bool
may_send(const Uplink *self)
{
    uint64_t in_flight = self->next - spool_first(self->spool);
    return self->state == UPLINK_READY && self->next <= spool_last(self->spool) && in_flight < self->window &&
           (in_flight == 0 || self->flight_bytes < UPLINK_FLIGHT_BYTES_MAX);
}

static bool
send_batches(Uplink *self, int64_t now_us, Err *err)
{
    while (may_send(self)) {
        if (!uplink_link_can_send(self->link))
            return true; /* before the batch is read for nothing */
        if (!prepare_batch(self, now_us, err))
            return false;
        if (self->state != UPLINK_READY || !send_frame(self))
            return true;
        if (self->next == spool_first(self->spool))
            self->progress_us = now_us;
        self->sizes[self->next % UPLINK_WINDOW_MAX] = self->frame.length;
        self->flight_bytes += self->frame.length;
        if (self->next > self->highest_sent)
            self->highest_sent = self->next;
        self->next++;
    }
    return true;
}

static bool
send_settles(Uplink *self, int64_t now_us, Err *err)
{
    bool is_replaying = spool_first(self->spool) <= self->replay_until; /* its imports are not complete over there */
    for (size_t i = 0; i < self->settle_count && self->state == UPLINK_READY && !is_replaying; i++) {
        SettleRequest *request = &self->settles[i];
        if (request->send_at_us > now_us)
            continue;
        Millibill__Settle settle;
        millibill__settle__init(&settle);
        settle.import_id = (ProtobufCBinaryData){WIRE_ID_BYTES, request->import_id};
        Millibill__Frame frame;
        millibill__frame__init(&frame);
        frame.kind_case = MILLIBILL__FRAME__KIND_SETTLE;
        frame.settle = &settle;
        if (!wire_frame_pack(&frame, &self->frame, err))
            return false;
        if (!send_frame(self))
            return true;
        request->send_at_us = uplink_after_ms(now_us, SETTLE_AGAIN_MS);
    }
    return true;
}

/* What time brings: connecting, giving up, trying again. */
static void
look_at_clock(Uplink *self, int64_t now_us)
{
    bool due = now_us >= self->deadline_us;
    bool silent = self->state == UPLINK_READY && self->next > spool_first(self->spool) &&
                  now_us > uplink_after_ms(self->progress_us, self->config->ack_timeout_ms);
    if (silent) {
        uplink_fail_over(self, now_us, "no acknowledgement");
    } else if (due && self->state == UPLINK_CLOSED) {
        Err err = {0};
        if (uplink_link_open(self->link, uplink_collector(self), &err))
            uplink_enter(self, UPLINK_CONNECTING, attempt_deadline(self, now_us));
        else
            uplink_fail_over(self, now_us, err.message);
    } else if (due && self->state == UPLINK_PAUSED) {
        uplink_greet(self, now_us);
    } else if (due && (self->state == UPLINK_CONNECTING || self->state == UPLINK_GREETING)) {
        uplink_fail_over(self, now_us, "no answer");
    }
}

bool
uplink_service(Uplink *self, int64_t now_us, Err *err)
{
    look_at_clock(self, now_us);
    look_at_link(self, now_us);
    /* The link wakes the loop only once for a change: go on until nothing is left to receive after the last send. */
    bool received = true;
    while (received) {
        if (!receive_one(self, now_us, &received, err))
            return false;
        if (self->state == UPLINK_CONNECTING && send_hello(self, err))
            uplink_enter(self, UPLINK_GREETING, attempt_deadline(self, now_us));
        if (err_is_set(err))
            return false;
        if (!received && !(send_batches(self, now_us, err) && send_settles(self, now_us, err)))
            return false;
        received = received || uplink_link_can_receive(self->link);
    }
    return true;
}

int64_t
uplink_due_us(const Uplink *self)
{
    int64_t due = self->deadline_us;
    if (self->state != UPLINK_READY)
        return due;
    if (self->next > spool_first(self->spool))
        due = uplink_after_ms(self->progress_us, self->config->ack_timeout_ms + 1);
    bool is_replaying = spool_first(self->spool) <= self->replay_until;
    for (size_t i = 0; i < self->settle_count && !is_replaying; i++)
        if (self->settles[i].send_at_us < due)
            due = self->settles[i].send_at_us;
    return due;
}

bool
uplink_is_ready(const Uplink *self)
{
    return self->state == UPLINK_READY;
}

bool
uplink_settle(Uplink *self, const uint8_t import_id[WIRE_ID_BYTES], Err *err)
{
    if (self->settle_count == UPLINK_SETTLES_MAX)
        return err_set(err, ERR_FULL, "%d imports wait for their last word already", UPLINK_SETTLES_MAX);
    SettleRequest *request = &self->settles[self->settle_count++];
    memcpy(request->import_id, import_id, WIRE_ID_BYTES);
    request->send_at_us = 0;
    return true;
}

Uplink *
uplink_new(const Config *config, Loop *loop, Spool *spool, UplinkHandlers handlers, Err *err)
{
    if (config->collector_count < 1) {
        err_set(err, ERR_INPUT, "no collector is configured");
        err_hint(err, "set `collectors` in millibill.yaml, or start the whole stack with `millibill up`");
        return NULL;
    }
    Uplink *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the uplink");
        return NULL;
    }
    self->config = config;
    self->spool = spool;
    self->handlers = handlers;
    self->window = WIRE_WINDOW;
    self->next = spool_first(spool);
    self->link = uplink_link_new(config, loop, err);
    if (self->link == NULL)
        uplink_free(&self);
    return self;
}

void
uplink_free(Uplink **self)
{
    Uplink *uplink = *self;
    *self = NULL;
    if (uplink == NULL)
        return;
    uplink_link_free(&uplink->link);
    buffer_free(&uplink->value);
    buffer_free(&uplink->frame);
    free(uplink);
}
