/**
 * rate_evidence - usage of a month from segments, for price books that count what hourly sums do not hold
 */
#ifndef RATER_RATE_EVIDENCE_H
#define RATER_RATE_EVIDENCE_H

#include "rater/price_book.h"
#include "rater/rate_tenants.h"
#include "rater/usage.h"
#include "schema/verify_store.h"

/** Add the usage of tenants to `rows`, account after account, as it was at a watermark. Runs inside the caller's transaction.
 *  Reads every segment of the period. ERR_CORRUPT: a segment cannot be read; ERR_NOMEM, and errors of the database. */
MUST_CHECK bool rate_rows_from_evidence(Db *db, const RateTenants *tenants, const VerifyPeriod *period,
                                        int64_t watermark, const PriceBook *book, RatingRows *rows, Err *err);

#endif
