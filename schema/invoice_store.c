#include "schema/invoice_store.h"

#include <stdio.h>
#include <string.h>

#include "lib/utc.h"
#include "schema/db_array.h"

static const char SQL_LOCK[] = "LOCK TABLE rating_runs IN SHARE ROW EXCLUSIVE MODE"; /* takes no snapshot */
static const char SQL_WATERMARK[] = "SELECT last_receipt FROM installation";
static const char SQL_RUN[] =
    "INSERT INTO rating_runs (kind, period_start, period_end, receipt_watermark, price_book_sha256, default_region, "
    "free_tier, document_version, period_month, closing_month)"
    " VALUES ($1, $2::timestamptz, $3::timestamptz, $4::bigint, $5, $6, $7::boolean, $8::integer, $9::date, $10::date) RETURNING run_id";
static const char SQL_MEASURES[] =
    "INSERT INTO rating_measures (run_id, sku, mode, package, measure, rollup_column, clock_up_to_mb, clock_mhz,"
    " included_mb, unit_parts, memory_step_mb, memory_minimum_mb, memory_maximum_mb, part, hour_from, hour_until)"
    " SELECT $1::bigint, sku, mode, package, measure, rollup_column, nullif(up_to, '')::bigint[],"
    " nullif(mhz, '')::bigint[], included, parts, step, minimum, maximum, $14::integer, $15::timestamptz, $16::timestamptz"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],"
    " $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])"
    " AS t(sku, mode, package, measure, rollup_column, up_to, mhz, included, parts, step, minimum, maximum)";
static const char SQL_TIDY[] = "DELETE FROM rating_runs r WHERE kind = 'preview' AND run_id <> $1::bigint"
                               " AND NOT EXISTS (SELECT FROM invoices i WHERE i.run_id = r.run_id)";
static const char SQL_NUMBER[] = "SELECT invoice_number_take($1)";
static const char SQL_NEXT_NUMBER[] = "SELECT invoice_numbers_take($1, 0)";
static const char SQL_WRITE[] = "SELECT invoice_write($1::bigint, $2::bigint, $3)";

static const char SQL_FINAL[] =
    "SELECT number, coalesce(payable_currency, currency), coalesce(payable_total, total), receipt_watermark, document,"
    " EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')"
    " FROM invoices i WHERE tenant_id = $1::bigint AND period_month = $2::date AND state = 'final' AND kind = 'invoice'"
    " ORDER BY revision DESC LIMIT 1";
static const char SQL_FINAL_ID[] =
    "SELECT coalesce(min(invoice_id), $3::bigint) FROM invoices i"
    " WHERE tenant_id = $1::bigint AND period_month = $2::date AND state = 'final' AND kind = 'invoice' AND NOT EXISTS"
    " (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')";
static const char SQL_LATE[] =
    "WITH late AS (SELECT s.hour, s.segment_id, r.first_ordinal, r.records FROM segments s JOIN commits c USING (commit_id)"
    " CROSS JOIN segment_runs(s.sources) AS r"
    " WHERE s.tenant_id = $1::bigint AND s.hour >= $2::timestamptz AND s.hour < $3::timestamptz AND c.receipt > $4::bigint"
    " AND coalesce(r.receipt, c.receipt) > $4::bigint)"
    " SELECT (SELECT coalesce(sum(records), 0) FROM late) -"
    " (SELECT count(*) FROM late JOIN exclusions e ON e.tenant_id = $1::bigint AND e.hour = late.hour"
    " AND e.segment_id = late.segment_id AND e.ordinal >= late.first_ordinal"
    " AND e.ordinal < late.first_ordinal + late.records)";

/* Run a statement that gives one number. */
static bool
query_i64(Db *db, const char *sql, const DbParam *params, int count, int64_t *out, Err *err)
{
    DbResult *result = db_query(db, sql, params, count, err);
    if (result == NULL)
        return false;
    bool done = db_rows(result) == 1 && !db_is_null(result, 0, 0);
    if (done)
        *out = db_i64(result, 0, 0);
    else
        err_set(err, ERR_CORRUPT, "the database gave no answer where one row was expected");
    db_result_free(&result);
    return done;
}

bool
rating_run_lock(Db *db, Err *err)
{
    return db_run(db, SQL_LOCK, NULL, 0, NULL, err) || err_prefix(err, "waiting for another rating run: ");
}

bool
receipt_watermark(Db *db, int64_t *receipt, Err *err)
{
    return query_i64(db, SQL_WATERMARK, NULL, 0, receipt, err) || err_prefix(err, "reading the last receipt: ");
}

bool
rating_measures_add(Db *db, int64_t run_id, const RatingHours *hours, const RatingMeasure *measures, size_t count,
                    Err *err)
{
    enum { TEXTS = 7, ARRAYS = 12, OTHERS = 4 };
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    DbArray arrays[ARRAYS];
    bool done = true;
    for (size_t i = 0; i < ARRAYS; i++)
        arrays[i] = db_array_of(i < TEXTS ? DB_TEXT : DB_BIGINT);
    for (size_t i = 0; done && i < count; i++) {
        const RatingMeasure *of = &measures[i];
        const char *const texts[TEXTS] = {of->sku,           of->mode,           of->package,  of->measure,
                                          of->rollup_column, of->clock_up_to_mb, of->clock_mhz};
        const int64_t numbers[ARRAYS - TEXTS] = {of->included_mb, of->unit_parts, of->memory_step_mb,
                                                 of->memory_minimum_mb, of->memory_maximum_mb};
        for (size_t t = 0; done && t < TEXTS; t++)
            done = db_array_add_text(&arrays[t], text_of(texts[t] == NULL ? "" : texts[t]), err);
        for (size_t n = 0; done && n < ARRAYS - TEXTS; n++)
            done = db_array_add_i64(&arrays[TEXTS + n], numbers[n], err);
    }
    DbParam params[ARRAYS + OTHERS];
    db_set_i64(&params[0], run_id);
    db_set_i64(&params[1 + ARRAYS], hours->part);
    params[2 + ARRAYS] = hours->whole ? db_null() : db_string(utc_format(hours->from_us, from));
    params[3 + ARRAYS] = hours->whole ? db_null() : db_string(utc_format(hours->until_us, until));
    done = done && db_array_params(arrays, ARRAYS, params + 1, err) &&
           db_run(db, SQL_MEASURES, params, ARRAYS + OTHERS, NULL, err);
    db_array_free_all(arrays, ARRAYS);
    return done || err_prefix(err, "recording the measures of a rating run: ");
}

bool
rating_run_create(Db *db, const RatingRun *run, int64_t *run_id, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char month[UTC_TEXT_BYTES];
    char closing[UTC_TEXT_BYTES];
    DbParam params[10] = {
        db_string(run->final ? "final" : "preview"),
        db_string(utc_format(run->period_start_us, start)),
        db_string(utc_format(run->period_end_us, end)),
        db_null(),
        db_bytes(run->price_book.bytes, DIGEST_BYTES),
        db_string(run->default_region == NULL ? "" : run->default_region),
        db_string(run->free_tier ? "true" : "false"),
    };
    db_set_i64(&params[3], run->receipt_watermark);
    db_set_i64(&params[7], run->document_version);
    params[8] = db_string(utc_format_day(utc_month_start_us(run->month), month));
    params[9] =
        run->closing.year == 0 ? db_null() : db_string(utc_format_day(utc_month_start_us(run->closing), closing));
    return query_i64(db, SQL_RUN, params, 10, run_id, err) || err_prefix(err, "recording the rating run: ");
}

bool
rating_runs_tidy(Db *db, int64_t keep_run_id, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], keep_run_id);
    return db_run(db, SQL_TIDY, params, 1, NULL, err) || err_prefix(err, "removing replaced previews: ");
}

bool
invoice_number_take(Db *db, const char *series, int64_t *number, Err *err)
{
    const DbParam params[] = {db_string(series)};
    return query_i64(db, SQL_NUMBER, params, 1, number, err) || err_prefix(err, "taking an invoice number: ");
}

bool
invoice_number_next(Db *db, const char *series, int64_t *number, Err *err)
{
    const DbParam params[] = {db_string(series)};
    return query_i64(db, SQL_NEXT_NUMBER, params, 1, number, err) ||
           err_prefix(err, "asking for the next invoice number: ");
}

bool
invoice_write(Db *db, int64_t tenant_id, int64_t run_id, const char *document, Err *err)
{
    int64_t invoice_id = 0;
    DbParam params[3] = {db_null(), db_null(), db_string(document)};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], run_id);
    return query_i64(db, SQL_WRITE, params, 3, &invoice_id, err) || err_prefix(err, "writing an invoice: ");
}

bool
invoice_find_final(Db *db, int64_t tenant_id, UtcMonth month, FinalInvoice *found, Buffer *document, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[2] = {db_null(), db_string(utc_format_day(utc_month_start_us(month), day))};
    db_set_i64(&params[0], tenant_id);
    *found = (FinalInvoice){0};
    DbResult *result = db_query(db, SQL_FINAL, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "looking for a final invoice: ");
    bool done = true;
    found->was_void = db_rows(result) == 1 && strcmp(db_value(result, 0, 5), "t") == 0;
    if (db_rows(result) == 1 && !found->was_void) {
        Text text = db_slice(result, 0, 4);
        found->exists = true;
        snprintf(found->number, sizeof(found->number), "%s", db_value(result, 0, 0));
        snprintf(found->currency, sizeof(found->currency), "%s", db_value(result, 0, 1));
        snprintf(found->total, sizeof(found->total), "%s", db_value(result, 0, 2));
        found->receipt_watermark = db_i64(result, 0, 3);
        done = document == NULL || buffer_append(document, text.data, text.length, err);
    }
    db_result_free(&result);
    return done;
}

bool
invoice_final_id(Db *db, int64_t tenant_id, UtcMonth month, int64_t *invoice_id, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbParam params[3] = {db_null(), db_string(utc_format_day(utc_month_start_us(month), day)), db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[2], *invoice_id);
    return query_i64(db, SQL_FINAL_ID, params, 3, invoice_id, err) || err_prefix(err, "looking for a final invoice: ");
}

bool
invoice_late_records(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, int64_t watermark, int64_t *records,
                     Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4] = {db_null(), db_string(utc_format(start_us, start)), db_string(utc_format(end_us, end)),
                         db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[3], watermark);
    return query_i64(db, SQL_LATE, params, 4, records, err) || err_prefix(err, "looking for late usage: ");
}
