/**
 * uplink_internal - what the halves of the uplink share: uplink.c sends and keeps the time, uplink_answer.c acts on what the
 * collector says, uplink_replay.c when that is that it knows less or more than it should
 */
#ifndef AGENT_UPLINK_INTERNAL_H
#define AGENT_UPLINK_INTERNAL_H

#include "agent/uplink.h"
#include "agent/uplink_link.h"

typedef enum UplinkState {
    UPLINK_CLOSED,     /* no socket until `deadline_us` */
    UPLINK_CONNECTING, /* Hello to be sent; given up at `deadline_us` */
    UPLINK_GREETING,   /* Hello sent; given up at `deadline_us` */
    UPLINK_PAUSED,     /* the collector asked to wait: Hello again at `deadline_us` */
    UPLINK_READY
} UplinkState;

typedef struct SettleRequest {
    uint8_t import_id[WIRE_ID_BYTES];
    int64_t send_at_us;
} SettleRequest;

struct Uplink {
    const Config *config;
    Spool *spool;
    UplinkHandlers handlers;
    UplinkLink *link;

    UplinkState state;
    int64_t deadline_us;
    int64_t progress_us; /* last Ack or Welcome, or the first batch after a pause */
    int collector;
    int failures; /* in a row */
    int reused;
    bool told_down; /* a lost connection is logged once */
    bool told_full; /* so is a batch that there is no room to set aside */

    uint64_t next;         /* key to send next */
    uint64_t highest_sent; /* of this process */
    uint64_t
        greeted_first; /* oldest waiting when Hello went: what is acknowledged meanwhile is no sign of a restored database */
    uint64_t replay_until; /* last key that is sent once more for a restored database */
    uint64_t window;
    size_t flight_bytes;
    size_t sizes[UPLINK_WINDOW_MAX]; /* of the batches in flight, by key */
    Buffer value;
    Buffer frame;
    SettleRequest settles[UPLINK_SETTLES_MAX];
    size_t settle_count;
};

/** Act on one message. False: the spool failed. */
MUST_CHECK bool uplink_answer(Uplink *self, const Millibill__Frame *frame, int64_t now_us, Err *err);

const char *uplink_collector(const Uplink *self);
void uplink_enter(Uplink *self, UplinkState state, int64_t deadline_us);
/** Say Hello (again) on the connection that is there. */
void uplink_greet(Uplink *self, int64_t now_us);
/** Give the connection up and try the next collector after a while. */
void uplink_fail_over(Uplink *self, int64_t now_us, const char *why);
/** 100 ms, 200 ms, ... up to the maximum, each between half and whole. */
int64_t uplink_backoff_ms(int failures);
int64_t uplink_after_ms(int64_t now_us, int64_t milliseconds);
/** Compare the past that a Welcome tells with the spool's, and go back where the database was restored or is another one.
 *  `*agreed`: sending may begin; else the spool has a new id and Hello will be said again. False: the spool failed. */
MUST_CHECK bool uplink_agree(Uplink *self, const Millibill__Welcome *welcome, int64_t now_us, bool *agreed, Err *err);
/** Go on under a new id with all that waits. */
MUST_CHECK bool uplink_renew(Uplink *self, const char *reason, int64_t now_us, Err *err);
/** What is in flight counts no longer: sending starts behind what is committed. */
void uplink_rewind_window(Uplink *self);
/** Put a batch where a person can look at it; a loss notice takes its place. In a spool without room for that it keeps its
 *  place, sending pauses (UPLINK_PAUSED), and it is tried again after the next Hello. False: the spool failed. */
MUST_CHECK bool
uplink_set_aside(Uplink *self, uint64_t key, const char *loss_reason, const char *why, int64_t now_us, Err *err);

#endif
