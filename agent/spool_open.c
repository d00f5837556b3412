#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "lib/digest.h"
#include "lib/log.h"

enum { ROOM_PERCENT = 85, NOTES_ROOM_PERCENT = 88, CREATION_BYTES_MAX = 8192 };

static bool
lock_directory(Spool *self, Err *err)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s/owner.lock", self->path) >= (int) sizeof(name))
        return err_set(err, ERR_RANGE, "spool path '%s' is too long", self->path);
    self->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0)
        return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    if (flock(self->lock, LOCK_EX | LOCK_NB) == 0) {
        self->has_mark = pread(self->lock, self->state.mark, SPOOL_MARK_BYTES, 0) == SPOOL_MARK_BYTES;
        return true;
    }
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
    MDB_stat stat;
    rc = mdb_env_stat(self->env, &stat);
    if (rc != 0)
        return spool_failed(self, rc, "reading its page size", err);
    self->page_bytes = stat.ms_psize;
    self->map_bytes = (size_t) max_mb << 20;
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
    if (!spool_begin(self, err))
        return false;
    int rc = mdb_dbi_open(self->txn, "batches", MDB_CREATE | MDB_INTEGERKEY, &self->batches);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "meta", MDB_CREATE, &self->meta);
    if (rc == 0)
        rc = mdb_dbi_open(self->txn, "deadletter", MDB_CREATE | MDB_INTEGERKEY, &self->dead);
    for (int i = 0; i < SPOOL_TABLE_COUNT && rc == 0; i++) {
        char name[32];
        (void) snprintf(name, sizeof(name), "notes-%d", i);
        rc = mdb_dbi_open(self->txn, name, MDB_CREATE, &self->notes[i]);
    }
    return rc == 0 || spool_failed(self, rc, "opening its tables", err);
}

/* The mark stands in owner.lock too: it says that there was a spool, and which, when nothing else does any more. */
static bool
keep_mark(Spool *self, Err *err)
{
    if (self->lock < 0 || self->has_mark)
        return true;
    if (pwrite(self->lock, self->state.mark, SPOOL_MARK_BYTES, 0) != SPOOL_MARK_BYTES || fsync(self->lock) != 0)
        return err_set(err, ERR_IO, "spool '%s': owner.lock: %s", self->path, strerror(errno));
    self->has_mark = true;
    return true;
}

static bool
load_state(Spool *self, Err *err)
{
    uint8_t mark[SPOOL_MARK_BYTES];
    memcpy(mark, self->state.mark, sizeof(mark));
    if (!self->has_mark)
        random_bytes(mark, sizeof(mark));
    MDB_val key = spool_value("state", 5);
    MDB_val value;
    int rc = mdb_get(self->txn, self->meta, &key, &value);
    if (rc == MDB_NOTFOUND) {
        self->state = (State){.next_key = 1, .first = 1};
        random_bytes(self->state.id, sizeof(self->state.id));
        memcpy(self->state.mark, mark, sizeof(mark));
        return true;
    }
    if (rc != 0)
        return spool_failed(self, rc, "reading its state", err);
    if (!state_open((Text){value.mv_data, value.mv_size}, &self->state))
        return err_set(err, ERR_CORRUPT, "spool '%s': the checksum of its state differs", self->path);
    if (self->state.format == SPOOL_FORMAT_OLD) {
        memcpy(self->state.mark, mark, sizeof(mark));
    } else if (self->state.format != SPOOL_FORMAT) {
        err_set(err, ERR_CORRUPT, "spool '%s' has format %" PRIu64 ", at most %d expected", self->path,
                self->state.format, SPOOL_FORMAT);
        return err_hint(err, "it was written by a newer version; start that one to empty it");
    } else if (self->has_mark && memcmp(mark, self->state.mark, sizeof(mark)) != 0) {
        self->has_mark = false; /* owner.lock came from elsewhere: what is in the file counts */
    }
    return true;
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
    bool told = self->state.first > self->stored_first; /* format 1 kept none that was acknowledged */
    self->first = told ? self->state.first : self->stored_first;
    self->counted = self->stored_first;
    return true;
}

static bool
measure(Spool *self, Err *err)
{
    size_t pages = self->map_bytes / self->page_bytes;
    self->pages_limit = pages * ROOM_PERCENT / 100;
    self->notes_limit = pages * NOTES_ROOM_PERCENT / 100;
    return spool_count_pages(self, err);
}

bool
spool_load(Spool *self, int64_t max_mb, int64_t now_us, Err *err)
{
    return open_environment(self, max_mb, err) && open_databases(self, err) && load_state(self, err) &&
           find_first(self, err) && measure(self, err) && spool_trim(self, err) &&
           spool_rings_tidy(self, now_us, err) && spool_commit(self, true, err);
}

/* Replace a damaged file, or one that is gone though there was a spool, by what can be saved. */
static bool
heal(Spool *self, int64_t max_mb, int64_t now_us, Err *err)
{
    char name[PATH_MAX];
    char why[ERR_MESSAGE_BYTES] = "its file is missing or empty";
    struct stat file = {0};
    if (snprintf(name, sizeof(name), "%s/data.mdb", self->path) >= (int) sizeof(name))
        return err_set(err, ERR_RANGE, "spool path '%s' is too long", self->path);
    if (lstat(name, &file) != 0 && errno != ENOENT)
        return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    bool whole = !self->has_mark;
    if (file.st_size > 0 && !spool_probe(self->path, &whole, why, err))
        return false;
    if (whole)
        return true;
    if (!self->has_mark && file.st_size <= CREATION_BYTES_MAX) /* it was never finished: nothing can be in it */
        return unlink(name) == 0 || err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    return spool_salvage(self->path, self->has_mark ? self->state.mark : NULL, max_mb, now_us, why, err);
}

static bool
load(Spool *self, int64_t max_mb, int64_t now_us, Err *err)
{
    if (!directory_make(self->path, 0700, err) || !lock_directory(self, err) || !heal(self, max_mb, now_us, err) ||
        !spool_load(self, max_mb, now_us, err) || !keep_mark(self, err))
        return false;
    spool_take_reserve(self);
    return true;
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
    self->retain_us = INT64_MAX;
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
