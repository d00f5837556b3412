/**
 * spool_format - how batches and the spool's state look on disk
 *
 * A batch carries all that is needed to know it again when nothing around it can be read any more: key, spool, number of
 * records, length, and a CRC-32 over it all. The mark is a random number that a spool keeps for life and nobody outside sees,
 * so that bytes inside a record cannot pass for a batch when a damaged file is searched. The generation is LMDB's transaction
 * number: of two values with one key the later counts. Numbers are in the byte order of the machine, as LMDB's are. Pure.
 */
#ifndef AGENT_SPOOL_FORMAT_H
#define AGENT_SPOOL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/spool.h"

enum {
    SPOOL_FORMAT_OLD = 1,
    SPOOL_FORMAT = 2,
    SPOOL_MARK_BYTES = 16,
    VALUE_MAGIC_OLD = 0x3153424d, /* "MBS1": magic, CRC of the body, body */
    VALUE_MAGIC = 0x3253424d,     /* "MBS2" */
    STATE_MAGIC = 0x5453424d      /* "MBST" */
};

/** Before every batch. */
typedef struct ValueHeader {
    uint32_t magic;
    uint32_t crc; /* of what follows, the body included */
    uint8_t mark[SPOOL_MARK_BYTES];
    uint8_t id[SPOOL_ID_BYTES]; /* the spool's id and base when the batch came */
    uint64_t base;
    uint64_t key;
    uint64_t generation;
    int64_t accepted_us;
    uint32_t records; /* 0: not known */
    uint32_t body_bytes;
} ValueHeader;

/** The one row that changes with every transaction. */
typedef struct State {
    uint32_t magic;
    uint32_t crc; /* of what follows */
    uint8_t mark[SPOOL_MARK_BYTES];
    uint64_t format;
    uint64_t generation;
    uint64_t next_key;
    uint64_t first; /* oldest key that is not acknowledged */
    uint64_t base;
    uint8_t id[SPOOL_ID_BYTES];
} State;

/** A batch that was found and is whole. `body` is borrowed from what was looked at. */
typedef struct StoredBatch {
    ValueHeader header; /* all 0 but magic, crc and body_bytes in a batch of the old format */
    Text body;
} StoredBatch;

/** Fill in magic and CRC. */
void value_header_seal(ValueHeader *header, Text body);
void state_seal(State *state);

/** Look at the bytes stored under a key. False: cut short, or the checksum differs. */
MUST_CHECK bool stored_batch_open(Text stored, StoredBatch *out);
/** A batch of the present format at the start of `bytes`, which may go on behind it. */
MUST_CHECK bool stored_batch_find(Text bytes, StoredBatch *out);
/** The state at the start of `bytes`. False: none, or the checksum differs. */
MUST_CHECK bool state_find(Text bytes, State *out);
/** As stored under its key: of either format. */
MUST_CHECK bool state_open(Text stored, State *out);

#endif
