#include "agent/spool_notes.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "agent/spool_internal.h"
#include "lib/digest.h"
#include "lib/log.h"

enum {
    CHANGED_PAGES = 8,       /* by a change of a small note, at most */
    SHOWN_KEY_BYTES = 16,    /* of a damaged note, in the log */
    NODE_OVERHEAD_BYTES = 24 /* of LMDB, for each note */
};

static uint32_t
note_crc(SpoolTable table, Text key, Text value)
{
    const uint8_t head[2] = {(uint8_t) table, (uint8_t) key.length};
    uLong crc = crc32(0, head, sizeof(head));
    crc = crc32(crc, (const Bytef *) key.data, (uInt) key.length);
    if (value.length > 0)
        crc = crc32(crc, (const Bytef *) value.data, (uInt) value.length);
    return (uint32_t) crc;
}

/* A CRC, then the value; false when damaged. */
bool
spool_note_open(SpoolTable table, Text key, const MDB_val *stored, Text *value)
{
    uint32_t crc;
    if (stored->mv_size < sizeof(crc))
        return false;
    memcpy(&crc, stored->mv_data, sizeof(crc));
    *value = (Text){(const char *) stored->mv_data + sizeof(crc), stored->mv_size - sizeof(crc)};
    return key.length <= SPOOL_NOTE_KEY_BYTES_MAX && crc == note_crc(table, key, *value);
}

/* To be removed with the next transaction. What does not fit on the list is met again. */
static void
remember_damaged(Spool *self, SpoolTable table, Text key)
{
    if (key.length == 0 || key.length > SPOOL_NOTE_KEY_BYTES_MAX || self->damaged_count == SPOOL_DAMAGED_NOTES_MAX)
        return;
    DamagedNote *note = &self->damaged_notes[self->damaged_count++];
    *note = (DamagedNote){.table = table, .key_bytes = key.length};
    memcpy(note->key, key.data, key.length);
}

bool
spool_notes_mend(Spool *self, Err *err)
{
    while (self->damaged_count > 0 && spool_may_change(self, CHANGED_PAGES)) {
        const DamagedNote *note = &self->damaged_notes[--self->damaged_count];
        Text key = {(const char *) note->key, note->key_bytes};
        MDB_val name = spool_value(key.data, key.length);
        MDB_val stored;
        Text value;
        int rc = mdb_get(self->txn, self->notes[note->table], &name, &stored);
        if (rc == MDB_NOTFOUND || (rc == 0 && spool_note_open(note->table, key, &stored, &value)))
            continue;
        if (rc == 0)
            rc = mdb_del(self->txn, self->notes[note->table], &name, NULL);
        if (rc != 0)
            return spool_failed(self, rc, "removing a damaged note", err);
        self->notes_removed++;
        log_warn("event=spool_note_removed spool=%s table=%d removed=%" PRIu64, self->path, (int) note->table,
                 self->notes_removed);
    }
    return true;
}

static bool
note_open(Spool *self, SpoolTable table, Text key, const MDB_val *stored, Text *value)
{
    if (self->txn == NULL) /* inside a transaction it may be a page that is not in the map yet */
        spool_note_seen(self, stored);
    if (spool_note_open(table, key, stored, value))
        return true;
    char shown[2 * SHOWN_KEY_BYTES + 1];
    log_warn("event=spool_note_damaged spool=%s table=%d key=%s bytes=%zu", self->path, (int) table,
             bytes_hex(key.data, key.length < SHOWN_KEY_BYTES ? key.length : SHOWN_KEY_BYTES, shown), stored->mv_size);
    self->notes_damaged++;
    remember_damaged(self, table, key);
    return false;
}

bool
spool_notes_have_room(const Spool *self, size_t bytes)
{
    return self->pages_used + (bytes + self->page_bytes - 1) / self->page_bytes <= self->notes_limit;
}

/* May the note grow the file? One that replaces another of its size does not. */
static bool
check_room(Spool *self, SpoolTable table, MDB_val *key, size_t length, Err *err)
{
    size_t pages = CHANGED_PAGES + length / self->page_bytes;
    if (spool_notes_have_room(self, length) && spool_may_grow(self, pages))
        return spool_take_disk(self, length, err);
    MDB_val old;
    int rc = mdb_get(self->txn, self->notes[table], key, &old);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return spool_failed(self, rc, "reading a note", err);
    if (rc == 0 && old.mv_size >= length && spool_may_change(self, pages))
        return true;
    return err_set(err, ERR_FULL, "spool '%s' is full (%zu of %zu pages)", self->path, self->pages_used,
                   self->notes_limit);
}

bool
spool_note_set(Spool *self, SpoolTable table, Text key, Text value, Err *err)
{
    if (key.length == 0 || key.length > SPOOL_NOTE_KEY_BYTES_MAX || value.length > SPOOL_NOTE_VALUE_BYTES_MAX)
        return err_set(err, ERR_RANGE, "note with a key of %zu bytes (1 to %d) and a value of %zu bytes (at most %d)",
                       key.length, SPOOL_NOTE_KEY_BYTES_MAX, value.length, SPOOL_NOTE_VALUE_BYTES_MAX);
    MDB_val name = spool_value(key.data, key.length);
    uint32_t crc = note_crc(table, key, value);
    if (!spool_stage(self, err) || !check_room(self, table, &name, sizeof(crc) + value.length, err))
        return false;
    if (key.length + value.length > SPOOL_NOTE_INLINE_BYTES_MAX) {
        if (!spool_put(self, self->notes[table], name, (Text){(const char *) &crc, sizeof(crc)}, value, err))
            return false;
    } else {
        MDB_val place = {sizeof(crc) + value.length, NULL};
        int rc = mdb_put(self->txn, self->notes[table], &name, &place, MDB_RESERVE);
        if (rc != 0)
            return spool_failed(self, rc, "writing a note", err);
        memcpy(place.mv_data, &crc, sizeof(crc));
        if (value.length > 0)
            memcpy((char *) place.mv_data + sizeof(crc), value.data, value.length);
    }
    self->staged_bytes += key.length + value.length + NODE_OVERHEAD_BYTES;
    return spool_count_pages(self, err);
}

bool
spool_note_get(Spool *self, SpoolTable table, Text key, Buffer *out, bool *found, Err *err)
{
    *found = false;
    buffer_clear(out);
    if (key.length == 0 || key.length > SPOOL_NOTE_KEY_BYTES_MAX)
        return true;
    MDB_txn *txn;
    if (!spool_begin_reading(self, &txn, err))
        return false;
    MDB_val name = spool_value(key.data, key.length);
    MDB_val stored;
    Text value;
    int rc = mdb_get(txn, self->notes[table], &name, &stored);
    bool done = rc == 0 || rc == MDB_NOTFOUND || spool_failed(self, rc, "reading a note", err);
    if (rc == 0 && note_open(self, table, key, &stored, &value)) {
        done = buffer_append(out, value.data, value.length, err);
        *found = done;
    }
    spool_end_reading(self, txn);
    return done;
}

bool
spool_note_forget(Spool *self, SpoolTable table, Text key, Err *err)
{
    if (key.length == 0 || key.length > SPOOL_NOTE_KEY_BYTES_MAX)
        return true;
    if (!spool_stage(self, err))
        return false;
    if (!spool_may_change(self, CHANGED_PAGES))
        return err_set(err, ERR_FULL, "spool '%s': too much was forgotten at once", self->path);
    MDB_val name = spool_value(key.data, key.length);
    int rc = mdb_del(self->txn, self->notes[table], &name, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return spool_failed(self, rc, "forgetting a note", err);
    return spool_count_pages(self, err);
}

bool
spool_notes_walk(Spool *self, SpoolTable table, Text from, SpoolNoteVisit visit, void *context, Err *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    if (!spool_begin_reading(self, &txn, err))
        return false;
    MDB_val key = spool_value(from.data, from.length);
    MDB_val stored;
    int rc = mdb_cursor_open(txn, self->notes[table], &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &stored, from.length == 0 ? MDB_FIRST : MDB_SET_RANGE);
    bool go_on = true;
    for (; rc == 0 && go_on; rc = go_on ? mdb_cursor_get(cursor, &key, &stored, MDB_NEXT) : 0) {
        Text name = {key.mv_data, key.mv_size};
        Text value;
        if (note_open(self, table, name, &stored, &value))
            go_on = visit(context, name, value);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    spool_end_reading(self, txn);
    return rc == 0 || rc == MDB_NOTFOUND || spool_failed(self, rc, "walking through notes", err);
}

uint64_t
spool_notes_count(const Spool *self, SpoolTable table)
{
    return self->note_counts[table];
}

uint64_t
spool_notes_damaged(const Spool *self)
{
    return self->notes_damaged;
}

uint64_t
spool_notes_removed(const Spool *self)
{
    return self->notes_removed;
}
