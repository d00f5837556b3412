/**
 * reply - the answers of a collector, composed and queued; any thread
 */
#ifndef COLLECTOR_REPLY_H
#define COLLECTOR_REPLY_H

#include "collector/metrics.h"
#include "collector/work.h"

/** Where answers go, and where they are counted; both borrowed. */
typedef struct Replies {
    ReplyQueue *queue;
    Metrics *metrics;
} Replies;

/** What a refusal is about; `sequence` 0: a Hello or the connection as a whole. */
typedef struct Refused {
    ProtobufCBinaryData spool;
    uint64_t sequence;
    uint64_t expected_sequence; /* for GAP */
} Refused;

void reply_refusal(const Replies *self, const Route *route, const Refused *what, Millibill__RefusalReason reason,
                   const char *message);
/** Settled with done = false: the agent asks again. */
void reply_settle_later(const Replies *self, const Route *route, ProtobufCBinaryData import_id, const char *message);

#endif
