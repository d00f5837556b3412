/**
 * meter - from a usage row to the quantity of a meter, exactly
 *
 * Pure. The month decides whether initialization is billed with the duration.
 */
#ifndef RATER_METER_H
#define RATER_METER_H

#include <gmp.h>
#include <stdint.h>

#include "rater/price_book.h"
#include "rater/usage.h"

/** Quantity of `meter` in its unit; `out` is initialised by the caller. */
void meter_quantity(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us, mpq_t out);

/** Configured memory x billed duration in GB-seconds, whatever the book meters. */
void meter_gb_seconds(const PriceBook *book, const RatingRow *row, int64_t month_start_us, mpq_t out);

/** The column of a rollup row that the meter multiplies: "invocations", "duration_1ms", "with_init_100ms", … */
const char *meter_rollup_column(const PriceBook *book, const Meter *meter, UsagePackage package, UsageMode mode,
                                int64_t month_start_us);

#endif
