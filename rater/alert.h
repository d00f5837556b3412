/**
 * alert - raise an alert for each threshold of a free tier or of a contract's limit that was reached, once
 *
 * Looks at the invoices in force (previews and finals), so it comes after a rating run and may come any number of times: what was
 * raised stands in the database and is never raised again. A run that dies before leaves it to the next. What counts and which
 * thresholds hold stand in doc/alerts.md.
 */
#ifndef RATER_ALERT_H
#define RATER_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/utc.h"
#include "rater/alert_percents.h"
#include "rater/contract.h"
#include "schema/alert_store.h"
#include "schema/db.h"

/** How much of a limit is used, and the percentages to look at. */
typedef struct AlertLevel {
    const char *kind; /* of the alert; NULL: nothing is limited */
    const char *item;
    const char *unit;
    char period[2 * UTC_TEXT_BYTES];
    mpq_t value;
    mpq_t limit;
    const mpq_t *percents; /* ascending, borrowed */
    size_t percent_count;
    size_t reached; /* the first so many of them */
} AlertLevel;

/** What a use says under its contract: pure. `level` has its numbers initialised. `percents` are those of the installation. ERR_INPUT. */
MUST_CHECK bool
alert_level(const AlertUse *use, const Contract *contract, const AlertPercents *percents, AlertLevel *level, Err *err);

/** Raise what has been reached in the periods that start in `month`, in a transaction of its own on the rater's connection; the id of each new
 *  alert is appended to `raised` (DB_BIGINT). Deliveries are queued, not made. ERR_INPUT (the setting), ERR_BUSY,
 *  ERR_DATABASE, ERR_NOMEM: nothing was raised. */
MUST_CHECK bool alerts_raise(Db *db, const Config *config, UtcMonth month, DbArray *raised, Err *err);

/** Documents of periods that are under way, as they are forecast to be. */
typedef struct AlertForecasts {
    Text documents; /* as alert_forecast_uses() reads them */
    int64_t receipt_watermark;
    const AlertPercents *percents; /* in place of the setting alert_percent */
} AlertForecasts;

/** As alerts_raise(), of what is forecast. */
MUST_CHECK bool
alerts_raise_forecasts(Db *db, const Config *config, const AlertForecasts *forecasts, DbArray *raised, Err *err);

/** What a rating run does when its invoices are written: raise, say how many, and deliver what is open if anything was raised or `final`. What does
 *  not arrive is no error: it is said, and waits. As above. */
MUST_CHECK bool
alerts_after_run(Db *db, const Config *config, UtcMonth month, bool final, const char *program, Err *err);

#endif
