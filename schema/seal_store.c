/* The queue of hours, and seals. Heads and roots: seal_head_store.c. */
#include "schema/seal_store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "schema/seal_lines.h"

/* Tried, not waited for: a wait inside the server ends with nothing but the server. */
static const char SQL_LOCK[] = "SELECT pg_try_advisory_lock(hashtextextended('millibill.seal', 0))";
static const char SQL_LOCK_TIMEOUT[] = "SET lock_timeout = '30s'";
static const char SQL_LOCK_TIMEOUT_BACK[] = "RESET lock_timeout";
static const char SQL_UNLOCK[] = "SELECT pg_advisory_unlock(hashtextextended('millibill.seal', 0))";

static const char SQL_SCANNED[] =
    "SELECT p.scanned_receipt, i.last_receipt FROM seal_progress p CROSS JOIN installation i";
static const char SQL_SCAN[] =
    "WITH span AS MATERIALIZED (SELECT commit_id, receipt, committed_at FROM commits"
    "  WHERE receipt > $1::bigint AND receipt <= $2::bigint),"
    " bounds AS MATERIALIZED (SELECT min(commit_id) AS least, max(commit_id) AS greatest FROM span),"
    " fresh AS (SELECT s.tenant_id, s.hour, span.receipt, span.committed_at FROM segments s JOIN span USING (commit_id)"
    "   WHERE s.commit_id BETWEEN (SELECT least FROM bounds) AND (SELECT greatest FROM bounds)"
    "  UNION ALL SELECT e.tenant_id, e.hour, span.receipt, span.committed_at FROM exclusions e JOIN span USING (commit_id)"
    "   WHERE e.commit_id BETWEEN (SELECT least FROM bounds) AND (SELECT greatest FROM bounds))"
    " INSERT INTO seal_queue AS q (tenant_id, hour, last_receipt, changed_at)"
    " SELECT tenant_id, hour, max(receipt), max(committed_at) FROM fresh GROUP BY tenant_id, hour"
    " ON CONFLICT (tenant_id, hour) DO UPDATE SET last_receipt = greatest(q.last_receipt, EXCLUDED.last_receipt),"
    " changed_at = greatest(q.changed_at, EXCLUDED.changed_at)";
static const char SQL_PROGRESS[] = "UPDATE seal_progress SET scanned_receipt = $1::bigint";

static const char SQL_CHOOSE[] = "SELECT q.tenant_id, t.name, " SEAL_US(
    "q.hour") ", coalesce(last.revision, 0) + 1, coalesce(last.receipt_to, 0) + 1,"
              " coalesce(tail.seal_number, 0), tail.digest"
              " FROM seal_queue q JOIN tenants t USING (tenant_id)"
              " LEFT JOIN LATERAL (SELECT revision, receipt_to FROM seals s WHERE s.tenant_id = q.tenant_id"
              "  AND s.hour = q.hour ORDER BY revision DESC LIMIT 1) last ON true"
              " LEFT JOIN LATERAL (SELECT seal_number, digest FROM seals s WHERE s.tenant_id = q.tenant_id"
              "  ORDER BY seal_number DESC LIMIT 1) tail ON true"
              " WHERE q.hour >= $1::timestamptz AND q.hour < $2::timestamptz AND q.changed_at <= $3::timestamptz"
              " ORDER BY q.tenant_id, q.hour LIMIT $4::integer";

/* The hours that are being sealed, as $1 … $3; $5 and $6 tell which partitions they lie in. */
#define HOURS                                                                     \
    " FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) WITH ORDINALITY" \
    " AS u(tenant_id, hour, receipt_from, position)"
#define WITHIN(table)                                                                                         \
    " ON " table ".tenant_id = u.tenant_id AND " table ".hour = u.hour AND " table ".hour >= $5::timestamptz" \
    " AND " table ".hour <= $6::timestamptz JOIN commits c ON c.commit_id = " table ".commit_id"              \
    " WHERE c.receipt >= u.receipt_from AND c.receipt <= $4::bigint"
static const char SQL_SEGMENTS[] =
    "SELECT u.position, s.segment_id, c.receipt, s.records, sha256(s.payload), sha256(s.sources), s.digest" HOURS
    " JOIN segments s" WITHIN("s") " ORDER BY u.position, s.segment_id";
static const char SQL_EXCLUSIONS[] = "SELECT u.position, " SEAL_EXCLUSION_LINE("e", "c") HOURS
    " JOIN exclusions e" WITHIN("e") " ORDER BY u.position, e.segment_id, e.ordinal";

static const char SQL_DONE[] =
    "DELETE FROM seal_queue q USING unnest($1::bigint[], $2::timestamptz[]) AS u(tenant_id, hour)"
    " WHERE q.tenant_id = u.tenant_id AND q.hour = u.hour AND q.last_receipt <= $3::bigint";
static const char SQL_PUT_OFF[] =
    "UPDATE seal_queue q SET changed_at = now() + interval '1 hour' FROM unnest($1::bigint[], $2::timestamptz[])"
    " AS u(tenant_id, hour) WHERE q.tenant_id = u.tenant_id AND q.hour = u.hour";

static const char SQL_INSERT[] =
    "INSERT INTO seals (tenant_id, seal_number, head_number, hour, revision, receipt_from, receipt_to, records, exclusions,"
    " segment_ids, segment_digests, exclusions_digest, content_digest, sealed_at, previous, digest)"
    " VALUES ($1::bigint, $2::bigint, $3::bigint, $4::timestamptz, $5::bigint, $6::bigint, $7::bigint, $8::bigint,"
    " $9::bigint, $10::bigint[], $11, $12, $13, $14::timestamptz, $15, $16)";

/* ---- lock and queue ---- */

static bool
try_lock(Db *db, bool *locked, Err *err)
{
    DbResult *result = db_query(db, SQL_LOCK, NULL, 0, err);
    *locked = result != NULL && strcmp(db_value(result, 0, 0), "t") == 0;
    bool done = result != NULL;
    db_result_free(&result);
    return done;
}

MUST_CHECK bool
seal_lock(Db *db, Patience *patience, Err *err)
{
    bool locked = false;
    while (try_lock(db, &locked, err) && !locked)
        if (!patience_pause(patience, "another sealer of this database", err))
            return false;
    if (locked && db_run(db, SQL_LOCK_TIMEOUT, NULL, 0, NULL, err))
        return true;
    if (locked)
        seal_unlock(db);
    return false;
}

void
seal_unlock(Db *db)
{
    Err ignored = {0};
    if (!db_run(db, SQL_LOCK_TIMEOUT_BACK, NULL, 0, NULL, &ignored) || !db_run(db, SQL_UNLOCK, NULL, 0, NULL, &ignored))
        log_debug("event=seal_unlock_failed"); /* the lock ends with the connection */
}

static bool
scan(Db *db, Err *err)
{
    DbParam params[2];
    DbResult *result = db_query(db, SQL_SCANNED, NULL, 0, err);
    if (result == NULL)
        return false;
    int64_t from = db_i64(result, 0, 0);
    int64_t to = db_i64(result, 0, 1);
    db_result_free(&result);
    if (from == to)
        return true;
    db_set_i64(&params[0], from);
    db_set_i64(&params[1], to);
    return db_run(db, SQL_SCAN, params, 2, NULL, err) && db_run(db, SQL_PROGRESS, params + 1, 1, NULL, err);
}

MUST_CHECK bool
seal_queue_scan(Db *db, Err *err)
{
    bool done = db_begin(db, false, err) && scan(db, err) && db_commit(db, err);
    db_rollback(db);
    return done || err_prefix(err, "looking for hours to seal: ");
}

/* ---- hours ---- */

void
seal_hours_cut(SealHours *self, size_t count)
{
    for (size_t i = count; i < self->count; i++) {
        free(self->all[i].name);
        db_array_free(&self->all[i].segment_ids);
        buffer_free(&self->all[i].segment_digests);
    }
    self->count = count;
}

void
seal_hours_free(SealHours *self)
{
    seal_hours_cut(self, 0);
}

MUST_CHECK bool
seal_digest_at(const DbResult *result, int row, int column, Digest *digest, Err *err)
{
    Buffer bytes = {0};
    bool done = db_bytea(result, row, column, &bytes, err);
    if (done && bytes.length == DIGEST_BYTES)
        memcpy(digest->bytes, bytes.data, DIGEST_BYTES);
    else if (done)
        done = err_set(err, ERR_CORRUPT, "a digest of %zu bytes, expected %d", bytes.length, DIGEST_BYTES);
    buffer_free(&bytes);
    return done;
}

static bool
hour_take(SealHour *hour, const DbResult *rows, int row, Err *err)
{
    *hour = (SealHour){.seal = {.tenant_id = db_i64(rows, row, 0),
                                .hour_us = db_i64(rows, row, 2),
                                .revision = db_i64(rows, row, 3),
                                .receipt_from = db_i64(rows, row, 4),
                                .number = db_i64(rows, row, 5)},
                       .name = text_duplicate(db_slice(rows, row, 1)),
                       .segment_ids = db_array_of(DB_BIGINT)};
    digest_start(&hour->exclusions);
    if (hour->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an hour");
    hour->seal.tenant = text_of(hour->name);
    return db_is_null(rows, row, 6) || seal_digest_at(rows, row, 6, &hour->seal.previous, err);
}

MUST_CHECK bool
seal_hours_choose(Db *db, const SealChoice *choice, SealHours *hours, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char quiet[UTC_TEXT_BYTES];
    DbParam params[4] = {db_string(utc_format(choice->start_us, start)), db_string(utc_format(choice->end_us, end)),
                         db_string(utc_format(choice->quiet_us, quiet)), db_null()};
    db_set_i64(&params[3], SEAL_HOURS_MAX);
    hours->count = 0;
    DbResult *rows = db_query(db, SQL_CHOOSE, params, 4, err);
    bool good = rows != NULL;
    for (int row = 0; good && row < db_rows(rows); row++)
        good = hour_take(&hours->all[hours->count++], rows, row, err);
    db_result_free(&rows);
    return good;
}

static bool
read_segment(void *context, const DbResult *row, Err *err)
{
    SealHours *hours = context;
    SealHour *hour = &hours->all[db_i64(row, 0, 0) - 1];
    Digest stated;
    SealSegment segment = {.segment_id = db_i64(row, 0, 1), .receipt = db_i64(row, 0, 2), .records = db_i64(row, 0, 3)};
    if (!seal_digest_at(row, 0, 4, &segment.payload, err) || !seal_digest_at(row, 0, 5, &segment.sources, err) ||
        !seal_digest_at(row, 0, 6, &stated, err))
        return false;
    hour->damaged |= memcmp(&stated, &segment.payload, sizeof stated) != 0;
    hour->seal.segments++;
    hour->seal.records += segment.records;
    const Digest digest = seal_segment_digest(&segment);
    return db_array_add_i64(&hour->segment_ids, segment.segment_id, err) &&
           buffer_append(&hour->segment_digests, digest.bytes, DIGEST_BYTES, err);
}

static bool
read_exclusion(void *context, const DbResult *row, Err *err)
{
    (void) err;
    SealHours *hours = context;
    SealHour *hour = &hours->all[db_i64(row, 0, 0) - 1];
    Text line = db_slice(row, 0, 1);
    hour->seal.exclusions++;
    digest_add(&hour->exclusions, line.data, line.length);
    return true;
}

enum { HOUR_ARRAYS = 3 };

static bool
hours_arrays(const SealHours *hours, bool damaged_only, bool good_only, DbArray arrays[HOUR_ARRAYS], Err *err)
{
    arrays[0] = db_array_of(DB_BIGINT);
    arrays[1] = db_array_of(DB_TIMESTAMPTZ);
    arrays[2] = db_array_of(DB_BIGINT);
    bool good = true;
    for (size_t i = 0; good && i < hours->count; i++) {
        const SealHour *hour = &hours->all[i];
        if ((damaged_only && !hour->damaged) || (good_only && hour->damaged))
            continue;
        good = db_array_add_i64(&arrays[0], hour->seal.tenant_id, err) &&
               db_array_add_time(&arrays[1], hour->seal.hour_us, err) &&
               db_array_add_i64(&arrays[2], hour->seal.receipt_from, err);
    }
    return good;
}

MUST_CHECK bool
seal_hours_read(Db *db, SealHours *hours, int64_t receipt, Err *err)
{
    DbArray arrays[HOUR_ARRAYS];
    DbParam params[6];
    char least[UTC_TEXT_BYTES];
    char greatest[UTC_TEXT_BYTES];
    int64_t least_us = INT64_MAX;
    int64_t greatest_us = 0;
    for (size_t i = 0; i < hours->count; i++) {
        int64_t hour_us = hours->all[i].seal.hour_us;
        least_us = hour_us < least_us ? hour_us : least_us;
        greatest_us = hour_us > greatest_us ? hour_us : greatest_us;
    }
    bool good = hours_arrays(hours, false, false, arrays, err) && db_array_params(arrays, HOUR_ARRAYS, params, err);
    db_set_i64(&params[3], receipt);
    params[4] = db_string(utc_format(least_us == INT64_MAX ? 0 : least_us, least));
    params[5] = db_string(utc_format(greatest_us, greatest));
    good = good && db_stream(db, SQL_SEGMENTS, params, 6, read_segment, hours, err) &&
           db_stream(db, SQL_EXCLUSIONS, params, 6, read_exclusion, hours, err);
    db_array_free_all(arrays, HOUR_ARRAYS);
    for (size_t i = 0; good && i < hours->count; i++) {
        SealHour *hour = &hours->all[i];
        hour->seal.receipt_to = receipt;
        hour->seal.exclusions_digest = digest_end(&hour->exclusions);
        hour->seal.content = seal_content_digest((const uint8_t *) hour->segment_digests.data,
                                                 (size_t) hour->seal.segments, &hour->seal.exclusions_digest);
    }
    return good;
}

MUST_CHECK bool
seal_hours_done(Db *db, const SealHours *hours, int64_t receipt, Err *err)
{
    DbArray done[HOUR_ARRAYS];
    DbArray damaged[HOUR_ARRAYS];
    DbParam params[HOUR_ARRAYS];
    bool good = hours_arrays(hours, false, true, done, err) && db_array_params(done, 2, params, err);
    db_set_i64(&params[2], receipt);
    good = good && db_run(db, SQL_DONE, params, 3, NULL, err);
    good = hours_arrays(hours, true, false, damaged, err) && good && db_array_params(damaged, 2, params, err) &&
           db_run(db, SQL_PUT_OFF, params, 2, NULL, err);
    db_array_free_all(done, HOUR_ARRAYS);
    db_array_free_all(damaged, HOUR_ARRAYS);
    return good;
}

MUST_CHECK bool
seal_insert(Db *db, SealHour *hour, Err *err)
{
    const Seal *seal = &hour->seal;
    char hour_text[UTC_TEXT_BYTES];
    char sealed_at[UTC_TEXT_BYTES];
    const int64_t numbers[] = {seal->tenant_id, seal->number,       seal->head_number, 0,
                               seal->revision,  seal->receipt_from, seal->receipt_to,  seal->records,
                               seal->exclusions};
    DbParam params[16];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        db_set_i64(&params[i], numbers[i]);
    params[3] = db_string(utc_format(seal->hour_us, hour_text));
    if (!db_array_param(&hour->segment_ids, &params[9], err))
        return false;
    params[10] = db_bytes(hour->segment_digests.data, hour->segment_digests.length);
    params[11] = db_bytes(seal->exclusions_digest.bytes, DIGEST_BYTES);
    params[12] = db_bytes(seal->content.bytes, DIGEST_BYTES);
    params[13] = db_string(utc_format(seal->sealed_at_us, sealed_at));
    params[14] = db_bytes(seal->previous.bytes, DIGEST_BYTES);
    params[15] = db_bytes(seal->digest.bytes, DIGEST_BYTES);
    bool done = db_run(db, SQL_INSERT, params, 16, NULL, err);
    return done || err_prefix(err, "writing a seal: ");
}
