#include <string.h>

#include "agent/spool_internal.h"
#include "lib/utc.h"

enum {
    OLD_RINGS_MAX = 16,          /* forgotten in one round */
    RING_VALUE_BYTES_OLDEST = 24 /* without `pid` and `uid` */
};

typedef struct RingValue {
    uint64_t position;
    uint64_t lost;
    int64_t touched_us;
    int32_t pid;
    uint32_t uid;
} RingValue;

/* What spool_rings_tidy looks for. */
typedef struct OldRings {
    int64_t before_us;
    size_t count;
    uint8_t ids[OLD_RINGS_MAX][SPOOL_ID_BYTES];
} OldRings;

static bool
take_value(Text stored, RingValue *out)
{
    *out = (RingValue){.uid = UINT32_MAX};
    if (stored.length != sizeof(*out) && stored.length != RING_VALUE_BYTES_OLDEST)
        return false;
    memcpy(out, stored.data, stored.length);
    return true;
}

static Text
ring_key(const uint8_t id[SPOOL_ID_BYTES])
{
    return (Text){(const char *) id, SPOOL_ID_BYTES};
}

bool
spool_ring_set(Spool *self, const uint8_t id[SPOOL_ID_BYTES], SpoolRing ring, int64_t now_us, Err *err)
{
    RingValue value = {ring.position, ring.lost, now_us, ring.pid, ring.uid};
    return spool_note_set(self, SPOOL_RINGS, ring_key(id), (Text){(const char *) &value, sizeof(value)}, err);
}

bool
spool_ring_forget(Spool *self, const uint8_t id[SPOOL_ID_BYTES], Err *err)
{
    return spool_note_forget(self, SPOOL_RINGS, ring_key(id), err);
}

bool
spool_ring_get(Spool *self, const uint8_t id[SPOOL_ID_BYTES], SpoolRing *ring, bool *found, Err *err)
{
    Buffer stored = {0};
    RingValue value = {0};
    bool done = spool_note_get(self, SPOOL_RINGS, ring_key(id), &stored, found, err);
    *found = *found && take_value(buffer_text(&stored), &value);
    buffer_free(&stored);
    *ring = (SpoolRing){value.position, value.lost, value.pid, value.uid};
    return done;
}

static bool
collect_old(void *context, Text key, Text stored)
{
    OldRings *old = context;
    RingValue value;
    if (key.length != SPOOL_ID_BYTES || !take_value(stored, &value))
        return true;
    if (value.touched_us < old->before_us)
        memcpy(old->ids[old->count++], key.data, SPOOL_ID_BYTES);
    return old->count < OLD_RINGS_MAX;
}

/* A spool of an earlier version kept rings among its own state, without checksums. */
static bool
take_over(Spool *self, Err *err)
{
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(self->txn, self->meta, &cursor);
    if (rc != 0)
        return spool_failed(self, rc, "opening a cursor", err);
    MDB_val key;
    MDB_val stored;
    bool done = true;
    while (done && (rc = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT)) == 0) {
        RingValue value;
        uint8_t id[SPOOL_ID_BYTES];
        if (key.mv_size != sizeof(id) || !take_value((Text){stored.mv_data, stored.mv_size}, &value))
            continue;
        memcpy(id, key.mv_data, sizeof(id));
        done = spool_ring_set(self, id, (SpoolRing){value.position, value.lost, value.pid, value.uid}, value.touched_us,
                              err);
        rc = mdb_cursor_del(cursor, 0);
        if (rc != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return done && (rc == MDB_NOTFOUND || spool_failed(self, rc, "taking over rings", err));
}

bool
spool_rings_tidy(Spool *self, int64_t now_us, Err *err)
{
    if (!take_over(self, err))
        return false;
    OldRings old;
    do { /* rings whose worker is long gone would stay for ever otherwise */
        old.before_us = now_us - SPOOL_RING_DAYS * UTC_DAY_US;
        old.count = 0;
        if (!spool_notes_walk(self, SPOOL_RINGS, (Text){NULL, 0}, collect_old, &old, err))
            return false;
        Err full = {0};
        for (size_t i = 0; i < old.count && !err_is_set(&full); i++)
            if (!spool_ring_forget(self, old.ids[i], &full) && full.code != ERR_FULL) {
                *err = full;
                return false;
            }
        if (!spool_commit(self, true, err) || !spool_stage(self, err))
            return false;
        if (err_is_set(&full))
            return true; /* the others go at the next start */
    } while (old.count == OLD_RINGS_MAX);
    return true;
}
