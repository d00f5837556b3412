/**
 * explain_formula - how a row of usage makes its quantity, for a pocket calculator
 */
#ifndef RATER_EXPLAIN_FORMULA_H
#define RATER_EXPLAIN_FORMULA_H

#include <gmp.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/price_book.h"
#include "rater/usage.h"

/** Add "billed_ms" (where the meter counts time) and "formula" (null) where the row's sums make the quantity in one formula, and
 *  "quantity". ERR_NOMEM. */
MUST_CHECK bool formula_add_usage(Json *entry, const PriceBook *book, const Meter *meter, const RatingRow *row,
                                  int64_t month_start_us, mpq_t quantity, Err *err);

/** The price that usage goes by: the first one with patterns that fit, else the one without; NULL none. */
const Price *explain_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode,
                           const char *function);

#endif
