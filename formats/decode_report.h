/**
 * decode_report - the fields of one 'REPORT RequestId: …' message
 *
 * Fields are found by their labels, in any order, separated by tabs, blanks or the two characters "\n". What has no known
 * label is passed over. Pure: no clock, no state.
 */
#ifndef FORMATS_DECODE_REPORT_H
#define FORMATS_DECODE_REPORT_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

/** What a REPORT says; quantities that it does not name are USAGE_ABSENT. */
typedef struct LambdaReport {
    Text id;
    int64_t duration_us;
    int64_t billed_ms;
    int64_t memory_mb;
    int64_t max_memory_used_mb;
    int64_t init_us;
    int64_t restore_us;
    int64_t billed_restore_us;
    UsageStatus status;
} LambdaReport;

/** Read a message that starts with "REPORT RequestId:". `out->id` is borrowed from it. False with the fault: an empty id, a
 *  value that is none, a label that stands twice; duration and memory size missing. */
MUST_CHECK bool lambda_report_parse(Text message, LambdaReport *out, UsageFault *fault);

#endif
