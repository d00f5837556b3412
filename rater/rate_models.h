/**
 * rate_models - what a counter holds and owes, by the model of its price
 *
 * Pure. A counter knows its total, and what earlier parts of the period had on it: it goes on from there.
 */
#ifndef RATER_RATE_MODELS_H
#define RATER_RATE_MODELS_H

#include "rater/rate_cells.h"

/** Fill in_tiers, fees, included and free_share of a counter whose total, events and `before` are known. ERR_NOMEM. */
MUST_CHECK bool counter_settle(Counter *counter, Err *err);

/** The tier of a volume price that its counter has reached, from 0. */
size_t counter_volume_tier(const Counter *counter);

#endif
