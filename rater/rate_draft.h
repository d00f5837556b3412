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
#include "schema/preview_rows.h"

typedef struct RateDraft {
    const RateTenant *tenant; /* NULL: nothing was made for it */
    PreviewRows rows;         /* of a preview's document, which is among them */
    char *body;               /* of a final invoice's, document_invoice_body() */
    char *total;              /* as printed */
} RateDraft;

/** Make the draft of a slice, where its tenant has no contract and nothing of earlier periods waits for it; else `draft` stays empty.
 *  Freed with rate_draft_free() in any case. ERR_NOMEM. */
MUST_CHECK bool
rate_draft_make(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice, Err *err);
void rate_draft_free(RateDraft *draft);

/** Is this a run whose documents are worth making ahead: are they written, and not printed? */
bool rate_draft_wanted(const RateRequest *request);

#endif
