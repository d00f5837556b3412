/**
 * price_store - price books by the digest of their bytes, and which of a name is in force from when on
 *
 * Rows are only added: a book that was stored stays as it is, and so does what was said of it.
 */
#ifndef SCHEMA_PRICE_STORE_H
#define SCHEMA_PRICE_STORE_H

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "schema/db.h"

/** Keep a book (`source`: the file as it was read). A book that is known already is left as it is. */
MUST_CHECK bool
price_store_put(Db *db, const Digest *digest, const char *name, const char *version, Text source, Err *err);

/** Keep which book is in force for which hours of a binding of several; both are kept already. `part` counts from 1. */
MUST_CHECK bool price_store_put_part(Db *db, const Digest *binding, int64_t part, const Digest *book, int64_t from_us,
                                     int64_t until_us, Err *err);

/** Append the source of the book with this digest (hex) to `out`. ERR_NOT_FOUND: it is not kept. */
MUST_CHECK bool price_store_source(Db *db, const char *sha256, Buffer *out, Err *err);

/** A book as it is put in force. */
typedef struct PriceBookGiven {
    Digest sha256;
    const char *name;
    const char *version;
    Text source;
    int64_t from_us; /* on a full hour */
    const char *by;
} PriceBookGiven;

/** Keep it and put it in force from an hour on, as the next revision of its name, in a transaction of its own that waits for rating
 *  runs. ERR_CONFLICT: that hour or a later one that it would be in force for is on a final invoice by another book of the name.
 *  As the owner. */
MUST_CHECK bool price_store_add(Db *db, const PriceBookGiven *given, int64_t *revision, Err *err);

/** A version that is in force from an hour on (borrowed for the time of the callback). */
typedef struct PriceBookVersion {
    int64_t from_us;
    const char *sha256; /* hex */
    Text source;
} PriceBookVersion;
typedef bool (*PriceBookVersionVisit)(void *context, const PriceBookVersion *version, Err *err);

/** Those of a name, by the time from which they are in force; replaced ones left out. */
MUST_CHECK bool price_store_versions(Db *db, const char *name, PriceBookVersionVisit visit, void *context, Err *err);

/** What the database knows of a book (borrowed for the time of the callback). */
typedef struct PriceBookRow {
    const char *name;
    const char *version;
    const char *sha256;   /* hex */
    const char *from;     /* RFC 3339; "": a rating run used it, it was never put in force */
    const char *until;    /* "": for ever, or never in force */
    const char *added_by; /* "": a rating run */
    const char *added_at; /* RFC 3339 */
    bool replaced;        /* a later revision holds from the same hour on */
    int64_t finals;       /* final invoices that name it */
    int64_t previews;
} PriceBookRow;
typedef bool (*PriceBookVisit)(void *context, const PriceBookRow *row, Err *err);

/** Every stored book, by name and time; bindings of several are left out, their parts count as used where they are. */
MUST_CHECK bool price_store_list(Db *db, PriceBookVisit visit, void *context, Err *err);

#endif
