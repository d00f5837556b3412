/* What a rating run does for alerts when its invoices are written. See alert.h. */
#include <inttypes.h>
#include <stdio.h>

#include "rater/alert.h"
#include "rater/deliver.h"

static bool
deliver(Db *db, const Config *config, const char *program, Err *err)
{
    DeliverReport report;
    if (!deliver_open(db, config, &report, err))
        return false;
    if (report.open > 0)
        fprintf(stderr,
                "%s: warning: %" PRId64 " deliver%s of invoices and alerts failed: see `millibill deliver --list`\n",
                program, report.open, report.open == 1 ? "y" : "ies");
    return true;
}

bool
alerts_after_run(Db *db, const Config *config, UtcMonth month, bool final, const char *program, Err *err)
{
    DbArray raised = db_array_of(DB_BIGINT);
    bool done = alerts_raise(db, config, month, &raised, err) ||
                err_prefix(err, "the invoices are written; looking for thresholds that were reached failed: ");
    const uint32_t count = raised.count;
    db_array_free(&raised);
    if (count > 0)
        fprintf(stderr, "%s: %u new alert%s: see `millibill alerts list`\n", program, count, count == 1 ? "" : "s");
    return done && ((!final && count == 0) || deliver(db, config, program, err));
}
