/**
 * batch_store - what came in: streams with their watermark, commits with their receipt, ledger, losses, imports
 *
 * A batch is known by (stream, sequence); a stream is a spool of an agent. Everything here runs inside the caller's
 * transaction. Lock order for everybody: streams (by id), then rollups (by key), then the installation's row (receipt).
 */
#ifndef SCHEMA_BATCH_STORE_H
#define SCHEMA_BATCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

enum { SPOOL_ID_BYTES = 16, INCARNATION_BYTES = 16, IMPORT_ID_BYTES = 16 };

typedef struct StreamKey {
    int64_t agent_id;
    uint8_t spool[SPOOL_ID_BYTES];
    const char *public_key; /* borrowed, Z85: the one that its connection proved */
} StreamKey;

typedef struct StreamRow {
    int64_t stream_id;
    int64_t last_sequence; /* committed; 0: none */
    bool all_tenants;      /* of the stream's agent */
    bool revoked;          /* the agent, or this key of it: replaced, and its grace is over */
} StreamRow;

/** Make missing streams and read all, in the order of `keys`; `lock` also locks their rows until the transaction ends. */
MUST_CHECK bool streams_open(Db *db, const StreamKey *keys, size_t count, bool lock, StreamRow *rows, Err *err);
/** Move the watermarks forward; the ledger must lead up to them. */
MUST_CHECK bool streams_advance(Db *db, const StreamRow *rows, size_t count, Err *err);

/** Which of these tenants an agent may speak for. `allowed` has `count` members. */
MUST_CHECK bool
stream_allows(Db *db, int64_t stream_id, const int64_t *tenant_ids, size_t count, bool *allowed, Err *err);

MUST_CHECK bool installation_incarnation(Db *db, uint8_t out[INCARNATION_BYTES], Err *err);
/** Last receipt given out: the watermark of a run that starts now. */
MUST_CHECK bool installation_last_receipt(Db *db, int64_t *receipt, Err *err);

/** Does the server keep what it commits (fsync, full_page_writes, synchronous_commit)? ERR_CONFLICT names the setting. */
MUST_CHECK bool installation_is_durable(Db *db, Err *err);

MUST_CHECK bool commit_new(Db *db, int64_t *commit_id, Err *err);
/** Give the commit its receipt: the last statement before COMMIT. */
MUST_CHECK bool commit_take_receipt(Db *db, int64_t commit_id, int64_t *receipt, Err *err);

typedef struct LedgerRow {
    int64_t stream_id;
    int64_t sequence;
    int64_t accepted_at_us; /* 0: not stated */
    Digest digest;          /* of the payload as it came */
    Text source;
    Text label;
    Text import_id; /* empty: none */
    int64_t records;
    int64_t billed;
    int64_t quarantined;
    int64_t lost;
    int64_t bytes;
} LedgerRow;

MUST_CHECK bool ledger_insert(Db *db, int64_t commit_id, const LedgerRow *rows, size_t count, Err *err);
/** The digest and counts of an accepted batch; `*found` false when it is not (or no longer) there. */
MUST_CHECK bool ledger_find(Db *db, int64_t stream_id, int64_t sequence, LedgerRow *row, bool *found, Err *err);

typedef struct LossRow {
    int64_t stream_id;
    int64_t sequence;
    int64_t ordinal;
    int64_t records;
    int64_t noticed_at_us; /* 0: not stated */
    Text source;
    Text reason;
    Text tenant_name;
} LossRow;
MUST_CHECK bool losses_insert(Db *db, int64_t commit_id, const LossRow *rows, size_t count, Err *err);

typedef struct ImportPeriod {
    int64_t tenant_id;
    int64_t month_us; /* first instant of the UTC month */
    Text import_id;
} ImportPeriod;
/** Remember which months of which tenants an import touched; known ones are left alone. */
MUST_CHECK bool import_periods_insert(Db *db, const ImportPeriod *periods, size_t count, Err *err);

/** Called for each, ordered by tenant and month; returns false to stop. */
typedef bool (*ImportPeriodVisit)(void *context, int64_t tenant_id, int64_t month_us, Err *err);
MUST_CHECK bool import_periods(Db *db, Text import_id, ImportPeriodVisit visit, void *context, Err *err);

typedef struct ImportCounts {
    int64_t accepted;    /* billed, less exclusions */
    int64_t known;       /* excluded as copies */
    int64_t conflicts;   /* excluded as conflicts */
    int64_t quarantined; /* in quarantine for other reasons */
} ImportCounts;
MUST_CHECK bool import_counts(Db *db, Text import_id, ImportCounts *counts, Err *err);

#endif
