/**
 * metrics - what the collector counts, for its operator
 *
 * Counters and gauges are atomics: any thread adds, the HTTP thread reads. Labels never name tenants; reasons that agents
 * send (quarantine, losses) are names of a bounded table, the rest is "other". Rendered as Prometheus text (0.0.4).
 */
#ifndef COLLECTOR_METRICS_H
#define COLLECTOR_METRICS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

/** One sample each; their names, labels and help stand in one table in metrics.c, in this order. Seconds are held in
 *  microseconds. */
typedef enum Metric {
    METRIC_BATCHES_COMMITTED,
    METRIC_BATCHES_DUPLICATE,
    METRIC_REFUSED_NOT_GREETED, /* the refusals in the order of RefusalReason */
    METRIC_REFUSED_GAP,
    METRIC_REFUSED_BROKEN,
    METRIC_REFUSED_FORBIDDEN,
    METRIC_REFUSED_SEQUENCE_REUSED,
    METRIC_REFUSED_TRY_LATER,
    METRIC_REFUSED_WRONG_VERSION,
    METRIC_SEQUENCES_REUSED,
    METRIC_RECORDS_BILLED,
    METRIC_BYTES_COMMITTED,
    METRIC_COMMITS,
    METRIC_COMMIT_RETRIES,
    METRIC_DATABASE_AWAY,
    METRIC_DATABASE_AWAY_US,
    METRIC_DATABASE_ROUND_TRIP_AT_US,
    METRIC_LAST_COMMIT_AT_US,
    METRIC_LAST_RECEIPT,
    METRIC_PARTITIONS_CHECKED_AT_US,
    METRIC_HELLOS,
    METRIC_MESSAGES,
    METRIC_CONNECTIONS,
    METRIC_CONNECTIONS_ACCEPTED,
    METRIC_CLOSED_NO_HELLO, /* connections that the collector closed, in the order of WatchReason */
    METRIC_CLOSED_LIMIT,
    METRIC_CLOSED_BROKEN,
    METRIC_CLOSED_FORBIDDEN,
    METRIC_CLOSED_OVERSIZE,
    METRIC_HANDSHAKES_FAILED,
    METRIC_KEYS_REFUSED,
    METRIC_KEYS_KNOWN,
    METRIC_KEYS_LOADED_AT_US,
    METRIC_HANDLER_ALIVE,
    METRIC_QUEUE_BATCHES,
    METRIC_QUEUE_BYTES,
    METRIC_COUNT
} Metric;

typedef struct Metrics Metrics;

/** NULL: ERR_NOMEM. Caller frees with metrics_free(). */
MUST_CHECK Metrics *metrics_new(Err *err);
void metrics_free(Metrics **self);

/** All thread-safe. */
void metrics_add(Metrics *self, Metric metric, int64_t amount);
void metrics_set(Metrics *self, Metric metric, int64_t value);
int64_t metrics_get(const Metrics *self, Metric metric);
/** Records that went to quarantine, or that were reported lost (0: nobody knows how many), with their reason. */
void metrics_quarantined(Metrics *self, Text reason, int64_t records);
void metrics_lost(Metrics *self, Text reason, int64_t records);
/** One commit of a group took so long, from the last batch of the group to the answer of COMMIT. */
void metrics_commit_took(Metrics *self, int64_t duration_us);

/** Append the exposition text. ERR_NOMEM. */
MUST_CHECK bool metrics_render(Metrics *self, Buffer *out, Err *err);

#endif
