#include "schema/batch_store.h"

#include <string.h>

#include "lib/utc.h"
#include "schema/db_array.h"

static const char SQL_STREAMS_MAKE[] =
    "INSERT INTO streams (agent_id, spool) SELECT DISTINCT u.agent_id, u.spool FROM unnest($1::bigint[], $2::bytea[])"
    " AS u(agent_id, spool) WHERE NOT EXISTS (SELECT FROM streams s WHERE (s.agent_id, s.spool) = (u.agent_id, "
    "u.spool))"
    " ORDER BY 1, 2 ON CONFLICT DO NOTHING";
static const char SQL_STREAMS_LOCK[] = "SELECT streams_lock($1::bigint[], $2::bytea[])";
static const char SQL_STREAMS_READ[] =
    "SELECT s.stream_id, s.last_sequence, a.all_tenants, a.revoked_at IS NOT NULL OR (u.public_key <> a.public_key"
    " AND NOT EXISTS (SELECT FROM agent_former_keys f WHERE f.public_key = u.public_key AND f.agent_id = u.agent_id"
    " AND f.refused_from > clock_timestamp()))"
    " FROM unnest($1::bigint[], $2::bytea[], $3::text[]) WITH ORDINALITY AS u(agent_id, spool, public_key, position)"
    " JOIN streams s USING (agent_id, spool) JOIN agents a USING (agent_id) ORDER BY u.position";
static const char SQL_STREAMS_ADVANCE[] = "SELECT streams_advance($1::bigint[], $2::bigint[])";
static const char SQL_ALLOWS[] =
    "SELECT EXISTS (SELECT FROM agent_tenants g WHERE g.agent_id = s.agent_id AND g.tenant_id = u.tenant_id)"
    " FROM streams s, unnest($2::bigint[]) WITH ORDINALITY AS u(tenant_id, position)"
    " WHERE s.stream_id = $1 ORDER BY u.position";
static const char SQL_COMMIT_NEW[] = "INSERT INTO commits DEFAULT VALUES RETURNING commit_id";
static const char SQL_LEDGER_INSERT[] =
    "INSERT INTO ledger (stream_id, sequence, commit_id, accepted_at, digest, source, label, import_id, records, "
    "billed,"
    " quarantined, lost, bytes) SELECT u.stream_id, u.sequence, $1::bigint, u.accepted_at, u.digest, u.source, u.label,"
    " u.import_id, u.records, u.billed, u.quarantined, u.lost, u.bytes"
    " FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::bytea[], $6::text[], $7::text[], $8::bytea[],"
    " $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])"
    " AS u(stream_id, sequence, accepted_at, digest, source, label, import_id, records, billed, quarantined, lost, "
    "bytes)";
static const char SQL_LEDGER_FIND[] =
    "SELECT digest, records, billed, quarantined FROM ledger WHERE stream_id = $1 AND sequence = $2";
static const char SQL_LOSSES_INSERT[] =
    "INSERT INTO losses (commit_id, stream_id, sequence, ordinal, source, reason, tenant_name, records, noticed_at)"
    " SELECT $1::bigint, u.* FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::text[],"
    " $8::bigint[], $9::timestamptz[]) AS u";
static const char SQL_PERIODS_INSERT[] =
    "INSERT INTO import_periods (tenant_id, month, import_id)"
    " SELECT DISTINCT u.tenant_id, (u.month AT TIME ZONE 'UTC')::date, u.import_id"
    " FROM unnest($1::bigint[], $2::timestamptz[], $3::bytea[]) AS u(tenant_id, month, import_id)"
    " ORDER BY 1, 3, 2 ON CONFLICT DO NOTHING";
static const char SQL_PERIODS[] =
    "SELECT tenant_id, (extract(epoch FROM month::timestamp AT TIME ZONE 'UTC') * 1000000)::bigint FROM import_periods"
    " WHERE import_id = $1 ORDER BY tenant_id, month";
static const char SQL_COUNTS[] =
    "WITH batches AS MATERIALIZED (SELECT stream_id, sequence, billed FROM ledger WHERE import_id = $1),"
    /* counted by batch before the join: fresh exclusions have no statistics, and a nested loop over each would crawl */
    " by_batch AS MATERIALIZED (SELECT e.stream_id, e.sequence, e.reason, count(*) AS records FROM import_periods p"
    "   JOIN exclusions e ON e.tenant_id = p.tenant_id"
    "   AND e.hour >= p.month::timestamp AT TIME ZONE 'UTC'"
    "   AND e.hour < (p.month + interval '1 month') AT TIME ZONE 'UTC'"
    "   WHERE p.import_id = $1 GROUP BY e.stream_id, e.sequence, e.reason),"
    " excluded AS (SELECT e.reason, sum(e.records) AS records FROM by_batch e"
    "   JOIN batches b ON (b.stream_id, b.sequence) = (e.stream_id, e.sequence)"
    /* what is taken back later was accepted all the same */
    "   WHERE e.reason <> 'reversed' GROUP BY e.reason)"
    " SELECT (SELECT coalesce(sum(billed), 0) FROM batches) - (SELECT coalesce(sum(records), 0) FROM excluded),"
    " (SELECT coalesce(sum(records), 0) FROM excluded WHERE reason = 'copy'),"
    " (SELECT coalesce(sum(records), 0) FROM excluded WHERE reason = 'conflict'),"
    " (SELECT count(*) FROM quarantine WHERE import_id = $1 AND reason NOT IN ('conflict', 'sequence_reused', 'newer_fields'))";

/* ---- helpers ---- */

/** Run a statement whose parameters are an optional leading number and then arrays; frees the arrays. */
static bool
run_arrays(Db *db, const char *sql, const int64_t *first, DbArray *arrays, size_t count, bool filled, Err *err)
{
    DbParam params[16];
    size_t lead = first == NULL ? 0 : 1;
    if (first != NULL)
        db_set_i64(&params[0], *first);
    bool done = filled && db_array_params(arrays, count, params + lead, err) &&
                db_run(db, sql, params, (int) (count + lead), NULL, err);
    db_array_free_all(arrays, count);
    return done;
}

static bool
add_optional_time(DbArray *array, int64_t time_us, Err *err)
{
    return time_us == 0 ? db_array_add_null(array, err) : db_array_add_time(array, time_us, err);
}

static bool
add_optional_bytes(DbArray *array, Text bytes, Err *err)
{
    return bytes.length == 0 ? db_array_add_null(array, err) : db_array_add_text(array, bytes, err);
}

static bool
query_i64(Db *db, const char *sql, const DbParam *params, int count, int64_t *out, Err *err)
{
    DbResult *result = db_query(db, sql, params, count, err);
    if (result == NULL)
        return false;
    bool found = db_rows(result) == 1 && !db_is_null(result, 0, 0);
    if (found)
        *out = db_i64(result, 0, 0);
    db_result_free(&result);
    return found || err_set(err, ERR_CORRUPT, "the database has no row where one must be; was it migrated?");
}

/* ---- streams ---- */

static bool
streams_read(Db *db, const DbParam *params, size_t count, StreamRow *rows, Err *err)
{
    DbResult *result = db_query(db, SQL_STREAMS_READ, params, 3, err);
    if (result == NULL)
        return false;
    bool good =
        (size_t) db_rows(result) == count || err_set(err, ERR_INTERNAL, "a stream is missing after it was made");
    for (size_t i = 0; good && i < count; i++) {
        rows[i].stream_id = db_i64(result, (int) i, 0);
        rows[i].last_sequence = db_i64(result, (int) i, 1);
        rows[i].all_tenants = strcmp(db_value(result, (int) i, 2), "t") == 0;
        rows[i].revoked = strcmp(db_value(result, (int) i, 3), "t") == 0;
    }
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
streams_open(Db *db, const StreamKey *keys, size_t count, bool lock, StreamRow *rows, Err *err)
{
    DbArray arrays[3] = {db_array_of(DB_BIGINT), db_array_of(DB_BYTEA), db_array_of(DB_TEXT)};
    DbParam params[3];
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&arrays[0], keys[i].agent_id, err) &&
               db_array_add_text(&arrays[1], (Text){(const char *) keys[i].spool, SPOOL_ID_BYTES}, err) &&
               db_array_add_text(&arrays[2], text_of(keys[i].public_key), err);
    good = good && db_array_params(arrays, 3, params, err) && db_run(db, SQL_STREAMS_MAKE, params, 2, NULL, err) &&
           (!lock || db_run(db, SQL_STREAMS_LOCK, params, 2, NULL, err)) && streams_read(db, params, count, rows, err);
    db_array_free_all(arrays, 3);
    return good;
}

MUST_CHECK bool
streams_advance(Db *db, const StreamRow *rows, size_t count, Err *err)
{
    DbArray arrays[2] = {db_array_of(DB_BIGINT), db_array_of(DB_BIGINT)};
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&arrays[0], rows[i].stream_id, err) &&
               db_array_add_i64(&arrays[1], rows[i].last_sequence, err);
    return run_arrays(db, SQL_STREAMS_ADVANCE, NULL, arrays, 2, good, err);
}

MUST_CHECK bool
stream_allows(Db *db, int64_t stream_id, const int64_t *tenant_ids, size_t count, bool *allowed, Err *err)
{
    DbArray array = db_array_of(DB_BIGINT);
    DbParam params[2];
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&array, tenant_ids[i], err);
    db_set_i64(&params[0], stream_id);
    DbResult *result = NULL;
    if (good && db_array_param(&array, &params[1], err))
        result = db_query(db, SQL_ALLOWS, params, 2, err);
    db_array_free(&array);
    if (result == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        allowed[i] = (int) i < db_rows(result) && strcmp(db_value(result, (int) i, 0), "t") == 0;
    db_result_free(&result);
    return true;
}

/* ---- installation, commits ---- */

MUST_CHECK bool
installation_incarnation(Db *db, uint8_t out[INCARNATION_BYTES], Err *err)
{
    DbResult *result = db_query(db, "SELECT incarnation FROM installation", NULL, 0, err);
    if (result == NULL)
        return false;
    Buffer bytes = {0};
    bool good = db_rows(result) == 1 && db_bytea(result, 0, 0, &bytes, err) && bytes.length == INCARNATION_BYTES;
    if (good)
        memcpy(out, bytes.data, INCARNATION_BYTES);
    else
        err_set(err, ERR_CORRUPT, "the database has no installation row; run `millibill migrate`");
    buffer_free(&bytes);
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
installation_last_receipt(Db *db, int64_t *receipt, Err *err)
{
    return query_i64(db, "SELECT last_receipt FROM installation", NULL, 0, receipt, err);
}

MUST_CHECK bool
installation_is_durable(Db *db, Err *err)
{
    static const char *const settings[] = {"fsync", "full_page_writes", "synchronous_commit"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const DbParam params[1] = {db_string(settings[i])};
        DbResult *result = db_query(db, "SELECT current_setting($1)", params, 1, err);
        if (result == NULL)
            return false;
        bool off = strcmp(db_value(result, 0, 0), "off") == 0;
        db_result_free(&result);
        if (off) {
            err_set(err, ERR_CONFLICT, "the database has %s = off: it may forget what it committed", settings[i]);
            return err_hint(err, "Set %s = on in postgresql.conf (and for the role and database), then start again.",
                            settings[i]);
        }
    }
    return true;
}

MUST_CHECK bool
commit_new(Db *db, int64_t *commit_id, Err *err)
{
    return query_i64(db, SQL_COMMIT_NEW, NULL, 0, commit_id, err);
}

MUST_CHECK bool
commit_take_receipt(Db *db, int64_t commit_id, int64_t *receipt, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], commit_id);
    return query_i64(db, "SELECT receipt_take($1)", params, 1, receipt, err);
}

/* ---- ledger and losses ---- */

enum { LEDGER_ARRAYS = 12, LOSS_ARRAYS = 8 };

static bool
ledger_row_add(DbArray *a, const LedgerRow *row, Err *err)
{
    return db_array_add_i64(&a[0], row->stream_id, err) && db_array_add_i64(&a[1], row->sequence, err) &&
           add_optional_time(&a[2], row->accepted_at_us, err) &&
           db_array_add_text(&a[3], (Text){(const char *) row->digest.bytes, DIGEST_BYTES}, err) &&
           db_array_add_text(&a[4], row->source, err) && db_array_add_text(&a[5], row->label, err) &&
           add_optional_bytes(&a[6], row->import_id, err) && db_array_add_i64(&a[7], row->records, err) &&
           db_array_add_i64(&a[8], row->billed, err) && db_array_add_i64(&a[9], row->quarantined, err) &&
           db_array_add_i64(&a[10], row->lost, err) && db_array_add_i64(&a[11], row->bytes, err);
}

MUST_CHECK bool
ledger_insert(Db *db, int64_t commit_id, const LedgerRow *rows, size_t count, Err *err)
{
    static const DbElement elements[LEDGER_ARRAYS] = {DB_BIGINT, DB_BIGINT, DB_TIMESTAMPTZ, DB_BYTEA,
                                                      DB_TEXT,   DB_TEXT,   DB_BYTEA,       DB_BIGINT,
                                                      DB_BIGINT, DB_BIGINT, DB_BIGINT,      DB_BIGINT};
    if (count == 0)
        return true;
    DbArray arrays[LEDGER_ARRAYS];
    for (size_t i = 0; i < LEDGER_ARRAYS; i++)
        arrays[i] = db_array_of(elements[i]);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = ledger_row_add(arrays, &rows[i], err);
    return run_arrays(db, SQL_LEDGER_INSERT, &commit_id, arrays, LEDGER_ARRAYS, good, err);
}

MUST_CHECK bool
ledger_find(Db *db, int64_t stream_id, int64_t sequence, LedgerRow *row, bool *found, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], stream_id);
    db_set_i64(&params[1], sequence);
    DbResult *result = db_query(db, SQL_LEDGER_FIND, params, 2, err);
    if (result == NULL)
        return false;
    Buffer digest = {0};
    bool good = true;
    *row = (LedgerRow){.stream_id = stream_id, .sequence = sequence};
    *found = db_rows(result) == 1;
    if (*found) {
        good = db_bytea(result, 0, 0, &digest, err) &&
               (digest.length == DIGEST_BYTES ||
                err_set(err, ERR_CORRUPT, "ledger: a digest of %zu bytes", digest.length));
        if (good)
            memcpy(row->digest.bytes, digest.data, DIGEST_BYTES);
        row->records = db_i64(result, 0, 1);
        row->billed = db_i64(result, 0, 2);
        row->quarantined = db_i64(result, 0, 3);
    }
    buffer_free(&digest);
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
losses_insert(Db *db, int64_t commit_id, const LossRow *rows, size_t count, Err *err)
{
    static const DbElement elements[LOSS_ARRAYS] = {DB_BIGINT, DB_BIGINT, DB_INTEGER, DB_TEXT,
                                                    DB_TEXT,   DB_TEXT,   DB_BIGINT,  DB_TIMESTAMPTZ};
    if (count == 0)
        return true;
    DbArray a[LOSS_ARRAYS];
    for (size_t i = 0; i < LOSS_ARRAYS; i++)
        a[i] = db_array_of(elements[i]);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&a[0], rows[i].stream_id, err) && db_array_add_i64(&a[1], rows[i].sequence, err) &&
               db_array_add_i64(&a[2], rows[i].ordinal, err) && db_array_add_text(&a[3], rows[i].source, err) &&
               db_array_add_text(&a[4], rows[i].reason, err) && db_array_add_text(&a[5], rows[i].tenant_name, err) &&
               db_array_add_i64(&a[6], rows[i].records, err) && add_optional_time(&a[7], rows[i].noticed_at_us, err);
    return run_arrays(db, SQL_LOSSES_INSERT, &commit_id, a, LOSS_ARRAYS, good, err);
}

/* ---- imports ---- */

MUST_CHECK bool
import_periods_insert(Db *db, const ImportPeriod *periods, size_t count, Err *err)
{
    if (count == 0)
        return true;
    DbArray arrays[3] = {db_array_of(DB_BIGINT), db_array_of(DB_TIMESTAMPTZ), db_array_of(DB_BYTEA)};
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&arrays[0], periods[i].tenant_id, err) &&
               db_array_add_time(&arrays[1], periods[i].month_us, err) &&
               db_array_add_text(&arrays[2], periods[i].import_id, err);
    return run_arrays(db, SQL_PERIODS_INSERT, NULL, arrays, 3, good, err);
}

MUST_CHECK bool
import_periods(Db *db, Text import_id, ImportPeriodVisit visit, void *context, Err *err)
{
    const DbParam params[1] = {db_slice_param(import_id)};
    DbResult *result = db_query(db, SQL_PERIODS, params, 1, err);
    if (result == NULL)
        return false;
    bool good = true;
    for (int i = 0; good && i < db_rows(result); i++)
        good = visit(context, db_i64(result, i, 0), db_i64(result, i, 1), err);
    db_result_free(&result);
    return good;
}

MUST_CHECK bool
import_counts(Db *db, Text import_id, ImportCounts *counts, Err *err)
{
    const DbParam params[1] = {db_slice_param(import_id)};
    DbResult *result = db_query(db, SQL_COUNTS, params, 1, err);
    if (result == NULL)
        return false;
    *counts = (ImportCounts){.accepted = db_i64(result, 0, 0),
                             .known = db_i64(result, 0, 1),
                             .conflicts = db_i64(result, 0, 2),
                             .quarantined = db_i64(result, 0, 3)};
    db_result_free(&result);
    return true;
}
