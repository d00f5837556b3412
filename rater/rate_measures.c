#include "rater/rate_measures.h"

#include <inttypes.h>

#include "lib/text.h"
#include "rater/meter.h"
#include "rater/tally.h"

enum { KINDS = USAGE_MODE_COUNT * USAGE_PACKAGE_COUNT };

/* The clock as two arrays of PostgreSQL: the limits of memory, and one frequency more. */
static bool
clock_arrays(const PriceBook *book, Buffer *limits, Buffer *mhz, Err *err)
{
    bool done = buffer_append_text(limits, "{", err) && buffer_append_text(mhz, "{", err);
    for (size_t i = 0; done && i < book->clock_count; i++) {
        const char *comma = i == 0 ? "" : ",";
        if (i + 1 < book->clock_count)
            done = buffer_printf(limits, err, "%s%" PRId64, comma, book->clock[i].up_to_mb);
        done = done && buffer_printf(mhz, err, "%s%" PRId64, comma, book->clock[i].mhz);
    }
    return done && buffer_append_text(limits, "}", err) && buffer_append_text(mhz, "}", err);
}

/* What rollups do not hold (flat fees, surcharges) has no measure: its cost stands on the invoice only. */
static size_t
list_measures(const PriceBook *book, int64_t start_us, const char *limits, const char *mhz, RatingMeasure *measures)
{
    size_t count = 0;
    for (size_t i = 0; i < book->meter_count * KINDS; i++) {
        const Meter *meter = &book->meters[i / KINDS];
        UsageMode mode = (UsageMode) (i % KINDS / USAGE_PACKAGE_COUNT);
        UsagePackage package = (UsagePackage) (i % USAGE_PACKAGE_COUNT);
        const char *column = meter_rollup_column(book, meter, package, mode, start_us);
        bool has_clock = meter->measure == MEASURE_GHZ_SECONDS;
        if (column == NULL)
            continue;
        measures[count++] = (RatingMeasure){
            .sku = meter->sku,
            .mode = usage_mode_name(mode),
            .package = usage_package_name(package),
            .measure = measure_name(meter->measure),
            .rollup_column = column,
            .included_mb = meter->included_mb,
            .unit_parts = tally_unit(meter),
            .memory_step_mb = book->memory.step_mb,
            .memory_minimum_mb = book->memory.minimum_mb,
            .memory_maximum_mb = book->memory.maximum_mb,
            .clock_up_to_mb = has_clock ? limits : NULL,
            .clock_mhz = has_clock ? mhz : NULL,
        };
    }
    return count;
}

/* Of one book, in the hours for which it is in force. */
static bool
record_book(Db *db, const RatingRun *run, int64_t run_id, const RatingHours *hours, const PriceBook *book, Err *err)
{
    RatingMeasure measures[PRICE_BOOK_METERS_MAX * KINDS];
    Buffer limits = {0};
    Buffer mhz = {0};
    bool done = clock_arrays(book, &limits, &mhz, err);
    if (done) {
        size_t count = list_measures(book, run->period_start_us, limits.data, mhz.data, measures);
        done = rating_measures_add(db, run_id, hours, measures, count, err);
    }
    buffer_free(&limits);
    buffer_free(&mhz);
    return done;
}

bool
rate_measures_record(Db *db, const RatingRun *run, const PriceBook *book, int64_t *run_id, Err *err)
{
    const RatingHours whole = {.part = 1, .whole = true};
    if (!rating_run_create(db, run, run_id, err))
        return false;
    if (book->part_count == 0)
        return record_book(db, run, *run_id, &whole, book, err);
    for (size_t i = 0; i < book->part_count; i++) {
        const BookPart *part = &book->parts[i];
        const RatingHours hours = {(int64_t) i + 1, false, part->start_us, part->end_us};
        if (!record_book(db, run, *run_id, &hours, part->book, err))
            return false;
    }
    return true;
}
