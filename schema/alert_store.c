#include "schema/alert_store.h"

#include "schema/account_store.h"

/* The invoices in force of the periods that start in a month of any zone: $1 and $2 are the month less and plus a day. A period
 * too many does no harm. */
#define MEMBERS                                                                                                    \
    "members AS (SELECT i.*, v.receipt_watermark, v.contract_sha256, v.document,"                                  \
    " account_in(t.tenant_id, t.account_id, i.period_month) AS account_id,"                                        \
    " CASE WHEN i.period_start = date_trunc('month', i.period_start, 'UTC') AND i.period_end ="                    \
    " date_trunc('month', i.period_start + interval '32 days', 'UTC')"                                             \
    " THEN to_char(i.period_start AT TIME ZONE 'UTC', 'YYYY-MM') ELSE " TIME("i.period_start") " || '/' || " TIME( \
        "i.period_end") " END AS period"                                                                           \
                        " FROM invoices_in_force i JOIN invoices v USING (tenant_id, invoice_id)"                  \
                        " JOIN tenants t ON t.tenant_id = i.tenant_id"                                             \
                        " WHERE i.period_start >= $1::timestamptz AND i.period_start < $2::timestamptz)"
#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

static const char SQL_USES[] =
    "WITH " MEMBERS ", of_contract AS (SELECT * FROM members WHERE contract_sha256 IS NOT NULL),"
    " uses AS (SELECT m.*, 'spending_limit' AS kind, '' AS name, '' AS unit, l ->> 'spend' AS basis, l ->> 'limit' AS rate,"
    " '' AS quantity, '' AS \"left\", jsonb_array_length(l -> 'reached') AS reached"
    " FROM of_contract m, jsonb_path_query(CASE WHEN strpos(m.document, '\"spending_limit\":') > 0 THEN m.document::jsonb END,"
    " '$.spending_limit') AS l" /* only documents that have one are parsed */
    " UNION ALL SELECT m.*, x.kind, x.name, coalesce(x.unit, ''), x.basis::text, x.rate::text, x.quantity::text, x.\"left\"::text, 0"
    /* each by its key, whatever the statistics say: while a run fills the table ANALYZE finds it empty */
    " FROM of_contract m CROSS JOIN LATERAL (SELECT * FROM invoice_items k WHERE (k.tenant_id, k.invoice_id) ="
    " (m.tenant_id, m.invoice_id) AND k.kind IN ('minimum', 'prepaid', 'credit') OFFSET 0) x)"
    " SELECT u.tenant_id, u.account_id, u.period, u.state, u.receipt_watermark, u.currency, encode(u.contract_sha256, 'hex'),"
    " CASE WHEN row_number() OVER (PARTITION BY u.contract_sha256 ORDER BY u.tenant_id, u.period, u.kind, u.name) = 1"
    " THEN c.source END, u.kind, u.name, u.unit, u.basis, u.rate, u.quantity, u.\"left\", u.reached"
    " FROM uses u JOIN contracts c ON c.sha256 = u.contract_sha256"
    " ORDER BY u.contract_sha256, u.tenant_id, u.period, u.kind, u.name";

/* What a billing period is called. */
#define PERIOD_OF(start, end)                                                                              \
    "CASE WHEN " start " = date_trunc('month', " start ", 'UTC') AND " end " = date_trunc('month', " start \
    " + interval '32 days', 'UTC') THEN to_char(" start                                                    \
    " AT TIME ZONE 'UTC', 'YYYY-MM') ELSE " TIME(start) " || '/' || " TIME(end) " END"

/* `crossed` is what was reached; what stands there already is left out, and of two who come at once the index takes one. */
#define RAISE(targets)                                                                                                    \
    ", new AS (SELECT * FROM crossed c WHERE NOT EXISTS (SELECT FROM alerts a WHERE a.subject = c.subject"                \
    " AND (CASE c.subject WHEN 'tenant' THEN a.tenant_id = c.tenant_id ELSE a.account_id = c.account_id END)"             \
    " AND (a.kind, a.item, a.period, a.percent, a.basis) = (c.kind, c.item, c.period, c.percent, c.basis))),"             \
    " raised AS (INSERT INTO alerts (account_id, tenant_id, subject, kind, item, period, percent, value, \"limit\","      \
    " unit, invoice_state, receipt_watermark, basis) SELECT account_id, tenant_id, subject, kind, item, period, percent," \
    " value, \"limit\", unit, state, receipt_watermark, basis FROM new"                                                   \
    " ORDER BY account_id, tenant_id, kind, item, period, percent ON CONFLICT DO NOTHING RETURNING alert_id),"            \
    " queued AS (INSERT INTO deliveries (event, alert_id, target) SELECT 'alert.reached', alert_id, target"               \
    " FROM raised, unnest(" targets "::text[]) AS target),"                                                               \
    " told AS (SELECT alert_id, pg_notify('" ALERT_CHANNEL                                                                \
    "', json_build_object('alert', alert_id)::text) FROM raised)"                                                         \
    " SELECT alert_id FROM told ORDER BY 1"

static const char SQL_RAISE[] =
    "WITH crossed AS (SELECT tenant_id, account_id, 'tenant' AS subject, kind, item, period, percent::numeric, value::numeric,"
    " \"limit\"::numeric, unit, state, receipt_watermark, $13::text AS basis FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[],"
    " $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[]) AS u(tenant_id, account_id, kind, item, period,"
    " percent, value, \"limit\", unit, state, receipt_watermark))" RAISE("$12");

/* Right after a run the statistics know nothing of what it wrote: by them every table is small, and loops over pairs are the plan. */
static const char SQL_NO_LOOPS[] = "SET LOCAL enable_nestloop = off";

/* The latest run knows most of an account. */
static const char SQL_RAISE_FREE_TIERS[] =
    "WITH " MEMBERS ", latest AS (SELECT DISTINCT ON (m.account_id, m.period, f.name) m.account_id, m.period, m.state,"
    " m.receipt_watermark, f.name, f.unit, f.allowance, f.account_used FROM members m JOIN invoice_free_tiers f USING (tenant_id, invoice_id)"
    " ORDER BY m.account_id, m.period, f.name, m.run_id DESC),"
    " alone AS (SELECT account_id, min(tenant_id) AS tenant_id FROM (SELECT tenant_id,"
    " account_at(tenant_id, account_id, $1::timestamptz + interval '2 days') AS account_id FROM tenants) t GROUP BY account_id HAVING count(*) = 1),"
    " crossed AS (SELECT a.tenant_id, l.account_id, 'account' AS subject, 'free_tier' AS kind, l.name AS item, l.period, p.percent,"
    " l.account_used AS value, l.allowance AS \"limit\", l.unit, l.state, l.receipt_watermark, 'use' AS basis"
    " FROM latest l JOIN (SELECT p::numeric AS percent FROM unnest($3::text[]) AS p) p ON l.account_used * 100 >= l.allowance * p.percent"
    " LEFT JOIN alone a USING (account_id) WHERE l.allowance > 0)" RAISE("$4");

/* $1: what documents that are forecast say, of periods that are under way. */
#define FORECAST                                                                                                                    \
    "WITH forecast AS (SELECT t.tenant_id,"                                                                                         \
    " account_in(t.tenant_id, t.account_id, date_trunc('month', f.start, 'UTC')::date) AS account_id, " PERIOD_OF(                  \
        "f.start",                                                                                                                  \
        "f.\"end\"") " AS period, f.currency, f.contract, f.spending_limit, f.statement,"                                           \
                     " f.free_tiers FROM jsonb_to_recordset($1::text::jsonb) AS f (tenant text, start timestamptz,"                 \
                     " \"end\" timestamptz, currency text, contract text, spending_limit jsonb, statement jsonb, free_tiers jsonb)" \
                     " JOIN tenants t ON t.name = f.tenant WHERE f.start <= now() AND f.\"end\" > now())"

static const char SQL_FORECAST_USES[] = FORECAST
    ", uses AS (SELECT f.*, 'spending_limit' AS kind, '' AS name, '' AS unit, spending_limit ->> 'spend' AS basis,"
    " spending_limit ->> 'limit' AS rate, '' AS quantity, '' AS \"left\", jsonb_array_length(spending_limit -> 'reached') AS reached"
    " FROM forecast f WHERE jsonb_typeof(spending_limit) = 'object'"
    " UNION ALL SELECT f.*, x ->> 'kind', x ->> 'name', coalesce(x ->> 'unit', ''), x ->> 'basis', x ->> 'rate', x ->> 'quantity',"
    " x ->> 'left', 0 FROM forecast f CROSS JOIN LATERAL jsonb_array_elements(f.statement) x WHERE jsonb_typeof(f.statement) = 'array'"
    " AND x ->> 'kind' IN ('minimum', 'prepaid', 'credit'))"
    " SELECT u.tenant_id, u.account_id, u.period, 'preview', $2::bigint, u.currency, u.contract,"
    " CASE WHEN row_number() OVER (PARTITION BY u.contract ORDER BY u.tenant_id, u.period, u.kind, u.name) = 1"
    " THEN c.source END, u.kind, u.name, u.unit, u.basis, u.rate, u.quantity, u.\"left\", u.reached::bigint"
    " FROM uses u JOIN contracts c ON c.sha256 = decode(u.contract, 'hex')"
    " ORDER BY u.contract, u.tenant_id, u.period, u.kind, u.name";

/* Of an account, all its tenants together. */
static const char SQL_RAISE_FORECASTS[] = FORECAST
    ", members AS (SELECT tenant_id, account_at(tenant_id, account_id, now()) AS account_id FROM tenants),"
    " alone AS (SELECT account_id, min(tenant_id) AS tenant_id FROM members GROUP BY account_id HAVING count(*) = 1),"
    " seen AS (SELECT a.tenant_id, f.account_id, 'account' AS subject, 'free_tier' AS kind, x ->> 'name' AS item, f.period,"
    " sum((x ->> 'used')::numeric) AS value, max((x ->> 'allowance')::numeric) AS \"limit\", x ->> 'unit' AS unit"
    " FROM forecast f CROSS JOIN LATERAL jsonb_array_elements(f.free_tiers) x LEFT JOIN alone a USING (account_id)"
    " WHERE jsonb_typeof(f.free_tiers) = 'array' GROUP BY a.tenant_id, f.account_id, x ->> 'name', f.period, x ->> 'unit'),"
    " crossed AS (SELECT s.*, p.percent, 'preview' AS state, $3::bigint AS receipt_watermark, 'forecast' AS basis FROM seen s"
    " JOIN (SELECT p::numeric AS percent FROM unnest($2::text[]) AS p) p ON s.value * 100 >= s.\"limit\" * p.percent"
    " WHERE s.\"limit\" > 0)" RAISE("$4");

static const char SQL_LIST[] =
    "SELECT l.alert_id, l.subject, l.tenant, l.account, l.kind, nullif(l.item, ''), l.period, l.percent, l.value, l.\"limit\", l.unit,"
    " l.invoice_state, l.receipt_watermark, " TIME(
        "l.reached_at") ", l.basis FROM alerts_overview l WHERE ($1::text IS NULL OR l.tenant = $1"
                        " OR (l.subject = 'account' AND l.account IN (SELECT a.name FROM tenants t JOIN accounts a ON a.account_id ="
                        " account_at(t.tenant_id, t.account_id, l.reached_at) WHERE t.name = $1)))"
                        " AND ($2::text IS NULL OR l.period = $2 OR to_char(l.reached_at AT TIME ZONE 'UTC', 'YYYY-MM') = $2)"
                        " AND ($3::bigint[] IS NULL OR l.alert_id = ANY ($3)) ORDER BY l.alert_id";

static const char SQL_OPEN[] = "SELECT 1 FROM invoices WHERE state = 'preview' AND period_start >= $1::timestamptz"
                               " AND period_start < $2::timestamptz AND period_end > now() LIMIT 1";

typedef struct Visit {
    AlertUseVisit visit;
    void *context;
} Visit;

static bool
take_use(void *context, const DbResult *row, Err *err)
{
    const Visit *self = context;
    const AlertUse use = {
        .tenant_id = db_i64(row, 0, 0),
        .account_id = db_i64(row, 0, 1),
        .period = db_value(row, 0, 2),
        .state = db_value(row, 0, 3),
        .receipt_watermark = db_i64(row, 0, 4),
        .currency = db_value(row, 0, 5),
        .contract = db_value(row, 0, 6),
        .source = db_slice(row, 0, 7),
        .kind = db_value(row, 0, 8),
        .name = db_value(row, 0, 9),
        .unit = db_value(row, 0, 10),
        .basis = db_value(row, 0, 11),
        .rate = db_value(row, 0, 12),
        .quantity = db_value(row, 0, 13),
        .left = db_value(row, 0, 14),
        .reached = db_i64(row, 0, 15),
    };
    return self->visit(self->context, &use, err);
}

/* $1 and $2 of MEMBERS. */
static void
month_around(UtcMonth month, char from[UTC_TEXT_BYTES], char until[UTC_TEXT_BYTES])
{
    utc_format(utc_month_start_us(month) - UTC_DAY_US, from);
    utc_format(utc_month_end_us(month) + UTC_DAY_US, until);
}

bool
alert_uses(Db *db, UtcMonth month, AlertUseVisit visit, void *context, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    month_around(month, from, until);
    const DbParam params[] = {db_string(from), db_string(until)};
    Visit self = {visit, context};
    return db_stream(db, SQL_USES, params, 2, take_use, &self, err) ||
           err_prefix(err, "reading what is used of contracts' limits: ");
}

bool
alert_forecast_uses(Db *db, Text forecasts, int64_t receipt_watermark, AlertUseVisit visit, void *context, Err *err)
{
    DbParam params[] = {db_slice_param(forecasts), db_null()};
    Visit self = {visit, context};
    db_set_i64(&params[1], receipt_watermark);
    return db_stream(db, SQL_FORECAST_USES, params, 2, take_use, &self, err) ||
           err_prefix(err, "reading what is forecast of contracts' limits: ");
}

static bool
take_id(void *context, const DbResult *row, Err *err)
{
    return db_array_add_i64(context, db_i64(row, 0, 0), err);
}

bool
alert_raise(Db *db, DbArray columns[ALERT_COLUMN_COUNT], const char *basis, DbArray *targets, DbArray *raised, Err *err)
{
    DbParam params[ALERT_COLUMN_COUNT + 2];
    params[ALERT_COLUMN_COUNT + 1] = db_string(basis);
    return (db_array_params(columns, ALERT_COLUMN_COUNT, params, err) &&
            db_array_param(targets, &params[ALERT_COLUMN_COUNT], err) &&
            db_stream(db, SQL_RAISE, params, ALERT_COLUMN_COUNT + 2, take_id, raised, err)) ||
           err_prefix(err, "raising alerts of contracts: ");
}

bool
alert_raise_free_tiers(Db *db, UtcMonth month, DbArray *percents, DbArray *targets, DbArray *raised, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    month_around(month, from, until);
    DbParam params[4] = {db_string(from), db_string(until), db_null(), db_null()};
    if (percents->count == 0)
        return true; /* nothing is asked for: a month of many tenants is not looked through */
    return (db_run(db, SQL_NO_LOOPS, NULL, 0, NULL, err) && db_array_param(percents, &params[2], err) &&
            db_array_param(targets, &params[3], err) &&
            db_stream(db, SQL_RAISE_FREE_TIERS, params, 4, take_id, raised, err)) ||
           err_prefix(err, "raising alerts of free tiers: ");
}

bool
alert_raise_forecasts(Db *db, Text forecasts, int64_t receipt_watermark, DbArray *percents, DbArray *targets,
                      DbArray *raised, Err *err)
{
    DbParam params[4] = {db_slice_param(forecasts), db_null(), db_null(), db_null()};
    if (percents->count == 0)
        return true;
    db_set_i64(&params[2], receipt_watermark);
    return (db_array_param(percents, &params[1], err) && db_array_param(targets, &params[3], err) &&
            db_stream(db, SQL_RAISE_FORECASTS, params, 4, take_id, raised, err)) ||
           err_prefix(err, "raising alerts of forecasts: ");
}

bool
alert_month_is_open(Db *db, UtcMonth month, bool *open, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    utc_format(utc_month_start_us(month) - UTC_DAY_US, from);
    utc_format(utc_month_end_us(month), until);
    const DbParam params[] = {db_string(from), db_string(until)};
    DbResult *result = db_query(db, SQL_OPEN, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "looking for periods that are not over: ");
    *open = db_rows(result) > 0;
    db_result_free(&result);
    return true;
}

static bool
list_row(void *context, const DbResult *row, Err *err)
{
    static const char *const keys[] = {
        "alert", "subject", "tenant",        "account",           "kind",       "item", "period", "percent", "value",
        "limit", "unit",    "invoice_state", "receipt_watermark", "reached_at", "basis"};
    Json *entry = json_new_object(err);
    bool done = entry != NULL && json_append(context, entry, err);
    for (int i = 0; done && i < (int) (sizeof keys / sizeof keys[0]); i++) {
        bool whole = i == 0 || i == 12;
        done = whole ? json_add_int(entry, keys[i], db_i64(row, 0, i), err)
                     : json_add_text(entry, keys[i], db_is_null(row, 0, i) ? NULL : db_value(row, 0, i), err);
    }
    return done;
}

bool
alert_list(Db *db, const char *tenant, const char *month, DbArray *ids, Json *list, Err *err)
{
    DbParam params[3] = {db_string(tenant), db_string(month), db_null()};
    return ((ids == NULL || db_array_param(ids, &params[2], err)) &&
            db_stream(db, SQL_LIST, params, 3, list_row, list, err)) ||
           err_prefix(err, "reading alerts: ");
}
