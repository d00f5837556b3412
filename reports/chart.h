/**
 * chart - a curve against a level, drawn with characters
 */
#ifndef REPORTS_CHART_H
#define REPORTS_CHART_H

#include "lib/err.h"
#include "lib/text.h"
#include "reports/savings.h"

/** Append the chart of a comparison's costs by load: dots are the functions, the level line is the alternative. Nothing when it has no
 *  curve. ERR_NOMEM. */
MUST_CHECK bool
chart_break_even(const SavingsReport *report, const SavingsComparison *comparison, Buffer *out, Err *err);

#endif
