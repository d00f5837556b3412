#include "schema/price_store.h"

static const char SQL_PUT[] =
    "INSERT INTO price_books (sha256, name, version, source) VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING";

bool
price_store_put(Db *db, const Digest *digest, const char *name, const char *version, Text source, Err *err)
{
    const DbParam params[] = {db_bytes(digest->bytes, DIGEST_BYTES), db_string(name), db_string(version),
                              db_slice_param(source)};
    return db_run(db, SQL_PUT, params, 4, NULL, err) || err_prefix(err, "keeping price book %s: ", name);
}
