#include "lib/seal_key.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/keys.h"
#include "lib/text.h"

enum { KEY_FILE_BYTES_MAX = 4096, KEY_HEX = 64 };

_Static_assert(SEAL_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES && SEAL_SECRET_BYTES == crypto_sign_SECRETKEYBYTES &&
                   SEAL_SEED_BYTES == crypto_sign_SEEDBYTES && SEAL_SIGNATURE_BYTES == crypto_sign_BYTES,
               "sizes of Ed25519");

static bool
hex_key(Text value, uint8_t key[32])
{
    size_t bytes = 0;
    return value.length == KEY_HEX && sodium_hex2bin(key, 32, value.data, KEY_HEX, NULL, &bytes, NULL) == 0 &&
           bytes == 32;
}

static bool
no_key(const char *path, const char *name, Err *err)
{
    err_set(err, ERR_INPUT, "%s: no line `%s` followed by 64 hexadecimal digits", path, name);
    return err_hint(err, "the file is not a sealing key of millibill, or was damaged; copy it again");
}

/* The value of line `name`: 32 bytes in hex. */
static bool
find_key(const char *path, Text content, const char *name, uint8_t key[32], Err *err)
{
    Text value;
    while (keys_next_value(&content, name, &value))
        if (hex_key(value, key))
            return true;
    return no_key(path, name, err);
}

static bool
missing(const char *path, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "sealing key file %s is not there", path);
    return err_hint(err, "`millibill up` and `millibill seal --make-key` make one; see doc/seals.md");
}

static bool
read_pair(const char *path, Text content, SealKey *key, Err *err)
{
    uint8_t stated[SEAL_PUBLIC_BYTES];
    uint8_t seed[SEAL_SEED_BYTES];
    bool done = find_key(path, content, "public", stated, err) && find_key(path, content, "secret", seed, err);
    if (done)
        crypto_sign_seed_keypair(key->public_key, key->secret_key, seed);
    sodium_memzero(seed, sizeof(seed));
    if (done && memcmp(stated, key->public_key, sizeof(stated)) != 0)
        done = err_set(err, ERR_INPUT, "%s: the public key is not that of the secret key", path);
    return done;
}

bool
seal_key_read(const char *path, SealKey *key, Err *err)
{
    Buffer content = {0};
    *key = (SealKey){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return missing(path, err);
    bool done = keys_check_private(path, err) && file_read(path, KEY_FILE_BYTES_MAX, &content, err) &&
                read_pair(path, buffer_text(&content), key, err);
    if (content.data != NULL)
        sodium_memzero(content.data, content.capacity);
    buffer_free(&content);
    if (!done)
        seal_key_forget(key);
    return done;
}

static bool
take_public_keys(const char *path, Text content, SealPublicKeys *keys, Err *err)
{
    Text value;
    Text rest = content;
    for (size_t lines = 0; keys_next_value(&rest, "public", &value); lines++)
        if (lines == SEAL_PUBLIC_KEYS_MAX)
            return err_set(err, ERR_INPUT, "%s: more than %d public keys", path, SEAL_PUBLIC_KEYS_MAX);
        else if (hex_key(value, keys->all[keys->count]))
            keys->count++;
    return keys->count > 0 || no_key(path, "public", err);
}

bool
seal_keys_read_public(const char *path, SealPublicKeys *keys, Err *err)
{
    Buffer content = {0};
    *keys = (SealPublicKeys){.count = 0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return missing(path, err);
    bool done =
        file_read(path, KEY_FILE_BYTES_MAX, &content, err) && take_public_keys(path, buffer_text(&content), keys, err);
    buffer_free(&content);
    return done;
}

void
seal_key_forget(SealKey *key)
{
    sodium_memzero(key, sizeof(*key));
}

static bool
make_pair(const char *path, SealKey *key, Err *err)
{
    uint8_t seed[SEAL_SEED_BYTES];
    char public_hex[KEY_HEX + 1];
    char seed_hex[KEY_HEX + 1];
    char text[2 * KEY_HEX + 32];
    random_bytes(seed, sizeof(seed));
    crypto_sign_seed_keypair(key->public_key, key->secret_key, seed);
    int length =
        snprintf(text, sizeof(text), "public %s\nsecret %s\n",
                 bytes_hex(key->public_key, SEAL_PUBLIC_BYTES, public_hex), bytes_hex(seed, sizeof(seed), seed_hex));
    bool done = file_write(path, text, (size_t) length, 0600, err);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(seed_hex, sizeof(seed_hex));
    sodium_memzero(text, sizeof(text));
    return done;
}

/* What stands there stays: earlier keys are needed for what they signed. */
static bool
write_public(const char *path, const uint8_t key[SEAL_PUBLIC_BYTES], Err *err)
{
    char hex[KEY_HEX + 1];
    SealPublicKeys keys = {.count = 0};
    Buffer text = {0};
    if (access(path, F_OK) == 0 && !seal_keys_read_public(path, &keys, err))
        return false;
    if (keys.count > 0 && memcmp(keys.all[keys.count - 1], key, SEAL_PUBLIC_BYTES) == 0)
        return true;
    bool done = keys.count < SEAL_PUBLIC_KEYS_MAX ||
                err_set(err, ERR_FULL, "%s has %d keys, which is the most", path, SEAL_PUBLIC_KEYS_MAX);
    for (size_t i = 0; done && i < keys.count; i++)
        done = buffer_printf(&text, err, "public %s\n", bytes_hex(keys.all[i], SEAL_PUBLIC_BYTES, hex));
    done = done && buffer_printf(&text, err, "public %s\n", bytes_hex(key, SEAL_PUBLIC_BYTES, hex)) &&
           file_write(path, text.data, text.length, 0644, err);
    buffer_free(&text);
    return done;
}

bool
seal_key_ensure(const char *path, const char *public_path, Err *err)
{
    SealKey key = {0};
    bool done = (access(path, F_OK) == 0 ? seal_key_read(path, &key, err) : make_pair(path, &key, err)) &&
                write_public(public_path, key.public_key, err);
    seal_key_forget(&key);
    return done;
}

void
seal_key_sign(const SealKey *key, const Digest *digest, uint8_t signature[SEAL_SIGNATURE_BYTES])
{
    crypto_sign_detached(signature, NULL, digest->bytes, DIGEST_BYTES, key->secret_key);
}

bool
seal_signature_is_valid(const uint8_t public_key[SEAL_PUBLIC_BYTES], const Digest *digest,
                        const uint8_t signature[SEAL_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, digest->bytes, DIGEST_BYTES, public_key) == 0;
}
