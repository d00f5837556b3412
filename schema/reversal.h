/**
 * reversal - a record that was billed is taken back: excluded with a reason, never deleted
 *
 * Evidence stays as it is; an exclusion row that names itself ("nothing counts instead"), says why and who said so, is sealed
 * like every other, and rollups follow in the same transaction. A copy that arrives later is a copy of the reversed record
 * and does not bring it back (duplicates.h); what is right instead is a record of its own. As the owner: no other role may
 * write such rows.
 */
#ifndef SCHEMA_REVERSAL_H
#define SCHEMA_REVERSAL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "proto/usage_record.h"
#include "schema/db.h"
#include "schema/duplicates.h"

enum { REVERSAL_BECAUSE_BYTES_MAX = 1000, REVERSAL_BY_BYTES_MAX = 400 };

/** What a reversal says. */
typedef struct ReversalNote {
    const char *because; /* 1..REVERSAL_BECAUSE_BYTES_MAX bytes of clean UTF-8 */
    const char *by;      /* 1..REVERSAL_BY_BYTES_MAX bytes */
} ReversalNote;

typedef enum ReversalState {
    REVERSAL_UNKNOWN,     /* no such record */
    REVERSAL_NOT_COUNTED, /* a copy of another one, or in conflict with it: it is not billed anyway */
    REVERSAL_ALREADY,
    REVERSAL_DONE,
} ReversalState;

/** A record that is to be taken back. */
typedef struct ReversalItem {
    int64_t started_at_us; /* to the microsecond, as it is stored */
    uint8_t
        identity[DUPLICATES_HASH_BYTES]; /* of request id and attempt: duplicates_identity with the key of the call */
    uint64_t number;                     /* the caller's own */
    ReversalState state;                 /* the answer */
} ReversalItem;

/** Take back what counts of a tenant's `items` (reordered; their states are filled in), all in one transaction: all or, on
 *  failure, none. `note` NULL: only say what would
 *  be done. ERR_BUSY may be tried again; ERR_NOMEM, ERR_DATABASE, ERR_CORRUPT (a segment cannot be read). */
MUST_CHECK bool reversal_write(Db *db, int64_t tenant_id, ReversalItem *items, size_t count, const HashKey *key,
                               const ReversalNote *note, Err *err);

#endif
