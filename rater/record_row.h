/**
 * record_row - one record as usage that can be rated
 */
#ifndef RATER_RECORD_ROW_H
#define RATER_RECORD_ROW_H

#include "lib/err.h"
#include "proto/usage_record.h"
#include "rater/usage.h"

/** The sums of one invocation; the names are left out. ERR_CORRUPT: a duration out of range. */
MUST_CHECK bool record_row(const UsageRecord *record, RatingRow *out, Err *err);

/** Add a record's row under its account and tenant. ERR_CORRUPT: a duration out of range; ERR_NOMEM. */
MUST_CHECK bool
record_row_add(RatingRows *rows, const char *account, const char *tenant, const UsageRecord *record, Err *err);

#endif
