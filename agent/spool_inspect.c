/* Looks at a whole LMDB environment without trusting it. Runs in a child process (spool_probe.c), because LMDB reads pages as
 * they are and crashes or asserts when they are damaged. Walks every table, touches every page of every value, compares with the
 * list of free pages, tries a transaction and throws it away. */
#include "agent/spool_inspect_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLES = 64 }; /* more than ours: another version may have others */

bool
probe_damaged(const Probe *self, const char *why)
{
    (void) !write(self->out, why, strlen(why));
    return false;
}

bool
probe_check(const Probe *self, int rc, const char *what)
{
    if (rc == 0)
        return true;
    if (rc == ENOMEM || rc == EACCES || rc == EMFILE || rc == ENFILE || rc == MDB_READERS_FULL)
        _exit(SPOOL_PROBE_UNSURE);
    char why[256];
    (void) snprintf(why, sizeof(why), "%s: %s", what, mdb_strerror(rc));
    return probe_damaged(self, why);
}

/* LMDB maps as much as its head says: when that cannot be had though the file itself could be mapped, the head lies. */
static bool
open_head(const Probe *self, const char *name)
{
    struct stat file;
    int rc = mdb_env_open(self->env, self->path, MDB_NOLOCK | MDB_NORDAHEAD, 0600);
    if (rc != ENOMEM || stat(name, &file) != 0 || file.st_size == 0)
        return probe_check(self, rc, "its head");
    void *map = mmap(NULL, (size_t) file.st_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return map == MAP_FAILED ? probe_check(self, ENOMEM, "its head")
                             : probe_damaged(self, "its head says that it is larger than can be");
}

static bool
open_environment(Probe *self)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    char name[4200];
    (void) snprintf(name, sizeof(name), "%s/data.mdb", self->path);
    if (!probe_check(self, mdb_env_create(&self->env), "creating") ||
        !probe_check(self, mdb_env_set_maxdbs(self->env, TABLES), "creating") || !open_head(self, name) ||
        !probe_check(self, mdb_env_info(self->env, &info), "its head") ||
        !probe_check(self, mdb_env_stat(self->env, &stat), "its head"))
        return false;
    int fd;
    if (!probe_check(self, mdb_env_get_fd(self->env, &fd), "its head"))
        return false;
    if (!spool_heads_follow(fd, stat.ms_psize))
        return probe_damaged(self, "its two heads do not follow each other");
    self->page_bytes = stat.ms_psize;
    self->last_page = info.me_last_pgno;
    if (lstat(name, &file) != 0 || stat.ms_psize != (unsigned) sysconf(_SC_PAGESIZE))
        return probe_damaged(self, "its page size is not this machine's");
    self->file_pages = (uint64_t) file.st_size / self->page_bytes;
    if (self->last_page > info.me_mapsize / self->page_bytes)
        return probe_damaged(self, "its last page lies behind its end");
    self->free_pages = calloc(1, self->last_page / 8 + 1);
    self->used_pages = calloc(1, self->last_page / 8 + 1);
    return (self->free_pages != NULL && self->used_pages != NULL) || probe_check(self, ENOMEM, "pages");
}

/* What a table says of itself has to agree with what was seen: the spool counts its room by it. */
static bool
check_claims(Probe *self, MDB_dbi table, uint64_t entries, uint64_t overflow_pages)
{
    MDB_stat stat;
    if (!probe_check(self, mdb_stat(self->txn, table, &stat), "a table"))
        return false;
    if (stat.ms_entries != entries || stat.ms_overflow_pages != overflow_pages ||
        stat.ms_branch_pages > self->last_page || stat.ms_leaf_pages > self->last_page)
        return probe_damaged(self, "a table does not hold what it says");
    self->pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    self->branches += stat.ms_branch_pages;
    return true;
}

/* Going from entry to entry says nothing about the keys in pages that lead to others; looking an entry up does. The first and the
 * last one of a page are enough: what leads to both of them leads to those in between. */
static bool
check_found(Probe *self, MDB_dbi table, MDB_val key)
{
    MDB_val value;
    return key.mv_data == NULL || probe_check(self, mdb_get(self->txn, table, &key, &value), "an entry");
}

/* An entry and the one before it; none: mv_data is NULL. */
static bool
check_order(Probe *self, MDB_dbi table, const MDB_val *before, const MDB_val *key)
{
    if (before->mv_data != NULL && mdb_cmp(self->txn, table, before, key) >= 0)
        return probe_damaged(self, "entries are not in order");
    if ((uintptr_t) before->mv_data / self->page_bytes == (uintptr_t) key->mv_data / self->page_bytes)
        return true;
    return check_found(self, table, *before) && check_found(self, table, *key);
}

/* Walk a table; `*entries` counts. Keys rise, and those of batches have no gaps. */
static bool
walk(Probe *self, MDB_dbi table, uint64_t *first, uint64_t *entries)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    MDB_val before = {0};
    int rc;
    uint64_t overflow_pages = 0;
    *first = 0;
    *entries = 0;
    if (!probe_check(self, mdb_cursor_open(self->txn, table, &cursor), "a table"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (!probe_check_entry(self, &key, &value, &overflow_pages))
            return false;
        uint64_t number = 0;
        if (table == self->batches) {
            if (key.mv_size != sizeof(number))
                return probe_damaged(self, "a batch's key has another length");
            memcpy(&number, key.mv_data, sizeof(number));
            if (*entries == 0)
                *first = number;
            if (number != *first + *entries)
                return probe_damaged(self, "batches are missing in between");
        }
        if (!check_order(self, table, &before, &key))
            return false;
        before = key;
        ++*entries;
    }
    mdb_cursor_close(cursor);
    if ((rc != MDB_NOTFOUND && !probe_check(self, rc, "walking through a table")) || !check_found(self, table, before))
        return false;
    return check_claims(self, table, *entries, overflow_pages);
}

static bool
read_state(Probe *self)
{
    MDB_val key = spool_value("state", 5);
    MDB_val value;
    int rc = mdb_get(self->txn, self->meta, &key, &value);
    self->has_state = rc == 0;
    if (rc == MDB_NOTFOUND)
        return true;
    if (!probe_check(self, rc, "its state"))
        return false;
    if (!state_open((Text){value.mv_data, value.mv_size}, &self->state))
        return probe_damaged(self, "the checksum of its state differs");
    if (self->state.format == SPOOL_FORMAT && self->state.generation != mdb_txn_id(self->txn))
        return probe_damaged(self, "its state is not that of its last transaction");
    return true;
}

/* LMDB's own tables, and then all together: more pages than there are cannot be. */
static bool
check_sum(Probe *self)
{
    MDB_stat stat;
    for (MDB_dbi table = PROBE_FREE_TABLE; table <= PROBE_MAIN_TABLE; table++) {
        if (!probe_check(self, mdb_stat(self->txn, table, &stat), "its tables"))
            return false;
        self->pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
        self->branches += stat.ms_branch_pages;
    }
    return self->pages + PROBE_FIRST_PAGE <= self->last_page + 1 ||
           probe_damaged(self, "its tables claim more pages than there are");
}

/* Do the batches reach from the oldest that waits to the newest? */
static bool
check_batches(Probe *self)
{
    uint64_t first = 0;
    uint64_t entries = 0;
    if (!walk(self, self->batches, &first, &entries))
        return false;
    if (!self->has_state)
        return entries == 0 || probe_damaged(self, "its state is missing");
    uint64_t waiting_from = self->state.format == SPOOL_FORMAT_OLD ? first : self->state.first;
    if (entries == 0)
        return self->state.format == SPOOL_FORMAT_OLD || waiting_from == self->state.next_key ||
               probe_damaged(self, "its batches are missing");
    return (first <= waiting_from && first + entries == self->state.next_key) ||
           probe_damaged(self, "batches are missing at an end");
}

/* What a transaction changes at least; an answer of LMDB. */
static int
change(Probe *self)
{
    uint64_t number = self->state.next_key;
    char filler[4096] = {0};
    MDB_val key;
    MDB_val value;
    MDB_cursor *cursor;
    int rc = mdb_dbi_open(self->txn, "batches", 0, &self->batches);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "meta", 0, &self->meta);
    if (rc == 0)
        rc = mdb_cursor_open(self->txn, self->batches, &cursor);
    if (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0)
        rc = mdb_cursor_del(cursor, 0);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    key = spool_value(&number, sizeof(number));
    value = spool_value(filler, sizeof(filler));
    rc = mdb_put(self->txn, self->batches, &key, &value, 0);
    if (rc != 0)
        return rc;
    key = spool_value("state", 5);
    value = spool_value(&self->state, sizeof(self->state));
    return mdb_put(self->txn, self->meta, &key, &value, 0);
}

/* Tried and thrown away: where LMDB would crash over it, the child does. That nothing more fits is no damage. */
static bool
try_writing(Probe *self)
{
    int rc = change(self);
    bool full = rc == MDB_MAP_FULL && self->last_page < 2 * self->file_pages; /* else its head lies about the end */
    return full || probe_check(self, rc, "changing a batch and its state");
}

/* Every table that the main one names; ours are opened by name, as the spool does. */
static bool
walk_tables(Probe *self)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc;
    uint64_t ignored;
    uint64_t entries;
    if (!probe_check(self, mdb_cursor_open(self->txn, PROBE_MAIN_TABLE, &cursor), "its tables"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        char name[32];
        MDB_dbi table;
        if (!probe_check_leaf(self, key.mv_data))
            return false;
        if (key.mv_size >= sizeof(name))
            return probe_damaged(self, "a table's name is damaged");
        memcpy(name, key.mv_data, key.mv_size);
        name[key.mv_size] = '\0';
        bool is_batches = strcmp(name, "batches") == 0;
        bool is_known = is_batches || strcmp(name, "meta") == 0 || strcmp(name, "deadletter") == 0 ||
                        strncmp(name, "notes-", 6) == 0;
        if (!is_known)
            return probe_damaged(self, "a table has an unknown name");
        if (!probe_check(self, mdb_dbi_open(self->txn, name, 0, &table), name))
            return false;
        const char *leaf = self->leaf;
        if (is_batches)
            self->batches = table;
        else if (!walk(self, table, &ignored, &entries))
            return false;
        self->leaf = leaf; /* of the main table, not to be taken for another one */
        if (strcmp(name, "meta") == 0)
            self->meta = table;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND || probe_check(self, rc, "its tables");
}

bool
spool_inspect(const char *directory, int out)
{
    Probe probe = {.path = directory, .out = out};
    Probe *self = &probe;
    if (!open_environment(self) ||
        !probe_check(self, mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->txn), "reading") ||
        !probe_read_free_pages(self) || !walk_tables(self))
        return false;
    if (self->batches == 0 || self->meta == 0)
        return (self->batches == 0 && self->meta == 0) || probe_damaged(self, "a table is missing");
    if (!read_state(self) || !check_batches(self) || !check_sum(self) || !probe_check_branches(self))
        return false;
    mdb_txn_abort(self->txn);
    if (!probe_check(self, mdb_txn_begin(self->env, NULL, 0, &self->txn), "writing"))
        return false;
    return try_writing(self);
}
