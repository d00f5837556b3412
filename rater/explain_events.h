/**
 * explain_events - what is free by its price, and what events cost beside a rate, as formulas that a pocket calculator can follow
 *
 * doc/price-books.md, `package` and `percentage`, has the rules. What no formula gives exactly has its sentence alone. Pure.
 */
#ifndef RATER_EXPLAIN_EVENTS_H
#define RATER_EXPLAIN_EVENTS_H

#include "lib/err.h"
#include "lib/json.h"
#include "rater/explain_again.h"

/** An item of one line, whose price makes `free` of its `quantity` free, and no free tier does: the steps `events`, `free_part` and `free`. ERR_NOMEM. */
MUST_CHECK bool explain_free_by_price(const ExplainAgain *again, const RatedLine *line, const mpq_t quantity,
                                      const mpq_t free, Json *steps, Err *err);

/** The fee of a line of a percentage: what its events cost beside the rate, and the steps that lead there. ERR_NOMEM. */
MUST_CHECK bool explain_event_fee(const ExplainAgain *again, const RatedLine *line, Json *steps, Err *err);

#endif
