/**
 * meter - from a usage row to the quantity of a meter, exactly
 *
 * Pure. The month decides whether initialization is billed with the duration. A row says how it is to be counted: by the
 * tallies of this book, by what each of its invocations was like, or by the sums of rollups.
 */
#ifndef RATER_METER_H
#define RATER_METER_H

#include <gmp.h>
#include <stdint.h>

#include "rater/price_book.h"
#include "rater/tally.h"
#include "rater/usage.h"

/** Quantity of `meter` in its unit; `out` is initialised by the caller. 0 for the measures amount and month. */
void meter_quantity(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us, mpq_t out);

/** Billed memory x billed duration in GB-seconds, whatever the book meters. */
void meter_gb_seconds(const PriceBook *book, const RatingRow *row, int64_t month_start_us, mpq_t out);

/** Capacity in GB-seconds by the book's granularity; 0 in a book that has no meter of capacity. */
void meter_capacity_gb_seconds(const PriceBook *book, const RatingRow *row, mpq_t out);

/** The sums of a price that limits what a single event costs, over the row's events: see TALLY_EVENTS_LOW. */
void meter_event_sums(const PriceBook *book, const Meter *meter, const Price *price, const RatingRow *row,
                      int64_t month_start_us, UsageSum sums[TALLY_EVENT_SUMS]);

/** What the row's events cost together by a price that limits what a single one costs. The row has tallies, or says what
 *  each invocation was like. */
void meter_event_costs(const PriceBook *book, const Meter *meter, const Price *price, const RatingRow *row,
                       int64_t month_start_us, mpq_t out);

/** The column of a rollup row that the meter multiplies: "invocations", "duration_1ms", "with_init_100ms", "cpu_us",
 *  "streamed_bytes", "capacity_1s", "capacity_300s"; NULL when rollups do not hold it. */
const char *meter_rollup_column(const PriceBook *book, const Meter *meter, UsagePackage package, UsageMode mode,
                                int64_t month_start_us);

#endif
