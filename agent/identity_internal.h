/**
 * identity_internal - what the halves of the identity window share: identity_window.c answers, identity_disk.c keeps
 */
#ifndef AGENT_IDENTITY_INTERNAL_H
#define AGENT_IDENTITY_INTERNAL_H

#include "agent/bloom.h"
#include "agent/identity_window.h"

/* A closed segment: sorted, on disk only. */
typedef struct IdentitySegment {
    uint32_t number;
    size_t count;
    int64_t newest_us; /* UTC */
    Bloom bloom;
} IdentitySegment;

/* The newest identities, in the order they came. */
typedef struct IdentityOpen {
    uint32_t number;
    Identity *entries;
    size_t count, room;
    size_t staged;     /* entries that are in the journal, or given up */
    uint64_t notes;    /* of the journal */
    int64_t first_us;  /* UTC, when the first of them was staged */
    uint32_t *slots;   /* open addressing: 0 empty, else place + 1 */
    size_t slot_count; /* a power of two, at least twice `count` */
} IdentityOpen;

struct IdentityWindow {
    Spool *spool;
    int64_t window_us;
    size_t entries_max;
    size_t segment_entries;
    IdentityOpen open;
    IdentitySegment *closed; /* oldest first */
    size_t closed_count, closed_room;
    size_t closed_entries;
    uint64_t known;
    Buffer found; /* a note that is being looked at */
    bool complained;
};

uint64_t identity_hash(const Identity *identity);
int identity_compare(const void *a, const void *b); /* by id */
/** Put into the table of the open segment. ERR_NOMEM. */
MUST_CHECK bool identity_open_put(IdentityOpen *self, const Identity *identity, Err *err);
/** Empty it and give it the next number. */
void identity_open_reset(IdentityOpen *self, uint32_t number);

/** Read everything when the window is opened. */
MUST_CHECK bool identity_disk_load(IdentityWindow *self, Err *err);
/** Append the entries of the open segment that are not in the journal yet. */
MUST_CHECK bool identity_disk_journal(IdentityWindow *self, int64_t now_us, Err *err);
/** Turn the open segment into a closed one. */
MUST_CHECK bool identity_disk_close_segment(IdentityWindow *self, int64_t now_us, Err *err);
/** Forget the oldest closed segment. */
MUST_CHECK bool identity_disk_drop_oldest(IdentityWindow *self, Err *err);
/** Look into one closed segment. */
MUST_CHECK bool identity_disk_find(IdentityWindow *self, const IdentitySegment *segment, const Identity *identity,
                                   IdentityResult *result, Err *err);

#endif
