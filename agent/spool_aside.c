/* Batches that are no good leave their place to a notice and stay for a person to look at. */
#include "agent/spool_internal.h"

/* `self->txn` is a transaction of its own for this: both puts or none. */
static bool
put_aside(Spool *self, uint64_t key, const char *reason, Text replacement, Err *err)
{
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
    return spool_put_batch(self, key, replacement, 0, err);
}

static bool
put_aside_or_nothing(Spool *self, uint64_t key, const char *reason, Text replacement, Err *err)
{
    MDB_txn *outer = self->txn;
    int rc = mdb_txn_begin(self->env, outer, 0, &self->txn);
    if (rc != 0) {
        self->txn = outer;
        return spool_failed(self, rc, "beginning to set a batch aside", err);
    }
    bool done = put_aside(self, key, reason, replacement, err);
    if (done)
        rc = mdb_txn_commit(self->txn);
    else
        mdb_txn_abort(self->txn);
    self->txn = outer;
    return rc == 0 ? done : spool_failed(self, rc, "setting a batch aside", err);
}

bool
spool_set_aside(Spool *self, uint64_t key, const char *reason, Text replacement, Err *err)
{
    size_t most = SPOOL_VALUE_BYTES_MAX + replacement.length;
    if (!spool_take_disk(self, most, err) || !spool_stage(self, err))
        return false;
    if (put_aside_or_nothing(self, key, reason, replacement, err)) {
        self->aside++;
        return spool_count_pages(self, err);
    }
    Err failed = {0}; /* the pages of what goes now can be used two commits later */
    if (err->code == ERR_FULL && !spool_make_room(self, most / self->page_bytes + 1, self->pages_used, &failed))
        *err = failed;
    return false;
}
