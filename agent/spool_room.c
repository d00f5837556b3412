/* Room in LMDB's map, which is not the same as room for batches. Pages that a transaction gives up can be used two commits later,
 * a commit needs pages itself for the list of free ones, and a map without any left answers MDB_MAP_FULL, in the midst of
 * whatever it is at. LMDB does not tell how many it could still give: so they are asked for, in a nested transaction that is
 * thrown away, and what has to stay possible is proved before anything else is taken. */
#include <string.h>

#include "agent/spool_internal.h"
#include "lib/log.h"

enum {
    COMMIT_PAGES = 24,   /* for a commit, and for one more that only writes down what was acknowledged */
    CHANGE_PAGES = 24,   /* for changes that may not be refused */
    PROVED_AT_ONCE = 32, /* so that not every small change asks */
    RUN_ENTRIES = 500,   /* freed pages that one page of LMDB's list names */
    ENLARGE_BYTES = 1 << 20,
    ENLARGED_MAX = 64,          /* times in a row; one is enough */
    STAGED_BYTES_MAX = 4 << 20, /* pages of an open transaction are memory: commit before they get many */
    STAGED_SHARE = 8,           /* of the map, at most: twice what goes then is not free yet */
    FREED_SHARE = 16,
    SMALL_OVERHEAD_BYTES = 24,
    PAGE_HEAD_BYTES = 16
};

/* What a stored value takes: pages of its own when it is large. */
size_t
spool_taken_bytes(const Spool *self, size_t length)
{
    if (length < self->page_bytes / 2 - 64)
        return length + SMALL_OVERHEAD_BYTES;
    return (length + PAGE_HEAD_BYTES + self->page_bytes - 1) / self->page_bytes * self->page_bytes;
}

bool
spool_has_staged_enough(const Spool *self)
{
    size_t share = self->map_bytes / STAGED_SHARE;
    return self->staged_bytes > (share < STAGED_BYTES_MAX ? share : STAGED_BYTES_MAX);
}

bool
spool_has_freed_enough(const Spool *self)
{
    size_t share = self->map_bytes / self->page_bytes / FREED_SHARE;
    return self->freed_pages > (share < RUN_ENTRIES ? share : RUN_ENTRIES);
}

/* Pages in a row that the list of this transaction's freed pages takes. */
static size_t
run_pages(const Spool *self)
{
    return 1 + self->freed_pages / RUN_ENTRIES;
}

static int
ask_for(MDB_txn *txn, MDB_dbi table, uint16_t name, size_t pages, size_t page_bytes)
{
    MDB_val key = spool_value(&name, sizeof(name));
    MDB_val value = {pages * page_bytes - (size_t) 2 * PAGE_HEAD_BYTES, NULL};
    return mdb_put(txn, table, &key, &value, MDB_RESERVE);
}

/* Could `txn` get `pages` more? */
static bool
could_get(const Spool *self, MDB_txn *txn, size_t pages)
{
    MDB_txn *trial = NULL;
    MDB_dbi tables; /* LMDB's own, which is there before ours are */
    int rc = mdb_txn_begin(self->env, txn, 0, &trial);
    if (rc == 0)
        rc = mdb_dbi_open(trial, NULL, 0, &tables);
    if (rc == 0)
        rc = ask_for(trial, tables, 0, run_pages(self), self->page_bytes);
    for (uint16_t i = 1; rc == 0 && i <= pages; i++)
        rc = ask_for(trial, tables, i, 1, self->page_bytes);
    if (trial != NULL)
        mdb_txn_abort(trial);
    return rc != MDB_MAP_FULL; /* anything else comes again where it can be told */
}

/* Are `wanted` pages still there for `txn`? */
static bool
prove(Spool *self, MDB_txn *txn, size_t wanted)
{
    size_t run = run_pages(self);
    if (self->proved_pages >= wanted && self->proved_run >= run)
        return true;
    self->proved_run = run;
    self->proved_pages = wanted + PROVED_AT_ONCE;
    if (could_get(self, txn, self->proved_pages))
        return true;
    self->proved_pages = could_get(self, txn, wanted) ? wanted : 0;
    return self->proved_pages > 0;
}

static void
spend(Spool *self, size_t pages)
{
    self->proved_pages -= pages < self->proved_pages ? pages : self->proved_pages;
}

static bool
take(Spool *self, size_t kept, size_t pages)
{
    if (!prove(self, self->txn, kept + pages))
        return false;
    spend(self, pages);
    self->freed_pages += pages;
    return true;
}

bool
spool_may_grow(Spool *self, size_t pages)
{
    return take(self, COMMIT_PAGES + CHANGE_PAGES, pages);
}

bool
spool_may_change(Spool *self, size_t pages)
{
    return take(self, COMMIT_PAGES, pages);
}

bool
spool_keeps_reserve(Spool *self, MDB_txn *txn, size_t taken)
{
    spend(self, taken);
    return prove(self, txn, COMMIT_PAGES + CHANGE_PAGES);
}

/* No transaction is open. Addresses of values that were read before mean nothing any more. */
static int
enlarge(Spool *self)
{
    MDB_envinfo info;
    int rc = mdb_env_info(self->env, &info);
    if (rc == 0)
        rc = mdb_env_set_mapsize(self->env, info.me_mapsize + ENLARGE_BYTES);
    if (rc == 0)
        log_warn("event=spool_enlarged spool=%s bytes=%zu", self->path, info.me_mapsize + ENLARGE_BYTES);
    self->seen_low = self->seen_high = NULL;
    self->touched_bytes = 0;
    return rc;
}

bool
spool_enlarge(Spool *self, Err *err)
{
    MDB_envinfo info;
    int rc = mdb_env_info(self->env, &info);
    if (rc == 0 && info.me_mapsize >= 2 * self->map_bytes)
        return err_set(err, ERR_FULL, "spool '%s' is full: its file grew to %zu bytes already", self->path,
                       info.me_mapsize);
    if (rc == 0)
        rc = enlarge(self);
    return rc == 0 || spool_failed(self, rc, "making its map larger", err);
}

bool
spool_begin(Spool *self, Err *err)
{
    self->freed_pages = 0;
    for (int i = 0; i < ENLARGED_MAX; i++) {
        int rc = mdb_txn_begin(self->env, NULL, 0, &self->txn);
        if (rc != 0)
            return spool_failed(self, rc, "beginning a transaction", err);
        self->proved_run = run_pages(self);
        self->proved_pages = COMMIT_PAGES + CHANGE_PAGES;
        if (could_get(self, self->txn, self->proved_pages))
            return true;
        mdb_txn_abort(self->txn);
        self->txn = NULL;
        rc = enlarge(self);
        if (rc != 0)
            return spool_failed(self, rc, "making its map larger", err);
    }
    return spool_failed(self, MDB_MAP_FULL, "beginning a transaction", err);
}
