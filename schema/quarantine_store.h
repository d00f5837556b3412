/**
 * quarantine_store - what arrived but cannot be billed, with the reason
 *
 * Format "record": payload is a packed UsageBatch of one record and can be replayed. Format "batch": a whole batch that
 * could not be read. Any other format: the line as it came.
 */
#ifndef SCHEMA_QUARANTINE_STORE_H
#define SCHEMA_QUARANTINE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

typedef struct QuarantineItem {
    int64_t tenant_id; /* 0: not known */
    int64_t stream_id; /* the batch that brought it */
    int64_t sequence;
    uint64_t line; /* 0: not known */
    Text tenant_name;
    Text import_id; /* empty: that of the batch */
    Text source;    /* empty: the batch's label (a file's name), else its source */
    Text reason;
    Text field;
    Text message;
    Text format;
    Text payload;
    Text digest; /* conflicts: of this record, and of the one that was kept; empty otherwise */
    Text other_digest;
} QuarantineItem;

/** Insert inside the caller's transaction, after the ledger rows of the batches. */
MUST_CHECK bool quarantine_insert(Db *db, int64_t commit_id, const QuarantineItem *items, size_t count, Err *err);

/** Reason of a whole batch that came under a sequence that is committed with other bytes. It belongs to no ledger row: the
 *  row of that sequence counts the batch that was committed. */
#define QUARANTINE_REUSED "sequence_reused"

/** Reason of a whole batch that was billed, and kept as it came besides, because it holds fields of a newer version. It
 *  stands beside the ledger, too: nothing of it waits. */
#define QUARANTINE_NEWER "newer_fields"

typedef struct QuarantineReused {
    bool known;       /* these bytes are in quarantine already */
    int64_t of_agent; /* rows of this reason that the stream's agent has brought */
} QuarantineReused;
MUST_CHECK bool
quarantine_reused(Db *db, int64_t stream_id, int64_t sequence, Text digest, QuarantineReused *out, Err *err);

typedef struct QuarantineFilter {
    int64_t id;         /* 0: any */
    const char *tenant; /* NULL: any */
    const char *reason;
    const char *format;
    bool open_only;  /* not replayed yet */
    bool replayable; /* format record, tenant exists now, and unknown_tenant; with an id or a reason given also too_old,
                         in_future and not_committed */
    int64_t after_id; /* for pages */
    int64_t limit;    /* 0: all */
    bool lock; /* inside a transaction: nobody else replays these rows meanwhile; rows that are locked are left out */
} QuarantineFilter;

typedef struct QuarantineRow {
    int64_t id;
    int64_t tenant_id;
    int64_t stream_id;
    int64_t sequence;
    int64_t line;
    const char *tenant; /* all texts borrowed for the time of the callback */
    const char *received_at;
    const char *source;
    const char *reason;
    const char *field;
    const char *message;
    const char *format;
    const char *digest;       /* hex or "" */
    const char *other_digest; /* hex or "" */
    const char *replayed_at;  /* RFC 3339 or "" */
    Text payload;
    Text import_id;
} QuarantineRow;

/** Called for each row; returns false (with err set) to stop. */
typedef bool (*QuarantineVisit)(void *context, const QuarantineRow *row, Err *err);

/** Rows in the order of their ids. */
MUST_CHECK bool
quarantine_stream(Db *db, const QuarantineFilter *filter, QuarantineVisit visit, void *context, Err *err);

MUST_CHECK bool quarantine_mark_replayed(Db *db, const int64_t *ids, size_t count, Err *err);

/** Link what an import brought into quarantine to the same line or record that an earlier import had brought: importing a
 *  file again adds nothing to what is open. May be run again. */
MUST_CHECK bool quarantine_mark_repeats(Db *db, Text import_id, Err *err);

#endif
