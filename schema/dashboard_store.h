/**
 * dashboard_store - what a dashboard shows of one month, asked of the views
 *
 * Figures are added up by the database, in NUMERIC, and come as decimal texts. Names go in as parameters.
 */
#ifndef SCHEMA_DASHBOARD_STORE_H
#define SCHEMA_DASHBOARD_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

/** One month, of one tenant or (NULL) of all. */
typedef struct DashboardScope {
    UtcMonth month;
    const char *tenant;
} DashboardScope;

/** The questions, and the columns of their answers. */
typedef enum DashboardQuestion {
    /** currency, documents, final, total (of invoices in force), usage_cost (what the views spread), other (total less
     *  that), credited (credit notes in force, negative), not_before (first instant a preview was made, "" when all are
     *  final) */
    DASHBOARD_MONEY,
    /** invocations, errors, timeouts, initializations, gb_seconds, duration_us, init_us, functions, tenants: one row */
    DASHBOARD_USAGE,
    /** tenants, invocations, first name: usage that no invoice or preview covers; one row */
    DASHBOARD_UNPRICED,
    /** tenants, invocations: what changed since final invoices; one row */
    DASHBOARD_LATE,
    /** day, invocations, errors, timeouts, initializations, gb_seconds */
    DASHBOARD_DAYS,
    /** currency, place (1 is the dearest; "" is all others), tenant, function, functions (how many are in it), day, cost */
    DASHBOARD_COST_DAYS,
    /** tenant, function, region, architecture, memory_mb, mode, invocations, errors, timeouts, initializations,
     *  mean_duration_us, mean_init_us, max_duration_us, max_memory_used_mb, gb_seconds, cost, currency */
    DASHBOARD_FUNCTIONS,
    /** reason, records: lines and records waiting in quarantine, of any month */
    DASHBOARD_QUARANTINE,
    /** reason, records: losses noticed (or, where that is not known, reported) in the month */
    DASHBOARD_LOSSES,
    DASHBOARD_QUESTION_COUNT
} DashboardQuestion;

/** How many functions stand by themselves in DASHBOARD_COST_DAYS, for each currency. */
enum { DASHBOARD_SERIES = 8 };

/** The name of a column, NULL behind the last one. */
const char *dashboard_column(DashboardQuestion question, size_t column);

/** Called for each row; false (with err set) stops. `values` has one text for each column, NULL for SQL's, borrowed. */
typedef bool (*DashboardVisit)(void *context, const char *const *values, Err *err);

/** Begin a transaction in which all questions are answered of the same moment, and without nested loops: right after an import
 *  the database knows nothing of its tables and would plan for a handful of rows. db_rollback() ends it. */
MUST_CHECK bool dashboard_begin(Db *db, Err *err);

/** Ask. ERR_DATABASE, ERR_BUSY, or the visitor's error. */
MUST_CHECK bool dashboard_ask(Db *db, DashboardQuestion question, const DashboardScope *scope, DashboardVisit visit,
                              void *context, Err *err);

#endif
