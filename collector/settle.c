#include "collector/settle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/array.h"
#include "lib/log.h"
#include "lib/utc.h"
#include "schema/duplicates.h"
#include "schema/quarantine_store.h"
#include "schema/statistics_store.h"

/** Months in a row of one tenant: one look instead of several that overlap. */
typedef struct Period {
    int64_t tenant_id;
    int64_t start_us;
    int64_t end_us;
} Period;

typedef struct Periods {
    Period *items;
    size_t count, capacity;
} Periods;

static bool
note_period(void *context, int64_t tenant_id, int64_t month_us, Err *err)
{
    Periods *periods = context;
    int64_t end_us = utc_month_end_us(utc_month_of(month_us));
    Period *last = periods->count == 0 ? NULL : &periods->items[periods->count - 1];
    if (last != NULL && last->tenant_id == tenant_id && last->end_us == month_us) {
        last->end_us = end_us;
        return true;
    }
    if (!array_grow(&periods->items, &periods->capacity, periods->count, sizeof *periods->items, err))
        return false;
    periods->items[periods->count++] = (Period){tenant_id, month_us, end_us};
    return true;
}

static bool
exclude_in(Db *db, const Period *period, Err *err)
{
    DuplicatesReport report;
    int64_t begun_us = utc_monotonic_us();
    if (!duplicates_exclude(db, period->tenant_id, period->start_us, period->end_us, &report, err))
        return false;
    log_info("event=duplicates tenant_id=%" PRId64 " records=%" PRId64 " copies=%" PRId64 " conflicts=%" PRId64
             " ms=%" PRId64,
             period->tenant_id, report.records, report.copies, report.conflicts,
             (utc_monotonic_us() - begun_us) / 1000);
    return true;
}

MUST_CHECK bool
settle_import(Db *db, Text import_id, ImportCounts *counts, Err *err)
{
    Periods periods = {0};
    bool good = statistics_keep(db, err) && import_periods(db, import_id, note_period, &periods, err);
    for (size_t i = 0; good && i < periods.count; i++)
        good = exclude_in(db, &periods.items[i], err);
    free(periods.items);
    return good && quarantine_mark_repeats(db, import_id, err) && import_counts(db, import_id, counts, err);
}
