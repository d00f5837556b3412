/**
 * usage_batch - records to columns and back: the one codec of agent, collector, rater and reports
 *
 * A builder copies what it is given. An unpacked batch owns all it points to and has been checked: every index, count,
 * enum, length and string is within its limits, so a reader needs no further check of form. Not thread-safe.
 * Decoding allocates at most USAGE_UNPACK_BYTES_MAX, whatever the bytes say.
 */
#ifndef PROTO_USAGE_BATCH_H
#define PROTO_USAGE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

enum {
    USAGE_BATCH_RECORDS_MAX = 65536, /* records and rejected lines together */
    USAGE_BATCH_BYTES_MAX = 1 << 20, /* packed */
    USAGE_BATCH_RECORDS = 8192,      /* what sources aim at */
    USAGE_REJECTED_RAW_BYTES_MAX = 16384,
    USAGE_UNPACK_FACTOR = 24,            /* memory while unpacking, by packed byte */
    USAGE_UNPACK_BASE_BYTES = 256 << 10, /* and on top of it */
    USAGE_UNPACK_BYTES_MAX = 32 << 20
};

/** A line that could not become a record (texts borrowed). */
typedef struct UsageRejected {
    Text raw;
    Text format;
    Text reason; /* usage_reason_name */
    Text field;
    Text message;
    Text source;
    uint64_t line;
    Text tenant;
} UsageRejected;

typedef struct UsageLoss {
    Text source;
    Text reason;
    uint64_t records;
    int64_t noticed_at_us;
    Text tenant;
} UsageLoss;

typedef struct UsageBatchBuilder UsageBatchBuilder;

/** An empty builder; caller frees. NULL: ERR_NOMEM. */
MUST_CHECK UsageBatchBuilder *usage_batch_builder_new(Err *err);
void usage_batch_builder_free(UsageBatchBuilder **self);

/** Add one record that passed usage_record_check (tenant and id present). ERR_FULL: pack first (count or bytes would pass
 *  the limit); ERR_NOMEM. On failure nothing was added. */
MUST_CHECK bool usage_batch_builder_add(UsageBatchBuilder *self, const UsageRecord *record, Err *err);
MUST_CHECK bool usage_batch_builder_reject(UsageBatchBuilder *self, const UsageRejected *rejected, Err *err);
MUST_CHECK bool usage_batch_builder_lose(UsageBatchBuilder *self, const UsageLoss *loss, Err *err);

size_t usage_batch_builder_records(const UsageBatchBuilder *self); /* records only */
size_t usage_batch_builder_entries(const UsageBatchBuilder *self); /* records + rejected + losses */

/** Serialise into `out` (replaced) and empty the builder. ERR_NOMEM leaves the builder as it was. */
MUST_CHECK bool usage_batch_builder_pack(UsageBatchBuilder *self, Buffer *out, Err *err);

/** Bytes that every packed batch with a record of this id (1..128 bytes) holds: a search looks for them and unpacks only what
 *  has them. Other batches may hold them too. Appended to `out`. ERR_NOMEM. */
MUST_CHECK bool usage_id_pattern(Text id, Buffer *out, Err *err);

typedef struct UsageBatch UsageBatch;

/** Decode and check. Caller frees. NULL: ERR_PROTOCOL (says which column and what was expected), ERR_RANGE (over a limit),
 *  ERR_NOMEM. The bytes may be released afterwards. */
MUST_CHECK UsageBatch *usage_batch_unpack(const void *bytes, size_t length, Err *err);
/** As above, but a record may hold values that no record may have: ask usage_batch_check for each. (A text with a NUL ends
 *  there: protobuf-c's strings are C strings.) */
MUST_CHECK UsageBatch *usage_batch_unpack_unchecked(const void *bytes, size_t length, Err *err);
/** Is record i within its limits? */
MUST_CHECK bool usage_batch_check(const UsageBatch *self, size_t i, UsageFault *fault);
/** Does it hold fields that this version does not know, from a newer peer? */
bool usage_batch_is_newer(const UsageBatch *self);
void usage_batch_free(UsageBatch **self);

size_t usage_batch_records(const UsageBatch *self);
size_t usage_batch_rejected(const UsageBatch *self);
size_t usage_batch_losses(const UsageBatch *self);

/** Record i < usage_batch_records; texts are borrowed from the batch (a UUID id is formatted into the record's own
 *  storage, valid until usage_batch_free). */
void usage_batch_record(const UsageBatch *self, size_t i, UsageRecord *out);
void usage_batch_rejected_at(const UsageBatch *self, size_t i, UsageRejected *out);
void usage_batch_loss_at(const UsageBatch *self, size_t i, UsageLoss *out);

/** For grouping without comparing strings: how many function configurations the batch has, and which one record i has
 *  (two records with the same index have the same tenant, function, version, region, architecture, memory, ephemeral
 *  storage, mode, trigger, package and streamed flag). */
size_t usage_batch_configs(const UsageBatch *self);
uint32_t usage_batch_config_of(const UsageBatch *self, size_t i);

#endif
