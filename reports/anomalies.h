/**
 * anomalies - the days that are far from a tenant's habit, to be found by tenant and day
 *
 * Holds a copy of what the database says (view usage_anomalies, doc/alerts.md); sorted by tenant and day.
 */
#ifndef REPORTS_ANOMALIES_H
#define REPORTS_ANOMALIES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "schema/db.h"

typedef struct Anomaly {
    char *tenant;
    char *day; /* "2026-11-19" */
    char *measure;
    char *value;
    char *habit;
    char *spread;
    char *score; /* NULL: nothing was used before */
    bool above;
} Anomaly;

/** Starts zeroed; cleared with anomalies_clear(). */
typedef struct Anomalies {
    Anomaly *all;
    size_t count;
    size_t capacity;
} Anomalies;

/** Read those of a month, or of all time (NULL); of one tenant, or all (NULL). ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool anomalies_read(Anomalies *self, Db *db, const char *tenant, const UtcMonth *month, Err *err);
void anomalies_clear(Anomalies *self);

/** "far above", "far below", "" for a day like others. */
const char *anomalies_mark(const Anomalies *self, const char *tenant, const char *day);
/** Add `anomalies`: [{measure, value, habit, spread, score}] of a day. */
MUST_CHECK bool anomalies_add(const Anomalies *self, const char *tenant, const char *day, Json *object, Err *err);

#endif
