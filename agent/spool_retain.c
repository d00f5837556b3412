/* What becomes of acknowledged batches: they stay for a while, and go when they are too old or in the way. */
#include <string.h>

#include "agent/spool_internal.h"
#include "lib/digest.h"
#include "lib/utc.h"

enum { CHANGED_PAGES = 8 /* by removing a batch, at most */ };

void
spool_retain(Spool *self, int64_t hours)
{
    self->retain_us = hours * 3600 * UTC_SECOND_US;
    self->oldest_expires_us = 0;
}

/* Bytes that a batch takes, 0 when it is missing. */
static bool
measure_batch(Spool *self, uint64_t key_number, size_t *bytes, Err *err)
{
    MDB_val key = spool_value(&key_number, sizeof(key_number));
    MDB_val value;
    int rc = mdb_get(self->txn, self->batches, &key, &value);
    *bytes = rc == 0 ? spool_taken_bytes(self, value.mv_size) : 0;
    return rc == 0 || rc == MDB_NOTFOUND || spool_failed(self, rc, "measuring a batch", err);
}

static bool
count_retained(Spool *self, Err *err)
{
    size_t bytes;
    for (; self->counted < self->first; self->counted++) {
        if (!measure_batch(self, self->counted, &bytes, err))
            return false;
        self->retained_bytes += bytes;
    }
    return true;
}

/* `*done`: false when this transaction should not remove more; a later one will. */
static bool
drop_oldest(Spool *self, bool *done, Err *err)
{
    size_t bytes;
    *done = !spool_has_freed_enough(self) && spool_may_change(self, CHANGED_PAGES);
    if (!*done)
        return true;
    if (!measure_batch(self, self->stored_first, &bytes, err))
        return false;
    MDB_val key = spool_value(&self->stored_first, sizeof(self->stored_first));
    int rc = mdb_del(self->txn, self->batches, &key, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return spool_failed(self, rc, "removing an acknowledged batch", err);
    self->retained_bytes -= bytes < self->retained_bytes ? bytes : self->retained_bytes;
    self->freed_pages += bytes / self->page_bytes;
    self->touched_bytes += self->page_bytes;
    self->stored_first++;
    self->oldest_expires_us = 0;
    return true;
}

/* A damaged head or one of the old format does not tell: such a batch is as old as can be. */
static bool
find_expiry(Spool *self, Err *err)
{
    ValueHeader header = {0};
    MDB_val key = spool_value(&self->stored_first, sizeof(self->stored_first));
    MDB_val value;
    int rc = mdb_get(self->txn, self->batches, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return spool_failed(self, rc, "looking at an acknowledged batch", err);
    if (rc == 0 && value.mv_size > sizeof(header))
        memcpy(&header, value.mv_data, sizeof(header));
    bool told = header.magic == VALUE_MAGIC && header.accepted_us > 0 && header.accepted_us < INT64_MAX / 2;
    self->oldest_expires_us = told ? header.accepted_us + self->retain_us : 1;
    return true;
}

static bool
oldest_has_to_go(Spool *self, bool *goes, Err *err)
{
    size_t share_bytes = self->pages_limit * self->page_bytes / 100 * SPOOL_RETAINED_PERCENT;
    *goes = self->retained_bytes > share_bytes || self->retain_us == 0;
    if (*goes || self->retain_us == INT64_MAX)
        return true;
    if (self->oldest_expires_us == 0 && !find_expiry(self, err))
        return false;
    *goes = self->oldest_expires_us <= utc_now_us();
    return true;
}

bool
spool_trim(Spool *self, Err *err)
{
    if (!count_retained(self, err))
        return false;
    bool goes = true;
    while (goes && self->stored_first < self->first)
        if (!oldest_has_to_go(self, &goes, err) || (goes && !drop_oldest(self, &goes, err)))
            return false;
    return spool_count_pages(self, err);
}

bool
spool_make_room(Spool *self, size_t pages, size_t limit, Err *err)
{
    bool dropped = true;
    while (dropped && self->pages_used + pages > limit && self->stored_first < self->first)
        if (!drop_oldest(self, &dropped, err) || !spool_count_pages(self, err))
            return false;
    return true;
}

bool
spool_make_run(Spool *self, size_t pages, Err *err)
{
    enum { TIMES = 2 }; /* what goes lies side by side, more or less */
    bool dropped = true;
    size_t least = self->pages_used > TIMES * pages ? self->pages_used - TIMES * pages : 0;
    while (dropped && self->pages_used > least && self->stored_first < self->first)
        if (!drop_oldest(self, &dropped, err) || !spool_count_pages(self, err))
            return false;
    return true;
}

bool
spool_rewind(Spool *self, uint64_t key, uint64_t *reached, Err *err)
{
    if (!spool_stage(self, err)) /* the last to remove something: it stays from here on */
        return false;
    if (key < self->stored_first)
        key = self->stored_first;
    size_t bytes;
    for (uint64_t at = key; at < self->counted; at++) {
        if (!measure_batch(self, at, &bytes, err))
            return false;
        self->retained_bytes -= bytes < self->retained_bytes ? bytes : self->retained_bytes;
    }
    if (self->first > key)
        self->first = key;
    if (self->counted > key)
        self->counted = key;
    *reached = self->first;
    return true;
}

bool
spool_renew(Spool *self, Err *err)
{
    if (!spool_stage(self, err))
        return false;
    random_bytes(self->state.id, sizeof(self->state.id));
    self->state.base = self->first - 1;
    return true;
}

void
spool_acknowledge(Spool *self, uint64_t key)
{
    if (key >= self->durable_next)
        key = self->durable_next - 1;
    if (key >= self->first)
        self->first = key + 1;
}

uint64_t
spool_oldest(const Spool *self)
{
    return self->stored_first;
}
