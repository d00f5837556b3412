#include "schema/price_store.h"

#include <string.h>

#include "lib/utc.h"
#include "schema/invoice_store.h"

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static const char SQL_PUT[] =
    "INSERT INTO price_books (sha256, name, version, source) VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING";
static const char SQL_PUT_PART[] =
    "INSERT INTO price_book_parts (binding_sha256, part, price_book_sha256, in_force_from, in_force_until)"
    " VALUES ($1, $2::integer, $3, $4::timestamptz, $5::timestamptz) ON CONFLICT (binding_sha256, part) DO NOTHING";
static const char SQL_SOURCE[] = "SELECT source FROM price_books WHERE encode(sha256, 'hex') = $1";
static const char SQL_FINAL[] =
    "SELECT v.number, to_char(v.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD'), b.version FROM invoices v"
    " LEFT JOIN price_book_parts p ON p.binding_sha256 = v.price_book_sha256"
    " JOIN price_books b ON b.sha256 = coalesce(p.price_book_sha256, v.price_book_sha256)"
    " WHERE v.state = 'final' AND b.name = $1 AND b.sha256 <> $2"
    " AND coalesce(p.in_force_until, v.period_end) > $3::timestamptz AND coalesce(p.in_force_from, v.period_start) < coalesce((SELECT min(c.in_force_from) FROM price_book_calendar c"
    " WHERE c.name = $1 AND c.in_force_from > $3::timestamptz), 'infinity') ORDER BY v.period_start DESC, v.number LIMIT 1";
static const char SQL_ADD[] =
    "INSERT INTO price_book_calendar (name, revision, in_force_from, price_book_sha256, added_by)"
    " SELECT $1, coalesce(max(revision), 0) + 1, $2::timestamptz, $3, $4 FROM price_book_calendar WHERE name = $1"
    " RETURNING revision";
static const char SQL_VERSIONS[] =
    "SELECT DISTINCT ON (c.in_force_from) (extract(epoch FROM c.in_force_from) * 1000000)::bigint, encode(b.sha256, 'hex'), b.source"
    " FROM price_book_calendar c JOIN price_books b ON b.sha256 = c.price_book_sha256 WHERE c.name = $1"
    " ORDER BY c.in_force_from, c.revision DESC";
static const char SQL_LIST[] =
    "WITH effective AS (SELECT DISTINCT ON (name, in_force_from) name, in_force_from, revision FROM price_book_calendar"
    " ORDER BY name, in_force_from, revision DESC), spans AS (SELECT name, revision, lead(in_force_from) OVER (PARTITION BY name"
    " ORDER BY in_force_from) AS until FROM effective), used AS (SELECT coalesce(p.price_book_sha256,"
    " i.price_book_sha256) AS sha256, count(DISTINCT (i.tenant_id, i.invoice_id)) FILTER (WHERE i.state = 'final') AS finals,"
    " count(DISTINCT (i.tenant_id, i.invoice_id)) FILTER (WHERE i.state = 'preview') AS previews FROM invoices i"
    " LEFT JOIN price_book_parts p ON p.binding_sha256 = i.price_book_sha256 GROUP BY 1)"
    " SELECT b.name, b.version, encode(b.sha256, 'hex'), " TIME("c.in_force_from") ", " TIME("s.until") ", c.added_by, " TIME(
        "coalesce(c.added_at, b.added_at)") ", c.name IS NOT NULL AND s.name IS NULL, coalesce(u.finals, 0), coalesce(u.previews, 0)"
                                            " FROM price_books b LEFT JOIN price_book_calendar c ON c.price_book_sha256 = b.sha256"
                                            " LEFT JOIN spans s ON s.name = c.name AND s.revision = c.revision LEFT JOIN used u ON u.sha256 = b.sha256"
                                            " WHERE NOT EXISTS (SELECT FROM price_book_parts p WHERE p.binding_sha256 = b.sha256)"
                                            " ORDER BY b.name, c.in_force_from NULLS FIRST, c.revision, b.sha256";

bool
price_store_put(Db *db, const Digest *digest, const char *name, const char *version, Text source, Err *err)
{
    const DbParam params[] = {db_bytes(digest->bytes, DIGEST_BYTES), db_string(name), db_string(version),
                              db_slice_param(source)};
    return db_run(db, SQL_PUT, params, 4, NULL, err) || err_prefix(err, "keeping price book %s: ", name);
}

bool
price_store_put_part(Db *db, const Digest *binding, int64_t part, const Digest *book, int64_t from_us, int64_t until_us,
                     Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    DbParam params[] = {db_bytes(binding->bytes, DIGEST_BYTES), db_null(), db_bytes(book->bytes, DIGEST_BYTES),
                        db_string(utc_format(from_us, from)), db_string(utc_format(until_us, until))};
    db_set_i64(&params[1], part);
    return db_run(db, SQL_PUT_PART, params, 5, NULL, err) || err_prefix(err, "keeping the price books of a period: ");
}

bool
price_store_source(Db *db, const char *sha256, Buffer *out, Err *err)
{
    const DbParam params[] = {db_string(sha256)};
    DbResult *result = db_query(db, SQL_SOURCE, params, 1, err);
    if (result == NULL)
        return err_prefix(err, "reading a price book: ");
    bool done = db_rows(result) == 1 || err_set(err, ERR_NOT_FOUND, "price book %.64s is not kept", sha256);
    if (done) {
        const Text source = db_slice(result, 0, 0);
        done = buffer_append(out, source.data, source.length, err);
    }
    db_result_free(&result);
    return done;
}

static bool
refuse_final(Db *db, const PriceBookGiven *given, const char *from, Err *err)
{
    const DbParam params[] = {db_string(given->name), db_bytes(given->sha256.bytes, DIGEST_BYTES), db_string(from)};
    DbResult *result = db_query(db, SQL_FINAL, params, 3, err);
    if (result == NULL)
        return false;
    bool none = db_rows(result) == 0;
    if (!none) {
        err_set(err, ERR_CONFLICT, "invoice %s of the period from %s is final, by version %s of price book %s",
                db_value(result, 0, 0), db_value(result, 0, 1), db_value(result, 0, 2), given->name);
        err_hint(err, "a book comes into force with an hour that is on no final invoice; give a later --from");
    }
    db_result_free(&result);
    return none;
}

static bool
insert(Db *db, const PriceBookGiven *given, const char *from, int64_t *revision, Err *err)
{
    const DbParam params[] = {db_string(given->name), db_string(from), db_bytes(given->sha256.bytes, DIGEST_BYTES),
                              db_string(given->by)};
    if (!price_store_put(db, &given->sha256, given->name, given->version, given->source, err))
        return false;
    DbResult *result = db_query(db, SQL_ADD, params, 4, err);
    if (result != NULL)
        *revision = db_i64(result, 0, 0);
    bool done = result != NULL;
    db_result_free(&result);
    return done;
}

bool
price_store_add(Db *db, const PriceBookGiven *given, int64_t *revision, Err *err)
{
    char from[UTC_TEXT_BYTES];
    utc_format(given->from_us, from);
    bool done = db_begin(db, false, err) && rating_run_lock(db, err) && refuse_final(db, given, from, err) &&
                insert(db, given, from, revision, err) && db_commit(db, err);
    db_rollback(db);
    return done;
}

bool
price_store_versions(Db *db, const char *name, PriceBookVersionVisit visit, void *context, Err *err)
{
    const DbParam params[] = {db_string(name)};
    DbResult *result = db_query(db, SQL_VERSIONS, params, 1, err);
    if (result == NULL)
        return err_prefix(err, "reading price book %s: ", name);
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++) {
        const PriceBookVersion version = {db_i64(result, i, 0), db_value(result, i, 1), db_slice(result, i, 2)};
        good = visit(context, &version, err);
    }
    db_result_free(&result);
    return good;
}

bool
price_store_list(Db *db, PriceBookVisit visit, void *context, Err *err)
{
    DbResult *result = db_query(db, SQL_LIST, NULL, 0, err);
    if (result == NULL)
        return err_prefix(err, "reading price books: ");
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++) {
        const PriceBookRow row = {.name = db_value(result, i, 0),
                                  .version = db_value(result, i, 1),
                                  .sha256 = db_value(result, i, 2),
                                  .from = db_value(result, i, 3),
                                  .until = db_value(result, i, 4),
                                  .added_by = db_value(result, i, 5),
                                  .added_at = db_value(result, i, 6),
                                  .replaced = strcmp(db_value(result, i, 7), "t") == 0,
                                  .finals = db_i64(result, i, 8),
                                  .previews = db_i64(result, i, 9)};
        good = visit(context, &row, err);
    }
    db_result_free(&result);
    return good;
}
