/**
 * spool_notes - small values beside the batches, in named tables of the spool
 *
 * Read positions of rings and files, identities already taken, and the like: what has to change in the same transaction as
 * the batches. A note is staged like a batch and durable with the next spool_commit(). An append may commit what was staged
 * before it: stage the batch first, then the notes that belong to it.
 *
 * Every note carries a CRC-32 over table, key and value. A damaged one is reported in the log, reads as not found, and is
 * removed with the next transaction. Notes count as used room; they may go a little above what batches may (so that the notes
 * of a batch that found room find theirs), and replacing a note by one that is not longer and forgetting work in a full spool
 * too, until so much was changed in one transaction that its commit would be in danger: ERR_FULL then, again after a commit.
 * Owner thread of the spool only; ERR_IO as in spool.h.
 */
#ifndef AGENT_SPOOL_NOTES_H
#define AGENT_SPOOL_NOTES_H

#include "agent/spool.h"

enum {
    SPOOL_NOTE_KEY_BYTES_MAX = 255,
    SPOOL_NOTE_VALUE_BYTES_MAX = 8 << 10,
    SPOOL_NOTE_INLINE_BYTES_MAX = 1400 /* key and value: above, a note takes whole pages of its own */
};

/* A table's number is part of what is on disk: add at the end. */
typedef enum SpoolTable {
    SPOOL_RINGS,            /* ring id: how far it has been read */
    SPOOL_FILES,            /* a followed file: how far it has been read */
    SPOOL_IDENTITIES,       /* segment and last identity: identities of records that were taken, sorted */
    SPOOL_IDENTITY_JOURNAL, /* segment and serial: the newest ones in the order they came */
    SPOOL_LINK,             /* what is known of the collectors */
    SPOOL_TABLE_COUNT
} SpoolTable;

/** Stage a note (key 1..SPOOL_NOTE_KEY_BYTES_MAX bytes, value 0..SPOOL_NOTE_VALUE_BYTES_MAX); it replaces one of the same
 *  key. Both are copied. On failure nothing changed: ERR_RANGE, ERR_FULL (again after an acknowledgement), ERR_IO. */
MUST_CHECK bool spool_note_set(Spool *self, SpoolTable table, Text key, Text value, Err *err);

/** Copy a note, staged or durable, to `out` (replaced). No such note or a damaged one: true with `*found` false. ERR_NOMEM,
 *  ERR_IO. */
MUST_CHECK bool spool_note_get(Spool *self, SpoolTable table, Text key, Buffer *out, bool *found, Err *err);

/** Stage forgetting a note; one that does not exist is forgotten already. ERR_FULL (again after a commit), ERR_IO. */
MUST_CHECK bool spool_note_forget(Spool *self, SpoolTable table, Text key, Err *err);

/** Gets key and value for the time of the call; may not touch the spool. Returns whether to go on. */
typedef bool (*SpoolNoteVisit)(void *context, Text key, Text value);

/** Visit the notes with keys >= `from` (empty: all), staged ones included, in the order of the keys' bytes. Damaged ones are
 *  passed over. ERR_IO. */
MUST_CHECK bool
spool_notes_walk(Spool *self, SpoolTable table, Text from, SpoolNoteVisit visit, void *context, Err *err);

/** Notes in a table, staged ones included. */
uint64_t spool_notes_count(const Spool *self, SpoolTable table);
/** Damaged notes met since the spool was opened. */
uint64_t spool_notes_damaged(const Spool *self);
/** Of them removed. */
uint64_t spool_notes_removed(const Spool *self);
/** Is there room for the notes of one more batch, of `bytes` together? */
bool spool_notes_have_room(const Spool *self, size_t bytes);

#endif
