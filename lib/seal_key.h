/**
 * seal_key - the Ed25519 key that signs seals, by libsodium
 *
 * A pair file has the lines `public <64 hex>` and `secret <64 hex>` (the seed) and is readable by its owner only; a public key
 * file has one `public` line for each key that sealed, the present one last: an earlier key is good for what was signed before the
 * next one was, and for nothing after. The key never enters the database. What is signed is always a SHA-256 digest.
 */
#ifndef LIB_SEAL_KEY_H
#define LIB_SEAL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"

enum {
    SEAL_PUBLIC_BYTES = 32,
    SEAL_SEED_BYTES = 32,
    SEAL_SECRET_BYTES = 64,
    SEAL_SIGNATURE_BYTES = 64,
    SEAL_PUBLIC_KEYS_MAX = 16
};

typedef struct SealKey {
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t secret_key[SEAL_SECRET_BYTES];
} SealKey;

/** Read a pair; forget it with seal_key_forget(). ERR_NOT_FOUND, ERR_DENIED (others may read it), ERR_INPUT (no key, or the two
 *  halves do not belong together), ERR_IO. */
MUST_CHECK bool seal_key_read(const char *path, SealKey *key, Err *err);
void seal_key_forget(SealKey *key);

/** The keys of a public key file, in their order. */
typedef struct SealPublicKeys {
    uint8_t all[SEAL_PUBLIC_KEYS_MAX][SEAL_PUBLIC_BYTES];
    size_t count; /* 0: not read */
} SealPublicKeys;
/** ERR_NOT_FOUND, ERR_INPUT (no key in it, or more than SEAL_PUBLIC_KEYS_MAX), ERR_IO. */
MUST_CHECK bool seal_keys_read_public(const char *path, SealPublicKeys *keys, Err *err);

/** Make a pair in `path` (mode 0600), unless there is one, and see that its public half is the last line of `public_path`
 *  (mode 0644), behind those that are there. Errors as above; a pair that is there is never replaced. */
MUST_CHECK bool seal_key_ensure(const char *path, const char *public_path, Err *err);

void seal_key_sign(const SealKey *key, const Digest *digest, uint8_t signature[SEAL_SIGNATURE_BYTES]);
bool seal_signature_is_valid(const uint8_t public_key[SEAL_PUBLIC_BYTES], const Digest *digest,
                             const uint8_t signature[SEAL_SIGNATURE_BYTES]);

#endif
