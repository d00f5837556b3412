/**
 * spool_inspect_internal - what the parts of the look at a whole environment share: spool_inspect.c goes through its tables,
 * spool_inspect_pages.c knows which pages are in use, spool_pages.c what stands at the start of a page. All in a child that may
 * crash and leaks: see spool_inspect()
 */
#ifndef AGENT_SPOOL_INSPECT_INTERNAL_H
#define AGENT_SPOOL_INSPECT_INTERNAL_H

#include "agent/spool_internal.h"

enum {
    PROBE_FREE_TABLE = 0, /* LMDB's own tables have these handles */
    PROBE_MAIN_TABLE = 1,
    PROBE_FIRST_PAGE = 2 /* behind the two meta pages */
};

typedef struct Probe {
    const char *path;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi batches;
    MDB_dbi meta;
    uint8_t *free_pages; /* one bit each */
    uint8_t *used_pages; /* that hold entries, and values alone */
    uint64_t branches;   /* pages that lead to others, by what the tables say */
    uint64_t last_page;
    uint64_t file_pages;
    uint64_t pages; /* that tables claim and that are free, together with the two meta pages */
    size_t page_bytes;
    uintptr_t map;    /* where page 0 is, once known */
    const char *leaf; /* the last one that was looked at */
    State state;
    bool has_state;
    int out; /* pipe for the reason */
} Probe;

/** Say `why` to the parent. Returns false. */
bool probe_damaged(const Probe *self, const char *why);
/** Is `rc` LMDB's success? False, having said so: it means damage. A want of memory or rights ends the process as unsure. */
bool probe_check(const Probe *self, int rc, const char *what);

/** Note which pages are free. False, here and below: damaged, and said so. */
bool probe_read_free_pages(Probe *self);
/** The page in which an entry's key lies: in use, and fit to be changed? */
bool probe_check_leaf(Probe *self, const void *inside);
/** One entry of a table: do key and value lie in pages that are in use? Adds to `*overflow_pages` those of the value alone. */
bool probe_check_entry(Probe *self, const MDB_val *key, const MDB_val *value, uint64_t *overflow_pages);

/** Do the two heads of an environment belong to one transaction and the one before? A changed number would lead back behind the
 *  last transaction, without a sign of it. */
MUST_CHECK bool spool_heads_follow(int fd, size_t page_bytes);
/** Does every page that leads to others stand and look as it has to? Behind everything else. */
bool probe_check_branches(Probe *self);

/** Is a page that holds entries, or the first one of `pages` that hold a value, what it has to be for changing it? */
MUST_CHECK bool spool_leaf_is_sound(const char *page, size_t page_bytes);
MUST_CHECK bool spool_branch_is_sound(const char *page, size_t page_bytes);
MUST_CHECK bool spool_overflow_is_sound(const char *page, size_t pages);
/** Does this page say that it is the one with that number, and leads to others? */
MUST_CHECK bool spool_is_branch(const char *page, uint64_t number);

#endif
