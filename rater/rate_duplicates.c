#include "rater/rate_duplicates.h"

#include <time.h>

#include "lib/log.h"
#include "lib/progress.h"
#include "lib/utc.h"
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

bool
rate_exclude_of(Db *compactor, const RateTenant *tenant, DuplicatesReport *report, Err *err)
{
    DuplicatesReport found = {0};
    if (!rate_exclude_of_tenant(compactor, tenant->tenant_id, utc_hour_floor_us(tenant->period.start_us),
                                utc_hour_ceiling_us(tenant->period.end_us), &found, err))
        return err_prefix(err, "tenant '%s': ", tenant->name);
    report->copies += found.copies;
    report->conflicts += found.conflicts;
    return true;
}

bool
rate_duplicates_where(SegmentTenants *with, Db *compactor, const RateTenants *tenants, Err *err)
{
    int64_t start_us = INT64_MAX;
    int64_t end_us = INT64_MIN;
    *with = (SegmentTenants){0};
    for (size_t i = 0; i < tenants->count; i++) {
        const BillingPeriod *period = &tenants->all[i].period;
        start_us = period->start_us < start_us ? period->start_us : start_us;
        end_us = period->end_us > end_us ? period->end_us : end_us;
    }
    if (tenants->count == 0)
        return true;
    start_us = utc_hour_floor_us(start_us) - UTC_DAY_US;
    end_us = utc_hour_ceiling_us(end_us) + UTC_DAY_US;
    for (int attempt = 1; !segment_tenants_read(with, compactor, start_us, end_us, err); attempt++) {
        segment_tenants_free(with);
        if (!rate_recover(compactor, attempt, err))
            return false;
    }
    return true;
}

MUST_CHECK bool
rate_exclude_duplicates(Db *compactor, const RateTenants *tenants, RateReport *report, Err *err)
{
    SegmentTenants with = {0};
    DuplicatesReport found = {0};
    Progress progress = progress_start("Looking for duplicates");
    bool done = rate_duplicates_where(&with, compactor, tenants, err);
    for (size_t i = 0; done && i < tenants->count; i++) {
        if (!segment_tenants_have(&with, tenants->all[i].tenant_id))
            continue;
        progress_show(&progress, (int64_t) i, (int64_t) tenants->count);
        done = rate_exclude_of(compactor, &tenants->all[i], &found, err);
    }
    progress_end(&progress);
    segment_tenants_free(&with);
    report->copies += found.copies;
    report->conflicts += found.conflicts;
    return done;
}
