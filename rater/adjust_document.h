/**
 * adjust_document - an adjustment as JSON: period, receipts, causes, lines and items that differ, at the original prices
 *
 * The same object stands on the invoice that bills it, on the credit note, in the report of write-offs and in the database.
 */
#ifndef RATER_ADJUST_DOCUMENT_H
#define RATER_ADJUST_DOCUMENT_H

#include "rater/adjust_difference.h"
#include "rater/adjust_rating.h"
#include "rater/rate_contracts.h"

/** From the side of the step `first` to that of `last`; all borrowed. */
typedef struct AdjustDocument {
    const AdjustRequest *request;
    int64_t late_months; /* -1: whatever its age */
    UtcMonth month;      /* whose run settles it */
    const PriceBook *book;
    const RateContract *contract; /* NULL: none */
    const AdjustSide *sides;      /* by step */
    mpq_t *nets;                  /* by step */
    AdjustStep first, last;
} AdjustDocument;

/** Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *adjust_document(const AdjustDocument *input, Err *err);

/** "Usage of 2026-06 (invoice MB-2026-000001): late usage 3.10, duplicates -0.20". Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK char *adjust_description(Json *document, Err *err);

#endif
