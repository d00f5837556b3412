/**
 * digest - SHA-256 by libsodium, and hex
 *
 * SHA-256 names what must stay the same for years (batches, price books, documents).
 */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <sodium/crypto_hash_sha256.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 65 };

typedef struct Digest {
    uint8_t bytes[DIGEST_BYTES];
} Digest;

Digest digest_of(const void *bytes, size_t length);

/** The same in pieces: start, add any number of times, end. */
typedef struct DigestState {
    crypto_hash_sha256_state sha256;
} DigestState;
void digest_start(DigestState *state);
void digest_add(DigestState *state, const void *bytes, size_t length);
Digest digest_end(DigestState *state);

/** Lower-case hex with a NUL; returns `out`. */
const char *digest_hex(const Digest *digest, char out[DIGEST_HEX_BYTES]);

/** Lower-case hex of any bytes: 2 * length + 1 bytes at `out`. Returns `out`. */
const char *bytes_hex(const void *bytes, size_t length, char *out);

/** Random bytes from the operating system. */
void random_bytes(void *out, size_t length);

/** SipHash-2-4 for hash tables over what comes from outside: with a random key nobody can choose names that collide. */
typedef struct HashKey {
    uint8_t bytes[16];
} HashKey;
uint64_t hash_keyed(const HashKey *key, const void *bytes, size_t length);

/** A random UUID (version 4) as 16 bytes. */
void uuid_make(uint8_t out[16]);
/** "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", 36 characters and a NUL; returns `out`. */
const char *uuid_format(const uint8_t uuid[16], char out[37]);

#endif
