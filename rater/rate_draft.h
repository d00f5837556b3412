/**
 * rate_draft - the document of a tenant whose invoice follows from its usage and the book alone
 *
 * Made without the database, so that several threads can; what the database knows of the tenant decides later whether it is written. Of a
 * final invoice that is all but number and seals.
 */
#ifndef RATER_RATE_DRAFT_H
#define RATER_RATE_DRAFT_H

#include "rater/rate.h"
#include "rater/rate_month_parts.h"
#include "rater/statement.h"
#include "schema/preview_rows.h"

typedef struct RateDraft {
    const RateTenant *tenant; /* NULL: nothing was made for it */
    PreviewRows rows;         /* of a preview's document, which is among them */
    char *body;               /* of a final invoice's, document_invoice_body() */
    char *total;              /* what is owed, as printed … */
    char currency[4];         /* … in this */
    char *alert;              /* percentage of its spending limit that it has reached; NULL: none */
} RateDraft;

/** Make the draft of a slice, where what is `known` of its tenant is enough: no invoice of it is final, nothing of earlier periods waits for it,
 *  and there is no contract, or one whose statement can be made; else `draft` stays empty, and it is for the settling thread to say why.
 *  Freed with rate_draft_free() in any case. ERR_NOMEM. */
MUST_CHECK bool rate_draft_make(RateDraft *draft, const RateMonth *run, const RateKnown *known, const Rated *rated,
                                const RatedSlice *slice, Err *err);
void rate_draft_free(RateDraft *draft);

/** Is this a run whose documents are worth making ahead: are they written, and not printed? */
bool rate_draft_wanted(const RateRequest *request);

/** What a statement of a tenant's slice is made from, but for its contract and balances. */
StatementInput rate_draft_input(const RateMonth *run, const Rated *rated, const RatedSlice *slice);
/** What is owed, as printed: without a contract, and with one. Caller frees with free(). NULL: ERR_NOMEM. */
MUST_CHECK char *rate_draft_total(const PriceBook *book, const Rated *rated, const RatedSlice *slice, Err *err);
MUST_CHECK char *rate_draft_payable(const Statement *statement, Err *err);

#endif
