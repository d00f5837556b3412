/**
 * explain_tiers - the steps from what an item bills to what one of its tiers holds
 */
#ifndef RATER_EXPLAIN_TIERS_H
#define RATER_EXPLAIN_TIERS_H

#include "lib/err.h"
#include "lib/json.h"
#include "rater/rate.h"

/** Add the steps `before` (where price books of the period went before), `counter`, `tier` and `tier_part` of a line to `steps`; none where its
 *  price has one tier. `billed`: of all tiers of its item. ERR_NOMEM. */
MUST_CHECK bool explain_tiers(const Rated *rated, const RatedLine *line, const mpq_t billed, Json *steps, Err *err);

/** Does the line's counter go over usage of this region and tenant? */
bool explain_in_scope(const RatedLine *line, const char *region, const char *tenant);
/** Are both on one counter? */
bool explain_shares_counter(const RatedLine *a, const RatedLine *b);
/** Was what `other` billed on the line's counter before, by a price book that was in force earlier in the period? */
bool explain_went_before(const RatedLine *line, const RatedLine *other);

/** Add to `whole` what the line's counter billed, to `in_tier` what of it lies in the line's tier. */
void explain_counter(const Rated *rated, const RatedLine *line, mpq_t whole, mpq_t in_tier);

#endif
