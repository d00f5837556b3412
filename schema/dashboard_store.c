#include "schema/dashboard_store.h"

#include <stdio.h>

enum { COLUMNS_MAX = 20 };

/* $1 tenant or NULL, $2 first day of the month. */
#define OF_TENANT(column) "($1::text IS NULL OR " column " = $1)"
#define FIRST "($2::date::timestamp AT TIME ZONE 'UTC')"
#define AFTER "(($2::date + interval '1 month') AT TIME ZONE 'UTC')"
#define IN_MONTH(column) column " >= " FIRST " AND " column " < " AFTER
#define DAY_IN_MONTH(column) column " >= $2::date AND " column " < ($2::date + interval '1 month')::date"

static const char SQL_MONEY[] =
    "WITH documents AS (SELECT i.currency, count(*) AS documents, count(*) FILTER (WHERE i.state = 'final') AS final,"
    "  sum(i.total) AS total, min(o.issued_at) FILTER (WHERE i.state = 'preview') AS not_before"
    "  FROM invoices_in_force i JOIN invoices o USING (tenant_id, invoice_id) JOIN tenants t USING (tenant_id)"
    "  WHERE " OF_TENANT("t.name") " AND " IN_MONTH(
        "i.period_start") " GROUP BY i.currency),"
                          " spread AS MATERIALIZED (SELECT currency, sum(cost) AS cost FROM cost_by_function"
                          "  WHERE " OF_TENANT("tenant") " AND " IN_MONTH(
                              "month") " GROUP BY currency),"
                                       " credit AS (SELECT currency, sum(total) AS total FROM invoices_overview WHERE kind = 'credit_note' AND void_by IS NULL"
                                       "  AND state = 'final' AND " OF_TENANT("tenant") " AND " IN_MONTH(
                                           "period_start") " GROUP BY currency)"
                                                           " SELECT currency, d.documents, d.final, d.total, trim_scale(coalesce(s.cost, 0)),"
                                                           "  trim_scale(d.total - coalesce(s.cost, 0)), coalesce(c.total, 0),"
                                                           "  to_char(d.not_before AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                                                           " FROM documents d LEFT JOIN spread s USING (currency) LEFT JOIN credit c USING (currency) ORDER BY currency";

static const char SQL_USAGE[] =
    "SELECT coalesce(sum(invocations), 0), coalesce(sum(errors), 0), coalesce(sum(timeouts), 0),"
    "  coalesce(sum(initializations), 0), trim_scale(coalesce(sum(gb_seconds), 0)), coalesce(sum(duration_us), 0),"
    "  coalesce(sum(init_us), 0), count(DISTINCT (tenant, function)), count(DISTINCT tenant)"
    " FROM usage_by_function WHERE " OF_TENANT("tenant") " AND month = " FIRST;

static const char SQL_UNPRICED[] =
    "SELECT count(DISTINCT u.tenant), coalesce(sum(u.invocations), 0), min(u.tenant) FROM usage_by_function u"
    " WHERE " OF_TENANT(
        "u.tenant") " AND u.month = " FIRST
                    "  AND NOT EXISTS (SELECT FROM invoices_in_force i JOIN tenants t USING (tenant_id) WHERE t.name = u.tenant"
                    "   AND i.period_end > " FIRST " AND i.period_start < " AFTER ")";

static const char SQL_LATE[] = "SELECT count(*), coalesce(sum(invocations_since), 0) FROM late_usage"
                               " WHERE " OF_TENANT("tenant") " AND " IN_MONTH("month");

static const char SQL_DAYS[] =
    "SELECT day::text, sum(invocations), sum(errors), sum(timeouts), sum(initializations), trim_scale(sum(gb_seconds))"
    " FROM usage_daily WHERE " OF_TENANT("tenant") " AND " DAY_IN_MONTH("day") " GROUP BY day ORDER BY day";

/* The dearest functions of each currency by themselves, all others together: what is left of the days' costs. A function's cost of the
 * month comes from sums of months, but for tenants whose billing period is not the month: from their days. */
static const char SQL_COST_DAYS[] =
    "WITH odd AS MATERIALIZED (SELECT DISTINCT t.name FROM invoices_in_force i JOIN tenants t USING (tenant_id)"
    "  WHERE i.period_end > " FIRST " AND i.period_start < " AFTER " AND (i.period_start <> " FIRST
    " OR i.period_end <> " AFTER ")),"
    " totals AS (SELECT tenant, function, currency, sum(cost) AS cost FROM cost_by_function"
    "   WHERE " OF_TENANT(
        "tenant") " AND month = " FIRST
                  "    AND tenant NOT IN (SELECT name FROM odd) GROUP BY tenant, function, currency"
                  "  UNION ALL SELECT c.* FROM odd o CROSS JOIN LATERAL (SELECT tenant, function, currency, sum(cost) AS cost"
                  "   FROM cost_daily_by_function WHERE tenant = o.name AND " DAY_IN_MONTH("day") "   GROUP BY tenant, function, currency) c WHERE " OF_TENANT(
                      "o.name") "),"
                                " places AS MATERIALIZED (SELECT tenant, function, currency, nullif(least(row_number() OVER (PARTITION BY currency"
                                "   ORDER BY cost DESC, tenant COLLATE \"C\", function COLLATE \"C\"), $3::integer + 1), $3::integer + 1) AS place FROM totals),"
                                " dearest AS MATERIALIZED (SELECT p.currency, p.place, p.tenant, p.function, c.day, c.cost"
                                "  FROM (SELECT * FROM places WHERE place IS NOT NULL) p CROSS JOIN LATERAL (SELECT day, sum(cost) AS cost"
                                "   FROM cost_daily_by_function WHERE tenant = p.tenant AND function = p.function AND currency = p.currency"
                                "    AND " DAY_IN_MONTH(
                                    "day") " GROUP BY day) c)"
                                           " SELECT currency, place, tenant, function, 1, day::text, trim_scale(cost) FROM dearest"
                                           " UNION ALL SELECT a.currency, NULL, NULL, NULL, n.functions, a.day::text,"
                                           "  trim_scale(round(a.cost - coalesce((SELECT sum(d.cost) FROM dearest d WHERE d.currency = a.currency AND d.day = a.day), 0), 18))"
                                           "  FROM (SELECT currency, day, sum(cost) AS cost FROM cost_daily WHERE " OF_TENANT(
                                               "tenant") " AND " DAY_IN_MONTH("day") " GROUP BY currency, day) a"
                                                                                     "  JOIN (SELECT currency, count(*) AS functions FROM places WHERE place IS NULL GROUP BY currency) n USING (currency)"
                                                                                     " ORDER BY 1, 2 NULLS LAST, 6";

/* Usage and cost below each other; usage that names no region has the one that its invoice was rated with. */
static const char SQL_FUNCTIONS[] =
    "WITH regions AS (SELECT t.name AS tenant, run.default_region FROM invoices_in_force i JOIN rating_runs run USING (run_id)"
    "  JOIN tenants t USING (tenant_id) WHERE " IN_MONTH(
        "i.period_start") "),"
                          " u AS (SELECT f.tenant, f.function, coalesce(nullif(f.region, ''), r.default_region, '') AS region, f.architecture,"
                          "  f.memory_mb, f.mode, f.invocations, f.errors, f.timeouts, f.initializations, f.duration_us, f.init_us,"
                          "  f.max_duration_us, f.max_memory_used_mb, f.gb_seconds, NULL::numeric AS cost, NULL::text AS currency"
                          "  FROM usage_by_function f LEFT JOIN regions r USING (tenant) WHERE " OF_TENANT(
                              "f.tenant") " AND f.month = " FIRST
                                          "  UNION ALL SELECT tenant, function, region, architecture, memory_mb, mode, 0, 0, 0, 0, 0, 0, 0, 0, 0, cost, currency"
                                          "  FROM cost_by_function WHERE " OF_TENANT("tenant") " AND " IN_MONTH(
                                              "month") ")"
                                                       " SELECT tenant, function, region, architecture, memory_mb, mode, sum(invocations), sum(errors), sum(timeouts),"
                                                       "  sum(initializations), trunc(sum(duration_us) / nullif(sum(invocations), 0)),"
                                                       "  trunc(sum(init_us) / nullif(sum(initializations), 0)), max(max_duration_us), max(max_memory_used_mb),"
                                                       "  trim_scale(sum(gb_seconds)), trim_scale(sum(cost)), min(currency)"
                                                       " FROM u GROUP BY tenant, function, region, architecture, memory_mb, mode"
                                                       " ORDER BY sum(cost) DESC NULLS LAST, sum(gb_seconds) DESC, tenant COLLATE \"C\", function COLLATE \"C\", region, architecture,"
                                                       "  memory_mb, mode";

static const char SQL_QUARANTINE[] = "SELECT reason, count(*) FROM quarantine_open WHERE " OF_TENANT(
    "tenant") " AND $2::date IS NOT NULL"
              " GROUP BY reason ORDER BY count(*) DESC, reason";

static const char SQL_LOSSES[] =
    "SELECT reason, sum(records) FROM losses_reported WHERE " OF_TENANT("tenant") " AND " IN_MONTH(
        "coalesce(noticed_at, received_at)") " GROUP BY reason ORDER BY sum(records) DESC, reason";

typedef struct Question {
    const char *sql;
    int parameters;
    const char *columns[COLUMNS_MAX];
} Question;

static const Question QUESTIONS[DASHBOARD_QUESTION_COUNT] = {
    [DASHBOARD_MONEY] = {SQL_MONEY,
                         2,
                         {"currency", "documents", "final", "total", "usage_cost", "other", "credited", "not_before"}},
    [DASHBOARD_USAGE] = {SQL_USAGE,
                         2,
                         {"invocations", "errors", "timeouts", "initializations", "gb_seconds", "duration_us",
                          "init_us", "functions", "tenants"}},
    [DASHBOARD_UNPRICED] = {SQL_UNPRICED, 2, {"tenants", "invocations", "first"}},
    [DASHBOARD_LATE] = {SQL_LATE, 2, {"tenants", "invocations"}},
    [DASHBOARD_DAYS] = {SQL_DAYS, 2, {"day", "invocations", "errors", "timeouts", "initializations", "gb_seconds"}},
    [DASHBOARD_COST_DAYS] = {SQL_COST_DAYS, 3, {"currency", "place", "tenant", "function", "functions", "day", "cost"}},
    [DASHBOARD_FUNCTIONS] = {SQL_FUNCTIONS,
                             2,
                             {"tenant", "function", "region", "architecture", "memory_mb", "mode", "invocations",
                              "errors", "timeouts", "initializations", "mean_duration_us", "mean_init_us",
                              "max_duration_us", "max_memory_used_mb", "gb_seconds", "cost", "currency"}},
    [DASHBOARD_QUARANTINE] = {SQL_QUARANTINE, 2, {"reason", "records"}},
    [DASHBOARD_LOSSES] = {SQL_LOSSES, 2, {"reason", "records"}},
};

const char *
dashboard_column(DashboardQuestion question, size_t column)
{
    return column < COLUMNS_MAX ? QUESTIONS[question].columns[column] : NULL;
}

typedef struct Asking {
    DashboardVisit visit;
    void *context;
    int columns;
} Asking;

static bool
take_row(void *context, const DbResult *row, Err *err)
{
    const Asking *asking = context;
    const char *values[COLUMNS_MAX] = {NULL};
    for (int i = 0; i < asking->columns; i++)
        values[i] = db_is_null(row, 0, i) ? NULL : db_value(row, 0, i);
    return asking->visit(asking->context, values, err);
}

bool
dashboard_begin(Db *db, Err *err)
{
    return db_begin(db, true, err) && db_script(db, "SET LOCAL work_mem = '64MB'", err);
}

bool
dashboard_ask(Db *db, DashboardQuestion question, const DashboardScope *scope, DashboardVisit visit, void *context,
              Err *err)
{
    char month[UTC_TEXT_BYTES];
    char first[UTC_TEXT_BYTES + sizeof("-01")];
    const Question *asked = &QUESTIONS[question];
    snprintf(first, sizeof(first), "%s-01", utc_month_format(scope->month, month));
    DbParam params[3] = {db_string(scope->tenant), db_string(first)};
    db_set_i64(&params[2], DASHBOARD_SERIES);
    Asking asking = {visit, context, 0};
    while (asking.columns < COLUMNS_MAX && asked->columns[asking.columns] != NULL)
        asking.columns++;
    return db_stream(db, asked->sql, params, asked->parameters, take_row, &asking, err);
}
