/**
 * spool_internal - what the parts of the spool share: spool_open.c opens and closes it, spool.c keeps the batches,
 * spool_retain.c forgets them, spool_notes.c has the small values beside them, spool_probe.c, spool_inspect.c and spool_salvage.c
 * look after damage, spool_disk.c takes disk space, spool_room.c sees to it that LMDB can always finish, spool_aside.c sets
 * batches aside; spool_salvage_notes.c and spool_places.c help to salvage
 */
#ifndef AGENT_SPOOL_INTERNAL_H
#define AGENT_SPOOL_INTERNAL_H

#include <limits.h>
#include <lmdb.h>

#include "agent/spool.h"
#include "agent/spool_format.h"
#include "agent/spool_notes.h"

/** What the notes of one batch take at most, together: once it found disk space, so do they. */
enum { SPOOL_NOTES_BYTES = 1 << 20 };

enum { SPOOL_DAMAGED_NOTES_MAX = 16 };

/** A note that was found damaged and is to be removed. */
typedef struct DamagedNote {
    SpoolTable table;
    size_t key_bytes;
    uint8_t key[SPOOL_NOTE_KEY_BYTES_MAX];
} DamagedNote;

struct Spool {
    char *path;
    int lock;
    MDB_env *env;
    MDB_dbi batches;
    MDB_dbi meta;
    MDB_dbi dead;
    MDB_dbi notes[SPOOL_TABLE_COUNT];
    MDB_txn *txn; /* open while something is staged */
    State state;
    uint64_t stored_first;  /* oldest key on disk */
    uint64_t first;         /* oldest key that is not acknowledged */
    uint64_t durable_next;  /* state.next_key as of the last commit */
    uint64_t durable_first; /* state.first as of the last commit */
    uint64_t counted;       /* acknowledged batches before this key are in retained_bytes */
    size_t retained_bytes;
    int64_t retain_us;
    int64_t oldest_expires_us; /* 0: not looked at yet */
    bool has_mark;             /* in owner.lock */
    size_t disk_end;           /* disk blocks are taken up to here */
    size_t page_bytes;
    size_t pages_limit; /* for batches */
    size_t notes_limit; /* for notes: a little more */
    size_t pages_used;
    size_t map_bytes;    /* as configured; LMDB's map may have become larger (spool_begin) */
    size_t staged_bytes; /* of the open transaction, and what LMDB adds to them */
    size_t freed_pages;  /* that it gave up, at most */
    size_t proved_pages; /* that it can still get, at least */
    size_t proved_run;   /* and so many in a row */
    size_t touched_bytes;
    const char *seen_low; /* the part of LMDB's map in which values were seen */
    const char *seen_high;
    uint64_t aside;
    uint64_t note_counts[SPOOL_TABLE_COUNT];
    uint64_t notes_damaged;
    uint64_t notes_removed;
    size_t damaged_count; /* in damaged_notes */
    DamagedNote damaged_notes[SPOOL_DAMAGED_NOTES_MAX];
    bool broken;
};

/** Mark the spool unusable and say why. Returns false. */
bool spool_failed(Spool *self, int rc, const char *what, Err *err);
/** A value was read from LMDB's map outside of a transaction that writes: its page is to be given back. */
void spool_note_seen(Spool *self, const MDB_val *value);
/** LMDB's view of borrowed bytes. */
MDB_val spool_value(const void *bytes, size_t length);
/** Open the transaction in which things are staged, unless it is open, and look after what is old and damaged. ERR_IO. */
MUST_CHECK bool spool_stage(Spool *self, Err *err);
/** Put head and body as one value, in a nested transaction: when there are too few free pages, or too scattered ones, the
 *  rest stays staged and can be committed. ERR_FULL, ERR_IO. */
MUST_CHECK bool spool_put(Spool *self, MDB_dbi dbi, MDB_val key, Text head, Text body, Err *err);
/** Read inside the staged transaction when there is one, else in one of its own. ERR_IO. */
MUST_CHECK bool spool_begin_reading(Spool *self, MDB_txn **txn, Err *err);
void spool_end_reading(const Spool *self, MDB_txn *txn);
/** Take disk space for `length` more bytes to be staged. ERR_FULL: the disk has none. */
MUST_CHECK bool spool_take_disk(Spool *self, size_t length, Err *err);
/** Remove the damaged notes that were met, inside the open transaction; one that was replaced since stays. ERR_IO. */
MUST_CHECK bool spool_notes_mend(Spool *self, Err *err);
/** Take some disk space before there is something to stage: what is acknowledged can be forgotten on a full disk too. */
void spool_take_reserve(Spool *self);
/** Remove acknowledged batches that are too old or too many, inside the open transaction. */
MUST_CHECK bool spool_trim(Spool *self, Err *err);
/** Remove acknowledged batches until `pages` more fit under `limit`, or none is left, or one transaction had enough of it. */
MUST_CHECK bool spool_make_room(Spool *self, size_t pages, size_t limit, Err *err);
/** Remove acknowledged batches of twice as many pages, though there is room: `pages` are wanted in a row. */
MUST_CHECK bool spool_make_run(Spool *self, size_t pages, Err *err);
/** Make LMDB's map larger by a megabyte, up to twice what is configured. No transaction is open. ERR_FULL, ERR_IO. */
MUST_CHECK bool spool_enlarge(Spool *self, Err *err);
/** Begin the open transaction. Its commit will find the pages that it needs: a map too small for that becomes larger. ERR_IO. */
MUST_CHECK bool spool_begin(Spool *self, Err *err);
/** Before something in the open transaction takes `pages`, rewritten ones included: may it, without endangering the commit?
 *  spool_may_change() is for what must not be refused, and may take more. */
MUST_CHECK bool spool_may_grow(Spool *self, size_t pages);
MUST_CHECK bool spool_may_change(Spool *self, size_t pages);
/** Could the open transaction still be committed, and be followed by acknowledgements, after `txn` (nested in it) took `taken`
 *  pages? */
MUST_CHECK bool spool_keeps_reserve(Spool *self, MDB_txn *txn, size_t taken);
/** Is it time to commit, for all that came or went? What goes is free two commits later. */
bool spool_has_staged_enough(const Spool *self);
bool spool_has_freed_enough(const Spool *self);
/** What a value of `length` bytes takes in the file. */
size_t spool_taken_bytes(const Spool *self, size_t length);
/** Put a value under a key, with its header. ERR_FULL, ERR_IO. */
MUST_CHECK bool spool_put_batch(Spool *self, uint64_t key, Text value, uint64_t records, Err *err);
/** Open the environment below self->path, its tables and its state, making what is missing. */
MUST_CHECK bool spool_load(Spool *self, int64_t max_mb, int64_t now_us, Err *err);

/** Exit status of the child that looks for damage. */
enum {
    SPOOL_PROBE_SOUND = 0,
    SPOOL_PROBE_DAMAGED = 1,
    SPOOL_PROBE_UNSURE = 2 /* no memory and the like: opening will say the same */
};

/** In that child: false when damaged, having said why into `out`. Crashes over some damage, exits when unsure, leaks. */
bool spool_inspect(const char *directory, int out);
/** Is the environment in `directory` whole? If not, `why` says what was found. Looks from a child process. ERR_IO: that was
 *  killed from outside, twice; nothing is known. */
MUST_CHECK bool spool_probe(const char *directory, bool *whole, char why[ERR_MESSAGE_BYTES], Err *err);
/** First thing in a child that looks at damage: no core files, no messages, no handlers, and an end after so long. */
void spool_be_mortal(unsigned seconds);
/** The value of a stored note, borrowed. False: damaged. */
MUST_CHECK bool spool_note_open(SpoolTable table, Text key, const MDB_val *stored, Text *value);
/** The new file below `fresh` takes the old one's place in one step; the old one keeps another name, `kept`. ERR_IO, ERR_RANGE. */
MUST_CHECK bool
spool_change_places(const char *directory, const char *fresh, int64_t now_us, char kept[PATH_MAX], Err *err);
/** Remove the files of a spool that was begun at `directory` and did not come to its end. */
void spool_remove_leftovers(const char *directory);
/** Copy the notes that can be read in the damaged environment to `to`, whose transaction is open; `*taken`: how many, `*all`: and
 *  none is missing. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool spool_salvage_notes(const char *directory, Spool *to, size_t *taken, bool *all, Err *err);
/** Move what can be read in `directory`/data.mdb to a new file that takes its place; the damaged one stays under another
 *  name. `mark`: NULL when it is not known. ERR_IO, ERR_NOMEM, ERR_FULL. */
MUST_CHECK bool
spool_salvage(const char *directory, const uint8_t *mark, int64_t max_mb, int64_t now_us, const char *why, Err *err);

/** Forget rings that nobody read for SPOOL_RING_DAYS, after taking over those of an older spool. */
MUST_CHECK bool spool_rings_tidy(Spool *self, int64_t now_us, Err *err);
/** Bring pages_used and note_counts up to date, inside the open transaction. */
MUST_CHECK bool spool_count_pages(Spool *self, Err *err);

#endif
