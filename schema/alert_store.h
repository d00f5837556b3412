/**
 * alert_store - thresholds that were reached, each once
 *
 * What is used of free tiers and of contracts' limits is read from the invoices in force; what is raised stands in `alerts` with an index that
 * holds one row for each subject, kind, item, period and percentage, so that any number of runs at once raise each once. The
 * transaction that adds the row queues its deliveries and notifies the channel ALERT_CHANNEL.
 */
#ifndef SCHEMA_ALERT_STORE_H
#define SCHEMA_ALERT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/db_array.h"

/** The payload is {"alert": alert_id} and nothing more: whoever may connect may listen. */
#define ALERT_CHANNEL "millibill_alerts"

/** What one invoice in force says of one thing that its contract limits (borrowed for the time of the callback). */
typedef struct AlertUse {
    int64_t tenant_id;
    int64_t account_id;
    const char *period; /* "2026-11", or "FROM/UNTIL" when it is no UTC month */
    const char *state;  /* "preview", "final" */
    int64_t receipt_watermark;
    const char *currency;
    const char *contract; /* SHA-256, hex: rows of one contract stand together */
    Text source;          /* of the contract; empty unless this is its first row */
    const char *kind;     /* "spending_limit", "minimum", "prepaid", "credit" */
    const char *name;
    const char *unit;  /* of quantity; "" for money */
    const char *basis; /* of a spending limit: the spend; decimals, "" when there is none */
    const char *rate;  /* of a spending limit: the limit */
    const char *quantity;
    const char *left;
    int64_t reached; /* of a spending limit: how many of the contract's percentages */
} AlertUse;
typedef bool (*AlertUseVisit)(void *context, const AlertUse *use, Err *err);

/** Every limit of a contract in the invoices in force of a month's periods, contract by contract. Inside the caller's
 *  transaction. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool alert_uses(Db *db, UtcMonth month, AlertUseVisit visit, void *context, Err *err);

/** Alerts of contracts that are to be raised unless they were: a column each. */
typedef enum AlertColumn {
    ALERT_TENANT,
    ALERT_ACCOUNT,
    ALERT_KIND,
    ALERT_ITEM,
    ALERT_PERIOD,
    ALERT_PERCENT,
    ALERT_VALUE,
    ALERT_LIMIT,
    ALERT_UNIT,
    ALERT_STATE,
    ALERT_WATERMARK,
    ALERT_COLUMN_COUNT
} AlertColumn;

/** Raise these; the id of each that is new is appended to `raised` (DB_BIGINT). `targets` (DB_TEXT): where they are to be delivered. Inside
 *  the caller's transaction. `basis`: "use", "forecast". ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool alert_raise(Db *db, DbArray columns[ALERT_COLUMN_COUNT], const char *basis, DbArray *targets,
                            DbArray *raised, Err *err);

/** Raise what the accounts of a month have reached of their free tiers, of the `percents` (DB_TEXT, decimals). As above. */
MUST_CHECK bool
alert_raise_free_tiers(Db *db, UtcMonth month, DbArray *percents, DbArray *targets, DbArray *raised, Err *err);

/** As alert_uses(), of documents that are forecast: `forecasts` is a JSON array of {tenant, start, end, currency, contract (SHA-256, hex), spending_limit,
 *  statement, free_tiers}, the last three as documents have them. Periods that are not under way are left out. */
MUST_CHECK bool
alert_forecast_uses(Db *db, Text forecasts, int64_t receipt_watermark, AlertUseVisit visit, void *context, Err *err);

/** Raise what accounts are forecast to reach of their free tiers, of the `percents`. As alert_raise_free_tiers(). */
MUST_CHECK bool alert_raise_forecasts(Db *db, Text forecasts, int64_t receipt_watermark, DbArray *percents,
                                      DbArray *targets, DbArray *raised, Err *err);

/** Is there a preview of a period that started in a month and is not over? ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool alert_month_is_open(Db *db, UtcMonth month, bool *open, Err *err);

/** Append {alert, subject, tenant, account, kind, item, period, percent, value, limit, unit, invoice_state, receipt_watermark,
 *  reached_at, basis} of alerts to the array `list`, by id. `tenant`: its own and those of its account; `month`: "2026-11", of this
 *  period or seen in it; `ids` (DB_BIGINT): these. NULL each: whatever. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool alert_list(Db *db, const char *tenant, const char *month, DbArray *ids, Json *list, Err *err);

#endif
