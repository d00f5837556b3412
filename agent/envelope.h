/**
 * envelope - what is written on a batch: where it came from, and later its place in the spool
 *
 * The spool holds serialised Batch messages (proto/wire.proto) without spool id and sequence: those are added when the
 * batch is sent, so that a spool can take a new id without being rewritten.
 */
#ifndef AGENT_ENVELOPE_H
#define AGENT_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

/** All borrowed. */
typedef struct Envelope {
    const char *source;       /* "socket", "ring", "import", "exec", "simulate", "agent" */
    const char *label;        /* file or socket name */
    const uint8_t *import_id; /* WIRE_ID_BYTES, NULL when it belongs to no import */
    char *const *introduce_tenants;
    size_t introduce_count;
    bool history;
    int64_t accepted_at_us;
} Envelope;

/** Serialise a packed UsageBatch with its envelope into `out` (replaced). ERR_NOMEM, ERR_RANGE (too large to be sent). */
MUST_CHECK bool envelope_pack(const Envelope *envelope, Text payload, Buffer *out, Err *err);

/** The same for a batch that only says that something was lost: why, what (of whom, which sequence), and how many records;
 *  0: not known. */
MUST_CHECK bool
envelope_pack_loss(const char *reason, const char *what, uint64_t records, int64_t now_us, Buffer *out, Err *err);

/** From what envelope_pack wrote to the Frame that goes to the collector, in `out` (replaced). ERR_CORRUPT, ERR_NOMEM. */
MUST_CHECK bool
envelope_frame(Text packed, const uint8_t spool[WIRE_ID_BYTES], uint64_t sequence, Buffer *out, Err *err);

#endif
