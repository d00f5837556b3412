#include "schema/usage_store.h"

#include <string.h>

enum { NAME_BYTES = 32 };

/* The one table of what can stand in GROUP BY. */
static const struct {
    const char *name;
    const char *sql; /* over the rows of USAGE_ROWS_SQL */
} DIMENSIONS[USAGE_DIMENSION_COUNT] = {
    [USAGE_BY_TENANT] = {"tenant", "u.tenant"},
    [USAGE_BY_ACCOUNT] = {"account", "u.account"},
    [USAGE_BY_FUNCTION] = {"function", "u.function"},
    [USAGE_BY_MONTH] = {"month", "to_char(u.hour AT TIME ZONE 'UTC', 'YYYY-MM')"},
    [USAGE_BY_DAY] = {"day", "to_char(u.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD')"},
    [USAGE_BY_HOUR] = {"hour", "to_char(u.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"},
    [USAGE_BY_REGION] = {"region", "u.region"},
    [USAGE_BY_ARCHITECTURE] = {"architecture", "u.architecture"},
    [USAGE_BY_MEMORY] = {"memory", "u.memory_mb"},
    [USAGE_BY_MODE] = {"mode", "u.mode"},
};

/* Usage and cost below each other; a usage that names no region has the one that its invoice was rated with.
 * $1 tenant, $2 $3 from and before (microseconds). */
static const char USAGE_ROWS_SQL[] =
    "WITH regions AS (SELECT t.name AS tenant, i.period_start, i.period_end, run.default_region"
    " FROM invoices_in_force i JOIN rating_runs run USING (run_id) JOIN tenants t USING (tenant_id)),"
    " limits AS (SELECT coalesce(to_timestamp($2::bigint / 1000000), '-infinity') AS first,"
    " coalesce(to_timestamp($3::bigint / 1000000), 'infinity') AS after),"
    " u AS (SELECT h.tenant, h.account, h.function, coalesce(nullif(h.region, ''), r.default_region, '') AS region,"
    " h.architecture, h.memory_mb, h.mode, h.hour, h.invocations::numeric, h.errors::numeric, h.timeouts::numeric,"
    " h.duration_ms::numeric, h.gb_seconds, NULL::numeric AS cost, NULL::text AS currency"
    " FROM limits, usage_hourly h LEFT JOIN regions r ON h.region = '' AND r.tenant = h.tenant AND h.hour >= "
    "r.period_start"
    " AND h.hour < r.period_end WHERE ($1::text IS NULL OR h.tenant = $1) AND h.hour >= first AND h.hour < after"
    " UNION ALL SELECT tenant, account, function, region, architecture, memory_mb, mode, hour, 0, 0, 0, 0, 0, cost, "
    "currency"
    " FROM limits, cost_hourly WHERE ($1::text IS NULL OR tenant = $1) AND hour >= first AND hour < after)";

static const char USAGE_SUMS_SQL[] =
    "sum(u.invocations), sum(u.errors), sum(u.timeouts), sum(u.duration_ms), trim_scale(sum(u.gb_seconds)),"
    " CASE WHEN count(DISTINCT u.currency) = 1 THEN trim_scale(sum(u.cost)) END,"
    " CASE WHEN count(DISTINCT u.currency) = 1 THEN min(u.currency) END";

const char *
usage_dimension_name(UsageDimension dimension)
{
    return DIMENSIONS[dimension].name;
}

static bool
dimension_find(Text name, UsageDimension *dimension)
{
    for (int i = 0; i < USAGE_DIMENSION_COUNT; i++) {
        if (!text_is(name, DIMENSIONS[i].name))
            continue;
        *dimension = (UsageDimension) i;
        return true;
    }
    return false;
}

bool
usage_dimensions_parse(const char *text, UsageDimension *dimensions, size_t *count, Err *err)
{
    static const char KNOWN[] =
        "known are tenant, account, function, month, day, hour, region, architecture, memory, mode";
    *count = 0;
    for (const char *at = text; at != NULL;) {
        size_t length = strcspn(at, ",");
        Text name = text_trim((Text){at, length});
        UsageDimension dimension = USAGE_BY_TENANT;
        if (!dimension_find(name, &dimension)) {
            err_set(err, ERR_USAGE, "there is no dimension '%.*s'",
                    (int) (name.length > NAME_BYTES ? NAME_BYTES : name.length), name.data);
            return err_hint(err, "%s", KNOWN);
        }
        for (size_t i = 0; i < *count; i++)
            if (dimensions[i] == dimension)
                return err_set(err, ERR_USAGE, "the dimension '%s' stands there twice", DIMENSIONS[dimension].name);
        dimensions[(*count)++] = dimension;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return *count > 0 || err_set(err, ERR_USAGE, "no dimension is given");
}

typedef struct UsageStream {
    UsageVisit visit;
    void *context;
    size_t count;
} UsageStream;

static bool
usage_row(void *context, const DbResult *result, Err *err)
{
    const UsageStream *stream = context;
    UsageRow row = {.invocations = ""};
    int column = 0;
    for (size_t i = 0; i < stream->count; i++)
        row.dimensions[i] = db_value(result, 0, column++);
    row.invocations = db_value(result, 0, column++);
    row.errors = db_value(result, 0, column++);
    row.timeouts = db_value(result, 0, column++);
    row.duration_ms = db_value(result, 0, column++);
    row.gb_seconds = db_value(result, 0, column++);
    row.cost = db_value(result, 0, column++);
    row.currency = db_value(result, 0, column);
    return stream->visit(stream->context, &row, err);
}

bool
usage_visit(Db *db, const UsageDimension *dimensions, size_t count, const char *tenant, const UtcMonth *month,
            UsageVisit visit, void *context, Err *err)
{
    Buffer sql = {0};
    DbParam params[3] = {db_string(tenant), db_null(), db_null()};
    bool done = buffer_printf(&sql, err, "%s SELECT ", USAGE_ROWS_SQL);
    for (size_t i = 0; done && i < count; i++)
        done = buffer_printf(&sql, err, "%s, ", DIMENSIONS[dimensions[i]].sql);
    done = done && buffer_printf(&sql, err, "%s FROM u GROUP BY 1", USAGE_SUMS_SQL);
    for (size_t i = 1; done && i < count; i++)
        done = buffer_printf(&sql, err, ", %zu", i + 1);
    done = done && buffer_append_text(&sql, " ORDER BY 1", err);
    for (size_t i = 1; done && i < count; i++)
        done = buffer_printf(&sql, err, ", %zu", i + 1);
    if (month != NULL) {
        db_set_i64(&params[1], utc_month_start_us(*month));
        db_set_i64(&params[2], utc_month_end_us(*month));
    }
    UsageStream stream = {visit, context, count};
    done = done && db_stream(db, sql.data, params, 3, usage_row, &stream, err);
    buffer_free(&sql);
    return done;
}

static const char SQL_ANOMALIES[] =
    "SELECT tenant, to_char(day, 'YYYY-MM-DD'), measure, value, habit, spread, score, value > habit"
    " FROM usage_anomalies_between(coalesce($2::date, (SELECT (min(hour) AT TIME ZONE 'UTC')::date FROM rollups)),"
    " coalesce(($2::date + interval '1 month')::date - 1, (now() AT TIME ZONE 'UTC')::date)) WHERE $1::text IS NULL OR tenant = $1"
    " ORDER BY tenant COLLATE \"C\", day, measure COLLATE \"C\"";

typedef struct AnomalyStream {
    UsageAnomalyVisit visit;
    void *context;
} AnomalyStream;

static bool
anomaly_row(void *context, const DbResult *row, Err *err)
{
    const AnomalyStream *stream = context;
    const UsageAnomaly anomaly = {.tenant = db_value(row, 0, 0),
                                  .day = db_value(row, 0, 1),
                                  .measure = db_value(row, 0, 2),
                                  .value = db_value(row, 0, 3),
                                  .habit = db_value(row, 0, 4),
                                  .spread = db_value(row, 0, 5),
                                  .score = db_is_null(row, 0, 6) ? NULL : db_value(row, 0, 6),
                                  .above = db_value(row, 0, 7)[0] == 't'};
    return stream->visit(stream->context, &anomaly, err);
}

bool
usage_anomalies_visit(Db *db, const char *tenant, const UtcMonth *month, UsageAnomalyVisit visit, void *context,
                      Err *err)
{
    char first[UTC_TEXT_BYTES];
    const char *day = month == NULL ? NULL : utc_format_day(utc_month_start_us(*month), first);
    const DbParam params[] = {db_string(tenant), db_string(day)};
    AnomalyStream stream = {visit, context};
    return db_stream(db, SQL_ANOMALIES, params, 2, anomaly_row, &stream, err) ||
           err_prefix(err, "looking for days far from habit: ");
}
