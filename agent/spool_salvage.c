/* From a damaged file to a new one: batches are found by their magic number, mark and checksum, wherever they stand. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/envelope.h"
#include "agent/spool_internal.h"
#include "lib/array.h"
#include "lib/digest.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    STEP_BYTES = 2 << 20, /* searched at once; a batch that begins in it may end as much behind it */
    WINDOW_BYTES = 2 * STEP_BYTES,
    BLOCK_BYTES = 4096, /* read alone when the disk cannot give more */
    COMMIT_BYTES = 2 << 20,
    GUESSED_MISSING_MAX = 4096 /* what is older than that many is a remnant of what was forgotten long ago */
};

/* A batch in the damaged file. */
typedef struct Found {
    uint64_t key;
    uint64_t generation;
    off_t at; /* of its body */
    uint32_t bytes;
    uint32_t records;
    uint64_t base;
    uint8_t id[SPOOL_ID_BYTES];
} Found;

typedef struct Salvage {
    int fd;
    char *window;
    uint8_t mark[SPOOL_MARK_BYTES];
    bool has_mark;
    State state;
    bool has_state;
    Found *found;
    size_t count;
    size_t capacity;
    Spool *spool; /* the new one */
    uint64_t missing;
    size_t notes;
    int64_t now_us;
    Buffer buffer;
} Salvage;

/* What the disk cannot give reads as zeros. */
static size_t
read_at(const Salvage *self, char *to, size_t length, off_t at)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(self->fd, to + done, length - done, at + (off_t) done);
        if (got == 0)
            return done;
        if (got > 0) {
            done += (size_t) got;
        } else if (errno != EINTR) {
            size_t block = length - done < BLOCK_BYTES ? length - done : BLOCK_BYTES;
            got = pread(self->fd, to + done, block, at + (off_t) done);
            if (got <= 0)
                memset(to + done, 0, block);
            done += got > 0 ? (size_t) got : block;
        }
    }
    return done;
}

static bool
is_ours(const Salvage *self, const uint8_t mark[SPOOL_MARK_BYTES])
{
    return !self->has_mark || memcmp(mark, self->mark, SPOOL_MARK_BYTES) == 0;
}

static void
keep_state(Salvage *self, const State *state)
{
    if (!is_ours(self, state->mark) || (self->has_state && state->generation < self->state.generation))
        return;
    self->state = *state;
    self->has_state = true;
}

static bool
keep_batch(Salvage *self, const ValueHeader *header, off_t body_at, Err *err)
{
    if (!is_ours(self, header->mark) || header->key == 0 || header->key >= UINT64_MAX / 2)
        return true;
    if (!array_grow(&self->found, &self->capacity, self->count, sizeof(*self->found), err))
        return false;
    Found *found = &self->found[self->count++];
    *found = (Found){.key = header->key,
                     .generation = header->generation,
                     .at = body_at,
                     .bytes = header->body_bytes,
                     .records = header->records,
                     .base = header->base};
    memcpy(found->id, header->id, sizeof(found->id));
    return true;
}

/* Go through the file. `batches`: look for batches, else for states. LMDB puts keys at even places and values right behind them:
 * batches stand at even ones, states, whose key has five bytes, at odd ones. */
static bool
search(Salvage *self, bool batches, Err *err)
{
    size_t skip = 0;
    for (off_t at = 0;; at += STEP_BYTES) {
        size_t length = read_at(self, self->window, WINDOW_BYTES, at);
        size_t i = skip;
        while (i < STEP_BYTES && i < length) {
            Text rest = {self->window + i, length - i};
            StoredBatch batch;
            State state;
            size_t step = batches ? 2 : 1;
            if (batches && stored_batch_find(rest, &batch)) {
                off_t body_at = at + (off_t) (i + sizeof(batch.header));
                if (!keep_batch(self, &batch.header, body_at, err))
                    return false;
                step = (sizeof(batch.header) + batch.body.length + 1) / 2 * 2;
            } else if (!batches && state_find(rest, &state)) {
                keep_state(self, &state);
            }
            i += step;
        }
        skip = i > STEP_BYTES ? i - STEP_BYTES : 0;
        if (length <= STEP_BYTES)
            return true;
    }
}

static int
by_key_newest_first(const void *a, const void *b)
{
    const Found *left = a;
    const Found *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->generation > right->generation ? -1 : left->generation < right->generation;
}

/* Each key once, in order. */
static void
sort_found(Salvage *self)
{
    size_t kept = 0;
    if (self->count > 0)
        qsort(self->found, self->count, sizeof(*self->found), by_key_newest_first);
    for (size_t i = 0; i < self->count; i++)
        if (kept == 0 || self->found[kept - 1].key != self->found[i].key)
            self->found[kept++] = self->found[i];
    self->count = kept;
}

/* Without a state that can be read the newest batch says which spool it was. Some that were acknowledged may go out again: the
 * collector knows their sequence numbers. */
static void
guess_state(Salvage *self)
{
    if (self->has_state)
        return;
    if (self->count == 0) {
        self->state = (State){.next_key = 1, .first = 1};
        random_bytes(self->state.id, sizeof(self->state.id));
        return;
    }
    const Found *newest = &self->found[self->count - 1];
    size_t i = self->count - 1; /* from there back to the oldest, over what is missing in between */
    uint64_t missing = 0;
    for (; i > 0 && self->found[i - 1].key > newest->base; i--) {
        missing += self->found[i].key - self->found[i - 1].key - 1;
        if (missing > GUESSED_MISSING_MAX)
            break;
    }
    self->state = (State){.next_key = newest->key + 1, .first = self->found[i].key, .base = newest->base};
    if (self->state.base >= self->state.first)
        self->state.base = self->state.first - 1;
    memcpy(self->state.id, newest->id, sizeof(self->state.id));
}

static bool
put_notice(Salvage *self, uint64_t key, const char *what, Err *err)
{
    return envelope_pack_loss("spool_damaged", what, 0, self->now_us, &self->buffer, err) &&
           spool_put_batch(self->spool, key, buffer_text(&self->buffer), 0, err);
}

/* Read and checked once more: the disk may give less than it did when the batch was found. `*put`: it did not. */
static bool
put_found(Salvage *self, const Found *found, bool *put, Err *err)
{
    StoredBatch batch;
    size_t length = sizeof(batch.header) + found->bytes;
    buffer_clear(&self->buffer);
    char *place = buffer_reserve(&self->buffer, length, err);
    if (place == NULL)
        return false;
    self->buffer.length = read_at(self, place, length, found->at - (off_t) sizeof(batch.header));
    *put = stored_batch_find(buffer_text(&self->buffer), &batch) && batch.header.key == found->key;
    return !*put || spool_put_batch(self->spool, found->key, batch.body, found->records, err);
}

static bool
commit_some(Salvage *self, bool all, Err *err)
{
    self->spool->staged_bytes += self->buffer.length;
    if (!all && self->spool->staged_bytes < COMMIT_BYTES)
        return true;
    return spool_commit(self->spool, true, err) && spool_stage(self->spool, err);
}

/* Every key that waits gets its batch or a notice. */
static bool
put_waiting(Salvage *self, Err *err)
{
    size_t i = 0;
    for (uint64_t key = self->state.first; key < self->state.next_key; key++) {
        while (i < self->count && self->found[i].key < key)
            i++;
        bool found = i < self->count && self->found[i].key == key;
        char what[64];
        (void) snprintf(what, sizeof(what), "agent, sequence %" PRIu64, key - self->state.base);
        bool put = false;
        if ((found && !put_found(self, &self->found[i], &put, err)) || (!put && !put_notice(self, key, what, err)))
            return false;
        self->missing += !put;
        if (!commit_some(self, false, err))
            return false;
    }
    return true;
}

/* Acknowledged ones that reach down from the oldest waiting without a gap, as many as may stay. */
static bool
put_retained(Salvage *self, Err *err)
{
    uint64_t key = self->state.first;
    size_t share = self->spool->pages_limit / 100 * SPOOL_RETAINED_PERCENT;
    for (size_t i = self->count; i > 0; i--) {
        const Found *found = &self->found[i - 1];
        if (found->key >= key)
            continue;
        if (found->key + 1 != key || self->spool->pages_used >= share)
            return true;
        bool put;
        if (!put_found(self, found, &put, err))
            return false;
        if (!put)
            return true;
        if (!spool_count_pages(self->spool, err) || !commit_some(self, false, err))
            return false;
        key--;
    }
    return true;
}

static Spool *
spool_bare(const char *path, Err *err)
{
    Spool *spool = calloc(1, sizeof(*spool));
    char *copy = strdup(path);
    if (spool == NULL || copy == NULL) {
        free(copy);
        free(spool);
        err_set(err, ERR_NOMEM, "no memory for the spool");
        return NULL;
    }
    spool->path = copy;
    spool->lock = -1;
    spool->retain_us = INT64_MAX;
    return spool;
}

/* Positions of rings and files, and identities. Where some are gone their sources are read again or not known any more, which the
 * duplicate finder and the ring source sort out; that it may be so is told all the same. */
static bool
put_notes(Salvage *self, const char *directory, Err *err)
{
    State *state = &self->spool->state;
    bool all = false;
    if (!spool_salvage_notes(directory, self->spool, &self->notes, &all, err))
        return false;
    if (all)
        return true;
    if (!put_notice(self, state->next_key, "agent, positions of rings and files, identities", err))
        return false;
    state->next_key++;
    return true;
}

static bool
fill(Salvage *self, const char *directory, const char *path, int64_t max_mb, Err *err)
{
    self->spool = spool_bare(path, err);
    if (self->spool == NULL || !directory_make(path, 0700, err) ||
        !spool_load(self->spool, max_mb, self->now_us, err) || !spool_stage(self->spool, err))
        return false;
    State *state = &self->spool->state;
    uint64_t from = self->state.next_key;
    if (self->count > 0 && self->found[self->count - 1].key >= from)
        self->state.next_key = self->found[self->count - 1].key + 1;
    from = self->state.next_key;
    *state = self->state;
    if (self->has_mark)
        memcpy(state->mark, self->mark, sizeof(state->mark));
    else
        random_bytes(state->mark, sizeof(state->mark));
    self->spool->first = self->state.first;
    self->spool->counted = self->state.first;
    self->spool->stored_first = self->state.first;
    char what[96];
    (void) snprintf(what, sizeof(what), "agent, what may have followed sequence %" PRIu64, from - 1 - self->state.base);
    if (!put_waiting(self, err) || !put_retained(self, err) || !put_notice(self, from, what, err))
        return false;
    state->next_key = from + 1;
    return put_notes(self, directory, err) && spool_commit(self->spool, true, err);
}

static bool
salvage(Salvage *self, const char *directory, int64_t max_mb, const char *why, Err *err)
{
    char fresh[PATH_MAX];
    char kept[PATH_MAX];
    if (snprintf(fresh, sizeof(fresh), "%s/data.mdb", directory) >= (int) sizeof(fresh))
        return err_set(err, ERR_RANGE, "spool path '%s' is too long", directory);
    self->fd = open(fresh, O_RDONLY | O_CLOEXEC);
    self->window = malloc(WINDOW_BYTES);
    if (self->window == NULL)
        return err_set(err, ERR_NOMEM, "no memory to look through a damaged spool");
    if (self->fd >= 0 && !search(self, false, err))
        return false;
    if (!self->has_mark && self->has_state) {
        memcpy(self->mark, self->state.mark, sizeof(self->mark));
        self->has_mark = true;
    }
    if (self->fd >= 0 && !search(self, true, err))
        return false;
    sort_found(self);
    guess_state(self);
    (void) snprintf(fresh, sizeof(fresh), "%s/salvage", directory);
    spool_remove_leftovers(fresh);
    if (!fill(self, directory, fresh, max_mb, err))
        return err_prefix(err, "saving what is left of a damaged spool: ");
    spool_free(&self->spool);
    if (!spool_change_places(directory, fresh, self->now_us, kept, err))
        return false;
    spool_remove_leftovers(fresh);
    (void) rmdir(fresh);
    log_error("event=spool_damaged spool=%s reason=\"%s\" batches_found=%zu waiting=%" PRIu64 " missing=%" PRIu64
              " notes=%zu kept=%s hint=\"the loss is reported to the collector; look at the disk\"",
              directory, why, self->count, self->state.next_key - self->state.first, self->missing, self->notes, kept);
    return true;
}

bool
spool_salvage(const char *directory, const uint8_t *mark, int64_t max_mb, int64_t now_us, const char *why, Err *err)
{
    Salvage self = {.fd = -1, .now_us = now_us, .has_mark = mark != NULL};
    if (mark != NULL)
        memcpy(self.mark, mark, sizeof(self.mark));
    bool done = salvage(&self, directory, max_mb, why, err);
    spool_free(&self.spool);
    if (self.fd >= 0)
        (void) close(self.fd);
    free(self.window);
    free(self.found);
    buffer_free(&self.buffer);
    return done;
}
