/**
 * savings_verdict - for each function: where it belongs, and why, in words
 */
#ifndef REPORTS_SAVINGS_VERDICT_H
#define REPORTS_SAVINGS_VERDICT_H

#include "reports/savings.h"

/** Fill report->verdicts; the sums and comparisons of `report` are ready. ERR_NOMEM, ERR_INPUT. */
MUST_CHECK bool savings_verdicts(SavingsReport *report, const SavingsInput *input, Err *err);

#endif
