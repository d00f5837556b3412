#include "schema/delivery_store.h"

#include <stdio.h>

static const char SQL_QUEUE[] =
    "INSERT INTO deliveries (event, tenant_id, invoice_id, target)"
    " SELECT '" DELIVERY_INVOICE
    "', tenant_id, invoice_id, $3 FROM invoices WHERE tenant_id = $1::bigint AND number = $2";
static const char SQL_QUEUE_RUN[] =
    "INSERT INTO deliveries (event, tenant_id, invoice_id, target)"
    " SELECT '" DELIVERY_INVOICE
    "', tenant_id, invoice_id, $2 FROM invoices WHERE run_id = $1::bigint AND state = 'final' AND kind = 'invoice'";
static const char SQL_AGAIN[] =
    "INSERT INTO deliveries AS d (event, tenant_id, invoice_id, target)"
    " SELECT '" DELIVERY_INVOICE "', tenant_id, invoice_id, $2 FROM invoices WHERE number = $1"
    " ON CONFLICT (tenant_id, invoice_id, target) DO UPDATE SET attempts = 0, tried_at = NULL, error = NULL, delivered_at = NULL";
#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
/* What an alert says never changes, and neither do its bytes: they are made of its row at each attempt. */
#define ALERT_TEXT                                                                                                     \
    "jsonb_build_object('event', '" DELIVERY_ALERT "', 'alert', l.alert_id, 'subject', l.subject, 'tenant', l.tenant," \
    " 'account', l.account, 'kind', l.kind, 'item', nullif(l.item, ''), 'period', l.period,"                           \
    " 'percent', l.percent::text, 'value', l.value::text, 'limit', l.\"limit\"::text, 'unit', l.unit,"                 \
    " 'invoice_state', l.invoice_state, 'receipt_watermark', l.receipt_watermark, 'reached_at', " TIME(                \
        "l.reached_at") ", 'basis', l.basis)::text"
static const char SQL_NEXT[] =
    "SELECT d.delivery_id, d.event, coalesce(i.number, l.alert_id::text), coalesce(t.name, l.tenant, ''), coalesce(i.document, x.text),"
    " encode(coalesce(i.document_sha256, sha256(convert_to(x.text, 'UTF8'))), 'hex')"
    " FROM deliveries d LEFT JOIN invoices i USING (tenant_id, invoice_id) LEFT JOIN tenants t ON t.tenant_id = d.tenant_id"
    " LEFT JOIN alerts_overview l ON l.alert_id = d.alert_id CROSS JOIN LATERAL (SELECT " ALERT_TEXT " AS text) x"
    " WHERE d.event = $1 AND d.target = $2 AND d.delivered_at IS NULL AND (d.tried_at IS NULL OR d.tried_at < $3::timestamptz)"
    " ORDER BY i.number, d.alert_id LIMIT 1 FOR UPDATE OF d SKIP LOCKED";
static const char SQL_TRIED[] =
    "UPDATE deliveries SET attempts = attempts + 1, tried_at = clock_timestamp(), error = $2,"
    " delivered_at = CASE WHEN $2::text IS NULL THEN clock_timestamp() END WHERE delivery_id = $1::uuid";
static const char SQL_CLOCK[] = "SELECT clock_timestamp()";
static const char SQL_LIST[] =
    "SELECT d.event, i.number, d.alert_id, coalesce(t.name, l.tenant), d.target, d.delivery_id, " TIME("d.queued_at") ", d.attempts, " TIME(
        "d.tried_at") ", d.error, " TIME("d.delivered_at") " FROM deliveries d LEFT JOIN invoices i USING (tenant_id, invoice_id)"
                                                           " LEFT JOIN tenants t ON t.tenant_id = d.tenant_id LEFT JOIN alerts_overview l ON l.alert_id = d.alert_id"
                                                           " WHERE NOT $1::boolean OR d.delivered_at IS NULL ORDER BY i.number, d.alert_id, d.target";

bool
delivery_queue(Db *db, int64_t tenant_id, const char *number, const char *target, Err *err)
{
    DbParam params[3] = {db_null(), db_string(number), db_string(target)};
    db_set_i64(&params[0], tenant_id);
    return db_run(db, SQL_QUEUE, params, 3, NULL, err) ||
           err_prefix(err, "noting that invoice %s is to be delivered: ", number);
}

bool
delivery_queue_run(Db *db, int64_t run_id, const char *target, Err *err)
{
    DbParam params[2] = {db_null(), db_string(target)};
    db_set_i64(&params[0], run_id);
    return db_run(db, SQL_QUEUE_RUN, params, 2, NULL, err) ||
           err_prefix(err, "noting that invoices are to be delivered: ");
}

bool
delivery_again(Db *db, const char *number, const char *target, bool *found, Err *err)
{
    const DbParam params[] = {db_string(number), db_string(target)};
    int64_t rows = 0;
    if (!db_run(db, SQL_AGAIN, params, 2, &rows, err))
        return err_prefix(err, "noting that invoice %s is to be delivered: ", number);
    *found = rows > 0;
    return true;
}

static bool
take_delivery(const DbResult *row, Delivery *delivery, Err *err)
{
    Text document = db_slice(row, 0, 4);
    *delivery = (Delivery){.document = {0}};
    snprintf(delivery->id, sizeof delivery->id, "%s", db_value(row, 0, 0));
    snprintf(delivery->event, sizeof delivery->event, "%s", db_value(row, 0, 1));
    snprintf(delivery->number, sizeof delivery->number, "%s", db_value(row, 0, 2));
    snprintf(delivery->tenant, sizeof delivery->tenant, "%s", db_value(row, 0, 3));
    snprintf(delivery->sha256, sizeof delivery->sha256, "%s", db_value(row, 0, 5));
    return buffer_append(&delivery->document, document.data, document.length, err);
}

bool
delivery_next(Db *db, const char *event, const char *target, const char *pass_start, Delivery *delivery, bool *found,
              Err *err)
{
    const DbParam params[] = {db_string(event), db_string(target), db_string(pass_start)};
    DbResult *result = db_query(db, SQL_NEXT, params, 3, err);
    if (result == NULL)
        return err_prefix(err, "looking for what is to be delivered: ");
    *found = db_rows(result) > 0;
    bool done = !*found || take_delivery(result, delivery, err);
    db_result_free(&result);
    return done;
}

bool
delivery_tried(Db *db, const Delivery *delivery, const char *error, Err *err)
{
    const DbParam params[] = {db_string(delivery->id), db_string(error)};
    return db_run(db, SQL_TRIED, params, 2, NULL, err) ||
           err_prefix(err, "noting the delivery of %s: ", delivery->number);
}

bool
delivery_clock(Db *db, char out[64], Err *err)
{
    DbResult *result = db_query(db, SQL_CLOCK, NULL, 0, err);
    if (result == NULL)
        return false;
    snprintf(out, 64, "%s", db_value(result, 0, 0));
    db_result_free(&result);
    return true;
}

static bool
list_row(void *context, const DbResult *row, Err *err)
{
    static const char *const keys[] = {"event",     "number",   "alert",    "tenant", "target",      "delivery_id",
                                       "queued_at", "attempts", "tried_at", "error",  "delivered_at"};
    enum { ALERT = 2, ATTEMPTS = 7 };
    Json *entry = json_new_object(err);
    bool done = entry != NULL && json_append(context, entry, err);
    for (int i = 0; done && i < (int) (sizeof keys / sizeof keys[0]); i++)
        done = (i == ATTEMPTS || i == ALERT) && !db_is_null(row, 0, i)
                   ? json_add_int(entry, keys[i], db_i64(row, 0, i), err)
                   : json_add_text(entry, keys[i], db_is_null(row, 0, i) ? NULL : db_value(row, 0, i), err);
    return done;
}

bool
delivery_list(Db *db, bool open_only, Json *list, Err *err)
{
    const DbParam params[] = {db_string(open_only ? "true" : "false")};
    return db_stream(db, SQL_LIST, params, 1, list_row, list, err) || err_prefix(err, "reading deliveries: ");
}
