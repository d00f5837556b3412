/**
 * timeline - what ran at a time over a month, as reports show it
 */
#ifndef REPORTS_TIMELINE_H
#define REPORTS_TIMELINE_H

#include "lib/json.h"
#include "lib/text.h"
#include "reports/concurrency.h"

/** Add peaks, when they were reached, the time in which nothing ran and the histogram to `object`. ERR_NOMEM. */
MUST_CHECK bool timeline_json(const ConcurrencyReport *self, Json *object, Err *err);

/** The same for a person; goes on after "… on average". */
MUST_CHECK bool timeline_text(const ConcurrencyReport *self, Buffer *out, Err *err);

#endif
