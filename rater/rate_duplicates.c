#include "rater/rate_duplicates.h"

#include <time.h>

#include "lib/log.h"
#include "schema/duplicates.h"

enum { TRIES_MAX = 8, WAIT_MS = 50 };

MUST_CHECK bool
rate_recover(Db *db, int attempt, Err *err)
{
    if (!err_is_retryable(err) || attempt >= TRIES_MAX)
        return false;
    log_warn("event=rate_again attempt=%d reason=\"%s\"", attempt, err->message);
    err_clear(err);
    const struct timespec wait = {.tv_nsec = (long) WAIT_MS * attempt * 1000000L};
    nanosleep(&wait, NULL);
    return db_is_connected(db) || db_reconnect(db, err);
}

MUST_CHECK bool
rate_exclude_of_tenant(Db *db, int64_t tenant_id, int64_t start_us, int64_t end_us, DuplicatesReport *found, Err *err)
{
    DuplicatesReport report;
    for (int attempt = 1; !duplicates_exclude(db, tenant_id, start_us, end_us, &report, err); attempt++)
        if (!rate_recover(db, attempt, err))
            return false;
    if (found != NULL)
        *found = report;
    return true;
}

static bool
exclude_of(Db *compactor, const RateTenant *tenant, RateReport *report, Err *err)
{
    DuplicatesReport found = {0};
    if (!rate_exclude_of_tenant(compactor, tenant->tenant_id, utc_hour_floor_us(tenant->period.start_us),
                                utc_hour_ceiling_us(tenant->period.end_us), &found, err))
        return err_prefix(err, "tenant '%s': ", tenant->name);
    report->copies += found.copies;
    report->conflicts += found.conflicts;
    return true;
}

MUST_CHECK bool
rate_exclude_duplicates(Db *compactor, const RateTenants *tenants, RateReport *report, Err *err)
{
    for (size_t i = 0; i < tenants->count; i++)
        if (!exclude_of(compactor, &tenants->all[i], report, err))
            return false;
    return true;
}
