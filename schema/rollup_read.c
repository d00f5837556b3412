/* Rollups to rows for rating and reports: the reading half of rollup_store.h. */
#include "schema/rollup_store.h"

#include <inttypes.h>

#include "lib/forecast.h"
#include "lib/utc.h"
#include "schema/account_store.h"
#include "schema/db_array.h"

/* Sums first: names are looked up once for each sum, and not for each row that goes into it. */
#define SUMS                                                                                              \
    "sum(invocations), sum(errors), sum(timeouts), sum(initializations), sum(duration_us), sum(init_us)," \
    " sum(duration_1ms), sum(duration_100ms), sum(with_init_1ms), sum(with_init_100ms), sum(cpu_us),"     \
    " sum(streamed_bytes), sum(capacity_records), sum(capacity_1s), sum(capacity_300s), max(max_memory_used_mb), max(max_duration_us)"
#define SUMMED(whom, group)                                                                                                        \
    "(SELECT tenant_id, config_id, " group SUMS " FROM rollups"                                                                    \
    " WHERE hour >= $2::timestamptz AND hour <= $3::timestamptz - interval '1 hour' AND (invocations > 0 OR capacity_records > 0)" \
    " AND " whom " GROUP BY " group "tenant_id, config_id) r (tenant_id, config_id, " group                                        \
    "s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, m1, m2)"
#define COLUMNS(hour)                                                                             \
    "c.function, c.region, c.architecture, c.mode, c.package, c.memory_mb, c.ephemeral_mb, " hour \
    ", s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, m1, m2"
#define BY_CONFIG \
    "c.function COLLATE \"C\", c.region COLLATE \"C\", c.architecture, c.memory_mb, c.ephemeral_mb, c.mode, c.package"
#define ITS_ACCOUNT "a.account_id = " ACCOUNT_IN_MONTH("$4::date")
#define NAMED \
    " JOIN configs c USING (tenant_id, config_id) LEFT JOIN tenants t USING (tenant_id) LEFT JOIN accounts a ON " ITS_ACCOUNT
#define QUERY(whom, hour, group, order)                                                     \
    "SELECT r.tenant_id, t.name, a.name, " COLUMNS(hour) " FROM " SUMMED(whom, group) NAMED \
        " ORDER BY a.name COLLATE \"C\", t.name COLLATE \"C\", " order BY_CONFIG

#define BY_NAME "($1::text IS NULL OR tenant_id = (SELECT tenant_id FROM tenants WHERE name = $1))"
static const char SQL_PERIOD[] = QUERY(BY_NAME, "0", "", "");
static const char SQL_HOURS[] = QUERY(BY_NAME, "(extract(epoch FROM r.hour) * 1000000)::bigint", "hour, ", "r.hour, ");
/* Functions that a free tier cannot tell apart are added up by the server: there may be hundreds for each row that is left. */
static const char SQL_MEMORY_HOURS[] =
    "SELECT r.tenant_id, t.name, a.name, '', '', 'x86_64', r.mode, 'managed', r.memory_mb, 0,"
    " (extract(epoch FROM r.hour) * 1000000)::bigint, s1, 0, 0, 0, 0, 0, s7, s8, s9, s10, 0, 0, 0, 0, 0, 0, 0 FROM"
    " (SELECT tenant_id, c.mode, c.memory_mb, hour, sum(invocations) AS s1, sum(duration_1ms) AS s7, sum(duration_100ms) AS s8,"
    " sum(with_init_1ms) AS s9, sum(with_init_100ms) AS s10 FROM rollups JOIN configs c USING (tenant_id, config_id)"
    " WHERE hour >= $2::timestamptz AND hour <= $3::timestamptz - interval '1 hour' AND (invocations > 0 OR capacity_records > 0)"
    " AND " BY_NAME " GROUP BY tenant_id, c.mode, c.memory_mb, hour) r"
    " LEFT JOIN tenants t USING (tenant_id) LEFT JOIN accounts a ON " ITS_ACCOUNT
    " ORDER BY a.name COLLATE \"C\", t.name COLLATE \"C\"";
/* Names once for each tenant and not for each of its configurations, and the tenants' own configurations only: OFFSET 0
 * keeps the planner from taking the two keys of the last join, which go together, for independent. */
#define THESE "tenant_id = ANY ($1::bigint[])"
#define NAMES                                                                                                  \
    "(SELECT u.tenant_id, u.place, t.name AS tenant, a.name AS account"                                        \
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS u (tenant_id, place) LEFT JOIN tenants t USING (tenant_id)" \
    " LEFT JOIN accounts a ON " ITS_ACCOUNT ")"
#define CONFIGS                                                                               \
    "(SELECT n.place, n.tenant, n.account, c.* FROM names n JOIN configs c USING (tenant_id)" \
    " WHERE c." THESE " OFFSET 0) c"
static const char SQL_PERIOD_OF[] =
    "WITH names AS MATERIALIZED " NAMES " SELECT c.tenant_id, c.tenant, c.account, " COLUMNS(
        "0") " FROM " CONFIGS " JOIN " SUMMED(THESE, "") " USING (tenant_id, config_id) ORDER BY c.place, " BY_CONFIG;

/* Rows that weigh the same are added up before they are multiplied: of a habit there are few weights, for what is left of a period is one piece of time. */
#define ITS_WEEKS "n.weeks * interval '168 hours'"
#define TIMES(sum) "div(sum(" sum " * weight), whole)"
static const char SQL_GOING_ON[] =
    "WITH names AS MATERIALIZED (SELECT u.tenant_id, u.weeks, u.place, t.name AS tenant, a.name AS account"
    " FROM unnest($1::bigint[], $5::bigint[]) WITH ORDINALITY AS u (tenant_id, weeks, place) LEFT JOIN tenants t USING (tenant_id)"
    " LEFT JOIN accounts a ON " ITS_ACCOUNT "),"
    " weighed (tenant_id, config_id, whole, weight, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, m1, m2) AS"
    " (SELECT tenant_id, config_id, greatest(n.weeks * 3600, 1)::numeric, w.weight::numeric, " SUMS
    " FROM rollups r JOIN names n USING (tenant_id) CROSS JOIN LATERAL (SELECT"
    " CASE WHEN r.hour >= $2::timestamptz AND r.hour <= $3::timestamptz - interval '1 hour' THEN greatest(n.weeks * 3600, 1) ELSE 0 END +"
    " CASE WHEN r.hour >= $6::timestamptz - " ITS_WEEKS " AND r.hour < $6::timestamptz"
    " THEN ($7::bigint[])[extract(epoch FROM r.hour)::bigint / 3600 % 168 + 1] ELSE 0 END AS weight) w"
    " WHERE r.hour >= least($2::timestamptz, $6::timestamptz - (SELECT max(weeks) FROM names) * interval '168 hours')"
    " AND r.hour < greatest($3::timestamptz, $6::timestamptz) AND r." THESE
    " AND (invocations > 0 OR capacity_records > 0) AND w.weight > 0"
    " GROUP BY tenant_id, config_id, n.weeks, w.weight),"
    " r AS (SELECT tenant_id, config_id, " TIMES("s1") " AS s1, " TIMES("s2") " AS s2, " TIMES("s3") " AS s3, " TIMES("s4") " AS s4, " TIMES("s5") " AS s5, " TIMES("s6") " AS s6, " TIMES("s7") " AS s7, " TIMES(
        "s8") " AS s8, " TIMES("s9") " AS s9, " TIMES("s10") " AS s10, " TIMES("s11") " AS s11, " TIMES("s12") " AS s12, " TIMES("s13") " AS s13, " TIMES("s14") " AS s14, " TIMES("s15") " AS s15, max(m1) AS m1, max(m2) AS m2 FROM weighed GROUP BY tenant_id, config_id, whole)"
                                                                                                                                                                                          " SELECT r.tenant_id, n.tenant, n.account, " COLUMNS(
                                                                                                                                                                                              "0") ", n.weeks FROM r JOIN names n USING (tenant_id)"
                                                                                                                                                                                                   " JOIN configs c USING (tenant_id, config_id) ORDER BY n.place, " BY_CONFIG;

static const char SQL_FIRST_HOURS[] =
    "SELECT u.place, (extract(epoch FROM f.first) * 1000000)::bigint FROM unnest($1::bigint[]) WITH ORDINALITY AS u (tenant_id, place)"
    " CROSS JOIN LATERAL (SELECT min(r.hour) AS first FROM rollups r WHERE r.tenant_id = u.tenant_id AND r.hour >= $2::timestamptz"
    " AND r.hour < $3::timestamptz AND (r.invocations > 0 OR r.capacity_records > 0)) f WHERE f.first IS NOT NULL";

enum { COLUMN_HOUR = 10, COLUMN_SUMS = 11, COLUMN_WEEKS = 28 };

typedef struct Reading {
    RollupVisit visit;
    void *context;
    int64_t start_us;
    bool hours;
    bool weeks;
} Reading;

/** Decimal digits to 128 bits; PostgreSQL's numeric sums of bigints are whole and, here, never negative. */
static bool
total_parse(Text digits, RollupTotal *out, Err *err)
{
    RollupTotal value = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || i >= 38)
            return err_set(err, ERR_CORRUPT, "a rollup sum reads '%.*s', expected a whole number", TEXT_ARG(digits));
        const unsigned digit = (unsigned) (digits.data[i] - '0');
        value = (RollupTotal) (value * 10U + digit);
    }
    *out = value;
    return true;
}

static bool
read_sums(const DbResult *result, RollupRow *row, Err *err)
{
    RollupTotal *const totals[] = {
        &row->invocations, &row->errors,         &row->timeouts,         &row->initializations, &row->duration_us,
        &row->init_us,     &row->duration_1ms,   &row->duration_100ms,   &row->with_init_1ms,   &row->with_init_100ms,
        &row->cpu_us,      &row->streamed_bytes, &row->capacity_records, &row->capacity_1s,     &row->capacity_300s,
    };
    const int count = (int) (sizeof totals / sizeof totals[0]);
    for (int i = 0; i < count; i++)
        if (!total_parse(db_slice(result, 0, COLUMN_SUMS + i), totals[i], err))
            return false;
    row->max_memory_used_mb = db_i64(result, 0, COLUMN_SUMS + count);
    row->max_duration_us = db_i64(result, 0, COLUMN_SUMS + count + 1);
    return true;
}

static bool
read_row(void *context, const DbResult *result, Err *err)
{
    const Reading *reading = context;
    RollupRow row = {.tenant_id = db_i64(result, 0, 0),
                     .tenant = db_slice(result, 0, 1),
                     .account = db_slice(result, 0, 2),
                     .function = db_slice(result, 0, 3),
                     .region = db_slice(result, 0, 4),
                     .memory_mb = db_i64(result, 0, 8),
                     .ephemeral_mb = db_i64(result, 0, 9)};
    if (db_is_null(result, 0, 1) || db_is_null(result, 0, 2)) {
        err_set(err, ERR_CORRUPT, "tenant %" PRId64 " has usage, but no %s", row.tenant_id,
                db_is_null(result, 0, 1) ? "row in tenants" : "account");
        return err_hint(err, "rows were taken from the database: `millibill verify` names them");
    }
    row.weeks = reading->weeks ? (int) db_i64(result, 0, COLUMN_WEEKS) : 0;
    row.hour_us = reading->hours ? db_i64(result, 0, COLUMN_HOUR) : reading->start_us;
    if (!usage_architecture_parse(db_slice(result, 0, 5), &row.architecture) ||
        !usage_mode_parse(db_slice(result, 0, 6), &row.mode) ||
        !usage_package_parse(db_slice(result, 0, 7), &row.package))
        return err_set(err, ERR_CORRUPT, "configs: function '%.*s' has an unknown architecture, mode or package",
                       TEXT_ARG(row.function));
    return read_sums(result, &row, err) && reading->visit(reading->context, &row, err);
}

static bool
stream(Db *db, const char *sql, const char *tenant, const RollupSpan *span, Reading *reading, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char month[UTC_TEXT_BYTES];
    const DbParam params[4] = {db_string(tenant), db_string(utc_format(span->start_us, start)),
                               db_string(utc_format(span->end_us, end)),
                               db_string(utc_format_day(utc_month_start_us(span->month), month))};
    return db_stream(db, sql, params, 4, read_row, reading, err);
}

MUST_CHECK bool
rollup_stream(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit, void *context, Err *err)
{
    Reading reading = {visit, context, span->start_us, false, false};
    return stream(db, SQL_PERIOD, tenant, span, &reading, err);
}

MUST_CHECK bool
rollup_stream_hours(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit, void *context, Err *err)
{
    Reading reading = {visit, context, span->start_us, true, false};
    return stream(db, SQL_HOURS, tenant, span, &reading, err);
}

MUST_CHECK bool
rollup_stream_memory_hours(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit, void *context,
                           Err *err)
{
    Reading reading = {visit, context, span->start_us, true, false};
    return stream(db, SQL_MEMORY_HOURS, tenant, span, &reading, err);
}

bool
rollup_stream_by_index(Db *db, Err *err)
{
    return db_script(db, "SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0", err);
}

static bool
add_all(DbArray *array, const int64_t *values, size_t count, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = db_array_add_i64(array, values[i], err);
    return done;
}

MUST_CHECK bool
rollup_stream_of(Db *db, const int64_t *tenants, size_t count, const RollupSpan *span, RollupVisit visit, void *context,
                 Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char month[UTC_TEXT_BYTES];
    DbArray ids = db_array_of(DB_BIGINT);
    Reading reading = {visit, context, span->start_us, false, false};
    DbParam params[4] = {db_null(), db_string(utc_format(span->start_us, start)),
                         db_string(utc_format(span->end_us, end)),
                         db_string(utc_format_day(utc_month_start_us(span->month), month))};
    bool done = add_all(&ids, tenants, count, err) && db_array_param(&ids, &params[0], err) &&
                db_stream(db, SQL_PERIOD_OF, params, 4, read_row, &reading, err);
    db_array_free(&ids);
    return done;
}

MUST_CHECK bool
rollup_stream_going_on(Db *db, const RollupHabits *habits, const RollupSpan *span, RollupVisit visit, void *context,
                       Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char month[UTC_TEXT_BYTES];
    char before[UTC_TEXT_BYTES];
    DbArray ids = db_array_of(DB_BIGINT);
    DbArray weeks = db_array_of(DB_BIGINT);
    DbArray left = db_array_of(DB_BIGINT);
    Reading reading = {visit, context, span->start_us, false, true};
    DbParam params[7] = {db_null(),
                         db_string(utc_format(span->start_us, start)),
                         db_string(utc_format(span->end_us, end)),
                         db_string(utc_format_day(utc_month_start_us(span->month), month)),
                         db_null(),
                         db_string(utc_format(habits->end_us, before)),
                         db_null()};
    bool done = add_all(&ids, habits->tenants, habits->count, err) &&
                add_all(&weeks, habits->weeks, habits->count, err) &&
                add_all(&left, habits->left_s, FORECAST_SLOTS, err) && db_array_param(&ids, &params[0], err) &&
                db_array_param(&weeks, &params[4], err) && db_array_param(&left, &params[6], err) &&
                db_stream(db, SQL_GOING_ON, params, 7, read_row, &reading, err);
    db_array_free(&ids);
    db_array_free(&weeks);
    db_array_free(&left);
    return done;
}

typedef struct FirstReading {
    RollupFirstVisit visit;
    void *context;
} FirstReading;

static bool
read_first(void *context, const DbResult *result, Err *err)
{
    const FirstReading *reading = context;
    return reading->visit(reading->context, (size_t) db_i64(result, 0, 0) - 1, db_i64(result, 0, 1), err);
}

MUST_CHECK bool
rollup_first_hours(Db *db, const int64_t *tenants, size_t count, int64_t start_us, int64_t end_us,
                   RollupFirstVisit visit, void *context, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbArray ids = db_array_of(DB_BIGINT);
    FirstReading reading = {visit, context};
    DbParam params[3] = {db_null(), db_string(utc_format(start_us, start)), db_string(utc_format(end_us, end))};
    bool done = add_all(&ids, tenants, count, err) && db_array_param(&ids, &params[0], err) &&
                db_stream(db, SQL_FIRST_HOURS, params, 3, read_first, &reading, err);
    db_array_free(&ids);
    return done;
}
