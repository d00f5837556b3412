/**
 * seal_store - seals, heads and roots in the database, and the queue of hours to seal
 *
 * Rows of seals, seal_heads and seal_roots are only ever inserted. Reading works in any transaction; writing belongs to
 * seal_round.h alone, under its lock.
 */
#ifndef SCHEMA_SEAL_STORE_H
#define SCHEMA_SEAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/patience.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/db_array.h"
#include "schema/seal.h"

/** Seals, roots and invoices in bulk: what one transaction writes at most. */
enum { SEAL_HOURS_MAX = 256, SEAL_ROOTS_MAX = 256, SEAL_INVOICES_MAX = 512 };

/** One sealer at a time, for the connection until seal_unlock() or its end. While it is held no statement of the connection
 *  waits longer than 30 s for a lock. ERR_BUSY: another has it, or keeps a table. */
MUST_CHECK bool seal_lock(Db *db, Patience *patience, Err *err);
void seal_unlock(Db *db);

/* ---- the queue ---- */

/** Put every hour that got segments or exclusions since the last scan into the queue. A transaction of its own. */
MUST_CHECK bool seal_queue_scan(Db *db, Err *err);

/** Which hours of the queue to take. */
typedef struct SealChoice {
    int64_t start_us; /* hours from … */
    int64_t end_us;   /* … up to, not including */
    int64_t quiet_us; /* whose newest evidence was committed at or before */
} SealChoice;

/** An hour that is being sealed. `seal` has everything but what seal_hours_read() and the chain fill in. */
typedef struct SealHour {
    Seal seal; /* tenant borrowed from name */
    char *name;
    DbArray segment_ids;
    Buffer segment_digests;
    DigestState exclusions; /* while they are read */
    bool damaged;           /* a segment is not what its digest says: not sealed */
} SealHour;

typedef struct SealHours {
    SealHour all[SEAL_HOURS_MAX];
    size_t count;
} SealHours;
void seal_hours_free(SealHours *self);
/** Keep the first `count`: the others wait in the queue. */
void seal_hours_cut(SealHours *self, size_t count);

/** Choose hours in the order of tenant and hour, the chain's last seal of each tenant in `previous` and `number` of its first. */
MUST_CHECK bool seal_hours_choose(Db *db, const SealChoice *choice, SealHours *hours, Err *err);
/** Read what there is of them with receipts up to `receipt`: segments, their digests, exclusions. */
MUST_CHECK bool seal_hours_read(Db *db, SealHours *hours, int64_t receipt, Err *err);
/** They are done, up to `receipt`; damaged ones wait for an hour. */
MUST_CHECK bool seal_hours_done(Db *db, const SealHours *hours, int64_t receipt, Err *err);
MUST_CHECK bool seal_insert(Db *db, SealHour *hour, Err *err);

/** A bytea of a result as a digest. ERR_CORRUPT when it has another length. */
MUST_CHECK bool seal_digest_at(const DbResult *result, int row, int column, Digest *digest, Err *err);

/* ---- heads ---- */

/** The last head; number 0 when there is none. */
MUST_CHECK bool seal_head_last(Db *db, SealHead *head, Err *err);
/** One head; number 0 when it is not there. */
MUST_CHECK bool seal_head_find(Db *db, int64_t number, SealHead *head, Err *err);
MUST_CHECK bool seal_head_insert(Db *db, const SealHead *head, Err *err);

/** Called for each; returns false (with err set) to stop. */
typedef bool (*SealHeadVisit)(void *context, const SealHead *head, Err *err);
/** At most `limit` heads after a number, in order. Nothing is streamed: the visitor may ask the database. */
MUST_CHECK bool seal_heads_after(Db *db, int64_t number, int64_t limit, SealHeadVisit visit, void *context, Err *err);

/** Count and digest the books of receipts from … to into `head`. */
MUST_CHECK bool seal_books_digest(Db *db, SealHead *head, Err *err);
/** Each line of the books in the order of receipts, from the first to the last. */
typedef bool (*SealBookVisit)(void *context, int64_t receipt, Text line, Err *err);
MUST_CHECK bool
seal_books(Db *db, int64_t receipt_from, int64_t receipt_to, SealBookVisit visit, void *context, Err *err);

/* ---- final invoices ---- */

typedef bool (*SealInvoiceVisit)(void *context, const SealInvoice *invoice, Err *err);
/** Where the search for invoices that no head covers goes on: behind this one. All zero: from the first. */
typedef struct SealInvoiceKey {
    int64_t tenant_id, invoice_id;
} SealInvoiceKey;
/** Put the final invoices behind `*after` that no head covers yet under this one, which is written later in the same transaction: at most
 *  SEAL_INVOICES_MAX. Each is visited, in order. `*after` becomes the last of them; where there were fewer the next search begins at the
 *  first, for some may have become final meanwhile. `*more`: it has not found all that there are. */
MUST_CHECK bool seal_invoices_take(Db *db, int64_t head_number, SealInvoiceKey *after, SealInvoiceVisit visit,
                                   void *context, bool *more, Err *err);
/** Those under a head, in order. */
MUST_CHECK bool seal_invoices_of_head(Db *db, int64_t head_number, SealInvoiceVisit visit, void *context, Err *err);

/* ---- roots ---- */

typedef bool (*SealRootVisit)(void *context, const SealRoot *root, Err *err);
/** The months' roots that a head made, in order. */
MUST_CHECK bool seal_roots_of_head(Db *db, int64_t head_number, SealRootVisit visit, void *context, Err *err);
/** Tenants (NULL: all) whose seals of a month are not those of its last root: as roots to be made, at most SEAL_ROOTS_MAX. */
MUST_CHECK bool
seal_roots_due(Db *db, UtcMonth month, const char *tenant, SealRootVisit visit, void *context, Err *err);
/** Work out the digest of a root from the tenant's seals of the month up to root->last_seal; their number in `*seals`. */
MUST_CHECK bool seal_root_digest(Db *db, const SealRoot *root, Digest *digest, int64_t *seals, Err *err);
MUST_CHECK bool seal_root_insert(Db *db, const SealRoot *root, Err *err);
/** A tenant's root of a month: that revision, or the last one when `revision` is 0. Its number of revision stays 0 when there is
 *  none. The tenant's name is not filled in. */
MUST_CHECK bool seal_root_find(Db *db, int64_t tenant_id, UtcMonth month, int64_t revision, SealRoot *root, Err *err);
/** The last root of a month of each of these tenants (DB_BIGINT) that has one, in no order. */
MUST_CHECK bool
seal_roots_of_tenants(Db *db, DbArray *tenants, UtcMonth month, SealRootVisit visit, void *context, Err *err);

#endif
