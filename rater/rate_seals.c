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

MUST_CHECK bool
rate_seal_month(Db *compactor, const Config *config, UtcMonth month, bool damage_is_known, SealReport *out, Err *err)
{
    SealReport report = {0};
    const SealScope scope = {.now_us = utc_now_us(), .month = &month};
    if (!seal(compactor, config, &scope, &report, err))
        return err_prefix(err, "a final invoice names its seals, sealing the month: ");
    if (out != NULL)
        *out = report;
    if (report.damaged == 0 || damage_is_known)
        return true;
    err_set(err, ERR_CORRUPT,
            "%" PRId64 " hour%s of the month could not be sealed: a segment is not what its digest says",
            report.damaged, report.damaged == 1 ? "" : "s");
    return err_hint(err, "millibill verify names the segments; nothing was billed");
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

MUST_CHECK bool
rate_root(Db *db, int64_t tenant_id, const char *tenant, UtcMonth month, bool used, SealRoot *root, Err *err)
{
    bool waiting = true;
    bool grew = true;
    if (!seal_root_find(db, tenant_id, month, 0, root, err) || !seal_month_waits(db, tenant_id, month, &waiting, err) ||
        !seal_month_grew(db, tenant_id, month, root->receipt_to, &grew, err))
        return false;
    if ((root->revision > 0 || !used) && !waiting && !grew)
        return true;
    err_set(err, ERR_BUSY, "tenant '%s' has usage of the month that is not sealed", tenant);
    return err_hint(err, "more is arriving, or a segment is damaged: see millibill verify; then try again");
}
