/**
 * verify_copies - is an excluded record the same one as the record that it gave way to?
 *
 * Who may write exclusions could take any record out of the bill by naming another one as its copy. During the walk over a
 * tenant's segments both records of each exclusion are met, in whatever order; of each a keyed hash goes into one of
 * COPIES_BUCKETS sums, which come out at nothing when identity (and, for copies, duration) are the same. Memory does not grow with
 * exclusions, and only what falls into a sum that does not come out is looked at again, to be named.
 */
#ifndef RATER_VERIFY_COPIES_H
#define RATER_VERIFY_COPIES_H

#include <stdbool.h>
#include <stddef.h>

#include "rater/verify_parts.h"

typedef struct Copies Copies;

/** Caller frees with copies_free(). NULL on failure. */
MUST_CHECK Copies *
copies_new(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err);
void copies_free(Copies **self);

/** A record that is excluded. */
void copies_excluded(Copies *self, const VerifyExclusion *exclusion, const UsageRecord *record);
/** Every record of a segment, in the order of hour, segment and ordinal. */
MUST_CHECK bool copies_met(Copies *self, const SegmentKey *key, size_t ordinal, const UsageRecord *record, Err *err);

/** After the walk: name those that differ. */
MUST_CHECK bool copies_end(Copies *self, Err *err);

/** Compare the place of a record with another one: by hour, segment, ordinal. */
int record_place_compare(const SegmentKey *a, int64_t a_ordinal, const SegmentKey *b, int64_t b_ordinal);

#endif
