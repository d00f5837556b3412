/**
 * usage_store - usage and cost as reports ask for them
 *
 * Reads the views of schema/views (usage_hourly, cost_hourly). Dimensions are a fixed table of
 * names and SQL fragments: nothing that a person types becomes SQL.
 */
#ifndef SCHEMA_USAGE_STORE_H
#define SCHEMA_USAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

typedef enum UsageDimension {
    USAGE_BY_TENANT,
    USAGE_BY_ACCOUNT,
    USAGE_BY_FUNCTION,
    USAGE_BY_MONTH,
    USAGE_BY_DAY,
    USAGE_BY_HOUR,
    USAGE_BY_REGION,
    USAGE_BY_ARCHITECTURE,
    USAGE_BY_MEMORY,
    USAGE_BY_MODE,
    USAGE_DIMENSION_COUNT
} UsageDimension;

/** "tenant", "account", "function", "month", "day", "hour", "region", "architecture", "memory", "mode". */
const char *usage_dimension_name(UsageDimension dimension);

/** Parse "tenant,function,day" into `dimensions` (room for USAGE_DIMENSION_COUNT). ERR_USAGE: an unknown name (with those
 *  that are known), one twice, or none. */
MUST_CHECK bool usage_dimensions_parse(const char *text, UsageDimension *dimensions, size_t *count, Err *err);

/** Sums of one combination of dimensions; decimal texts, borrowed for the time of the callback. */
typedef struct UsageRow {
    const char *dimensions[USAGE_DIMENSION_COUNT]; /* in the order asked for */
    const char *invocations;
    const char *errors;
    const char *timeouts;
    const char *duration_ms; /* each rounded up to 1 ms */
    const char *gb_seconds;
    const char *cost;     /* exact; "" while no invoice or preview covers any of it, or its currencies differ */
    const char *currency; /* "" with the cost */
} UsageRow;

/** Called for each row; returns false (with err set) to stop. */
typedef bool (*UsageVisit)(void *context, const UsageRow *row, Err *err);

/** Sum usage and cost by `count` (1..) dimensions, ordered by them. `tenant` NULL: all; `month` NULL: all. */
MUST_CHECK bool usage_visit(Db *db, const UsageDimension *dimensions, size_t count, const char *tenant,
                            const UtcMonth *month, UsageVisit visit, void *context, Err *err);

/** A day that is far from its tenant's habit: a row of the view usage_anomalies, borrowed for the time of the callback. */
typedef struct UsageAnomaly {
    const char *tenant;
    const char *day;     /* "2026-11-19" */
    const char *measure; /* "invocations", "gb_seconds" */
    const char *value;   /* decimals */
    const char *habit;
    const char *spread;
    const char *score; /* NULL: nothing was used before */
    bool above;
} UsageAnomaly;
typedef bool (*UsageAnomalyVisit)(void *context, const UsageAnomaly *row, Err *err);

/** Of a month (NULL: of all time) and a tenant (NULL: of all), by tenant, day and measure in the order of bytes. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool usage_anomalies_visit(Db *db, const char *tenant, const UtcMonth *month, UsageAnomalyVisit visit,
                                      void *context, Err *err);

#endif
