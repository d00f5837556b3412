#include "formats/content_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1 << 10, HEX_HALF_BYTES = 16 };

struct ContentIds {
    size_t slots; /* power of two */
    size_t used;
    uint64_t *keys;
    uint32_t *counts; /* 0: the slot is free */
};

MUST_CHECK ContentIds *
content_ids_new(Err *err)
{
    ContentIds *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->slots = FIRST_SLOTS;
        self->keys = calloc(FIRST_SLOTS, sizeof *self->keys);
        self->counts = calloc(FIRST_SLOTS, sizeof *self->counts);
    }
    if (self == NULL || self->keys == NULL || self->counts == NULL) {
        err_set(err, ERR_NOMEM, "no memory to count lines without id");
        content_ids_free(&self);
    }
    return self;
}

void
content_ids_free(ContentIds **self)
{
    if (*self == NULL)
        return;
    free((*self)->keys);
    free((*self)->counts);
    free(*self);
    *self = NULL;
}

static size_t
find_slot(const uint64_t *keys, const uint32_t *counts, size_t slots, uint64_t key)
{
    size_t at = (size_t) key & (slots - 1);
    while (counts[at] != 0 && keys[at] != key)
        at = (at + 1) & (slots - 1);
    return at;
}

static bool
grow(ContentIds *self, Err *err)
{
    size_t slots = self->slots * 2;
    uint64_t *keys = calloc(slots, sizeof *keys);
    uint32_t *counts = calloc(slots, sizeof *counts);
    if (keys == NULL || counts == NULL) {
        free(keys);
        free(counts);
        return err_set(err, ERR_NOMEM, "no memory to count %zu lines without id", self->used);
    }
    for (size_t i = 0; i < self->slots; i++) {
        if (self->counts[i] == 0)
            continue;
        size_t at = find_slot(keys, counts, slots, self->keys[i]);
        keys[at] = self->keys[i];
        counts[at] = self->counts[i];
    }
    free(self->keys);
    free(self->counts);
    self->keys = keys;
    self->counts = counts;
    self->slots = slots;
    return true;
}

static bool
count_one(ContentIds *self, uint64_t key, uint32_t *ordinal, Err *err)
{
    size_t at = find_slot(self->keys, self->counts, self->slots, key);
    if (self->counts[at] == 0) {
        if (self->used == CONTENT_LINES_MAX) {
            err_set(err, ERR_RANGE, "more than %d lines without request_id in one file", CONTENT_LINES_MAX);
            return err_hint(err, "split the file, always at the same place, or give its lines a request_id");
        }
        if ((self->used + 1) * 2 > self->slots) {
            if (!grow(self, err))
                return false;
            at = find_slot(self->keys, self->counts, self->slots, key);
        }
        self->used++;
        self->keys[at] = key;
    }
    *ordinal = ++self->counts[at];
    return true;
}

MUST_CHECK bool
content_ids_next(ContentIds *self, const UsageRecord *record, char id[CONTENT_ID_BYTES], Err *err)
{
    Digest digest = usage_record_digest(record, true);
    uint64_t key = 0;
    memcpy(&key, digest.bytes + HEX_HALF_BYTES, sizeof key);
    uint32_t ordinal = 0;
    if (!count_one(self, key, &ordinal, err))
        return false;
    char hex[2 * HEX_HALF_BYTES + 1];
    snprintf(id, CONTENT_ID_BYTES, "d-%s-%u", bytes_hex(digest.bytes, HEX_HALF_BYTES, hex), ordinal);
    return true;
}

void
content_id_tagged(const UsageRecord *record, const ContentTag *tag, int64_t offset, char id[CONTENT_ID_BYTES])
{
    Digest digest = usage_record_digest(record, true);
    char content[2 * HEX_HALF_BYTES + 1];
    char file[2 * CONTENT_TAG_BYTES + 1];
    snprintf(id, CONTENT_ID_BYTES, "f-%s-%s-%" PRIx64, bytes_hex(digest.bytes, HEX_HALF_BYTES, content),
             bytes_hex(tag->bytes, CONTENT_TAG_BYTES, file), (uint64_t) offset);
}
