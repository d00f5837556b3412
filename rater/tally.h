/**
 * tally - what a price book counts of one invocation, and its sums
 *
 * Pure. Every meter counts whole parts of its unit (milliseconds x megabytes, bytes, …), so that sums are exact integers;
 * meter.h makes quantities of them. A book that needs more of each invocation than hourly sums hold is rated from
 * rows with tallies, which tally_add makes from records. A tally has book->tally_count members: billed milliseconds x billed
 * megabytes; one for each meter in the order of the book; and for each price that limits what a single event costs three:
 * events at the minimum, events at the maximum, and the sum of the parts of those between.
 */
#ifndef RATER_TALLY_H
#define RATER_TALLY_H

#include <stdint.h>

#include "proto/usage_record.h"
#include "rater/price_book.h"
#include "rater/usage.h"

enum { TALLY_MEMORY_TIME = 0, TALLY_METERS = 1 };
enum { TALLY_EVENTS_LOW = 0, TALLY_EVENTS_HIGH = 1, TALLY_EVENTS_BETWEEN = 2, TALLY_EVENT_SUMS = 3 };

/** What an invocation ran on. */
typedef struct TallyPlace {
    UsageMode mode;
    UsagePackage package;
    int64_t memory_mb;
    int64_t ephemeral_mb;
} TallyPlace;

/** Parts that `meter` counts of one invocation (or capacity row). 0 for measures that count no invocations. */
UsageSum tally_of(const PriceBook *book, const Meter *meter, const TallyPlace *place, const UsageFacts *facts,
                  int64_t month_start_us);

/** Parts that make one unit of the meter. */
int64_t tally_unit(const Meter *meter);

/** Billed milliseconds x billed megabytes of one invocation. */
UsageSum
tally_memory_time(const PriceBook *book, const TallyPlace *place, const UsageFacts *facts, int64_t month_start_us);

/** Billed memory, by the book's rule, of a configured or an observed size. */
int64_t tally_billed_mb(const MemoryRule *rule, int64_t mb);

/** The clock that comes with a size of memory; 0 in a book that has none. */
int64_t tally_clock_mhz(const PriceBook *book, int64_t memory_mb);

/** The three sums of a price that limits what a single event costs, for `count` events of `parts` each, added to `sums`. */
void tally_events(const Meter *meter, const Price *price, UsageSum parts, UsageSum count, UsageSum *sums);

/** What a record says of its invocation. */
UsageFacts tally_facts(const UsageRecord *record);

/** Add one record to `sums` (book->tally_count, 0 at first): a row of its configuration with these sums as `tallies` is
 *  rated as the record itself would be. */
void tally_add(const PriceBook *book, const UsageRecord *record, int64_t month_start_us, UsageSum *sums);

/** Why hourly sums do not do for this book, or one that it binds ("granularity_ms: 50"); NULL: they do. */
const char *tally_beyond_rollups(const PriceBook *book);

/** Does the bill depend on the hours of the usage? */
bool tally_needs_hours(const PriceBook *book);

#endif
