/**
 * rate_evidence - usage of a month from segments, for price books that count what hourly sums do not hold
 */
#ifndef RATER_RATE_EVIDENCE_H
#define RATER_RATE_EVIDENCE_H

#include "rater/rate_month_parts.h"

/** Add the usage of the tenants at hand to self->rows, account after account, as it was at the run's watermark. Runs inside the
 *  caller's transaction. Reads every segment of the period. ERR_CORRUPT: a segment cannot be read; ERR_NOMEM, and errors of the database. */
MUST_CHECK bool rate_rows_from_evidence(RateMonth *self, Err *err);

#endif
