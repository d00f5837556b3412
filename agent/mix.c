#include "agent/mix.h"

#include "lib/digest.h"

uint64_t
mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

void
mix_id(const uint64_t key[2], uint64_t index, char out[MIX_ID_BYTES])
{
    uint64_t halves[2] = {mix(key[0] + index), mix(key[1] ^ index)};
    uint8_t uuid[16];
    for (int i = 0; i < 16; i++)
        uuid[i] = (uint8_t) (halves[i / 8] >> (56 - 8 * (i % 8)));
    uuid[6] = (uint8_t) ((uuid[6] & 0x0F) | 0x40); /* version 4 */
    uuid[8] = (uint8_t) ((uuid[8] & 0x3F) | 0x80);
    uuid_format(uuid, out);
}
