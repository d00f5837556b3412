#include "collector/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/metrics_process.h"
#include "lib/options.h"
#include "lib/utc.h"

#define PREFIX "millibill_collector_"
enum { REASONS_MAX = 40, REASON_BYTES = 48 };

typedef enum Unit { UNIT_ONE, UNIT_SECONDS } Unit;

typedef struct Sample {
    const char *family;
    const char *labels; /* "" or {name="value"} */
    const char *type;   /* of the family, NULL: as the sample before */
    const char *help;
    Unit unit;
} Sample;

#define COUNTER "counter"
#define GAUGE "gauge"
#define REFUSED(reason)                                             \
    {                                                               \
        "batches_refused_total", "{reason=\"" reason "\"}", 0, 0, 0 \
    }
#define CLOSED(reason)                                                 \
    {                                                                  \
        "connections_closed_total", "{reason=\"" reason "\"}", 0, 0, 0 \
    }

static const Sample SAMPLES[METRIC_COUNT] = {
    [METRIC_BATCHES_COMMITTED] = {"batches_total", "{result=\"committed\"}", COUNTER, "Batches that were acknowledged",
                                  0},
    [METRIC_BATCHES_DUPLICATE] = {"batches_total", "{result=\"duplicate\"}", NULL, NULL, 0},
    [METRIC_REFUSED_NOT_GREETED] = {"batches_refused_total", "{reason=\"not_greeted\"}", COUNTER,
                                    "Messages that were answered with a refusal", 0},
    [METRIC_REFUSED_GAP] = REFUSED("gap"),
    [METRIC_REFUSED_BROKEN] = REFUSED("broken"),
    [METRIC_REFUSED_FORBIDDEN] = REFUSED("forbidden"),
    [METRIC_REFUSED_SEQUENCE_REUSED] = REFUSED("sequence_reused"),
    [METRIC_REFUSED_TRY_LATER] = REFUSED("try_later"),
    [METRIC_REFUSED_WRONG_VERSION] = REFUSED("wrong_version"),
    [METRIC_SEQUENCES_REUSED] = {"sequences_reused_total", "", COUNTER,
                                 "Batches put into quarantine because their sequence was committed with other bytes",
                                 0},
    [METRIC_RECORDS_BILLED] = {"records_billed_total", "", COUNTER, "Records that went to segments", 0},
    [METRIC_BYTES_COMMITTED] = {"bytes_total", "", COUNTER, "Payload of the batches that were committed", 0},
    [METRIC_COMMITS] = {"commits_total", "", COUNTER, "Group commits that wrote something", 0},
    [METRIC_COMMIT_RETRIES] = {"commit_retries_total", "", COUNTER, "Attempts to commit that failed and were repeated",
                               0},
    [METRIC_DATABASE_AWAY] = {"database_away", "", GAUGE, "1 while the database cannot be reached", 0},
    [METRIC_DATABASE_AWAY_US] = {"database_away_seconds_total", "", COUNTER, "Time without the database", UNIT_SECONDS},
    [METRIC_DATABASE_ROUND_TRIP_AT_US] = {"database_round_trip_timestamp_seconds", "", GAUGE,
                                          "When the committing connection last had an answer", UNIT_SECONDS},
    [METRIC_LAST_COMMIT_AT_US] = {"last_commit_timestamp_seconds", "", GAUGE,
                                  "When the last batch was committed; 0: none yet", UNIT_SECONDS},
    [METRIC_LAST_RECEIPT] = {"last_receipt", "", GAUGE, "Last receipt number that the database gave out", 0},
    [METRIC_PARTITIONS_CHECKED_AT_US] = {"partitions_checked_timestamp_seconds", "", GAUGE,
                                         "When the partitions of this and the coming months were last found or made",
                                         UNIT_SECONDS},
    [METRIC_HELLOS] = {"hellos_total", "", COUNTER, "Agents that were welcomed", 0},
    [METRIC_MESSAGES] = {"messages_total", "", COUNTER, "Messages received", 0},
    [METRIC_CONNECTIONS] = {"connections", "", GAUGE, "Connections that are open", 0},
    [METRIC_CONNECTIONS_ACCEPTED] = {"connections_accepted_total", "", COUNTER, "Connections that were accepted", 0},
    [METRIC_CLOSED_NO_HELLO] = {"connections_closed_total", "{reason=\"no_hello\"}", COUNTER,
                                "Connections that the collector closed", 0},
    [METRIC_CLOSED_LIMIT] = CLOSED("limit"),
    [METRIC_CLOSED_BROKEN] = CLOSED("broken"),
    [METRIC_CLOSED_FORBIDDEN] = CLOSED("forbidden"),
    [METRIC_CLOSED_OVERSIZE] = CLOSED("oversize"),
    [METRIC_HANDSHAKES_FAILED] = {"handshakes_failed_total", "", COUNTER,
                                  "Connections that ended before their handshake was through, refused keys included",
                                  0},
    [METRIC_KEYS_REFUSED] = {"keys_refused_total", "", COUNTER, "Handshakes with a key that is unknown or revoked", 0},
    [METRIC_KEYS_KNOWN] = {"keys", "", GAUGE, "Keys that may speak", 0},
    [METRIC_KEYS_LOADED_AT_US] = {"keys_loaded_timestamp_seconds", "", GAUGE, "When the table of keys was last read",
                                  UNIT_SECONDS},
    [METRIC_HANDLER_ALIVE] = {"key_handler_alive", "", GAUGE, "1 while the handler that admits keys runs", 0},
    [METRIC_QUEUE_BATCHES] = {"queue_batches", "", GAUGE, "Batches that wait for the database", 0},
    [METRIC_QUEUE_BYTES] = {"queue_bytes", "", GAUGE, "Bytes of the batches that wait", 0},
};

/* Bounds of the histogram, microseconds and as text. */
static const struct {
    int64_t us;
    const char *text;
} BUCKETS[] = {{1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
               {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
               {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {30000000, "30"}, {60000000, "60"}};
enum { BUCKET_COUNT = sizeof BUCKETS / sizeof BUCKETS[0] };

typedef struct Reason {
    char name[REASON_BYTES];
    int64_t records;
    int64_t notices;
} Reason;

typedef struct Reasons {
    Reason items[REASONS_MAX]; /* the first is "other" */
    size_t count;
} Reasons;

struct Metrics {
    atomic_llong values[METRIC_COUNT];
    atomic_llong buckets[BUCKET_COUNT + 1];
    atomic_llong commit_us;
    int64_t started_at_us;
    pthread_mutex_t lock; /* guards the reasons */
    Reasons quarantined;
    Reasons lost;
};

/* ---- counting ---- */

MUST_CHECK Metrics *
metrics_new(Err *err)
{
    Metrics *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the metrics");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->started_at_us = utc_now_us();
    self->quarantined.count = self->lost.count = 1;
    snprintf(self->quarantined.items[0].name, REASON_BYTES, "other");
    snprintf(self->lost.items[0].name, REASON_BYTES, "other");
    return self;
}

void
metrics_free(Metrics **self)
{
    if (*self == NULL)
        return;
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

void
metrics_add(Metrics *self, Metric metric, int64_t amount)
{
    atomic_fetch_add_explicit(&self->values[metric], amount, memory_order_relaxed);
}

void
metrics_set(Metrics *self, Metric metric, int64_t value)
{
    atomic_store_explicit(&self->values[metric], value, memory_order_relaxed);
}

int64_t
metrics_get(const Metrics *self, Metric metric)
{
    return atomic_load_explicit(&self->values[metric], memory_order_relaxed);
}

/** A word that may stand in a label as it is. */
static bool
is_word(Text reason)
{
    if (reason.length == 0 || reason.length >= REASON_BYTES)
        return false;
    for (size_t i = 0; i < reason.length; i++) {
        char c = reason.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static Reason *
reason_of(Reasons *reasons, Text name)
{
    if (!is_word(name))
        return &reasons->items[0];
    for (size_t i = 0; i < reasons->count; i++)
        if (text_is(name, reasons->items[i].name))
            return &reasons->items[i];
    if (reasons->count == REASONS_MAX)
        return &reasons->items[0];
    Reason *reason = &reasons->items[reasons->count++];
    snprintf(reason->name, REASON_BYTES, "%.*s", TEXT_ARG(name));
    return reason;
}

static void
reasons_add(Metrics *self, Reasons *reasons, Text name, int64_t records)
{
    pthread_mutex_lock(&self->lock);
    Reason *reason = reason_of(reasons, name);
    if (__builtin_add_overflow(reason->records, records, &reason->records))
        reason->records = INT64_MAX;
    reason->notices++;
    pthread_mutex_unlock(&self->lock);
}

void
metrics_quarantined(Metrics *self, Text reason, int64_t records)
{
    reasons_add(self, &self->quarantined, reason, records);
}

void
metrics_lost(Metrics *self, Text reason, int64_t records)
{
    reasons_add(self, &self->lost, reason, records);
}

void
metrics_commit_took(Metrics *self, int64_t duration_us)
{
    size_t bucket = 0;
    while (bucket < BUCKET_COUNT && duration_us > BUCKETS[bucket].us)
        bucket++;
    atomic_fetch_add(&self->buckets[bucket], 1);
    atomic_fetch_add(&self->commit_us, duration_us);
}

/* ---- rendering ---- */

static bool
head(Buffer *out, const char *family, const char *type, const char *help, Err *err)
{
    return buffer_printf(out, err, "# HELP %s%s %s\n# TYPE %s%s %s\n", PREFIX, family, help, PREFIX, family, type);
}

static bool
value(Buffer *out, int64_t number, Unit unit, Err *err)
{
    if (unit == UNIT_ONE)
        return buffer_printf(out, err, " %" PRId64 "\n", number);
    return buffer_printf(out, err, " %" PRId64 ".%06" PRId64 "\n", number / UTC_SECOND_US, number % UTC_SECOND_US);
}

static bool
render_samples(const Metrics *self, Buffer *out, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < METRIC_COUNT; i++) {
        const Sample *sample = &SAMPLES[i];
        done = (sample->type == NULL || head(out, sample->family, sample->type, sample->help, err)) &&
               buffer_printf(out, err, "%s%s%s", PREFIX, sample->family, sample->labels) &&
               value(out, metrics_get(self, (Metric) i), sample->unit, err);
    }
    return done;
}

static bool
render_histogram(Metrics *self, Buffer *out, Err *err)
{
    int64_t count = 0;
    bool done = head(out, "commit_seconds", "histogram", "Time to commit a group of batches", err);
    for (size_t i = 0; done && i <= BUCKET_COUNT; i++) {
        count += atomic_load(&self->buckets[i]);
        done = buffer_printf(out, err, "%scommit_seconds_bucket{le=\"%s\"} %" PRId64 "\n", PREFIX,
                             i < BUCKET_COUNT ? BUCKETS[i].text : "+Inf", count);
    }
    return done && buffer_printf(out, err, "%scommit_seconds_sum", PREFIX) &&
           value(out, atomic_load(&self->commit_us), UNIT_SECONDS, err) &&
           buffer_printf(out, err, "%scommit_seconds_count %" PRId64 "\n", PREFIX, count);
}

static bool
render_reasons(Buffer *out, const Reasons *reasons, const char *family, const char *help, bool notices, Err *err)
{
    bool done = head(out, family, COUNTER, help, err);
    for (size_t i = 0; done && i < reasons->count; i++)
        done = buffer_printf(out, err, "%s%s{reason=\"%s\"} %" PRId64 "\n", PREFIX, family, reasons->items[i].name,
                             notices ? reasons->items[i].notices : reasons->items[i].records);
    return done;
}

MUST_CHECK bool
metrics_render(Metrics *self, Buffer *out, Err *err)
{
    pthread_mutex_lock(&self->lock);
    Reasons quarantined = self->quarantined;
    Reasons lost = self->lost;
    pthread_mutex_unlock(&self->lock);
    return head(out, "info", GAUGE, "Which program this is", err) &&
           buffer_printf(out, err, "%sinfo{version=\"%s\"} 1\n", PREFIX, MILLIBILL_VERSION) &&
           render_samples(self, out, err) && render_histogram(self, out, err) &&
           render_reasons(out, &quarantined, "records_quarantined_total", "Records that could not be billed", false,
                          err) &&
           render_reasons(out, &lost, "records_lost_total", "Records that agents reported lost", false, err) &&
           render_reasons(out, &lost, "loss_notices_total", "Loss notices, those of an unknown number too", true,
                          err) &&
           metrics_process(out, self->started_at_us, err);
}
