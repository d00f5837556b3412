/**
 * focus - the charges of one document as rows of FOCUS 1.2
 *
 * Everything is taken from the canonical document, which never changes: the same document gives the same rows for ever, and they add up
 * to what it says is to be paid. What becomes which charge, and how a line is shared out to functions, stands in doc/focus.md.
 */
#ifndef REPORTS_FOCUS_H
#define REPORTS_FOCUS_H

#include <gmp.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "reports/document.h"
#include "reports/focus_row.h"
#include "reports/focus_terms.h"

enum {
    FOCUS_UNIT_BYTES = 96,
    FOCUS_SHARE_SCALE = 12
}; /* digits of a function's share of a line; the last function takes what they leave */

/** What the rows of one document have in common. Made by focus_document(). */
typedef struct FocusBill {
    FocusFile *file;
    Json *json;
    const FocusTerms *terms;
    FocusRow common; /* cells that all rows share; owns nothing */
    char billing_start[UTC_TEXT_BYTES], billing_end[UTC_TEXT_BYTES];
    const char *currency; /* of the lines */
    const char *paid_in;  /* of the bill */
    mpq_t rate;           /* units of `paid_in` for one of `currency` */
    mpq_t billed;         /* sum of BilledCost so far */
} FocusBill;

/** One document: its canonical JSON, when it was issued, and who issues documents where no contract says it ("" for none). */
typedef struct FocusSource {
    Json *json;
    const char *sha256;
    int64_t issued_at_us;
    const char *issuer;
    const FocusTerms *terms;
} FocusSource;

/** Write the rows of a document. ERR_INPUT (a member is missing), ERR_IO, ERR_NOMEM. */
MUST_CHECK bool focus_document(FocusFile *file, const FocusSource *source, Err *err);

/** Its lines / the items of its statement, taxes and the rounding of the whole. */
MUST_CHECK bool focus_lines(FocusBill *bill, Err *err);
MUST_CHECK bool focus_items(FocusBill *bill, Err *err);

/** A unit as FOCUS writes it, with capitals and in the plural: "request" is "Requests", "GB-second" "GB-Seconds". */
void focus_unit_name(const char *unit, char out[FOCUS_UNIT_BYTES]);

/** Set BilledCost, and EffectiveCost to the same / and ListCost and ContractedCost too; count it. */
MUST_CHECK bool focus_billed(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err);
/** Set EffectiveCost / BilledCost and an EffectiveCost of 0, of what covers later charges too, and count it. */
MUST_CHECK bool focus_effective(const FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err);
MUST_CHECK bool focus_billed_before(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err);
MUST_CHECK bool focus_all_costs(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err);

/** Set PricingQuantity, unit and unit prices (`unit_price` in the currency of the lines), and ListCost and ContractedCost to their product. */
MUST_CHECK bool
focus_priced(FocusBill *bill, FocusRow *row, const mpq_t quantity, const char *unit, const mpq_t unit_price, Err *err);

#endif
