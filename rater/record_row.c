#include "rater/record_row.h"

#include "rater/tally.h"
#include "schema/rollup_store.h"

MUST_CHECK bool
record_row(const UsageRecord *record, RatingRow *out, Err *err)
{
    RollupSums sums = {0};
    if (!rollup_sums_add(&sums, record))
        return err_set(err, ERR_CORRUPT, "a record's duration is out of range");
    *out = (RatingRow){.architecture = record->architecture,
                       .mode = record->mode,
                       .package = record->package,
                       .memory_mb = record->memory_mb,
                       .ephemeral_mb = record->ephemeral_mb,
                       .invocations = (UsageSum) sums.invocations,
                       .errors = (UsageSum) sums.errors,
                       .timeouts = (UsageSum) sums.timeouts,
                       .duration_1ms = (UsageSum) sums.duration_1ms,
                       .duration_100ms = (UsageSum) sums.duration_100ms,
                       .with_init_1ms = (UsageSum) sums.with_init_1ms,
                       .with_init_100ms = (UsageSum) sums.with_init_100ms,
                       .cpu_us = (UsageSum) sums.cpu_us,
                       .streamed_bytes = (UsageSum) sums.streamed_bytes,
                       .capacity_records = (UsageSum) sums.capacity_records,
                       .capacity_1s = (UsageSum) sums.capacity_1s,
                       .capacity_300s = (UsageSum) sums.capacity_300s};
    return true;
}

MUST_CHECK bool
record_row_add(RatingRows *rows, const char *account, const char *tenant, const UsageRecord *record, Err *err)
{
    RatingRow row;
    const UsageFacts each = tally_facts(record);
    const RatingNames names = {text_of(account), text_of(tenant), record->function, record->region};
    if (!record_row(record, &row, err))
        return false;
    row.hour_us = record->started_at_us;
    row.each = &each; /* so that every book can be answered */
    return rating_rows_add(rows, &names, &row, err);
}
