#include "lib/digest.h"

#include <sodium.h>
#include <stdio.h>

Digest
digest_of(const void *bytes, size_t length)
{
    Digest digest;
    crypto_hash_sha256(digest.bytes, bytes, length);
    return digest;
}

void
digest_start(DigestState *state)
{
    crypto_hash_sha256_init(&state->sha256);
}

void
digest_add(DigestState *state, const void *bytes, size_t length)
{
    if (length > 0)
        crypto_hash_sha256_update(&state->sha256, bytes, length);
}

Digest
digest_end(DigestState *state)
{
    Digest digest;
    crypto_hash_sha256_final(&state->sha256, digest.bytes);
    return digest;
}

const char *
bytes_hex(const void *bytes, size_t length, char *out)
{
    static const char HEX[] = "0123456789abcdef";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = HEX[from[i] >> 4];
        out[2 * i + 1] = HEX[from[i] & 15];
    }
    out[2 * length] = '\0';
    return out;
}

const char *
digest_hex(const Digest *digest, char out[DIGEST_HEX_BYTES])
{
    return bytes_hex(digest->bytes, DIGEST_BYTES, out);
}

void
random_bytes(void *out, size_t length)
{
    randombytes_buf(out, length);
}

void
uuid_make(uint8_t out[16])
{
    random_bytes(out, 16);
    out[6] = (uint8_t) ((out[6] & 0x0f) | 0x40); /* version 4 */
    out[8] = (uint8_t) ((out[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
}

const char *
uuid_format(const uint8_t uuid[16], char out[37])
{
    static const char HEX[] = "0123456789abcdef";
    char *at = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = HEX[uuid[i] >> 4];
        *at++ = HEX[uuid[i] & 15];
    }
    *at = '\0';
    return out;
}

_Static_assert(sizeof(HashKey) == crypto_shorthash_KEYBYTES, "a key of SipHash");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "a hash of SipHash");

uint64_t
hash_keyed(const HashKey *key, const void *bytes, size_t length)
{
    uint64_t hash;
    (void) crypto_shorthash((unsigned char *) &hash, bytes, length, key->bytes);
    return hash;
}
