/**
 * intake - the ROUTER socket that agents speak to
 *
 * Receives, asks the gate about every message, checks it, and hands work to the queues; sends what comes back. Never blocks
 * on a peer: a reply that cannot be sent at once is dropped, the agent asks again and is answered again. When the queues are
 * full it stops receiving, and the agents wait. While the database is away it answers TRY_LATER. One owner thread.
 */
#ifndef COLLECTOR_INTAKE_H
#define COLLECTOR_INTAKE_H

#include <stdatomic.h>

#include "collector/gate.h"
#include "collector/health.h"
#include "collector/metrics.h"
#include "collector/reply.h"
#include "collector/work.h"
#include "lib/config.h"
#include "lib/err.h"

typedef struct IntakeParts {
    void *zmq_context;
    const Config *config;
    int64_t connections_max;
    Gate *gate;
    Metrics *metrics;
    Health *health;
    WorkQueue *commits; /* Hello and Batch, in the order in which they came */
    WorkQueue *settles;
    Replies replies;
    const atomic_bool *stop;
    const atomic_bool *away;
} IntakeParts;

/** Bind and serve until `stop` is set (a signal may interrupt the wait). False: the socket failed (ERR_IO), or
 *  the gate's handler has ended (ERR_DENIED). */
MUST_CHECK bool intake_run(const IntakeParts *parts, Err *err);

#endif
