/**
 * reconcile_text - the summary of a reconciliation for people
 */
#ifndef RATER_RECONCILE_TEXT_H
#define RATER_RECONCILE_TEXT_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"

enum { RECONCILE_ROWS_SHOWN = 20 };

/** `rows`: how many there were; beyond RECONCILE_ROWS_SHOWN it is said where the others are. ERR_NOMEM. */
MUST_CHECK bool reconcile_summary_text(Json *summary, int64_t rows, Buffer *out, Err *err);

#endif
