/**
 * rate_report - what a rating run has to say, as it grows
 */
#ifndef RATER_RATE_REPORT_H
#define RATER_RATE_REPORT_H

#include "rater/rate_month_parts.h"

/** A new outcome, owned by the report. NULL: ERR_NOMEM. */
MUST_CHECK RateOutcome *rate_outcome_add(RateMonth *self, const char *account, const char *tenant, Err *err);
/** An account that is not billed, with the reason. ERR_NOMEM. */
MUST_CHECK bool rate_skip_add(RateMonth *self, const char *account, const Err *reason, Err *err);
/** An account of which usage is left to a later invoice. ERR_NOMEM. */
MUST_CHECK bool rate_wait_add(RateMonth *self, const char *account, const Err *reason, Err *err);
/** Outcomes by account and tenant, where they were added period by period; a tenant's stay in their order. */
void rate_report_sort(RateReport *report);
/** Keep a copy of a text (NULL: none) as long as the report. ERR_NOMEM. */
MUST_CHECK bool rate_report_keep(RateMonth *self, const char **to, const char *text, Err *err);
/** The same of the newest outcome's member (an offset in RateOutcome), which is shared when the outcome before says the same. */
MUST_CHECK bool rate_report_keep_again(RateMonth *self, const char **to, size_t member, const char *text, Err *err);
/** The same of a text that was made for it, and is freed; NULL: it could not be made, and `err` says why. */
MUST_CHECK bool rate_report_keep_made(RateMonth *self, const char **to, char *text, Err *err);
/** ERR_NOMEM. Returns false. */
bool rate_report_no_memory(Err *err);

#endif
