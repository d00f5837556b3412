/**
 * adjust_store - final periods that changed afterwards, and what became of it
 *
 * A base is a period of a tenant that was billed (or, without an invoice, one that was final for its account before the tenant had
 * usage in it). What is settled of it goes from receipt to receipt in a chain without gaps; the database refuses a link that is
 * there already. Reading and writing happen inside the caller's transaction.
 */
#ifndef SCHEMA_ADJUST_STORE_H
#define SCHEMA_ADJUST_STORE_H

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

enum { ADJUST_NUMBER_BYTES = 64 };

typedef struct AdjustBase {
    int64_t tenant_id;
    int64_t invoice_id; /* 0: the tenant has no invoice of that period */
    char number[ADJUST_NUMBER_BYTES];
    char sha256[DIGEST_HEX_BYTES]; /* of the invoice's document */
    UtcMonth month;
    int64_t start_us;
    int64_t end_us;
    int64_t from_receipt;  /* it is settled up to here */
    int64_t until_receipt; /* and from here on again: a document in between is void; 0: not */
    bool free_tier;
    int64_t contract_revision; /* 0: none */
    char *book;                /* source of its price book; owned */
} AdjustBase;

typedef struct AdjustBases {
    AdjustBase *all;
    size_t count, capacity;
} AdjustBases;

/** Bases with periods of months before `before` for whose account anything was received, or excluded, after they were settled and up to `to_receipt`; of `tenant`
 *  (NULL: of all). By tenant_id, period and receipt; one with a gap in its chain comes twice. Freed with adjust_bases_free() in any case. */
MUST_CHECK bool
adjust_bases_changed(AdjustBases *self, Db *db, const char *tenant, UtcMonth before, int64_t to_receipt, Err *err);
void adjust_bases_free(AdjustBases *self);
/** The place of a tenant's first; where it has none, of the first of the tenants that follow (or `count`). */
size_t adjust_bases_first(const AdjustBases *self, int64_t tenant_id);

/** What kinds of evidence tenants ("{1,2}", their ids) have for a period after one receipt and up to another. */
typedef struct AdjustKinds {
    bool copies, conflicts, reversals, records;
} AdjustKinds;
MUST_CHECK bool adjust_kinds(Db *db, const char *tenants, int64_t start_us, int64_t end_us, int64_t from_receipt,
                             int64_t to_receipt, AdjustKinds *kinds, Err *err);

/** Receipts up to base->from_receipt whose records of the period are written off, and were in force before the document `before_id`: pairs
 *  of from and to, two numbers each. Caller frees `*spans`. */
MUST_CHECK bool
adjust_written_off(Db *db, const AdjustBase *base, int64_t before_id, int64_t **spans, size_t *count, Err *err);

/** {"used":[credits taken by the invoice and its credit notes before `before_id`],"adjustments":[those that the invoice carries]}, appended. */
MUST_CHECK bool adjust_taken(Db *db, int64_t tenant_id, int64_t invoice_id, int64_t before_id, Buffer *out, Err *err);

/** Write one from its canonical JSON. `disposition`: "billed", "credited", "written_off"; `carrier` NULL: none. ERR_CONFLICT when it is settled already. */
MUST_CHECK bool
adjust_write(Db *db, int64_t tenant_id, const char *disposition, const char *carrier, const char *document, Err *err);

/** A stored one with its base as it was (texts borrowed for the time of the callback; base.from_receipt is its own). */
typedef struct AdjustRow {
    AdjustBase base;
    int64_t adjustment_id;
    int64_t carrier_id; /* 0: none */
    int64_t before_id;  /* documents below this id are older */
    const char *disposition;
    const char *tenant;
    int64_t to_receipt;
    const char *sha256;
    Text document;
} AdjustRow;
typedef bool (*AdjustVisit)(void *context, const AdjustRow *row, Err *err);

/** Those that stand on a document, in the order in which they were written. */
MUST_CHECK bool
adjust_carried(Db *db, int64_t tenant_id, int64_t carrier_id, AdjustVisit visit, void *context, Err *err);
/** Written-off ones of the period of a month, or (NULL) all, of a tenant or (NULL) all, by tenant and period. */
MUST_CHECK bool
adjust_write_offs(Db *db, const char *tenant, const UtcMonth *month, AdjustVisit visit, void *context, Err *err);

/** Documents in force that carry billed adjustments of a tenant's period: the number of one, or "". */
MUST_CHECK bool
adjust_carrier_of(Db *db, int64_t tenant_id, int64_t base_id, char number[ADJUST_NUMBER_BYTES], Err *err);

#endif
