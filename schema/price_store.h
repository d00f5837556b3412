/**
 * price_store - price books as they were used, by the digest of their bytes
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

#endif
