#include "agent/spool.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "agent/spool_internal.h"
#include "lib/digest.h"

enum {
    VALUE_MAGIC = 0x3153424d,    /* "MBS1" */
    STAGED_BYTES_MAX = 4 << 20,  /* pages of an open transaction are memory: commit before they get many */
    TOUCHED_BYTES_MAX = 4 << 20, /* pages of the map that were read count as resident: give them back after so many */
    UNTIDY_MAX = 16
};

/* Before every value. */
typedef struct ValueHeader {
    uint32_t magic;
    uint32_t crc; /* of the bytes behind the header */
} ValueHeader;

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

/* Remove what the collector has: only inside a transaction that is open anyway. */
static bool
delete_acknowledged(Spool *self, Err *err)
{
    for (; self->stored_first < self->first; self->stored_first++) {
        MDB_val key = spool_value(&self->stored_first, sizeof(self->stored_first));
        int rc = mdb_del(self->txn, self->batches, &key, NULL);
        if (rc != 0 && rc != MDB_NOTFOUND)
            return spool_failed(self, rc, "removing an acknowledged batch", err);
    }
    return spool_count_pages(self, err);
}

bool
spool_stage(Spool *self, Err *err)
{
    if (self->broken)
        return err_set(err, ERR_IO, "spool '%s' failed before and takes no more work", self->path);
    if (self->txn != NULL)
        return true;
    int rc = mdb_txn_begin(self->env, NULL, 0, &self->txn);
    if (rc != 0)
        return spool_failed(self, rc, "beginning a transaction", err);
    return delete_acknowledged(self, err);
}

static bool
put_meta(Spool *self, const void *name, size_t name_bytes, const void *bytes, size_t length, Err *err)
{
    MDB_val key = spool_value(name, name_bytes);
    MDB_val value = spool_value(bytes, length);
    int rc = mdb_put(self->txn, self->meta, &key, &value, 0);
    return rc == 0 || spool_failed(self, rc, "writing its state", err);
}

static size_t
pages_for(const Spool *self, size_t length)
{
    return (length + sizeof(ValueHeader) + 64 + self->page_bytes - 1) / self->page_bytes;
}

bool
spool_has_room(const Spool *self, size_t length)
{
    return self->pages_used + pages_for(self, length) <= self->pages_limit;
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
    if (rc != 0) {
        mdb_txn_abort(nested);
        if (rc == MDB_MAP_FULL)
            return err_set(err, ERR_FULL, "spool '%s' is full", self->path);
        return spool_failed(self, rc, "adding a batch", err);
    }
    memcpy(value.mv_data, head.data, head.length);
    if (body.length > 0)
        memcpy((char *) value.mv_data + head.length, body.data, body.length);
    rc = mdb_txn_commit(nested);
    return rc == 0 || spool_failed(self, rc, "ending a nested transaction", err);
}

static bool
put_batch(Spool *self, uint64_t key, Text value, Err *err)
{
    ValueHeader header = {VALUE_MAGIC, (uint32_t) crc32(0, (const Bytef *) value.data, (uInt) value.length)};
    return spool_put(self, self->batches, spool_value(&key, sizeof(key)),
                     (Text){(const char *) &header, sizeof(header)}, value, err);
}

bool
spool_append(Spool *self, Text value, uint64_t *key, Err *err)
{
    if (value.length == 0 || value.length > SPOOL_VALUE_BYTES_MAX)
        return err_set(err, ERR_RANGE, "batch of %zu bytes, 1 to %d allowed", value.length, SPOOL_VALUE_BYTES_MAX);
    if (self->staged_bytes > STAGED_BYTES_MAX && !spool_commit(self, false, err))
        return false;
    bool may_fit = spool_has_room(self, value.length) || spool_is_untidy(self);
    if (may_fit && !spool_stage(self, err)) /* removes what is acknowledged */
        return false;
    if (!spool_has_room(self, value.length))
        return err_set(err, ERR_FULL, "spool '%s' is full (%zu of %zu pages)", self->path, self->pages_used,
                       self->pages_limit);
    if (!put_batch(self, self->state.next_key, value, err))
        return false;
    *key = self->state.next_key++;
    self->staged_bytes += value.length;
    return spool_count_pages(self, err);
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

void
spool_acknowledge(Spool *self, uint64_t key)
{
    if (key >= self->durable_next)
        key = self->durable_next - 1;
    if (key >= self->first)
        self->first = key + 1;
}

bool
spool_set_aside(Spool *self, uint64_t key, const char *reason, Text replacement, Err *err)
{
    if (!spool_stage(self, err))
        return false;
    MDB_val number = spool_value(&key, sizeof(key));
    MDB_val value;
    int rc = mdb_get(self->txn, self->batches, &number, &value);
    if (rc == 0) { /* copied first: a write may move the page that `value` points into */
        Buffer original = {0};
        bool kept = buffer_printf(&original, err, "%s\n", reason) &&
                    buffer_append(&original, value.mv_data, value.mv_size, err) &&
                    spool_put(self, self->dead, number, buffer_text(&original), (Text){NULL, 0}, err);
        buffer_free(&original);
        if (!kept)
            return false;
    } else if (rc != MDB_NOTFOUND) {
        return spool_failed(self, rc, "reading a batch", err);
    }
    self->aside++;
    return put_batch(self, key, replacement, err) && spool_count_pages(self, err);
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
    return self->stored_first < self->first;
}

bool
spool_commit(Spool *self, bool tidy, Err *err)
{
    bool enough = self->first - self->stored_first >= UNTIDY_MAX;
    if (self->txn == NULL && !(spool_is_untidy(self) && (tidy || enough)))
        return !self->broken || err_set(err, ERR_IO, "spool '%s' failed before and takes no more work", self->path);
    if (!spool_stage(self, err) || !put_meta(self, "state", 5, &self->state, sizeof(self->state), err))
        return false;
    MDB_txn *txn = self->txn;
    self->txn = NULL; /* released by the commit, whatever its outcome */
    int rc = mdb_txn_commit(txn);
    if (rc != 0)
        return spool_failed(self, rc, "committing", err);
    self->durable_next = self->state.next_key;
    self->touched_bytes += self->staged_bytes;
    self->staged_bytes = 0;
    if (self->touched_bytes > (tidy ? 0 : TOUCHED_BYTES_MAX))
        give_back_pages(self);
    return true;
}

static bool
copy_checked(Spool *self, uint64_t key, const MDB_val *value, Buffer *out, Err *err)
{
    ValueHeader header;
    if (value->mv_size <= sizeof(header))
        return err_set(err, ERR_CORRUPT, "spool '%s': batch %" PRIu64 " is cut short", self->path, key);
    memcpy(&header, value->mv_data, sizeof(header));
    buffer_clear(out);
    if (!buffer_append(out, (const char *) value->mv_data + sizeof(header), value->mv_size - sizeof(header), err))
        return false;
    if (header.magic != VALUE_MAGIC || header.crc != (uint32_t) crc32(0, (const Bytef *) out->data, (uInt) out->length))
        return err_set(err, ERR_CORRUPT, "spool '%s': the checksum of batch %" PRIu64 " differs", self->path, key);
    return true;
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
