#include "schema/issued_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/digest.h"

static const char FIND_SQL[] =
    "SELECT bytes, encode(sha256, 'hex'), build, (extract(epoch FROM kept_at) * 1000000)::bigint"
    " FROM issued_documents WHERE tenant_id = $1 AND invoice_id = $2 AND format = $3";
static const char KEEP_SQL[] =
    "SELECT bytes, encode(sha256, 'hex'), build, (extract(epoch FROM kept_at) * 1000000)::bigint"
    " FROM issued_document_keep($1, $2, $3, $4, $5)";

/* The row of a result, if there is one. Takes the result. */
static bool
take(DbResult *result, const IssuedKey *key, Issued *out, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    bool done = true;
    if (db_rows(result) > 0) {
        done = db_bytea(result, 0, 0, &out->bytes, err);
        Digest digest = digest_of(out->bytes.data, out->bytes.length);
        if (done && strcmp(digest_hex(&digest, hex), db_value(result, 0, 1)) != 0)
            done = err_set(err, ERR_CORRUPT,
                           "invoice %" PRId64 ": the %s that was issued does not have its stored digest %s",
                           key->invoice_id, key->format, db_value(result, 0, 1));
        snprintf(out->build, sizeof(out->build), "%s", db_value(result, 0, 2));
        out->kept_at_us = db_i64(result, 0, 3);
    }
    db_result_free(&result);
    return done;
}

bool
issued_find(Db *db, const IssuedKey *key, Issued *out, Err *err)
{
    DbParam params[3] = {db_null(), db_null(), db_string(key->format)};
    db_set_i64(&params[0], key->tenant_id);
    db_set_i64(&params[1], key->invoice_id);
    *out = (Issued){.kept_at_us = 0};
    DbResult *result = db_query(db, FIND_SQL, params, 3, err);
    return result != NULL && take(result, key, out, err);
}

bool
issued_keep(Db *db, const IssuedKey *key, Text bytes, const char *build, Issued *out, Err *err)
{
    DbParam params[5] = {db_null(), db_null(), db_string(key->format), db_bytes(bytes.data, bytes.length),
                         db_string(build)};
    db_set_i64(&params[0], key->tenant_id);
    db_set_i64(&params[1], key->invoice_id);
    *out = (Issued){.kept_at_us = 0};
    DbResult *result = db_query(db, KEEP_SQL, params, 5, err);
    return result != NULL && take(result, key, out, err);
}
