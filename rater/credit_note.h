/**
 * credit_note - the document by which an invoice becomes less: each line and item with the difference. Pure.
 *
 * The statement is that of the invoice's own contract on the corrected lines less the one on the lines as they were settled: taxes go back
 * at the invoice's rates, money at its exchange rate, and credits that the invoice took and would not take any more are there again.
 */
#ifndef RATER_CREDIT_NOTE_H
#define RATER_CREDIT_NOTE_H

#include "rater/adjust_difference.h"
#include "rater/document.h"
#include "schema/adjust_store.h"

/** All borrowed. */
typedef struct CreditNoteInput {
    const char *tenant;
    const char *account;
    const AdjustBase *base;
    int64_t to_receipt;
    const PriceBook *book;
    const AdjustSide *before;
    const AdjustSide *after;
    const DocumentTerms *terms; /* of the invoice; NULL: it has no contract */
    Json *adjustment;           /* the adjustment's document: its causes stand on the note */
} CreditNoteInput;

/** Make it, as a preview without a number. Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *credit_note_make(const CreditNoteInput *input, Err *err);
/** Give it its number, which makes it final. */
MUST_CHECK bool credit_note_number(Json *note, const char *number, Err *err);

#endif
