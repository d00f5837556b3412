#include "agent/spool_format.h"

#include <string.h>
#include <zlib.h>

enum { CRC_FROM = 2 * sizeof(uint32_t) }; /* behind magic and CRC */

/* Of format 1. */
typedef struct OldHeader {
    uint32_t magic;
    uint32_t crc;
} OldHeader;

typedef struct OldState {
    uint64_t format;
    uint64_t next_key;
    uint64_t base;
    uint8_t id[SPOOL_ID_BYTES];
} OldState;

static uint32_t
crc_of(uint32_t before, const void *bytes, size_t length)
{
    return length == 0 ? before : (uint32_t) crc32(before, bytes, (uInt) length);
}

static uint32_t
value_crc(const ValueHeader *header, Text body)
{
    uint32_t crc = crc_of(0, (const char *) header + CRC_FROM, sizeof(*header) - CRC_FROM);
    return crc_of(crc, body.data, body.length);
}

static uint32_t
state_crc(const State *state)
{
    return crc_of(0, (const char *) state + CRC_FROM, sizeof(*state) - CRC_FROM);
}

void
value_header_seal(ValueHeader *header, Text body)
{
    header->magic = VALUE_MAGIC;
    header->body_bytes = (uint32_t) body.length;
    header->crc = value_crc(header, body);
}

void
state_seal(State *state)
{
    state->magic = STATE_MAGIC;
    state->format = SPOOL_FORMAT;
    state->crc = state_crc(state);
}

bool
stored_batch_find(Text bytes, StoredBatch *out)
{
    if (bytes.length < sizeof(out->header))
        return false;
    memcpy(&out->header, bytes.data, sizeof(out->header));
    size_t body_bytes = out->header.body_bytes;
    if (out->header.magic != VALUE_MAGIC || body_bytes == 0 || body_bytes > SPOOL_VALUE_BYTES_MAX ||
        body_bytes > bytes.length - sizeof(out->header))
        return false;
    out->body = (Text){bytes.data + sizeof(out->header), body_bytes};
    return out->header.crc == value_crc(&out->header, out->body);
}

static bool
open_old(Text stored, StoredBatch *out)
{
    OldHeader old;
    if (stored.length <= sizeof(old))
        return false;
    memcpy(&old, stored.data, sizeof(old));
    out->body = (Text){stored.data + sizeof(old), stored.length - sizeof(old)};
    out->header = (ValueHeader){.magic = old.magic, .crc = old.crc, .body_bytes = (uint32_t) out->body.length};
    return old.magic == VALUE_MAGIC_OLD && old.crc == crc_of(0, out->body.data, out->body.length);
}

bool
stored_batch_open(Text stored, StoredBatch *out)
{
    if (stored_batch_find(stored, out))
        return out->body.length == stored.length - sizeof(out->header);
    return open_old(stored, out);
}

bool
state_find(Text bytes, State *out)
{
    uint32_t magic; /* alone at first: a whole file is searched with this, byte by byte */
    if (bytes.length < sizeof(*out))
        return false;
    memcpy(&magic, bytes.data, sizeof(magic));
    if (magic != STATE_MAGIC)
        return false;
    memcpy(out, bytes.data, sizeof(*out));
    return out->crc == state_crc(out) && out->base < out->first && out->first <= out->next_key;
}

bool
state_open(Text stored, State *out)
{
    OldState old;
    if (stored.length == sizeof(*out))
        return state_find(stored, out);
    if (stored.length != sizeof(old))
        return false;
    memcpy(&old, stored.data, sizeof(old));
    *out = (State){.format = old.format, .next_key = old.next_key, .base = old.base};
    memcpy(out->id, old.id, sizeof(out->id));
    return old.format == SPOOL_FORMAT_OLD && old.next_key > old.base;
}
