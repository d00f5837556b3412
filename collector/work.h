/**
 * work - what intake hands to the threads that use the database, and what they hand back
 *
 * Two kinds of queues, both thread-safe: work (bounded by count and bytes; the producer asks for room first) and replies
 * (an eventfd tells the owner of the socket that some wait; each work makes at most one reply, so work's bound holds here).
 */
#ifndef COLLECTOR_WORK_H
#define COLLECTOR_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/gate.h"
#include "lib/err.h"
#include "proto/wire.h"

enum { ROUTE_BYTES_MAX = 255 };

/** A peer's connection, as the ROUTER socket names it. */
typedef struct Route {
    uint8_t bytes[ROUTE_BYTES_MAX];
    uint8_t length;
} Route;

typedef struct Work {
    Route route;
    GateAgent agent;
    Millibill__Frame *frame; /* owned */
    size_t bytes;
    struct Work *next;
} Work;

/** Takes the frame. NULL (and the frame is freed): ERR_NOMEM. */
MUST_CHECK Work *work_new(const Route *route, const GateAgent *agent, Millibill__Frame *frame, size_t bytes, Err *err);
void work_free(Work **self);

typedef struct WorkQueue WorkQueue;

MUST_CHECK WorkQueue *work_queue_new(size_t count_max, size_t bytes_max, Err *err);
void work_queue_free(WorkQueue **self);
bool work_queue_has_room(WorkQueue *self);
typedef struct WorkLoad {
    size_t count;
    size_t bytes;
} WorkLoad;
WorkLoad work_queue_load(WorkQueue *self);
/** Takes the work; a queue without room takes it too (the producer asks first). */
void work_queue_put(WorkQueue *self, Work *work);
/** The oldest work, waiting until `deadline_us` (monotonic); NULL when none came or the queue was closed.
 *  `batches_only`: NULL at once when the oldest is something else. Caller frees. */
MUST_CHECK Work *work_queue_take(WorkQueue *self, int64_t deadline_us, bool batches_only);
/** Wake everybody; nothing waits any more. */
void work_queue_close(WorkQueue *self);

typedef struct ReplyQueue ReplyQueue;

MUST_CHECK ReplyQueue *reply_queue_new(Err *err);
void reply_queue_free(ReplyQueue **self);
/** Readable while replies wait. */
int reply_queue_descriptor(const ReplyQueue *self);
/** Pack and queue. A reply that finds no memory is dropped: the peer asks again. */
void reply_queue_put(ReplyQueue *self, const Route *route, const Millibill__Frame *frame);
/** Move the oldest reply out; false when none waits. Caller frees `bytes`. */
MUST_CHECK bool reply_queue_take(ReplyQueue *self, Route *route, Buffer *bytes);

#endif
