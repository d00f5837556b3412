#include "agent/spool.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/spool_internal.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"

enum {
    TOUCHED_BYTES_MAX = 4 << 20, /* pages of the map that were read count as resident: give them back after so many */
    UNTIDY_MAX = 16,
    ATTEMPTS = 4,     /* what went can be used two commits later */
    CHANGED_PAGES = 5 /* from the root of a table to where a value stands, at most */
};

bool
spool_failed(Spool *self, int rc, const char *what, Err *err)
{
    self->broken = true;
    err_set(err, ERR_IO, "spool '%s': %s: %s", self->path, what, mdb_strerror(rc));
    return err_hint(err, "check free space and the disk below the spool; what was acknowledged is safe");
}

MDB_val
spool_value(const void *bytes, size_t length)
{
    MDB_val value = {length, NULL};
    memcpy(&value.mv_data, &bytes,
           sizeof(bytes)); /* LMDB takes input and output through one pointer that is not const */
    return value;
}

static int
add_pages(const Spool *self, MDB_dbi dbi, size_t *used, MDB_stat *stat)
{
    *stat = (MDB_stat){0};
    int rc = mdb_stat(self->txn, dbi, stat);
    *used += stat->ms_branch_pages + stat->ms_leaf_pages + stat->ms_overflow_pages;
    return rc;
}

bool
spool_count_pages(Spool *self, Err *err)
{
    size_t used = 0;
    MDB_stat stat;
    int rc = add_pages(self, self->batches, &used, &stat);
    if (rc == 0)
        rc = add_pages(self, self->dead, &used, &stat);
    for (size_t i = 0; i < SPOOL_TABLE_COUNT && rc == 0; i++) {
        rc = add_pages(self, self->notes[i], &used, &stat);
        self->note_counts[i] = stat.ms_entries;
    }
    if (rc != 0)
        return spool_failed(self, rc, "counting pages", err);
    self->pages_used = used;
    return true;
}

bool
spool_stage(Spool *self, Err *err)
{
    if (self->broken)
        return err_set(err, ERR_IO, "spool '%s' failed before and takes no more work", self->path);
    if (self->txn != NULL)
        return true;
    return spool_begin(self, err) && spool_notes_mend(self, err) && spool_trim(self, err);
}

static bool
put_state(Spool *self, Err *err)
{
    self->state.first = self->first;
    self->state.generation = mdb_txn_id(self->txn);
    state_seal(&self->state);
    MDB_val key = spool_value("state", 5);
    MDB_val value = spool_value(&self->state, sizeof(self->state));
    int rc = mdb_put(self->txn, self->meta, &key, &value, 0);
    return rc == 0 || spool_failed(self, rc, "writing its state", err);
}

static size_t
pages_for(const Spool *self, size_t length)
{
    return (length + sizeof(ValueHeader) + 64 + self->page_bytes - 1) / self->page_bytes;
}

/* Retained batches give way. */
static bool
fits(const Spool *self, size_t length, size_t limit)
{
    size_t free_pages = self->retained_bytes / self->page_bytes;
    size_t used = self->pages_used - (free_pages < self->pages_used ? free_pages : self->pages_used);
    return used + pages_for(self, length) <= limit;
}

bool
spool_has_room(const Spool *self, size_t length)
{
    return fits(self, length, self->pages_limit);
}

bool
spool_put(Spool *self, MDB_dbi dbi, MDB_val key, Text head, Text body, Err *err)
{
    MDB_txn *nested = NULL;
    int rc = mdb_txn_begin(self->env, self->txn, 0, &nested);
    if (rc != 0)
        return spool_failed(self, rc, "beginning a nested transaction", err);
    MDB_val value = {head.length + body.length, NULL};
    rc = mdb_put(nested, dbi, &key, &value, MDB_RESERVE);
    if (rc == 0) {
        memcpy(value.mv_data, head.data, head.length);
        if (body.length > 0)
            memcpy((char *) value.mv_data + head.length, body.data, body.length);
        size_t taken = CHANGED_PAGES + spool_taken_bytes(self, value.mv_size) / self->page_bytes;
        rc = spool_keeps_reserve(self, nested, taken) ? 0 : MDB_MAP_FULL;
    }
    if (rc != 0) {
        mdb_txn_abort(nested);
        if (rc == MDB_MAP_FULL)
            return err_set(err, ERR_FULL, "spool '%s' is full", self->path);
        return spool_failed(self, rc, "adding a batch", err);
    }
    self->freed_pages += CHANGED_PAGES;
    rc = mdb_txn_commit(nested);
    return rc == 0 || spool_failed(self, rc, "ending a nested transaction", err);
}

bool
spool_put_batch(Spool *self, uint64_t key, Text value, uint64_t records, Err *err)
{
    ValueHeader header = {.base = self->state.base,
                          .key = key,
                          .generation = mdb_txn_id(self->txn),
                          .accepted_us = utc_now_us(),
                          .records = records > UINT32_MAX ? 0 : (uint32_t) records};
    memcpy(header.mark, self->state.mark, sizeof(header.mark));
    memcpy(header.id, self->state.id, sizeof(header.id));
    value_header_seal(&header, value);
    return spool_put(self, self->batches, spool_value(&key, sizeof(key)),
                     (Text){(const char *) &header, sizeof(header)}, value, err);
}

static bool
is_full(const Spool *self, size_t limit, Err *err)
{
    return err_set(err, ERR_FULL, "spool '%s' is full (%zu of %zu pages)", self->path, self->pages_used, limit);
}

static bool
try_append(Spool *self, Text value, uint64_t records, size_t limit, Err *err)
{
    size_t pages = pages_for(self, value.length);
    if (!spool_stage(self, err)) /* counts what is acknowledged as free */
        return false;
    if (!fits(self, value.length, limit))
        return is_full(self, limit, err);
    if (!spool_make_room(self, pages, limit, err))
        return false;
    if (self->pages_used + pages > limit)
        return is_full(self, limit, err);
    return spool_put_batch(self, self->state.next_key, value, records, err);
}

/* There is room by count, but no run of free pages that is long enough: what lies between them goes, a little with each attempt.
 * What nothing can move are notes, a page here and there; then the file grows. */
static bool
make_run(Spool *self, size_t pages, bool last, Err *err)
{
    bool movable = self->stored_first < self->first;
    if (movable && !spool_make_run(self, pages, err))
        return false;
    if (!spool_commit(self, false, err))
        return false;
    bool half_empty = self->pages_used + pages <= self->pages_limit / 2;
    return movable || !last || !half_empty ||
           (spool_enlarge(self, err) && spool_take_disk(self, pages * self->page_bytes, err));
}

/* Where batches that are no longer needed stand in the way, or what they left is not free yet, a few commits help: one between
 * every two attempts. */
static bool
append(Spool *self, Text value, uint64_t records, size_t limit, int attempts, uint64_t *key, Err *err)
{
    if (value.length == 0 || value.length > SPOOL_VALUE_BYTES_MAX)
        return err_set(err, ERR_RANGE, "batch of %zu bytes, 1 to %d allowed", value.length, SPOOL_VALUE_BYTES_MAX);
    if (attempts > 1 && spool_has_staged_enough(self) && !spool_commit(self, false, err))
        return false;
    if (!fits(self, value.length, limit) && !spool_is_untidy(self))
        return is_full(self, limit, err);
    if (!spool_take_disk(self, value.length + SPOOL_NOTES_BYTES, err))
        return false;
    for (int attempt = 1;; attempt++) {
        Err failure = {0};
        if (try_append(self, value, records, limit, &failure))
            break;
        if (failure.code != ERR_FULL || attempt == attempts || !fits(self, value.length, limit)) {
            *err = failure;
            return false;
        }
        if (!make_run(self, pages_for(self, value.length), attempt + 1 == attempts, err))
            return false;
    }
    *key = self->state.next_key++;
    self->staged_bytes += spool_taken_bytes(self, value.length + sizeof(ValueHeader));
    return spool_count_pages(self, err);
}

bool
spool_append(Spool *self, Text value, uint64_t *key, Err *err)
{
    return append(self, value, 0, self->pages_limit, ATTEMPTS, key, err);
}

bool
spool_append_counted(Spool *self, Text value, uint64_t records, uint64_t *key, Err *err)
{
    return append(self, value, records, self->pages_limit, ATTEMPTS, key, err);
}

bool
spool_append_notice(Spool *self, Text value, uint64_t *key, Err *err)
{
    return append(self, value, 0, self->notes_limit, 1, key, err);
}

bool
spool_begin_reading(Spool *self, MDB_txn **txn, Err *err)
{
    *txn = self->txn;
    int rc = *txn != NULL ? 0 : mdb_txn_begin(self->env, NULL, MDB_RDONLY, txn);
    return rc == 0 || spool_failed(self, rc, "beginning to read", err);
}

void
spool_end_reading(const Spool *self, MDB_txn *txn)
{
    if (txn != self->txn)
        mdb_txn_abort(txn);
}

/* Pages of the map that were looked at count as this process's memory until given back; the file keeps its content. LMDB
 * does not say where its map is, but every value that was read lies in it. */
static void
give_back_pages(Spool *self)
{
    uintptr_t low = (uintptr_t) self->seen_low / self->page_bytes * self->page_bytes;
    uintptr_t high = (uintptr_t) self->seen_high / self->page_bytes * self->page_bytes;
    const char *start = self->seen_low - ((uintptr_t) self->seen_low - low);
    void *address;
    memcpy(&address, &start, sizeof(address));
    if (high > low)
        (void) madvise(address, high - low, MADV_DONTNEED);
    self->touched_bytes = 0;
}

void
spool_note_seen(Spool *self, const MDB_val *value)
{
    const char *start = value->mv_data;
    if (self->seen_low == NULL || start < self->seen_low)
        self->seen_low = start;
    if (start + value->mv_size > self->seen_high)
        self->seen_high = start + value->mv_size;
    self->touched_bytes += value->mv_size;
}

bool
spool_is_staged(const Spool *self)
{
    return self->txn != NULL;
}

bool
spool_is_untidy(const Spool *self)
{
    return self->durable_first != self->first;
}

bool
spool_commit(Spool *self, bool tidy, Err *err)
{
    bool enough = self->first - self->durable_first >= UNTIDY_MAX;
    if (self->txn == NULL && !(spool_is_untidy(self) && (tidy || enough)))
        return !self->broken || err_set(err, ERR_IO, "spool '%s' failed before and takes no more work", self->path);
    if (!spool_stage(self, err) || !put_state(self, err))
        return false;
    MDB_txn *txn = self->txn;
    self->txn = NULL; /* released by the commit, whatever its outcome */
    int rc = mdb_txn_commit(txn);
    if (rc != 0)
        return spool_failed(self, rc, "committing", err);
    self->durable_next = self->state.next_key;
    self->durable_first = self->state.first;
    self->touched_bytes += self->staged_bytes;
    self->staged_bytes = 0;
    if (self->touched_bytes > (tidy ? 0 : TOUCHED_BYTES_MAX))
        give_back_pages(self);
    return true;
}

static bool
copy_checked(Spool *self, uint64_t key, const MDB_val *value, Buffer *out, Err *err)
{
    StoredBatch stored;
    buffer_clear(out);
    if (!stored_batch_open((Text){value->mv_data, value->mv_size}, &stored))
        return err_set(err, ERR_CORRUPT, "spool '%s': the checksum of batch %" PRIu64 " differs", self->path, key);
    if (stored.header.magic == VALUE_MAGIC && stored.header.key != key)
        return err_set(err, ERR_CORRUPT, "spool '%s': batch %" PRIu64 " stands in the place of batch %" PRIu64,
                       self->path, stored.header.key, key);
    return buffer_append(out, stored.body.data, stored.body.length, err);
}

bool
spool_read(Spool *self, uint64_t key, Buffer *out, Err *err)
{
    if (key < self->first || key >= self->state.next_key)
        return err_set(err, ERR_NOT_FOUND, "spool '%s' holds no batch %" PRIu64, self->path, key);
    MDB_txn *txn;
    if (!spool_begin_reading(self, &txn, err))
        return false;
    MDB_val number = spool_value(&key, sizeof(key));
    MDB_val value;
    int rc = mdb_get(txn, self->batches, &number, &value);
    bool done = rc == 0 && copy_checked(self, key, &value, out, err);
    if (rc == 0 && self->txn == NULL) /* inside a transaction it may be a page that is not in the map yet */
        spool_note_seen(self, &value);
    spool_end_reading(self, txn);
    if (rc == MDB_NOTFOUND)
        return err_set(err, ERR_CORRUPT, "spool '%s': batch %" PRIu64 " is missing", self->path, key);
    if (rc != 0)
        return spool_failed(self, rc, "reading a batch", err);
    if (self->touched_bytes > TOUCHED_BYTES_MAX)
        give_back_pages(self);
    return done;
}

uint64_t
spool_records(Spool *self, uint64_t key)
{
    Err ignored = {0};
    ValueHeader header = {0};
    MDB_txn *txn;
    if (!spool_begin_reading(self, &txn, &ignored))
        return 0;
    MDB_val number = spool_value(&key, sizeof(key));
    MDB_val value;
    if (mdb_get(txn, self->batches, &number, &value) == 0 && value.mv_size >= sizeof(header))
        memcpy(&header, value.mv_data, sizeof(header));
    spool_end_reading(self, txn);
    bool is_head = header.magic == VALUE_MAGIC && header.key == key &&
                   memcmp(header.mark, self->state.mark, sizeof(header.mark)) == 0;
    return is_head && header.records <= USAGE_BATCH_RECORDS_MAX ? header.records : 0;
}

const uint8_t *
spool_id(const Spool *self)
{
    return self->state.id;
}

uint64_t
spool_base(const Spool *self)
{
    return self->state.base;
}

uint64_t
spool_first(const Spool *self)
{
    return self->first;
}

uint64_t
spool_last(const Spool *self)
{
    return self->durable_next - 1;
}

uint64_t
spool_set_aside_count(const Spool *self)
{
    return self->aside;
}
