/**
 * issued_store - final documents in the bytes in which they were issued
 *
 * The first bytes of a document and format stay for ever (migration 0017). What is read is checked against its digest.
 */
#ifndef SCHEMA_ISSUED_STORE_H
#define SCHEMA_ISSUED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

enum { ISSUED_BUILD_BYTES = 128 };

typedef struct IssuedKey {
    int64_t tenant_id;
    int64_t invoice_id;
    const char *format;
} IssuedKey;

typedef struct Issued {
    Buffer bytes; /* empty: none are kept */
    char build[ISSUED_BUILD_BYTES];
    int64_t kept_at_us;
} Issued;

/** The bytes that are kept, if any. `out->bytes` is freed by the caller. ERR_CORRUPT (they do not have their digest), ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool issued_find(Db *db, const IssuedKey *key, Issued *out, Err *err);

/** Keep bytes unless some are kept; `out` has those that stand. Needs the rater's role. Errors as above. */
MUST_CHECK bool issued_keep(Db *db, const IssuedKey *key, Text bytes, const char *build, Issued *out, Err *err);

#endif
