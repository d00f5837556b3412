/**
 * explain_steps - how the pure core came from a quantity to an amount, as formulas that a pocket calculator can follow
 *
 * Everything is read off the result of rate(): what all lines of the account took of a free tier and of a tier's width. Pure.
 */
#ifndef RATER_EXPLAIN_STEPS_H
#define RATER_EXPLAIN_STEPS_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/explain_again.h"

/** From the quantity of `line` (one of again->rated->lines) to its amount. ERR_NOMEM. */
MUST_CHECK bool explain_steps(const ExplainAgain *again, const RatedLine *line, Json *steps, Err *err);

#endif
