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

/* The root of one UTC month, and whether it covers what the tenant has of the period in it. Where nothing came in after the root nothing
 * grew: asking every tenant's segments is most of what this costs. */
static bool
find_root(Db *db, const RateTenant *tenant, UtcMonth month, int64_t last_receipt, RateRoots *roots, bool *covered,
          Err *err)
{
    SealRoot *root = &roots->all[roots->count];
    const int64_t from_us = utc_hour_floor_us(tenant->period.start_us);
    const int64_t until_us = utc_hour_ceiling_us(tenant->period.end_us);
    const int64_t start_us = from_us > utc_month_start_us(month) ? from_us : utc_month_start_us(month);
    const int64_t end_us = until_us < utc_month_end_us(month) ? until_us : utc_month_end_us(month);
    bool waiting = true;
    bool grew = false;
    if (!seal_root_find(db, tenant->tenant_id, month, 0, root, err) ||
        !seal_hours_wait(db, tenant->tenant_id, start_us, end_us, &waiting, err))
        return false;
    if (root->receipt_to < last_receipt &&
        !seal_hours_grew(db, tenant->tenant_id, start_us, end_us, root->receipt_to, &grew, err))
        return false;
    roots->count += root->revision > 0 ? 1 : 0;
    *covered = *covered && !waiting && !grew;
    return true;
}

MUST_CHECK bool
rate_roots(Db *db, const RateTenant *tenant, bool used, int64_t last_receipt, RateRoots *roots, Err *err)
{
    bool covered = true;
    const UtcMonth last = utc_month_of(tenant->period.end_us - 1);
    roots->count = 0;
    for (UtcMonth month = utc_month_of(tenant->period.start_us); !utc_month_is_before(last, month);
         month = utc_month_next(month))
        if (roots->count < RATE_ROOTS_MAX && !find_root(db, tenant, month, last_receipt, roots, &covered, err))
            return false;
    if ((roots->count > 0 || !used) && covered)
        return true;
    err_set(err, ERR_BUSY, "tenant '%s' has usage of the month that is not sealed", tenant->name);
    return err_hint(err, "more is arriving, or a segment is damaged: see millibill verify; then try again");
}
