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

/** Fill the comparison's range from its complete reading. */
void savings_range(SavingsComparison *self, const SavingsReport *report);

/** Parts of the report for a person: verdicts, the dearest functions first; what the free tier is worth and who shares it. */
MUST_CHECK bool savings_verdicts_text(const SavingsReport *self, Buffer *out, Err *err);
MUST_CHECK bool savings_free_tiers_text(const SavingsReport *self, Buffer *out, Err *err);

#endif
