#include "schema/verify_store.h"

#include <string.h>

#include "schema/account_store.h"
#include "schema/tenant_store.h"
#include "schema/verify_cursor.h"

#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define PERIOD(column) column " >= $2::timestamptz AND " column " < $3::timestamptz"

MUST_CHECK bool
verify_begin(Db *db, Err *err)
{
    return db_begin(db, true, err) && db_run(db, "SET TRANSACTION READ ONLY", NULL, 0, NULL, err);
}

const char *
verify_limit_text(int64_t time_us, char out[UTC_TEXT_BYTES])
{
    if (time_us == INT64_MIN)
        return "-infinity";
    return time_us == INT64_MAX ? "infinity" : utc_format(time_us, out);
}

/* ---- segments ---- */

static const VerifyCursorKind SEGMENTS = {
    "DECLARE verify_segments NO SCROLL CURSOR FOR SELECT " US(
        "s.hour") ", s.segment_id, coalesce(c.receipt, 0),"
                  " s.records, s.digest, s.payload, s.sources FROM segments s LEFT JOIN commits c USING (commit_id)"
                  " WHERE s.tenant_id = $1::bigint AND " PERIOD(
                      "s.hour") " AND (coalesce(c.receipt, 0) <= $4::bigint"
                                " OR substring(s.sources FROM 1 FOR 1) = '\\x02') ORDER BY s.hour, s.segment_id",
    "FETCH FORWARD 8 FROM verify_segments",
    "CLOSE verify_segments",
};

MUST_CHECK VerifyCursor *
verify_segments_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err)
{
    return verify_cursor_open_tenant(db, &SEGMENTS, tenant_id, period, watermark, true, err);
}

MUST_CHECK bool
verify_segments_next(VerifyCursor *self, VerifySegment *row, bool *more, Err *err)
{
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (!*more)
        return true;
    buffer_clear(&self->digest);
    buffer_clear(&self->payload);
    buffer_clear(&self->sources);
    if (!db_bytea(self->page, at, 4, &self->digest, err) || !db_bytea(self->page, at, 5, &self->payload, err) ||
        !db_bytea(self->page, at, 6, &self->sources, err))
        return false;
    *row = (VerifySegment){.key = {db_i64(self->page, at, 0), db_i64(self->page, at, 1)},
                           .receipt = db_i64(self->page, at, 2),
                           .records = db_i64(self->page, at, 3),
                           .digest = buffer_text(&self->digest),
                           .payload = buffer_text(&self->payload),
                           .sources = buffer_text(&self->sources)};
    return true;
}

static const char SQL_PAYLOAD[] = "SELECT payload FROM segments WHERE tenant_id = $1::bigint AND hour = $2::timestamptz"
                                  " AND segment_id = $3::bigint";

MUST_CHECK bool
verify_payload(Db *db, int64_t tenant_id, const SegmentKey *key, Buffer *out, bool *found, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    DbParam params[3] = {db_null(), db_string(utc_format(key->hour_us, hour)), db_null()};
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[2], key->segment_id);
    DbResult *rows = db_query(db, SQL_PAYLOAD, params, 3, err);
    *found = rows != NULL && db_rows(rows) == 1;
    bool done = rows != NULL && (!*found || db_bytea(rows, 0, 0, out, err));
    db_result_free(&rows);
    return done;
}

/* ---- exclusions ---- */

#define EXCLUSION_COLUMNS                                                                      \
    US("e.hour")                                                                               \
    ", e.segment_id, e.ordinal, e.stream_id, e.sequence, e.reason = 'copy', " US(              \
        "e.kept_hour") ", e.kept_segment_id, e.kept_ordinal, e.reason = 'reversed', e.reason," \
                       " coalesce((SELECT x.receipt FROM commits x WHERE x.commit_id = e.commit_id), 0) FROM exclusions e"

static const VerifyCursorKind EXCLUSIONS = {
    "DECLARE verify_exclusions NO SCROLL CURSOR FOR SELECT " EXCLUSION_COLUMNS
    " LEFT JOIN commits c USING (commit_id) WHERE e.tenant_id = $1::bigint AND " PERIOD(
        "e.hour") " AND coalesce(c.receipt, 0) <= $4::bigint ORDER BY e.hour, e.segment_id, e.ordinal",
    "FETCH FORWARD 1000 FROM verify_exclusions",
    "CLOSE verify_exclusions",
};
static const VerifyCursorKind KEPT = {
    "DECLARE verify_kept NO SCROLL CURSOR FOR SELECT " EXCLUSION_COLUMNS " WHERE e.tenant_id = $1::bigint AND " PERIOD(
        "e.hour") " AND " PERIOD("e.kept_hour") " ORDER BY e.kept_hour, e.kept_segment_id, e.kept_ordinal",
    "FETCH FORWARD 1000 FROM verify_kept",
    "CLOSE verify_kept",
};

MUST_CHECK VerifyCursor *
verify_exclusions_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err)
{
    return verify_cursor_open_tenant(db, &EXCLUSIONS, tenant_id, period, watermark, true, err);
}

MUST_CHECK VerifyCursor *
verify_kept_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err)
{
    return verify_cursor_open_tenant(db, &KEPT, tenant_id, period, 0, false, err);
}

MUST_CHECK bool
verify_exclusions_next(VerifyCursor *self, VerifyExclusion *row, bool *more, Err *err)
{
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (*more)
        *row = (VerifyExclusion){.key = {db_i64(self->page, at, 0), db_i64(self->page, at, 1)},
                                 .ordinal = db_i64(self->page, at, 2),
                                 .stream_id = db_i64(self->page, at, 3),
                                 .sequence = db_i64(self->page, at, 4),
                                 .copy = strcmp(db_value(self->page, at, 5), "t") == 0,
                                 .kept = {db_i64(self->page, at, 6), db_i64(self->page, at, 7)},
                                 .kept_ordinal = db_i64(self->page, at, 8),
                                 .reversed = strcmp(db_value(self->page, at, 9), "t") == 0,
                                 .reason = db_value(self->page, at, 10),
                                 .receipt = db_i64(self->page, at, 11)};
    return true;
}

/* ---- rollups ---- */

const char *const VERIFY_SUM_NAMES[VERIFY_SUMS] = {
    "invocations",      "errors",         "timeouts",      "initializations",    "duration_us",     "init_us",
    "duration_1ms",     "duration_100ms", "with_init_1ms", "with_init_100ms",    "cpu_us",          "streamed_bytes",
    "capacity_records", "capacity_1s",    "capacity_300s", "max_memory_used_mb", "max_duration_us",
};

static const VerifyCursorKind ROLLUPS = {
    "DECLARE verify_rollups NO SCROLL CURSOR FOR SELECT " US(
        "r.hour") ", c.function, c.region, c.architecture, c.mode,"
                  " c.package, c.memory_mb, c.ephemeral_mb, r.invocations, r.errors, r.timeouts, r.initializations, r.duration_us,"
                  " r.init_us, r.duration_1ms, r.duration_100ms, r.with_init_1ms, r.with_init_100ms, r.cpu_us, r.streamed_bytes, r.capacity_records, r.capacity_1s, r.capacity_300s,"
                  " r.max_memory_used_mb, r.max_duration_us FROM rollups r JOIN configs c USING (tenant_id, config_id)"
                  " WHERE r.tenant_id = $1::bigint AND " PERIOD("r.hour") " ORDER BY r.hour, r.config_id",
    "FETCH FORWARD 500 FROM verify_rollups",
    "CLOSE verify_rollups",
};

MUST_CHECK VerifyCursor *
verify_rollups_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err)
{
    return verify_cursor_open_tenant(db, &ROLLUPS, tenant_id, period, 0, false, err);
}

static void
sums_places(RollupSums *sums, int64_t *places[VERIFY_SUMS])
{
    int64_t *const all[VERIFY_SUMS] = {
        &sums->invocations,      &sums->errors,          &sums->timeouts,      &sums->initializations,
        &sums->duration_us,      &sums->init_us,         &sums->duration_1ms,  &sums->duration_100ms,
        &sums->with_init_1ms,    &sums->with_init_100ms, &sums->cpu_us,        &sums->streamed_bytes,
        &sums->capacity_records, &sums->capacity_1s,     &sums->capacity_300s, &sums->max_memory_used_mb,
        &sums->max_duration_us,
    };
    memcpy(places, all, sizeof all);
}

void
verify_sums_list(const RollupSums *sums, int64_t out[VERIFY_SUMS])
{
    RollupSums copy = *sums;
    int64_t *places[VERIFY_SUMS];
    sums_places(&copy, places);
    for (int i = 0; i < VERIFY_SUMS; i++)
        out[i] = *places[i];
}

MUST_CHECK bool
verify_rollups_next(VerifyCursor *self, VerifyRollup *row, bool *more, Err *err)
{
    enum { COLUMN_SUMS = 8 };
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (!*more)
        return true;
    const DbResult *page = self->page;
    *row = (VerifyRollup){.hour_us = db_i64(page, at, 0),
                          .config = {.function = db_slice(page, at, 1),
                                     .region = db_slice(page, at, 2),
                                     .memory_mb = db_i64(page, at, 6),
                                     .ephemeral_mb = db_i64(page, at, 7)}};
    if (!usage_architecture_parse(db_slice(page, at, 3), &row->config.architecture) ||
        !usage_mode_parse(db_slice(page, at, 4), &row->config.mode) ||
        !usage_package_parse(db_slice(page, at, 5), &row->config.package))
        return err_set(err, ERR_CORRUPT, "configs: function '%.*s' has an unknown architecture, mode or package",
                       TEXT_ARG(row->config.function));
    int64_t *places[VERIFY_SUMS];
    sums_places(&row->sums, places);
    for (int i = 0; i < VERIFY_SUMS; i++)
        *places[i] = db_i64(page, at, COLUMN_SUMS + i);
    return true;
}

/* ---- invoices ---- */

static const VerifyCursorKind INVOICES = {
    "DECLARE verify_invoices NO SCROLL CURSOR FOR SELECT i.tenant_id, i.invoice_id, i.run_id, i.number, t.name, " TENANT_ACCOUNT_NAME
    ","
    " " US("i.period_start") ", " US(
        "i.period_end") ", i.receipt_watermark, i.currency, i.subtotal, i.total,"
                        " i.invocations, encode(i.document_sha256, 'hex'), i.document, r.free_tier, encode(i.price_book_sha256, 'hex'),"
                        " b.source, r.document_version, i.contract_revision, i.kind, i.refers_to, to_char(i.period_month, 'YYYY-MM'),"
                        " EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void') FROM invoices i LEFT JOIN tenants t USING (tenant_id)"
                        " LEFT JOIN accounts a ON a.account_id = " ACCOUNT_IN_MONTH(
                            "i.period_month") " LEFT JOIN rating_runs r USING (run_id) LEFT JOIN price_books b ON b.sha256 = i.price_book_sha256"
                                              " WHERE i.state = 'final' AND ($1::text IS NULL OR t.name = $1) AND ($2::date IS NULL OR i.period_month = $2::date) ORDER BY i.run_id, 6, i.period_start, i.receipt_watermark, t.name, i.invoice_id",
    "FETCH FORWARD 8 FROM verify_invoices",
    "CLOSE verify_invoices",
};

MUST_CHECK VerifyCursor *
verify_invoices_open(Db *db, const char *tenant, const UtcMonth *month, Err *err)
{
    char day[UTC_TEXT_BYTES];
    const DbParam params[2] = {db_string(tenant),
                               db_string(month == NULL ? NULL : utc_format_day(utc_month_start_us(*month), day))};
    return verify_cursor_open(db, &INVOICES, params, 2, err);
}

MUST_CHECK bool
verify_invoices_next(VerifyCursor *self, VerifyInvoice *row, bool *more, Err *err)
{
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (!*more)
        return true;
    const DbResult *page = self->page;
    *row = (VerifyInvoice){.tenant_id = db_i64(page, at, 0),
                           .invoice_id = db_i64(page, at, 1),
                           .run_id = db_i64(page, at, 2),
                           .number = db_value(page, at, 3),
                           .tenant = db_value(page, at, 4),
                           .account = db_value(page, at, 5),
                           .period_start_us = db_i64(page, at, 6),
                           .period_end_us = db_i64(page, at, 7),
                           .receipt_watermark = db_i64(page, at, 8),
                           .currency = db_value(page, at, 9),
                           .subtotal = db_value(page, at, 10),
                           .total = db_value(page, at, 11),
                           .invocations = db_value(page, at, 12),
                           .sha256 = db_value(page, at, 13),
                           .document = db_slice(page, at, 14),
                           .has_run = !db_is_null(page, at, 15),
                           .free_tier = strcmp(db_value(page, at, 15), "t") == 0,
                           .document_version = db_i64(page, at, 18),
                           .has_contract = !db_is_null(page, at, 19),
                           .kind = db_value(page, at, 20),
                           .refers_to = db_i64(page, at, 21),
                           .is_void = strcmp(db_value(page, at, 23), "t") == 0,
                           .book_sha256 = db_value(page, at, 16)};
    if (!db_is_null(page, at, 17))
        row->book = db_slice(page, at, 17);
    return utc_month_parse(db_value(page, at, 22), &row->month, err);
}

const char *const VERIFY_LINE_MEMBERS[VERIFY_LINE_MEMBER_COUNT] = {
    "region",        "architecture",    "mode",       "sku",    "description",  "unit", "tier", "quantity",
    "free_quantity", "billed_quantity", "unit_price", "amount", "amount_exact", "book",
};

static const char SQL_LINES[] =
    "SELECT region, architecture, mode, sku, description, unit, tier, quantity, free_quantity, billed_quantity, unit_price,"
    " amount, amount_exact, book FROM invoice_lines WHERE tenant_id = $1::bigint AND invoice_id = $2::bigint ORDER BY line";

const char *const VERIFY_FREE_TIER_MEMBERS[VERIFY_FREE_TIER_MEMBER_COUNT] = {
    "name", "unit", "allowance", "used", "account_used",
};
static const char SQL_FREE_TIERS[] =
    "SELECT name, unit, allowance, used, account_used FROM invoice_free_tiers"
    " WHERE tenant_id = $1::bigint AND invoice_id = $2::bigint ORDER BY name COLLATE \"C\"";

static bool
visit_members(Db *db, const char *sql, int members, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit,
              void *context, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], tenant_id);
    db_set_i64(&params[1], invoice_id);
    DbResult *rows = db_query(db, sql, params, 2, err);
    if (rows == NULL)
        return false;
    bool good = true;
    for (int row = 0; good && row < db_rows(rows); row++) {
        const char *values[VERIFY_LINE_MEMBER_COUNT];
        for (int i = 0; i < members; i++)
            values[i] = db_value(rows, row, i);
        good = visit(context, values, err);
    }
    db_result_free(&rows);
    return good;
}

MUST_CHECK bool
verify_lines(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err)
{
    return visit_members(db, SQL_LINES, VERIFY_LINE_MEMBER_COUNT, tenant_id, invoice_id, visit, context, err);
}

MUST_CHECK bool
verify_free_tiers(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err)
{
    return visit_members(db, SQL_FREE_TIERS, VERIFY_FREE_TIER_MEMBER_COUNT, tenant_id, invoice_id, visit, context, err);
}

const char *const VERIFY_ITEM_MEMBERS[VERIFY_ITEM_MEMBER_COUNT] = {"kind", "description", "amount", "amount_exact"};
static const char SQL_ITEMS[] = "SELECT kind, description, amount, amount_exact FROM invoice_items"
                                " WHERE tenant_id = $1::bigint AND invoice_id = $2::bigint ORDER BY item";

MUST_CHECK bool
verify_items(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err)
{
    return visit_members(db, SQL_ITEMS, VERIFY_ITEM_MEMBER_COUNT, tenant_id, invoice_id, visit, context, err);
}
