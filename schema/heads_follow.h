/**
 * heads_follow - the heads file follows the database, and believes it nothing
 *
 * A head is committed first and appended then, so that a crash may leave the file short. What is appended later comes from the
 * database, where somebody else may have written it: only a head that our key signed, that follows the file's last one, and
 * whose roots and invoices are those it was signed over goes into the file. Under the lock of seal_round.h.
 */
#ifndef SCHEMA_HEADS_FOLLOW_H
#define SCHEMA_HEADS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/seal_key.h"
#include "schema/db.h"
#include "schema/seal.h"

/** The head that the file's last line stands for; number 0: the chain starts here. */
typedef struct HeadsTail {
    int64_t number;
    Digest digest;
} HeadsTail;

/** Read the tail; its head must be in the database, the same. ERR_CONFLICT: the database was set back or rewritten. ERR_IO. */
MUST_CHECK bool heads_tail(Db *db, const char *path, HeadsTail *tail, Err *err);

/** Append every committed head that the file lacks; `*tail` is the file's last one then. ERR_CONFLICT: as above; ERR_CORRUPT: a
 *  head of the database is not one that `public_key` signed, and nothing of it was appended. */
MUST_CHECK bool
heads_follow(Db *db, const char *path, const uint8_t public_key[SEAL_PUBLIC_BYTES], HeadsTail *tail, Err *err);

/** Is the database's last head the file's, its digest right and its signature valid? Else the chain must not go on from it:
 *  ERR_CORRUPT. */
MUST_CHECK bool heads_last_is_good(const SealHead *last, const HeadsTail *tail, Err *err);

#endif
