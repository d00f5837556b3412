#include "rater/rate_seals.h"

#include <inttypes.h>

#include "lib/log.h"
#include "schema/seal_store.h"

static bool
seal(Db *compactor, const Config *config, const SealScope *scope, SealReport *report, Err *err)
{
    SealTools tools;
    if (!seal_tools_open(config, &tools, err))
        return false;
    bool done = seal_run(compactor, &tools, scope, report, err);
    seal_tools_close(&tools);
    return done;
}

static bool
seal_month(Db *compactor, const Config *config, UtcMonth month, bool damage_is_known, SealReport *report, Err *err)
{
    const SealScope scope = {.now_us = utc_now_us(), .month = &month};
    const int64_t damaged_before = report->damaged;
    if (!seal(compactor, config, &scope, report, err))
        return err_prefix(err, "a final invoice names its seals, sealing the month: ");
    const int64_t damaged = report->damaged - damaged_before;
    if (damaged == 0 || damage_is_known)
        return true;
    err_set(err, ERR_CORRUPT,
            "%" PRId64 " hour%s of the month could not be sealed: a segment is not what its digest says", damaged,
            damaged == 1 ? "" : "s");
    return err_hint(err, "millibill verify names the segments; nothing was billed");
}

/* What is damaged in a month beside the one that is billed was seen when that one was. */
MUST_CHECK bool
rate_seal_periods(Db *compactor, const Config *config, UtcMonth month, const RatePeriods *periods, bool damage_is_known,
                  SealReport *out, Err *err)
{
    const int64_t now_us = utc_now_us();
    SealReport report = {0};
    UtcMonth first = month;
    UtcMonth last = month;
    for (size_t i = 0; i < periods->count; i++) {
        const BillingPeriod *period = &periods->all[i];
        const UtcMonth end = utc_month_of(period->end_us - 1);
        if (!rate_period_is_over(period, now_us))
            continue;
        first = utc_month_is_before(utc_month_of(period->start_us), first) ? utc_month_of(period->start_us) : first;
        last = utc_month_is_before(last, end) ? end : last;
    }
    bool done = true;
    for (UtcMonth at = first; done && !utc_month_is_before(last, at); at = utc_month_next(at)) {
        bool is_other = utc_month_is_before(at, month) || utc_month_is_before(month, at);
        done = seal_month(compactor, config, at, damage_is_known || is_other, &report, err);
    }
    if (out != NULL)
        *out = report;
    return done;
}

void
rate_seal_invoices(Db *compactor, const Config *config)
{
    Err err = {0};
    SealReport report = {0};
    const SealScope scope = {.now_us = utc_now_us(), .invoices_only = true};
    if (seal(compactor, config, &scope, &report, &err))
        return;
    err_prefix(&err, "the invoices are final, but under no signed head until the next sealing (`millibill seal`): ");
    log_err(LOG_LEVEL_WARN, "invoices_not_sealed", &err);
}

/* ---- what there is of them ---- */

/* The hours of a period in one of its UTC months. */
static SealCoverHours
hours_of(const BillingPeriod *period, UtcMonth month)
{
    const int64_t from_us = utc_hour_floor_us(period->start_us);
    const int64_t until_us = utc_hour_ceiling_us(period->end_us);
    const int64_t start_us = utc_month_start_us(month);
    const int64_t end_us = utc_month_end_us(month);
    return (SealCoverHours){month, from_us > start_us ? from_us : start_us, until_us < end_us ? until_us : end_us};
}

void
rate_seals_begin(RateSeals *self, const BillingPeriod *period)
{
    const UtcMonth last = utc_month_of(period->end_us - 1);
    self->period = *period;
    self->month_count = 0;
    for (UtcMonth month = utc_month_of(period->start_us);
         self->month_count < RATE_ROOTS_MAX && !utc_month_is_before(last, month); month = utc_month_next(month)) {
        seal_cover_clear(&self->cover[self->month_count]);
        self->hours[self->month_count++] = hours_of(period, month);
    }
}

bool
rate_seals_want(RateSeals *self, int64_t tenant_id, Err *err)
{
    for (size_t i = 0; i < self->month_count; i++)
        if (!seal_cover_want(&self->cover[i], tenant_id, err))
            return false;
    return true;
}

bool
rate_seals_read(RateSeals *self, Db *db, int64_t last_receipt, Err *err)
{
    for (size_t i = 0; i < self->month_count; i++)
        if (!seal_cover_read(&self->cover[i], db, &self->hours[i], last_receipt, err))
            return false;
    return true;
}

void
rate_seals_free(RateSeals *self)
{
    for (size_t i = 0; i < RATE_ROOTS_MAX; i++)
        seal_cover_free(&self->cover[i]);
    *self = (RateSeals){.month_count = 0};
}

bool
rate_seals_know(const RateSeals *self, const RateTenant *tenant)
{
    return self->month_count > 0 && self->period.start_us == tenant->period.start_us &&
           self->period.end_us == tenant->period.end_us && seal_cover_find(&self->cover[0], tenant->tenant_id) != NULL;
}

bool
rate_roots(const RateSeals *self, const RateTenant *tenant, bool used, RateRoots *roots, Err *err)
{
    bool covered = true;
    roots->count = 0;
    for (size_t i = 0; i < self->month_count; i++) {
        const TenantCover *cover = seal_cover_find(&self->cover[i], tenant->tenant_id);
        covered = covered && !cover->waits && !cover->grew;
        if (cover->root.revision > 0)
            roots->all[roots->count++] = cover->root;
    }
    if ((roots->count > 0 || !used) && covered)
        return true;
    err_set(err, ERR_BUSY, "tenant '%s' has usage of the month that is not sealed", tenant->name);
    return err_hint(err, "more is arriving, or a segment is damaged: see millibill verify; then try again");
}
