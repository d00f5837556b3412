#include "agent/identity_window.h"

#include <stdlib.h>
#include <string.h>

#include "agent/identity_internal.h"
#include "lib/digest.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    SEGMENTS_LEAST = 16, /* of a full window, so that not much goes at once */
    SPANS = 24,          /* a segment spans at most this part of the time */
    SPOOL_SHARE = 10,    /* the window takes at most this part of the spool */
    BYTES_AN_ENTRY = 40, /* on disk, with what LMDB adds */
    SLOTS_FIRST = 64
};

uint64_t
identity_hash(const Identity *identity)
{
    uint64_t hash;
    memcpy(&hash, identity->id, sizeof(hash));
    return hash;
}

int
identity_compare(const void *a, const void *b)
{
    return memcmp(((const Identity *) a)->id, ((const Identity *) b)->id, IDENTITY_ID_BYTES);
}

/* The slot that holds the identity, or the empty one where it belongs. */
static uint32_t *
slot_of(const IdentityOpen *self, const Identity *identity)
{
    size_t at = (size_t) identity_hash(identity) & (self->slot_count - 1);
    while (self->slots[at] != 0 && memcmp(self->entries[self->slots[at] - 1].id, identity->id, IDENTITY_ID_BYTES) != 0)
        at = (at + 1) & (self->slot_count - 1);
    return &self->slots[at];
}

static bool
grow(IdentityOpen *self, Err *err)
{
    size_t slot_count = self->slot_count == 0 ? SLOTS_FIRST : self->slot_count * 2;
    size_t room = slot_count / 2;
    Identity *entries = realloc(self->entries, room * sizeof(*entries));
    if (entries != NULL)
        self->entries = entries;
    uint32_t *slots = entries == NULL ? NULL : calloc(slot_count, sizeof(*slots));
    if (slots == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu identities", room);
    free(self->slots);
    self->slots = slots;
    self->slot_count = slot_count;
    self->room = room;
    for (size_t i = 0; i < self->count; i++)
        *slot_of(self, &self->entries[i]) = (uint32_t) i + 1;
    return true;
}

bool
identity_open_put(IdentityOpen *self, const Identity *identity, Err *err)
{
    if (self->count == self->room && !grow(self, err))
        return false;
    uint32_t *slot = slot_of(self, identity);
    if (*slot != 0)
        return true; /* the first one stays */
    self->entries[self->count++] = *identity;
    *slot = (uint32_t) self->count;
    return true;
}

void
identity_open_reset(IdentityOpen *self, uint32_t number)
{
    free(self->entries);
    free(self->slots);
    *self = (IdentityOpen){.number = number};
}

static size_t
least(int64_t a, int64_t b)
{
    return (size_t) (a < b ? a : b);
}

IdentityWindow *
identity_window_open(Spool *spool, int64_t hours, int64_t entries_max, int64_t spool_mb, Err *err)
{
    IdentityWindow *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the identity window");
        return NULL;
    }
    self->spool = spool;
    self->window_us = hours * 3600 * UTC_SECOND_US;
    self->entries_max = least(entries_max, spool_mb * (1 << 20) / SPOOL_SHARE / BYTES_AN_ENTRY);
    self->segment_entries = self->entries_max / SEGMENTS_LEAST + 1;
    if (self->segment_entries > IDENTITY_SEGMENT_ENTRIES)
        self->segment_entries = IDENTITY_SEGMENT_ENTRIES;
    if (!identity_disk_load(self, err))
        identity_window_free(&self);
    return self;
}

void
identity_window_free(IdentityWindow **self)
{
    IdentityWindow *window = *self;
    *self = NULL;
    if (window == NULL)
        return;
    identity_open_reset(&window->open, 0);
    for (size_t i = 0; i < window->closed_count; i++)
        bloom_free(&window->closed[i].bloom);
    free(window->closed);
    buffer_free(&window->found);
    free(window);
}

/* The id has a fixed form whatever the texts hold, so that no two identities share it. */
static void
identity_of(const UsageRecord *record, Identity *out)
{
    uint8_t bytes[8 + USAGE_NAME_BYTES_MAX + USAGE_ID_BYTES_MAX];
    const uint32_t head[2] = {(uint32_t) record->tenant.length, record->attempt};
    size_t length = sizeof(head);
    memcpy(bytes, head, sizeof(head));
    memcpy(bytes + length, record->tenant.data, record->tenant.length);
    length += record->tenant.length;
    memcpy(bytes + length, record->request_id.data, record->request_id.length);
    length += record->request_id.length;
    const Digest id = digest_of(bytes, length);
    const Digest facts = usage_record_digest(record, true);
    memcpy(out->id, id.bytes, sizeof(out->id));
    memcpy(out->facts, facts.bytes, sizeof(out->facts));
}

static bool
search(IdentityWindow *self, const Identity *identity, IdentityResult *result, Err *err)
{
    const IdentityOpen *open = &self->open;
    uint32_t place = open->slot_count == 0 ? 0 : *slot_of(open, identity);
    if (place != 0) {
        bool same = memcmp(open->entries[place - 1].facts, identity->facts, IDENTITY_FACTS_BYTES) == 0;
        *result = same ? IDENTITY_KNOWN : IDENTITY_DIFFERS;
        return true;
    }
    uint64_t hash = identity_hash(identity);
    for (size_t i = self->closed_count; i-- > 0 && *result == IDENTITY_NEW;)
        if (bloom_may_have(&self->closed[i].bloom, hash) &&
            !identity_disk_find(self, &self->closed[i], identity, result, err))
            return false;
    return true;
}

bool
identity_window_ask(IdentityWindow *self, const UsageRecord *record, Identity *identity, IdentityResult *result,
                    Err *err)
{
    *result = IDENTITY_NEW;
    identity_of(record, identity);
    if (!search(self, identity, result, err))
        return false;
    self->known += *result == IDENTITY_KNOWN ? 1 : 0;
    if (*result != IDENTITY_NEW)
        log_debug("event=%s tenant=%.*s attempt=%u", *result == IDENTITY_KNOWN ? "resent" : "resent_differently",
                  TEXT_ARG(record->tenant), record->attempt);
    return true;
}

bool
identity_window_add(IdentityWindow *self, const Identity *identity, Err *err)
{
    return identity_open_put(&self->open, identity, err);
}

static bool
has_outlived(const IdentityWindow *self, const IdentitySegment *segment, int64_t now_us)
{
    return segment->newest_us < now_us - self->window_us;
}

bool
identity_window_stage(IdentityWindow *self, int64_t now_us, Err *err)
{
    IdentityOpen *open = &self->open;
    if (!identity_disk_journal(self, now_us, err))
        return false;
    bool ripe =
        open->count >= self->segment_entries || (open->count > 0 && now_us - open->first_us >= self->window_us / SPANS);
    if (ripe && !identity_disk_close_segment(self, now_us, err))
        return false;
    while (self->closed_count > 0 &&
           (has_outlived(self, &self->closed[0], now_us) || self->closed_entries + open->count > self->entries_max))
        if (!identity_disk_drop_oldest(self, err))
            return false;
    return true;
}

size_t
identity_window_count(const IdentityWindow *self)
{
    return self->closed_entries + self->open.count;
}

uint64_t
identity_window_known(const IdentityWindow *self)
{
    return self->known;
}
