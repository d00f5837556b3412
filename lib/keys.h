/**
 * keys - CURVE key pairs in files
 *
 * A key pair file has the lines `public <Z85>` and `secret <Z85>` and is readable by its owner only; a public key file has
 * the first line only.
 */
#ifndef LIB_KEYS_H
#define LIB_KEYS_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/text.h"

enum { KEY_TEXT_BYTES = 41 }; /* 40 characters of Z85 and a NUL */

/** Is the file there, and for its owner only? ERR_NOT_FOUND, ERR_DENIED with what to do, ERR_IO. */
MUST_CHECK bool keys_check_private(const char *path, Err *err);

/** The next line "NAME VALUE" in `rest`, which moves behind it; `*value` is borrowed from it. False after the last. */
MUST_CHECK bool keys_next_value(Text *rest, const char *name, Text *value);

/** ERR_NOT_FOUND, ERR_DENIED (others may read it), ERR_INPUT, ERR_IO. */
MUST_CHECK bool
keys_read_pair(const char *path, char public_key[KEY_TEXT_BYTES], char secret_key[KEY_TEXT_BYTES], Err *err);
MUST_CHECK bool keys_read_public(const char *path, char public_key[KEY_TEXT_BYTES], Err *err);

/** Make a pair in `path` (mode 0600), unless there is one; `public_path` (may be NULL) gets the public half (mode 0644).
 *  Errors as above; what is there already is never replaced. */
MUST_CHECK bool keys_ensure(const char *path, const char *public_path, char public_key[KEY_TEXT_BYTES], Err *err);

#endif
