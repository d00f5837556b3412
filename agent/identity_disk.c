/* The identity window's notes in the spool: the journal of the newest identities, and the sorted segments. */
#include <stdlib.h>
#include <string.h>

#include "agent/identity_internal.h"
#include "agent/spool_notes.h"
#include "lib/array.h"
#include "lib/log.h"

enum {
    NOTE_ENTRIES = 56, /* fills SPOOL_NOTE_INLINE_BYTES_MAX */
    NOTE_ROOM_BYTES = sizeof(int64_t) + NOTE_ENTRIES * sizeof(Identity),
    JOURNAL_KEY_BYTES = 4 + 8,
    SEGMENT_KEY_BYTES = 4 + IDENTITY_ID_BYTES
};

_Static_assert(sizeof(Identity) == 24, "identities stand on disk without padding");
_Static_assert(SEGMENT_KEY_BYTES + NOTE_ROOM_BYTES <= SPOOL_NOTE_INLINE_BYTES_MAX, "a note stays within its page");

/* Numbers in keys are big-endian, so that LMDB keeps them in order. */
static void
put_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; number >>= 8)
        out[i] = (uint8_t) number;
}

static uint64_t
get_number(const char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | (uint8_t) bytes[i];
    return number;
}

static Text
journal_key(uint8_t out[JOURNAL_KEY_BYTES], uint32_t segment, uint64_t serial)
{
    put_number(out, segment, 4);
    put_number(out + 4, serial, 8);
    return (Text){(const char *) out, JOURNAL_KEY_BYTES};
}

/* Under the last of its entries: the first note at or after (segment, id) is the only one that may hold the id. */
static Text
segment_key(uint8_t out[SEGMENT_KEY_BYTES], uint32_t segment, const uint8_t *id)
{
    put_number(out, segment, 4);
    memcpy(out + 4, id, IDENTITY_ID_BYTES);
    return (Text){(const char *) out, SEGMENT_KEY_BYTES};
}

static Text
note_pack(uint8_t out[NOTE_ROOM_BYTES], int64_t time_us, const Identity *entries, size_t count)
{
    memcpy(out, &time_us, sizeof(time_us));
    memcpy(out + sizeof(time_us), entries, count * sizeof(*entries));
    return (Text){(const char *) out, sizeof(time_us) + count * sizeof(*entries)};
}

static size_t
note_count(Text value)
{
    return value.length < sizeof(int64_t) ? 0 : (value.length - sizeof(int64_t)) / sizeof(Identity);
}

static void
note_entry(Text value, size_t i, Identity *out)
{
    memcpy(out, value.data + sizeof(int64_t) + i * sizeof(*out), sizeof(*out));
}

static int64_t
note_time_us(Text value)
{
    int64_t time_us = 0;
    if (value.length >= sizeof(time_us))
        memcpy(&time_us, value.data, sizeof(time_us));
    return time_us;
}

/* --- reading when the window is opened */

typedef struct Loading {
    IdentityWindow *window;
    size_t place; /* second pass: among the closed segments */
    Err *err;
} Loading;

static bool
count_note(void *context, Text key, Text value)
{
    Loading *self = context;
    IdentityWindow *window = self->window;
    if (key.length != SEGMENT_KEY_BYTES)
        return true;
    uint32_t number = (uint32_t) get_number(key.data, 4);
    if (window->closed_count == 0 || window->closed[window->closed_count - 1].number != number) {
        if (!array_grow(&window->closed, &window->closed_room, window->closed_count, sizeof(*window->closed),
                        self->err))
            return false;
        window->closed[window->closed_count++] = (IdentitySegment){.number = number, .newest_us = note_time_us(value)};
    }
    window->closed[window->closed_count - 1].count += note_count(value);
    window->closed_entries += note_count(value);
    return true;
}

static bool
add_note(void *context, Text key, Text value)
{
    Loading *self = context;
    IdentityWindow *window = self->window;
    if (key.length != SEGMENT_KEY_BYTES)
        return true;
    while (window->closed[self->place].number != (uint32_t) get_number(key.data, 4))
        self->place++;
    for (size_t i = 0; i < note_count(value); i++) {
        Identity entry;
        note_entry(value, i, &entry);
        bloom_add(&window->closed[self->place].bloom, identity_hash(&entry));
    }
    return true;
}

static bool
load_journal_note(void *context, Text key, Text value)
{
    Loading *self = context;
    IdentityOpen *open = &self->window->open;
    if (key.length != JOURNAL_KEY_BYTES)
        return true;
    open->number = (uint32_t) get_number(key.data, 4);
    open->notes = get_number(key.data + 4, 8) + 1;
    if (open->count == 0)
        open->first_us = note_time_us(value);
    for (size_t i = 0; i < note_count(value); i++) {
        Identity entry;
        note_entry(value, i, &entry);
        if (!identity_open_put(open, &entry, self->err))
            return false;
    }
    return true;
}

static bool
walk(IdentityWindow *self, SpoolTable table, SpoolNoteVisit visit, Loading *loading, Err *err)
{
    return spool_notes_walk(self->spool, table, (Text){NULL, 0}, visit, loading, err) && !err_is_set(err);
}

bool
identity_disk_load(IdentityWindow *self, Err *err)
{
    Loading loading = {.window = self, .err = err};
    if (!walk(self, SPOOL_IDENTITIES, count_note, &loading, err))
        return false;
    for (size_t i = 0; i < self->closed_count; i++)
        if (!bloom_make(&self->closed[i].bloom, self->closed[i].count, err))
            return false;
    if (self->closed_count > 0)
        self->open.number = self->closed[self->closed_count - 1].number + 1;
    if (!walk(self, SPOOL_IDENTITIES, add_note, &loading, err) ||
        !walk(self, SPOOL_IDENTITY_JOURNAL, load_journal_note, &loading, err))
        return false;
    self->open.staged = self->open.count;
    return true;
}

/* --- writing */

/* No room for the newest identities: go on without them. */
static void
give_up(IdentityWindow *self, size_t entries)
{
    if (!self->complained)
        log_warn(
            "event=identities_forgotten entries=%zu message=\"the spool has no room for them: records that are sent "
            "again are taken again, and found before billing\"",
            entries);
    self->complained = true;
}

bool
identity_disk_journal(IdentityWindow *self, int64_t now_us, Err *err)
{
    IdentityOpen *open = &self->open;
    uint8_t key[JOURNAL_KEY_BYTES];
    uint8_t value[NOTE_ROOM_BYTES];
    if (open->staged == 0 && open->count > 0)
        open->first_us = now_us;
    Err full = {0};
    bool room = true;
    for (; room && open->staged < open->count; open->notes++) {
        size_t left = open->count - open->staged;
        size_t some = left < NOTE_ENTRIES ? left : NOTE_ENTRIES;
        room = spool_note_set(self->spool, SPOOL_IDENTITY_JOURNAL, journal_key(key, open->number, open->notes),
                              note_pack(value, now_us, open->entries + open->staged, some), &full);
        open->staged += room ? some : 0;
    }
    if (!room && full.code != ERR_FULL) {
        *err = full;
        return false;
    }
    if (!room)
        give_up(self, open->count - open->staged);
    open->staged = open->count;
    return true;
}

static bool
forget_journal(IdentityWindow *self, Err *err)
{
    uint8_t key[JOURNAL_KEY_BYTES];
    for (uint64_t serial = 0; serial < self->open.notes; serial++)
        if (!spool_note_forget(self->spool, SPOOL_IDENTITY_JOURNAL, journal_key(key, self->open.number, serial), err))
            return false;
    return true;
}

static bool
write_segment(IdentityWindow *self, int64_t now_us, IdentitySegment *segment, Err *err)
{
    IdentityOpen *open = &self->open;
    uint8_t key[SEGMENT_KEY_BYTES];
    uint8_t value[NOTE_ROOM_BYTES];
    *segment = (IdentitySegment){.number = open->number, .count = open->count, .newest_us = now_us};
    if (!bloom_make(&segment->bloom, open->count, err))
        return false;
    qsort(open->entries, open->count, sizeof(*open->entries), identity_compare);
    for (size_t at = 0; at < open->count; at += NOTE_ENTRIES) {
        size_t left = open->count - at;
        size_t some = left < NOTE_ENTRIES ? left : NOTE_ENTRIES;
        const Identity *entries = open->entries + at;
        if (!spool_note_set(self->spool, SPOOL_IDENTITIES, segment_key(key, open->number, entries[some - 1].id),
                            note_pack(value, now_us, entries, some), err))
            return false;
        for (size_t i = 0; i < some; i++)
            bloom_add(&segment->bloom, identity_hash(&entries[i]));
    }
    return true;
}

/* --- looking and forgetting */

typedef struct Look {
    uint32_t segment;
    Buffer *out; /* its key, or its value */
    bool wants_key;
    bool found;
    Err *err;
} Look;

/* The first note of the segment from where the walk began. */
static bool
take_first(void *context, Text key, Text value)
{
    Look *self = context;
    if (key.length == SEGMENT_KEY_BYTES && (uint32_t) get_number(key.data, 4) == self->segment) {
        Text wanted = self->wants_key ? key : value;
        self->found = buffer_append(self->out, wanted.data, wanted.length, self->err);
    }
    return false;
}

bool
identity_disk_find(IdentityWindow *self, const IdentitySegment *segment, const Identity *identity,
                   IdentityResult *result, Err *err)
{
    uint8_t key[SEGMENT_KEY_BYTES];
    Look look = {.segment = segment->number, .out = &self->found, .err = err};
    buffer_clear(&self->found);
    if (!spool_notes_walk(self->spool, SPOOL_IDENTITIES, segment_key(key, segment->number, identity->id), take_first,
                          &look, err) ||
        err_is_set(err))
        return false;
    Text note = buffer_text(&self->found);
    for (size_t i = 0; i < note_count(note); i++) {
        Identity entry;
        note_entry(note, i, &entry);
        if (memcmp(entry.id, identity->id, IDENTITY_ID_BYTES) != 0)
            continue;
        bool same = memcmp(entry.facts, identity->facts, IDENTITY_FACTS_BYTES) == 0;
        *result = same ? IDENTITY_KNOWN : IDENTITY_DIFFERS;
        break;
    }
    return true;
}

static bool
forget_segment(IdentityWindow *self, uint32_t number, Err *err)
{
    static const uint8_t FIRST[IDENTITY_ID_BYTES] = {0};
    uint8_t from[SEGMENT_KEY_BYTES];
    for (;;) {
        Look look = {.segment = number, .out = &self->found, .wants_key = true, .err = err};
        buffer_clear(&self->found);
        if (!spool_notes_walk(self->spool, SPOOL_IDENTITIES, segment_key(from, number, FIRST), take_first, &look,
                              err) ||
            err_is_set(err))
            return false;
        if (!look.found)
            return true;
        if (!spool_note_forget(self->spool, SPOOL_IDENTITIES, buffer_text(&self->found), err))
            return false;
    }
}

bool
identity_disk_drop_oldest(IdentityWindow *self, Err *err)
{
    IdentitySegment *oldest = &self->closed[0];
    if (!forget_segment(self, oldest->number, err))
        return false;
    self->closed_entries -= oldest->count;
    bloom_free(&oldest->bloom);
    self->closed_count--;
    memmove(self->closed, self->closed + 1, self->closed_count * sizeof(*self->closed));
    return true;
}

bool
identity_disk_close_segment(IdentityWindow *self, int64_t now_us, Err *err)
{
    IdentityOpen *open = &self->open;
    IdentitySegment segment = {0};
    Err full = {0};
    if (!forget_journal(self, err) ||
        !array_grow(&self->closed, &self->closed_room, self->closed_count, sizeof(*self->closed), err))
        return false;
    if (write_segment(self, now_us, &segment, &full)) {
        self->closed[self->closed_count++] = segment;
        self->closed_entries += segment.count;
        self->complained = false;
    } else {
        bloom_free(&segment.bloom);
        if (full.code != ERR_FULL) {
            *err = full;
            return false;
        }
        give_up(self, open->count);
        if (!forget_segment(self, open->number, err))
            return false;
    }
    identity_open_reset(open, open->number + 1);
    return true;
}
