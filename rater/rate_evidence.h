/**
 * rate_evidence - usage of a month from segments, for price books that count what hourly sums do not hold
 */
#ifndef RATER_RATE_EVIDENCE_H
#define RATER_RATE_EVIDENCE_H

#include "rater/rate_month_parts.h"

/** Add the usage of the tenants at hand to self->rows, account after account, as it was at the run's watermark. Runs inside the
 *  caller's transaction. Reads every segment of the period. ERR_CORRUPT: a segment cannot be read; ERR_NOMEM, and errors of the database. */
MUST_CHECK bool rate_rows_from_evidence(RateMonth *self, Err *err);

/** Does a period start or end in the midst of an hour? */
bool rate_rows_have_edges(const BillingPeriod *period);

/** Add what they used in the hours in the midst of which the period starts or ends, record by record. Nothing to do where both are
 *  UTC hours. self->rows are then by account again. Errors as above. */
MUST_CHECK bool rate_rows_of_edges(RateMonth *self, Err *err);

#endif
