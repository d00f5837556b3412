/**
 * explain_formula - how a row of usage makes its quantity, for a pocket calculator
 */
#ifndef RATER_EXPLAIN_FORMULA_H
#define RATER_EXPLAIN_FORMULA_H

#include <gmp.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/rate.h"

/** Add "billed_ms" (where the meter counts time) and "formula" (null) where the row's sums make the quantity in one formula, and
 *  "quantity". ERR_NOMEM. */
MUST_CHECK bool formula_add_usage(Json *entry, const PriceBook *book, const Meter *meter, const RatingRow *row,
                                  int64_t month_start_us, mpq_t quantity, Err *err);

/** The price that usage goes by: the first one with patterns that fit, else the one without; NULL none. */
const Price *explain_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode,
                           const char *function);

/** The region of usage, or that which the book gives to usage that names none. */
const char *explain_region(const PriceBook *book, const char *region);

/** Does usage belong to the line's item: its place, and the price that it goes by? Of any tenant and part. */
bool explain_is_at(const PriceBook *book, const RatedLine *line, const char *region, UsageArchitecture architecture,
                   UsageMode mode, const char *function);

#endif
