/**
 * source_ring_internal - what the parts of the ring source share: source_ring_door.c lets in, source_ring_request.c answers
 * requests, source_ring.c does the rest
 */
#ifndef AGENT_SOURCE_RING_INTERNAL_H
#define AGENT_SOURCE_RING_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/emitter/ring_layout.h"
#include "agent/ring_producer.h"
#include "agent/source_ring.h"
#include "lib/log_limit.h"

struct SourceRing {
    LoopWatch watch; /* the listener */
    bool watched;
    int64_t resume_us; /* when to listen again, after descriptors were short; INT64_MAX: not by time */
    RingProducerEvents events;
    Loop *loop;
    Packer *packer;
    Spool *spool;
    Keeper *keeper;
    Bindings *bindings;
    char *path;
    RingProducer *producers;
    size_t producer_count;
    int64_t due_us;
    uint64_t over_share; /* requests refused and not told of yet, the last one of this user */
    uid_t over_share_uid;
    int64_t tell_us; /* no notice of it before */
    LogLimit refused_log;
    LogLimit full_log;
};

/** Answer a request that came with `memfd` (the callee's from now on; -1: none) from `producer`, which may be freed. ERR_IO,
 *  ERR_NOMEM: the agent cannot go on. */
MUST_CHECK bool
source_ring_answer(SourceRing *self, RingProducer *producer, const RingRequest *request, int memfd, Err *err);
/** Say in the log, once in a second, that `name` was refused. */
void source_ring_refused(SourceRing *self, const char *name, const char *reason);
/** May this user have one more ring? */
bool source_ring_has_share(SourceRing *self, uid_t uid);
/** Say that it may not. */
void source_ring_say_share(SourceRing *self, uid_t uid, const char *name);
/** Called by the loop when somebody is at the socket. */
void source_ring_newcomers(LoopWatch *watch, uint32_t events);
void source_ring_listen(SourceRing *self, bool wanted);
/** Listen again if it is time, and tell who was kept out. ERR_FULL, ERR_NOMEM, ERR_IO. */
MUST_CHECK bool source_ring_look_outside(SourceRing *self, int64_t now_us, Err *err);
/** Take a producer over. */
void source_ring_add(SourceRing *self, RingProducer *producer);
/** Free a producer and listen again if that was stopped. */
void source_ring_remove(SourceRing *self, RingProducer *producer);

#endif
