/**
 * local_connection - one connection of the import socket: takes what a command-line source sends, says what becomes of it
 *
 * Knows the protocol (proto/local.proto) and its own import, nothing of the other connections: those, and imports that outlive
 * their connection, are source_local.c's. A batch that finds no room in the spool stays in `in`; the connection is stalled
 * until local_connection_retry() gets it in. Not thread-safe.
 */
#ifndef AGENT_LOCAL_CONNECTION_H
#define AGENT_LOCAL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/import_job.h"
#include "agent/listener.h"
#include "agent/spool.h"
#include "agent/uplink.h"
#include "lib/log_limit.h"
#include "lib/text.h"

/** What all connections of the import socket work with. */
typedef struct LocalShared {
    Loop *loop;
    Spool *spool;
    Uplink *uplink;
    Buffer value; /* an envelope being packed */
    LogLimit failed_log;
    LogLimit full_log;
    LogLimit marks_log;
} LocalShared;

typedef struct LocalConnection {
    Peer peer;
    LocalShared *shared;
    ImportJob *job;
    Buffer in; /* one frame being read, with its length */
    Buffer out;
    size_t out_sent;
    uint64_t told_durable;
    uint64_t told_committed;
    bool wait;      /* Finish asked for the collector's word */
    bool told_full; /* since a batch was last taken */
    bool stalled;   /* a whole Put in `in` found the spool full */
    bool ended;     /* the other side sends no more */
    bool mute;      /* the other side reads no more: what it sent is taken all the same */
    bool failing;   /* close once the answer is sent */
} LocalConnection;

/** Take some of what has come. What cannot go on is told to the loop (loop_fail). */
void local_connection_read(LocalConnection *self);
/** Try a stalled batch again, if there is one. */
void local_connection_retry(LocalConnection *self);
/** Is more of it taken now? No while it is stalled, too far ahead of the collector, or leaves many answers unread. */
bool local_connection_may_read(const LocalConnection *self);

/** Queue an answer: how far the import is; or that it is done, `known` with what the collector settled (else NULL). */
void local_connection_say_spooled(LocalConnection *self);
void local_connection_say_finished(LocalConnection *self, bool known, const Millibill__Settled *settled);
/** Send what is queued, as far as the other side takes it; one that is gone becomes mute. */
void local_connection_send(LocalConnection *self);

/** Release the buffers; job and peer are the caller's. */
void local_connection_release(LocalConnection *self);

#endif
