/**
 * duplicates_write - exclusions into the database, and their records out of the rollups
 *
 * The writing half of duplicates.h and of reversal.h, inside their transactions.
 */
#ifndef SCHEMA_DUPLICATES_WRITE_H
#define SCHEMA_DUPLICATES_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/config_table.h"
#include "schema/db.h"
#include "schema/duplicates.h"
#include "schema/reversal.h"
#include "schema/rollup_store.h"
#include "schema/segment_store.h"

typedef struct Exclusion {
    SegmentKey key; /* with ordinal: the record that does not count */
    SegmentKey kept_key;
    uint32_t ordinal;
    uint32_t kept_ordinal;
    bool kept_reversed; /* the record it is a copy of, or in conflict with, does not count either */
    DuplicateVerdict verdict;
    int64_t stream_id; /* filled in while writing: the batch that brought the record */
    int64_t sequence;
} Exclusion;

/** One finder for a tenant at a time, until the transaction ends. */
MUST_CHECK bool duplicates_lock(Db *db, int64_t tenant_id, Err *err);

/** Write exclusions (reordered), corrections of rollups, quarantine rows of conflicts, and the commit with its receipt. `note`: all
 *  are reversals; NULL: none is. */
MUST_CHECK bool
duplicates_write(Db *db, int64_t tenant_id, Exclusion *exclusions, size_t count, const ReversalNote *note, Err *err);

/** The rows of table exclusions, as they stand. */
MUST_CHECK bool exclusions_insert(Db *db, int64_t tenant_id, int64_t commit_id, const Exclusion *exclusions,
                                  size_t count, const ReversalNote *note, Err *err);

/** Find the greatest values of rollups (`entries`, sorted by key, whose rows are locked since rollup_subtract) among the
 *  records that still count, and set them. Exclusions are written before. */
MUST_CHECK bool
duplicates_greatest(Db *db, int64_t tenant_id, ConfigTable *configs, RollupEntry *entries, size_t count, Err *err);

#endif
