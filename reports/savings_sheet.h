/**
 * savings_sheet - a savings report as a document: pages, a page for a browser, rows
 *
 * Made from the report's JSON alone: every figure is one that stands there.
 */
#ifndef REPORTS_SAVINGS_SHEET_H
#define REPORTS_SAVINGS_SHEET_H

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "reports/look.h"
#include "reports/words.h"

/** The sheet's language, subtitle and date: whose usage (NULL: all of it), and the first instant after the month. The report's own
 *  sentences have to be in that language (savings_json). */
typedef struct SavingsHead {
    const Words *words;
    const char *tenant;
    int64_t made_at_us;
} SavingsHead;

MUST_CHECK bool savings_pdf(Json *report, const SavingsHead *head, const Look *look, Buffer *out, Err *err);
MUST_CHECK bool savings_html(Json *report, const SavingsHead *head, const Look *look, Buffer *out, Err *err);

/** RFC 4180: `section,subject,what,quantity,unit,unit_price,amount,currency`, a row for each figure; names that look like formulas are
 *  guarded. */
MUST_CHECK bool savings_csv(Json *report, Buffer *out, Err *err);

#endif
