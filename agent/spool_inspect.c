/* Looks at a whole LMDB environment without trusting it. Runs in a child process (spool_probe.c), because LMDB reads pages as
 * they are and crashes or asserts when they are damaged. Walks every table, touches every page of every value, compares with the
 * list of free pages, tries a transaction and throws it away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool_internal.h"

enum {
    TABLES = 64,    /* more than ours: another version may have others */
    FREE_TABLE = 0, /* LMDB's own tables have these handles */
    MAIN_TABLE = 1,
    FIRST_PAGE = 2 /* behind the two meta pages */
};

typedef struct Probe {
    const char *path;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi batches;
    MDB_dbi meta;
    uint8_t *free_pages; /* one bit each */
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

static bool
damaged(const Probe *self, const char *why)
{
    (void) !write(self->out, why, strlen(why));
    return false;
}

/* Is rc an answer of LMDB that means damage, rather than a want of memory or rights? */
static bool
check(const Probe *self, int rc, const char *what)
{
    if (rc == 0)
        return true;
    if (rc == ENOMEM || rc == EACCES || rc == EMFILE || rc == ENFILE || rc == MDB_READERS_FULL)
        _exit(SPOOL_PROBE_UNSURE);
    char why[256];
    (void) snprintf(why, sizeof(why), "%s: %s", what, mdb_strerror(rc));
    return damaged(self, why);
}

/* LMDB maps as much as its head says: when that cannot be had though the file itself could be mapped, the head lies. */
static bool
open_head(const Probe *self, const char *name)
{
    struct stat file;
    int rc = mdb_env_open(self->env, self->path, MDB_NOLOCK | MDB_NORDAHEAD, 0600);
    if (rc != ENOMEM || stat(name, &file) != 0 || file.st_size == 0)
        return check(self, rc, "its head");
    void *map = mmap(NULL, (size_t) file.st_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return map == MAP_FAILED ? check(self, ENOMEM, "its head")
                             : damaged(self, "its head says that it is larger than can be");
}

static bool
open_environment(Probe *self)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    char name[4200];
    (void) snprintf(name, sizeof(name), "%s/data.mdb", self->path);
    if (!check(self, mdb_env_create(&self->env), "creating") ||
        !check(self, mdb_env_set_maxdbs(self->env, TABLES), "creating") || !open_head(self, name) ||
        !check(self, mdb_env_info(self->env, &info), "its head") ||
        !check(self, mdb_env_stat(self->env, &stat), "its head"))
        return false;
    int fd;
    if (!check(self, mdb_env_get_fd(self->env, &fd), "its head"))
        return false;
    if (!spool_heads_follow(fd, stat.ms_psize))
        return damaged(self, "its two heads do not follow each other");
    self->page_bytes = stat.ms_psize;
    self->last_page = info.me_last_pgno;
    if (lstat(name, &file) != 0 || stat.ms_psize != (unsigned) sysconf(_SC_PAGESIZE))
        return damaged(self, "its page size is not this machine's");
    self->file_pages = (uint64_t) file.st_size / self->page_bytes;
    if (self->last_page > info.me_mapsize / self->page_bytes)
        return damaged(self, "its last page lies behind its end");
    self->free_pages = calloc(1, self->last_page / 8 + 1);
    return self->free_pages != NULL || check(self, ENOMEM, "pages");
}

static bool
is_free(const Probe *self, uint64_t page)
{
    return (self->free_pages[page / 8] >> (page % 8) & 1) != 0;
}

/* A page that holds what `inside` points to, and the `count` - 1 behind it: do they stand where they say, and is none free? */
static bool
check_pages(Probe *self, const void *inside, size_t count)
{
    uintptr_t start = (uintptr_t) inside / self->page_bytes * self->page_bytes;
    const void *page;
    uint64_t number;
    memcpy(&page, &start, sizeof(page));
    memcpy(&number, page, sizeof(number));
    if (number < FIRST_PAGE || number > self->last_page || number + count > self->file_pages)
        return damaged(self, "a page lies outside the file");
    if (self->map == 0)
        self->map = start - number * self->page_bytes;
    if (start != self->map + number * self->page_bytes)
        return damaged(self, "a page does not stand where it says");
    for (size_t i = 0; i < count; i++)
        if (number + i > self->last_page || is_free(self, number + i))
            return damaged(self, "a page is in use and free at once");
    return true;
}

static const char *
page_of(const Probe *self, const void *inside)
{
    return (const char *) inside - (uintptr_t) inside % self->page_bytes;
}

/* The page of an entry's key: in use, and fit to be changed. */
static bool
check_leaf(Probe *self, const void *inside)
{
    const char *page = page_of(self, inside);
    if (page == self->leaf)
        return true;
    self->leaf = page;
    return check_pages(self, inside, 1) &&
           (spool_leaf_is_sound(page, self->page_bytes) || damaged(self, "a page of entries is not laid out as one"));
}

/* One entry of a table of ours: key and value lie in pages that are in use. */
static bool
check_entry(Probe *self, const MDB_val *key, const MDB_val *value, uint64_t *overflow_pages)
{
    size_t longest = SPOOL_VALUE_BYTES_MAX > self->last_page * 8 ? SPOOL_VALUE_BYTES_MAX : self->last_page * 8;
    if (value->mv_size > longest + 2 * self->page_bytes || key->mv_size > 511)
        return damaged(self, "an entry is longer than any can be");
    if (!check_leaf(self, key->mv_data))
        return false;
    const char *start = value->mv_data;
    uintptr_t key_page = (uintptr_t) key->mv_data / self->page_bytes;
    if ((uintptr_t) start / self->page_bytes == key_page)
        return ((uintptr_t) start + value->mv_size - (value->mv_size > 0)) / self->page_bytes == key_page ||
               damaged(self, "an entry is longer than its page");
    volatile char end = start[value->mv_size - 1];
    (void) end;
    size_t head = (uintptr_t) start % self->page_bytes;
    size_t pages = (head + value->mv_size + self->page_bytes - 1) / self->page_bytes;
    *overflow_pages += pages;
    if (!check_pages(self, start, pages))
        return false;
    if (!spool_overflow_is_sound(page_of(self, start), pages))
        return damaged(self, "a large value does not have the pages that it says");
    for (size_t at = 0; at < value->mv_size; at += self->page_bytes)
        end = start[at]; /* a page that the disk cannot give ends this process, and not the agent again and again */
    return true;
}

static bool
note_free_page(Probe *self, uint64_t page)
{
    if (page < FIRST_PAGE || page > self->last_page || is_free(self, page))
        return damaged(self, "the list of free pages names one that cannot be free");
    self->free_pages[page / 8] |= (uint8_t) (1 << page % 8);
    self->pages++;
    return true;
}

/* One transaction's part of LMDB's list of free pages: a count, then numbers in falling order. */
static bool
read_free_entry(Probe *self, const MDB_val *key, const MDB_val *value)
{
    uint64_t txn_id;
    uint64_t count;
    uint64_t before = UINT64_MAX;
    if (key->mv_size != sizeof(txn_id) || value->mv_size < sizeof(count) || value->mv_size % sizeof(count) != 0)
        return damaged(self, "the list of free pages has another form");
    memcpy(&txn_id, key->mv_data, sizeof(txn_id));
    memcpy(&count, value->mv_data, sizeof(count));
    if (count > value->mv_size / sizeof(count) - 1 || txn_id > mdb_txn_id(self->txn))
        return damaged(self, "the list of free pages has another length");
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page;
        memcpy(&page, (const char *) value->mv_data + i * sizeof(page), sizeof(page));
        if (page >= before || !note_free_page(self, page))
            return damaged(self, "the list of free pages is not in order");
        before = page;
    }
    return true;
}

/* The list first, then whether its own pages are not on it. */
static bool
read_free_pages(Probe *self)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t overflow_pages = 0;
    int rc;
    if (!check(self, mdb_cursor_open(self->txn, FREE_TABLE, &cursor), "the list of free pages"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (!read_free_entry(self, &key, &value))
            return false;
    if (rc != MDB_NOTFOUND)
        return check(self, rc, "the list of free pages");
    for (rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); rc == 0;
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
        if (!check_entry(self, &key, &value, &overflow_pages))
            return false;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND || check(self, rc, "the list of free pages");
}

/* What a table says of itself has to agree with what was seen: the spool counts its room by it. */
static bool
check_claims(Probe *self, MDB_dbi table, uint64_t entries, uint64_t overflow_pages)
{
    MDB_stat stat;
    if (!check(self, mdb_stat(self->txn, table, &stat), "a table"))
        return false;
    if (stat.ms_entries != entries || stat.ms_overflow_pages != overflow_pages ||
        stat.ms_branch_pages > self->last_page || stat.ms_leaf_pages > self->last_page)
        return damaged(self, "a table does not hold what it says");
    self->pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return true;
}

/* Walk a table; `*entries` counts. Batches have keys without gaps. */
static bool
walk(Probe *self, MDB_dbi table, uint64_t *first, uint64_t *entries)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc;
    uint64_t overflow_pages = 0;
    *first = 0;
    *entries = 0;
    if (!check(self, mdb_cursor_open(self->txn, table, &cursor), "a table"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (!check_entry(self, &key, &value, &overflow_pages))
            return false;
        uint64_t number = 0;
        if (table == self->batches) {
            if (key.mv_size != sizeof(number))
                return damaged(self, "a batch's key has another length");
            memcpy(&number, key.mv_data, sizeof(number));
            if (*entries == 0)
                *first = number;
            if (number != *first + *entries)
                return damaged(self, "batches are missing in between");
        }
        ++*entries;
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND && !check(self, rc, "walking through a table"))
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
    if (!check(self, rc, "its state"))
        return false;
    if (!state_open((Text){value.mv_data, value.mv_size}, &self->state))
        return damaged(self, "the checksum of its state differs");
    if (self->state.format == SPOOL_FORMAT && self->state.generation != mdb_txn_id(self->txn))
        return damaged(self, "its state is not that of its last transaction");
    return true;
}

/* LMDB's own tables, and then all together: more pages than there are cannot be. */
static bool
check_sum(Probe *self)
{
    MDB_stat stat;
    for (MDB_dbi table = FREE_TABLE; table <= MAIN_TABLE; table++) {
        if (!check(self, mdb_stat(self->txn, table, &stat), "its tables"))
            return false;
        self->pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    return self->pages + FIRST_PAGE <= self->last_page + 1 ||
           damaged(self, "its tables claim more pages than there are");
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
        return entries == 0 || damaged(self, "its state is missing");
    uint64_t waiting_from = self->state.format == SPOOL_FORMAT_OLD ? first : self->state.first;
    if (entries == 0)
        return self->state.format == SPOOL_FORMAT_OLD || waiting_from == self->state.next_key ||
               damaged(self, "its batches are missing");
    return (first <= waiting_from && first + entries == self->state.next_key) ||
           damaged(self, "batches are missing at an end");
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
    return full || check(self, rc, "changing a batch and its state");
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
    if (!check(self, mdb_cursor_open(self->txn, MAIN_TABLE, &cursor), "its tables"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        char name[32];
        MDB_dbi table;
        if (!check_leaf(self, key.mv_data))
            return false;
        if (key.mv_size >= sizeof(name))
            return damaged(self, "a table's name is damaged");
        memcpy(name, key.mv_data, key.mv_size);
        name[key.mv_size] = '\0';
        bool is_batches = strcmp(name, "batches") == 0;
        bool is_known = is_batches || strcmp(name, "meta") == 0 || strcmp(name, "deadletter") == 0 ||
                        strncmp(name, "notes-", 6) == 0;
        if (!is_known)
            return damaged(self, "a table has an unknown name");
        if (!check(self, mdb_dbi_open(self->txn, name, 0, &table), name))
            return false;
        if (is_batches)
            self->batches = table;
        else if (!walk(self, table, &ignored, &entries))
            return false;
        if (strcmp(name, "meta") == 0)
            self->meta = table;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND || check(self, rc, "its tables");
}

bool
spool_inspect(const char *directory, int out)
{
    Probe probe = {.path = directory, .out = out};
    Probe *self = &probe;
    if (!open_environment(self) || !check(self, mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->txn), "reading") ||
        !read_free_pages(self) || !walk_tables(self))
        return false;
    if (self->batches == 0 || self->meta == 0)
        return (self->batches == 0 && self->meta == 0) || damaged(self, "a table is missing");
    if (!read_state(self) || !check_batches(self) || !check_sum(self))
        return false;
    mdb_txn_abort(self->txn);
    if (!check(self, mdb_txn_begin(self->env, NULL, 0, &self->txn), "writing"))
        return false;
    return try_writing(self);
}
