/**
 * spool_internal - what the halves of the spool share: spool_open.c opens and closes it, spool.c works with it
 */
#ifndef AGENT_SPOOL_INTERNAL_H
#define AGENT_SPOOL_INTERNAL_H

#include <lmdb.h>

#include "agent/spool.h"

typedef struct RingValue {
    uint64_t position;
    uint64_t lost;
    int64_t touched_us;
} RingValue;

/* The one row that changes with nearly every transaction. */
typedef struct State {
    uint64_t format;
    uint64_t next_key;
    uint64_t base;
    uint8_t id[SPOOL_ID_BYTES];
} State;

struct Spool {
    char *path;
    int lock;
    MDB_env *env;
    MDB_dbi batches;
    MDB_dbi meta;
    MDB_dbi dead;
    MDB_txn *txn; /* open while something is staged */
    State state;
    uint64_t stored_first; /* oldest key on disk */
    uint64_t first;        /* oldest key that is not acknowledged */
    uint64_t durable_next; /* state.next_key as of the last commit */
    size_t page_bytes;
    size_t pages_limit;
    size_t pages_used;
    size_t staged_bytes;
    size_t touched_bytes;
    const char *seen_low; /* the part of LMDB's map in which values were seen */
    const char *seen_high;
    uint64_t aside;
    bool broken;
};

/** Mark the spool unusable and say why. Returns false. */
bool spool_failed(Spool *self, int rc, const char *what, Err *err);
/** LMDB's view of borrowed bytes. */
MDB_val spool_value(const void *bytes, size_t length);
/** Bring pages_used up to date, inside the open transaction. */
MUST_CHECK bool spool_count_pages(Spool *self, Err *err);

#endif
