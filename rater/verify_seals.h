/**
 * verify_seals - seals against the evidence, tenant by tenant; heads against books, seals, roots and the heads file
 *
 * The segments are those that verify_usage reads anyway: each is read and hashed once.
 */
#ifndef RATER_VERIFY_SEALS_H
#define RATER_VERIFY_SEALS_H

#include "rater/verify_parts.h"
#include "schema/verify_seal_store.h"

typedef struct SealWalk SealWalk;

/** Check the tenant's chain, and begin to compare its hours. Caller frees with seal_walk_free(). NULL on failure. */
MUST_CHECK SealWalk *
seal_walk_new(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err);
void seal_walk_free(SealWalk **self);

/** The next segment, hours in order. `payload` is the SHA-256 of its bytes. */
MUST_CHECK bool seal_walk_segment(SealWalk *self, const VerifySegment *segment, const Digest *payload, Err *err);
/** No more segments: compare what is left. */
MUST_CHECK bool seal_walk_end(SealWalk *self, Err *err);

/** Heads, their books, seals and roots, and the heads file. */
MUST_CHECK bool verify_heads(Db *db, const VerifyRequest *request, VerifyReport *report, Err *err);

#endif
