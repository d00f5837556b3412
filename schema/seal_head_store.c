/* Heads, the books that they cover, and the roots of months: the second half of seal_store.h. */
#include <stdlib.h>
#include <string.h>

#include "schema/seal_lines.h"
#include "schema/seal_store.h"

#define HEAD_COLUMNS                                                                                              \
    "SELECT head_number, incarnation, receipt_from, receipt_to, books, books_digest, seals, seals_digest, roots," \
    " roots_digest, " SEAL_US("signed_at") ", previous, digest, public_key, signature, version, invoices,"        \
                                           " invoices_digest FROM seal_heads"
static const char SQL_LAST[] = HEAD_COLUMNS " ORDER BY head_number DESC LIMIT 1";
static const char SQL_FIND[] = HEAD_COLUMNS " WHERE head_number = $1::bigint";
static const char SQL_AFTER[] = HEAD_COLUMNS " WHERE head_number > $1::bigint ORDER BY head_number LIMIT $2::bigint";
static const char SQL_HEAD_INSERT[] =
    "INSERT INTO seal_heads (head_number, incarnation, receipt_from, receipt_to, books, books_digest, seals, seals_digest,"
    " roots, roots_digest, signed_at, previous, digest, public_key, signature, version, invoices, invoices_digest)"
    " VALUES ($1::bigint, $2, $3::bigint, $4::bigint, $5::bigint, $6, $7::bigint, $8, $9::bigint, $10, $11::timestamptz,"
    " $12, $13, $14, $15, $16::integer, $17::bigint, $18)";

static const char SQL_BOOKS[] =
    "WITH span AS MATERIALIZED (SELECT commit_id, receipt FROM commits"
    " WHERE receipt >= $1::bigint AND receipt <= $2::bigint)"
    " SELECT receipt, line FROM (" SEAL_BOOK_LINES ") books ORDER BY receipt, kind, a, b, c";

#define ROOT_COLUMNS                                                                                             \
    "SELECT r.tenant_id, t.name, to_char(r.month, 'YYYY-MM'), r.revision, r.head_number, h.receipt_to, r.seals," \
    " r.last_seal, r.digest, r.public_key, r.signature FROM seal_roots r JOIN tenants t USING (tenant_id)"       \
    " JOIN seal_heads h USING (head_number)"
static const char SQL_ROOTS_OF_HEAD[] = ROOT_COLUMNS " WHERE r.head_number = $1::bigint ORDER BY r.tenant_id, r.month";
static const char SQL_ROOT_FIND[] =
    ROOT_COLUMNS " WHERE r.tenant_id = $1::bigint AND r.month = ($2 || '-01')::date"
                 " AND ($3::integer = 0 OR r.revision = $3::integer) ORDER BY r.revision DESC LIMIT 1";
static const char SQL_ROOTS_OF_TENANTS[] =
    ROOT_COLUMNS " WHERE r.tenant_id = ANY ($1::bigint[]) AND r.month = ($2 || '-01')::date AND r.revision ="
                 " (SELECT max(o.revision) FROM seal_roots o WHERE o.tenant_id = r.tenant_id AND o.month = r.month)";
static const char SQL_ROOTS_DUE[] =
    "SELECT t.tenant_id, t.name, coalesce(last.revision, 0) + 1, s.seals, s.last_seal FROM"
    " (SELECT tenant_id, count(*) AS seals, max(seal_number) AS last_seal FROM seals"
    "  WHERE hour >= $1::timestamptz AND hour < $2::timestamptz GROUP BY tenant_id) s JOIN tenants t USING (tenant_id)"
    " LEFT JOIN LATERAL (SELECT revision, last_seal FROM seal_roots r WHERE r.tenant_id = s.tenant_id"
    "  AND r.month = ($3 || '-01')::date ORDER BY revision DESC LIMIT 1) last ON true"
    " WHERE ($4::text IS NULL OR t.name = $4) AND last.last_seal IS DISTINCT FROM s.last_seal"
    " ORDER BY t.tenant_id LIMIT $5::integer";
static const char SQL_ROOT_SEALS[] =
    "SELECT seal_number, digest FROM seals WHERE tenant_id = $1::bigint AND hour >= $2::timestamptz"
    " AND hour < $3::timestamptz AND seal_number <= $4::bigint ORDER BY seal_number";
static const char SQL_ROOT_INSERT[] =
    "INSERT INTO seal_roots (tenant_id, month, revision, head_number, seals, last_seal, digest, public_key, signature)"
    " VALUES ($1::bigint, ($2 || '-01')::date, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7, $8, $9)";

/** A bytea of exactly that many bytes. */
static bool
bytes_at(const DbResult *result, int row, int column, void *out, size_t length, Err *err)
{
    Buffer bytes = {0};
    bool done = db_bytea(result, row, column, &bytes, err);
    if (done && bytes.length == length)
        memcpy(out, bytes.data, length);
    else if (done)
        done = err_set(err, ERR_CORRUPT, "%zu bytes where %zu are expected", bytes.length, length);
    buffer_free(&bytes);
    return done;
}

/* ---- heads ---- */

static bool
head_take(const DbResult *rows, int row, SealHead *head, Err *err)
{
    *head = (SealHead){.number = db_i64(rows, row, 0),
                       .receipt_from = db_i64(rows, row, 2),
                       .receipt_to = db_i64(rows, row, 3),
                       .books = db_i64(rows, row, 4),
                       .seals = db_i64(rows, row, 6),
                       .roots = db_i64(rows, row, 8),
                       .signed_at_us = db_i64(rows, row, 10),
                       .version = db_i64(rows, row, 15),
                       .invoices = db_i64(rows, row, 16)};
    return bytes_at(rows, row, 1, head->incarnation, sizeof head->incarnation, err) &&
           seal_digest_at(rows, row, 5, &head->books_digest, err) &&
           seal_digest_at(rows, row, 7, &head->seals_digest, err) &&
           seal_digest_at(rows, row, 9, &head->roots_digest, err) &&
           seal_digest_at(rows, row, 11, &head->previous, err) && seal_digest_at(rows, row, 12, &head->digest, err) &&
           bytes_at(rows, row, 13, head->public_key, sizeof head->public_key, err) &&
           bytes_at(rows, row, 14, head->signature, sizeof head->signature, err) &&
           (db_is_null(rows, row, 17) || seal_digest_at(rows, row, 17, &head->invoices_digest, err));
}

static bool
head_query(Db *db, const char *sql, const DbParam *params, int count, SealHead *head, Err *err)
{
    *head = (SealHead){0};
    DbResult *rows = db_query(db, sql, params, count, err);
    bool done = rows != NULL && (db_rows(rows) == 0 || head_take(rows, 0, head, err));
    db_result_free(&rows);
    return done || err_prefix(err, "reading a head: ");
}

MUST_CHECK bool
seal_head_last(Db *db, SealHead *head, Err *err)
{
    return head_query(db, SQL_LAST, NULL, 0, head, err);
}

MUST_CHECK bool
seal_head_find(Db *db, int64_t number, SealHead *head, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], number);
    return head_query(db, SQL_FIND, params, 1, head, err);
}

MUST_CHECK bool
seal_heads_after(Db *db, int64_t number, int64_t limit, SealHeadVisit visit, void *context, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], number);
    db_set_i64(&params[1], limit);
    DbResult *rows = db_query(db, SQL_AFTER, params, 2, err);
    bool good = rows != NULL;
    for (int row = 0; good && row < db_rows(rows); row++) {
        SealHead head;
        good = head_take(rows, row, &head, err) && visit(context, &head, err);
    }
    db_result_free(&rows);
    return good;
}

MUST_CHECK bool
seal_head_insert(Db *db, const SealHead *head, Err *err)
{
    char signed_at[UTC_TEXT_BYTES];
    DbParam params[18];
    db_set_i64(&params[0], head->number);
    params[1] = db_bytes(head->incarnation, sizeof head->incarnation);
    db_set_i64(&params[2], head->receipt_from);
    db_set_i64(&params[3], head->receipt_to);
    db_set_i64(&params[4], head->books);
    params[5] = db_bytes(head->books_digest.bytes, DIGEST_BYTES);
    db_set_i64(&params[6], head->seals);
    params[7] = db_bytes(head->seals_digest.bytes, DIGEST_BYTES);
    db_set_i64(&params[8], head->roots);
    params[9] = db_bytes(head->roots_digest.bytes, DIGEST_BYTES);
    params[10] = db_string(utc_format(head->signed_at_us, signed_at));
    params[11] = db_bytes(head->previous.bytes, DIGEST_BYTES);
    params[12] = db_bytes(head->digest.bytes, DIGEST_BYTES);
    params[13] = db_bytes(head->public_key, sizeof head->public_key);
    params[14] = db_bytes(head->signature, sizeof head->signature);
    db_set_i64(&params[15], head->version);
    db_set_i64(&params[16], head->invoices);
    params[17] = db_bytes(head->invoices_digest.bytes, DIGEST_BYTES);
    return db_run(db, SQL_HEAD_INSERT, params, 18, NULL, err) || err_prefix(err, "writing a head: ");
}

/* ---- books ---- */

typedef struct Books {
    SealBookVisit visit;
    void *context;
} Books;

static bool
book_row(void *context, const DbResult *row, Err *err)
{
    const Books *books = context;
    return books->visit(books->context, db_i64(row, 0, 0), db_slice(row, 0, 1), err);
}

MUST_CHECK bool
seal_books(Db *db, int64_t receipt_from, int64_t receipt_to, SealBookVisit visit, void *context, Err *err)
{
    Books books = {visit, context};
    DbParam params[2];
    db_set_i64(&params[0], receipt_from);
    db_set_i64(&params[1], receipt_to);
    return db_stream(db, SQL_BOOKS, params, 2, book_row, &books, err) || err_prefix(err, "reading the books: ");
}

typedef struct BookDigest {
    SealHead *head;
    DigestState state;
} BookDigest;

static bool
book_digest(void *context, int64_t receipt, Text line, Err *err)
{
    (void) receipt;
    (void) err;
    BookDigest *self = context;
    self->head->books++;
    digest_add(&self->state, line.data, line.length);
    return true;
}

MUST_CHECK bool
seal_books_digest(Db *db, SealHead *head, Err *err)
{
    BookDigest self = {.head = head};
    head->books = 0;
    digest_start(&self.state);
    bool done = seal_books(db, head->receipt_from, head->receipt_to, book_digest, &self, err);
    head->books_digest = digest_end(&self.state);
    return done;
}

/* ---- roots ---- */

static bool
root_take(const DbResult *rows, int row, SealRoot *root, Err *err)
{
    *root = (SealRoot){.tenant_id = db_i64(rows, row, 0),
                       .tenant = db_slice(rows, row, 1),
                       .revision = db_i64(rows, row, 3),
                       .head_number = db_i64(rows, row, 4),
                       .receipt_to = db_i64(rows, row, 5),
                       .seals = db_i64(rows, row, 6),
                       .last_seal = db_i64(rows, row, 7)};
    return utc_month_parse(db_value(rows, row, 2), &root->month, err) &&
           seal_digest_at(rows, row, 8, &root->digest, err) &&
           bytes_at(rows, row, 9, root->public_key, sizeof root->public_key, err) &&
           bytes_at(rows, row, 10, root->signature, sizeof root->signature, err);
}

static bool
visit_roots(Db *db, const char *sql, const DbParam *params, int count, SealRootVisit visit, void *context, Err *err)
{
    DbResult *rows = db_query(db, sql, params, count, err);
    bool good = rows != NULL;
    for (int row = 0; good && row < db_rows(rows); row++) {
        SealRoot root;
        good = root_take(rows, row, &root, err) && visit(context, &root, err);
    }
    db_result_free(&rows);
    return good;
}

MUST_CHECK bool
seal_roots_of_head(Db *db, int64_t head_number, SealRootVisit visit, void *context, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], head_number);
    return visit_roots(db, SQL_ROOTS_OF_HEAD, params, 1, visit, context, err);
}

MUST_CHECK bool
seal_roots_of_tenants(Db *db, DbArray *tenants, UtcMonth month, SealRootVisit visit, void *context, Err *err)
{
    char text[UTC_TEXT_BYTES];
    DbParam params[2] = {db_null(), db_string(utc_month_format(month, text))};
    return db_array_param(tenants, &params[0], err) &&
           visit_roots(db, SQL_ROOTS_OF_TENANTS, params, 2, visit, context, err);
}

MUST_CHECK bool
seal_root_find(Db *db, int64_t tenant_id, UtcMonth month, int64_t revision, SealRoot *root, Err *err)
{
    char text[UTC_TEXT_BYTES];
    DbParam params[3] = {db_null(), db_string(utc_month_format(month, text)), db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[2], revision);
    *root = (SealRoot){0};
    DbResult *rows = db_query(db, SQL_ROOT_FIND, params, 3, err);
    bool done = rows != NULL && (db_rows(rows) == 0 || root_take(rows, 0, root, err));
    root->tenant = (Text){0}; /* the result goes */
    db_result_free(&rows);
    return done || err_prefix(err, "reading the root of a month: ");
}

MUST_CHECK bool
seal_roots_due(Db *db, UtcMonth month, const char *tenant, SealRootVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char text[UTC_TEXT_BYTES];
    DbParam params[5] = {db_string(utc_format(utc_month_start_us(month), start)),
                         db_string(utc_format(utc_month_end_us(month), end)), db_string(utc_month_format(month, text)),
                         db_string(tenant), db_null()};
    db_set_i64(&params[4], SEAL_ROOTS_MAX);
    DbResult *rows = db_query(db, SQL_ROOTS_DUE, params, 5, err);
    bool good = rows != NULL;
    for (int row = 0; good && row < db_rows(rows); row++) {
        const SealRoot root = {.tenant_id = db_i64(rows, row, 0),
                               .tenant = db_slice(rows, row, 1),
                               .month = month,
                               .revision = db_i64(rows, row, 2),
                               .seals = db_i64(rows, row, 3),
                               .last_seal = db_i64(rows, row, 4)};
        good = visit(context, &root, err);
    }
    db_result_free(&rows);
    return good;
}

typedef struct RootSeals {
    DigestState state;
    int64_t seals;
} RootSeals;

static bool
root_seal(void *context, const DbResult *row, Err *err)
{
    RootSeals *self = context;
    Digest digest;
    if (!seal_digest_at(row, 0, 1, &digest, err))
        return false;
    seal_root_add(&self->state, db_i64(row, 0, 0), &digest);
    self->seals++;
    return true;
}

MUST_CHECK bool
seal_root_digest(Db *db, const SealRoot *root, Digest *digest, int64_t *seals, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    RootSeals self = {.seals = 0};
    DbParam params[4] = {db_null(), db_string(utc_format(utc_month_start_us(root->month), start)),
                         db_string(utc_format(utc_month_end_us(root->month), end)), db_null()};
    db_set_i64(&params[0], root->tenant_id);
    db_set_i64(&params[3], root->last_seal);
    seal_root_start(&self.state, root);
    bool done = db_stream(db, SQL_ROOT_SEALS, params, 4, root_seal, &self, err);
    *digest = digest_end(&self.state);
    *seals = self.seals;
    return done || err_prefix(err, "reading the seals of a month: ");
}

MUST_CHECK bool
seal_root_insert(Db *db, const SealRoot *root, Err *err)
{
    char month[UTC_TEXT_BYTES];
    DbParam params[9];
    db_set_i64(&params[0], root->tenant_id);
    params[1] = db_string(utc_month_format(root->month, month));
    db_set_i64(&params[2], root->revision);
    db_set_i64(&params[3], root->head_number);
    db_set_i64(&params[4], root->seals);
    db_set_i64(&params[5], root->last_seal);
    params[6] = db_bytes(root->digest.bytes, DIGEST_BYTES);
    params[7] = db_bytes(root->public_key, sizeof root->public_key);
    params[8] = db_bytes(root->signature, sizeof root->signature);
    return db_run(db, SQL_ROOT_INSERT, params, 9, NULL, err) || err_prefix(err, "writing the root of a month: ");
}
