/**
 * source_ring_internal - what the halves of the ring source share: source_ring_request.c answers requests, source_ring.c does
 * the rest
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
    Loop *loop;
    Packer *packer;
    Spool *spool;
    Keeper *keeper;
    Bindings *bindings;
    char *path;
    RingProducer *producers;
    size_t producer_count;
    int64_t due_us;
    LogLimit refused_log;
    LogLimit full_log;
};

/** Answer a request that came with `memfd` (the callee's from now on; -1: none) from `producer`, which may be freed. ERR_IO,
 *  ERR_NOMEM: the agent cannot go on. */
MUST_CHECK bool
source_ring_answer(SourceRing *self, RingProducer *producer, const RingRequest *request, int memfd, Err *err);
/** Say in the log, once in a second, that `name` was refused. */
void source_ring_refused(SourceRing *self, const char *name, const char *reason);
/** Free a producer and listen again if that was stopped. */
void source_ring_remove(SourceRing *self, RingProducer *producer);

#endif
