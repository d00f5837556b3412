#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "lib/digest.h"
#include "lib/log.h"

enum { SPOOL_FORMAT = 1, ROOM_PERCENT = 85, NOTES_ROOM_PERCENT = 88 };

static bool
lock_directory(Spool *self, Err *err)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s/owner.lock", self->path) >= (int) sizeof(name))
        return err_set(err, ERR_RANGE, "spool path '%s' is too long", self->path);
    self->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0)
        return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    if (flock(self->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    err_set(err, ERR_BUSY, "another agent owns the spool '%s'", self->path);
    return err_hint(err, "one spool has one agent: stop the other one, or give this one a `spool` of its own");
}

static bool
open_environment(Spool *self, int64_t max_mb, Err *err)
{
    int rc = mdb_env_create(&self->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(self->env, 3 + SPOOL_TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_mapsize(self->env, (size_t) max_mb << 20);
    if (rc == 0)
        rc = mdb_env_open(self->env, self->path, MDB_NORDAHEAD, 0600);
    if (rc != 0)
        return spool_failed(self, rc, "opening it", err);
    int dead = 0;
    rc = mdb_reader_check(self->env, &dead);
    if (rc != 0)
        return spool_failed(self, rc, "clearing stale readers", err);
    if (dead > 0)
        log_info("event=spool_readers_cleared count=%d", dead);
    return true;
}

static bool
open_databases(Spool *self, Err *err)
{
    int rc = mdb_txn_begin(self->env, NULL, 0, &self->txn);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "batches", MDB_CREATE | MDB_INTEGERKEY, &self->batches);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "meta", MDB_CREATE, &self->meta);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "deadletter", MDB_CREATE | MDB_INTEGERKEY, &self->dead);
    for (int i = 0; i < SPOOL_TABLE_COUNT && rc == 0; i++) {
        char name[16];
        (void) snprintf(name, sizeof(name), "notes-%d", i);
        rc = mdb_dbi_open(self->txn, name, MDB_CREATE, &self->notes[i]);
    }
    return rc == 0 || spool_failed(self, rc, "opening its tables", err);
}

static bool
load_state(Spool *self, Err *err)
{
    MDB_val key = spool_value("state", 5);
    MDB_val value;
    int rc = mdb_get(self->txn, self->meta, &key, &value);
    if (rc == MDB_NOTFOUND) {
        self->state = (State){.format = SPOOL_FORMAT, .next_key = 1};
        random_bytes(self->state.id, sizeof(self->state.id));
        return true;
    }
    if (rc != 0)
        return spool_failed(self, rc, "reading its state", err);
    if (value.mv_size != sizeof(self->state))
        return err_set(err, ERR_CORRUPT, "spool '%s': its state has %zu bytes, %zu expected", self->path, value.mv_size,
                       sizeof(self->state));
    memcpy(&self->state, value.mv_data, sizeof(self->state));
    if (self->state.format == SPOOL_FORMAT && self->state.next_key > self->state.base)
        return true;
    err_set(err, ERR_CORRUPT, "spool '%s' has format %" PRIu64 ", %d expected", self->path, self->state.format,
            SPOOL_FORMAT);
    return err_hint(err, "it was written by another version; start that one to empty it");
}

static bool
find_first(Spool *self, Err *err)
{
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(self->txn, self->batches, &cursor);
    if (rc != 0)
        return spool_failed(self, rc, "opening a cursor", err);
    MDB_val key;
    self->stored_first = self->state.next_key;
    rc = mdb_cursor_get(cursor, &key, NULL, MDB_FIRST);
    if (rc == 0 && key.mv_size == sizeof(self->stored_first))
        memcpy(&self->stored_first, key.mv_data, sizeof(self->stored_first));
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return spool_failed(self, rc, "looking for the oldest batch", err);
    if (self->stored_first > self->state.next_key)
        return err_set(err, ERR_CORRUPT, "spool '%s': its oldest batch lies behind its newest", self->path);
    self->first = self->stored_first;
    return true;
}

static bool
measure(Spool *self, int64_t max_mb, Err *err)
{
    MDB_stat stat;
    int rc = mdb_env_stat(self->env, &stat);
    if (rc != 0)
        return spool_failed(self, rc, "reading its page size", err);
    self->page_bytes = stat.ms_psize;
    size_t pages = ((size_t) max_mb << 20) / self->page_bytes;
    self->pages_limit = pages * ROOM_PERCENT / 100;
    self->notes_limit = pages * NOTES_ROOM_PERCENT / 100;
    return spool_count_pages(self, err);
}

static bool
load(Spool *self, int64_t max_mb, int64_t now_us, Err *err)
{
    return directory_make(self->path, 0700, err) && lock_directory(self, err) && open_environment(self, max_mb, err) &&
           open_databases(self, err) && load_state(self, err) && find_first(self, err) && measure(self, max_mb, err) &&
           spool_rings_tidy(self, now_us, err) && spool_commit(self, true, err);
}

Spool *
spool_open(const char *path, int64_t max_mb, int64_t now_us, Err *err)
{
    if (max_mb < SPOOL_MAX_MB_LEAST || max_mb > (INT64_C(1) << 24)) {
        err_set(err, ERR_RANGE, "spool_max_mb is %" PRId64 ", %d to 16777216 allowed", max_mb, SPOOL_MAX_MB_LEAST);
        return NULL;
    }
    Spool *self = calloc(1, sizeof(*self));
    char *copy = strdup(path);
    if (self == NULL || copy == NULL) {
        free(copy);
        free(self);
        err_set(err, ERR_NOMEM, "no memory for the spool");
        return NULL;
    }
    self->path = copy;
    self->lock = -1;
    if (!load(self, max_mb, now_us, err))
        spool_free(&self);
    return self;
}

void
spool_free(Spool **self)
{
    Spool *spool = *self;
    *self = NULL;
    if (spool == NULL)
        return;
    if (spool->txn != NULL)
        mdb_txn_abort(spool->txn);
    if (spool->env != NULL)
        mdb_env_close(spool->env);
    if (spool->lock >= 0)
        (void) close(spool->lock);
    free(spool->path);
    free(spool);
}
