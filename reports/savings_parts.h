/**
 * savings_parts - what the files of the comparison share
 */
#ifndef REPORTS_SAVINGS_PARTS_H
#define REPORTS_SAVINGS_PARTS_H

#include "reports/savings.h"

/** Quantity x price of each item; quantities that grow with requests come from report->invocations. ERR_NOMEM. */
MUST_CHECK bool
savings_items_make(const CostItems *from, const SavingsReport *report, SavingsItem **items, size_t *count, Err *err);

/** The serverless side, in this order: how much ran; the rated lines and their currency; what is paid besides them. */
void savings_take_usage(SavingsReport *report, const SavingsInput *input);
MUST_CHECK bool savings_take_documents(SavingsReport *report, const SavingsInput *input, Err *err);
MUST_CHECK bool savings_take_extras(SavingsReport *report, const SavingsInput *input, Err *err);

/** Fill the comparison's hours in which its instances would have been too small. ERR_NOMEM. */
MUST_CHECK bool savings_small_hours(SavingsComparison *self, const SavingsReport *report, Err *err);

/** Fill the comparison's range from its complete reading. ERR_INPUT. */
MUST_CHECK bool savings_range(SavingsComparison *self, const SavingsReport *report, Err *err);

/** Add what the line's free quantity would cost at its unit price. ERR_INPUT. */
MUST_CHECK bool savings_add_free_value(Json *line, int scale, Amount *sum, Err *err);

/** Parts of the report for a person: verdicts, the dearest functions first; what the free tier is worth and who shares it. */
MUST_CHECK bool savings_verdicts_text(const SavingsReport *self, Buffer *out, Err *err);
MUST_CHECK bool
savings_terms_text(const SavingsReport *self, Buffer *out, Err *err); /* what contracts do that is not compared */
MUST_CHECK bool savings_free_tiers_text(const SavingsReport *self, Buffer *out, Err *err);

/** "TENANT: DESCRIPTION" of a contract's term, the tenant where there are several. ERR_NOMEM. */
MUST_CHECK bool savings_term_label(const SavingsReport *self, Json *term, Buffer *out, Err *err);

#endif
