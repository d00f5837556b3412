/**
 * identity_window - the identities of records that were taken lately, so that a record sent again is not taken twice
 *
 * For each record that came with an identity of its own: a hash of (tenant, request_id, attempt) and one of all its facts,
 * 24 bytes. They are staged with the batch that holds the record, so that after a crash either both are there or none, and
 * stay for `hours` at least, unless there are more than `entries_max`: then the oldest go first.
 *
 * On disk (notes of the spool) the newest ones, some thousand, stand in the order they came; when there are enough of them, or
 * they span a 24th of the time, they become a segment, sorted, and are forgotten as a whole one day. In memory: the newest ones
 * as a table (half a megabyte at most with the usual settings), and two bytes for each other one, which say of nearly every
 * new record that no segment has to be searched.
 *
 * When the spool has no room for them identities are forgotten rather than records refused: a resent record is then
 * taken again, and what finds duplicates before billing finds it. Not thread-safe.
 */
#ifndef AGENT_IDENTITY_WINDOW_H
#define AGENT_IDENTITY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/spool.h"
#include "lib/err.h"
#include "proto/usage_record.h"

enum { IDENTITY_ID_BYTES = 16, IDENTITY_FACTS_BYTES = 8, IDENTITY_SEGMENT_ENTRIES = 16384 };

typedef struct Identity {
    uint8_t id[IDENTITY_ID_BYTES];
    uint8_t facts[IDENTITY_FACTS_BYTES];
} Identity;

typedef enum IdentityResult {
    IDENTITY_NEW,
    IDENTITY_KNOWN,  /* and says the same */
    IDENTITY_DIFFERS /* the identity is known with other facts: whoever finds duplicates has to see both */
} IdentityResult;

typedef struct IdentityWindow IdentityWindow;

/** Load what the spool (borrowed) remembers. `hours` and `entries_max` at least 1; a tenth of the spool, `spool_mb` large, is
 *  taken at most. Caller frees. NULL: ERR_NOMEM, ERR_IO. */
MUST_CHECK IdentityWindow *
identity_window_open(Spool *spool, int64_t hours, int64_t entries_max, int64_t spool_mb, Err *err);
void identity_window_free(IdentityWindow **self);

/** Look for the record's identity; `*identity` is for identity_window_add(). ERR_IO, ERR_NOMEM. */
MUST_CHECK bool identity_window_ask(IdentityWindow *self, const UsageRecord *record, Identity *identity,
                                    IdentityResult *result, Err *err);

/** The record was taken: remember it, in memory until the next identity_window_stage(). ERR_NOMEM. */
MUST_CHECK bool identity_window_add(IdentityWindow *self, const Identity *identity, Err *err);

/** The batch that holds all records added so far was staged: stage their identities in the same transaction, at `now_us`
 *  (UTC). ERR_IO, ERR_NOMEM. */
MUST_CHECK bool identity_window_stage(IdentityWindow *self, int64_t now_us, Err *err);

size_t identity_window_count(const IdentityWindow *self);   /* remembered now */
uint64_t identity_window_known(const IdentityWindow *self); /* resent records recognised since it was opened */

#endif
