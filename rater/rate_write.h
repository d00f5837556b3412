/**
 * rate_write - one tenant of a rating run: its document, stored, or the final invoice that it has already
 */
#ifndef RATER_RATE_WRITE_H
#define RATER_RATE_WRITE_H

#include "rater/rate.h"
#include "rater/rate_draft.h"
#include "rater/rate_month_parts.h"
#include "rater/statement.h"

/** Who of an account gets a document that has none in force. */
typedef enum RateWhich {
    RATE_NONE,
    RATE_TAKEN_BACK, /* whose invoice is void */
    RATE_ALL
} RateWhich;

/** Keep the final invoice that exists, or write the tenant's slice where it is one of `which`; the report says which. A `draft` (NULL, or empty: none) is what is written. Inside the
 *  run's transaction. ERR_BUSY (rate again), ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool rate_write_tenant(RateMonth *self, const RateTenant *tenant, const Rated *rated,
                                  const RatedSlice *slice, RateDraft *draft, RateWhich which, Err *err);

/** The final invoice in force of a tenant for the period at hand; its document, when that is asked for and the report wants it. */
MUST_CHECK bool
rate_find_final(RateMonth *self, const RateTenant *tenant, FinalInvoice *found, Buffer *document, Err *err);

/** The id of the first final invoice in force of a tenant for the period at hand; INT64_MAX: there is none. */
MUST_CHECK bool rate_final_id(const RateMonth *self, int64_t tenant_id, int64_t *invoice_id, Err *err);

/** A tenant without anything of its own in this period: its earlier periods alone, on an invoice where they became more. */
MUST_CHECK bool
rate_write_earlier(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *nothing, Err *err);

/** Make a tenant's statement. Freed with rate_terms_free() when true. Errors as of rate_terms_make(). */
MUST_CHECK bool
rate_make_terms(RateMonth *self, const RateContract *contract, StatementInput *input, RateTerms *terms, Err *err);

#endif
