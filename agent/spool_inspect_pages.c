/* Pages of an LMDB environment that nobody vouches for: which are free, and whether those that entries lie in can be so. */
#include "agent/spool_inspect_internal.h"

#include <stdlib.h>
#include <string.h>

static bool
is_in(const uint8_t *pages, uint64_t page)
{
    return (pages[page / 8] >> (page % 8) & 1) != 0;
}

static void
put_in(uint8_t *pages, uint64_t page)
{
    pages[page / 8] |= (uint8_t) (1 << page % 8);
}

/* A page that holds what `inside` points to, and the `count` - 1 behind it: do they stand where they say, and is none free or used
 * otherwise? */
static bool
check_pages(Probe *self, const void *inside, size_t count)
{
    uintptr_t start = (uintptr_t) inside / self->page_bytes * self->page_bytes;
    const void *page;
    uint64_t number;
    memcpy(&page, &start, sizeof(page));
    memcpy(&number, page, sizeof(number));
    if (number < PROBE_FIRST_PAGE || number > self->last_page || number + count > self->file_pages)
        return probe_damaged(self, "a page lies outside the file");
    if (self->map == 0)
        self->map = start - number * self->page_bytes;
    if (start != self->map + number * self->page_bytes)
        return probe_damaged(self, "a page does not stand where it says");
    for (size_t i = 0; i < count; i++) {
        if (number + i > self->last_page || is_in(self->free_pages, number + i))
            return probe_damaged(self, "a page is in use and free at once");
        if (is_in(self->used_pages, number + i))
            return probe_damaged(self, "a page is in use twice");
        put_in(self->used_pages, number + i);
    }
    return true;
}

static const char *
page_of(const Probe *self, const void *inside)
{
    return (const char *) inside - (uintptr_t) inside % self->page_bytes;
}

bool
probe_check_leaf(Probe *self, const void *inside)
{
    const char *page = page_of(self, inside);
    if (page == self->leaf)
        return true;
    self->leaf = page;
    return check_pages(self, inside, 1) && (spool_leaf_is_sound(page, self->page_bytes) ||
                                            probe_damaged(self, "a page of entries is not laid out as one"));
}

bool
probe_check_entry(Probe *self, const MDB_val *key, const MDB_val *value, uint64_t *overflow_pages)
{
    size_t longest = SPOOL_VALUE_BYTES_MAX > self->last_page * 8 ? SPOOL_VALUE_BYTES_MAX : self->last_page * 8;
    if (value->mv_size > longest + 2 * self->page_bytes || key->mv_size > 511)
        return probe_damaged(self, "an entry is longer than any can be");
    if (!probe_check_leaf(self, key->mv_data))
        return false;
    const char *start = value->mv_data;
    uintptr_t key_page = (uintptr_t) key->mv_data / self->page_bytes;
    if ((uintptr_t) start / self->page_bytes == key_page)
        return ((uintptr_t) start + value->mv_size - (value->mv_size > 0)) / self->page_bytes == key_page ||
               probe_damaged(self, "an entry is longer than its page");
    volatile char end = start[value->mv_size - 1];
    (void) end;
    size_t head = (uintptr_t) start % self->page_bytes;
    size_t pages = (head + value->mv_size + self->page_bytes - 1) / self->page_bytes;
    *overflow_pages += pages;
    if (!check_pages(self, start, pages))
        return false;
    if (!spool_overflow_is_sound(page_of(self, start), pages))
        return probe_damaged(self, "a large value does not have the pages that it says");
    for (size_t at = 0; at < value->mv_size; at += self->page_bytes)
        end = start[at]; /* a page that the disk cannot give ends this process, and not the agent again and again */
    return true;
}

static bool
note_free_page(Probe *self, uint64_t page)
{
    if (page < PROBE_FIRST_PAGE || page > self->last_page || is_in(self->free_pages, page))
        return probe_damaged(self, "the list of free pages names one that cannot be free");
    put_in(self->free_pages, page);
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
        return probe_damaged(self, "the list of free pages has another form");
    memcpy(&txn_id, key->mv_data, sizeof(txn_id));
    memcpy(&count, value->mv_data, sizeof(count));
    if (count > value->mv_size / sizeof(count) - 1 || txn_id > mdb_txn_id(self->txn))
        return probe_damaged(self, "the list of free pages has another length");
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page;
        memcpy(&page, (const char *) value->mv_data + i * sizeof(page), sizeof(page));
        if (page >= before || !note_free_page(self, page))
            return probe_damaged(self, "the list of free pages is not in order");
        before = page;
    }
    return true;
}

/* The list first, then whether its own pages are not on it. */
bool
probe_read_free_pages(Probe *self)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t overflow_pages = 0;
    int rc;
    if (!probe_check(self, mdb_cursor_open(self->txn, PROBE_FREE_TABLE, &cursor), "the list of free pages"))
        return false;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if (!read_free_entry(self, &key, &value))
            return false;
    if (rc != MDB_NOTFOUND)
        return probe_check(self, rc, "the list of free pages");
    for (rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); rc == 0;
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
        if (!probe_check_entry(self, &key, &value, &overflow_pages))
            return false;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND || probe_check(self, rc, "the list of free pages");
}

/* No cursor shows them: they are among the pages that are neither free nor in use for something else. */
bool
probe_check_branches(Probe *self)
{
    uint64_t seen = 0;
    for (uint64_t number = PROBE_FIRST_PAGE; self->map != 0 && number <= self->last_page; number++) {
        const char *page;
        uintptr_t at = self->map + number * self->page_bytes;
        memcpy(&page, &at, sizeof(page));
        if (is_in(self->free_pages, number) || is_in(self->used_pages, number) || number >= self->file_pages ||
            !spool_is_branch(page, number))
            continue;
        if (!spool_branch_is_sound(page, self->page_bytes))
            return probe_damaged(self, "a page that leads to others is not laid out as one");
        seen++;
    }
    return seen >= self->branches || probe_damaged(self, "a page that leads to others is missing");
}
