#include "schema/quarantine_store.h"

#include "schema/db_array.h"

enum { ITEM_ARRAYS = 14 };

static const char SQL_INSERT[] =
    "INSERT INTO quarantine (commit_id, tenant_id, stream_id, sequence, line, tenant_name, import_id, source, reason,"
    " field, message, format, payload, digest, other_digest)"
    " SELECT $1::bigint, u.tenant_id, u.stream_id, u.sequence, u.line, u.tenant_name,"
    " coalesce(u.import_id, l.import_id), coalesce(u.source, nullif(l.label, ''), l.source, ''), u.reason,"
    " u.field, u.message, u.format, u.payload, u.digest, u.other_digest"
    " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[], $8::text[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[], $15::bytea[]) WITH ORDINALITY"
    " AS u(tenant_id, stream_id, sequence, line, tenant_name, import_id, source, reason, field, message, format,"
    " payload, digest, other_digest, position)"
    " LEFT JOIN ledger l ON (l.stream_id, l.sequence) = (u.stream_id, u.sequence) ORDER BY u.position";
#define TIME(column) "coalesce(to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '')"
#define SELECT_ROWS                                                                                                                                              \
    "SELECT q.quarantine_id, coalesce(q.tenant_id, 0), q.stream_id, q.sequence, q.line, q.tenant_name,"                                                          \
    " " TIME(                                                                                                                                                    \
        "q.received_at") ", q.source, q.reason, q.field, q.message, q.format,"                                                                                   \
                         " coalesce(encode(q.digest, 'hex'), ''), coalesce(encode(q.other_digest, 'hex'), ''),"                                                  \
                         " " TIME(                                                                                                                               \
                             "q.replayed_at") ", q.payload, q.import_id FROM quarantine q"                                                                       \
                                              " WHERE ($1::bigint = 0 OR q.quarantine_id = $1::bigint) AND ($2::text IS NULL OR q.tenant_name = $2)"             \
                                              " AND ($3::text IS NULL OR q.reason = $3) AND ($4::text IS NULL OR q.format = $4)"                                 \
                                              " AND (NOT $5::boolean OR (q.replayed_at IS NULL AND q.repeats IS NULL))"                                          \
                                              " AND (NOT $6::boolean OR (q.format = 'record' AND (q.reason = 'unknown_tenant'"                                   \
                                              "       OR (q.reason IN ('too_old', 'in_future', 'not_committed') AND ($1::bigint <> 0 OR $3::text IS NOT NULL)))" \
                                              "      AND EXISTS (SELECT FROM tenants t WHERE t.name = q.tenant_name)))"                                          \
                                              " AND q.quarantine_id > $7::bigint ORDER BY q.quarantine_id LIMIT nullif($8::bigint, 0)"
static const char SQL_STREAM[] = SELECT_ROWS;
static const char SQL_STREAM_LOCKED[] = SELECT_ROWS " FOR UPDATE OF q SKIP LOCKED";
static const char SQL_MARK[] =
    "UPDATE quarantine SET replayed_at = now() WHERE quarantine_id = ANY ($1::bigint[]) AND replayed_at IS NULL";

/* Another file's line counts as the same when place and bytes are; within one import equal lines are two lines. */
static const char SQL_REPEATS[] =
    "UPDATE quarantine q SET repeats = found.first FROM"
    " (SELECT n.quarantine_id, min(o.quarantine_id) AS first FROM quarantine n JOIN quarantine o"
    "  ON md5(o.payload) = md5(n.payload) AND o.payload = n.payload AND o.quarantine_id < n.quarantine_id"
    "  AND o.import_id IS DISTINCT FROM n.import_id AND o.repeats IS NULL"
    "  AND (o.reason, o.format, o.line, o.tenant_name) = (n.reason, n.format, n.line, n.tenant_name)"
    "  WHERE n.import_id = $1 AND n.repeats IS NULL GROUP BY n.quarantine_id) found"
    " WHERE q.quarantine_id = found.quarantine_id";

/* Shaped for the index quarantine_waiting. */
static const char SQL_REUSED[] =
    "SELECT coalesce(bool_or((q.stream_id, q.sequence, q.digest) = ($1::bigint, $2::bigint, $3::bytea)), false), count(*)"
    " FROM quarantine q JOIN streams s USING (stream_id) WHERE q.reason = '" QUARANTINE_REUSED
    "' AND q.tenant_name = ''"
    " AND q.replayed_at IS NULL AND q.repeats IS NULL"
    " AND s.agent_id = (SELECT agent_id FROM streams WHERE stream_id = $1::bigint)";

static bool
add_or_null(DbArray *array, Text bytes, Err *err)
{
    return bytes.length == 0 ? db_array_add_null(array, err) : db_array_add_text(array, bytes, err);
}

static bool
item_add(DbArray *a, const QuarantineItem *item, Err *err)
{
    bool known = item->tenant_id != 0;
    return (known ? db_array_add_i64(&a[0], item->tenant_id, err) : db_array_add_null(&a[0], err)) &&
           db_array_add_i64(&a[1], item->stream_id, err) && db_array_add_i64(&a[2], item->sequence, err) &&
           db_array_add_i64(&a[3], (int64_t) item->line, err) && db_array_add_text(&a[4], item->tenant_name, err) &&
           add_or_null(&a[5], item->import_id, err) && add_or_null(&a[6], item->source, err) &&
           db_array_add_text(&a[7], item->reason, err) && db_array_add_text(&a[8], item->field, err) &&
           db_array_add_text(&a[9], item->message, err) && db_array_add_text(&a[10], item->format, err) &&
           db_array_add_text(&a[11], item->payload, err) && add_or_null(&a[12], item->digest, err) &&
           add_or_null(&a[13], item->other_digest, err);
}

MUST_CHECK bool
quarantine_insert(Db *db, int64_t commit_id, const QuarantineItem *items, size_t count, Err *err)
{
    static const DbElement elements[ITEM_ARRAYS] = {DB_BIGINT, DB_BIGINT, DB_BIGINT, DB_BIGINT, DB_TEXT,
                                                    DB_BYTEA,  DB_TEXT,   DB_TEXT,   DB_TEXT,   DB_TEXT,
                                                    DB_TEXT,   DB_BYTEA,  DB_BYTEA,  DB_BYTEA};
    if (count == 0)
        return true;
    DbArray arrays[ITEM_ARRAYS];
    DbParam params[1 + ITEM_ARRAYS];
    for (size_t i = 0; i < ITEM_ARRAYS; i++)
        arrays[i] = db_array_of(elements[i]);
    db_set_i64(&params[0], commit_id);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = item_add(arrays, &items[i], err);
    good = good && db_array_params(arrays, ITEM_ARRAYS, params + 1, err) &&
           db_run(db, SQL_INSERT, params, 1 + ITEM_ARRAYS, NULL, err);
    db_array_free_all(arrays, ITEM_ARRAYS);
    return good;
}

MUST_CHECK bool
quarantine_reused(Db *db, int64_t stream_id, int64_t sequence, Text digest, QuarantineReused *out, Err *err)
{
    DbParam params[3];
    db_set_i64(&params[0], stream_id);
    db_set_i64(&params[1], sequence);
    params[2] = db_slice_param(digest);
    DbResult *result = db_query(db, SQL_REUSED, params, 3, err);
    if (result == NULL)
        return false;
    *out = (QuarantineReused){.known = db_value(result, 0, 0)[0] == 't', .of_agent = db_i64(result, 0, 1)};
    db_result_free(&result);
    return true;
}

typedef struct Reading {
    QuarantineVisit visit;
    void *context;
    Buffer payload;
    Buffer import_id;
} Reading;

static bool
read_row(void *context, const DbResult *result, Err *err)
{
    Reading *reading = context;
    buffer_clear(&reading->payload);
    buffer_clear(&reading->import_id);
    if (!db_bytea(result, 0, 15, &reading->payload, err) || !db_bytea(result, 0, 16, &reading->import_id, err))
        return false;
    const QuarantineRow row = {.id = db_i64(result, 0, 0),
                               .tenant_id = db_i64(result, 0, 1),
                               .stream_id = db_i64(result, 0, 2),
                               .sequence = db_i64(result, 0, 3),
                               .line = db_i64(result, 0, 4),
                               .tenant = db_value(result, 0, 5),
                               .received_at = db_value(result, 0, 6),
                               .source = db_value(result, 0, 7),
                               .reason = db_value(result, 0, 8),
                               .field = db_value(result, 0, 9),
                               .message = db_value(result, 0, 10),
                               .format = db_value(result, 0, 11),
                               .digest = db_value(result, 0, 12),
                               .other_digest = db_value(result, 0, 13),
                               .replayed_at = db_value(result, 0, 14),
                               .payload = buffer_text(&reading->payload),
                               .import_id = buffer_text(&reading->import_id)};
    return reading->visit(reading->context, &row, err);
}

MUST_CHECK bool
quarantine_stream(Db *db, const QuarantineFilter *filter, QuarantineVisit visit, void *context, Err *err)
{
    DbParam params[8];
    db_set_i64(&params[0], filter->id);
    params[1] = db_string(filter->tenant);
    params[2] = db_string(filter->reason);
    params[3] = db_string(filter->format);
    params[4] = db_string(filter->open_only ? "true" : "false");
    params[5] = db_string(filter->replayable ? "true" : "false");
    db_set_i64(&params[6], filter->after_id);
    db_set_i64(&params[7], filter->limit);
    Reading reading = {.visit = visit, .context = context};
    bool good = db_stream(db, filter->lock ? SQL_STREAM_LOCKED : SQL_STREAM, params, 8, read_row, &reading, err);
    buffer_free(&reading.payload);
    buffer_free(&reading.import_id);
    return good;
}

MUST_CHECK bool
quarantine_mark_replayed(Db *db, const int64_t *ids, size_t count, Err *err)
{
    DbArray array = db_array_of(DB_BIGINT);
    DbParam params[1];
    int64_t rows = 0;
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = db_array_add_i64(&array, ids[i], err);
    good = good && db_array_param(&array, &params[0], err) && db_run(db, SQL_MARK, params, 1, &rows, err);
    db_array_free(&array);
    return good && (rows == (int64_t) count || err_set(err, ERR_BUSY, "somebody else replayed some of these rows"));
}

MUST_CHECK bool
quarantine_mark_repeats(Db *db, Text import_id, Err *err)
{
    const DbParam params[1] = {db_bytes(import_id.data, import_id.length)};
    return db_run(db, SQL_REPEATS, params, 1, NULL, err);
}
