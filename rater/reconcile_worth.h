/**
 * reconcile_worth - what one record more, less or otherwise would change of a tenant's bill
 *
 * The usage that is billed is rated by the same pure function as the bill (rate.h), once as it is and once with the change; the
 * worth is the difference of the exact amounts of the tenant's lines, before rounding, discounts and tax. Marginal: each
 * change against the bill as it stands, so that worths need not add up where a free tier or a tier's edge lies between;
 * worth_total() rates all changes at once. Pure. Not thread-safe.
 */
#ifndef RATER_RECONCILE_WORTH_H
#define RATER_RECONCILE_WORTH_H

#include <gmp.h>
#include <stdbool.h>

#include "lib/err.h"
#include "proto/usage_record.h"
#include "rater/price_book.h"
#include "rater/rate.h"
#include "rater/usage.h"

typedef struct Worth Worth;

/** `rows`: the usage of the tenant's whole account as it is billed (one row for each configuration, borrowed, as are book and
 *  names). Caller frees. NULL: ERR_INPUT (it cannot be rated), ERR_NOMEM. */
MUST_CHECK Worth *worth_new(const RatingRows *rows, const PriceBook *book, const RateOptions *options,
                            const char *account, const char *tenant, Err *err);
void worth_free(Worth **self);
const PriceBook *worth_book(const Worth *self);

/** What taking `less` away and adding `more` (either may be NULL) changes, into `out` (initialised by the caller); the change is
 *  kept for worth_total. ERR_INPUT: `more` has no price; ERR_CORRUPT: `less` is not in the usage; ERR_NOMEM. */
MUST_CHECK bool worth_of(Worth *self, const UsageRecord *less, const UsageRecord *more, mpq_t out, Err *err);

/** The tenant's bill: as it is, and with all changes that had a worth. Exact, and as lines are rounded. All initialised by the
 *  caller. */
typedef struct WorthTotal {
    mpq_t exact;
    mpq_t amount;
} WorthTotal;
MUST_CHECK bool worth_total(const Worth *self, WorthTotal *as_billed, WorthTotal *as_in_files, Err *err);

#endif
